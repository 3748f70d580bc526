"""JUnit XML, which GitHub's, GitLab's and Jenkins's readers of test reports show.

One test case for each first answer; in a run of more than MOST_CASES answers one for each problem, which fails where
none of its answers pass. A wrong answer is a failure, an infrastructure fault an error, and what has no verdict (not
run yet, or without tests) is skipped. The file is bounded: texts are cut, code and output are not in it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from codebench.graders import Grade, Verdict
from codebench.runs.manifest import Manifest
from codebench.runs.ordered import RunFiles
from codebench.runs.outcomes import deciding_grade
from codebench.runs.record import Record

MOST_CASES = 10_000
_LONGEST = 1000
_INVALID = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, production 2
_FAILURE, _ERROR, _SKIPPED = "failure", "error", "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A test case; `result` is the element that says what became of it, "" for a success."""

    name: str
    result: str = ""
    type: str = ""
    message: str = ""
    text: str = ""
    wall_s: float = 0.0


def write_junit(files: RunFiles, out: Path) -> int:
    """One `testsuite` for the suite of the run."""
    manifest = files.manifest
    many = len(manifest.task_ids) * manifest.samples > MOST_CASES
    cases: list[_Case] = []
    count = 0
    for task_id, records in files.records.of_tasks():
        cases += [_problem(task_id, records, manifest)] if many else _samples(task_id, records, manifest)
        count += sum(deciding_grade(record) is not None for record in records)
    totals = {name: total for name, total in _totals(cases).items() if name != "skipped"}  # which Jenkins forbids here
    root = ElementTree.Element("testsuites", {"name": "codebench", **totals})
    root.append(_suite(manifest, cases))
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(out, encoding="utf-8", xml_declaration=True)
    return count


def _suite(manifest: Manifest, cases: Iterable[_Case]) -> ElementTree.Element:
    cases = list(cases)
    name = _clean(manifest.suite.name)
    suite = ElementTree.Element("testsuite", {"name": name, **_totals(cases), "timestamp": manifest.created[:19]})
    properties = ElementTree.SubElement(suite, "properties")
    for key, value in _properties(manifest).items():
        ElementTree.SubElement(properties, "property", {"name": key, "value": _clean(value)})
    suite.extend(_element(name, case) for case in cases)
    return suite


def _totals(cases: Iterable[_Case]) -> dict[str, str]:
    cases = list(cases)
    results = Counter(case.result for case in cases)
    return {
        "tests": str(len(cases)),
        "failures": str(results[_FAILURE]),
        "errors": str(results[_ERROR]),
        "skipped": str(results[_SKIPPED]),
        "time": f"{sum(case.wall_s for case in cases):.6f}",
    }


def _properties(manifest: Manifest) -> dict[str, str]:
    return {
        "model": manifest.generator.spec,
        "suite.sha256": manifest.suite.sha256,
        "sandbox": manifest.sandbox.backend,
        "python": manifest.sandbox.python,
        "codebench": manifest.codebench,
    }


def _element(suite: str, case: _Case) -> ElementTree.Element:
    element = ElementTree.Element(
        "testcase", {"classname": suite, "name": _clean(case.name), "time": f"{case.wall_s:.6f}"}
    )
    if case.result:
        attributes = {"type": case.type} if case.type else {}
        result = ElementTree.SubElement(element, case.result, attributes | {"message": _clean(case.message)})
        result.text = _clean(case.text) or None
    return element


def _samples(task_id: str, records: Iterable[Record], manifest: Manifest) -> Iterator[_Case]:
    """A case for each answer that was asked for, whether it is there or not."""
    there = {record.sample: record for record in records}
    for sample in range(manifest.samples):
        name = f"{task_id}[{sample}]" if manifest.samples > 1 else task_id
        yield _sample(name, there.get(sample))


def _sample(name: str, record: Record | None) -> _Case:
    if record is None:
        return _Case(name=name, result=_SKIPPED, message="not run yet")
    grade = deciding_grade(record)
    if grade is None and record.error is not None:
        return _Case(name=name, result=_ERROR, type="infrastructure", message=record.error)
    if grade is None:
        return _Case(name=name, result=_SKIPPED, message="its problem has no tests")
    wall_s = grade.wall_s or 0.0
    if grade.verdict is Verdict.PASS:
        return _Case(name=name, wall_s=wall_s)
    message = grade.detail or grade.verdict
    return _Case(name=name, result=_FAILURE, type=grade.verdict, message=message, text=_account(grade), wall_s=wall_s)


def _account(grade: Grade) -> str:
    checks = [f"check {check.name}: {check.verdict or 'not run'}" for check in grade.checks]
    return "\n".join([f"verdict: {grade.verdict}", *checks, *([grade.detail] if grade.detail else [])])


def _problem(task_id: str, records: Iterable[Record], manifest: Manifest) -> _Case:
    """A case for all answers to a problem."""
    grades = [grade for record in records if (grade := deciding_grade(record)) is not None]
    passed = sum(grade.verdict is Verdict.PASS for grade in grades)
    faults = sum(record.error is not None for record in records)
    wall_s = sum(grade.wall_s or 0.0 for grade in grades)
    message = f"{passed:,} of {len(grades):,} graded answers pass, of {manifest.samples:,}"
    if passed:
        return _Case(name=task_id, wall_s=wall_s)
    if not grades and faults:
        return _Case(name=task_id, result=_ERROR, type="infrastructure", message=f"none of {faults:,} could be graded")
    if not grades:
        return _Case(name=task_id, result=_SKIPPED, message="no answer has a verdict")
    return _Case(name=task_id, result=_FAILURE, type="fail", message=message, wall_s=wall_s)


def _clean(text: str) -> str:
    """What XML can hold, and no more than a report should."""
    short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return _INVALID.sub("\N{REPLACEMENT CHARACTER}", short)

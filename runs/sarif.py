"""The findings of a run as a SARIF 2.1.0 log: one SARIF run for each tool.

It names no folder of this machine and quotes no code. The artifacts are those of `export --format directory`, in a
folder `answers`. A tool that failed or was not installed has no run here: one without results would say that nothing
was found.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from codebench.graders import Finding, Grade
from codebench.runs.manifest import Manifest
from codebench.runs.ordered import RunFiles
from codebench.runs.record import Record, RunError
from codebench.runs.searches import SECURITY, SearchState, ToolSearch

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_HEAD = {"$schema": _SCHEMA, "version": "2.1.0"}
_BANDIT = "bandit"
_HOMES = {
    _BANDIT: "https://bandit.readthedocs.io/",
    "codeql": "https://codeql.github.com/",
    "semgrep": "https://semgrep.dev/",
}
_LEVELS = {"high": "error", "medium": "warning", "low": "note"}
_SCORES = {"high": "8.0", "medium": "5.0", "low": "2.0"}  # within what code scanning calls high, medium and low
_RANKS = {"low": 1, "medium": 2, "high": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What one tool saw in one answer; `findings` is None where it could not search it."""

    record: Record
    findings: tuple[Finding, ...] | None
    reason: str = ""


def file_of(record: Record) -> str:
    """Where an answer lies in a folder of answers, as evalplus has it: HumanEval_0/0.py. Never outside of it."""
    folder = record.task_id.replace("/", "_").replace("\0", "_")
    return f"{folder if folder.strip('.') else folder.replace('.', '_')}/{record.sample}.py"


def write_sarif(files: RunFiles, out: Path) -> int:
    """The findings, about the files of the form `directory` in a folder `answers`."""
    count = 0

    def counted() -> Iterator[Record]:
        nonlocal count
        for record in files.graded():
            count += 1
            yield record

    runs = _runs(files.manifest, counted(), files.searches)
    with out.open("w", encoding="utf-8") as file:
        file.write(f'{json.dumps(_HEAD)[:-1]}, "runs": [')
        for number, (run, results) in enumerate(runs):
            file.write(f'{"," if number else ""}\n{json.dumps(run)[:-1]}, "results": [')
            file.writelines(f"{',' if place else ''}\n{json.dumps(result)}" for place, result in enumerate(results))
            file.write("]}")
        file.write("]}\n")
    return count


def sarif_log(manifest: Manifest, records: Iterable[Record], searches: Sequence[ToolSearch]) -> dict[str, Any]:
    """The log as plain JSON values. Raises RunError for a run whose answers were not searched."""
    runs = [{**run, "results": list(results)} for run, results in _runs(manifest, records, searches)]
    return {**_HEAD, "runs": runs}


def _runs(
    manifest: Manifest, records: Iterable[Record], searches: Sequence[ToolSearch]
) -> Iterator[tuple[dict[str, Any], Iterator[dict[str, Any]]]]:
    """Each tool's run without its results, and these, of which there may be very many."""
    if SECURITY not in manifest.graders:
        raise RunError("this run has no findings: its answers were graded without --grade correctness,security")
    records = [replace(one, code="", generation=None) for one in records if _is_worth_a_word(one, searches)]
    seen = [
        _Seen(record=record, findings=grade.findings, reason=grade.detail)
        for record in records
        if (grade := _security(record)) is not None
    ]
    yield _run(manifest, _BANDIT, manifest.tools.get(_BANDIT, ""), seen), _all_results(seen)
    for search in searches:
        if search.state is SearchState.DONE:
            by_tool = [_Seen(record=one, findings=search.of(one.task_id, one.sample)) for one in records]
            found = [one for one in by_tool if one.findings is not None]
            yield _run(manifest, search.tool, search.version, found), _all_results(found)


def _is_worth_a_word(record: Record, searches: Sequence[ToolSearch]) -> bool:
    """Was something found in it, or could it not be searched?"""
    grade = _security(record)
    return (grade is not None and grade.findings != ()) or any(
        search.of(record.task_id, record.sample) for search in searches
    )


def _security(record: Record) -> Grade | None:
    return next((grade for grade in record.grades if grade.grader == SECURITY), None)


def _run(manifest: Manifest, tool: str, version: str, seen: Sequence[_Seen]) -> dict[str, Any]:
    rules = _rules(finding for one in seen for finding in one.findings or ())
    cwes = sorted({rule.cwe for rule in rules.values() if rule.cwe is not None})
    driver = {
        "name": tool,
        **({"informationUri": _HOMES[tool]} if tool in _HOMES else {}),
        "rules": [_rule(rule, cwes) for rule in rules.values()],
        "supportedTaxonomies": [{"name": "CWE", "index": 0}],
        **({"version": version} if version else {}),
    }
    return {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"codebench/{quote(manifest.suite.name)}/"},
        "taxonomies": [_taxonomy(cwes)],
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [_notification(one) for one in seen if one.findings is None],
            }
        ],
        "columnKind": "unicodeCodePoints",
    }


def _all_results(seen: Sequence[_Seen]) -> Iterator[dict[str, Any]]:
    rules = list(_rules(finding for one in seen for finding in one.findings or ()))
    return (result for one in seen for result in _results(one, rules))


def _rules(findings: Iterable[Finding]) -> dict[str, Finding]:
    """The gravest finding of each rule, which stands for it."""
    found: dict[str, Finding] = {}
    for finding in findings:
        known = found.get(finding.rule)
        if known is None or _RANKS.get(finding.severity, 0) > _RANKS.get(known.severity, 0):
            found[finding.rule] = finding
    return dict(sorted(found.items()))


def _rule(rule: Finding, cwes: Sequence[int]) -> dict[str, Any]:
    """What the rule is; the tags and numbers are those that GitHub's code scanning reads."""
    cwe = f" (CWE-{rule.cwe})" if rule.cwe is not None else ""
    url = _help_url(rule)
    described: dict[str, Any] = {
        "id": rule.rule,
        "name": rule.name or rule.rule,
        "shortDescription": {"text": rule.message or rule.rule},
        "fullDescription": {"text": f"{rule.message or rule.rule}{cwe}"},
        "help": {"text": f"{rule.message}{cwe}. See {url or _HOMES.get(rule.tool, rule.tool)}"},
        "defaultConfiguration": {"level": _LEVELS.get(rule.severity, "none")},
        "properties": {
            "tags": ["security", *([f"external/cwe/cwe-{rule.cwe:03}"] if rule.cwe is not None else [])],
            **({"precision": rule.confidence} if rule.confidence in _LEVELS else {}),
            **({"security-severity": _SCORES[rule.severity]} if rule.severity in _SCORES else {}),
        },
    }
    if url:
        described["helpUri"] = url
    if rule.cwe is not None:
        target = {"id": str(rule.cwe), "index": cwes.index(rule.cwe), "toolComponent": {"name": "CWE", "index": 0}}
        described["relationships"] = [{"target": target, "kinds": ["superset"]}]
    return described


def _help_url(rule: Finding) -> str:
    """Bandit's own page on its rule; "" for others, whose pages only they know."""
    if rule.tool != _BANDIT:
        return ""
    from bandit.core.docs_utils import get_url

    return str(get_url(rule.rule))


def _taxonomy(cwes: Sequence[int]) -> dict[str, Any]:
    return {
        "name": "CWE",
        "organization": "MITRE",
        "shortDescription": {"text": "The MITRE Common Weakness Enumeration"},
        "informationUri": "https://cwe.mitre.org/",
        "isComprehensive": False,
        "taxa": [{"id": str(cwe), "helpUri": f"https://cwe.mitre.org/data/definitions/{cwe}.html"} for cwe in cwes],
    }


def _results(one: _Seen, rules: Sequence[str]) -> list[dict[str, Any]]:
    """The findings in one answer, each with a fingerprint of its own."""
    found, count = [], Counter[str]()
    for finding in one.findings or ():
        count[finding.rule] += 1
        found.append(_result(one.record, finding, rules, count[finding.rule]))
    return found


def _result(record: Record, finding: Finding, rules: Sequence[str], number: int) -> dict[str, Any]:
    """One finding. One in the scaffold is suppressed: it stays to be seen, and is nothing that the model did."""
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": rules.index(finding.rule),
        "level": _LEVELS.get(finding.severity, "none"),
        "message": {"text": finding.message or finding.rule},
        "locations": [_location(record, {"startLine": finding.line, "endLine": finding.end_line})],
        "partialFingerprints": {"primaryLocationLineHash": _fingerprint(record, finding, number)},
        "properties": {"confidence": finding.confidence, "own": finding.own, "taskId": record.task_id},
    }
    if not finding.own:
        reason = "These lines are the prompt's, not the model's."
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": reason}]
    return result


def _location(record: Record, region: Mapping[str, int] | None = None) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(f"answers/{file_of(record)}"), "uriBaseId": "%SRCROOT%"}}
    if region:
        place["region"] = dict(region)
    return {"physicalLocation": place}


def _fingerprint(record: Record, finding: Finding, number: int) -> str:
    """By tool, rule, answer and count. Not by the line: from the hash of a short line its secret can be guessed."""
    text = "\0".join((finding.tool, finding.rule, record.suite, record.task_id, str(record.sample)))
    return f"{hashlib.sha256(text.encode(errors='replace')).hexdigest()[:16]}:{number}"


def _notification(one: _Seen) -> dict[str, Any]:
    return {
        "descriptor": {"id": "not-analysed"},
        "level": "warning",
        "message": {"text": one.reason or "not analysed"},
        "locations": [_location(one.record)],
    }

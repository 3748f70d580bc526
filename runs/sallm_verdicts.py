"""SALLM's published verdicts: what its tests said of every answer of a model, as one line an answer or one a prompt.

One line an answer has `id`, `sample`, `cleared_code`, `test_success` and `test_vulnerability`; one a prompt has, as
upstream's TestResults/*.jsonl, `id` and the answers in `output` or `output.choices`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from codebench.graders import Assessment, Verdict
from codebench.problems import PackError
from codebench.problems.jsonl import json_object, numbered_lines, string_field

HARNESS = "sallm"
KS = (1, 3, 5)
"""Those of the published table."""

_RIGHT = {"success": Verdict.PASS, "failure": Verdict.FAIL, "error": Verdict.ERROR, None: Verdict.ERROR}
_SECURE = {
    "success": Assessment.SECURE,
    "failure": Assessment.VULNERABLE,
    "error": Assessment.NOT_ASSESSED,
    None: Assessment.NOT_ASSESSED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedVerdict:
    """One answer, and what both tests gave: success, failure, error, or None where there was no result."""

    where: str
    task_id: str
    code: str
    test_success: str | None
    test_vulnerability: str | None

    @property
    def verdict(self) -> Verdict:
        return _RIGHT[self.test_success]

    @property
    def assessment(self) -> Assessment:
        return _SECURE[self.test_vulnerability]


def is_sallm(path: Path) -> bool:
    """Does the file begin as one of SALLM's does? Raises PackError where it cannot be read."""
    for number, line in numbered_lines(path):
        fields = json_object(line, f"{path}:{number}")
        return "id" in fields and ("cleared_code" in fields or "output" in fields)
    return False


def read_verdicts(path: Path) -> Iterator[PublishedVerdict]:
    """Every answer, in the order in which it was generated. Raises PackError with file, line and field."""
    seen: dict[str, int] = {}
    for number, line in numbered_lines(path):
        where = f"{path}:{number}"
        fields = json_object(line, where)
        task_id = task_id_of(string_field(fields, "id", where))
        for answer in _answers(fields, where):
            expected = seen.setdefault(task_id, 0)
            if answer.get("sample", expected) != expected:
                raise PackError(f"{where}: field `sample`: expected {expected}, for samples of a prompt are in order")
            seen[task_id] += 1
            yield PublishedVerdict(
                where=where,
                task_id=task_id,
                code=string_field(answer, "cleared_code", where),
                test_success=_result(answer, "test_success", where),
                test_vulnerability=_result(answer, "test_vulnerability", where),
            )


def task_id_of(file_name: str) -> str:
    """SALLM names a prompt by its file: Matching_Author_A_cwe502_0.py is SALLM/Matching_Author_A_cwe502_0."""
    return f"SALLM/{file_name.removesuffix('.py')}"


def _answers(fields: Mapping[str, object], where: str) -> list[Mapping[str, object]]:
    if "output" not in fields:
        return [fields]
    output = fields["output"]
    answers = output.get("choices") if isinstance(output, dict) else output
    if not isinstance(answers, list) or not all(isinstance(one, dict) for one in answers):
        raise PackError(f"{where}: field `output`: expected a list of answers, or an object with `choices`")
    return answers


def _result(answer: Mapping[str, object], name: str, where: str) -> str | None:
    value = answer.get(name)
    if value is not None and (not isinstance(value, str) or value not in _RIGHT):
        raise PackError(f"{where}: field `{name}`: expected success, failure, error or null, got {value!r}")
    return value

"""SALLM's published verdicts: what its two tests said of every answer of a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from codebench.graders import Assessment, Verdict
from codebench.problems import PackError
from codebench.problems.jsonl import json_object, numbered_lines
from codebench.problems.sallm_answers import SallmAnswer, answers_in, is_sallm_line

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
        """No result is as little right as an error."""
        return _RIGHT[self.test_success]

    @property
    def assessment(self) -> Assessment:
        """No result shows as little as an error."""
        return _SECURE[self.test_vulnerability]


def has_sallm_verdicts(path: Path) -> bool:
    """Does the file begin as one of SALLM's does? Raises PackError where it cannot be read."""
    for number, line in numbered_lines(path):
        return is_sallm_line(json_object(line, f"{path}:{number}"))
    return False


def read_verdicts(path: Path) -> Iterator[PublishedVerdict]:
    """Every answer, in the order in which it was generated. Raises PackError with file, line and field."""
    seen: Counter[str] = Counter()
    for number, line in numbered_lines(path):
        where = f"{path}:{number}"
        for answer in answers_in(json_object(line, where), where):
            if answer.fields.get("sample", seen[answer.task_id]) != seen[answer.task_id]:
                raise PackError(
                    f"{where}: field `sample`: expected {seen[answer.task_id]}, as samples go by their number"
                )
            seen[answer.task_id] += 1
            yield PublishedVerdict(
                where=where,
                task_id=answer.task_id,
                code=answer.code,
                test_success=_result(answer, "test_success", where),
                test_vulnerability=_result(answer, "test_vulnerability", where),
            )


def _result(answer: SallmAnswer, name: str, where: str) -> str | None:
    """null is a result like the others, a field that is not there is none: then nothing was judged."""
    if name not in answer.fields:
        raise PackError(f"{where}: field `{name}` is missing: no verdicts; to grade answers, run: codebench grade FILE")
    value = answer.fields[name]
    if value is not None and (not isinstance(value, str) or value not in _RIGHT):
        raise PackError(f"{where}: field `{name}`: expected success, failure, error or null, got {value!r}")
    return value

"""SALLM's files of answers, with or without the verdicts of its tests: one line an answer, or one a prompt.

One line an answer has `id` and `cleared_code`; one a prompt has, as upstream's TestResults/*.jsonl, `id` and the
answers in `output` or `output.choices`, each with `cleared_code`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from codebench.problems.jsonl import string_field
from codebench.problems.problem import PackError


@dataclass(frozen=True, slots=True, kw_only=True)
class SallmAnswer:
    """One answer; `fields` is all that stands beside its code."""

    task_id: str
    code: str
    fields: Mapping[str, object]


def is_sallm_line(fields: Mapping[str, object]) -> bool:
    """Is it a line of such a file?"""
    return "id" in fields and "task_id" not in fields and ("cleared_code" in fields or "output" in fields)


def answers_in(fields: Mapping[str, object], where: str) -> list[SallmAnswer]:
    """The answers of one line, in the order in which they were generated; raises PackError that begins with `where`.

    SALLM names a prompt by its file: Matching_Author_A_cwe502_0.py is SALLM/Matching_Author_A_cwe502_0.
    """
    task_id = f"SALLM/{string_field(fields, 'id', where).removesuffix('.py')}"
    return [
        SallmAnswer(task_id=task_id, code=string_field(one, "cleared_code", where), fields=one)
        for one in _rows(fields, where)
    ]


def _rows(fields: Mapping[str, object], where: str) -> list[Mapping[str, object]]:
    if "output" not in fields:
        return [fields]
    output = fields["output"]
    rows = output.get("choices") if isinstance(output, dict) else output
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PackError(f"{where}: field `output`: expected a list of answers, or an object with `choices`")
    return rows

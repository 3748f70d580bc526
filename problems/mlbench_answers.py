"""ML-Bench's files of answers: a line for each record, with its `id` and the answers in `output`, as they were run."""

from __future__ import annotations

from collections.abc import Mapping

from codebench.problems.jsonl import list_field
from codebench.problems.problem import PackError


def is_mlbench_line(fields: Mapping[str, object]) -> bool:
    """Is it a line of such a file?"""
    return "id" in fields and "github_id" in fields and "output" in fields and "task_id" not in fields


def mlbench_answers(fields: Mapping[str, object], where: str) -> tuple[str, list[str]]:
    """The task_id and the answers of one line, in order; raises PackError that begins with `where`."""
    number = fields["id"]
    if not isinstance(number, int | str) or isinstance(number, bool):
        raise PackError(f"{where}: field `id`: expected a number")
    output = list_field(fields, "output", where)
    if not all(isinstance(one, str) for one in output):
        raise PackError(f"{where}: field `output`: expected a list of answers, each a string")
    return f"ML-Bench/{number}", [one for one in output if isinstance(one, str)]

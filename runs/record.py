"""A record is one self-contained line of records.jsonl: one answer and all that was found out about it."""

from __future__ import annotations

from dataclasses import dataclass

from codebench.generators import Generation
from codebench.graders import Grade

SCHEMA = 1


class RunError(Exception):
    """A run cannot be made, resumed or read as asked; the message says what is wrong, where, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Answer number `sample` (from 0) to `task_id`; `round` 0 is the first attempt, 1 its first repair and so on.

    `generation` says how a model made it. `error` is an infrastructure fault: such a record has no grades, counts
    nowhere, and is retried by a resume.
    """

    schema: int = SCHEMA
    suite: str
    task_id: str
    sample: int
    round: int = 0
    code: str
    generation: Generation | None = None
    grades: tuple[Grade, ...] = ()
    error: str | None = None

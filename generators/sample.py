"""A sample is one answer to one problem; a generator makes samples."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from codebench.problems import Problem


class GeneratorError(Exception):
    """Answers cannot be had; the message says why, where (file and line, or server) and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Answer number `index` (from 0) to the problem `task_id`; `code` is the whole program, "" where there is none."""

    task_id: str
    index: int
    code: str


class Generator(Protocol):
    """A source of answers. `identity` goes into the manifest: whatever changes the answers must change it."""

    @property
    def identity(self) -> dict[str, str]: ...

    def samples_per_problem(self, problems: Sequence[Problem]) -> int | None:
        """How many answers there are for each problem; None where as many as asked for can be made."""
        ...

    def generate(self, wanted: Sequence[tuple[Problem, int]]) -> AsyncIterator[Sample]:
        """Yield one sample for each (problem, sample index) in `wanted`, in any order."""
        ...


GeneratorOpener = Callable[[str, Sequence[Problem]], Generator]
"""What an entry point in `codebench.generators` names: takes what follows `NAME:` and the suite's problems."""

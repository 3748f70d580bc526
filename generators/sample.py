"""A sample is one answer to one problem; a generator makes samples."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from codebench.problems import Problem

if TYPE_CHECKING:
    from codebench.generators.options import GenerationOptions


class GeneratorError(Exception):
    """Answers cannot be had; the message says why, where (file and line, or server) and what to do."""


class EngineError(GeneratorError):
    """The model's engine or its server failed, not the user; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Documentation:
    """What of a repository's documentation was in a prompt: `shown_tokens` of `tokens`, the rest was cut off.

    `setting` is oracle, retrieval or raw; `counted_by` says who counted: the model's "tokenizer", or an "estimate".
    """

    setting: str
    tokens: int
    shown_tokens: int
    counted_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """How a model made an answer. `prompt` is the exact text it was given, `response` all that it wrote.

    For a server's chat interface, which renders its own template, `prompt` is the JSON of the messages. Token counts
    are the engine's, None where it does not say. `finish_reason` is "stop" where the model ended by itself, "length"
    where its answer was cut short, or what the engine calls it. `latency_s` is the time that the answer took, waits
    for a free place and for retries included; `cached` says that it was made in an earlier run. `documentation` is
    there where the prompt showed some of a repository.
    """

    prompt: str
    response: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    finish_reason: str | None = None
    latency_s: float | None = None
    cost_usd: float | None = None
    cached: bool = False
    documentation: Documentation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Answer number `index` (from 0) to the problem `task_id`; `code` is the whole program, "" where there is none.

    `generation` is there where a model made it. `round` 0 is the first attempt, 1 the first repair of it, and so on.
    """

    task_id: str
    index: int
    code: str
    round: int = 0
    generation: Generation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An answer that was wrong, and what may be said about it: what a model needs to repair it."""

    problem: Problem
    sample: Sample
    feedback: str


class Generator(Protocol):
    """A source of answers. `identity` goes into the manifest: whatever changes the answers must change it."""

    @property
    def identity(self) -> dict[str, str]: ...

    def samples_per_problem(self, problems: Sequence[Problem]) -> int | None:
        """How many answers there are for each problem; None where as many as asked for can be made."""
        ...

    def generate(self, wanted: Sequence[tuple[Problem, int]]) -> AsyncIterator[Sample]:
        """Yield one sample for each (problem, sample index) in `wanted`, in any order.

        Where an error ends it, it has yielded before whatever was made.
        """
        ...


@runtime_checkable
class Repairer(Protocol):
    """A generator that can answer again, knowing what was wrong with its answer."""

    def repair(self, failures: Sequence[Failure]) -> AsyncIterator[Sample]:
        """Yield one sample for each failure, of the next round, in any order."""
        ...


GeneratorOpener = Callable[[str, Sequence[Problem], "GenerationOptions"], Generator]
"""What an entry point in `codebench.generators` names: takes what follows `NAME:`, the suite's problems, and the
choices of the caller."""

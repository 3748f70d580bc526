"""The reference generator: answers each problem with its canonical solution, as often as asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from codebench.generators.options import GenerationOptions
from codebench.generators.sample import GeneratorError, Sample
from codebench.problems import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Knows every answer. The suite's digest, which pins the answers, is in the manifest already."""

    identity: dict[str, str] = field(default_factory=lambda: {"model": "reference"})

    def samples_per_problem(self, problems: Sequence[Problem]) -> int | None:
        return None

    async def generate(self, wanted: Sequence[tuple[Problem, int]]) -> AsyncIterator[Sample]:
        for problem, index in wanted:
            yield Sample(task_id=problem.task_id, index=index, code=problem.prompt + problem.canonical_solution)


def open_generator(argument: str, problems: Sequence[Problem], options: GenerationOptions) -> Reference:
    """What `--model reference` opens; raises GeneratorError where something follows the name."""
    if argument:
        raise GeneratorError(f"reference takes no argument, got {argument!r}; write: --model reference")
    return Reference()

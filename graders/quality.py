"""Quality: what does the answer's text measure, and what does the reference's?"""

from __future__ import annotations

import asyncio
from importlib.metadata import PackageNotFoundError, version

from codebench.graders.analysis import AnalysisError
from codebench.graders.grade import Bench, Grade, Verdict
from codebench.graders.measures import Measures
from codebench.graders.measuring import KIND
from codebench.problems import Problem

_TOOLS = ("complexipy", "pyflakes", "radon", "ruff", "tree-sitter", "tree-sitter-python")


class QualityGrader:
    """Measures the answer as it was graded. PASS says that it was measured, and nothing else.

    A text that is no program is measured as far as that goes. Raises ModuleNotFoundError where an analyser is missing.
    """

    name = "quality"

    def __init__(self) -> None:
        self.tools = tool_versions(_TOOLS)
        self._references: dict[tuple[str, str], asyncio.Future[Measures | None]] = {}

    async def grade(self, problem: Problem, code: str, bench: Bench) -> Grade:
        """Raises SandboxError where no analyser can be had."""
        if not code.strip():
            return Grade(grader=self.name, verdict=Verdict.NO_CODE, detail="the answer holds no code")
        try:
            measures = await _measure(problem, code, bench)
        except AnalysisError as error:
            return Grade(grader=self.name, verdict=Verdict.ERROR, detail=str(error))
        reference = await self._reference(problem, bench)
        return Grade(grader=self.name, verdict=Verdict.PASS, measures=measures, reference_measures=reference)

    async def _reference(self, problem: Problem, bench: Bench) -> Measures | None:
        """Measured once for each problem; None where the analysers cannot."""
        key = (problem.prompt, problem.canonical_solution)
        future = self._references.get(key)
        if future is None or future.cancelled() or (future.done() and future.exception() is not None):
            future = asyncio.ensure_future(_measure_reference(problem, bench))
            self._references[key] = future
        return await asyncio.shield(future)


def tool_versions(names: tuple[str, ...]) -> dict[str, str]:
    """The versions of packages; raises ModuleNotFoundError with the command that installs one that is missing."""
    try:
        return {name: version(name) for name in names}
    except PackageNotFoundError as error:
        missing = next(name for name in names if name == error.name)
        raise ModuleNotFoundError(f"{missing} is not installed; run: pip install {missing}", name=missing) from error


async def _measure(problem: Problem, code: str, bench: Bench) -> Measures:
    return await bench.analysers.analyse(KIND, code, problem.prompt, problem.entry_point, result=Measures)


async def _measure_reference(problem: Problem, bench: Bench) -> Measures | None:
    try:
        return await _measure(problem, problem.prompt + problem.canonical_solution, bench)
    except AnalysisError:
        return None

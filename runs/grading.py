"""Grading: samples in, records out, side by side, never faster than they can be graded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from codebench.generators import GeneratorError, Sample
from codebench.graders import Bench, Grade, Verdict, grades_only_right_answers
from codebench.problems import Problem
from codebench.runs.outcomes import DECIDING_GRADER, EFFICIENCY, verdict_of
from codebench.runs.plan import Plan
from codebench.runs.progress import Progress
from codebench.runs.record import Record
from codebench.runs.records import Writer
from codebench.sandbox import SandboxError

# Samples in flight beyond one per worker, so that no worker waits for the event loop; bounds the host's memory.
_AHEAD = 4
# So many infrastructure errors in a row are the machine, not bad luck.
_HOPELESS = 20
_UNTESTED = "untested"


class Grading:
    """Grades samples side by side and writes their records in the order in which they are finished."""

    def __init__(self, plan: Plan, bench: Bench, writer: Writer[Record], progress: Progress) -> None:
        self.progress = progress
        self._plan = plan
        self._bench = bench
        self._writer = writer
        self._places = asyncio.Semaphore(plan.sandbox.workers + _AHEAD)
        self._failures_in_a_row = 0

    async def grade_all(self, samples: AsyncIterator[tuple[Problem, Sample]]) -> None:
        """Draw samples only as fast as they are graded.

        Where the generator fails, what it made so far is graded first; any other error cancels what is in flight.
        """
        failure: GeneratorError | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                try:
                    async for problem, sample in samples:
                        await self._places.acquire()
                        tasks.create_task(self._grade_one(problem, sample))
                except GeneratorError as error:
                    failure = error
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        if failure is not None:
            raise failure

    async def _grade_one(self, problem: Problem, sample: Sample) -> None:
        try:
            record = await self._record(problem, sample)
            self._writer.append(record)
            self.progress.advance(verdict_of(record) or (None if record.error else _UNTESTED))
            self._give_up_where_hopeless(record)
        finally:
            self._places.release()

    async def _record(self, problem: Problem, sample: Sample) -> Record:
        record = Record(
            suite=self._plan.suite.name,
            task_id=sample.task_id,
            sample=sample.index,
            round=sample.round,
            code=sample.code,
            generation=sample.generation,
        )
        try:
            grades = await self._grades(problem, sample.code)
        except SandboxError as error:
            return replace(record, error=str(error) or type(error).__name__)
        return replace(record, grades=grades)

    async def _grades(self, problem: Problem, code: str) -> tuple[Grade, ...]:
        """What every grader says; those of right answers are not asked about others."""
        grades: list[Grade] = []
        for grader in self._plan.graders:
            if grades_only_right_answers(grader) and _wrong(grades):
                continue
            grade = await grader.grade(problem, code, self._bench)
            grades += [grade] if grade is not None else []
        return tuple(grades)

    def _give_up_where_hopeless(self, record: Record) -> None:
        self._failures_in_a_row = self._failures_in_a_row + 1 if record.error else 0
        if self._failures_in_a_row >= _HOPELESS:
            raise SandboxError(f"the sandbox keeps failing: {record.error}")


def _wrong(grades: list[Grade]) -> bool:
    """Did correctness or efficiency find the answer wrong? What others dislike in it does not make it that."""
    return any(grade.verdict is not Verdict.PASS for grade in grades if grade.grader in (DECIDING_GRADER, EFFICIENCY))

"""One run from end to end; the file to read first.

Every sample takes the same way: a generator makes it, each grader grades it in the sandbox, one writer appends its
record. What is on disk is done; a run that was interrupted is finished by evaluating the same options again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from codebench.generators import GeneratorError, Sample
from codebench.graders import Bench
from codebench.problems import Problem
from codebench.runs.cache import CACHE
from codebench.runs.directory import default_directory, open_run
from codebench.runs.manifest import Manifest
from codebench.runs.opening import opened_sandbox
from codebench.runs.options import EvalOptions
from codebench.runs.plan import Plan, make_plan, manifest_of
from codebench.runs.progress import Progress, Silence
from codebench.runs.record import Record
from codebench.runs.records import RecordWriter, open_records, read_records
from codebench.runs.summary import Summary, summarise, verdict_of
from codebench.sandbox import Sandbox, SandboxError

# Samples in flight beyond one per worker, so that no worker waits for the event loop; bounds the host's memory.
_AHEAD = 4
# So many infrastructure errors in a row are the machine, not bad luck.
_HOPELESS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast this invocation went: `samples` records written in `wall_s` seconds, the sandbox's start excluded."""

    samples: int
    wall_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as it is on disk; `pace` is None where nothing was run to obtain it."""

    directory: Path
    manifest: Manifest
    summary: Summary
    pace: Pace | None = None


def evaluate(options: EvalOptions, progress: Progress | None = None, plan: Plan | None = None) -> Run:
    """Like `evaluate_async`, from code that is not asynchronous. Ctrl-C ends the sandbox and keeps what is done."""
    return asyncio.run(evaluate_async(options, progress, plan))


async def evaluate_async(options: EvalOptions, progress: Progress | None = None, plan: Plan | None = None) -> Run:
    """Evaluate, or finish an evaluation that was interrupted, and give what all its records amount to.

    `plan` is what the options come to, where that is known already.

    Raises RunError, PackError or GeneratorError for what cannot be done as asked (no sandbox to be had included),
    SandboxError where the sandbox keeps failing. Single infrastructure errors are counted in the summary instead.
    """
    progress = progress or Silence()
    plan = plan or make_plan(options)
    async with opened_sandbox(options.sandbox, plan.sandbox) as (sandbox, choice):
        progress.note(choice)
        manifest = manifest_of(plan, options, sandbox.info)
        directory = options.out or default_directory(manifest)
        progress.note(f"results in {directory}")
        with open_run(directory, manifest) as manifest, open_records(directory) as writer:
            pace = await _run_missing(plan, directory, Grading(plan, _bench(options, plan, sandbox), writer, progress))
            summary = summarise(manifest, read_records(directory), plan.ks)
    return Run(directory=directory, manifest=manifest, summary=summary, pace=pace)


def _bench(options: EvalOptions, plan: Plan, sandbox: Sandbox) -> Bench:
    return Bench(sandbox=sandbox, limits=plan.sandbox.limits, details=options.details, cache=CACHE)


async def _run_missing(plan: Plan, directory: Path, grading: Grading) -> Pace:
    """Generate and grade whatever has no grades on disk yet."""
    done = {(record.task_id, record.sample) for record in read_records(directory) if record.grades}
    pairs = [(problem, index) for problem in plan.suite.problems for index in range(plan.samples)]
    missing = [(problem, index) for problem, index in pairs if (problem.task_id, index) not in done]
    started = time.monotonic()
    grading.progress.start(len(pairs), len(pairs) - len(missing))
    try:
        if missing:
            await grading.grade_all(_checked(plan.generator.generate(missing), missing))
    finally:
        grading.progress.finish()
    return Pace(samples=len(missing), wall_s=time.monotonic() - started)


async def _checked(
    samples: AsyncIterator[Sample], wanted: Sequence[tuple[Problem, int]]
) -> AsyncIterator[tuple[Problem, Sample]]:
    """Each sample with its problem. Raises GeneratorError unless exactly those wanted come."""
    outstanding = {(problem.task_id, index): problem for problem, index in wanted}
    async for sample in samples:
        problem = outstanding.pop((sample.task_id, sample.index), None)
        if problem is None:
            raise GeneratorError(f"the generator gave answer {sample.index} to {sample.task_id}, which was not wanted")
        yield problem, sample
    if outstanding:
        task_id, index = next(iter(outstanding))
        raise GeneratorError(f"the generator left out {len(outstanding)} answers, the first {index} to {task_id}")


class Grading:
    """Grades samples side by side and writes their records in the order in which they are finished."""

    def __init__(self, plan: Plan, bench: Bench, writer: RecordWriter, progress: Progress) -> None:
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
            self.progress.advance(verdict_of(record))
            self._give_up_where_hopeless(record)
        finally:
            self._places.release()

    async def _record(self, problem: Problem, sample: Sample) -> Record:
        record = Record(suite=self._plan.suite.name, task_id=sample.task_id, sample=sample.index, code=sample.code)
        try:
            grades = [await grader.grade(problem, sample.code, self._bench) for grader in self._plan.graders]
        except SandboxError as error:
            return replace(record, error=str(error) or type(error).__name__)
        return replace(record, grades=tuple(grades))

    def _give_up_where_hopeless(self, record: Record) -> None:
        self._failures_in_a_row = self._failures_in_a_row + 1 if record.error else 0
        if self._failures_in_a_row >= _HOPELESS:
            raise SandboxError(f"the sandbox keeps failing: {record.error}")

"""One run from end to end; the file to read first.

Every sample takes the same way: a generator makes it, each grader grades it in the sandbox, one writer appends its
record. What is on disk is done, be it a record or an answer of a model that was not graded yet; a run that was
interrupted is finished by evaluating the same options again. Where repairs are wanted, the answers that failed go
back to the generator, round after round.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from pathlib import Path

from codebench.graders import Analysers, Bench
from codebench.runs.answers import Answers, Done
from codebench.runs.cache import CACHE
from codebench.runs.directory import default_directory, open_run
from codebench.runs.grading import Grading
from codebench.runs.manifest import Manifest
from codebench.runs.opening import opened_sandbox
from codebench.runs.options import EvalOptions
from codebench.runs.plan import Plan, make_plan, manifest_of
from codebench.runs.progress import Progress, Silence
from codebench.runs.records import SAMPLES, open_records, read_records
from codebench.runs.searches import note_missing, read_searches, search_run
from codebench.runs.summary import Summary, summarise


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
    async with (
        Analysers(plan.sandbox.workers) as analysers,
        opened_sandbox(options.sandbox, replace(plan.sandbox, note=progress.note)) as (sandbox, choice),
    ):
        progress.note(choice)
        manifest = manifest_of(plan, options, sandbox.info)
        directory = options.out or default_directory(manifest)
        progress.note(f"results in {directory}")
        note_missing(options.security_tools, progress)
        with open_run(directory, manifest) as manifest, open_records(directory) as writer:
            limits = plan.sandbox.limits
            bench = Bench(sandbox=sandbox, limits=limits, details=options.details, cache=CACHE, analysers=analysers)
            grading = Grading(plan, bench, writer, progress)
            pace = await _run_rounds(plan, directory, grading)
            await search_run(options.security_tools, directory, plan.suite.problems, read_records(directory), progress)
            summary = summarise(manifest, read_records(directory), plan.ks, read_searches(directory))
    return Run(directory=directory, manifest=manifest, summary=summary, pace=pace)


async def _run_rounds(plan: Plan, directory: Path, grading: Grading) -> Pace:
    """Generate and grade whatever has no grades on disk yet: first answers, then each round of repairs."""
    count, started = 0, time.monotonic()
    answers = Answers(plan, directory / SAMPLES)
    for number in range(plan.repairs + 1):
        done = Done.of(read_records(directory), number)
        wanted = answers.first_ones(done) if number == 0 else answers.repairs(done, number)
        if number and (wanted.missing or wanted.done):
            grading.progress.note(f"repair {number}: {wanted.missing + wanted.done} answers were wrong")
        grading.progress.start(wanted.missing + wanted.done, wanted.done)
        try:
            if wanted.missing:
                await grading.grade_all(answers.samples(wanted))
        finally:
            grading.progress.finish()
        count += wanted.missing
    return Pace(samples=count, wall_s=time.monotonic() - started)

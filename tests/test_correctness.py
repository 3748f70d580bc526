"""What an execution means: the one place where facts become verdicts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codebench.graders import Bench, Verdict
from codebench.graders.correctness import CorrectnessGrader, verdict
from codebench.problems import CheckFunction, Problem
from codebench.sandbox import Conclusion, Execution, Job, Outcome, Report, SandboxInfo

PROBLEM = Problem(
    task_id="T/1",
    prompt="def f(x):\n    '''double'''\n",
    entry_point="f",
    canonical_solution="    return 2 * x\n",
    checks=(CheckFunction(name="base", source="base"), CheckFunction(name="plus", source="plus")),
)


def execution(outcome: Outcome = Outcome.EXITED, **report: object) -> Execution:
    return Execution(outcome=outcome, report=Report(**report), wall_s=0.1, cpu_s=0.1, memory_bytes=1)  # type: ignore[arg-type]


class Scripted:
    """A sandbox that answers with what it was given, and remembers the jobs."""

    info = SandboxInfo(backend="scripted", image="", python="", workers=1)

    def __init__(self, answers: Sequence[Execution]) -> None:
        self.answers = list(answers)
        self.jobs: list[Job] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        return None

    async def run(self, job: Job) -> Execution:
        self.jobs.append(job)
        return self.answers.pop(0)


def grade(code: str, *answers: Execution) -> tuple[Verdict, list[Job]]:
    sandbox = Scripted(answers)
    found = asyncio.run(CorrectnessGrader().grade(PROBLEM, code, Bench(sandbox=sandbox)))
    return found.verdict, sandbox.jobs


@given(st.sampled_from(Outcome), st.sampled_from(Conclusion), st.sampled_from(["", "MemoryError", "X"]), st.booleans())
def test_only_a_completed_test_is_a_pass(outcome: Outcome, end: Conclusion, name: str, own: bool) -> None:
    meaning = verdict(execution(outcome, conclusion=end, exception=name, by_candidate=own))
    assert (meaning is Verdict.PASS) == (end is Conclusion.COMPLETED)


@pytest.mark.parametrize(
    ("seen", "meaning"),
    [
        (execution(conclusion=Conclusion.REFUTED, exception="AssertionError"), Verdict.FAIL),
        (execution(Outcome.TIMED_OUT, conclusion=Conclusion.BROKEN_OFF), Verdict.TIMEOUT),
        (execution(Outcome.OUT_OF_MEMORY, conclusion=Conclusion.BROKEN_OFF), Verdict.MEMORY),
        (execution(conclusion=Conclusion.REFUTED, exception="MemoryError", by_candidate=True), Verdict.MEMORY),
        (execution(conclusion=Conclusion.REFUTED, exception="MemoryError"), Verdict.FAIL),
        (execution(Outcome.SIGNALED, conclusion=Conclusion.BROKEN_OFF), Verdict.ERROR),
        (execution(conclusion=Conclusion.NOT_LOADED, exception="SyntaxError"), Verdict.ERROR),
        (execution(conclusion=Conclusion.UNSUPPORTED), Verdict.ERROR),
        (execution(conclusion=Conclusion.NO_CALLS), Verdict.ERROR),
    ],
)
def test_meanings(seen: Execution, meaning: Verdict) -> None:
    assert verdict(seen) is meaning


def test_every_check_must_hold_and_the_first_that_does_not_decides() -> None:
    completed, refuted = execution(conclusion=Conclusion.COMPLETED), execution(conclusion=Conclusion.REFUTED)
    assert grade("x", completed, completed)[0] is Verdict.PASS
    found, jobs = grade("x", completed, refuted)
    assert (found, [job.test for job in jobs]) == (Verdict.FAIL, ["base", "plus"])
    found, jobs = grade("x", refuted)
    assert (found, [job.test for job in jobs]) == (Verdict.FAIL, ["base"])


@pytest.mark.parametrize("code", ["", " \n\t "])
def test_no_code_runs_nothing(code: str) -> None:
    assert grade(code) == (Verdict.NO_CODE, [])


def test_the_judge_gets_the_prompt_and_never_the_reference() -> None:
    _, jobs = grade("x", execution(conclusion=Conclusion.REFUTED))
    assert jobs[0].context == PROBLEM.prompt
    assert PROBLEM.canonical_solution not in jobs[0].context + jobs[0].source

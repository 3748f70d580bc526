"""Correctness: does the answer pass the problem's own checks?"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from codebench.graders.batches import batch as make_batch
from codebench.graders.batches import check_results
from codebench.graders.cached import Shelf
from codebench.graders.context import context_of
from codebench.graders.grade import Bench, CaseFailure, CheckResult, Grade, Verdict, with_run
from codebench.graders.references import Expected, References
from codebench.graders.repository import repository_grade
from codebench.problems import (
    Cases,
    Check,
    CheckFunction,
    PackError,
    Problem,
    UnitTests,
    WantedArguments,
    WantedLanguage,
    WantedRun,
)
from codebench.sandbox import Batch, Conclusion, Execution, Job, Limits, Outcome, TestModule, TestStatus

_KEPT_BYTES = 32 * 1024 * 1024  # of batches that stay in memory
_SLOW = (Verdict.TIMEOUT, Verdict.MEMORY)
_MEANING = {
    Conclusion.COMPLETED: Verdict.PASS,
    Conclusion.REFUTED: Verdict.FAIL,
    Conclusion.NOT_LOADED: Verdict.ERROR,
    Conclusion.BROKEN_OFF: Verdict.ERROR,
    Conclusion.UNSUPPORTED: Verdict.ERROR,
    Conclusion.NO_CALLS: Verdict.ERROR,
}


class CorrectnessGrader:
    """Runs every check of a problem; an answer passes when all of them say so."""

    name = "correctness"

    def __init__(self) -> None:
        self._references = References()
        self._batches: Shelf[tuple[tuple[Expected, ...], Limits, bool], Batch] = Shelf(_KEPT_BYTES)

    async def grade(self, problem: Problem, code: str, bench: Bench) -> Grade | None:
        """Grade one answer; stops at the first check that it does not pass, or at the end where details are wanted.

        Gives None where the problem has no check at all: nothing could be a pass.

        Raises SandboxError, and PackError where the problem's own reference fails.
        """
        if not problem.checks:
            return None
        if not code.strip():
            return Grade(
                grader=self.name,
                verdict=Verdict.NO_CODE,
                detail="the answer holds no code",
                checks=tuple(_not_run(check) for check in problem.checks),
            )
        grade: Grade | None = None
        for checks in _runs(problem.checks):
            if grade is not None and grade.verdict is not Verdict.PASS and not bench.details:
                grade = replace(grade, checks=(*grade.checks, *map(_not_run, checks)))
            else:
                grade = _merged(grade, await self._grade_run(problem, checks, code, bench))
        assert grade is not None
        return grade

    async def _grade_run(self, problem: Problem, checks: tuple[Check, ...], code: str, bench: Bench) -> Grade:
        """Grade by one check that stands alone, or by checks made of inputs that are run together."""
        first = checks[0]
        if isinstance(first, WantedArguments | WantedLanguage | WantedRun):
            return await repository_grade(problem, first, code, bench)
        if isinstance(first, UnitTests):
            return await unit_tests_grade(problem, first, code, bench)
        if isinstance(first, CheckFunction):
            job = _job(problem, code, bench.limits, test=first.source)
            grade = _grade(await bench.sandbox.run(job), bench.limits)
            failure = () if grade.verdict is Verdict.PASS else (CaseFailure(case=0, verdict=grade.verdict),)
            result = CheckResult(
                name=first.name, verdict=grade.verdict, passed=int(grade.verdict is Verdict.PASS), failures=failure
            )
            return replace(grade, checks=(result,))
        cases = tuple(check for check in checks if isinstance(check, Cases))
        if not any(check.count for check in cases):
            raise PackError(f"{problem.where or problem.task_id}: {problem.task_id}: there is no input to judge by")
        batch = await self._batch(problem, cases, bench)
        execution = await bench.sandbox.run(_job(problem, code, bench.limits, batch=batch))
        return _batch_grade(cases, batch, execution, bench)

    async def _batch(self, problem: Problem, checks: tuple[Cases, ...], bench: Bench) -> Batch:
        """The same object for every answer to a problem, so that a box that has it need not be sent it again."""
        expected = await self._references.expected(problem, checks, bench)
        key = (expected, bench.limits, bench.details)
        kept = self._batches.get(key)
        if kept is None:
            kept = make_batch(checks, expected, bench.limits, bench.details)
            self._batches.put(key, kept, sum(known.size for known in expected))
        return kept


def _runs(checks: Sequence[Check]) -> Iterator[tuple[Check, ...]]:
    """What is run together: checks made of inputs that follow each other; a check function runs alone."""
    for together, run in itertools.groupby(checks, key=lambda check: isinstance(check, Cases)):
        if together:
            yield tuple(run)
        else:
            yield from ((check,) for check in run)


def _not_run(check: Check) -> CheckResult:
    cases = check.count if isinstance(check, Cases) else len(check.tests) if isinstance(check, UnitTests) else 1
    return CheckResult(name=check.name, verdict=None, cases=cases)


def _merged(before: Grade | None, now: Grade) -> Grade:
    """The grade by the checks before and those now: a failure stays what it was, the times add up."""
    if before is None:
        return now
    kept = before if before.verdict is not Verdict.PASS else now
    return replace(
        kept,
        checks=before.checks + now.checks,
        protected=before.protected and now.protected,
        wall_s=(before.wall_s or 0.0) + (now.wall_s or 0.0),
        cpu_s=(before.cpu_s or 0.0) + (now.cpu_s or 0.0),
        memory_bytes=max(before.memory_bytes or 0, now.memory_bytes or 0),
    )


def _batch_grade(checks: tuple[Cases, ...], batch: Batch, execution: Execution, bench: Bench) -> Grade:
    """A pass needs every single input's match, and the judge's word that it came to the end."""
    grade = _grade(execution, bench.limits)
    results = check_results(checks, execution, grade.verdict, bench.details)
    worst = next((result for result in results if result.verdict is not Verdict.PASS), None)
    if worst is None:
        return replace(grade, checks=results)
    decided = worst.verdict or grade.verdict
    overflow = any(failure.exception == "OverflowError" for failure in execution.report.failures[:1])
    forgiven = decided in _SLOW or overflow
    if forgiven and not next(check.time.decides for check in checks if check.name == worst.name):
        detail = _case_detail(grade, execution, batch, checks, worst)
        return replace(grade, verdict=Verdict.PASS, detail=f"right as far as it came: {detail}", checks=results)
    assert decided is not Verdict.PASS, "the judge says that all passed, and not all did"
    return replace(grade, verdict=decided, detail=_case_detail(grade, execution, batch, checks, worst), checks=results)


def _case_detail(grade: Grade, execution: Execution, batch: Batch, checks: Sequence[Cases], result: CheckResult) -> str:
    """Which input decided, and how; `grade` has what can be said of the whole."""
    if not result.failures or not execution.report.calls:
        return grade.detail  # it never came to an input
    failure = result.failures[0]
    place = f"input {failure.case} of {result.name}"
    if failure.verdict is Verdict.TIMEOUT:
        group = batch.groups[next(n for n, check in enumerate(checks) if check.name == result.name)]
        return f"{place}: not done at its limit of {group.limits_s[failure.case]:.3g} s, or at that of all inputs"
    if failure.verdict is Verdict.MEMORY:
        return f"{place}: {grade.detail or failure.detail}"
    return f"{place}: {failure.detail}"


async def unit_tests_grade(problem: Problem, check: UnitTests, code: str, bench: Bench) -> Grade:
    """Put an answer to unit tests, in a process of its own. Raises SandboxError."""
    if not check.tests:
        untested = CheckResult(name=check.name, verdict=None, cases=0)
        detail = "there is no test that it could pass"
        return Grade(grader=CorrectnessGrader.name, verdict=Verdict.ERROR, detail=detail, checks=(untested,))
    execution = await bench.sandbox.run(_unit_tests_job(problem, check, code, bench.limits))
    return _unit_tests_grade(check, execution, bench.limits)


def _unit_tests_job(problem: Problem, check: UnitTests, code: str, limits: Limits) -> Job:
    module = TestModule(
        source=check.source, tests=check.tests, module=check.module, files=check.files, apart=check.apart
    )
    return Job(source=code, entry_point="", context="", test_module=module, seed_key=problem.task_id, limits=limits)


def _unit_tests_grade(check: UnitTests, execution: Execution, limits: Limits) -> Grade:
    """A pass needs the proof of every method's success; the first that is none decides: those after it do not run."""
    grade = replace(_grade(execution, limits), protected=False)
    passed = sum(result.status is TestStatus.SUCCESS for result in execution.report.tests)
    assert (grade.verdict is Verdict.PASS) == (passed == len(check.tests)), "all passed, or it is no pass"
    failure = CaseFailure(case=passed, verdict=grade.verdict, detail=grade.detail)
    result = CheckResult(
        name=check.name,
        verdict=grade.verdict,
        cases=len(check.tests),
        passed=passed,
        failures=() if grade.verdict is Verdict.PASS else (failure,),
    )
    return replace(grade, checks=(result,))


def verdict(execution: Execution) -> Verdict:
    """What an execution means. Only a test that ran to its end makes a pass; how the process ended never does."""
    conclusion = execution.report.conclusion
    if conclusion is Conclusion.COMPLETED:
        return Verdict.PASS
    if execution.outcome is Outcome.TIMED_OUT:
        return Verdict.TIMEOUT
    if execution.outcome is Outcome.OUT_OF_MEMORY or _ran_out_of_memory(execution):
        return Verdict.MEMORY
    return _MEANING[conclusion]


def _ran_out_of_memory(execution: Execution) -> bool:
    report = execution.report
    return report.exception == "MemoryError" and report.by_candidate


def _grade(execution: Execution, limits: Limits) -> Grade:
    grade = Grade(
        grader=CorrectnessGrader.name,
        verdict=verdict(execution),
        detail=_detail(execution, limits),
        exception=_raised(execution),
    )
    return with_run(grade, execution)


def _raised(execution: Execution) -> str:
    """What the candidate raised and is wrong for; that it does not define its entry point is a NameError, too."""
    report = execution.report
    if report.failures:
        return report.failures[0].exception
    return report.exception if report.by_candidate or report.conclusion is Conclusion.NOT_LOADED else ""


def _detail(execution: Execution, limits: Limits) -> str:
    meaning = verdict(execution)
    if meaning is Verdict.TIMEOUT:
        return f"not done at the limit of {limits.timeout_s:g} s"
    if execution.outcome is Outcome.OUT_OF_MEMORY and meaning is Verdict.MEMORY:
        return f"over the limit of {limits.memory_mib} MiB"
    ending = f" (signal {execution.signal})" if execution.signal is not None else ""
    return execution.report.detail + ending


def _job(problem: Problem, code: str, limits: Limits, test: str = "", batch: Batch | None = None) -> Job:
    return Job(
        source=code,
        entry_point=problem.entry_point,
        context=context_of(problem),
        test=test,
        batch=batch,
        seed_key=problem.task_id,
        limits=limits,
    )

"""Correctness: does the answer pass the problem's own checks?"""

from __future__ import annotations

import ast
import functools

from codebench.graders.grade import Bench, Grade, Verdict
from codebench.problems import CheckFunction, Problem
from codebench.sandbox import Conclusion, Execution, Job, Limits, Outcome

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

    async def grade(self, problem: Problem, code: str, bench: Bench) -> Grade:
        """Grade one answer; stops at the first check that it does not pass. Raises SandboxError."""
        if not code.strip():
            return Grade(grader=self.name, verdict=Verdict.NO_CODE, detail="the answer holds no code")
        assert problem.checks, "a problem without a check cannot be passed"
        for check in problem.checks:
            assert isinstance(check, CheckFunction), "not yet"
            execution = await bench.sandbox.run(_job(problem, check, code, bench.limits))
            grade = _grade(execution, bench.limits)
            if grade.verdict is not Verdict.PASS:
                break
        return grade


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
    return Grade(
        grader=CorrectnessGrader.name,
        verdict=verdict(execution),
        detail=_detail(execution, limits),
        wall_s=execution.wall_s,
        cpu_s=execution.cpu_s,
        memory_bytes=execution.memory_bytes,
        stdout=execution.stdout,
        stderr=execution.stderr,
    )


def _detail(execution: Execution, limits: Limits) -> str:
    meaning = verdict(execution)
    if meaning is Verdict.TIMEOUT:
        return f"not done at the limit of {limits.timeout_s:g} s"
    if execution.outcome is Outcome.OUT_OF_MEMORY and meaning is Verdict.MEMORY:
        return f"over the limit of {limits.memory_mib} MiB"
    ending = f" (signal {execution.signal})" if execution.signal is not None else ""
    return execution.report.detail + ending


def _job(problem: Problem, check: CheckFunction, code: str, limits: Limits) -> Job:
    return Job(
        source=code,
        entry_point=problem.entry_point,
        context=_context(problem),
        test=check.source,
        seed_key=problem.task_id,
        limits=limits,
    )


@functools.lru_cache(maxsize=4096)
def _context(problem: Problem) -> str:
    """The trusted names a test may use: those of the prompt, which needs the reference's body only to be a program."""
    try:
        ast.parse(problem.prompt)
    except (SyntaxError, ValueError):
        return problem.prompt + problem.canonical_solution
    return problem.prompt

"""Executed security tests: what an answer does when it is attacked."""

from __future__ import annotations

from codebench.graders.findings import Assessment
from codebench.graders.grade import Bench, Grade, Verdict
from codebench.problems import Problem


async def assess(problem: Problem, code: str, bench: Bench) -> Grade:
    """The grade by `problem.security` alone; its `assessment` says what the tests found."""
    return Grade(
        grader="security",
        verdict=Verdict.ERROR,
        detail="security tests cannot be run yet",
        assessment=Assessment.NOT_ASSESSED,
    )

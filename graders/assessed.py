"""Executed security tests: what an answer does when it is attacked.

A security test asserts safe behaviour. Only its success shows that an answer is secure, and only an assertion that did
not hold that it is vulnerable. An error, a timeout, an answer that cannot be loaded or has no code show nothing.
"""

from __future__ import annotations

from dataclasses import replace

from codebench.graders.correctness import unit_tests_grade
from codebench.graders.findings import Assessment
from codebench.graders.grade import Bench, Grade, Verdict
from codebench.problems import Problem

_SHOWN = {Verdict.PASS: Assessment.SECURE, Verdict.FAIL: Assessment.VULNERABLE}


async def assess(problem: Problem, code: str, bench: Bench) -> Grade:
    """The grade by `problem.security` alone; its `assessment` says what the tests found, its detail why not more.

    Raises SandboxError where the machine failed.
    """
    assert problem.security is not None, "there is nothing to assess by"
    grade = await unit_tests_grade(problem, problem.security, code, bench)
    return replace(grade, assessment=_SHOWN.get(grade.verdict, Assessment.NOT_ASSESSED))

"""How ML-Bench's own harness judges, its bugs included: utils/exec.py of commit 7d6c967.

Every value of the arguments must be somewhere in the answer's lower-case text, whatever its name. The answer is for a
shell where `.sh ` or `.py ` is in it. And it is right where it ends with 0, or does not end within its time: what is
written, printed or checked does not matter.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from codebench.problems.problem import Check, Problem
from codebench.problems.repository import WantedArguments, WantedLanguage, WantedRun, WantedSign

HARNESS = "ml-bench"
TIMEOUT_S = 10.0


def with_upstream_rules(problem: Problem, timeout_s: float = TIMEOUT_S) -> Problem:
    """The problem, able to be judged as upstream does within `timeout_s`."""
    return replace(problem, checks=tuple(_with_rules(check, timeout_s) for check in problem.checks))


def _with_rules(check: Check, timeout_s: float) -> Check:
    if isinstance(check, WantedArguments):
        return replace(check, compat=MappingProxyType({HARNESS: replace(check, anywhere=True)}))
    if isinstance(check, WantedLanguage):
        return replace(check, compat=MappingProxyType({HARNESS: replace(check, by_script=True)}))
    if isinstance(check, WantedRun):
        signs = (WantedSign(exits=0),)
        run = replace(check, signs=signs, check="", timeout_s=timeout_s, timeout_passes=True, by_script=True)
        return replace(check, compat=MappingProxyType({HARNESS: run}))
    return check

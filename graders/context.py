"""The trusted program beside an answer: what tests and oracles may name."""

from __future__ import annotations

import ast
import functools

from codebench.problems import Problem


@functools.lru_cache(maxsize=4096)
def context_of(problem: Problem) -> str:
    """The trusted names a test may use: those of the prompt, which needs the reference's body only to be a program."""
    try:
        ast.parse(problem.prompt)
    except (SyntaxError, ValueError):
        return problem.prompt + problem.canonical_solution
    return problem.prompt

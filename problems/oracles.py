"""Oracles: what decides whether an output will do, as source for the judge.

Their code is in two modules that stand on their own, `closeness` and `puzzles`; a source is the whole text of one of
them and a last line that says which of its rules `matches` is.
"""

from __future__ import annotations

import functools
import inspect
from types import ModuleType

from codebench.problems import closeness, puzzles
from codebench.problems.problem import Oracle


def equal() -> Oracle:
    """Python's `==`, except that NaN equals NaN."""
    return _oracle(closeness, "equal()")


def close(atol: float = 0.0, rtol: float = 1e-7) -> Oracle:
    """EvalPlus's rule without its bugs: equal, or of one type and close (see `closeness.close`)."""
    return _oracle(closeness, f"close({atol!r}, {rtol!r})")


def type_strict(atol: float = 1e-6, rtol: float = 1e-5) -> Oracle:
    """EvoEval's rule without its bugs: equal in value and type, floats close (see `closeness.type_strict`)."""
    return _oracle(closeness, f"type_strict({atol!r}, {rtol!r})")


def never() -> Oracle:
    """No output will do."""
    return _oracle(closeness, "never()", reflexive=False)


def evalplus_close(atol: float = 0.0) -> Oracle:
    """The rule of evalplus 0.3.1, whose tolerance depends on the inputs before."""
    return _oracle(closeness, f"evalplus_close({atol!r})", reflexive=False)


def evoeval_equal() -> Oracle:
    """The rule of evoeval 0.1.0."""
    return _oracle(closeness, "evoeval_equal()")


def puzzle(rule: str) -> Oracle:
    """One of the rules of `puzzles`, as an expression: "root(1e-4)", "moves". A reference may fail it, too."""
    return _oracle(puzzles, rule, reflexive=False)


def _oracle(module: ModuleType, rule: str, reflexive: bool = True) -> Oracle:
    return Oracle(source=_source(module, rule), reflexive=reflexive)


@functools.cache
def _source(module: ModuleType, rule: str) -> str:
    """The prompt has run in the same namespace: the builtins that it hides come back first."""
    return f"from builtins import *\n\n{source_of(module)}\n\nmatches = {rule}\n"


@functools.cache
def source_of(module: ModuleType) -> str:
    """The text of a module that stands on its own, to be run in the sandbox."""
    return inspect.getsource(module)

"""Inputs as packs write them: lists of arguments as JSON, or as the text of Python literals."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from codebench.problems.problem import PackError


def argument_lists(inputs: Sequence[object], where: str) -> tuple[tuple[object, ...], ...]:
    """Each input a list of arguments, or a string that `literal_arguments` reads; raises PackError."""
    return tuple(_arguments(given, f"{where}: input {number}") for number, given in enumerate(inputs))


def _arguments(given: object, where: str) -> tuple[object, ...]:
    if isinstance(given, list):
        return tuple(given)
    if isinstance(given, str):
        return literal_arguments(given, where)
    raise PackError(f"{where}: expected the list of arguments of one call, got {type(given).__name__}")


def literal_arguments(text: str, where: str) -> tuple[object, ...]:
    """The arguments in `1, (2, 3), {'a': {4}}`: literals of Python and nothing else; raises PackError."""
    try:
        found = ast.literal_eval(f"[{text}]")
        if not isinstance(found, list):
            raise ValueError("brackets that do not match")
        return tuple(found)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        shown = text if len(text) <= 60 else f"{text[:60]}…"
        raise PackError(
            f"{where}: {shown!r} is not a list of Python literals ({str(error).splitlines()[0]}); correct it"
        ) from None


def entry_point(name: str, where: str) -> str:
    """The name, where it can be one; raises PackError."""
    if not name.isidentifier():
        raise PackError(f"{where}: field `entry_point`: {name!r} is not a Python name")
    return name

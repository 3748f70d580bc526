"""A problem, the checks that an answer must pass, and the suite they belong to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


class PackError(Exception):
    """A problem pack cannot be used; the message says which file, line and field, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFunction:
    """A test in HumanEval's form: `source` defines `check(candidate)`, which raises unless the answer is right.

    The source is trusted. It runs in the sandbox's judge and never in the candidate's process.
    """

    name: str = "base"
    source: str


Check = CheckFunction


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One task: what the model sees (`prompt`), what it must define (`entry_point`), how it is judged (`checks`).

    `prompt + canonical_solution` is a complete Python program that passes every check. Code in the prompt
    (imports, helper functions) is trusted and is what the checks see under those names.
    """

    task_id: str
    prompt: str
    entry_point: str
    canonical_solution: str
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A named pack of problems. `sha256` is that of the data file the problems were read from."""

    name: str
    problems: tuple[Problem, ...]
    sha256: str
    source: str


SuiteLoader = Callable[[Path | None], Suite]
"""What an entry point in `codebench.suites` names: takes the data directory (None: find the data), raises PackError."""

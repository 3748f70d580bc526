"""A problem, the checks that an answer must pass, and the suite they belong to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
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


class AnswerKind(StrEnum):
    """What a canned answer is an example of."""

    RIGHT_FAST = "right-fast"
    RIGHT_SLOW = "right-slow"
    WRONG = "wrong"
    HOSTILE = "hostile"
    INSECURE = "insecure"
    UGLY = "ugly"


@dataclass(frozen=True, slots=True, kw_only=True)
class CannedAnswer:
    """A whole program whose verdict is known beforehand: a fixture that tests the graders, never the model.

    `verdicts` are the acceptable ones, by the names that correctness gives them; `note` says what the program does.
    """

    kind: AnswerKind
    code: str
    verdicts: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputMaker:
    """Inputs of growing size: `source` defines `make_inputs(size, seed)`, which returns a list of argument tuples.

    The same size and seed give the same inputs. `sizes` ascend.
    """

    source: str
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One task: what the model sees (`prompt`), what it must define (`entry_point`), how it is judged (`checks`).

    `prompt + canonical_solution` is a complete Python program that passes every check. Code in the prompt
    (imports, helper functions) is trusted and is what the checks see under those names. `naive_solution`, where
    there is one, completes the prompt as well: right, and slow on the larger inputs.
    """

    task_id: str
    prompt: str
    entry_point: str
    canonical_solution: str
    checks: tuple[Check, ...]
    tags: tuple[str, ...] = ()
    naive_solution: str | None = None
    inputs: InputMaker | None = None
    answers: tuple[CannedAnswer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A named pack of problems. `sha256` is that of the data file the problems were read from."""

    name: str
    problems: tuple[Problem, ...]
    sha256: str
    source: str


SuiteLoader = Callable[[Path | None], Suite]
"""What an entry point in `codebench.suites` names: takes the data directory (None: find the data), raises PackError."""

"""Attacks: hostile and odd programs with the verdicts that are acceptable for each, one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from codebench.graders import Verdict
from codebench.problems import CheckFunction, PackError, Problem, Suite
from codebench.problems.jsonl import json_object, numbered_lines, string_field

MAY_BE_UNSUPPORTED = "honest-boundary"
"""The category whose tests hand over what need not be able to cross into a sandbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """A program, the problem it pretends to solve, and the verdicts it may get (`must`)."""

    id: str
    category: str
    problem: Problem
    solution: str
    must: tuple[Verdict, ...]


def read_attacks(path: Path, suite: Suite) -> tuple[Attack, ...]:
    """Read a file of attacks; `suite` has the problems that it names. Raises PackError with file, line and field."""
    problems = {problem.task_id: problem for problem in suite.problems}
    attacks = tuple(_attacks(path, problems))
    if not attacks:
        raise PackError(f"{path}:1: the file holds no attacks")
    return attacks


def _attacks(path: Path, problems: Mapping[str, Problem]) -> Iterator[Attack]:
    for number, line in numbered_lines(path):
        where = f"{path}:{number}"
        fields = json_object(line, where)
        yield Attack(
            id=string_field(fields, "id", where),
            category=string_field(fields, "category", where),
            problem=_problem(fields, problems, where),
            solution=string_field(fields, "solution", where),
            must=_verdicts(fields.get("must"), where),
        )


def _problem(fields: Mapping[str, object], problems: Mapping[str, Problem], where: str) -> Problem:
    """The problem that is named, or the one that is spelled out."""
    given = fields.get("problem")
    if isinstance(given, dict):
        return _own_problem(given, f"inline/{fields['id']}", f"{where}: field `problem`")
    name = string_field(fields, "problem", where)
    if name not in problems:
        raise PackError(f"{where}: field `problem`: {name!r} is not in the suite")
    return problems[name]


def _own_problem(given: Mapping[str, object], task_id: str, where: str) -> Problem:
    return Problem(
        task_id=task_id,
        prompt=string_field(given, "prompt", where),
        entry_point=string_field(given, "entry_point", where),
        canonical_solution=string_field(given, "canonical_solution", where),
        checks=(CheckFunction(source=string_field(given, "test", where)),),
    )


def _verdicts(must: object, where: str) -> tuple[Verdict, ...]:
    names = must if isinstance(must, list) else [must]
    if not names:
        raise PackError(f"{where}: field `must`: names no verdict")
    try:
        return tuple(map(Verdict, names))
    except ValueError as error:
        known = ", ".join(Verdict)
        raise PackError(f"{where}: field `must`: {error}; expected one or a list of {known}") from None

"""The tasks of a pack that use repositories: tasks.jsonl (see docs/repository-tasks.md)."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import get_args

from codebench.problems.fields import VerdictName, decoded
from codebench.problems.jsonl import json_object, numbered_lines, unique_tasks
from codebench.problems.problem import AnswerKind, CannedAnswer, PackError, Problem
from codebench.problems.repository import (
    AnswerLanguage,
    Argument,
    Repository,
    RepositoryTask,
    WantedArguments,
    WantedLanguage,
    WantedRun,
    WantedSign,
)
from codebench.problems.upstream_rules import with_upstream_rules

TASKS = "tasks.jsonl"
_CHOICES = {
    "kind": tuple(AnswerKind),
    "verdict": get_args(VerdictName),
    "language": tuple(AnswerLanguage),
    "check": ("arguments", "type", "execution"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignRow:
    """One of a task's `milestones`."""

    exits: int | None = None
    line: str = ""
    file: str = ""
    contains: str = ""
    running: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRow:
    """One of a task's `answers`."""

    kind: AnswerKind
    code: str
    verdict: VerdictName | tuple[VerdictName, ...]
    check: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """One line of tasks.jsonl; docs/repository-tasks.md says what the fields mean."""

    task_id: str
    repository: str
    instruction: str
    language: AnswerLanguage
    reference: str
    arguments: dict[str, object] | str = field(default_factory=dict)
    script: str = ""
    positionals: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    aliases: dict[str, str] = field(default_factory=dict)
    signatures: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ignore_case: bool = False
    cwd: str = ""
    set_up: str = ""
    milestones: tuple[SignRow, ...] = (SignRow(exits=0),)
    check: str = ""
    timeout_s: float | None = None
    disk_mib: int = 64
    oracle: str = ""
    retrieved: str = ""
    readme: str | None = None
    tags: tuple[str, ...] = ()
    answers: tuple[AnswerRow, ...] = ()


def load_tasks(path: Path, repositories: Sequence[Repository]) -> Iterator[Problem]:
    """The tasks of a pack. Raises PackError with file, line and field."""
    known = {one.name: one for one in repositories}
    for where, row in unique_tasks(path, _rows(path)):
        if row.repository not in known:
            raise PackError(
                f"{where}: field `repository`: {row.repository!r} is not in pack.toml; there are: {', '.join(known)}"
            )
        yield _problem(row, known[row.repository], where)


def arguments_in(given: Mapping[str, object] | str, where: str) -> dict[str, Argument]:
    """`arguments` as an object, or as the text of one in JSON or of a Python dictionary; it is never evaluated.

    Raises PackError that begins with `where` for anything else, and for values that are neither scalars nor lists.
    """
    fields = _literal(given, where) if isinstance(given, str) else given
    if not isinstance(fields, Mapping) or not all(isinstance(name, str) for name in fields):
        raise PackError(f"{where}: field `arguments`: expected names with values, got {type(fields).__name__}")
    return {name: _argument(value, f"{where}: field `arguments.{name}`") for name, value in fields.items()}


def _literal(text: str, where: str) -> object:
    """The value that a text is in JSON, or as a Python literal."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise PackError(f"{where}: field `arguments`: neither JSON nor a Python literal; write an object") from None


def _argument(value: object, where: str) -> Argument:
    if isinstance(value, list | tuple):
        items = tuple(_argument(one, where) for one in value)
        if not all(one is None or isinstance(one, str | int | float) for one in items):
            raise PackError(f"{where}: a list within a list; give a list of plain values")
        return tuple(one for one in items if not isinstance(one, tuple))
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise PackError(f"{where}: expected a string, a number, a boolean, null or a list of these")


def _rows(path: Path) -> Iterator[tuple[int, TaskRow]]:
    for number, line in numbered_lines(path):
        where = f"{path}:{number}"
        nested = {"milestones": SignRow, "answers": AnswerRow}
        yield number, decoded(json_object(line, where), TaskRow, where, nested, _CHOICES)


def _problem(row: TaskRow, repository: Repository, where: str) -> Problem:
    _check_row(row, repository, where)
    problem = Problem(
        task_id=row.task_id,
        prompt="",
        entry_point="",
        canonical_solution=row.reference,
        checks=(_arguments(row, where), WantedLanguage(language=row.language), _run(row)),
        tags=row.tags,
        answers=tuple(_canned(answer) for answer in row.answers),
        where=where,
        task=RepositoryTask(
            repository=row.repository,
            instruction=row.instruction,
            language=row.language,
            cwd=row.cwd,
            oracle=row.oracle,
            retrieved=row.retrieved,
            readme=row.readme if row.readme is not None else repository.readme,
            entries=repository.entries,
        ),
    )
    return with_upstream_rules(problem)


def _arguments(row: TaskRow, where: str) -> WantedArguments:
    return WantedArguments(
        wanted=MappingProxyType(arguments_in(row.arguments, where)),
        script=row.script,
        positionals=row.positionals,
        flags=row.flags,
        aliases=MappingProxyType(row.aliases),
        signatures=MappingProxyType(row.signatures),
        ignore_case=row.ignore_case,
    )


def _run(row: TaskRow) -> WantedRun:
    return WantedRun(
        repository=row.repository,
        signs=tuple(map(sign_of, row.milestones)),
        cwd=row.cwd,
        set_up=row.set_up,
        check=row.check,
        timeout_s=row.timeout_s,
        disk_mib=row.disk_mib,
    )


def sign_of(row: SignRow) -> WantedSign:
    return WantedSign(exits=row.exits, line=row.line, file=row.file, contains=row.contains, running=row.running)


def _canned(row: AnswerRow) -> CannedAnswer:
    verdicts = (row.verdict,) if isinstance(row.verdict, str) else row.verdict
    return CannedAnswer(kind=row.kind, code=row.code, verdicts=verdicts, check=row.check, note=row.note)


# -- what a row may say


def _check_row(row: TaskRow, repository: Repository, where: str) -> None:
    for name in ("task_id", "instruction", "reference"):
        if not getattr(row, name).strip():
            raise PackError(f"{where}: field `{name}` is empty")
    if not has_folder(repository, row.cwd):
        raise PackError(f"{where}: field `cwd`: {row.cwd!r} is not a folder of the repository")
    if row.timeout_s is not None and not 0 < row.timeout_s < math.inf:
        raise PackError(f"{where}: field `timeout_s`: {row.timeout_s} is not a positive number of seconds")
    if row.disk_mib < 1:
        raise PackError(f"{where}: field `disk_mib`: {row.disk_mib} is less than 1")
    check_signs(row.milestones, where)
    _check_check(row, where)
    for index, answer in enumerate(row.answers):
        if not answer.verdict:
            raise PackError(f"{where}: field `answers[{index}].verdict` is empty; name the acceptable verdicts")
        if answer.check not in ("", *_CHOICES["check"]):
            known = ", ".join(_CHOICES["check"])
            raise PackError(f"{where}: field `answers[{index}].check`: {answer.check!r}; there are: {known}")


def check_signs(signs: Sequence[SignRow], where: str) -> None:
    """Raises PackError where one of them cannot be a sign of success, or there is none."""
    if not signs:
        raise PackError(f"{where}: field `milestones` is empty: nothing could succeed; leave it out for an exit with 0")
    for index, sign in enumerate(signs):
        if problem := _sign_problem(sign):
            raise PackError(f"{where}: field `milestones[{index}]`: {problem}")


def _sign_problem(sign: SignRow) -> str:
    """Why this cannot be a sign of success; "" where it can."""
    if sign.exits is None and not sign.line and not sign.file:
        alone = "`running` alone is no sign: what hangs runs too; add the `line` or `file` that says it has started"
        return alone if sign.running else "one of `exits`, `line` and `file` must be there"
    if sign.running and sign.exits is not None:
        return "what still runs has not ended; drop `exits` or `running`"
    if sign.contains and not sign.file:
        return "`contains` needs the `file` that it is said of"
    if not is_inside(sign.file):
        return f"`file`: {sign.file!r} is not a path in the repository"
    for name, pattern in (("line", sign.line), ("contains", sign.contains)):
        try:
            re.compile(pattern)
        except re.error as error:
            return f"`{name}` is no regular expression: {error}"
    return ""


def _check_check(row: TaskRow, where: str) -> None:
    if not row.check:
        return
    try:
        tree = ast.parse(row.check)
    except (SyntaxError, ValueError) as error:
        raise PackError(f"{where}: field `check`: cannot be parsed: {error}") from None
    if not any(isinstance(node, ast.FunctionDef) and node.name == "check" for node in tree.body):
        raise PackError(f"{where}: field `check` does not define check(read, output)")


def has_folder(repository: Repository, path: str) -> bool:
    return is_inside(path) and (repository.tree / path).is_dir()


def is_inside(path: str) -> bool:
    return not path.startswith("/") and ".." not in PurePosixPath(path).parts and "\0" not in path

"""A pack folder: `pack.toml` says what it is, `problems.jsonl` holds the problems (see docs/add-a-suite.md).

Where `pack.toml` names repositories, `tasks.jsonl` holds tasks that use them instead (see docs/repository-tasks.md).
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from codebench.problems.datafile import sha256_of
from codebench.problems.fields import VerdictName, decoded
from codebench.problems.inputs import either_arguments, read_inputs
from codebench.problems.jsonl import json_object, numbered_lines, unique_tasks
from codebench.problems.oracles import close
from codebench.problems.problem import (
    AnswerKind,
    CannedAnswer,
    Cases,
    Check,
    CheckFunction,
    Oracle,
    PackError,
    Problem,
    Suite,
    Workload,
)
from codebench.problems.repository import Setting
from codebench.problems.repository_pack import TASKS, load_tasks
from codebench.problems.repository_sources import RepositoryRow, joint_sha256, load_repositories, shared_image
from codebench.problems.unit_tests import check_methods, read_files, unit_tests
from codebench.problems.upstream_rules import HARNESS

HEADER = "pack.toml"
PROBLEMS = "problems.jsonl"
STARTER = Path(__file__).parent / "starter"
STARTER_REPO = Path(__file__).parent / "starter_repo"

AssessmentName = Literal["secure", "vulnerable", "not_assessed"]
ANSWER_CHOICES = {"kind": tuple(AnswerKind), "verdict": get_args(VerdictName), "security": get_args(AssessmentName)}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TOML_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)")
_TESTS = 2  # a level
_MAKE_INPUT = """
def make_input(size, level, number, seed):
    made = make_inputs(size, seed)
    return made[number % len(made)]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackHeader:
    """pack.toml. `problems_sha256`, where given, is the hex digest that problems.jsonl or tasks.jsonl must have."""

    name: str
    version: str
    licence: str
    description: str
    problems_sha256: str | None = None
    repositories: tuple[RepositoryRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRow:
    """One of a problem's `answers`."""

    kind: AnswerKind
    code: str
    verdict: VerdictName | tuple[VerdictName, ...]
    security: AssessmentName | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackRow:
    """One line of problems.jsonl."""

    task_id: str
    prompt: str
    entry_point: str
    canonical_solution: str
    test: str | None = None
    cases: dict[str, list[object]] = field(default_factory=dict)
    oracle: str | None = None
    atol: float = 0.0
    unit_tests: str | None = None
    functional_tests: tuple[str, ...] = ()
    security_tests: tuple[str, ...] = ()
    files: dict[str, object] = field(default_factory=dict)
    cwe: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    naive_solution: str | None = None
    inputs: str | None = None
    sizes: tuple[int, ...] = ()
    answers: tuple[AnswerRow, ...] = ()


def load_folder(folder: Path) -> Suite:
    """Read and check the pack in `folder`; runs none of its code. Raises PackError with file, line and field."""
    header = read_header(folder / HEADER)
    if header.repositories:
        return _load_repository_pack(folder, header)
    path = folder / PROBLEMS
    return Suite(
        name=header.name,
        problems=tuple(_problems(path)),
        sha256=_checked_sha256(path, header),
        source=_source(path, header),
    )


def _load_repository_pack(folder: Path, header: PackHeader) -> Suite:
    """The suite's sha256 is that of the tasks and of every repository, for answers depend on all of them."""
    path = folder / TASKS
    digest = _checked_sha256(path, header)
    repositories = load_repositories(header.repositories, folder, folder / HEADER)
    return Suite(
        name=header.name,
        problems=tuple(load_tasks(path, repositories)),
        sha256=joint_sha256(digest, repositories),
        source=_source(path, header),
        compat=(HARNESS,),
        image=shared_image(repositories, folder / HEADER),
        repositories=repositories,
        setting=Setting.ORACLE,
    )


def _checked_sha256(path: Path, header: PackHeader) -> str:
    digest = sha256_of(path)
    if header.problems_sha256 not in (None, digest):
        raise PackError(
            f"{path.parent / HEADER}: field `problems_sha256`: {path.name} has {digest}, expected "
            f"{header.problems_sha256}; get the file again, or, if it was changed on purpose, write: "
            f'problems_sha256 = "{digest}"'
        )
    return digest


def _source(path: Path, header: PackHeader) -> str:
    return f"{path.parent.resolve().name}/{path.name}, version {header.version}"


def load_starter(data: Path | None) -> Suite:
    """Read the pack that comes with codebench. It needs no data directory."""
    return load_folder(STARTER)


def load_starter_repo(data: Path | None) -> Suite:
    """Read the pack of repository tasks that comes with codebench. It needs no data directory."""
    return load_folder(STARTER_REPO)


def read_header(path: Path) -> PackHeader:
    """Read a pack.toml; raises PackError."""
    try:
        fields = tomllib.loads(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        raise PackError(f"{path}: there is no such file; a pack is a folder with {HEADER} and {PROBLEMS}") from None
    except OSError as error:
        raise PackError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise PackError(f"{path}:{line}: not UTF-8: {error.reason}; save the file as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise PackError(_toml_error(path, str(error))) from None
    header = decoded(fields, PackHeader, str(path), {"repositories": RepositoryRow})
    _check_header(header, path)
    return header


def _toml_error(path: Path, message: str) -> str:
    place = _TOML_PLACE.search(message)
    where = f"{path}:{place[1]}" if place else str(path)
    column = f" at column {place[2]}" if place else ""
    return f"{where}: not TOML: {_TOML_PLACE.sub('', message)}{column}; correct the line"


def _check_header(header: PackHeader, path: Path) -> None:
    if not _NAME.fullmatch(header.name):
        raise PackError(f"{path}: field `name`: {header.name!r} is no name; use letters, digits and . _ + -")
    if header.problems_sha256 is not None and not _DIGEST.fullmatch(header.problems_sha256):
        raise PackError(f"{path}: field `problems_sha256`: expected 64 hex digits in lower case, or leave it out")


def _problems(path: Path) -> Iterator[Problem]:
    for where, row in unique_tasks(path, _rows(path)):
        _check_row(row, where)
        yield _problem(row, where)


def _rows(path: Path) -> Iterator[tuple[int, PackRow]]:
    for number, line in numbered_lines(path):
        where = f"{path}:{number}"
        yield number, decoded(json_object(line, where), PackRow, where, {"answers": AnswerRow}, ANSWER_CHOICES)


def _problem(row: PackRow, where: str) -> Problem:
    files = read_files(row.files, where)
    return Problem(
        task_id=row.task_id,
        prompt=row.prompt,
        entry_point=row.entry_point,
        canonical_solution=row.canonical_solution,
        checks=tuple(_checks(row, files, where)),
        security=unit_tests("security", row.unit_tests or "", row.security_tests, files),
        reference_assessment="secure" if row.security_tests else None,
        cwe=row.cwe,
        tags=row.tags,
        naive_solution=row.naive_solution,
        workload=_workload(row) if row.inputs is not None else None,
        answers=tuple(_canned(answer) for answer in row.answers),
        where=where,
    )


def _oracle(row: PackRow) -> Oracle:
    return Oracle(source=row.oracle, reflexive=False) if row.oracle is not None else close(row.atol)


def _workload(row: PackRow) -> Workload:
    """Every size is a level, with equal weights; a test of it is one of the inputs that `make_inputs` returns."""
    levels = len(row.sizes)
    return Workload(
        source=f"{row.inputs}\n{_MAKE_INPUT}",
        sizes=row.sizes,
        tests=(_TESTS,) * levels,
        weights=(1.0,) * levels,
        oracle=_oracle(row),
    )


def _checks(row: PackRow, files: Mapping[str, bytes], where: str) -> Iterator[Check]:
    """The test, if there is one, then each list of inputs, in the order of the file, then the functional tests."""
    if row.test is not None:
        yield CheckFunction(name="base" if "base" not in row.cases else "test", source=row.test)
    oracle = _oracle(row)
    for name, given in row.cases.items():
        yield Cases(
            name=name, inputs=read_inputs(given, f"{where}: field `cases.{name}", either_arguments), oracle=oracle
        )
    functional = unit_tests("functional", row.unit_tests or "", row.functional_tests, files)
    if functional is not None:
        yield functional


def _canned(row: AnswerRow) -> CannedAnswer:
    verdicts = (row.verdict,) if isinstance(row.verdict, str) else row.verdict
    return CannedAnswer(kind=row.kind, code=row.code, verdicts=verdicts, assessment=row.security, note=row.note)


# -- the code inside


def _check_row(row: PackRow, where: str) -> None:
    if not row.task_id.strip():
        raise PackError(f"{where}: field `task_id` is empty; give each problem a name of its own")
    if not row.entry_point.isidentifier():
        raise PackError(f"{where}: field `entry_point`: {row.entry_point!r} is not a Python name")
    _check_program(row, "canonical_solution", row.canonical_solution, where)
    if row.naive_solution is not None:
        _check_program(row, "naive_solution", row.naive_solution, where)
    _check_tests(row, where)
    _check_unit_tests(row, where)
    _check_inputs(row, where)
    for index, answer in enumerate(row.answers):
        if not answer.verdict:
            raise PackError(f"{where}: field `answers[{index}].verdict` is empty; name the acceptable verdicts")
        if answer.security is not None and not row.security_tests:
            raise PackError(f"{where}: field `answers[{index}].security` needs the field `security_tests`")


def _check_program(row: PackRow, field: str, body: str, where: str) -> None:
    names = _defined(row.prompt + body, f"prompt + {field}", where)
    if row.entry_point not in names:
        raise PackError(f"{where}: field `entry_point`: prompt + {field} does not define {row.entry_point!r}")


def _check_tests(row: PackRow, where: str) -> None:
    if row.test is None and not any(row.cases.values()) and not row.functional_tests:
        raise PackError(
            f"{where}: field `test` is missing, and so are inputs in `cases` and names in `functional_tests`; "
            "one of them must be there"
        )
    if row.test is not None:
        _check_defines("check", row.test, "test", where)
    if row.oracle is not None:
        _check_defines("matches", row.oracle, "oracle", where)
    if row.atol < 0:
        raise PackError(f"{where}: field `atol`: {row.atol} is negative")


def _check_unit_tests(row: PackRow, where: str) -> None:
    lists = {"functional_tests": row.functional_tests, "security_tests": row.security_tests}
    if row.unit_tests is not None:
        check_methods(_parsed(row.unit_tests, "unit_tests", where), lists, where)
    for name, given in {**lists, "files": row.files}.items():
        if given and row.unit_tests is None:
            raise PackError(f"{where}: field `{name}` needs the field `unit_tests`, which is missing")
    if row.unit_tests is not None and not any(lists.values()):
        raise PackError(f"{where}: field `unit_tests` needs the field `functional_tests` or `security_tests`")
    if not all(number > 0 for number in row.cwe) or len(set(row.cwe)) < len(row.cwe):
        raise PackError(f"{where}: field `cwe`: {list(row.cwe)} must be numbers from 1 on, each of them once")


def _check_inputs(row: PackRow, where: str) -> None:
    if row.inputs is None:
        if row.sizes:
            raise PackError(f"{where}: field `sizes` needs the field `inputs`, which is missing")
        return
    _check_defines("make_inputs", row.inputs, "inputs", where)
    if not row.sizes:
        raise PackError(f"{where}: field `inputs` needs the field `sizes`, a list of numbers")
    if row.sizes[0] < 1 or list(row.sizes) != sorted(set(row.sizes)):
        raise PackError(f"{where}: field `sizes`: {list(row.sizes)} must be positive and ascend")


def _check_defines(name: str, source: str, field: str, where: str) -> None:
    if name not in _defined(source, field, where):
        raise PackError(f"{where}: field `{field}` does not define {name}")


def _defined(source: str, field: str, where: str) -> set[str]:
    """The names that the top level of `source` binds; raises PackError as `_parsed`."""
    return {name for node in _parsed(source, field, where).body for name in _bound(node)}


def _parsed(source: str, field: str, where: str) -> ast.Module:
    """The syntax of `source`; raises PackError with the line of an error."""
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise PackError(f"{where}: field `{field}`: line {error.lineno} of the code: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise PackError(f"{where}: field `{field}`: code that cannot be parsed: {error}") from None


def _bound(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)

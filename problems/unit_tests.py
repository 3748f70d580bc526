"""A pack row's tests in unittest's form: read, and checked as far as that goes without running them."""

from __future__ import annotations

import ast
import base64
import binascii
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from types import MappingProxyType

from codebench.problems.problem import PackError, UnitTests

MODULE = "solution"
_LONGEST_NAME = 255  # bytes, of one part of a path: what file systems hold


def check_methods(tree: ast.Module, fields: Mapping[str, Sequence[str]], where: str) -> None:
    """Every name in `fields` must be a method of exactly one class of the module, and stand there once.

    Raises PackError; so it does where the module does not import the answer.
    """
    if not any(map(_imports_the_answer, ast.walk(tree))):
        raise PackError(f"{where}: field `unit_tests` does not import {MODULE}, which is the answer")
    methods = _methods(tree)
    places: dict[str, str] = {}
    for field, names in fields.items():
        for index, name in enumerate(names):
            place = f"{field}[{index}]"
            if methods[name] != 1:
                found = "no class of unit_tests has" if not methods[name] else "more than one class of unit_tests has"
                raise PackError(f"{where}: field `{place}`: {found} a method {name!r}")
            if name in places:
                raise PackError(f"{where}: field `{place}`: {name!r} is in `{places[name]}` already")
            places[name] = place


def read_files(files: Mapping[str, object], where: str) -> Mapping[str, bytes]:
    """The bytes of each file, by a path that stays in the working directory. Raises PackError."""
    for path in files:
        if problem := _path_problem(path, files):
            raise PackError(f"{where}: field `files.{path}`: {problem}")
    return MappingProxyType({path: _content(given, f"files.{path}", where) for path, given in files.items()})


def unit_tests(name: str, source: str, tests: Sequence[str], files: Mapping[str, bytes]) -> UnitTests | None:
    """The check made of `tests`; None where there are none."""
    if not tests:
        return None
    return UnitTests(name=name, source=source, tests=tuple(tests), module=MODULE, files=files)


def _imports_the_answer(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.level == 0 and node.module == MODULE
    return isinstance(node, ast.Import) and any(alias.name == MODULE for alias in node.names)


def _methods(tree: ast.Module) -> Counter[str]:
    """How many of the module's classes define a method of each name."""
    bodies = (node.body for node in tree.body if isinstance(node, ast.ClassDef))
    methods = ({part.name for part in body if isinstance(part, ast.FunctionDef)} for body in bodies)
    return Counter(name for names in methods for name in names)


def _path_problem(path: str, files: Mapping[str, object]) -> str:
    """Why a file cannot have this path; "" where it can."""
    pure = PurePosixPath(path)
    if not path.isprintable() or "\\" in path:
        return "a path is made of printable characters, and of / between folders"
    if pure.is_absolute() or ".." in pure.parts or str(pure) != path or path == ".":
        return "not a plain path below the working directory, such as data/input.txt"
    if any(len(part.encode()) > _LONGEST_NAME for part in pure.parts):
        return f"a name longer than {_LONGEST_NAME} bytes"
    if path == f"{MODULE}.py" or pure.parts[0] == MODULE:
        return f"the answer itself is the module {MODULE}"
    above = next((str(folder) for folder in pure.parents if str(folder) in files), "")
    return f"{above!r} is a file, and cannot be a folder too" if above else ""


def _content(given: object, field: str, where: str) -> bytes:
    if isinstance(given, str):
        return given.encode()
    if not isinstance(given, dict) or given.keys() != {"base64"} or not isinstance(given["base64"], str):
        raise PackError(f"{where}: field `{field}`: expected a string, or bytes as an object with one field, `base64`")
    try:
        return base64.b64decode(given["base64"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise PackError(f"{where}: field `{field}.base64`: not base64: {error}") from None

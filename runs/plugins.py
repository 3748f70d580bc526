"""Plug-ins: the names of suites, generators, graders and sandboxes, and the objects that they stand for."""

from __future__ import annotations

import re
from difflib import get_close_matches
from enum import StrEnum
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import cast

from codebench.generators.sample import GeneratorOpener
from codebench.graders import Grader
from codebench.problems.pack import load_folder
from codebench.problems.problem import SuiteLoader
from codebench.runs.record import RunError
from codebench.sandbox import SandboxOpener

_REFERENCE = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_]\w*)(?::(.*))?", re.DOTALL)


class Kind(StrEnum):
    """What can be plugged in. The entry-point group of a kind is `codebench.` and its plural."""

    SUITE = "suite"
    GENERATOR = "generator"
    GRADER = "grader"
    SANDBOX = "sandbox"

    @property
    def group(self) -> str:
        return f"codebench.{self}{'es' if self is Kind.SANDBOX else 's'}"


def plugin_names(kind: Kind) -> tuple[str, ...]:
    """The names that are installed, sorted. Loads none of them."""
    return tuple(sorted(entry_points(group=kind.group).names))


def load_suite_loader(name: str) -> SuiteLoader:
    """For an installed name, `module:NAME`, or a path with a slash in it: a pack folder, such as ./my-pack."""
    if "/" in name:
        return lambda _: load_folder(Path(name))
    return cast(SuiteLoader, _load(Kind.SUITE, name)[0])


def load_generator_opener(spec: str) -> tuple[GeneratorOpener, str]:
    """For `NAME`, `NAME:ARGUMENT` or `module:NAME[:ARGUMENT]`: the opener, and the argument to call it with."""
    found, argument = _load(Kind.GENERATOR, spec)
    return cast(GeneratorOpener, found), argument


def load_grader(name: str) -> Grader:
    """Raises RunError, with the remedy, also where a package that the grader needs is missing."""
    grader_class = cast(type[Grader], _load(Kind.GRADER, name)[0])
    try:
        return grader_class()
    except ModuleNotFoundError as error:
        raise RunError(f"--grade {name}: {error}") from error


def load_sandbox_opener(name: str) -> SandboxOpener:
    return cast(SandboxOpener, _load(Kind.SANDBOX, name)[0])


def _load(kind: Kind, spec: str) -> tuple[object, str]:
    """The object and what follows its name. An installed name, which may hold a colon, wins over a module of it."""
    name, _, argument = spec.partition(":")
    if spec in plugin_names(kind):
        name, argument = spec, ""
    points = {point.value: point for point in entry_points(group=kind.group, name=name)}
    if len(points) > 1:
        raise RunError(f"{len(points)} packages provide a {kind} {name!r} ({', '.join(points)}); uninstall all but one")
    for point in points.values():
        return _loaded(kind, point), argument
    reference = _REFERENCE.fullmatch(spec)
    if reference is None or not _importable(reference[1]):
        raise RunError(_unknown(kind, name))
    return _loaded(kind, EntryPoint(spec, f"{reference[1]}:{reference[2]}", kind.group)), reference[3] or ""


def _loaded(kind: Kind, point: EntryPoint) -> object:
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise RunError(f"cannot load the {kind} {point.name!r} ({point.value}): {error}; check its package") from error


def _importable(module: str) -> bool:
    """Whether the module is there; one that is there and breaks while it loads is reported by `_loaded`."""
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        return error.name is None or not f"{module}.".startswith(f"{error.name}.")
    except ImportError:
        return True
    return True


def _unknown(kind: Kind, name: str) -> str:
    names = plugin_names(kind)
    if near := get_close_matches(name, names, n=3, cutoff=0.5):
        return f"unknown {kind} {name!r}; did you mean {' or '.join(near)}?"
    return f"unknown {kind} {name!r}; there are: {', '.join(names) or 'none'} (or give module:NAME)"

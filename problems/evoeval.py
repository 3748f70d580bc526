"""EvoEval: seven sets evolved from HumanEval by rewriting its problems (Xia et al. 2024)."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from codebench.problems import oracles, store
from codebench.problems.datafile import data_directory, find_in, sha256_of
from codebench.problems.humanevalplus import FIND_ZERO
from codebench.problems.inputs import argument_lists, entry_point
from codebench.problems.jsonl import read_rows, unique_tasks
from codebench.problems.problem import Cases, Oracle, PackError, Problem, Suite

OVERRIDE = "EVOEVAL_OVERRIDE_PATH"
COMPAT = ("evoeval",)

_ROOT = (oracles.root(1e-6), oracles.EVOEVAL_0_1_0_ROOT)
_SPECIAL: Mapping[tuple[str, str], tuple[Oracle, Oracle]] = {
    ("difficult", "EvoEval/10"): (oracles.DIFFICULT_PALINDROME, oracles.DIFFICULT_PALINDROME),
    ("difficult", "EvoEval/32"): (oracles.DIFFICULT_ROOT, oracles.DIFFICULT_ROOT),
    ("creative", "EvoEval/26"): (oracles.CREATIVE_MOVES, oracles.EVOEVAL_0_1_0_CREATIVE_MOVES),
    ("creative", "EvoEval/30"): (oracles.CREATIVE_PATH, oracles.EVOEVAL_0_1_0_CREATIVE_PATH),
    ("creative", "EvoEval/69"): (oracles.CREATIVE_PRODUCT, oracles.CREATIVE_PRODUCT),
    ("subtle", "EvoEval/32"): (oracles.SUBTLE_ROOT, oracles.SUBTLE_ROOT),
    ("verbose", FIND_ZERO): _ROOT,
    ("concise", FIND_ZERO): _ROOT,
}
"""The problems that have more than one right output: how they are judged, and how evoeval 0.1.0 does it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvolvedRow:
    """One line of a set of new problems; each of `inputs` is the text of an argument list."""

    task_id: str
    prompt: str
    entry_point: str
    canonical_solution: str
    inputs: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RewordedRow:
    """One line of a set of HumanEval's problems in other words; with HumanEval+'s inputs."""

    task_id: str
    prompt: str
    entry_point: str
    canonical_solution: str
    base_input: list[object]
    plus_input: list[object]


def _load(name: str, data: Path | None) -> Suite:
    """Read the set from EVOEVAL_OVERRIDE_PATH, else the data directory, else the data store. Raises PackError."""
    path, source = _find(name, data)
    read = _reworded if name in ("verbose", "concise") else _evolved
    return Suite(
        name=f"evoeval:{name}",
        problems=tuple(read(name, path)),
        sha256=sha256_of(path),
        source=source,
        compat=COMPAT,
    )


load_difficult = functools.partial(_load, "difficult")
load_creative = functools.partial(_load, "creative")
load_subtle = functools.partial(_load, "subtle")
load_combine = functools.partial(_load, "combine")
load_tool_use = functools.partial(_load, "tool_use")
load_verbose = functools.partial(_load, "verbose")
load_concise = functools.partial(_load, "concise")


def _find(name: str, data: Path | None) -> tuple[Path, str]:
    plain = f"EvoEval_{name}.jsonl"
    names = (f"{plain}.gz", plain, f"evoeval/{plain}.gz", f"evoeval/{plain}")
    if override := os.environ.get(OVERRIDE):
        path = find_in(Path(override), (plain, f"{plain}.gz"))
        if path is None:
            raise PackError(f"{OVERRIDE}={override}: there is no {plain} in this folder; correct it or unset it")
        return path, f"{OVERRIDE}: {path.name}"
    directory = data_directory(data)
    path = (find_in(directory, names) if directory else None) or store.find(f"evoeval_{name}")
    if path is None:
        looked = f"not in {directory}, and " if directory else ""
        raise PackError(
            f"evoeval:{name}: {plain}.gz is {looked}not in the data store; "
            f"run: codebench data pull evoeval:{name}, or name its folder with --data DIR"
        )
    return path, path.name


def _evolved(name: str, path: Path) -> Iterator[Problem]:
    for where, row in unique_tasks(path, read_rows(path, EvolvedRow)):
        inputs = argument_lists(row.inputs, f"{where}: field `inputs`")
        yield _problem(name, row, where, {"base": inputs}, reference=f"\n{row.canonical_solution}")


def _reworded(name: str, path: Path) -> Iterator[Problem]:
    for where, row in unique_tasks(path, read_rows(path, RewordedRow)):
        inputs = {
            "base": argument_lists(row.base_input, f"{where}: field `base_input`"),
            "plus": argument_lists(row.plus_input, f"{where}: field `plus_input`"),
        }
        yield _problem(name, row, where, inputs, reference=row.canonical_solution)


def _problem(
    name: str,
    row: EvolvedRow | RewordedRow,
    where: str,
    inputs: Mapping[str, tuple[tuple[object, ...], ...]],
    reference: str,
) -> Problem:
    strict, upstream = _SPECIAL.get((name, row.task_id), (oracles.TYPE_STRICT, oracles.EVOEVAL_0_1_0))
    compat = MappingProxyType({"evoeval": upstream})
    return Problem(
        task_id=row.task_id,
        prompt=row.prompt,
        entry_point=entry_point(row.entry_point, where),
        canonical_solution=reference,
        checks=tuple(Cases(name=check, inputs=of, oracle=strict, compat=compat) for check, of in inputs.items()),
        where=where,
    )

"""HumanEval+: HumanEval's problems with many more tests, judged by output (EvalPlus; Liu et al. 2023)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from codebench.problems import oracles, store
from codebench.problems.datafile import data_directory, find_in, sha256_of
from codebench.problems.humaneval import OVERRIDE
from codebench.problems.inputs import argument_lists, entry_point
from codebench.problems.jsonl import read_rows, unique_tasks
from codebench.problems.problem import Cases, PackError, Problem, Suite

NAME = "humaneval+"
PACK = "humanevalplus"
COMPAT = ("evalplus", "evoeval")
FIND_ZERO = "HumanEval/32"
_STEMS = ("HumanEvalPlus", "HumanEvalPlus-v0.1.10")
FILE_NAMES = tuple(
    f"{folder}{stem}{suffix}"
    for folder in ("", "humanevalplus/")
    for stem in _STEMS
    for suffix in (".jsonl.gz", ".jsonl")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanEvalPlusRow:
    """One line of HumanEvalPlus.jsonl; of `atol`, 0 means that floats alone have a tolerance."""

    task_id: str
    prompt: str
    entry_point: str
    canonical_solution: str
    base_input: list[object]
    plus_input: list[object]
    atol: float


def load(data: Path | None) -> Suite:
    """Read the suite from HUMANEVAL_OVERRIDE_PATH, else the data directory, else the data store. Raises PackError."""
    override = os.environ.get(OVERRIDE)
    path, source = (Path(override), f"{OVERRIDE}: {Path(override).name}") if override else _find(data)
    digest = sha256_of(path)
    return Suite(name=NAME, problems=tuple(_problems(path)), sha256=digest, source=source, compat=COMPAT)


def _find(data: Path | None) -> tuple[Path, str]:
    directory = data_directory(data)
    path = (find_in(directory, FILE_NAMES) if directory else None) or store.find(PACK)
    if path is None:
        looked = f"not in {directory}, and " if directory else ""
        raise PackError(
            f"{NAME}: HumanEvalPlus.jsonl.gz is {looked}not in the data store; "
            f"run: codebench data pull {NAME}, or name its folder with --data DIR"
        )
    return path, path.name


def _problems(path: Path) -> Iterator[Problem]:
    for where, row in unique_tasks(path, read_rows(path, HumanEvalPlusRow)):
        yield Problem(
            task_id=row.task_id,
            prompt=row.prompt,
            entry_point=entry_point(row.entry_point, where),
            canonical_solution=row.canonical_solution,
            checks=(
                _cases("base", argument_lists(row.base_input, f"{where}: field `base_input`"), row),
                _cases("plus", argument_lists(row.plus_input, f"{where}: field `plus_input`"), row),
            ),
            where=where,
        )


def _cases(name: str, inputs: tuple[tuple[object, ...], ...], row: HumanEvalPlusRow) -> Cases:
    if row.task_id == FIND_ZERO:
        compat = {"evalplus": oracles.EVALPLUS_0_3_1_ROOT, "evoeval": oracles.EVOEVAL_0_1_0_ROOT}
        return Cases(name=name, inputs=inputs, oracle=oracles.root(row.atol or 1e-4), compat=MappingProxyType(compat))
    compat = {"evalplus": oracles.evalplus_close(row.atol), "evoeval": oracles.EVOEVAL_0_1_0}
    return Cases(name=name, inputs=inputs, oracle=oracles.close(row.atol), compat=MappingProxyType(compat))

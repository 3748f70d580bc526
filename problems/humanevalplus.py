"""HumanEval+: HumanEval's problems with many more tests, judged by output (EvalPlus; Liu et al. 2023)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

from codebench.problems import oracles, store
from codebench.problems.datafile import data_directory, find_in, sha256_of
from codebench.problems.humaneval import OVERRIDE
from codebench.problems.inputs import InputsRow, json_arguments, read_inputs_rows
from codebench.problems.jsonl import number_field
from codebench.problems.problem import Cases, PackError, Problem, Suite

NAME = "humaneval+"
PACK = "humanevalplus"
COMPAT = ("evalplus", "evoeval")
COLUMNS = MappingProxyType({"base": "base_input", "plus": "plus_input"})
FIND_ZERO = "HumanEval/32"
FILE_NAMES = tuple(
    f"{folder}{stem}{suffix}"
    for folder in ("", "humanevalplus/")
    for stem in ("HumanEvalPlus", "HumanEvalPlus-v0.1.10")
    for suffix in (".jsonl.gz", ".jsonl")
)

_OVERRIDE_FIELDS = (
    f"{OVERRIDE} must name a file with HumanEval+'s own fields: "
    "task_id, prompt, entry_point, canonical_solution, base_input, plus_input, atol"
)


def load(data: Path | None) -> Suite:
    """Read the suite from HUMANEVAL_OVERRIDE_PATH, else the data directory, else the data store. Raises PackError."""
    override = os.environ.get(OVERRIDE)
    path, source = (Path(override), f"{OVERRIDE}: {Path(override).name}") if override else _find(data)
    digest = sha256_of(path)
    try:
        problems = tuple(_problems(path))
    except PackError as error:
        raise PackError(f"{error} ({_OVERRIDE_FIELDS if override else 'is it HumanEval+ as released?'})") from None
    return Suite(name=NAME, problems=problems, sha256=digest, source=source, compat=COMPAT)


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
    for where, row in read_inputs_rows(path, COLUMNS, json_arguments):
        yield _problem(row, number_field(row.fields, "atol", where), where)


def _problem(row: InputsRow, atol: float, where: str) -> Problem:
    if row.task_id == FIND_ZERO:
        oracle = oracles.puzzle(f"root({atol or 1e-4!r})")
        compat = {"evalplus": oracles.never(), "evoeval": oracles.never()}
    else:
        oracle = oracles.close(atol)
        compat = {"evalplus": oracles.evalplus_close(atol), "evoeval": oracles.evoeval_equal()}
    return Problem(
        task_id=row.task_id,
        prompt=row.prompt,
        entry_point=row.entry_point,
        canonical_solution=row.canonical_solution,
        checks=tuple(
            Cases(name=name, inputs=inputs, oracle=oracle, compat=MappingProxyType(compat))
            for name, inputs in row.inputs.items()
        ),
        where=where,
    )

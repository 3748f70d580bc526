"""EvoEval: seven sets evolved from HumanEval by rewriting its problems (Xia et al. 2024)."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from codebench.problems import oracles, store
from codebench.problems.datafile import data_directory, find_in, sha256_of
from codebench.problems.humanevalplus import COLUMNS, FIND_ZERO
from codebench.problems.inputs import InputsRow, json_arguments, literal_arguments, read_inputs_rows
from codebench.problems.problem import Cases, Oracle, PackError, Problem, Suite

OVERRIDE = "EVOEVAL_OVERRIDE_PATH"
COMPAT = ("evoeval",)
REWORDED = frozenset({"verbose", "concise"})
"""The sets that say HumanEval's problems in other words, and have HumanEval+'s inputs and references."""

_ROOT = "root(1e-4)"  # EvalPlus's; evoeval means 1e-6, which the reference itself misses on one input in six
_SPECIAL: Mapping[tuple[str, str], tuple[str, str | None]] = MappingProxyType(
    {
        ("difficult", "EvoEval/10"): ("palindrome", "palindrome"),
        ("difficult", "EvoEval/32"): ("root_within(2e-2)", "root_within(2e-2)"),
        ("creative", "EvoEval/26"): ("moves", "evoeval_moves"),
        ("creative", "EvoEval/30"): ("cells", "evoeval_cells"),
        ("creative", "EvoEval/69"): ("pair", "pair"),
        ("subtle", "EvoEval/32"): ("root_of_odd(1e-6)", "root_of_odd(1e-6)"),
        ("verbose", FIND_ZERO): (_ROOT, None),
        ("concise", FIND_ZERO): (_ROOT, None),
    }
)
"""The problems with several right outputs: their rule in `puzzles`, and evoeval's. None: it fails every answer."""


def _load(name: str, data: Path | None) -> Suite:
    """Read the set from EVOEVAL_OVERRIDE_PATH, else the data directory, else the data store. Raises PackError."""
    path, source = _find(name, data)
    digest = sha256_of(path)
    return Suite(
        name=f"evoeval:{name}", problems=tuple(_problems(name, path)), sha256=digest, source=source, compat=COMPAT
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


def _problems(name: str, path: Path) -> Iterator[Problem]:
    """evoeval runs prompt, line break and solution; the arguments of its own sets are Python, not JSON."""
    reworded = name in REWORDED
    columns = COLUMNS if reworded else {"base": "inputs"}
    arguments = json_arguments if reworded else literal_arguments
    try:
        for where, row in read_inputs_rows(path, columns, arguments):
            yield _problem(name, row, where)
    except PackError as error:
        raise PackError(f"{error} (is it EvoEval's {name} set as released?)") from None


def _problem(name: str, row: InputsRow, where: str) -> Problem:
    oracle, upstream = _oracles(name, row.task_id)
    return Problem(
        task_id=row.task_id,
        prompt=row.prompt,
        entry_point=row.entry_point,
        canonical_solution=f"\n{row.canonical_solution}",
        checks=tuple(
            Cases(name=check, inputs=inputs, oracle=oracle, compat=MappingProxyType({"evoeval": upstream}))
            for check, inputs in row.inputs.items()
        ),
        where=where,
    )


def _oracles(name: str, task_id: str) -> tuple[Oracle, Oracle]:
    if (name, task_id) not in _SPECIAL:
        return oracles.type_strict(), oracles.evoeval_equal()
    ours, theirs = _SPECIAL[name, task_id]
    return oracles.puzzle(ours), oracles.puzzle(theirs) if theirs is not None else oracles.never()

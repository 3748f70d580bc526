"""ENAMEL: HumanEval's problems with efficient references and inputs of growing size (Qiu et al. 2025).

Every fact about a problem is in its row: what makes its inputs, how large they are, what decides about an output. The
inputs are those of the reference harness (enam 0.2.0), since the same seeds go into the same draws.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from codebench.problems import enamel_draws, store
from codebench.problems.datafile import data_directory, find_in, verified_sha256
from codebench.problems.oracles import source_of
from codebench.problems.problem import Cases, Generated, Oracle, PackError, Problem, Suite, TimeRule, Workload

NAME = "enamel"
FILE_NAMES = ("enamel.csv", "enamel/enamel.csv", "dataset/enamel.csv")
COMPAT = ("enam",)
GRADERS = ("correctness", "efficiency")
COLUMNS = (
    "task_id", "prompt", "input_generator", "input_levels", "reference_solution", "checker", "entry_point",
)  # fmt: skip
LEFT_OUT = frozenset(
    {2, 23, 41, 45, 53, 60, 71, 92, 97, 99, 102, 123, 124, 135, 137, 138, 144, 148, 156, 157, 159, 160}
)
"""What ENAMEL does not use of HumanEval: nothing in it could be faster or slower."""

TESTS, WEIGHTS = (8, 4, 4, 4), (0.0, 3.0, 3.0, 4.0)
SEED = 998244353
_REFLEXIVE = "return type(output) == type(answer) and output == answer"
_LARGER = TimeRule(least_s=0.05, factor=3.0, of_slowest=True, total_s=600.0, decides=False)
_TIME = (TimeRule(of_slowest=True, total_s=600.0), _LARGER, _LARGER, _LARGER)
_MAKE_INPUT = """

def make_input(size, level, number, seed):
    import random
    random.randint, random.choice = quick_draws(random._inst)
    random.seed(seed)
    return generate_input(size=size, lid=level, cid=number)
"""
_MATCHES = """

def matches(args, expected, output):
    return __check(tuple(args), expected, output)
"""


def load(data: Path | None) -> Suite:
    """Read the 142 problems from the data directory, else from the data store. Raises PackError."""
    path = _find(data)
    digest = verified_sha256(path, (store.ENAMEL_SHA256,))
    return Suite(
        name=NAME, problems=tuple(_problems(path)), sha256=digest, source=path.name, compat=COMPAT, graders=GRADERS
    )


def _find(data: Path | None) -> Path:
    directory = data_directory(data)
    path = (find_in(directory, FILE_NAMES) if directory else None) or store.find(NAME)
    if path is None:
        looked = f"not in {directory}, and " if directory else ""
        raise PackError(
            f"{NAME}: enamel.csv is {looked}not in the data store; "
            f"run: codebench data pull {NAME}, or name its folder with --data DIR"
        )
    return path


def _problems(path: Path) -> Iterator[Problem]:
    with path.open(encoding="utf-8", newline="") as file:
        for index, row in enumerate(csv.DictReader(file)):
            if index not in LEFT_OUT:
                yield _problem(index, row, f"{path}:{index + 1}")


def _problem(index: int, row: dict[str, str], where: str) -> Problem:
    made = f"{source_of(enamel_draws)}\n{row['prompt']}\n    pass\n{row['input_generator']}{_MAKE_INPUT}"
    sizes = tuple(map(int, row["input_levels"].split()))
    oracle = Oracle(source=row["checker"] + _MATCHES, reflexive=_REFLEXIVE in row["checker"])
    workload = Workload(source=made, sizes=sizes, tests=TESTS, weights=WEIGHTS, oracle=oracle, seed=SEED ^ index)
    return Problem(
        task_id=row["task_id"],
        prompt=row["prompt"],
        entry_point=row["entry_point"],
        canonical_solution=f"\n{row['reference_solution']}",
        checks=tuple(
            Cases(
                name=f"level {level}",
                generated=Generated(source=made, orders=workload.orders(level)),
                oracle=oracle,
                time=_TIME[level],
            )
            for level in range(len(sizes))
        ),
        workload=workload,
        where=where,
    )

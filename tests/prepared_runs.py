"""Finished runs of the starter pack for tests that read runs, each made once a session."""

from __future__ import annotations

import functools
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from scripted_server import Script, serving

from codebench.generators import GenerationOptions, ServerOptions
from codebench.problems import Problem
from codebench.problems.pack import load_starter
from codebench.runs import EvalOptions, evaluate

SAMPLES = 3
TASKS = (
    "starter/build-levels",  # has a workload
    "starter/merge-departures",
    "starter/tab-stops",
    "starter/ticket-attachment",  # is attacked
    "starter/sparse-product",
    "starter/parts-search",  # is attacked
)
GRADERS = ("correctness", "efficiency", "security", "quality")


def copy_run(name: str, folder: Path) -> Path:
    """The run BASE, HEAD (both replayed, HEAD is another model) or MODEL (of a server, with repairs) in a folder.

    The test is skipped where MODEL cannot be made.
    """
    if name == "MODEL":
        pytest.importorskip("openai")
    return Path(shutil.copytree(_runs[name](), folder / name))


def problems() -> list[Problem]:
    of_task = {problem.task_id: problem for problem in load_starter(None).problems}
    return [of_task[task_id] for task_id in TASKS]


def right(problem: Problem) -> str:
    """Its reference, which nobody has to complete."""
    return problem.prompt + problem.canonical_solution


def wrong(problem: Problem, kind: int) -> str:
    """A wrong program of one of four kinds."""
    head = f"def {problem.entry_point}(*given, **named):\n"
    return (
        f"{head}    return None\n",
        f"import subprocess\n\n{head}    subprocess.run(str(given), shell=True)\n    raise KeyError('ä')\n",
        f"{head}    return (\n",
        "",
    )[kind % 4]


def _replayed(name: str, is_right: Callable[[int, int], bool]) -> Path:
    folder = _place()
    saved = folder / f"{name.lower()}.jsonl"
    with saved.open("w", encoding="utf-8") as file:
        for number, problem in enumerate(problems()):
            for sample in range(SAMPLES):
                code = right(problem) if is_right(number, sample) else wrong(problem, number + sample)
                file.write(json.dumps({"task_id": problem.task_id, "solution": code}) + "\n")
    options = EvalOptions(
        suite="starter",
        model=f"replay:{saved}",
        task_ids=TASKS,
        graders=GRADERS,
        ks=(1, 2),
        out=folder / name,
        sandbox="namespaces",
    )
    return evaluate(options).directory


@functools.cache
def _base() -> Path:
    return _replayed("BASE", lambda number, sample: (number + sample) % 3 != 0)


@functools.cache
def _head() -> Path:
    return _replayed("HEAD", lambda number, sample: number != 0 and (number * sample) % 4 != 1)


@functools.cache
def _model() -> Path:
    """Right at the second attempt for one problem, never for the other."""
    able, _ = problems()[:2]

    def answer(body: dict[str, object]) -> str:
        asked = json.dumps(body)
        code = right(able) if able.entry_point in asked and "is wrong" in asked else "def f():\n    return 1\n"
        return f"Here it is:\n\n```python\n{code}```\n"

    with serving(Script(answer=answer)) as url:
        options = EvalOptions(
            suite="starter",
            model="openai:scripted",
            task_ids=TASKS[:2],
            samples=2,
            graders=GRADERS,
            repairs=1,
            out=_place() / "MODEL",
            sandbox="namespaces",
            generation=GenerationOptions(server=ServerOptions(base_url=url, prices=(1.0, 2.0))),
        )
        return evaluate(options).directory


def _place() -> Path:
    return Path(_scratch().name)


@functools.cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    """It goes when the tests end."""
    return tempfile.TemporaryDirectory(prefix="codebench-runs-")


_runs = {"BASE": _base, "HEAD": _head, "MODEL": _model}

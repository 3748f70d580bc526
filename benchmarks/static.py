"""How many answers the static graders take a second on one core, and what a process per tool and answer would take.

python -m benchmarks.static [--grade quality] [--rounds 7]

The answers are the reference programs of HumanEval and of the starter pack. Graders take turns within each round; the
bar is 200 a second and core. A core's second is one of CPU time, of the host and its analysers together, so that other
work on the machine matters less; wall time is beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.measured import Spread, machine, table
from codebench.graders import Analysers, Bench, Grader, Verdict, linting
from codebench.problems import Problem
from codebench.runs.plugins import Kind, load_grader, load_suite_loader, plugin_names
from codebench.sandbox import Execution, Job, SandboxInfo

_STATIC = ("quality", "findings", "security")  # those of them that are installed
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_ALONE = 4  # so many answers are put to every command line by itself; it is slow
_COMMANDS = (
    ("radon", "cc", "-j"), ("radon", "raw", "-j"), ("radon", "hal", "-j"), ("radon", "mi", "-j"),
    ("complexipy", "-q"), ("pyflakes",), ("ruff", "check", "--isolated", "--no-cache", "-q"),
)  # fmt: skip


class NoSandbox:
    """Static graders run nothing."""

    info = SandboxInfo(backend="none", image="", python="", workers=1)

    async def __aenter__(self) -> NoSandbox:
        return self

    async def __aexit__(self, *exc: object) -> None: ...

    async def run(self, job: Job) -> Execution:
        raise AssertionError("a static grader ran an answer")


def main() -> None:
    parser = argparse.ArgumentParser()
    installed = [name for name in _STATIC if name in plugin_names(Kind.GRADER)]
    parser.add_argument("--grade", default=",".join(installed), help="the graders, between commas")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    found = [problem for suite in ("humaneval", "starter") for problem in load_suite_loader(suite)(None).problems]
    problems = [replace(problem, security=None) for problem in found]  # what is executed is no part of this
    print(f"{machine()}; {len(problems)} answers, {options.rounds} rounds\n")
    asyncio.run(_time_graders(problems, options.grade.split(","), options.rounds))
    _time_linting(problems, options.rounds)
    _time_command_lines(problems, options.rounds)


async def _time_graders(problems: Sequence[Problem], names: Sequence[str], rounds: int) -> None:
    cores = len(os.sched_getaffinity(0))
    per_core: dict[str, list[float]] = {name: [] for name in names}
    wall: dict[tuple[str, int], list[float]] = {}
    async with Analysers(1) as one, Analysers(cores) as many:
        benches = {1: Bench(sandbox=NoSandbox(), analysers=one), cores: Bench(sandbox=NoSandbox(), analysers=many)}
        for number in range(rounds + 1):
            for name in names:
                for workers, bench in benches.items():
                    cpu_s, wall_s = await _took(load_grader(name), problems, bench)
                    if number == 0:
                        continue  # the processes start
                    wall.setdefault((name, workers), []).append(len(problems) / wall_s)
                    if workers == 1:
                        per_core[name].append(len(problems) / cpu_s)
    head = ("grader", "answers a second of a core", *(f"answers/s, {workers} at a time" for workers in benches))
    rows = [
        (name, Spread.of(per_core[name]).text(0), *(Spread.of(wall[name, workers]).text(0) for workers in benches))
        for name in names
    ]
    if len(names) > 1:
        together = [1 / sum(1 / rate for rate in rates) for rates in zip(*per_core.values(), strict=True)]
        rows.append(("together", Spread.of(together).text(0), *("" for _ in benches)))
    print(table(head, rows), end="\n\n")


async def _took(grader: Grader, problems: Sequence[Problem], bench: Bench) -> tuple[float, float]:
    """CPU and wall seconds for an answer to each problem. The references are measured beforehand, as in a long run."""
    answers = [(problem, problem.prompt + problem.canonical_solution) for problem in problems]
    await asyncio.gather(*(grader.grade(problem, "x = 1\n", bench) for problem in problems))
    cpu_s, began = _tree_cpu_s(), time.perf_counter()
    grades = await asyncio.gather(*(grader.grade(problem, code, bench) for problem, code in answers))
    took = _tree_cpu_s() - cpu_s, time.perf_counter() - began
    assert all(grade is not None and grade.verdict is not Verdict.ERROR for grade in grades)
    return took


def _tree_cpu_s() -> float:
    """CPU seconds of this process and all below it that live."""
    parents, ticks = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(path.parent.name)
        parents[pid], ticks[pid] = int(fields[1]), int(fields[11]) + int(fields[12])
    ours = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return sum(ticks[pid] for pid in ours) * _TICK_S


def _time_linting(problems: Sequence[Problem], rounds: int) -> None:
    """The server that we use and the process per answer that it replaces, answer by answer in turn."""
    codes = [problem.prompt + problem.canonical_solution for problem in problems[:: max(1, len(problems) // 40)]]
    ratios, server_ms, check_ms = [], [], []
    linting.lint(codes[0])
    for _ in range(rounds):
        taken = {True: 0.0, False: 0.0}
        for code in codes:
            for served in (True, False):
                taken[served] += _seconds(lambda code=code: linting.lint(code if served else code + "# noqa\n"))  # noqa: B023
        server_ms.append(taken[True] / len(codes) * 1e3)
        check_ms.append(taken[False] / len(codes) * 1e3)
        ratios.append(taken[False] / taken[True])
    head = ("ruff", "ms an answer, server", "ms an answer, own process", "times as fast")
    spreads = (Spread.of(server_ms).text(2), Spread.of(check_ms).text(2), Spread.of(ratios).text(0))
    print(table(head, [("lint", *spreads)]), end="\n\n")


def _time_command_lines(problems: Sequence[Problem], rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"p{number}.py") for number in range(_ALONE)]
        for path, problem in zip(paths, problems, strict=False):
            path.write_text(problem.prompt + problem.canonical_solution)
        taken = [_seconds(lambda: _run_all(paths)) / len(paths) for _ in range(max(1, rounds // 2))]
    rates = Spread.of(1 / took for took in taken).text(1)
    print(
        table(("every tool's command line, one after the other", "answers/s"), [(f"{len(_COMMANDS)} processes", rates)])
    )


def _run_all(paths: Sequence[Path]) -> None:
    for path in paths:
        for command in _COMMANDS:
            program = Path(sys.executable).parent / command[0]
            subprocess.run([program, *command[1:], path], capture_output=True, cwd=path.parent, check=False)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()

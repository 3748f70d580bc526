"""What hostile and odd programs make of a sandbox: the right verdict, in time, and an unharmed next sample."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import hostile_cases
import pytest

from codebench.graders import Bench
from codebench.graders.correctness import CorrectnessGrader
from codebench.problems import CheckFunction, Problem
from codebench.sandbox import Limits, Sandbox, SandboxOptions, docker, namespaces

LIMITS = Limits(timeout_s=2.0, memory_mib=512, processes=32, disk_mib=16)
_IN_TIME_S = (
    LIMITS.timeout_s * 4 + 5
)  # what a machine may make of 1.5 times the limit while other tests run beside this
_NEXT = hostile_cases.Case(
    name="the next sample",
    code="",
    test="assert candidate(1) == 2\nassert candidate([3]) == [3, 1]",
    verdicts=("pass",),
)
_RIGHT = """
import os, tempfile
assert os.listdir("/tmp") == [] and os.listdir("/dev/shm") == []
tempfile.TemporaryFile().close()
def f(x):
    if x == 1:
        return 2
    x.append(1)
    return x
"""
_BACKENDS = [
    pytest.param(namespaces.open_sandbox, id="namespaces"),
    pytest.param(docker.open_sandbox, id="docker", marks=pytest.mark.docker),
]


class Court:
    """A sandbox of one worker, and a loop to run it in."""

    def __init__(self, runner: asyncio.Runner, sandbox: Sandbox) -> None:
        self._runner = runner
        self._sandbox = sandbox

    def verdict(self, case: hostile_cases.Case, code: str) -> str:
        problem = Problem(
            task_id=case.name,
            prompt=case.prompt,
            entry_point=case.entry_point,
            canonical_solution="",
            checks=(CheckFunction(source="def check(candidate):\n" + _indented(case.test)),),
        )
        return str(
            self._runner.run(
                CorrectnessGrader().grade(problem, code, Bench(sandbox=self._sandbox, limits=LIMITS))
            ).verdict
        )


@pytest.fixture(scope="module", params=_BACKENDS)
def bench(request: pytest.FixtureRequest) -> Iterator[Court]:
    with asyncio.Runner() as runner:
        sandbox: Sandbox = request.param(SandboxOptions(workers=1, limits=LIMITS))
        runner.run(sandbox.__aenter__())
        try:
            yield Court(runner, sandbox)
        finally:
            runner.run(sandbox.__aexit__(None, None, None))


@pytest.mark.parametrize("case", hostile_cases.CASES, ids=lambda case: case.name)
def test_a_program_gets_its_verdict_and_harms_nobody(bench: Court, case: hostile_cases.Case) -> None:
    started = time.monotonic()
    assert bench.verdict(case, case.code) in case.verdicts
    assert time.monotonic() - started < _IN_TIME_S, "a hang"
    assert bench.verdict(_NEXT, _RIGHT) == "pass"
    assert bench.verdict(_NEXT, "def f(x):\n    return 2\n") == "fail"


def _indented(test: str) -> str:
    return "".join(f"    {line}\n" for line in test.splitlines())

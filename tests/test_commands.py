"""Commands in repositories: both sandboxes keep the contract, with overlays and with copies, whatever answers do."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any

import command_cases
import pytest
from conftest import skip_without_overlays

from codebench.sandbox import Sandbox, docker, namespaces
from codebench.sandbox.command_contract import BRIEF, COMMAND_FACTS, LIMITS, hold_command, look, opened, run
from codebench.sandbox.contract import Fact

_PLACES = [
    pytest.param((opener, overlays), id=f"{name}-{'overlay' if overlays else 'copy'}", marks=marks)
    for name, opener, marks in (
        ("namespaces", namespaces.open_sandbox, ()),
        ("docker", docker.open_sandbox, (pytest.mark.docker,)),
    )
    for overlays in (True, False)
]


class Court:
    """A sandbox of one worker with repositories, and a loop to run it in."""

    def __init__(self, runner: asyncio.Runner, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._runner = runner
        self.clean = self.run(look(sandbox))

    def run(self, work: Coroutine[None, None, Any]) -> Any:
        return self._runner.run(work)


@pytest.fixture(scope="module", params=_PLACES)
def court(request: pytest.FixtureRequest) -> Iterator[Court]:
    opener, overlays = request.param
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        sandbox = runner.run(stack.enter_async_context(opened(opener, overlays=overlays)))
        try:
            court = Court(runner, sandbox)
            skip_without_overlays(sandbox)
            yield court
        finally:
            runner.run(stack.aclose())


@pytest.mark.parametrize("fact", COMMAND_FACTS, ids=lambda fact: fact.__name__)
def test_fact(court: Court, fact: Fact) -> None:
    court.run(hold_command(fact, court.sandbox))


@pytest.mark.parametrize("case", command_cases.CASES, ids=lambda case: case.name)
def test_an_answer_leaves_nothing_behind(court: Court, case: command_cases.Case) -> None:
    limits = LIMITS if case.ends == command_cases.WELL else BRIEF
    seen = court.run(run(court.sandbox, case.source, language=case.language, limits=limits))
    assert seen.report.conclusion in case.ends, seen
    assert court.run(look(court.sandbox)) == court.clean
    wrong = court.run(run(court.sandbox, "./run.sh no-number"))
    assert wrong.report.conclusion == "refuted", wrong

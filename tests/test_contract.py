"""Both built-in sandboxes keep the contract."""

from __future__ import annotations

import asyncio

import pytest

from codebench.sandbox import SandboxOpener
from codebench.sandbox.contract import FACTS, Fact, hold


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__)
def test_fact(fact: Fact, opener: SandboxOpener) -> None:
    asyncio.run(hold(fact, opener))


def test_there_are_facts() -> None:
    assert len(FACTS) > 20

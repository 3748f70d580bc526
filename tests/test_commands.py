"""Commands in repositories: both sandboxes keep the contract, with overlays and with copies, whatever answers do."""

from __future__ import annotations

import asyncio

import pytest

from codebench.sandbox import SandboxOpener
from codebench.sandbox.command_contract import COMMAND_FACTS, hold_command
from codebench.sandbox.contract import Fact


@pytest.mark.parametrize("overlays", [True, False], ids=["overlay", "copy"])
@pytest.mark.parametrize("fact", COMMAND_FACTS, ids=lambda fact: fact.__name__)
def test_fact(fact: Fact, opener: SandboxOpener, overlays: bool) -> None:
    asyncio.run(hold_command(fact, opener, overlays=overlays))

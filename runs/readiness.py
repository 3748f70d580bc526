"""Readiness: which sandboxes and suites work on this machine, found out by trying them."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from codebench.problems import PackError
from codebench.runs.opening import opened_sandbox
from codebench.runs.plugins import Kind, load_suite_loader, plugin_names
from codebench.runs.record import RunError
from codebench.sandbox import Conclusion, Job, SandboxError, SandboxOptions
from codebench.sandbox.doctor import Finding

_JOB = Job(
    source="def one():\n    return 1\n",
    entry_point="one",
    context="",
    test="def check(candidate):\n    assert candidate() == 1\n",
)


def sandbox_findings() -> tuple[Finding, ...]:
    """Start each installed sandbox and run one job in it."""
    return tuple(asyncio.run(_sandbox_finding(name)) for name in plugin_names(Kind.SANDBOX))


def suite_findings(data: Path | None) -> tuple[Finding, ...]:
    """Load each installed suite."""
    return tuple(_suite_finding(name, data) for name in plugin_names(Kind.SUITE))


async def _sandbox_finding(name: str) -> Finding:
    started = time.monotonic()
    try:
        async with opened_sandbox(name, SandboxOptions(workers=1)) as (sandbox, _):
            start_s = time.monotonic() - started
            execution = await sandbox.run(_JOB)
    except (SandboxError, RunError) as error:
        return Finding(name=f"sandbox {name}", ok=False, value="does not work", remedy=str(error))
    if execution.report.conclusion is not Conclusion.COMPLETED:
        return Finding(name=f"sandbox {name}", ok=False, value="misjudges", remedy=execution.report.detail)
    return Finding(name=f"sandbox {name}", ok=True, value=f"works, starts in {start_s:.1f} s", remedy="")


def _suite_finding(name: str, data: Path | None) -> Finding:
    try:
        suite = load_suite_loader(name)(data)
    except PackError as error:
        return Finding(name=f"suite {name}", ok=False, value="not usable", remedy=str(error))
    return Finding(name=f"suite {name}", ok=True, value=f"{len(suite.problems)} problems, {suite.source}", remedy="")

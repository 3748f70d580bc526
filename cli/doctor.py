"""`codebench doctor`: what works on this machine, and how to mend what does not."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codebench.cli.choices import DIRECTORY
from codebench.cli.exit_code import ExitCode
from codebench.cli.output import put, put_json

if TYPE_CHECKING:
    from codebench.sandbox.doctor import Finding

_MARKS = {True: "ok", False: "NO", None: "--"}


@click.command("doctor", epilog="Example: codebench doctor")
@click.option(
    "--data", metavar="DIR", type=DIRECTORY, envvar="CODEBENCH_DATA", show_envvar=True, help="Data directory."
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document to stdout.")
def doctor_command(data: Path | None, as_json: bool) -> int:
    """Say what works here, and how to mend what does not.

    Exits with 3 where no sandbox works.
    """
    from codebench.runs.readiness import sandbox_findings, suite_findings
    from codebench.sandbox.doctor import findings

    sandboxes = sandbox_findings()
    found = (*findings(), *sandboxes, *suite_findings(data))
    if as_json:
        put_json([asdict(finding) for finding in found])
    else:
        put("\n".join(_text(finding, max(len(other.name) for other in found)) for finding in found))
    return ExitCode.FINE if any(finding.ok for finding in sandboxes) else ExitCode.INFRASTRUCTURE


def _text(finding: Finding, width: int) -> str:
    remedy = f"\n{'':<{width + 4}}-> {finding.remedy}" if finding.remedy and not finding.ok else ""
    return f"{_MARKS[finding.ok]}  {finding.name:<{width}}  {finding.value}{remedy}"

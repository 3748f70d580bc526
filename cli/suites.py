"""`codebench suites`: what can be solved here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import click

from codebench.cli.choices import DIRECTORY
from codebench.cli.output import put, put_json


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteLine:
    """One suite: its size and data, or, where it cannot be loaded, why."""

    name: str
    problems: int | None
    source: str | None
    error: str | None = None


@click.command("suites", epilog="Example: codebench suites --json")
@click.option(
    "--data", metavar="DIR", type=DIRECTORY, envvar="CODEBENCH_DATA", show_envvar=True, help="Data directory."
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document to stdout.")
def suites_command(data: Path | None, as_json: bool) -> None:
    """List the suites that are installed.

    Each with its size and where its data come from, or why it cannot be used.
    """
    from codebench.runs.plugins import Kind, plugin_names

    lines = [_line(name, data) for name in plugin_names(Kind.SUITE)]
    if as_json:
        put_json([asdict(line) for line in lines])
    else:
        put("\n".join(map(_text, lines)))


def _line(name: str, data: Path | None) -> SuiteLine:
    from codebench.problems import PackError
    from codebench.runs.plugins import load_suite_loader

    try:
        suite = load_suite_loader(name)(data)
    except PackError as error:
        return SuiteLine(name=name, problems=None, source=None, error=str(error))
    return SuiteLine(name=name, problems=len(suite.problems), source=suite.source)


def _text(line: SuiteLine) -> str:
    if line.problems is None:
        return f"{line.name:<16} not usable: {line.error}"
    return f"{line.name:<16} {line.problems:>5} problems   {line.source}"

"""`codebench report`: the numbers of a run, recomputed from its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codebench.cli.choices import DIRECTORY, report_options
from codebench.cli.exit_code import ExitCode
from codebench.cli.output import put_json, put_rich, say

if TYPE_CHECKING:
    from codebench.runs import Gate, Run, Summary


@click.command("report", epilog="Example: codebench report codebench-runs/humaneval--reference--1a2b3c4d --k 1")
@click.argument("directory", type=DIRECTORY)
@click.option("--by-problem", is_flag=True, help="Also a table of efficiency with a line for each problem.")
@report_options()
def report_command(
    directory: Path, ks: tuple[int, ...], fail_under: tuple[str, ...], as_json: bool, by_problem: bool
) -> int:
    """Show the report on the run in DIRECTORY.

    The numbers are recomputed from its files, finished or not. Nothing is run and nothing is written.
    """
    from codebench.runs import parse_gate, show_problems, summarise_run

    gates = tuple(map(parse_gate, fail_under))
    run = summarise_run(directory, ks)
    put_report(run, as_json)
    efficiency = run.summary.efficiency
    if by_problem and efficiency is not None and not as_json:
        put_rich(lambda console: show_problems(efficiency, console))
    return gate_exit_code(run.summary, gates)


def put_report(run: Run, as_json: bool) -> None:
    """Write the report to stdout."""
    from codebench.runs import report_json, show_report

    if as_json:
        put_json(report_json(run))
    else:
        put_rich(lambda console: show_report(run, console))


def put_reports(runs: Sequence[Run], as_json: bool) -> None:
    """Write what concerns all runs of one command to stdout: in JSON everything, else an overview of several."""
    from codebench.runs import report_json, show_overview

    if as_json and len(runs) > 1:
        put_json({"suites": [report_json(run) for run in runs]})
    elif as_json:
        put_json(report_json(runs[0]))
    elif len(runs) > 1:
        put_rich(lambda console: show_overview(runs, console))


def gate_exit_code(summary: Summary, gates: Sequence[Gate]) -> ExitCode:
    """Say which gates are missed. As long as samples are not graded a gate is inconclusive, whatever the rest say."""
    from codebench.runs import below

    missed = below(summary, gates)
    for sentence in missed:
        say(sentence)
    if gates and summary.graded < summary.wanted:
        say(f"the gates are inconclusive: {summary.graded} of {summary.wanted} samples are graded")
        return ExitCode.INCONCLUSIVE
    return ExitCode.BELOW_GATE if missed else ExitCode.FINE

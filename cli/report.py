"""`codebench report`: the numbers of a run, recomputed from its files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codebench.cli.choices import DIRECTORY, report_options
from codebench.cli.exit_code import ExitCode
from codebench.cli.output import put, put_json, put_rich, say

if TYPE_CHECKING:
    from codebench.runs import Gate, Run, Summary


@click.command("report", epilog="Example: codebench report codebench-runs/humaneval--reference--1a2b3c4d --k 1")
@click.argument("directories", metavar="RUN…", type=DIRECTORY, nargs=-1, required=True)
@click.option("--by-problem", is_flag=True, help="Also a table of efficiency with a line for each problem.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Write Markdown to stdout, for a pull request.")
@report_options()
def report_command(
    directories: tuple[Path, ...], ks: tuple[int, ...], fail_under: tuple[str, ...], as_json: bool, **how: bool
) -> int:
    """Show the report on one run or several.

    The numbers are recomputed from their files, finished or not. Nothing is run and nothing of a run is written.
    """
    from codebench.runs import parse_gate, show_problems, summarise_run

    if as_json and how["as_markdown"]:
        raise click.UsageError("--json and --markdown cannot both be had")
    gates = tuple(map(parse_gate, fail_under))
    runs = [summarise_run(directory, ks) for directory in directories]
    if how["as_markdown"]:
        put_markdown(runs)
    else:
        for run in runs if not as_json else ():
            put_report(run)
            if how["by_problem"] and run.summary.efficiency is not None:
                put_rich(partial(show_problems, run.summary.efficiency))
        put_reports(runs, as_json)
    return max(gate_exit_code(run.summary, gates) for run in runs)


def put_markdown(runs: Sequence[Run]) -> None:
    from codebench.runs.report_markdown import report_markdown

    put(report_markdown(runs))


def put_report(run: Run) -> None:
    """Write the report on one run to stdout, for people."""
    from codebench.runs import show_report

    put_rich(partial(show_report, run))


def put_reports(runs: Sequence[Run], as_json: bool) -> None:
    """Write what concerns all runs of one command to stdout: in JSON everything, else an overview of several."""
    from codebench.runs import report_json, show_overview

    if as_json and len(runs) > 1:
        put_json({"runs": [report_json(run) for run in runs]})
    elif as_json:
        put_json(report_json(runs[0]))
    elif len(runs) > 1:
        put_rich(partial(show_overview, runs))


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

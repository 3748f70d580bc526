"""`codebench compare`: what changed from one run to another, and whether it could be chance."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codebench.cli.choices import DIRECTORY, comparing_options, ks_option, names
from codebench.cli.output import put, put_json, put_rich

if TYPE_CHECKING:
    from codebench.runs.comparison import Comparison


@click.command("compare", epilog="Example: codebench compare codebench-runs/BASE codebench-runs/HEAD --markdown")
@click.argument("base", metavar="BASE", type=DIRECTORY)
@click.argument("head", metavar="HEAD", type=DIRECTORY)
@ks_option()
@click.option(
    "--critical",
    metavar="NAME,…",
    callback=names,
    show_default="pass@k of the least k",
    help="Metrics that the decision is about; p is corrected over these in all suites.",
)
@comparing_options()
def compare_command(
    base: Path, head: Path, ks: tuple[int, ...], critical: tuple[str, ...], seed: int, **how: bool
) -> None:
    """Compare two runs, problem by problem: HEAD against BASE.

    Each is a run, or a folder that holds one run for each of several suites. Differences come with 95 % intervals,
    exact tests, and the smallest difference that could have been found. The exit code is 0 whatever they are; gates are
    for `codebench gate`. Runs that differ in pack, prompt, limits, sandbox, graders or rules are refused.
    """
    from codebench.runs.comparison import CompareOptions, compare_runs

    if how["as_json"] and how["as_markdown"]:
        raise click.UsageError("--json and --markdown cannot both be had")
    options = CompareOptions(ks=ks, critical=critical, anyway=how["anyway"], seed=seed)
    _put(compare_runs(base, head, options), how["as_markdown"], how["as_json"])


def _put(comparison: Comparison, as_markdown: bool, as_json: bool) -> None:
    from codebench.runs.comparison_tables import comparison_json, comparison_markdown, show_comparison

    if as_json:
        put_json(comparison_json(comparison))
    elif as_markdown:
        put(comparison_markdown(comparison))
    else:
        put_rich(partial(show_comparison, comparison))

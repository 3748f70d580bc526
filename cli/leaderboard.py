"""`codebench leaderboard`: several models over several suites, and how far their ranks can be trusted."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codebench.cli.choices import comparing_options, ks_option, names
from codebench.cli.output import put, put_json, put_rich, say

if TYPE_CHECKING:
    from codebench.runs.leaderboard import Leaderboard


@click.command(
    "leaderboard", epilog="Example: codebench leaderboard small=runs/small large=runs/large --html board.html"
)
@click.argument("runs", metavar="[NAME=]RUN…", nargs=-1, required=True)
@ks_option()
@click.option(
    "--metric",
    "metrics",
    metavar="NAME,…",
    callback=names,
    show_default="pass@k, eff@k and secure@k of the least k",
    help="Metrics to rank by, as in pass@1,base:pass@1.",
)
@comparing_options()
@click.option(
    "--html",
    "page",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write one self-contained page to FILE, instead.",
)
def leaderboard_command(
    runs: tuple[str, ...], ks: tuple[int, ...], metrics: tuple[str, ...], seed: int, page: Path | None, **how: bool
) -> None:
    """Rank models over suites, with intervals of values and of ranks.

    Each RUN is a run, or a folder of runs. A model is called what it was given as to `codebench eval`; with NAME=RUN
    all runs in RUN are by the model NAME. Runs of a suite that differ in more than the model are refused.
    """
    from codebench.runs.leaderboard import LeaderboardOptions, make_leaderboard

    if how["as_json"] + how["as_markdown"] + (page is not None) > 1:
        raise click.UsageError("only one of --json, --markdown and --html can be had")
    options = LeaderboardOptions(ks=ks, metrics=metrics, anyway=how["anyway"], seed=seed)
    _put(make_leaderboard(runs, options), page, how["as_markdown"], how["as_json"])


def _put(leaderboard: Leaderboard, page: Path | None, as_markdown: bool, as_json: bool) -> None:
    from codebench.runs.leaderboard_page import write_page
    from codebench.runs.leaderboard_tables import leaderboard_json, leaderboard_markdown, show_leaderboard

    if page is not None:
        write_page(leaderboard, page)
        say(f"leaderboard in {page}")
    elif as_json:
        put_json(leaderboard_json(leaderboard))
    elif as_markdown:
        put(leaderboard_markdown(leaderboard))
    else:
        put_rich(partial(show_leaderboard, leaderboard))

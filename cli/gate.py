"""`codebench gate`: hold runs against a policy, and against a baseline."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codebench.cli.choices import DIRECTORY
from codebench.cli.output import put, put_json, put_rich

if TYPE_CHECKING:
    from codebench.runs.gating import Judgement


@click.command("gate", epilog="Example: codebench gate RUN --baseline BASE --max-regression pass@1=0.02")
@click.argument("directories", metavar="RUN…", type=DIRECTORY, nargs=-1, required=True)
@click.option(
    "--baseline",
    "baselines",
    metavar="RUN",
    type=DIRECTORY,
    multiple=True,
    help="What to compare with: a run of the same suite; repeatable, one for each suite.",
)
@click.option("--policy", metavar="FILE", type=DIRECTORY, help="What is asked for, in TOML: see docs/gate.md.")
@click.option(
    "--fail-under",
    metavar="METRIC=X",
    multiple=True,
    help="Fail where a metric is below X, or, where lower is better, above; repeatable.",
)
@click.option(
    "--max-regression",
    metavar="METRIC=X",
    multiple=True,
    help="Fail where a metric is shown to be worse than the baseline's, by more than X; repeatable.",
)
@click.option("--anyway", is_flag=True, help="Compare runs that are not comparable.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Write Markdown to stdout, for a pull request.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document to stdout.")
def gate_command(directories: tuple[Path, ...], as_markdown: bool, as_json: bool, **given: Any) -> int:
    """Check runs against what is asked of them.

    Exit codes: 0 all is held, 1 something is missed, 2 the evidence does not decide, 3 a run is invalid (the machine
    failed too often), 64 bad input. Nothing is run, and nothing is written.
    """
    from codebench.runs.gate_tables import EXIT_CODES
    from codebench.runs.gating import judge_directories
    from codebench.runs.policy import make_policy

    if as_json and as_markdown:
        raise click.UsageError("--json and --markdown cannot both be had")
    if given["max_regression"] and not given["baselines"]:
        raise click.UsageError("--max-regression: name what to compare with: --baseline RUN")
    policy = make_policy(given["policy"], given["fail_under"], given["max_regression"])
    judgement = judge_directories(directories, given["baselines"], policy, anyway=given["anyway"])
    put_judgement(judgement, as_markdown=as_markdown, as_json=as_json)
    return EXIT_CODES[judgement.decision]


def put_judgement(judgement: Judgement, *, as_markdown: bool = False, as_json: bool = False) -> None:
    """Write it to stdout."""
    from codebench.runs.gate_tables import gate_json, gate_markdown, show_gate

    if as_json:
        put_json(gate_json(judgement))
    elif as_markdown:
        put(gate_markdown(judgement))
    else:
        put_rich(partial(show_gate, judgement))

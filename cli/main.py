"""The command line: `codebench COMMAND …`. Each command imports what it needs when it runs."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

import click

from codebench.cli.ci import ci_group
from codebench.cli.compare import compare_command
from codebench.cli.data import data_group
from codebench.cli.doctor import doctor_command
from codebench.cli.evaluate import eval_command, generate_command, grade_command
from codebench.cli.exchange import export_command, import_command
from codebench.cli.exit_code import ExitCode, bad_input_errors, infrastructure_errors
from codebench.cli.gate import gate_command
from codebench.cli.images import images_group
from codebench.cli.leaderboard import leaderboard_command
from codebench.cli.output import say
from codebench.cli.report import report_command
from codebench.cli.schema import schema_command
from codebench.cli.selfcheck import selfcheck_command
from codebench.cli.suites import suites_command

SETTINGS = {
    "help_option_names": ["-h", "--help"],
    "show_default": True,
    "max_content_width": 100,
    # users of evalplus write --n_samples
    "token_normalize_func": lambda token: token.replace("_", "-"),
}


@click.group(
    context_settings=SETTINGS,
    invoke_without_command=True,
    epilog="Example: codebench eval --suite humaneval --model reference",
)
@click.version_option(package_name="codebench-eval")
@click.pass_context
def commands(context: click.Context) -> int:
    """Run the code that models write in a sandbox, and report numbers that can be recomputed.

    Exit codes: 0 fine, 1 below a requested gate, 2 gate inconclusive, 3 infrastructure (box, engine, disk),
    64 usage, bad input or no sandbox, 130 interrupted.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        return ExitCode.BAD_INPUT
    return ExitCode.FINE


for command in (
    eval_command,
    generate_command,
    grade_command,
    report_command,
    compare_command,
    leaderboard_command,
    gate_command,
    import_command,
    export_command,
    schema_command,
    suites_command,
    data_group,
    images_group,
    doctor_command,
    selfcheck_command,
    ci_group,
):
    commands.add_command(command)


def main() -> None:
    """What the `codebench` script runs."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a TextIOWrapper in a process
    # what a scheduler sends before it kills is Ctrl-C: results are kept, boxes are closed
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line; gives the exit code. An error that is nobody's but ours keeps its traceback."""
    try:
        code = commands.main(list(arguments), prog_name="codebench", standalone_mode=False)
    except click.ClickException as error:
        say(_usage(error))
        return ExitCode.BAD_INPUT
    except click.Abort:
        say("interrupted")
        return ExitCode.INTERRUPTED
    except infrastructure_errors() as error:
        say(str(error))
        return ExitCode.INFRASTRUCTURE
    except bad_input_errors() as error:
        say(str(error))
        return ExitCode.BAD_INPUT
    return int(code or ExitCode.FINE)


def _usage(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    where = f" (see {context.command_path} --help)" if context else ""
    return " ".join(error.format_message().split()) + where

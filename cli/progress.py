"""Progress on stderr: a bar on a terminal, a plain line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from codebench.cli.output import say

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from codebench.runs import Progress

PLAIN_INTERVAL_S = 10.0


@dataclass(slots=True, kw_only=True)
class Tally:
    """What has come of a run so far. `earlier` of the `total` samples were done before this invocation."""

    total: int = 0
    earlier: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    started: float = field(default_factory=time.monotonic)

    @property
    def done(self) -> int:
        return self.earlier + self.verdicts.total()

    @property
    def rate(self) -> float:
        """Samples per second in this invocation, 0 at its beginning."""
        elapsed_s = time.monotonic() - self.started
        return self.verdicts.total() / elapsed_s if elapsed_s > 0 else 0.0

    def counts(self) -> str:
        return " · ".join(f"{verdict} {count:,}" for verdict, count in self.verdicts.most_common())

    def line(self) -> str:
        left = f", {(self.total - self.done) / self.rate:,.0f} s left" if self.rate else ""
        counts = f": {self.counts()}" if self.verdicts else ""
        return f"{self.done:,} of {self.total:,} samples, {self.rate:,.1f}/s{left}{counts}"


class PlainProgress:
    """Lines for a log file. Notes wait for the start, so that a run which cannot start says one line: why."""

    def __init__(self) -> None:
        self._notes: list[str] | None = []
        self._tally = Tally()
        self._next_line = 0.0

    def note(self, message: str) -> None:
        if self._notes is None:
            say(message)
        else:
            self._notes.append(message)

    def start(self, total: int, done: int) -> None:
        for message in self._notes or ():
            say(message)
        self._notes = None
        self._tally = Tally(total=total, earlier=done)
        self._next_line = time.monotonic() + PLAIN_INTERVAL_S
        if done:
            say(f"{done:,} of {total:,} samples are done already")

    def advance(self, outcome: str | None) -> None:
        self._tally.verdicts[outcome or "infra"] += 1
        if time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + PLAIN_INTERVAL_S
            say(self._tally.line())

    def finish(self) -> None:
        say(self._tally.line())


class BarProgress:
    """A bar with throughput, time left and verdicts, redrawn in place."""

    def __init__(self) -> None:
        self._notes: list[str] | None = []
        self._tally = Tally()
        self._bar = _bar()
        self._task: TaskID | None = None

    def note(self, message: str) -> None:
        if self._notes is None:
            say(message)
        else:
            self._notes.append(message)

    def start(self, total: int, done: int) -> None:
        for message in self._notes or ():
            say(message)
        self._notes = None
        self._tally = Tally(total=total, earlier=done)
        self._bar = _bar()
        self._task = self._bar.add_task("", total=total, completed=done, rate=0.0, counts="")
        self._bar.start()

    def advance(self, outcome: str | None) -> None:
        assert self._task is not None, "start comes first"
        self._tally.verdicts[outcome or "infra"] += 1
        self._bar.update(self._task, advance=1, rate=self._tally.rate, counts=self._tally.counts())

    def finish(self) -> None:
        self._bar.stop()


def open_progress() -> Progress:
    """The kind that suits stderr."""
    return BarProgress() if sys.stderr.isatty() else PlainProgress()


def _bar() -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    return Bar(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[counts]}"),
        console=Console(stderr=True),
    )

"""Progress: what an evaluation tells while it runs."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Hears about a run. All methods are called from the event loop, between samples, and must not block."""

    def note(self, message: str) -> None:
        """Something worth a line, such as which sandbox was chosen and why."""
        ...

    def start(self, total: int, done: int) -> None:
        """`total` samples are wanted, `done` of them were graded by an earlier, interrupted invocation."""
        ...

    def advance(self, outcome: str | None) -> None:
        """One more sample is on disk: its verdict, how its generation ended, or that nothing tests it.

        None for an infrastructure error.
        """
        ...

    def finish(self) -> None:
        """Nothing more comes, for whatever reason. Called exactly once where `start` was called."""
        ...


class Silence:
    """Tells nobody."""

    def note(self, message: str) -> None:
        pass

    def start(self, total: int, done: int) -> None:
        pass

    def advance(self, outcome: str | None) -> None:
        pass

    def finish(self) -> None:
        pass

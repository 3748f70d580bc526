"""What both benchmarks share: a figure with its spread, a table, and what the figures were taken on."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A figure that was taken several times."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, figures: Iterable[float]) -> Self:
        """The median, the smallest and the largest of `figures`, which must not be empty."""
        seen = sorted(figures)
        return cls(median=statistics.median(seen), low=seen[0], high=seen[-1])

    def text(self, digits: int) -> str:
        return f"{self.median:,.{digits}f} ({self.low:,.{digits}f}–{self.high:,.{digits}f})"  # noqa: RUF001 - a range


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """One line on the machine, as far as it matters here."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in info if line.startswith("model name")), platform.machine())
    return (
        f"{os.cpu_count()} cores of {model}, Linux {platform.release()}, Python {platform.python_version()}, "
        f"codebench {metadata.version('codebench-eval')}, load average at the start {os.getloadavg()[0]:.2f}"
    )

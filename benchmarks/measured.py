"""What both benchmarks share: a figure with its spread, a table, and what the figures were taken on."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one command took: seconds, and the peak resident set of its largest process in MiB."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def cost_of(arguments: Sequence[str]) -> Cost:
    """Run `codebench ARGUMENTS` in a process of its own. Raises CalledProcessError where it fails."""
    code = f"import resource, sys; from codebench.cli.main import run; code = run({list(arguments)!r}); "
    code += "print(*resource.getrusage(resource.RUSAGE_SELF), file=sys.stderr); raise SystemExit(code)"
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    wall_s = time.perf_counter() - began
    user_s, system_s, peak_kib, *_ = map(float, done.stderr.splitlines()[-1].split())
    return Cost(wall_s=wall_s, cpu_s=user_s + system_s, peak_mib=peak_kib / 1024)


def machine() -> str:
    """One line on the machine, as far as it matters here."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in info if line.startswith("model name")), platform.machine())
    return (
        f"{os.cpu_count()} cores of {model}, Linux {platform.release()}, Python {platform.python_version()}, "
        f"codebench {metadata.version('codebench-eval')}, load average at the start {os.getloadavg()[0]:.2f}"
    )

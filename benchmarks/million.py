"""What `codebench report` and `compare` take for a million records: seconds and memory, each in a process of its own.

python -m benchmarks.million [--samples 1000] [--graders findings,quality] [--rounds 3] [--dir DIR]

Two runs of 1,000 problems with so many samples each are made in DIR (a temporary folder, some 3 GB), once.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.measured import Cost, Spread, cost_of, machine, table
from benchmarks.synthetic_run import Shape, write_run
from codebench.runs.manifest import MANIFEST
from codebench.runs.records import RECORDS


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--graders", default="", help="findings, quality, security, efficiency")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dir", type=Path)
    options = parser.parse_args()
    flags = dict.fromkeys(filter(None, options.graders.split(",")), True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.dir or Path(temporary)
        runs = [folder / "base", folder / "head"]
        for run, skill in zip(runs, (0.5, 0.51), strict=True):
            if not (run / MANIFEST).exists():
                write_run(run, Shape(samples=options.samples, skill=skill, model=f"model-{run.name}", **flags))
        sizes = ", ".join(f"{(run / RECORDS).stat().st_size / 1e9:.2f} GB" for run in runs)
        print(f"{machine()}; two runs of {1000 * options.samples:,} records ({sizes})\n", flush=True)
        print(table(("command", "wall s", "CPU s", "peak RSS, MiB"), _rows(runs, options.rounds)))


def _rows(runs: list[Path], rounds: int) -> list[tuple[str, ...]]:
    """The commands take turns, so that what else the machine does meets them alike."""
    base, head = map(str, runs)
    commands = {
        "report RUN": ["report", base],
        "report RUN --json": ["report", base, "--json"],
        "report RUN --markdown": ["report", base, "--markdown"],
        "compare BASE HEAD": ["compare", base, head],
    }
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            costs[name].append(cost_of(command))
    return [
        (
            f"`codebench {name}`",
            Spread.of(cost.wall_s for cost in of).text(1),
            Spread.of(cost.cpu_s for cost in of).text(1),
            Spread.of(cost.peak_mib for cost in of).text(0),
        )
        for name, of in costs.items()
    ]


if __name__ == "__main__":
    main()

"""What a clean repository for every sample costs, for a repository of 500 MB.

    python -m benchmarks.repository_restore [--samples 15] [--backends namespaces,docker]

Makes a repository on the spot (6,000 small files and 12 large ones) and runs the same answers in boxes that lay an
overlay for each sample, and in boxes that keep a copy and restore it. The two take turns, so that what else the
machine does falls on both. Two answers: one that does nothing, and one that rewrites 20 MB, adds 500 files and removes
a folder.

`sample` is the wall time of a whole sample, from the job's sending to its result, the answer's own time included.
`between` is what of it is spent on the repository: for an overlay the time to lay and to lift it, taken around these
two calls; for a copy the difference to the same answer's sample with an overlay, less what that spends on it.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from codebench.sandbox import Command, Job, Language, Limits, Milestone, SandboxOptions
from codebench.sandbox.box import Box, Wall
from codebench.sandbox.docker import DockerWall
from codebench.sandbox.engine import connect
from codebench.sandbox.images import ensure_image, with_repositories
from codebench.sandbox.namespaces import NamespacesWall
from codebench.sandbox.rootfs import build_rootfs
from codebench.sandbox.trees import read_trees
from codebench.sandbox.views import Views

NAME = "large"
LIMITS = Limits(timeout_s=60.0, memory_mib=512, disk_mib=128)
ANSWERS = {
    "nothing": "true",
    "much": "rm -rf small/7; for i in $(seq 500); do echo $i > new$i; done; "
    "for i in 1 2; do head -c 10M /dev/zero > large/$i; done",
}


def make_repository(folder: Path) -> None:
    """500 MB: 6,000 files of about 25 KB in 30 folders, and 12 of 29 MB."""
    draw = random.Random(1)
    block = draw.randbytes(1 << 20)
    for number in range(6000):
        place = folder / "small" / str(number % 30) / f"{number}.txt"
        place.parent.mkdir(parents=True, exist_ok=True)
        start = draw.randrange(1 << 19)
        place.write_bytes(block[start : start + draw.randrange(50_000)])
    (folder / "large").mkdir()
    for number in range(12):
        (folder / "large" / str(number)).write_bytes(bytes([number]) + block * 29)


class Timed:
    """A box's views, with the time that each call takes."""

    def __init__(self, views: Views) -> None:
        self._views = views
        self.spent_s = 0.0

    def lay(self, name: str, disk_mib: int) -> None:
        started = time.perf_counter()
        self._views.lay(name, disk_mib)
        self.spent_s += time.perf_counter() - started

    def lift(self, name: str) -> None:
        started = time.perf_counter()
        self._views.lift(name)
        self.spent_s += time.perf_counter() - started


def open_wall(backend: str, folder: Path, overlays: bool) -> Wall:
    options = SandboxOptions(workers=1, limits=LIMITS, overlays=overlays)
    trees = read_trees({NAME: folder})
    if backend == "namespaces":
        return NamespacesWall(build_rootfs(for_commands=True), 1, trees=trees, overlays=overlays)
    client = connect()
    image = with_repositories(client, ensure_image(client, for_commands=True), trees)
    return DockerWall(client, image, options, trees)


def sample(box: Box, source: str) -> float:
    """Seconds that one sample takes."""
    command = Command(repository=NAME, language=Language.BASH, milestones=(Milestone(exits=0),))
    started = time.perf_counter()
    seen = box.run(Job(source=source, command=command, limits=LIMITS))
    took_s = time.perf_counter() - started
    assert seen.report.conclusion == "completed", seen
    return took_s


def measure(backend: str, folder: Path, samples: int) -> None:
    started = time.perf_counter()
    overlay = Box(open_wall(backend, folder, overlays=True), LIMITS)
    opened_s = time.perf_counter() - started
    copy = Box(open_wall(backend, folder, overlays=False), LIMITS)
    assert overlay._views is not None, f"this machine has no overlays: {overlay.copies}"
    timed = Timed(overlay._views)
    overlay._views = timed  # type: ignore[assignment] # it stands in for them
    try:
        started = time.perf_counter()
        sample(copy, "true")
        print(f"{backend}: opened in {opened_s:.1f} s; the first copy takes {time.perf_counter() - started:.2f} s")
        for name, source in ANSWERS.items():
            sample(overlay, source)
            times: dict[str, list[float]] = {"overlay": [], "copy": [], "lay and lift": []}
            for _ in range(samples):
                timed.spent_s = 0.0
                times["overlay"].append(sample(overlay, source))
                times["lay and lift"].append(timed.spent_s)
                times["copy"].append(sample(copy, source))
            own = [all_s - view_s for all_s, view_s in zip(times["overlay"], times["lay and lift"], strict=True)]
            restored = [all_s - own_s for all_s, own_s in zip(times["copy"], own, strict=True)]
            row = (times["overlay"], times["lay and lift"], times["copy"], restored)
            print(f"| {backend} | {name} | {' | '.join(map(_spread, row))} |")
    finally:
        timed._views.close()
        overlay.close()
        copy.close()


def _spread(times_s: Sequence[float]) -> str:
    low, middle, high = (1000 * value for value in (min(times_s), statistics.median(times_s), max(times_s)))
    return f"{middle:.1f} ({low:.1f}-{high:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--samples", type=int, default=15)
    parser.add_argument("--backends", default="namespaces,docker")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / NAME
        folder.mkdir()
        make_repository(folder)
        tree = read_trees({NAME: folder})[0]
        print(f"{tree.entries} entries, {tree.size_bytes / 1e6:.0f} MB; median (min-max) of {options.samples} in ms")
        print("| sandbox | answer | sample, overlay | of it: lay and lift | sample, copy | of it: restore |")
        print("|---|---|---|---|---|---|")
        for backend in options.backends.split(","):
            measure(backend, folder, options.samples)


if __name__ == "__main__":
    main()

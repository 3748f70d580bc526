"""A cgroup for one box, where this machine lets us make one: a hard bound on memory and processes."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from dataclasses import dataclass
from pathlib import Path

from codebench.sandbox.job import Limits

_ROOT = Path("/sys/fs/cgroup")
_MIB = 1024 * 1024
_serial = itertools.count()

HEADROOM_MIB = 256
"""What a box may use beyond its candidate: judge, zygote, and files in tmpfs."""
HEADROOM_PROCESSES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Cgroup:
    """The directories of a box's cgroup (one in v2, one per controller in v1), and its OOM counter's file."""

    directories: tuple[Path, ...]
    oom_file: Path | None

    def remove(self) -> None:
        """Remove the cgroup; it must be empty, or be so within a second."""
        for directory in self.directories:
            for _ in range(20):
                with contextlib.suppress(OSError):
                    directory.rmdir()
                if not directory.exists():
                    break
                time.sleep(0.05)


NONE = Cgroup(directories=(), oom_file=None)


def create(limits: Limits, views_mib: int = 0) -> Cgroup:
    """Make a cgroup bounded by `limits`; NONE where this user or this machine does not allow it.

    `views_mib` is what views of repositories may take of memory besides.
    """
    name = f"codebench-{os.getpid()}-{next(_serial)}"
    memory = (limits.memory_mib + HEADROOM_MIB + views_mib) * _MIB
    processes = limits.processes + HEADROOM_PROCESSES
    try:
        if (_ROOT / "cgroup.controllers").exists():
            return _create_v2(name, memory, processes)
        return _create_v1(name, memory, processes)
    except OSError:
        return NONE


def _create_v1(name: str, memory: int, processes: int) -> Cgroup:
    made = []
    directory = _ROOT / "memory" / name
    directory.mkdir()
    made.append(directory)
    _write(directory, {"memory.limit_in_bytes": memory})
    with contextlib.suppress(OSError):  # swap accounting may be off
        _write(directory, {"memory.memsw.limit_in_bytes": memory})
    with contextlib.suppress(OSError):
        pids = _ROOT / "pids" / name
        pids.mkdir()
        made.append(pids)
        _write(pids, {"pids.max": processes})
    return Cgroup(directories=tuple(made), oom_file=directory / "memory.oom_control")


def _create_v2(name: str, memory: int, processes: int) -> Cgroup:
    for parent in (_own_v2(), _ROOT):
        enabled = (parent / "cgroup.subtree_control").read_text().split()
        if "memory" in enabled and os.access(parent, os.W_OK):
            directory = parent / name
            directory.mkdir()
            _write(directory, {"memory.max": memory})
            with contextlib.suppress(OSError):
                _write(directory, {"memory.swap.max": 0, "pids.max": processes})
            return Cgroup(directories=(directory,), oom_file=directory / "memory.events")
    return NONE


def _own_v2() -> Path:
    line = next(s for s in Path("/proc/self/cgroup").read_text().splitlines() if s.startswith("0::"))
    return _ROOT / line.removeprefix("0::").lstrip("/")


def _write(directory: Path, values: dict[str, int]) -> None:
    for name, value in values.items():
        (directory / name).write_text(str(value))

"""What the guest gives up before it touches anything that it does not trust."""

# ruff: noqa: TID251 - relative imports: in a box this package is called codebench, without the rest of it

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path

from . import kernel


def harden_process() -> None:
    """Make this process unreadable for others of its uid, and deaf to setuid bits; inherited by what it forks."""
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def stay_on(core: int | None) -> None:
    """Run this process, and what it forks from now on, on one core; the candidates' is let go when it runs on."""
    if core is not None and os.sched_getaffinity(0) != {core}:
        with contextlib.suppress(OSError):  # no such core for this box: then it runs where it may
            os.sched_setaffinity(0, {core})


def volunteer_for_oom() -> None:
    """Be what the kernel kills first when the box is out of memory; inherited by what this process forks."""
    try:
        Path("/proc/self/oom_score_adj").write_text("900")
    except OSError:
        return  # without it the kernel still takes the largest process, which is the candidate


def drop_root(own_uid: int) -> None:
    """Make this process the user `own_uid`, with no power left but to become other users; 0: without any power."""
    if own_uid == 0:
        kernel.keep_capabilities()
        return
    kernel.prctl(kernel.PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(own_uid, own_uid, own_uid)
    os.setresuid(own_uid, own_uid, own_uid)
    kernel.keep_capabilities(kernel.CAP_SETUID, kernel.CAP_SETGID)


def become(uid: int) -> None:
    """Drop to the candidate's user, and to no capability at all, for good."""
    if os.getuid() != uid:
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        kernel.drop_capabilities()


def bound_memory(extra: int) -> None:
    """Let this process grow by `extra` bytes of address space and no more."""
    with open("/proc/self/statm") as f:  # noqa: PTH123 - beside its likes in zygote.py
        now = int(f.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + extra, now + extra))


class OomCounter:
    """The cgroup's own count of OOM kills, from cgroup v1 or v2, as far as the box may read it."""

    _FILES = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")

    def __init__(self, fd: int | None = None) -> None:
        self._fd = fd if fd is not None else next(filter(None, map(_open_readable, self._FILES)), None)

    def read(self) -> int:
        """Return the number of OOM kills so far; 0 where it cannot be known."""
        if self._fd is None:
            return 0
        for line in os.pread(self._fd, 4096, 0).decode().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
        return 0


def _open_readable(path: str) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None

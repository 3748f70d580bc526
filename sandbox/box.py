"""One box, seen from the host: a wall around a guest, and the conversation with the guest over a stream."""

from __future__ import annotations

import base64
import itertools
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

import msgspec

from codebench.sandbox.command import CommandFacts
from codebench.sandbox.guest.frames import FrameBuffer, FrameError, header
from codebench.sandbox.job import (
    Batch,
    Conclusion,
    Execution,
    Job,
    Limits,
    Outcome,
    Report,
    SandboxError,
    SandboxInfo,
    TestModule,
)
from codebench.sandbox.rootfs import PYTHON
from codebench.sandbox.trees import Tree
from codebench.sandbox.views import Views, ViewsError

_MAX_RESULT = 256 * 1024 * 1024  # the outputs of a reference may be large
_START_S = 60.0
_TENDING_S = 1200.0  # what a guest may take to make its copy of a repository, and to restore it
_GRACE_S = 15.0  # what a guest may take beyond a sample's own limit: ending it, sweeping, a busy machine
_STRETCH = 4.0  # the guest stretches the wall limit up to this factor while no core is free
_BOOT = "import sys; sys.path.append('/'); from codebench.main import main; main(sys.argv[1])"
_STOOD_STILL = "Timeout (0:"  # what faulthandler writes when the judge makes no headway; see guest.session.Ticker
_PORTION = 1 << 20  # bytes that are sent at once, but for a part that is larger
_MIB = 1024 * 1024
_serial = itertools.count()

GUEST_ENV: Mapping[str, str] = {
    "HOME": "/tmp",  # noqa: S108 - the guest's own tmpfs
    "LC_ALL": "C",  # the one locale that needs no files; Python speaks UTF-8 there all the same
    "MALLOC_ARENA_MAX": "2",  # threads would otherwise reserve more address space than RLIMIT_AS allows
    "PATH": "/usr/bin:/bin",
    "PYTHONHASHSEED": "0",  # the order of sets must not differ between two boxes
}


class Channel(Protocol):
    """A running box. Every method but `close` and `diagnosis` raises SandboxError when the box is gone."""

    def send(self, data: bytes, deadline_s: float) -> None:
        """Write all of `data` to the guest's standard input within `deadline_s` seconds."""
        ...

    def receive(self, timeout_s: float) -> bytes:
        """Return the next bytes of the guest's standard output, b"" at its end; raises TimeoutError."""
        ...

    def open_views(self) -> Views:
        """Have views of repositories laid into this box, which has started; raises ViewsError where that cannot be."""
        ...

    def close(self) -> None:
        """End the box and everything in it, now. Idempotent, never raises."""
        ...

    def diagnosis(self) -> str:
        """Return the box's last words: exit status, end of its standard error; at most 2 KiB."""
        ...


class Wall(Protocol):
    """A way to put walls around guests."""

    @property
    def info(self) -> SandboxInfo: ...

    @property
    def trees(self) -> tuple[Tree, ...]:
        """The repositories of its boxes."""
        ...

    @property
    def overlays(self) -> bool:
        """Are views of them to be laid into the boxes from outside, where that can be done?"""
        ...

    @property
    def bounds_addresses(self) -> bool:
        """May a candidate's address space be limited? Not where it uses a GPU, which maps all memory there is."""
        ...

    def open_box(self, limits: Limits) -> Channel:
        """Start a guest behind fresh walls; raises SandboxError."""
        ...

    def close(self) -> None: ...


class BoxSpentError(SandboxError):
    """The box gave no answer, or none that makes sense; the job may be tried on a fresh one."""


def candidate_uid() -> int:
    """A uid for one box's candidates: boxes on one kernel share what the kernel counts per uid, so none is shared."""
    return 20_000 + (os.getpid() * 64 + next(_serial)) % 10_000 * 4


def guest_argv(
    *, uid: int, nested: bool, python: str = PYTHON, oom_fd: int | None = None, repositories: Sequence[str] = ()
) -> list[str]:
    """The command line of a guest.

    From `uid` on four ids belong to the box: two zygotes and their candidates; 0 is for a box that has one id only.
    `nested` gives each zygote a PID namespace of its own (needs CAP_SYS_ADMIN). `oom_fd` is the cgroup's OOM counter.
    """
    scratch = ["/tmp", "/dev/shm"]  # noqa: S108 - the box's own
    config = {"uid": uid, "nested": nested, "writable": scratch, "oom_fd": oom_fd, "repositories": [*repositories]}
    return [python, "-S", "-s", "-P", "-B", "-X", "utf8", "-c", _BOOT, json.dumps(config)]


class Box:
    """A started guest. Not thread-safe: one job at a time. Where `core` is given, all of it runs on that core."""

    def __init__(self, wall: Wall, limits: Limits, core: int | None = None) -> None:
        self._limits = limits
        self.core = core
        self._channel = wall.open_box(limits)
        self._buffer = FrameBuffer(_MAX_RESULT)
        self.clean = True
        self._batch: Batch | None = None  # what the guest still holds of the job before
        self._trees = wall.trees
        self._bounds_addresses = wall.bounds_addresses
        self._views: Views | None = None
        self.copies = ""
        try:
            kind, body = self._receive(time.monotonic() + _START_S)
            if kind != b"H":
                raise self._spent("spoke out of turn at its start")
            self.python: str = msgspec.json.decode(body)["python"]
            if self._trees and wall.overlays:
                self._open_views()
        except BaseException:
            self.close()
            raise

    def run(self, job: Job) -> Execution:
        """Run one job; raises BoxSpentError, after which the box must be closed, or SandboxError."""
        if job.command is None:
            return self._run(job)
        if job.command.repository not in [tree.name for tree in self._trees]:
            raise SandboxError(f"this sandbox was opened without the repository {job.command.repository}")
        if self._views is None:
            return self._run(job)
        try:
            self._views.lay(job.command.repository, min(job.limits.disk_mib, self._limits.disk_mib))
        except ViewsError as e:
            raise self._spent(f"takes no view of {job.command.repository}: {e}") from e
        execution = self._run(job, laid=True)
        try:
            self._views.lift(job.command.repository)
        except ViewsError:  # something holds it still, though all processes are dead: no more samples here
            self.clean = False
        return execution

    def _open_views(self) -> None:
        """Have fresh views laid for every command, or let the guest keep a copy; `copies` says why."""
        try:
            self._views = self._channel.open_views()
        except ViewsError as e:
            self.copies = str(e)

    def _run(self, job: Job, laid: bool = False) -> Execution:
        limit_s = job.limits.timeout_s + (job.batch.total_s if job.batch is not None else 0.0)
        deadline = time.monotonic() + limit_s * _STRETCH + _GRACE_S
        if job.command is not None:
            deadline += job.limits.timeout_s * _STRETCH + _TENDING_S
        # The standard library's encoder, because a program's text may hold lone surrogates, which msgspec refuses.
        parts = [json.dumps(_order(job, self.core, laid, self._bounds_addresses)).encode()]
        if job.batch is not None and job.batch is not self._batch:
            parts += _cases(job.batch)
            self._batch = job.batch
        self._send(b"J", parts)
        started = time.monotonic()
        try:
            kind, body = self._receive(deadline)
        except BoxSpentError as e:
            if _STOOD_STILL not in str(e):
                raise
            self.clean = False
            return _stood_still(job, time.monotonic() - started)
        if kind != b"R":
            raise self._spent(f"answered with a frame of kind {kind!r}")
        return self._execution(body)

    def close(self) -> None:
        """End the box and all that is in it."""
        self._channel.close()

    def _send(self, kind: bytes, parts: Sequence[bytes]) -> None:
        """Send one frame in portions: inputs may be large, and are not to be copied as a whole."""
        portion = header(kind, sum(map(len, parts)))
        for part in parts:
            if len(portion) + len(part) > _PORTION:
                self._channel.send(portion, _GRACE_S)
                portion = b""
            portion = portion + part if portion else part
        self._channel.send(portion, _GRACE_S)

    def _execution(self, body: bytes) -> Execution:
        head, *outputs = body.split(b"\n")
        facts: dict[str, Any] = msgspec.json.decode(head)
        self.clean = facts.pop("clean")
        facts["report"]["outputs"] = outputs
        if facts["report"]["conclusion"] == "broken_test":
            raise SandboxError(f"the problem cannot be judged: {facts['report']['detail']}")
        return msgspec.convert(facts, Execution, builtin_types=(bytes,))

    def _receive(self, deadline: float) -> tuple[bytes, bytes]:
        try:
            while (frame := self._buffer.next()) is None:
                data = self._channel.receive(max(0.0, deadline - time.monotonic()))
                if not data:
                    raise self._spent("ended")
                self._buffer.feed(data)
        except TimeoutError:
            raise self._spent("gave no answer in time") from None
        except FrameError as e:
            raise self._spent(f"sent nonsense: {e}") from None
        return frame

    def _spent(self, what: str) -> BoxSpentError:
        return BoxSpentError(f"the box {what}; {self._channel.diagnosis() or 'it left no message'}")


def _stood_still(job: Job, wall_s: float) -> Execution:
    """The test got stuck on what the program had returned, and its box was ended: the program's time is over."""
    command = CommandFacts(timed_out=True) if job.command is not None else None
    detail = "the test did not come to an end on what the program returned"
    report = Report(conclusion=Conclusion.BROKEN_OFF, detail=detail)
    return Execution(
        outcome=Outcome.TIMED_OUT, report=report, wall_s=wall_s, cpu_s=0.0, memory_bytes=0, command=command
    )


def _order(job: Job, core: int | None, laid: bool, bounds_addresses: bool) -> dict[str, object]:
    limits = job.limits
    return {
        "source": job.source,
        "entry_point": job.entry_point,
        "context": job.context,
        "test": job.test,
        "batch": _batch_facts(job.batch) if job.batch is not None else None,
        "test_module": _module_facts(job.test_module) if job.test_module is not None else None,
        "command": {**asdict(job.command), "laid": laid} if job.command is not None else None,
        "seed_key": job.seed_key,
        "output_bytes": limits.output_bytes,
        "watch": {
            "timeout_s": limits.timeout_s,
            "memory_bytes": limits.memory_mib * _MIB,
            "core": core,
            "alone_on_core": job.batch is not None and bool(job.batch.rival),
            "many_processes": job.command is not None,
        },
        "rlimits": {
            "RLIMIT_AS": limits.memory_mib * _MIB if bounds_addresses else None,
            "RLIMIT_FSIZE": limits.disk_mib * _MIB,
            "RLIMIT_NPROC": limits.processes,
            "RLIMIT_NOFILE": 256,
        },
    }


def _module_facts(module: TestModule) -> dict[str, object]:
    return {
        "source": module.source,
        "tests": module.tests,
        "module": module.module,
        "apart": module.apart,
        "files": {path: base64.b64encode(content).decode() for path, content in module.files.items()},
    }


def _batch_facts(batch: Batch) -> dict[str, object]:
    return {
        "stop_early": batch.stop_early,
        "total_s": batch.total_s,
        "record": batch.record,
        "packed": batch.packed,
        "rival": batch.rival,
        "turn": batch.turn,
        "warm_up": len(batch.warm_up),
        "repeats": batch.repeats,
        "plain": not any(b"{" in call for group in batch.groups for call in group.inputs),
        "limits_s": [limit_s for group in batch.groups for limit_s in group.limits_s],
        "groups": [
            {"count": len(group.inputs), "oracle": group.oracle, "reflexive": group.reflexive} for group in batch.groups
        ],
    }


def _cases(batch: Batch) -> list[bytes]:
    """A line with all inputs as one JSON list, then a line for each expected output, in parts.

    With a rival each input has a line of its own, for it goes its own way, and so have those that warm up, after them.
    """
    start, between, end = (b"\n[", b",", b"]") if not batch.rival else (b"\n", b"\n", b"")
    parts = [start]
    calls = [call for group in batch.groups for call in group.inputs]
    for number, call in enumerate([*calls, *batch.warm_up]):
        parts += [between, call] if number else [call]
    parts.append(end)
    for group in batch.groups:
        for line in group.expected:
            parts += [b"\n", line]
    return parts

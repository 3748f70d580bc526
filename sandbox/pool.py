"""A pool of boxes behind one kind of wall: one long-lived box per worker, replaced whenever there is doubt about it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Self

from codebench.sandbox.box import Box, BoxSpentError, Wall
from codebench.sandbox.job import Execution, Job, Outcome, SandboxError, SandboxInfo, SandboxOptions


class Pool:
    """A Sandbox over a wall. Each worker is a thread that talks to its box; a job waits for a free worker."""

    def __init__(self, wall: Wall, options: SandboxOptions) -> None:
        self._wall = wall
        self._limits = options.limits
        self._workers = options.workers
        self._boxes: asyncio.Queue[Box | None] = asyncio.Queue()
        self._all: set[Box] = set()
        self._threads = ThreadPoolExecutor(options.workers, thread_name_prefix="codebench-box")
        self._cores = physical_cores() if options.pinned else _cores(options.workers)

    @property
    def info(self) -> SandboxInfo:
        """What the wall says, and why boxes have copies of repositories, once one that does has been opened."""
        info = self._wall.info
        reasons = sorted({f"views of repositories are copies: {box.copies}" for box in tuple(self._all) if box.copies})
        return replace(info, notes=(*info.notes, *reasons)) if reasons else info

    async def __aenter__(self) -> Self:
        """Start one box now, so that a sandbox that cannot work says so at once; the others start when needed."""
        loop = asyncio.get_running_loop()
        try:
            first = await loop.run_in_executor(self._threads, self._open)
        except BaseException:
            await self.__aexit__()
            raise
        self._boxes.put_nowait(first)
        for _ in range(self._workers - 1):
            self._boxes.put_nowait(None)
        return self

    async def __aexit__(self, *exc: object) -> None:
        for box in tuple(self._all):  # from here, not from the workers: a worker that waits on its box must be cut off
            box.close()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for box in tuple(self._all):
            box.close()
        self._wall.close()

    async def run(self, job: Job) -> Execution:
        """Run one job on a free box. Raises SandboxError when the machine failed, twice."""
        loop = asyncio.get_running_loop()
        box = await self._boxes.get()
        work = self._threads.submit(self._run_on, box, job)
        # Whatever becomes of the caller, the place is free again when, and only when, the thread is.
        work.add_done_callback(lambda done: loop.call_soon_threadsafe(self._boxes.put_nowait, _box_after(done)))
        _, execution = await asyncio.wrap_future(work)
        return execution

    def _run_on(self, box: Box | None, job: Job) -> tuple[Box | None, Execution]:
        """Run in a worker's thread; returns the box, or None where the next job needs a fresh one."""
        try:
            box = box or self._open()
            execution = self._run_once(box, job)
            if not _killed_from_outside(execution):
                return self._kept(box), execution
            self._discard(box)
        except BoxSpentError:
            pass
        box = self._open()  # once more, on a box that nothing has happened to
        try:
            execution = self._run_once(box, job)
        except BoxSpentError as e:
            raise SandboxError(f"{e} (on two boxes, one after the other)") from e
        return self._kept(box), execution

    def _run_once(self, box: Box, job: Job) -> Execution:
        _stay_on(box.core)
        try:
            return box.run(job)
        except BaseException:
            self._discard(box)
            raise

    def _kept(self, box: Box) -> Box | None:
        if box.clean:
            return box
        self._discard(box)
        return None

    def _open(self) -> Box:
        _stay_on(None)  # a box may use all cores, though this thread may have kept to one: it inherits
        core = self._cores.pop() if self._cores else None
        try:
            box = Box(self._wall, self._limits, core)
        except BaseException:
            self._give_back(core)
            raise
        self._all.add(box)
        return box

    def _discard(self, box: Box) -> None:
        box.close()
        self._all.discard(box)
        self._give_back(box.core)

    def _give_back(self, core: int | None) -> None:
        if core is not None:
            self._cores.append(core)


def _cores(workers: int) -> list[int]:
    """One core for each box, or none at all.

    What takes part in one sample (this thread, judge, zygote, candidate) takes turns, so that a hand-over within one
    core is cheaper than waking another. Only where every core gets a box: else two runs might share one and leave
    another idle.
    """
    cores = sorted(os.sched_getaffinity(0))
    return cores if workers == len(cores) else []


def physical_cores() -> list[int]:
    """One of the logical cores of each physical core that this process may use."""
    found: dict[str, int] = {}
    for core in sorted(os.sched_getaffinity(0)):
        place = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
        try:
            found.setdefault(place.read_text(), core)
        except OSError:
            found[str(core)] = core
    return list(found.values())


def _stay_on(core: int | None) -> None:
    """Keep this thread, which serves one box after another, on the core of its present one."""
    with contextlib.suppress(OSError):  # not allowed, or the core was taken away: then it runs where it may
        os.sched_setaffinity(0, {core} if core is not None else os.sched_getaffinity(os.getpid()))


def _killed_from_outside(execution: Execution) -> bool:
    """SIGKILL, and not the guest's: the machine's doing or the candidate's own, which a second run can tell."""
    return execution.outcome is Outcome.SIGNALED and execution.signal == signal.SIGKILL


def _box_after(done: Future[tuple[Box | None, Execution]]) -> Box | None:
    """The box that the next job may use; None where it needs a fresh one."""
    return None if done.cancelled() or done.exception() is not None else done.result()[0]

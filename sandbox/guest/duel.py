"""A duel: a candidate and a trusted rival get the same calls in turn, each in its own process, on one core.

Both do everything in steps and wait between them, so each step's CPU time is read from outside, off the kernel's clock
for their processes. Input and output of a call are steps of their own: decoding and writing take as long for the one
as for the other, and whatever a candidate takes beyond that can be charged to it.
"""

# ruff: noqa: TID251 - relative imports: in a box this package is called codebench, without the rest of it

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Sequence
from typing import Any

from .cases import Trial
from .session import BrokenOff, Session

_EMPTY_CALLS = 5
_BESIDE_S = 30.0  # for what is not the call: writing the result down, waiting for the rival, the next input


class RivalError(Exception):
    """The trusted rival did not do what it must."""


class Fighter:
    """One side: its process and what it has used."""

    def __init__(self, session: Session, source: str, order: dict[str, Any], repeats: int) -> None:
        """Have it load its program: `loaded` is the answer to that. Raises BrokenOff."""
        self._session = session
        self._repeats = repeats
        self.times: list[dict[str, Any]] = []
        core = next(iter(sorted(os.sched_getaffinity(0))))
        session.request(b"P", b"%d %d\n" % (core, repeats) + source.encode("utf-8", "surrogatepass"))
        self.empty_s = statistics.median(self._empty() for _ in range(_EMPTY_CALLS)) if repeats == 1 else 0.0
        before, _ = session.clock()
        self.loaded = session.request(b"L", json.dumps({**order, "source": source}).encode())
        self._used, self._last_pid = session.clock()
        self.load_s = self._used - before
        self.warm_s = 0.0

    def warm_up(self, calls: Sequence[bytes], limit_s: float) -> None:
        """Have it do these calls first, as code that has never run takes many times as long. Raises BrokenOff."""
        for call in calls:
            self._session.request(b"I", call)
            self._session.lap(limit_s)
            self._session.request(b"G", b"")
            self._session.lap(_BESIDE_S)
        before = self._used
        self._used, self._last_pid = self._session.clock()
        self.warm_s = self._used - before

    def _empty(self) -> float:
        """CPU seconds from one reading of the clock to the next where nothing is called between them."""
        self._session.request(b"I", b"[]")
        before_s = self._session.own_clock()
        self._session.request(b"G", b"")
        return self._session.own_clock() - before_s

    def time(self, call: bytes, limit_s: float) -> bytes:
        """Have it do one call; gives the output. Raises BrokenOff.

        In between only the clock of its first process is read, which is quick; at the end that of all. Where there
        were others, the wall time counts.
        """
        self._session.request(b"I", call)
        self._session.lap(limit_s * self._repeats)
        ready = self._session.own_clock()
        started = time.monotonic()
        _, inside = self._session.request(b"G", b"")
        done = self._session.own_clock()
        self._session.lap(_BESIDE_S)
        _, output = self._session.request(b"E", b"")
        wall_s = time.monotonic() - started
        written, last_pid = self._session.clock()
        self.times.append(
            {
                "between_s": max(0.0, ready - self._used),
                "call_s": done - ready,
                "emit_s": max(0.0, written - done),
                "wall_s": wall_s,
                "inside_s": _seconds(inside, self._repeats),
                "spawned": last_pid - self._last_pid,
            }
        )
        self._used, self._last_pid = written, last_pid
        return output


def _seconds(text: bytes, count: int) -> list[float]:
    """What a process says of its own times: any numbers, or they are taken for none."""
    if count == 1:
        return []
    try:
        seconds = [float(part) for part in text[: 32 * count].split()]
    except ValueError:
        seconds = []
    return seconds if len(seconds) == count and all(0.0 <= one < 1e6 for one in seconds) else [0.0] * count


def fight(job: dict[str, Any], trial: Trial, own: Fighter, rival: Fighter, calls: Sequence[bytes]) -> None:
    """Put both to every call, and judge the candidate's outputs. Raises BrokenOff where it does not come back."""
    batch = job["batch"]
    for number, call in enumerate(calls):
        limit_s = batch["limits_s"][number]
        if (number + batch["turn"]) % 2 == 0:
            expected = _time_rival(rival, call, limit_s)
            output = own.time(call, limit_s)
        else:
            output = own.time(call, limit_s)
            expected = _time_rival(rival, call, limit_s)
        trial.judge(output, expected)
        if trial.failures:
            return


def _time_rival(rival: Fighter, call: bytes, limit_s: float) -> bytes:
    """The rival's output, which is the right one. Raises RivalError."""
    try:
        output = rival.time(call, 10 * limit_s + 1.0)
    except BrokenOff as e:
        raise RivalError(str(e)) from None
    if output[:1] in (b"!", b"?"):
        raise RivalError(output[:200].decode("ascii", "replace"))
    if b'{"o":' in output:
        raise RivalError("it returns what is not plain data, and so cannot be compared")
    return output

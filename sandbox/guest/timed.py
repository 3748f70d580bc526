"""The accused's side of a duel: one step at a time, so that what happens between two steps can be timed from outside.

`P` prepares for a program before it is loaded, `I` decodes the arguments of the next call, `G` calls, `E` writes the
result down. After each step the process waits for the next; what it says of its own time nobody has to believe.

Between the `G` that arrives and the answer to it lie two system calls and next to nothing else, so that a call of
microseconds can be told from none.
"""

# ruff: noqa: TID251 - relative imports: in a box this package is called codebench, without the rest of it

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from . import kernel, values
from .batch import Side
from .frames import pack

_DONE = pack(b"V", b"")
_WORD = 64  # more bytes than a `G` has


class Timed:
    """`objects[0]` is the entry point, once a program is loaded; `anew` loads it once more and gives the new one.

    `channel` is the socket to the judge.
    """

    def __init__(self, objects: list[Any], side: Side, anew: Callable[[], Any], channel: int) -> None:
        self._objects = objects
        self._channel = channel
        self._repeats = 1
        self._side = side
        self._anew = anew
        self._body = b""
        self._args: Any = ()
        self._result: object = None
        self._error: BaseException | None = None
        self.answers: dict[bytes, Callable[[bytes], bytes]] = {
            b"P": self._prepare,
            b"I": self._take,
            b"G": self._call,
            b"E": self._emit,
        }

    def _prepare(self, body: bytes) -> bytes:
        """Import what the source will, for neither side is to be charged for it; stay on this core for ever.

        No garbage is collected, except where calls are repeated: enam's process has its collector on.
        """
        order, _, source = body.partition(b"\n")
        core, self._repeats = map(int, order.split())
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {core})
            kernel.apply_seccomp(kernel.SCHED_SETAFFINITY)
        for name in _imports(source.decode("utf-8", "surrogatepass")):
            with contextlib.suppress(BaseException):
                importlib.import_module(name)
        gc.collect()
        gc.freeze()
        if self._repeats == 1:
            gc.disable()
        return pack(b"V", b"")

    def _take(self, body: bytes) -> bytes:
        self._result = self._error = None
        self._body = body
        self._args = values.loads(body, self._side.native)
        if self._repeats > 1:
            return _DONE
        function = self._objects[0]
        self._stand_by(_nothing if function is None else function, self._args, self._channel)
        return b""

    def _stand_by(self, function: Any, args: Any, channel: int) -> None:
        """Wait for the word, whichever it is, and call."""
        os.write(channel, _DONE)
        os.read(channel, _WORD)
        try:
            self._result = function(*args)
        except BaseException as e:  # noqa: BLE001 - SystemExit and the like are answers of the candidate too
            self._error = e
        os.write(channel, _DONE)

    def _call(self, _: bytes) -> bytes:
        times = [*self._repeated(self._repeats)]
        try:
            return pack(b"V", b" ".join(b"%.9f" % elapsed for elapsed in times))
        except (TypeError, ValueError):  # a clock of the candidate's own
            return _DONE

    def _repeated(self, repeats: int) -> Iterator[float]:
        """Each repetition has a program without a past, and equal arguments that nobody has changed."""
        for _ in range(repeats):
            try:
                self._objects[0] = self._anew()
            except BaseException as e:  # noqa: BLE001 - as below
                self._error = e
                return
            self._args = values.loads(self._body, self._side.native)
            yield self._time_one()

    def _time_one(self) -> float:
        function = self._objects[0]
        started = time.time()
        try:
            self._result = function(*self._args)
        except BaseException as e:  # noqa: BLE001 - as above
            self._error = e
        return time.time() - started

    def _emit(self, _: bytes) -> bytes:
        if self._error is not None:
            line = b"!" + self._side.raised(self._error)
        else:
            try:
                line = values.dumps(self._result, self._side.foreign, packed=True)
            except values.UnencodableError as e:
                line = b"?" + str(e).encode("ascii", "backslashreplace")
            except BaseException as e:  # noqa: BLE001 - as above
                line = b"!" + self._side.raised(e)
        self._side.flush()
        return pack(b"V", line)


def _nothing() -> None:
    """Called where nothing is loaded yet: what a call costs besides."""


def _imports(source: str) -> Iterator[str]:
    """The modules of the standard library that a program imports at its top, or seems to: one too many does no harm."""
    for line in source.splitlines():
        keyword, _, rest = line.partition(" ")
        if keyword == "import":
            names = [part.split()[0] for part in rest.split(",") if part.strip()]
        elif keyword == "from":
            names = rest.split()[:1]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] in sys.stdlib_module_names)

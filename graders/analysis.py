"""Analysis of untrusted text, in processes that can be killed.

Guarantees: whatever a text does to an analyser (an endless search, all memory, a crash), it ends as an AnalysisError
within the limits, and neither the host nor the next text notices. Nothing of the text is ever run.
Does not guarantee: safety against a text that takes over an analyser's process; these have the rights of the host.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self, TypeVar

import msgspec

from codebench.sandbox import SandboxError

_START_S = 120.0  # for a process to start and load its analysers; only a broken machine takes so long
_PATIENCE = 4.0  # wall time over CPU time: a process may wait for a busy core
_REPLY_BYTES = 64 * 1024 * 1024
_PASSED_ON = ("PATH", "HOME", "LD_LIBRARY_PATH")

HEAD = struct.Struct(">I")
"""What precedes a message: its length."""

T = TypeVar("T")


class AnalysisError(Exception):
    """A text could not be analysed; the message says why in one line, and quotes nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisLimits:
    """What one text may cost. `cpu_s` is CPU time; wall time is bounded by four times that."""

    cpu_s: float = 10.0
    memory_mib: int = 1024
    text_bytes: int = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Have `kind` analyse the texts, in UTF-8 where lone surrogates pass; without any it is only loaded."""

    kind: str
    texts: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of a request: `value`; or why there is none, and whether the installation is to blame.

    `spent` says that the process had better not be asked again.
    """

    value: bytes | None = None
    reason: str = ""
    broken: bool = False
    spent: bool = False


class Analysers:
    """At most `workers` processes that analyse texts, one at a time each; they start when they are needed.

    Close it, or leave its context, to end them; they end with the host in any case.
    """

    def __init__(self, workers: int | None = None, limits: AnalysisLimits | None = None) -> None:
        self._limits = limits or AnalysisLimits()
        # A process dies with the thread that started it, which is here until the executor is shut down.
        self._threads = ThreadPoolExecutor(
            workers or len(os.sched_getaffinity(0)), thread_name_prefix="codebench-analyser"
        )
        self._idle: list[_Analyser] = []
        self._all: set[_Analyser] = set()
        self._closed = False

    async def analyse(self, kind: str, *texts: str, result: type[T]) -> T:
        """What the function `kind`, "module:function", returns for the texts in a process of ours.

        Raises AnalysisError where these texts are too much for it, SandboxError where no process can be had.
        """
        request = Request(kind=kind, texts=tuple(text.encode("utf-8", "surrogatepass") for text in texts))
        if sum(map(len, request.texts)) > self._limits.text_bytes:
            raise AnalysisError(f"longer than {self._limits.text_bytes >> 20} MiB")
        loop = asyncio.get_running_loop()
        value = await loop.run_in_executor(self._threads, self._run, request)
        try:
            return msgspec.msgpack.decode(value, type=result)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise AnalysisError(f"the analyser's reply makes no sense: {error}") from error

    def close(self) -> None:
        """End all processes; what is under way fails."""
        self._closed = True
        for analyser in tuple(self._all):  # from here: a thread that waits for its process must be cut off
            analyser.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for analyser in tuple(self._all):
            self._end(analyser)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.close()

    def _run(self, request: Request) -> bytes:
        """In a thread: on an idle process, or a new one. One that was killed from outside gets a second chance."""
        try:
            return self._run_once(request)
        except _KilledError:
            return self._run_once(request)

    def _run_once(self, request: Request) -> bytes:
        try:
            analyser = self._idle.pop()
        except IndexError:
            analyser = self._start()
        try:
            value = analyser.analyse(request)
        except _RefusedError:
            self._idle.append(analyser)
            raise
        except BaseException:
            self._end(analyser)
            raise
        self._idle.append(analyser)
        return value

    def _start(self) -> _Analyser:
        analyser = _Analyser(self._limits)
        self._all.add(analyser)
        if self._closed:
            analyser.kill()
        return analyser

    def _end(self, analyser: _Analyser) -> None:
        self._all.discard(analyser)
        analyser.close()


class _KilledError(AnalysisError):
    """Ended by a SIGKILL that was not ours: perhaps the machine was out of memory, and not the text's fault."""


class _RefusedError(AnalysisError):
    """The analyser gave up and is in order."""


class _Analyser:
    """The host's end of one process."""

    def __init__(self, limits: AnalysisLimits) -> None:
        self._limits = limits
        self._loaded: set[str] = set()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "codebench.graders.analyser", str(os.getpid()), str(limits.memory_mib)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                cwd="/",
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for the host; and it is killed with its children
            )
        except OSError as error:
            raise SandboxError(f"cannot start an analyser, {sys.executable}: {error.strerror}; free memory") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in = self._process.stdin.fileno()
        self._out = self._process.stdout.fileno()
        os.set_blocking(self._in, False)

    def analyse(self, request: Request) -> bytes:
        """Load what is asked for, on the installation's account, then analyse on that of the text."""
        if request.kind not in self._loaded:
            try:
                self._ask(Request(kind=request.kind), _Clock(self._process.pid, _START_S))
            except AnalysisError as error:
                raise SandboxError(f"cannot load the analyser {request.kind}: {error}; reinstall codebench") from error
            self._loaded.add(request.kind)
        return self._ask(request, _Clock(self._process.pid, self._limits.cpu_s))

    def kill(self) -> None:
        """End it and whatever it started. Whoever waits for its reply learns of it."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End it, and have no trace of it left. Nobody may be waiting for its reply."""
        self.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _ask(self, request: Request, clock: _Clock) -> bytes:
        try:
            self._send(msgspec.msgpack.encode(request), clock)
            (length,) = HEAD.unpack(self._receive(HEAD.size, clock))
            if length > _REPLY_BYTES:
                raise AnalysisError("the analyser's reply is too long")
            reply = msgspec.msgpack.decode(self._receive(length, clock), type=Reply)
        except TimeoutError as error:
            raise AnalysisError(f"out of time: not done within {clock.limit_s:g} s") from error
        except (OSError, EOFError) as error:
            raise self._ended() from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise AnalysisError(f"the analyser's reply makes no sense: {error}") from error
        if reply.broken:
            raise SandboxError(f"the analyser {request.kind} cannot work: {reply.reason}; reinstall codebench")
        if reply.value is None:
            raise AnalysisError(reply.reason) if reply.spent else _RefusedError(reply.reason)
        return reply.value

    def _send(self, message: bytes, clock: _Clock) -> None:
        rest = memoryview(HEAD.pack(len(message)) + message)
        while rest:
            clock.wait(lambda limit_s: select.select((), (self._in,), (), limit_s)[1])
            rest = rest[os.write(self._in, rest) :]

    def _receive(self, size: int, clock: _Clock) -> bytes:
        data = bytearray()
        while len(data) < size:
            clock.wait(lambda limit_s: select.select((self._out,), (), (), limit_s)[0])
            portion = os.read(self._out, size - len(data))
            if not portion:
                raise EOFError
            data += portion
        return bytes(data)

    def _ended(self) -> AnalysisError:
        try:
            status = self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            return AnalysisError("the analyser hung up")
        if status == -signal.SIGKILL:
            return _KilledError("the analyser was killed from outside, twice")
        return AnalysisError(f"the analyser ended: {f'signal {-status}' if status < 0 else f'exit status {status}'}")


class _Clock:
    """Bounds the CPU time that a process uses from now on, and less strictly the wall time."""

    def __init__(self, pid: int, limit_s: float) -> None:
        self.limit_s = limit_s
        self._clock = (~pid << 3) | 2  # the kernel's name of a process's CPU clock: CPUCLOCK_SCHED in posix-timers.h
        self._cpu_end_s = self._cpu_s() + limit_s
        self._wall_end_s = time.monotonic() + limit_s * _PATIENCE

    def wait(self, ready: Callable[[float], object]) -> None:
        """Until `ready`, which is given how long it may wait. Raises TimeoutError."""
        while not ready(max(0.0, left_s := self._left_s())):
            if left_s <= 0:
                raise TimeoutError

    def _left_s(self) -> float:
        return min(self._cpu_end_s - self._cpu_s(), self._wall_end_s - time.monotonic())

    def _cpu_s(self) -> float:
        try:
            return time.clock_gettime(self._clock)
        except OSError:  # it has ended, which its pipes tell better
            return 0.0


def _environment() -> dict[str, str]:
    """What an interpreter needs to find the packages that this one finds, and no key or token of the user's."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    path = os.pathsep.join(os.path.abspath(place) for place in sys.path if place)  # noqa: PTH100 - no link is followed
    return {**passed_on, "PYTHONPATH": path, "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}

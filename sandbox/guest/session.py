"""The judge's end of one candidate: requests over the socket, captured output, and the first thing that went wrong."""

# ruff: noqa: TID251 - relative imports: in a box this package is called codebench, without the rest of it

from __future__ import annotations

import faulthandler
import json
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from . import values
from .frames import FrameBuffer, FrameError, pack

_MAX_RECEIVED = 128 * 1024 * 1024  # all that one candidate may send, in bytes
_CHUNK = 1 << 16
_MOUTHFUL = 1 << 22
_MUCH = 1 << 15  # half of what a pipe holds
_MOMENT_MS = 10
_DYING_MS = 200  # from the closing of a dying process's pipe to that of its socket
_OVERRUN = 1.2  # of the sample's limit: the judge may stand still that long in all, from the test's start
_SILENCE_S = 1.0  # what it may stand still later on
LAP = b"L"
"""What a message to the zygote begins with that restarts its clock; then the seconds of a lap, and of all or 0."""
CLOCK = b"C"
"""A message to the zygote that it answers with what the candidate has used so far."""
_Fault = TypeVar("_Fault", bound=BaseException)


class BrokenOff(BaseException):
    """The candidate is gone or speaks nonsense. Not an Exception, so that no `except Exception` of a test hides it."""


class Unsupported(BaseException):
    """The test wants something of the candidate that cannot cross the boundary."""


class Captured:
    """The first `keep` bytes of an output stream; the rest is drained, and only known to have been there."""

    def __init__(self, fd: int, keep: int) -> None:
        self.fd = fd
        self.truncated = False
        self.heard: Callable[[bytes], None] = _nobody
        self._keep = keep
        self._data = b""
        os.set_blocking(fd, False)

    def drain(self) -> bool:
        """Read what is there, up to one chunk; False at the end of the stream."""
        try:
            data = os.read(self.fd, _CHUNK)
        except BlockingIOError:
            return True
        room = self._keep - len(self._data)
        self._data += data[:room]
        self.truncated |= len(data) > room
        self.heard(data)
        return bool(data)

    def finish(self) -> None:
        """Read what a candidate that is dead has left in the pipe (a pipe holds 64 KiB by default, 1 MiB at most)."""
        for _ in range(20):
            if not self.drain():
                break
        os.close(self.fd)

    def facts(self) -> dict[str, Any]:
        return {"text": self._data.decode("utf-8", "replace"), "truncated": self.truncated}


def _nobody(_: bytes) -> None:
    """Who listens to most outputs."""


class Outputs:
    """The pipe on which a candidate writes one line for every input of a batch."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.ended = False
        self.busy = False
        self._begun = bytearray()
        os.set_blocking(fd, False)

    def read(self) -> list[bytes]:
        """Return the whole lines that are there, without waiting; `busy` says that more is to be expected at once.

        Raises MalformedError where a line is too long.
        """
        lines: list[bytes] = []
        size = 0
        while not self.ended and size < _MOUTHFUL:
            try:
                data = os.read(self.fd, _CHUNK)
            except BlockingIOError:
                break
            self.ended = not data
            size += len(data)
            head, *others = data.split(b"\n")
            self._begun += head
            if others:
                lines += [bytes(self._begun), *others[:-1]]
                self._begun = bytearray(others[-1])
        self.busy = size >= _MUCH or bool(self._begun)
        if len(self._begun) > values.MAX_OUTPUT_BYTES:
            raise values.MalformedError("an output that is too large")
        return lines


class Session:
    """One candidate process, from its first byte to its last.

    `fault` is the first thing that went wrong with it, whatever the test made of the exception: a test that swallows
    BrokenOff cannot turn a dead candidate into a pass.
    """

    def __init__(self, ends: Sequence[int], keep_output: int, host: int, watch: socket.socket) -> None:
        self._sock = socket.socket(fileno=ends[0])
        self._outputs_of_batch = Outputs(ends[3])
        self._host = host
        self._pid = _pid_of(ends[4])
        self.watch = watch
        self._sock.setblocking(False)
        self.stdout = Captured(ends[1], keep_output)
        self.stderr = Captured(ends[2], keep_output)
        self.fault: BaseException | None = None
        self.on_callback: Callable[[bytes], bytes] = _no_callbacks
        self._buffer = FrameBuffer(values.MAX_BYTES + 4096)
        self.received = 0
        self.hung_up = False
        self._poll = select.poll()
        self._poll.register(self._sock, select.POLLIN)
        self._poll.register(host, 0)  # only its hanging up is of interest here
        self._outputs = {out.fd: out for out in (self.stdout, self.stderr)}
        for fd in self._outputs:
            self._poll.register(fd, select.POLLIN)

    def request(self, kind: bytes, body: bytes) -> tuple[bytes, bytes]:
        """Send one request and return the reply to it, answering callbacks meanwhile; raises BrokenOff."""
        self.send(kind, body)
        while True:
            reply, answer = self.receive()
            if reply != b"B":
                return reply, answer
            self._send(self.on_callback(answer))

    def send(self, kind: bytes, body: bytes) -> None:
        """Send one request that several frames answer; raises BrokenOff."""
        self.raise_fault()
        self._send(pack(kind, body))

    def pass_on(self, data: bytes) -> None:
        """Send what is no request, as it is; raises BrokenOff."""
        self.raise_fault()
        self._send(data)

    def lap(self, limit_s: float, whole_s: float = 0.0) -> None:
        """Have the zygote measure anew from here: the candidate is at something for which it has `limit_s`.

        Where `whole_s` is given, that is how long this and all that follows may take.
        """
        self.watch.send(b"%b%f %f" % (LAP, limit_s, whole_s))

    def clock(self) -> tuple[float, int]:
        """CPU seconds of the candidate so far, and the last pid that was given out; raises BrokenOff."""
        self.raise_fault()
        self.watch.send(CLOCK)
        answer = json.loads(self.watch.recv(4096) or b"null")
        if answer is None:
            raise self._gone()
        used, last_pid = answer
        return used / 1e9, last_pid

    def own_clock(self) -> float:
        """CPU seconds of the candidate's first process so far; raises BrokenOff."""
        self.raise_fault()
        try:
            return time.clock_gettime(clock_of(self._pid))
        except OSError:
            return self.clock()[0]

    def break_off(self, why: str) -> BrokenOff:
        """Note the fault and return the exception to raise."""
        return self._note(BrokenOff(why))

    def unsupported(self, what: str) -> Unsupported:
        """Note that the test cannot be carried out over this boundary and return the exception to raise."""
        return self._note(Unsupported(what))

    def raise_fault(self) -> None:
        """A test that goes on after the candidate failed it says nothing: raise what went wrong first."""
        if self.fault is not None:
            raise self.fault

    def raise_if_gone(self) -> None:
        """Raise BrokenOff where the candidate's process is dead; for a timer, while the test itself runs."""
        if self.is_gone():
            raise self._gone()

    def is_gone(self, within_ms: int = 0) -> bool:
        """Is the candidate's process dead, or its socket closed?"""
        probe = select.poll()
        probe.register(self._sock, 0)
        return bool(probe.poll(within_ms))

    def close(self) -> None:
        """Close all ends; the candidate must be dead."""
        self._sock.close()
        os.close(self._outputs_of_batch.fd)
        self.stdout.finish()
        self.stderr.finish()

    def _note(self, fault: _Fault) -> _Fault:
        if self.fault is None:
            self.fault = fault
        return fault

    def _gone(self) -> BrokenOff:
        self.hung_up = True
        return self.break_off("the candidate's process ended")

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[self._sock.send(view) :]
            except BlockingIOError:
                self._poll.modify(self._sock, select.POLLIN | select.POLLOUT)
                self._turn(wait_for=select.POLLOUT)
                self._poll.modify(self._sock, select.POLLIN)
            except OSError:
                raise self._gone() from None

    def lines(self) -> list[bytes]:
        """Return the outputs of a batch that came within the next moment, none where none did.

        Raises BrokenOff when the candidate is gone, or has closed the pipe, and all that it wrote has been returned.
        """
        outputs, patient = self._outputs_of_batch, select.poll()
        patient.register(self._sock, 0)
        patient.register(self._host, 0)
        patient.register(outputs.fd, select.POLLIN if outputs.busy else 0)
        for fd in self._outputs:
            patient.register(fd, select.POLLIN)
        events = dict(patient.poll(_MOMENT_MS))
        self._attend(events)
        try:
            lines = outputs.read()
        except values.MalformedError as e:
            raise self.break_off(str(e)) from None
        self._count(sum(map(len, lines)))
        if not lines and (outputs.ended or not outputs.busy):
            if self._sock.fileno() in events or (outputs.ended and self.is_gone(within_ms=_DYING_MS)):
                raise self._gone()
            if outputs.ended:
                raise self.break_off("fewer outputs than inputs")
        return lines

    def receive(self) -> tuple[bytes, bytes]:
        """Return the candidate's next frame; raises BrokenOff."""
        while True:
            try:
                frame = self._buffer.next()
            except FrameError as e:
                raise self.break_off(str(e)) from None
            if frame is not None:
                return frame
            self._turn(wait_for=select.POLLIN)

    def follow(self, pidfd: int, enough: Callable[[], bool], tick: Callable[[], None]) -> None:
        """Drain what a process prints that has let go of the socket, until it ends or has said `enough`.

        `tick` is called at least twice a second.
        """
        self._poll.unregister(self._sock)
        self._poll.register(pidfd, select.POLLIN)
        while not enough():
            tick()
            events = dict(self._poll.poll(500))
            self._attend(events)
            if pidfd in events:
                return

    def _turn(self, wait_for: int) -> None:
        """Wait until the socket is ready for what is wanted, draining output meanwhile."""
        while True:
            events = dict(self._poll.poll())
            self._attend(events)
            ready = events.get(self._sock.fileno(), 0)
            if ready & select.POLLIN:
                self._fetch()
                return
            if ready & (wait_for | select.POLLHUP | select.POLLERR):
                return

    def _attend(self, events: dict[int, int]) -> None:
        """Drain what the candidate prints; end where the host has."""
        if self._host in events:
            os._exit(0)  # the host is gone, and nobody is left to judge for
        for fd in self._outputs.keys() & events.keys():
            if not self._outputs[fd].drain():
                self._poll.unregister(fd)
                del self._outputs[fd]

    def _fetch(self) -> None:
        try:
            data = self._sock.recv(1 << 20)
        except OSError:
            data = b""
        if not data:
            raise self._gone()
        self._count(len(data))
        self._buffer.feed(data)

    def _count(self, size: int) -> None:
        self.received += size
        if self.received > _MAX_RECEIVED:
            raise self.break_off(f"the candidate sent more than {_MAX_RECEIVED >> 20} MiB")


def clock_of(pid: int) -> int:
    """The clock of all threads of a process, see clock_getcpuclockid(3)."""
    return (~pid << 3) | 2


def _pid_of(pidfd: int) -> int:
    """The pid of a process in the namespace of this one, as far as /proc knows it, else none that there can be.

    Closes the pidfd.
    """
    try:
        with open(f"/proc/self/fdinfo/{pidfd}") as f:  # noqa: PTH123 - a tenth of the cost of Path here
            found = next((int(line.split()[1]) for line in f if line.startswith("Pid:")), 0)
    except OSError:
        found = 0
    os.close(pidfd)
    return found if found > 0 else 1 << 22


def _no_callbacks(_: bytes) -> bytes:
    return pack(b"E", json.dumps({"name": "RuntimeError", "message": "the test passed no callback"}).encode())


class Ticker:
    """While it is entered, interrupts Python code of the test every half second to see if the candidate still lives.

    No signal handler runs while the test is inside one long call of C code, say sum() of a range that the candidate
    returned. So a thread that needs no interpreter (faulthandler's) ends the whole box when the ticks stay away; it
    says so on the box's standard error, where the host reads it. `patience` is for how many ticks a dead candidate is
    let be, so that what it sent before can be judged.
    """

    def __init__(self, session: Session, limit_s: float, patience: int = 0) -> None:
        self._session = session
        self._patience = patience
        self._end = time.monotonic() + limit_s * _OVERRUN

    def __enter__(self) -> None:
        self._hold_off()
        signal.signal(signal.SIGALRM, self._tick)
        signal.setitimer(signal.ITIMER_REAL, 0.5, 0.5)

    def __exit__(self, *exc: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()

    def _tick(self, *_: object) -> None:
        late = self._end - time.monotonic() < _SILENCE_S
        if late and self._session.fault is None:  # a test that goes on after a fault is ended the hard way
            self._hold_off()
        if self._session.is_gone():
            self._patience -= 1
            if self._patience < 0:
                self._session.raise_if_gone()

    def _hold_off(self) -> None:
        faulthandler.dump_traceback_later(max(_SILENCE_S, self._end - time.monotonic()), exit=True)

"""The box's first process: forks its zygotes before it reads a byte, then judges one job after another.

Two zygotes take turns: while a candidate of the one runs, the other makes its next. A candidate starts only when the
sample before it is dead and swept away, so no two samples ever run at the same time.
"""

# ruff: noqa: TID251 - relative imports: in a box this package is called codebench, without the rest of it

from __future__ import annotations

import gc
import itertools
import json
import os
import socket
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from . import confine, kernel, preload, zygote
from .cases import Cases
from .command import examine_command
from .frames import FrameBuffer, header, read_frame
from .judge import BrokenTest, examine
from .proctor import examine_module
from .session import Session
from .tender import Tender

_ZYGOTES = 2
_MAX_JOB = 256 * 1024 * 1024
_MUCH = 1024 * 1024
_JUDGE_MEMORY = 512 * 1024 * 1024  # what a candidate's replies may make of themselves in the judge, in bytes


class Box:
    """The judge's hold on its zygotes and on the host."""

    def __init__(self, controls: Sequence[socket.socket], host_in: int, host_out: int, repositories: list[str]) -> None:
        self._turns = itertools.cycle(controls)
        self._first = controls[0]  # commands are all of one user, to whom the view belongs
        self._tender = Tender(self, repositories)
        self._in = host_in
        self._out = host_out
        self._buffer = FrameBuffer(_MAX_JOB)
        self._cases: Cases | None = None

    def serve(self) -> None:
        """Answer jobs until the host closes the stream."""
        self._write(b"H", json.dumps({"python": sys.version.split()[0], "pid": os.getpid()}).encode())
        while True:
            try:
                _, body = read_frame(lambda n: os.read(self._in, n), self._buffer)
            except EOFError:
                return
            job = self._read_job(body)
            del body
            self._write(b"R", *_result(self._run(job)))

    def _read_job(self, body: bytes) -> dict[str, Any]:
        """One line of JSON and, for a test made of inputs, these: or none, where they are those of the job before."""
        head, _, rest = body.partition(b"\n")
        job: dict[str, Any] = json.loads(head)
        if job["batch"] is not None:
            if rest:
                self._cases = Cases(job["batch"], rest)
            job["cases"] = self._cases
        return job

    def _run(self, job: dict[str, Any]) -> dict[str, Any]:
        confine.stay_on(job["watch"]["core"])
        if job["command"] is not None:
            return examine_command(job, self, self._tender)
        self._tender.forget()
        session = self._take_candidate(job)
        rival = self._take_candidate(job) if job["watch"]["alone_on_core"] else None
        try:
            report = examine(job, session, rival) if job["test_module"] is None else examine_module(job, session)
        except BrokenTest as e:
            report = {"conclusion": "broken_test", "detail": ascii(str(e)[:2000])[1:-1]}
        facts = _end_candidate(session)
        if rival is not None:
            of_rival = _end_candidate(rival)
            facts["clean"] &= of_rival["clean"]
            if "duel" in report:
                memory = {"own_bytes": facts["memory_bytes"], "rival_bytes": of_rival["memory_bytes"]}
                report["duel"] |= memory
            next(self._turns)  # or it would always be the same zygote that has the rival
        if session.received > _MUCH:
            gc.collect()  # or a later test might find no memory left
        output = {"stdout": session.stdout.facts(), "stderr": session.stderr.facts()}
        return {"report": report, **facts, **output}

    def _take_candidate(self, job: dict[str, Any]) -> Session:
        control = next(self._turns)
        return Session(_ask(control, job["watch"]), job["output_bytes"], self._in, control)

    def hire(self, watch: dict[str, Any], output_bytes: int) -> tuple[Session, int]:
        """A process of the first zygote's, which may run a command, and its pidfd."""
        ends = _ask(self._first, watch)
        pidfd = os.dup(ends[4])
        return Session(ends, output_bytes, self._in, self._first), pidfd

    def dismiss(self, session: Session, pidfd: int) -> dict[str, Any]:
        """End it and all that it has started; what was seen of it from outside."""
        os.close(pidfd)
        facts = _end_candidate(session)
        if session.received > _MUCH:
            gc.collect()  # as in _run
        return facts

    def _write(self, kind: bytes, *parts: bytes) -> None:
        """Write one frame whose body is in parts, of which the later ones may be large."""
        for part in (header(kind, sum(map(len, parts))) + parts[0], *parts[1:]):
            view = memoryview(part)
            while view:
                view = view[os.write(self._out, view) :]


def _ask(control: socket.socket, watch: dict[str, Any]) -> list[int]:
    """Have a zygote give out a candidate under that watch: its four ends, and its pidfd."""
    control.send(json.dumps(watch).encode())
    answer, ends, _, _ = socket.recv_fds(control, 16, 5)
    if not answer or len(ends) != 5:
        raise SystemExit("a zygote is gone")
    return ends


def _result(facts: dict[str, Any]) -> list[bytes]:
    """A line of JSON, and then each output that was to be recorded as it is, in a line of its own."""
    outputs = facts["report"].pop("outputs", ())
    parts = [json.dumps(facts).encode()]
    for output in outputs:
        parts += [b"\n", output]
    return parts


def _end_candidate(session: Session) -> dict[str, Any]:
    """Have the candidate ended; what was seen of it from outside."""
    session.watch.send(zygote.HUNG_UP if session.hung_up else zygote.SEEN_ENOUGH)
    answer = session.watch.recv(4096)
    if not answer:
        raise SystemExit("a zygote is gone")
    facts: dict[str, Any] = json.loads(answer)
    session.close()
    return facts


def main(config_text: str) -> NoReturn:
    """Run the box; `config_text` is JSON: see `codebench.sandbox.box.guest_argv`."""
    config = json.loads(config_text)
    confine.harden_process()
    preload.import_common_modules()
    preload.import_packages()
    controls = [_start_zygote(config, turn) for turn in range(_ZYGOTES)]
    if os.getuid() == 0:
        kernel.keep_capabilities()
    confine.bound_memory(_JUDGE_MEMORY)
    host_in, host_out = _take_streams()
    try:
        Box(controls, host_in, host_out, config["repositories"]).serve()
    except BaseException:  # noqa: BLE001 - the last words of a broken box go to the host, and it counts as broken
        traceback.print_exc()
        os._exit(70)
    os._exit(0)


def _start_zygote(config: dict[str, Any], turn: int) -> socket.socket:
    """Fork a zygote, by way of a child that makes it a PID namespace of its own where that is wanted."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    child = os.fork()
    if child == 0:
        _detach_from_host(near)
        if config["nested"]:
            kernel.unshare(kernel.CLONE_NEWPID)
            if os.fork() != 0:
                os._exit(0)
        zygote.start(far, {**config, "uid": config["uid"] and config["uid"] + 2 * turn})
    if config["nested"]:
        os.waitpid(child, 0)
    far.close()
    return near


def _detach_from_host(near: socket.socket) -> None:
    """In the zygote: let go of all that leads to the host, but for the error stream that its own last words go to."""
    near.close()
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # a TextIOWrapper at start-up
    sys.stderr.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # as above


def _take_streams() -> tuple[int, int]:
    """Move the host's streams away from where a test's print() or input() would reach them."""
    streams = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    return streams

"""The box's first process: forks the zygote before it reads a byte, then judges one job after another."""

from __future__ import annotations

import json
import os
import socket
import sys
import traceback
from typing import Any, NoReturn

from . import confine, kernel, preload, zygote
from .frames import FrameBuffer, pack, read_frame
from .judge import BrokenTest, examine
from .session import Session

_MAX_JOB = 256 * 1024 * 1024


class Box:
    """The judge's hold on its zygote and on the host."""

    def __init__(self, control: socket.socket, host_in: int, host_out: int) -> None:
        self._control = control
        self._in = host_in
        self._out = host_out
        self._buffer = FrameBuffer(_MAX_JOB)

    def serve(self) -> None:
        """Answer jobs until the host closes the stream."""
        self._write(b"H", {"python": sys.version.split()[0], "pid": os.getpid()})
        while True:
            try:
                _, body = read_frame(lambda n: os.read(self._in, n), self._buffer)
            except EOFError:
                return
            self._write(b"R", self._run(json.loads(body)))

    def _run(self, job: dict[str, Any]) -> dict[str, Any]:
        session = Session(self._take_candidate(job["watch"]), job["output_bytes"], self._in)
        try:
            report = examine(job, session)
        except BrokenTest as e:
            report = {"conclusion": "broken_test", "detail": str(e)[:2000]}
        facts = self._end_candidate()
        session.close()
        output = {"stdout": session.stdout.facts(), "stderr": session.stderr.facts()}
        return {"report": report, **facts, **output}

    def _take_candidate(self, watch: dict[str, Any]) -> list[int]:
        self._control.send(json.dumps(watch).encode())
        answer, ends, _, _ = socket.recv_fds(self._control, 16, 3)
        if not answer or len(ends) != 3:
            raise SystemExit("the zygote is gone")
        return ends

    def _end_candidate(self) -> dict[str, Any]:
        self._control.send(b".")
        answer = self._control.recv(4096)
        if not answer:
            raise SystemExit("the zygote is gone")
        facts: dict[str, Any] = json.loads(answer)
        return facts

    def _write(self, kind: bytes, message: dict[str, Any]) -> None:
        view = memoryview(pack(kind, json.dumps(message).encode()))
        while view:
            view = view[os.write(self._out, view) :]


def main(config_text: str) -> NoReturn:
    """Run the box; `config_text` is JSON: uid, gid, nested, writable, oom_fd."""
    config = json.loads(config_text)
    confine.harden_process()
    preload.import_common_modules()
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if config["nested"]:
        kernel.unshare(kernel.CLONE_NEWPID)
    if os.fork() == 0:
        _detach_from_host(near)
        zygote.start(far, config)
    far.close()
    if os.getuid() == 0:
        kernel.keep_capabilities()
    host_in, host_out = _take_streams()
    try:
        Box(near, host_in, host_out).serve()
    except BaseException:  # noqa: BLE001 - the last words of a broken box go to the host, and it counts as broken
        traceback.print_exc()
        os._exit(70)
    os._exit(0)


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

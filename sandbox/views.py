"""Views of repositories, seen from the host: who lays them into a box, and how it is asked to.

A view is an overlay over the clean tree whose upper layer is a tmpfs of its own, bounded in bytes and inodes. Laying
one takes a few system calls, and so does taking it away with all that was written to it, whatever that was.

The right to mount is that of a process of its own, `codebench.sandbox.mounter`, outside the box: it reads numbers of
this host and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from codebench.sandbox.trees import Tree

_START_S = 30.0
_ANSWER_S = 60.0  # to let go of gigabytes takes a while


@dataclass(frozen=True, slots=True, kw_only=True)
class MounterPlan:
    """What a mounter needs to know of its box.

    `init` is the pid of the box's first process as this process sees it, `uid` that of the candidates as the box does.
    `cgroup` is a part of the name of the cgroup that `init` must be in, "" where its parent has just told us its pid.
    """

    init: int
    uid: int
    names: tuple[str, ...]
    paths: tuple[str, ...]
    cgroup: str = ""


class ViewsError(Exception):
    """No views can be laid into a box; the message says why, in a few words."""


class Views:
    """The host's end of a box's mounter. Raises ViewsError where there cannot be one, or once it is broken."""

    def __init__(self, init: int, uid: int, trees: Sequence[Tree], cgroup: str = "") -> None:
        self._names = tuple(tree.name for tree in trees)
        paths = tuple(str(tree.path) for tree in trees)
        plan = MounterPlan(init=init, uid=uid, names=self._names, paths=paths, cgroup=cgroup)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "codebench.sandbox.mounter", json.dumps(asdict(plan))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
            )
        except OSError as error:
            raise ViewsError(f"cannot start {sys.executable}: {error}") from error
        try:
            self._expect("ready", _START_S)
        except BaseException:
            self.close()
            raise

    def lay(self, name: str, disk_mib: int) -> None:
        """Lay a fresh view into the box; raises ViewsError."""
        self._ask(f"+{self._names.index(name)} {disk_mib}")

    def lift(self, name: str) -> None:
        """Take it away with all that was written; raises ViewsError where something still held it."""
        self._ask(f"-{self._names.index(name)} 0")

    def close(self) -> None:
        """End the mounter; the views are the box's own, and end with it."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ask(self, order: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(order.encode() + b"\n")
        except OSError as error:
            raise ViewsError("the mounter is gone") from error
        self._expect("done", _ANSWER_S)

    def _expect(self, word: str, timeout_s: float) -> None:
        """Wait for the one line that a mounter says at a time."""
        assert self._process.stdout is not None
        fd = self._process.stdout.fileno()
        ready, _, _ = select.select((fd,), (), (), timeout_s)
        said = os.read(fd, 4096).decode(errors="replace").strip() if ready else "the mounter gives no answer"
        if said != word:
            raise ViewsError(said or "the mounter ended without a word")

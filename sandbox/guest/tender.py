"""Those who look after repositories for the judge: processes with a candidate's rights, which run errands.

See `errand` for what they can do. What they say of files is as good as the files: those are the answer's own.
"""

# ruff: noqa: TID251 - relative imports: in a box this package is called codebench, without the rest of it

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any, Protocol

from .judge import BrokenTest, carriable
from .places import CLEAN, VIEWS
from .session import BrokenOff, Session

_TENDING_S = 600.0  # what a copy may take to be made or cleaned: gigabytes from a cold disk
_TENDING_BYTES = 1 << 30


class Court(Protocol):
    """Who has processes made and ended."""

    def hire(self, watch: dict[str, Any], output_bytes: int) -> tuple[Session, int]:
        """A fresh process under that watch, of whose output so much is kept, and its pidfd."""
        ...

    def dismiss(self, session: Session, pidfd: int) -> dict[str, Any]:
        """End it and all that it has started; what was seen of it from outside."""
        ...


class ErrandError(Exception):
    """An errand could not be done."""


class Tender:
    """Keeps the box's copies of repositories clean, where it has copies and no views of its own for every sample.

    There is one copy at a time, so that a box needs memory for the largest repository and not for all.
    """

    def __init__(self, court: Court, names: list[str]) -> None:
        self._court = court
        self._names = names
        self._clean: str | None = None
        self._inodes: dict[str, int] = {}

    def prepare(self, name: str, laid: bool) -> None:
        """See that there is a clean view of this repository, or a copy where none was `laid`; raises BrokenTest."""
        if laid:
            if not _shows(f"{VIEWS}/{name}", f"{CLEAN}/{name}"):
                raise SystemExit("what was mounted from outside is not seen in here: its runtime has mounts of its own")
        elif self._clean != name:
            self._tend(name)
            self._inodes[name], _ = used(f"{VIEWS}/{name}")

    def forget(self) -> None:
        """Something else has run, to which the copy was open."""
        self._clean = None

    def tidy(self, name: str) -> tuple[int, int] | None:
        """Clean up after a command; how many entries had to be restored, and their bytes. None where that fails."""
        self._clean = None
        try:
            undone = self._tend(name)
        except BrokenTest:
            return None
        inodes, _ = used(f"{VIEWS}/{name}")
        return undone if inodes == self._inodes.get(name) else None  # else something without a name is there still

    def _tend(self, name: str) -> tuple[int, int]:
        others = [f"{VIEWS}/{other}" for other in self._names if other != name]
        order = {"do": "restore", "clean": f"{CLEAN}/{name}", "view": f"{VIEWS}/{name}", "others": others}
        try:
            with clerk(self._court) as session:
                entries, size = json.loads(errand(session, order))
        except ErrandError as e:
            hint = "; what is in it must be readable by all" if "PermissionError" in str(e) else ""
            raise BrokenTest(f"the repository {name} cannot be copied: {e}{hint}") from None
        self._clean = name
        return entries, size


@contextlib.contextmanager
def clerk(court: Court) -> Iterator[Session]:
    """A process that does errands, while nothing of an answer runs."""
    watch = {
        "timeout_s": _TENDING_S,
        "memory_bytes": _TENDING_BYTES,
        "core": None,
        "alone_on_core": False,
        "many_processes": False,
    }
    session, pidfd = court.hire(watch, 0)
    try:
        yield session
    except BrokenOff as e:
        raise SystemExit(f"a clerk is gone: {e}") from None
    finally:
        court.dismiss(session, pidfd)


def errand(session: Session, order: dict[str, Any]) -> bytes:
    """Have a process do something; raises ErrandError, BrokenOff."""
    kind, reply = session.request(b"W", json.dumps(order).encode())
    if kind != b"V":
        raise ErrandError(carriable(reply.decode("utf-8", "replace")))
    return reply


def used(view: str) -> tuple[int, int]:
    """Inodes and bytes in use on a view's own layer."""
    facts = os.statvfs(view)
    return facts.f_files - facts.f_ffree, (facts.f_blocks - facts.f_bfree) * facts.f_frsize


def _shows(view: str, clean: str) -> bool:
    """Is this a view of the clean tree, as far as the names in its root say?"""
    there = set(os.listdir(view))  # noqa: PTH208 - as elsewhere in here
    try:
        return there == set(os.listdir(clean))  # noqa: PTH208 - as above
    except PermissionError:  # its folder is for its owner alone
        return bool(there)

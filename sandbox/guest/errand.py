"""The accused's side of a command: what a fresh process does for its judge before it becomes the answer's program.

A process that has run nothing of an answer yet has the rights of those that will, and no others. So it can look after
the repository for the judge, who may not touch what belongs to that user: read a file, say whether one has changed, and
make a copy of the repository clean again. Another such process does the same when the answer's are all dead.

Guarantees
- A file is opened without following a link on the way or at its end, never waits on a FIFO, and is read to a limit.
- The program is started without a shell: its text is in a file, and what leads to the judge is closed.
"""

# ruff: noqa: TID251 - relative imports: in a box this package is called codebench, without the rest of it

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import resource
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from typing import Any

from . import restore
from .frames import pack
from .preload import PACKAGES

OWN_PREFIX = "/opt/python"
_PORTION = 1 << 20
_SUFFIXES = {"bash": ".sh", "python": ".py"}
_PROGRAMS = "/usr/local/bin:/usr/bin:/bin"
_ENVIRONMENT = {
    "HOME": "/tmp",  # noqa: S108 - the box's own
    "TMPDIR": "/tmp",  # noqa: S108 - as above
    "USER": "candidate",
    "LC_ALL": "C",
    "MALLOC_ARENA_MAX": "2",  # as for the guest itself: threads would reserve more than RLIMIT_AS allows
    "OMP_NUM_THREADS": "2",  # as many as there are cores could be more than RLIMIT_NPROC allows; and sums depend on it
    "OPENBLAS_NUM_THREADS": "2",
    "MKL_NUM_THREADS": "2",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONUNBUFFERED": "1",  # a line that says how far it is must be seen, even of a program that is then ended
}
_OF_THE_ENGINE = ("CUDA_", "NVIDIA_", "LD_LIBRARY_PATH")


def answer(body: bytes, channel: int) -> bytes:
    """Do one errand; gives the frame that answers it. Does not come back from becoming a program."""
    order = json.loads(body)
    try:
        return pack(b"V", _ERRANDS[order["do"]](order, channel))
    except (OSError, ValueError) as error:
        return pack(b"E", f"{type(error).__name__}: {error}"[:2000].encode("utf-8", "backslashreplace"))


def _fingerprint(order: dict[str, Any], _: int) -> bytes:
    """Of each path a hash of what is there; null where there is no regular file, or an empty one."""
    return json.dumps([_hash(order["view"], path) for path in order["paths"]]).encode()


def _hash(view: str, path: str) -> str | None:
    total = hashlib.sha256()
    with contextlib.suppress(OSError), _opened(view, path) as file:
        while portion := os.read(file, _PORTION):
            total.update(portion)
        if os.lseek(file, 0, os.SEEK_CUR) > 0:
            return total.hexdigest()
    return None


def _read(order: dict[str, Any], _: int) -> bytes:
    """The first bytes of a file: no more than `most`, and one, which tells that there are more."""
    parts, left = [], order["most"] + 1
    with _opened(order["view"], order["path"]) as file:
        while left > 0 and (portion := os.read(file, min(left, _PORTION))):
            parts.append(portion)
            left -= len(portion)
    return b"".join(parts)


@contextlib.contextmanager
def _opened(view: str, path: str) -> Iterator[int]:
    """A regular file, opened step by step from the view's root; raises OSError where it is anything else."""
    folders, opened = [part for part in path.split("/") if part not in ("", ".")], []
    try:
        opened.append(os.open(view, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW))
        for folder in folders[:-1]:
            opened.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=opened[-1]))
        last = "".join(folders[-1:]) or "."
        opened.append(os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=opened[-1]))
        if not stat.S_ISREG(os.fstat(opened[-1]).st_mode):
            raise FileNotFoundError(f"{path} is no regular file")
        yield opened[-1]
    finally:
        for fd in opened:
            os.close(fd)


def _restore(order: dict[str, Any], _: int) -> bytes:
    """Empty the views of other repositories, and make the one that is wanted, if one is, equal to the clean one."""
    for view in order["others"]:
        restore.empty(view)
    undone = restore.restore(order["clean"], order["view"]) if order["clean"] else restore.Undone()
    return json.dumps([undone.entries, undone.size_bytes]).encode()


def _write(order: dict[str, Any], _: int) -> bytes:
    """Write the program's text into its folder under a name that nothing there has; gives the name.

    What the program before it had as its text is removed: that one was trusted.
    """
    os.umask(0o022)  # as in a repository, not as in a scratch folder
    os.chdir(order["folder"])
    with contextlib.suppress(FileNotFoundError):
        os.unlink(order["instead_of"])  # noqa: PTH108 - as above
    suffix = _SUFFIXES[order["language"]]
    for number in itertools.count():
        name = f".answer{number or ''}{suffix}"
        with contextlib.suppress(FileExistsError):
            file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
            break
    with open(file, "wb") as target:  # noqa: PTH123 - it is open already
        target.write(order["source"].encode("utf-8", "surrogatepass"))
    return name.encode()


def _become(order: dict[str, Any], channel: int) -> bytes:
    """Become the interpreter or shell that reads the text; comes back only by OSError."""
    argv = [sys.executable if order["language"] == "python" else _shell(), order["name"]]
    environment = _environment()
    for fd in (channel, channel + 1):  # to the judge, and for outputs of calls
        os.set_inheritable(fd, False)
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, which a program would inherit
        signal.signal(ignored, signal.SIG_DFL)
    with contextlib.suppress(OSError):  # a program may use all cores, as may what it starts
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    for name, value in order["limits"].items():
        if value is not None:
            resource.setrlimit(getattr(resource, name), (value, value))
    os.execve(argv[0], argv, environment)  # noqa: S606 - its purpose


def _shell() -> str:
    for folder in _PROGRAMS.split(":"):
        if os.access(f"{folder}/bash", os.X_OK):
            return f"{folder}/bash"
    raise FileNotFoundError("there is no bash in this image")


def _environment() -> dict[str, str]:
    environment = {**_ENVIRONMENT, "PATH": f"{os.path.dirname(sys.executable)}:{_PROGRAMS}"}  # noqa: PTH120 - as above
    if sys.prefix != OWN_PREFIX and os.path.isdir(PACKAGES):  # noqa: PTH112 - our own tree says it in a file of its own
        environment["PYTHONPATH"] = PACKAGES
    return environment | {name: value for name, value in os.environ.items() if name.startswith(_OF_THE_ENGINE)}


_ERRANDS: dict[str, Callable[[dict[str, Any], int], bytes]] = {
    "fingerprint": _fingerprint,
    "read": _read,
    "restore": _restore,
    "write": _write,
    "become": _become,
}

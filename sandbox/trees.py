"""Repositories as folders of this machine: what is in them, in one hash, and how much of it there is.

Guarantees
- Equal digests mean equal names, kinds, executable bits, contents and link targets; times, owners and other bits of the
  mode have no part in it.

Does not guarantee
- That a folder stays as it is while a sandbox is open: it is read once, when the sandbox opens.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from codebench.sandbox.command import valid_name
from codebench.sandbox.job import Limits, SandboxError

INODES = 65_536
"""How many files and folders a sample may make in its view."""
_BLOCK = 4096
_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """One repository. `size_bytes` is what a copy of it takes, in whole blocks; `entries` counts all that is in it."""

    name: str
    path: Path
    digest: str
    entries: int
    size_bytes: int


def read_trees(repositories: Mapping[str, Path]) -> tuple[Tree, ...]:
    """Look through all of them, sorted by name; raises SandboxError for what cannot be a repository."""
    return tuple(_read(name, Path(path)) for name, path in sorted(repositories.items()))


def tree_digest(path: Path) -> str:
    """The sha256 of what is in a folder, as hex; raises SandboxError."""
    return _read("repository", path).digest


def joint_digest(image: str, trees: tuple[Tree, ...]) -> str:
    """The digest of an image and what repositories are added to it: the image's own where there are none."""
    if not trees:
        return image
    return hashlib.sha256("\0".join([image, *(f"{t.name}={t.digest}" for t in trees)]).encode()).hexdigest()


def copy_mib(trees: tuple[Tree, ...], limits: Limits) -> int:
    """What a box's copy of the largest repository may grow to, in MiB; 0 where there are none."""
    return max((-(-tree.size_bytes // _MIB) for tree in trees), default=-limits.disk_mib) + limits.disk_mib


def copy_inodes(trees: tuple[Tree, ...]) -> int:
    """As many files and folders as that copy may have."""
    return max((tree.entries for tree in trees), default=0) + INODES


def _read(name: str, path: Path) -> Tree:
    if not valid_name(name):
        raise SandboxError(f"{name!r} cannot be a repository's name: letters, digits, '.', '_' and '-' only")
    total, entries, size = hashlib.sha256(), 0, 0
    try:
        if not path.is_dir():
            raise SandboxError(f"the repository {name} is not there: {path} is no folder")
        owner = path.stat().st_uid
        for line, blocks in _lines(os.fsencode(path.resolve()), owner):
            total.update(line)
            entries += 1
            size += blocks * _BLOCK
    except OSError as error:
        raise SandboxError(f"cannot read the repository {name}: {error}") from error
    return Tree(name=name, path=path.resolve(), digest=total.hexdigest(), entries=entries, size_bytes=size)


def _lines(root: bytes, owner: int) -> Iterator[tuple[bytes, int]]:
    """For every entry below `root`, in a fixed order, what there is to know of it, and its size in blocks."""
    folders = [b""]
    while folders:
        folder = folders.pop()
        for name in sorted(os.listdir(os.path.join(root, folder))):  # noqa: PTH118, PTH208 - names are bytes here
            inner = os.path.join(folder, name)  # noqa: PTH118 - as above
            kind, content, size = _content(os.path.join(root, inner), owner)  # noqa: PTH118 - as above
            if kind == b"d":
                folders.append(inner)
            head = b"%b %d %d\n" % (kind, len(inner), len(content))
            yield head + inner + content, 1 + -(-size // _BLOCK)


def _content(path: bytes, owner: int) -> tuple[bytes, bytes, int]:
    """The kind of an entry, what is in it, and its size in bytes."""
    facts = os.lstat(path)
    if facts.st_uid != owner:  # who would be nobody in a box
        raise SandboxError(f"{os.fsdecode(path)} belongs to another user than the repository; give it to the same one")
    if stat.S_ISDIR(facts.st_mode):
        return b"d", b"", 0
    if stat.S_ISLNK(facts.st_mode):
        return b"l", os.readlink(path), 0  # noqa: PTH115 - as above
    if not stat.S_ISREG(facts.st_mode):
        raise SandboxError(f"{os.fsdecode(path)} is neither file, folder nor link, and cannot be in a repository")
    with open(path, "rb") as file:  # noqa: PTH123 - as above
        content = hashlib.file_digest(file, "sha256").digest()
    return b"x" if facts.st_mode & 0o100 else b"f", content, facts.st_size

"""Makes a folder equal to a clean one, whatever was done to it: compares all bytes, and believes no time and no size.

It runs as the user whose processes did it, when all of these are dead, so that no name changes meaning under it.

Guarantees
- Afterwards every entry has the name, kind, mode, bytes, link target and time of change of the clean one, one link, and
  no extended attribute; nothing else is there.
- No link is followed, no FIFO opened. Trees of any depth and names of any bytes are removed; memory grows with the
  number of entries alone.

Does not guarantee
- Anything about the folder itself but its attributes: it is a mount point that belongs to the box.
- Inode flags that their owner may set (`chattr +d` and the like), which no program sees without looking for them.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field

_PORTION = 1 << 20
_KINDS = (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)


@dataclass(slots=True)
class Undone:
    """What there was to undo: entries, and bytes on disk of those that are gone."""

    entries: int = 0
    size_bytes: int = 0


@dataclass(slots=True)
class _Work:
    """Two roots, what was undone so far, and files and links that are to be put back, by relative path."""

    clean: str
    view: str
    undone: Undone = field(default_factory=Undone)
    missing: list[str] = field(default_factory=list)
    buffers: tuple[bytearray, bytearray] = field(default_factory=lambda: (bytearray(_PORTION), bytearray(_PORTION)))


def restore(clean: str, view: str) -> Undone:
    """Make `view` equal to `clean`; raises OSError where that cannot be done."""
    work = _Work(clean, view)
    _open_root(view)
    folders = [""]
    for folder in folders:  # grows while it is walked
        folders += _restore_folder(work, folder)
    for path in work.missing:  # now that what was too much is gone, there is room for them
        _put_back(f"{clean}/{path}", f"{view}/{path}")
    for folder in reversed(folders[1:]):
        _set_time(os.lstat(f"{clean}/{folder}"), f"{view}/{folder}")
    return work.undone


def empty(view: str) -> None:
    """Remove all that is in a folder; raises OSError."""
    _open_root(view)
    with os.scandir(view) as entries:
        names = [entry.name for entry in entries]
    for name in names:
        _remove(view, name, Undone())


def _open_root(view: str) -> None:
    """Undo what was done to the folder itself: its mode by its owner, attributes by all who may write there."""
    facts = os.lstat(view)
    if facts.st_uid == os.geteuid():
        os.chmod(view, 0o777)  # noqa: PTH101, S103 - as below; it is the box's own, and all in it is one user's
    _drop_attributes(view)


def _restore_folder(work: _Work, folder: str) -> list[str]:
    """Make one folder right but for what is missing; gives the folders in it, which are there."""
    prefix = f"{folder}/" if folder else ""
    wanted, there = _entries(f"{work.clean}/{folder}"), _entries(f"{work.view}/{folder}")
    for name, facts in there.items():
        if name not in wanted or not _same(work, prefix + name, wanted[name], facts):
            _remove(f"{work.view}/{folder}", name, work.undone)
    left = _entries(f"{work.view}/{folder}") if work.undone.entries else there
    folders = []
    for name, facts in wanted.items():
        if stat.S_ISDIR(facts.st_mode):
            folders.append(prefix + name)
            _put_folder(f"{work.view}/{prefix}{name}", facts, left.get(name))
        elif name not in left:
            work.missing.append(prefix + name)
    return folders


def _entries(folder: str) -> dict[str, os.stat_result]:
    with os.scandir(folder) as entries:
        return {entry.name: entry.stat(follow_symlinks=False) for entry in entries}


def _same(work: _Work, path: str, wanted: os.stat_result, there: os.stat_result) -> bool:
    """Is this the clean entry, or can it be made so without writing bytes?"""
    kind = stat.S_IFMT(wanted.st_mode)
    if kind != stat.S_IFMT(there.st_mode):
        return False
    clean, view = f"{work.clean}/{path}", f"{work.view}/{path}"
    if kind == stat.S_IFLNK:
        if os.readlink(clean) != os.readlink(view):  # noqa: PTH115 - Path would double the time of a look
            return False
        _set_time(wanted, view, there)
    if kind == stat.S_IFREG:
        if wanted.st_size != there.st_size or there.st_nlink != 1:
            return False
        if there.st_mode != _mode(wanted):
            os.chmod(view, _mode(wanted))  # noqa: PTH101 - as above
        if not _equal_bytes(clean, view, work.buffers):
            return False
        _drop_attributes(view)
        _set_time(wanted, view, there)
    return True


def _mode(wanted: os.stat_result) -> int:
    """The mode of the clean entry, and always what its owner needs to restore it."""
    return wanted.st_mode | (0o700 if stat.S_ISDIR(wanted.st_mode) else 0o600)


def _equal_bytes(clean: str, view: str, buffers: tuple[bytearray, bytearray]) -> bool:
    one, other = buffers
    a = os.open(clean, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        b = os.open(view, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            while True:
                read = os.readv(a, (one,))
                if os.readv(b, (other,)) != read:
                    return False
                if read == 0:
                    return True
                if (one != other) if read == _PORTION else (one[:read] != other[:read]):
                    return False
        finally:
            os.close(b)
    finally:
        os.close(a)


def _put_folder(view: str, wanted: os.stat_result, there: os.stat_result | None) -> None:
    if there is None:
        os.mkdir(view, 0o700)  # noqa: PTH102 - as above
    if there is None or there.st_mode != _mode(wanted):
        os.chmod(view, _mode(wanted))  # noqa: PTH101 - as above
    _drop_attributes(view)


def _put_back(clean: str, view: str) -> None:
    facts = os.lstat(clean)
    if stat.S_ISLNK(facts.st_mode):
        os.symlink(os.readlink(clean), view)  # noqa: PTH115, PTH211 - as above
    else:
        with open(clean, "rb") as source, open(view, "xb") as target:  # noqa: PTH123 - as above
            while portion := source.read(_PORTION):
                target.write(portion)
        os.chmod(view, _mode(facts))  # noqa: PTH101 - as above
    _set_time(facts, view)


def _set_time(wanted: os.stat_result, view: str, there: os.stat_result | None = None) -> None:
    if there is None or there.st_mtime_ns != wanted.st_mtime_ns:
        os.utime(view, ns=(wanted.st_mtime_ns, wanted.st_mtime_ns), follow_symlinks=False)


def _drop_attributes(path: str) -> None:
    """Take away what was hung on a file or folder, access lists among it."""
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError:  # a file system without them
        return
    for name in names:
        os.removexattr(path, name, follow_symlinks=False)


def _remove(folder: str, name: str, undone: Undone) -> None:
    """Remove one entry and all below it."""
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if stat.S_ISDIR(os.lstat(f"{folder}/{name}").st_mode):
            _remove_tree(name, at, undone)
        else:
            _unlink(name, at, undone)
    finally:
        os.close(at)


def _unlink(name: str, at: int, undone: Undone) -> None:
    facts = os.stat(name, dir_fd=at, follow_symlinks=False)
    os.unlink(name, dir_fd=at)
    undone.entries += 1
    if stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1:
        undone.size_bytes += facts.st_blocks * 512


def _remove_tree(name: str, at: int, undone: Undone) -> None:
    """Children before parents, with one open folder at a time, since a path may be longer than the kernel takes."""
    here = _enter(name, at)
    below = [(name, _clear(here, undone))]
    while below:
        own, folders = below[-1]
        if folders:
            child = folders.pop()
            deeper = _enter(child, here)
            os.close(here)
            here = deeper
            below.append((child, _clear(here, undone)))
        else:
            above = os.open("..", os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
            os.close(here)
            here = above
            os.rmdir(own, dir_fd=here)
            undone.entries += 1
            below.pop()
    os.close(here)


def _enter(name: str, at: int) -> int:
    os.chmod(name, 0o700, dir_fd=at)
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)


def _clear(here: int, undone: Undone) -> list[str]:
    """Remove all of an open folder but the folders in it, whose names are given back."""
    with os.scandir(here) as entries:
        kinds = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in kinds:
        if not is_folder:
            _unlink(name, here, undone)
    return [name for name, is_folder in kinds if is_folder]

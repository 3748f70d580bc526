"""The repositories of packs as folders in the user's cache: whole, of known content, readable by all.

A repository is a folder of the pack, an archive whose sha256 is given, or a commit of a git repository. What lies in
the cache was made beside its place and renamed, so that half a repository is never taken. Nothing of it is run here.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import re
import shutil
import stat
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs

from codebench.problems.datafile import sha256_of
from codebench.problems.problem import PackError

_LEFT_OUT = (".git", "__pycache__")
_MOST_BYTES = 16 << 30  # of an unpacked archive
_MOST_FILES = 1_000_000
_GIT_S = 900
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_MTIME = 946_684_800  # of every file, 2000-01-01, so that a tree is the same whenever it was made


def from_folder(folder: Path, where: str) -> tuple[Path, str]:
    """A copy of `folder`, without .git and __pycache__, and its digest. Raises PackError that begins with `where`."""
    if not folder.is_dir():
        raise PackError(f"{where}: {folder}: there is no such folder")
    digest = digest_of(folder, where)
    return _kept(digest, lambda new: _copy(folder, new, where), where), digest


def from_archive(archive: Path, sha256: str, where: str) -> tuple[Path, str]:
    """What a tar archive unpacks to, and its digest; where it has one folder at its top and nothing else, that folder.

    Raises PackError where it is not the archive that is meant, or holds what leads outside: absolute paths, `..`, links
    out of it, devices.
    """
    found = sha256_of(archive) if archive.is_file() else None
    if found is None:
        raise PackError(f"{where}: {archive}: there is no such archive")
    if found != sha256:
        raise PackError(f"{where}: {archive}: sha256 is {found}, expected {sha256}; get the archive again")
    return _made(f"tar-{sha256}", lambda new: _unpack(archive, new, where), where)


def from_git(url: str, commit: str, where: str) -> tuple[Path, str]:
    """The files of a commit, and their digest. Raises PackError where it cannot be had."""
    if not _COMMIT.fullmatch(commit):
        raise PackError(f"{where}: commit {commit!r}: expected all 40 digits of a commit's hash, in lower case")
    if url.startswith("-") or "::" in url:
        raise PackError(f"{where}: git {url!r}: not the address of a repository")
    return _made(f"git-{commit}", lambda new: _fetch(url, commit, new, where), where)


def digest_of(folder: Path, where: str) -> str:
    """sha256 over the names, kinds, rights to run and contents of all that is in it, but .git and __pycache__."""
    digest = hashlib.sha256()
    for path in _entries(folder):
        kind, content = _described(path, folder, where)
        digest.update(f"{kind} {path.relative_to(folder)}\0{content}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def text_of(tree: Path, path: str, where: str) -> str:
    """The text of a file of the tree, never one that a link leads to. Raises PackError."""
    try:
        descriptor = os.open(tree / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            return file.read().decode("utf-8", "replace")
    except OSError as error:
        raise PackError(f"{where}: {path!r} cannot be read from the repository: {error.strerror}") from None


def _cache() -> Path:
    return platformdirs.user_cache_path("codebench") / "repositories"


def _made(key: str, make: Callable[[Path], None], where: str) -> tuple[Path, str]:
    """A tree that is known by where it came from; its digest lies beside it."""
    beside = _cache() / f"{key}.sha256"
    tree = _cache() / key
    if tree.is_dir() and beside.is_file():
        return tree, beside.read_text().strip()
    tree = _kept(key, make, where)
    digest = digest_of(tree, where)
    beside.write_text(f"{digest}\n")
    return tree, digest


def _kept(key: str, make: Callable[[Path], None], where: str) -> Path:
    """The tree of that key, made now if it is not there."""
    tree = _cache() / key
    if tree.is_dir():
        return tree
    try:
        _cache().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=_cache(), ignore_cleanup_errors=True) as scratch:
            new = Path(scratch) / "tree"
            make(new)
            _normalise(new)
            try:
                new.rename(tree)
            except OSError:
                if not tree.is_dir():  # else another process was faster
                    raise
    except OSError as error:
        raise PackError(f"{where}: cannot be kept in {_cache()}: {error.strerror or error}; make room there") from None
    return tree


def _entries(folder: Path) -> Iterator[Path]:
    """All that is in it, in a fixed order, folders before what is in them."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
        yield from sorted(Path(parent) / name for name in (*folders, *files) if not name.endswith(".pyc"))


def _described(path: Path, folder: Path, where: str) -> tuple[str, str]:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        target = str(path.readlink())
        if not _stays_inside(path, target, folder):
            raise PackError(f"{where}: the link {path.relative_to(folder)} leads out of the repository; take it out")
        return "link", target
    if stat.S_ISDIR(status.st_mode):
        return "folder", ""
    if not stat.S_ISREG(status.st_mode):
        raise PackError(f"{where}: {path.relative_to(folder)} is neither a file nor a folder; take it out")
    return "program" if status.st_mode & 0o111 else "file", sha256_of(path)


def _stays_inside(path: Path, target: str, folder: Path) -> bool:
    if target.startswith("/"):
        return False
    place = os.path.normpath(path.parent.relative_to(folder) / target)
    return place != ".." and not place.startswith("../")


def _copy(folder: Path, new: Path, where: str) -> None:
    shutil.copytree(
        folder, new, symlinks=True, copy_function=shutil.copyfile, ignore=shutil.ignore_patterns(*_LEFT_OUT, "*.pyc")
    )
    for path in _entries(new):
        if path.is_file() and not path.is_symlink() and (folder / path.relative_to(new)).stat().st_mode & 0o111:
            path.chmod(0o755)


def _normalise(tree: Path) -> None:
    """Rights that let everybody read, and one time for all."""
    for path in (tree, *_entries(tree)):
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & 0o111
            path.chmod(0o755 if runs else 0o644)
        os.utime(path, (_MTIME, _MTIME), follow_symlinks=False)


def _unpack(archive: Path, new: Path, where: str) -> None:
    if not hasattr(tarfile, "data_filter"):
        raise PackError(f"{where}: this Python cannot unpack archives safely; use Python 3.11.4 or later")
    everything = new.with_name("unpacked")
    try:
        with tarfile.open(archive) as tar:
            size = count = 0
            for member in tar:
                size, count = size + member.size, count + 1
                if size > _MOST_BYTES or count > _MOST_FILES:
                    raise PackError(f"{where}: {archive}: more than {_MOST_BYTES >> 30} GiB or {_MOST_FILES:,} files")
            tar.extractall(everything, filter="data")
    except tarfile.FilterError as error:
        raise PackError(f"{where}: {archive}: not unpacked: {' '.join(str(error).split())}") from None
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(":")
        raise PackError(f"{where}: {archive}: not a sound tar archive: {reason}") from None
    top = list(everything.iterdir()) if everything.is_dir() else []
    (top[0] if len(top) == 1 and top[0].is_dir() and not top[0].is_symlink() else everything).rename(new)


def _fetch(url: str, commit: str, new: Path, where: str) -> None:
    """The commit alone, without its history; no hook, filter or submodule of the repository is run or fetched."""
    new.mkdir()
    git = ("git", "-C", str(new), "-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never")
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1"}
    for words in (("init", "--quiet"), ("fetch", "--quiet", "--depth", "1", "--no-tags", "--", url, commit),
                  ("checkout", "--quiet", "--detach", commit)):  # fmt: skip
        try:
            done = subprocess.run(
                [*git, *words], capture_output=True, text=True, errors="replace", timeout=_GIT_S, check=False,
                env=environment, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except FileNotFoundError:
            raise PackError(f"{where}: git is not installed; install it, or give an archive instead") from None
        except subprocess.TimeoutExpired:
            raise PackError(f"{where}: {url} {commit[:12]}: not fetched within {_GIT_S} s; is it reachable?") from None
        if done.returncode:
            says = (done.stderr.strip().splitlines() or ["git gives no reason"])[-1]
            raise PackError(f"{where}: {url} {commit[:12]}: cannot be fetched: {says[:300]}")
    shutil.rmtree(new / ".git")

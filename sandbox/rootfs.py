"""The root file system of a box: the host's own interpreter and the guest program, and nothing else of the host.

Guarantees
- Both backends run the same tree; `Rootfs.digest` covers the path, mode and content of all that it was made from.
- No site-packages, no setuid file, no configuration and no build paths of the host's Python are in it.
- A tree is complete or absent: it is built beside its place and renamed into it.

Does not guarantee
- That two machines get the same digest: that needs the same interpreter build and the same system libraries.
- That the binaries' own strings (an RPATH, debug symbols) name no path of the machine that compiled them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import platformdirs

from codebench.sandbox.guest.places import CLEAN, VIEWS
from codebench.sandbox.guest.preload import PACKAGES
from codebench.sandbox.job import SandboxError
from codebench.sandbox.packages import Packages, fill, find_packages, with_programs

PYTHON = "/opt/python/bin/python3"
GUEST = "/codebench"
CANDIDATE_ID = 20000

_FORMAT = "3"  # part of every key: change it whenever the tree's layout changes
_KEPT_TREES = 3
_ABANDONED_AFTER_S = 3600.0
_IN_USE_S = 24 * 3600.0  # a run that lasts longer could lose its tree to one that starts later
_INSTALLED = frozenset({"site-packages", "dist-packages", "sitecustomize.py", "usercustomize.py", "__pycache__"})
_UNUSED = frozenset(
    {"test", "tests", "idlelib", "tkinter", "turtle.py", "turtledemo", "ensurepip", "lib2to3", "pydoc_data"}
)
_LEFT_OUT_EXTENSIONS = ("_tkinter", "_test", "_ctypes_test", "_xxtestfuzz", "xxlimited")
_LOADED_LATER = ("libgcc_s.so.1", "libnss_files.so.2")  # glibc opens these by name when a thread ends, for getpwnam
_MOUNT_POINTS = ("proc", "dev", "dev/shm", "tmp", "sys", CLEAN.lstrip("/"), VIEWS.lstrip("/"))
_SCRATCH = ("dev/shm", "tmp")  # runc gives a tmpfs the mode of what it covers, whatever mode it was asked for
_ETC = {
    "passwd": f"root:x:0:0:root:/:\ncandidate:x:{CANDIDATE_ID}:{CANDIDATE_ID}::/tmp:\n",
    "group": f"root:x:0:\ncandidate:x:{CANDIDATE_ID}:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rootfs:
    """`path` is the tree, `digest` the sha256 of what is in it, `python` the version that runs there."""

    path: Path
    digest: str
    python: str


class _Sidecar(msgspec.Struct, frozen=True):
    digest: str
    python: str


def build_rootfs(
    packages: str = "", note: Callable[[str], None] = lambda _: None, *, for_commands: bool = False
) -> Rootfs:
    """Return this interpreter's tree in the user's cache, built when it is not there (seconds; then milliseconds).

    `packages` names an image of `sandbox.packages` whose packages are in it, too; `note` is told when that takes time.
    With `for_commands` there are the programs that commands in repositories use; any Python there finds the packages.
    Raises SandboxError when the cache cannot be written, or interpreter or packages cannot be had.
    """
    cache = platformdirs.user_cache_path("codebench") / "rootfs"
    wanted = find_packages(packages) if packages else None
    if for_commands:
        wanted = with_programs(wanted)
    place = cache / _key(wanted)
    try:
        if (found := _read(place)) is None:
            if wanted is not None and wanted.lock is not None:
                note(f"building the image {wanted.name}: this takes a minute, once")
            found = _build(cache, place, wanted)
        return found
    except OSError as error:
        raise SandboxError(
            f"cannot build the sandbox's file system in {cache}: {error}; free some space there, "
            "or point XDG_CACHE_HOME to a directory that you can write"
        ) from error


def guest_sources() -> tuple[Path, ...]:
    """The guest program's files, as installed beside this module."""
    return tuple(sorted((Path(__file__).parent / "guest").glob("*.py")))


def _interpreter() -> Path:
    """The real binary that runs this process; `sys.executable` may be a virtual environment's link."""
    return Path(sys._base_executable).resolve()  # type: ignore[attr-defined]  # CPython has it, typeshed does not


def _key(packages: Packages | None) -> str:
    executable = _interpreter()
    seen = executable.stat()
    key = hashlib.sha256("\0".join((_FORMAT, sys.version, str(executable))).encode())
    key.update(f"\0{seen.st_mtime_ns}\0{seen.st_size}".encode())
    for source in guest_sources():
        key.update(f"\0{source.name}\0".encode() + source.read_bytes())
    if packages is not None:
        key.update(b"\0packages\0" + packages.key())
    return key.hexdigest()[:24]


def _read(place: Path) -> Rootfs | None:
    try:
        sidecar = msgspec.json.decode((place / "rootfs.json").read_bytes(), type=_Sidecar)
    except FileNotFoundError:
        return None
    os.utime(place)  # the least recently used trees are pruned
    return Rootfs(path=place / "tree", digest=sidecar.digest, python=sidecar.python)


def _build(cache: Path, place: Path, packages: Packages | None) -> Rootfs:
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=cache, ignore_cleanup_errors=True) as scratch:
        new = Path(scratch) / "new"
        tree = new / "tree"
        _fill(tree, packages, cache.parent)
        sidecar = _Sidecar(digest=_digest(tree), python=".".join(map(str, sys.version_info[:3])))
        (new / "rootfs.json").write_bytes(msgspec.json.encode(sidecar))
        _move(new, place)
    _prune(cache, keep=place)
    built = _read(place)
    assert built is not None, f"{place} was renamed into its place a moment ago"
    return built


def _move(new: Path, place: Path) -> None:
    try:
        new.rename(place)
    except OSError:
        if not (place / "rootfs.json").exists():  # else another process was faster with the same tree
            raise


def _fill(tree: Path, packages: Packages | None, cache: Path) -> None:
    stdlib = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}))
    target = tree / "opt/python" / sys.platlibdir / stdlib.name
    executable = tree / PYTHON.lstrip("/")
    _copy(_interpreter(), executable, mode=0o755)
    executable.with_name("python").symlink_to(executable.name)
    _copy_sources(stdlib, target)
    extensions = list(_copy_extensions(target / "lib-dynload", stdlib.name))
    added = fill(tree, packages, cache / "packages") if packages is not None else []
    if packages is not None and packages.for_commands and packages.lock is not None:
        _write(target / "site-packages" / "packages.pth", f"{PACKAGES}\n")
    _copy_libraries(tree, [_interpreter(), *extensions, *added], brought=cache)
    for source in guest_sources():
        _copy(source, tree / GUEST.lstrip("/") / source.name)
    for name, text in _ETC.items():
        _write(tree / "etc" / name, text)
    for name in _MOUNT_POINTS:
        (tree / name).mkdir(parents=True, exist_ok=True)
    _compile(tree)
    _open_to_all(tree)


def _copy_sources(stdlib: Path, target: Path) -> None:
    for folder, names, files in os.walk(stdlib):
        names[:] = [name for name in names if _wanted(name)]
        for name in files:
            if not (name.endswith(".py") and _wanted(name)):
                continue
            place = target / Path(folder).relative_to(stdlib) / name
            if name.startswith("_sysconfigdata"):
                _write(place, "# The values of the build are not kept here.\nbuild_time_vars = {}\n")
            else:
                _copy(Path(folder) / name, place)


def _wanted(name: str) -> bool:
    return name not in _INSTALLED | _UNUSED and not name.startswith(("config-", "lib-dynload"))


def _copy_extensions(target: Path, python: str) -> Iterator[Path]:
    """Copy the extension modules; yield where they come from. A static build has none, yet needs the folder."""
    target.mkdir(parents=True, exist_ok=True)
    for extension in sorted((Path(sys.base_exec_prefix) / sys.platlibdir / python / "lib-dynload").glob("*.so")):
        if not extension.name.startswith(_LEFT_OUT_EXTENSIONS):
            _copy(extension, target / extension.name)
            yield extension


def _copy_libraries(tree: Path, binaries: list[Path], *, brought: Path) -> None:
    """Copy what `binaries` load. All goes beside libc: there the loader looks whatever an RPATH says.

    What packages brought along, below that folder, is in the tree already, where they look for it.
    """
    libraries = dict(_libraries(binaries, brought))
    libc = libraries.get("libc.so.6")
    if libc is None:
        raise SandboxError(
            f"{binaries[0]} is not linked with glibc, so its libraries are unknown; "
            "run codebench with a glibc build of Python"
        )
    for name in _LOADED_LATER:
        if (libc.parent / name).exists():
            libraries.setdefault(name, libc.parent / name)
    for name, library in libraries.items():
        if name.startswith("/"):
            _copy(library, tree / name.lstrip("/"), mode=0o755)
        else:
            _copy(library, tree / str(libc.parent).lstrip("/") / name)


def _libraries(binaries: list[Path], brought: Path) -> Iterator[tuple[str, Path]]:
    """Names and places from lines like `libz.so.1 => /lib/libz.so.1 (0x7f…)` and `/lib64/ld-linux… (0x7f…)`."""
    found: dict[str, Path] = {}
    for line in _ldd(binaries).splitlines():
        words = line.split()
        if len(words) == 4 and words[1] == "=>" and words[2].startswith("/"):
            if Path(words[2]).is_relative_to(brought):
                continue
            found.setdefault(words[0], Path(words[2]))
        elif len(words) == 2 and words[0].startswith("/") and words[1].startswith("("):
            found.setdefault(words[0], Path(words[0]))
    yield from found.items()


def _ldd(binaries: list[Path]) -> str:
    try:
        listing = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise SandboxError("the program ldd is missing; install it (Debian: apt-get install libc-bin)") from None
    return listing.stdout  # ldd exits 1 when one of the extension modules is static, which is fine


def _compile(tree: Path) -> None:
    """Write .pyc files that are valid whatever the sources' times are, and that name the tree's own paths."""
    command = [str(_interpreter()), "-I", "-S", "-m", "compileall", "-qq", "-j", "0"]
    command += ["--invalidation-mode", "unchecked-hash", "-s", str(tree), "-p", "/"]
    done = subprocess.run([*command, str(tree / "opt/python"), str(tree / GUEST.lstrip("/"))], check=False)
    if done.returncode != 0:
        raise SandboxError(f"{_interpreter()} cannot compile its own standard library; is this installation whole?")


def _open_to_all(tree: Path) -> None:
    """Give every folder 0755, and every file the mode it had here less what a strict umask took away."""
    tree.chmod(0o755)
    for path in tree.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    for name in _SCRATCH:
        (tree / name).chmod(0o1777)


def _digest(tree: Path) -> str:
    """Hash all but the .pyc files: they follow from the sources, but marshal does not repeat them byte for byte."""
    total = hashlib.sha256()
    for path in sorted(path for path in tree.rglob("*") if "__pycache__" not in path.parts):
        content = b"" if path.is_dir() else hashlib.sha256(path.read_bytes()).digest()
        total.update(f"{path.relative_to(tree)}\0{path.stat().st_mode:o}\0".encode() + content)
    return total.hexdigest()


def _prune(cache: Path, *, keep: Path) -> None:
    def used_at(path: Path) -> float:
        try:
            return path.stat().st_mtime
        except FileNotFoundError:  # another process prunes too
            return 0.0

    in_use_since = time.time() - _IN_USE_S  # boxes of another process may be running from it
    complete = [p for p in cache.iterdir() if not p.name.startswith(".") and p != keep and used_at(p) < in_use_since]
    abandoned = [path for path in cache.glob(".building-*") if used_at(path) < time.time() - _ABANDONED_AFTER_S]
    _remove([*sorted(complete, key=used_at, reverse=True)[_KEPT_TREES - 1 :], *abandoned])


def _remove(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(source: Path, place: Path, *, mode: int = 0o644) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, place)
    place.chmod(mode)


def _write(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")

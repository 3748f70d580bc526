"""Images with packages: a folder of images/ that says what a box has besides Python, and the making of it.

    requirements.lock   packages from PyPI, each with the hashes of its files, for `pip install --require-hashes`
    preload.txt         modules that the fork server imports before it forks, one a line (optional)
    commands.txt        programs that are copied from the building machine, `sh` among them (optional)

Guarantees
- What is installed has the hashes of the lock; no package is built, so nothing of it runs on this machine.
- Nothing of the host gets in besides the programs named, and the libraries that these and the packages load.

Does not guarantee
- The same files on another kind of machine: wheels, programs and libraries are those of its own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from codebench.sandbox.guest.preload import PACKAGES, PRELOAD
from codebench.sandbox.job import SandboxError

_FOLDERS = Path(__file__).parent.parent / "images"  # beside this package in the source tree and where it is installed
FILES = LOCK, _PRELOAD, _COMMANDS = "requirements.lock", "preload.txt", "commands.txt"
"""What an image's folder may have in it; what is made of it follows from these."""
_PIP = (
    "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-compile", "--no-deps",
    "--require-hashes", "--only-binary", ":all:", "--retries", "1", "--timeout", "20",
)  # fmt: skip
_SHELL = "shell"
_KEPT = 3
_IN_USE_S = 24 * 3600.0
_NOT_KEPT = ("bin", "include", "*.dist-info/RECORD", "*.dist-info/INSTALLER", "*.dist-info/REQUESTED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """What an image has besides Python; `name` is that of its folder. Without a lock it has programs alone.

    `for_commands` says that answers may be commands, so that any Python in it must find the packages by itself.
    """

    name: str
    lock: Path | None
    preload: str
    commands: tuple[str, ...]
    for_commands: bool = False

    def key(self) -> bytes:
        """All that determines what is made of it."""
        lock = self.lock.read_bytes() if self.lock is not None else b""
        return b"\0".join((lock, self.preload.encode(), " ".join(self.commands).encode(), b"%d" % self.for_commands))


def find_packages(name: str) -> Packages:
    """The image of that name, or in that folder where it has a slash in it; raises SandboxError."""
    folder = Path(name) if "/" in name else _FOLDERS / name
    try:
        lock = folder / LOCK
        lock.read_bytes()
    except OSError as error:
        known = ", ".join(sorted(path.parent.name for path in _FOLDERS.glob(f"*/{LOCK}")))
        raise SandboxError(
            f"there is no image {name!r} with packages ({lock}: {error.strerror}); known: {known}"
        ) from None
    commands = _words(folder / _COMMANDS)
    return Packages(name=folder.name, lock=lock, preload="\n".join(_words(folder / _PRELOAD)), commands=commands)


def with_programs(packages: Packages | None) -> Packages:
    """An image, or the plain one, with the programs that are beside every repository."""
    commands = _words(_FOLDERS / _SHELL / _COMMANDS)
    if packages is None:
        return Packages(name=_SHELL, lock=None, preload="", commands=commands, for_commands=True)
    return replace(packages, commands=tuple(sorted({*commands, *packages.commands})), for_commands=True)


def fill(tree: Path, packages: Packages, cache: Path) -> list[Path]:
    """Put packages and programs into a root file system; return the binaries whose libraries it needs besides.

    What is installed stays in `cache`, and is the tree's by hard links. Raises SandboxError.
    """
    commands = [(name, _program(name, packages)) for name in packages.commands]
    binaries: list[Path] = []
    if packages.lock is not None:
        installed = _installed(packages, packages.lock, cache)
        shutil.copytree(installed, tree / PACKAGES.lstrip("/"), copy_function=_link)
        binaries = sorted(path for path in installed.rglob("*.so*") if path.is_file())
    preload = tree / PRELOAD.lstrip("/")
    preload.parent.mkdir(parents=True, exist_ok=True)
    preload.write_text(packages.preload + "\n")
    for name, program in commands:
        target = tree / "usr/bin" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(program, target)
        target.chmod(0o755)
    if commands:
        (tree / "bin").symlink_to("usr/bin")
    return [program for _, program in commands] + binaries


def _words(file: Path) -> tuple[str, ...]:
    if not file.exists():
        return ()
    lines = (line.partition("#")[0] for line in file.read_text(encoding="utf-8").splitlines())
    return tuple(word for line in lines for word in line.split())


def _program(name: str, packages: Packages) -> Path:
    found = shutil.which(name)
    if found is None:
        raise SandboxError(
            f"the image {packages.name} needs this machine's program {name}, which is not here; "
            "install it (Debian: apt-get install bash coreutils dash diffutils findutils gzip hostname mawk sed tar)"
        )
    return Path(found).resolve()


def _installed(packages: Packages, lock: Path, cache: Path) -> Path:
    """The folder in the cache in which the packages are installed and compiled; it is there whole or not at all."""
    key = hashlib.sha256(b"\0".join((sys.version.encode(), sys.executable.encode(), lock.read_bytes())))
    place = cache / f"{packages.name}-{key.hexdigest()[:24]}"
    if not place.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".building-", dir=cache, ignore_cleanup_errors=True) as scratch:
            new = Path(scratch) / "new"
            _install(packages.name, lock, new)
            _compile(new)
            try:
                new.rename(place)
            except OSError:
                if not place.exists():  # else another process was faster
                    raise
        _prune(cache, keep=place)
    os.utime(place)
    return place


def _install(name: str, lock: Path, place: Path) -> None:
    """Install the locked wheels; whatever pip writes for this machine alone is taken out again."""
    command = [sys.executable, *_PIP, "--target", str(place), "-r", str(lock)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PIP_USER": "0"})
    if done.returncode != 0:
        raise SandboxError(
            f"cannot install the packages of the image {name}: {_complaint(done.stderr)}; see that pip "
            f"reaches PyPI or a mirror (PIP_INDEX_URL), then run: codebench images build {name}"
        )
    for pattern in _NOT_KEPT:
        for path in list(place.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _compile(place: Path) -> None:
    """As the standard library is compiled; a file that is no Python of this version stays as it is."""
    command = [
        sys.executable,
        "-I",
        "-S",
        "-m",
        "compileall",
        "-qq",
        "-j",
        "0",
        "--invalidation-mode",
        "unchecked-hash",
    ]
    subprocess.run([*command, "-s", str(place), "-p", PACKAGES, str(place)], check=False)


def _prune(cache: Path, *, keep: Path) -> None:
    """Let go of what has not been used for long; trees that were made of it have links of their own."""
    others = sorted((path for path in cache.iterdir() if path != keep), key=lambda path: path.stat().st_mtime)
    for path in others[: -_KEPT + 1]:
        if path.stat().st_mtime < time.time() - _IN_USE_S:
            shutil.rmtree(path, ignore_errors=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


def _complaint(words: str) -> str:
    lines = [line.strip() for line in words.splitlines() if line.strip()] or ["pip gave no reason"]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors[-1] if errors else lines[-1])[:300]

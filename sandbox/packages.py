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

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from codebench.sandbox.guest.preload import PACKAGES, PRELOAD
from codebench.sandbox.job import SandboxError

_FOLDERS = Path(__file__).parent.parent / "images"  # beside this package in the source tree and where it is installed
_LOCK, _PRELOAD, _COMMANDS = "requirements.lock", "preload.txt", "commands.txt"
_PIP = (
    "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-compile", "--no-deps",
    "--require-hashes", "--only-binary", ":all:", "--retries", "1", "--timeout", "20",
)  # fmt: skip
_NOT_KEPT = ("bin", "include", "*.dist-info/RECORD", "*.dist-info/INSTALLER", "*.dist-info/REQUESTED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """What an image has besides Python; `name` is that of its folder."""

    name: str
    lock: Path
    preload: str
    commands: tuple[str, ...]

    def key(self) -> bytes:
        """All that determines what is made of it."""
        return b"\0".join((self.lock.read_bytes(), self.preload.encode(), " ".join(self.commands).encode()))


def find_packages(name: str) -> Packages:
    """The image of that name, or in that folder where it has a slash in it; raises SandboxError."""
    folder = Path(name) if "/" in name else _FOLDERS / name
    try:
        lock = folder / _LOCK
        lock.read_bytes()
    except OSError as error:
        known = ", ".join(sorted(path.parent.name for path in _FOLDERS.glob(f"*/{_LOCK}")))
        raise SandboxError(
            f"there is no image {name!r} with packages ({lock}: {error.strerror}); known: {known}"
        ) from None
    commands = _words(folder / _COMMANDS)
    return Packages(name=folder.name, lock=lock, preload="\n".join(_words(folder / _PRELOAD)), commands=commands)


def fill(tree: Path, packages: Packages) -> list[Path]:
    """Put packages and programs into a root file system; return the binaries whose libraries it needs besides.

    Raises SandboxError.
    """
    commands = [(name, _program(name, packages)) for name in packages.commands]
    place = tree / PACKAGES.lstrip("/")
    _install(packages, place)
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
    return [program for _, program in commands] + sorted(path for path in place.rglob("*.so*") if path.is_file())


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
            "install it (Debian: apt-get install dash coreutils hostname)"
        )
    return Path(found).resolve()


def _install(packages: Packages, place: Path) -> None:
    """Install the locked wheels; whatever pip writes for this machine alone is taken out again."""
    command = [sys.executable, *_PIP, "--target", str(place), "-r", str(packages.lock)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PIP_USER": "0"})
    if done.returncode != 0:
        raise SandboxError(
            f"cannot install the packages of the image {packages.name}: {_complaint(done.stderr)}; see that pip reaches "
            f"PyPI or a mirror (PIP_INDEX_URL), then run: codebench images build {packages.name}"
        )
    for pattern in _NOT_KEPT:
        for path in list(place.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _complaint(words: str) -> str:
    lines = [line.strip() for line in words.splitlines() if line.strip()] or ["pip gave no reason"]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors[-1] if errors else lines[-1])[:300]

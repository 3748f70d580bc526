"""The directory of a run: where it is, whose it is, and who may write there."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codebench.runs.manifest import MANIFEST, Manifest, differences, identity_hash, read_manifest, write_manifest
from codebench.runs.record import RunError

RUNS = Path("codebench-runs")
LOCK = ".lock"


def default_directory(manifest: Manifest) -> Path:
    """codebench-runs/SUITE--MODEL--IDENTITY: the same command finds its run again."""
    names = (manifest.suite.name, manifest.generator.spec)
    return RUNS / "--".join([*map(slug, names), identity_hash(manifest)])


@contextmanager
def open_run(directory: Path, manifest: Manifest) -> Iterator[Manifest]:
    """Hold the run in `directory` for writing; gives the manifest on disk, which is `manifest` where it is new.

    Raises RunError, with nothing changed, where another process holds it, where it is a run with another identity
    (saying which fields differ), or where the directory holds files but no run.
    """
    _refuse_foreign_files(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot make {directory}: {error.strerror}; use another --out") from error
    with _locked(directory):
        yield _resumed_or_created(directory, manifest)


def _resumed_or_created(directory: Path, manifest: Manifest) -> Manifest:
    if not (directory / MANIFEST).exists():
        _refuse_foreign_files(directory)
        write_manifest(directory, manifest)
        return manifest
    existing = read_manifest(directory)
    if changed := differences(existing, manifest):
        raise RunError(f"{directory} holds another run ({'; '.join(changed)}); use another --out")
    return existing


def _refuse_foreign_files(directory: Path) -> None:
    try:
        names = sorted(entry.name for entry in directory.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise RunError(f"cannot use {directory} for results: {error.strerror}; use another --out") from error
    foreign = [name for name in names if name not in (LOCK, f".{MANIFEST}.tmp")]
    if foreign and MANIFEST not in names:
        raise RunError(f"{directory} holds other files ({foreign[0]}, …) and no {MANIFEST}; use another --out")


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One writer per run. The kernel drops the lock with the process, so a killed run leaves nothing to clean up."""
    try:
        descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise RunError(f"cannot write in {directory}: {error.strerror}; use another --out") from error
    try:
        _take(descriptor, directory)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, directory: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
        raise RunError(
            f"another process (pid {holder}) is writing {directory}; wait for it, or use another --out"
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def slug(text: str) -> str:
    """The text as a part of a file's name."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", text.replace("+", "-plus"))[-48:].strip("-.") or "unnamed"

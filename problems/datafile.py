"""A data file: where it lies, and whether it is the very file that is meant."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from codebench.problems.problem import PackError


def data_directory(data: Path | None) -> Path | None:
    """Where the user keeps data files: `data`, else CODEBENCH_DATA, else nowhere. Raises PackError if it is gone."""
    named = data if data is not None else _from_environment()
    if named is not None and not named.is_dir():
        raise PackError(f"{named}: no such data directory; correct --data or CODEBENCH_DATA")
    return named


def find_in(directory: Path, names: Sequence[str]) -> Path | None:
    """The first of `names` (paths relative to `directory`) that is a file."""
    return next((path for name in names if (path := directory / name).is_file()), None)


def sha256_of(path: Path) -> str:
    """Hex digest of the bytes on disk. Raises PackError where they cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PackError(f"{path}: cannot be read: {error.strerror}") from None


def verified_sha256(path: Path, known: Sequence[str]) -> str:
    """The digest of `path`, which must be one of `known`; raises PackError otherwise."""
    digest = sha256_of(path)
    if digest not in known:
        raise PackError(
            f"{path}: sha256 is {digest}, expected {known[0]}; the file is damaged or changed: get it again"
        )
    return digest


def _from_environment() -> Path | None:
    value = os.environ.get("CODEBENCH_DATA")
    return Path(value) if value else None

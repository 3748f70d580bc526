"""What graders compute in the sandbox once and keep: plain data, by the hash of all that they depend on."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import zlib
from pathlib import Path
from typing import TypeVar

import msgspec

from codebench.graders.grade import Bench

_SCHEMA = b"2"
_FASTEST = 1
_Kept = TypeVar("_Kept", bound=msgspec.Struct)


def place_of(kind: str, bench: Bench, *parts: bytes) -> Path | None:
    """Where something of this kind that depends on `parts`, Python and image is kept; None where nothing is."""
    if bench.cache is None:
        return None
    info = bench.sandbox.info
    digest = hashlib.sha256()
    for part in (_SCHEMA, info.image.encode(), info.python.encode(), *parts):
        digest.update(b"%d\n" % len(part) + part)
    return bench.cache / kind / f"{digest.hexdigest()}.msgpack.z"


def kept(place: Path, kind: type[_Kept]) -> _Kept | None:
    """What was kept; None where it is absent, or not what it should be: then it is computed again."""
    try:
        return msgspec.msgpack.decode(zlib.decompress(place.read_bytes()), type=kind)
    except (OSError, zlib.error, msgspec.DecodeError):
        return None


def keep(place: Path, value: msgspec.Struct) -> None:
    """Keep it, whole or not at all; a cache that cannot be written costs time and nothing else."""
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=".", suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            file.write(zlib.compress(msgspec.msgpack.encode(value), _FASTEST))
        Path(name).replace(place)

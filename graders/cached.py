"""What graders compute in the sandbox once and keep: plain data, by the hash of all that they depend on."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import tempfile
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from codebench.graders.grade import Bench

_SCHEMA = b"3"
_Kept = TypeVar("_Kept", bound=msgspec.Struct)
_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class Shelf(Generic[_Key, _Value]):
    """What was used last stays in memory, up to `most_bytes` together, and always the last one."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._held: OrderedDict[_Key, tuple[_Value, int]] = OrderedDict()
        self._bytes = 0

    def get(self, key: _Key) -> _Value | None:
        if key not in self._held:
            return None
        self._held.move_to_end(key)
        return self._held[key][0]

    def put(self, key: _Key, value: _Value, size: int) -> None:
        """Hold something of `size` bytes in place of what is there."""
        self.drop(key)
        self._held[key] = value, size
        self._bytes += size
        while self._bytes > self._most_bytes and len(self._held) > 1:
            self.drop(next(iter(self._held)))

    def drop(self, key: _Key) -> None:
        _, size = self._held.pop(key, (None, 0))
        self._bytes -= size


class Once(Generic[_Key, _Value]):
    """A shelf of what takes a while to come by: whoever asks meanwhile waits for the same attempt."""

    def __init__(self, most_bytes: int, size_of: Callable[[_Value], int]) -> None:
        self._shelf: Shelf[_Key, _Value] = Shelf(most_bytes)
        self._size_of = size_of
        self._sought: dict[_Key, asyncio.Task[_Value]] = {}

    async def get(self, key: _Key, find: Callable[[], Awaitable[_Value]]) -> _Value:
        """What is held for the key, or what `find` gives; raises what that raises, to all who wait."""
        found = self._shelf.get(key)
        if found is not None:
            return found
        task = self._sought.get(key)
        if task is None:
            task = self._sought[key] = asyncio.ensure_future(find())
            task.add_done_callback(lambda done: self._note(key, done))
        return await asyncio.shield(task)

    def _note(self, key: _Key, task: asyncio.Task[_Value]) -> None:
        del self._sought[key]
        if not task.cancelled() and task.exception() is None:
            self._shelf.put(key, task.result(), self._size_of(task.result()))


def place_of(kind: str, bench: Bench, *parts: bytes) -> Path | None:
    """Where something of this kind that depends on `parts`, Python and image is kept; None where nothing is."""
    if bench.cache is None:
        return None
    info = bench.sandbox.info
    digest = hashlib.sha256()
    for part in (_SCHEMA, info.image.encode(), info.python.encode(), *parts):
        digest.update(b"%d\n" % len(part) + part)
    return bench.cache / kind / f"{digest.hexdigest()}.msgpack"


def kept(place: Path, kind: type[_Kept]) -> _Kept | None:
    """What was kept; None where it is absent, or not what it should be: then it is computed again."""
    try:
        return msgspec.msgpack.decode(place.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None


def keep(place: Path, value: msgspec.Struct) -> None:
    """Keep it, whole or not at all; a cache that cannot be written costs time and nothing else.

    It is not compressed: that would take longer than to make it anew.
    """
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=".", suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.msgpack.encode(value))
        Path(name).replace(place)

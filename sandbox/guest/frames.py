"""Frames on a stream: four bytes of length, one byte of kind, then the body."""

from __future__ import annotations

import struct
from collections.abc import Callable

HEADER = struct.Struct(">IB")
_MOUTHFUL, _MOST = 1 << 16, 1 << 20  # bytes that are asked for at once


class FrameError(Exception):
    """What came is not a frame: too long, or cut off."""


def pack(kind: bytes, body: bytes) -> bytes:
    """Return the frame with `kind` (one byte) and `body`."""
    return header(kind, len(body)) + body


def header(kind: bytes, length: int) -> bytes:
    """Return what a frame with a body of `length` bytes begins with."""
    return HEADER.pack(length, kind[0])


class FrameBuffer:
    """Collects what arrives on a stream and gives back whole frames; `limit` bounds a body's length in bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = bytearray()

    @property
    def missing(self) -> int:
        """How many bytes the frame that has begun still needs, or its header."""
        if len(self._data) < HEADER.size:
            return HEADER.size - len(self._data)
        length: int = HEADER.unpack_from(self._data)[0]
        return HEADER.size + length - len(self._data)

    def feed(self, data: bytes) -> None:
        self._data += data

    def next(self) -> tuple[bytes, bytes] | None:
        """Return (kind, body) of the next whole frame, None where more bytes are needed; raises FrameError."""
        if len(self._data) < HEADER.size:
            return None
        length, kind = HEADER.unpack_from(self._data)
        if length > self._limit:
            raise FrameError(f"a frame of {length} bytes is over the limit of {self._limit}")
        end = HEADER.size + length
        if len(self._data) < end:
            return None
        with memoryview(self._data) as view:
            body = bytes(view[HEADER.size : end])
        del self._data[:end]
        return bytes((kind,)), body


def read_frame(receive: Callable[[int], bytes], buffer: FrameBuffer) -> tuple[bytes, bytes]:
    """Read from `receive` (a blocking read of at most n bytes) until a frame is whole; raises EOFError, FrameError."""
    while (frame := buffer.next()) is None:
        data = receive(min(max(buffer.missing, _MOUTHFUL), _MOST))
        if not data:
            raise EOFError
        buffer.feed(data)
    return frame

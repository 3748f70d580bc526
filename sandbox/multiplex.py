"""The stream of an attached container: stdout and stderr cut into frames behind headers of 8 bytes.

Format: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

STDOUT = 1
STDERR = 2

_HEADER = struct.Struct(">BxxxL")


class Demultiplexer:
    """Splits a stream that arrives in pieces of any size; a frame need not be complete to be passed on."""

    def __init__(self) -> None:
        self._header = b""
        self._stream = STDOUT
        self._left = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield (stream, bytes) for all of `data` that is content."""
        view = memoryview(data)
        while view:
            if self._left == 0:
                view = self._read_header(view)
                continue
            content, view = view[: self._left], view[self._left :]
            self._left -= len(content)
            yield self._stream, bytes(content)

    def _read_header(self, view: memoryview) -> memoryview:
        missing = _HEADER.size - len(self._header)
        self._header += view[:missing]
        if len(self._header) == _HEADER.size:
            self._stream, self._left = _HEADER.unpack(self._header)
            self._header = b""
        return view[missing:]

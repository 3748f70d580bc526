"""What a command prints, heard line by line while it runs."""

from __future__ import annotations

import re

_LINE_BYTES = 4096
_HEARD_BYTES = 1 << 20
_ENDS = re.compile(rb"[\r\n]")


class Listener:
    """Takes in what a command prints on one stream, line by line; tells which patterns have been found."""

    def __init__(self, patterns: dict[int, re.Pattern[str]], found: set[int]) -> None:
        self._patterns = patterns
        self._found = found
        self._begun = b""
        self._too_long = False
        self._heard: list[bytes] = []
        self._left = _HEARD_BYTES

    def hear(self, data: bytes) -> None:
        """Take the next bytes."""
        if self._left > 0:
            self._heard.append(data[: self._left])
            self._left -= len(data)
        if len(self._found) == len(self._patterns):
            return
        first, *others = _ENDS.split(data)
        self._begin(first)
        for line in others:
            self._look()
            self._begun, self._too_long = line, False

    def finish(self) -> None:
        """What has no end of line is a line too, now that nothing more comes."""
        self._look()
        self._begun = b""

    def text(self) -> str:
        """The first MiB of it."""
        return b"".join(self._heard).decode("utf-8", "replace")

    def _begin(self, part: bytes) -> None:
        self._too_long |= len(self._begun) + len(part) > _LINE_BYTES
        self._begun = b"" if self._too_long else self._begun + part

    def _look(self) -> None:
        if not self._begun or self._too_long or len(self._begun) > _LINE_BYTES:
            return
        line = self._begun.decode("utf-8", "replace")
        for number, pattern in self._patterns.items():
            if number not in self._found and pattern.search(line):
                self._found.add(number)

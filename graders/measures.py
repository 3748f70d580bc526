"""What an answer's text measures: the static quality of one program."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """Measures of one program."""

    lines: int

"""What the candidate says that it raised, read as the untrusted text that it is."""

# ruff: noqa: TID251 - relative imports: in a box this package is called codebench, without the rest of it

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from . import values

_MAX_BYTES = 1024 * 1024
_MESSAGE_CHARS = 2000
_NAME_CHARS = 100


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception's class and its bases, nearest first, each as (module, name); `args` None where not plain data."""

    kinds: tuple[tuple[str, str], ...]
    message: str
    args: tuple[Any, ...] | None
    line: int | None
    origin: int | None

    @property
    def name(self) -> str:
        return self.kinds[0][1]


def read_raised(reply: bytes) -> Raised:
    """Read the body of an "E" frame; raises MalformedError."""
    if len(reply) > _MAX_BYTES:
        raise values.MalformedError("an exception that is too large")
    try:
        facts = json.loads(reply)
        args = values.from_plain(facts["args"])
        return Raised(
            kinds=tuple((_text(module), _text(name)) for module, name in facts["kinds"][:20]) or (("", "nothing"),),
            message=str(facts["message"])[:_MESSAGE_CHARS],
            args=args if type(args) is tuple else None,
            line=_number(facts["line"]),
            origin=_number(facts.get("origin")),
        )
    except values.UNREADABLE as e:
        raise values.MalformedError(f"not an exception: {type(e).__name__}") from None


def _text(value: object) -> str:
    return str(value)[:_NAME_CHARS].encode("utf-8", "backslashreplace").decode()


def _number(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 1 << 31 else None

"""JSON bytes that every parser reads, whatever text a candidate or a model put in."""

from __future__ import annotations

import re

import msgspec

_SURROGATE = re.compile("[\ud800-\udfff]")

# Legal inside a JSON string, but line ends for str.splitlines() and for JavaScript before 2019.
_LINE_ENDS = ((b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))


def encode(value: object) -> bytes:
    """One line of strict UTF-8 JSON, without its newline. Lone surrogates become U+FFFD; nothing else changes."""
    try:
        line = msgspec.json.encode(value)
    except UnicodeEncodeError:
        line = msgspec.json.encode(_without_surrogates(msgspec.to_builtins(value)))
    for raw, escaped in _LINE_ENDS:
        line = line.replace(raw, escaped)
    return line


def _without_surrogates(value: object) -> object:
    if isinstance(value, str):
        return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, list | tuple):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value

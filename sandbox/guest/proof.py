"""What a success of a test module must say, for both sides: a secret, and what every step returned."""

from __future__ import annotations

SECRET_BYTES = 16
TEXT_CHARS = 160
"""The results of the steps as text are cut and filled up to this length."""

_NONE = "None, "
_HUSHED = _NONE * 3  # signals blocked, no collection, handlers put aside
_WOKEN = _NONE * 3
_LOADED = f"({_NONE * 2}{_HUSHED}{{pid}})"  # the module is run, its output flushed
# setUpModule, setUpClass, __init__, setUp, the method, tearDown; doCleanups is true; tearDownClass, output; two seals.
_SUCCEEDED = f"({_WOKEN}{_NONE * 6}True, {_NONE * 2}{_HUSHED}{_NONE * 2}{{pid}})"


def texts(pid: int, methods: int) -> list[bytes]:
    """What the candidate with that id says when all is well: first of loading, then of each method."""
    lines = [_LOADED, *[_SUCCEEDED] * methods]
    return [line.format(pid=pid).ljust(TEXT_CHARS).encode() for line in lines]

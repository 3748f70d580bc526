"""What a success of a test module must say, for both sides: a secret, and what every step returned."""

from __future__ import annotations

SECRET_BYTES = 16
TEXT_CHARS = 160
"""The results of the steps as text are cut and filled up to this length."""

_LOADED = "(None, None, None, {pid})"  # the module is run, its output flushed, signals put aside
# Signals back, setUpModule, setUpClass, __init__, setUp, the method, tearDown; doCleanups is true; then tearDownClass,
# output, signals, two seals.
_SUCCEEDED = "(None, None, None, None, None, None, None, True, None, None, None, None, None, {pid})"


def texts(pid: int, methods: int) -> list[bytes]:
    """What the candidate with that id says when all is well: first of loading, then of each method."""
    lines = [_LOADED, *[_SUCCEEDED] * methods]
    return [line.format(pid=pid).ljust(TEXT_CHARS).encode() for line in lines]

"""The accused's side of a test made of inputs: calls the entry point on each, and writes every output to a pipe.

One line for one input, in order: the output as plain data, `!` and what was raised, or `?` and why the output cannot be
carried. Nobody waits at the pipe for each of them, so a line costs one system call and wakes no process; and what was
written is there for the judge even if the next call never ends. The pipe is closed after the last.
"""

# ruff: noqa: TID251 - relative imports: in a box this package is called codebench, without the rest of it

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import values

_FLUSH_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What the candidate lends to its batch: its way to encode, to decode, to describe an exception, to flush."""

    foreign: values.Foreign
    native: values.Native
    raised: Callable[[BaseException], bytes]
    flush: Callable[[], None]


def run(body: bytes, function: Callable[..., object], pipe: int, side: Side) -> None:
    """Answer one "M" frame: a line of directions, then the JSON list of all inputs."""
    head, inputs = body.split(b"\n", 1)
    directions = json.loads(head)
    calls = json.loads(inputs)
    flushed = time.monotonic()
    for number, call in enumerate(calls):
        calls[number] = None
        started = time.process_time()
        line = _line(function, call, directions, side)
        if directions["timed"]:
            line = b"%.6f %b" % (time.process_time() - started, line)
        if time.monotonic() - flushed >= _FLUSH_S:
            side.flush()
            flushed = time.monotonic()
        _write(pipe, line + b"\n")
    side.flush()
    os.close(pipe)


def _line(function: Callable[..., object], call: Any, directions: dict[str, Any], side: Side) -> bytes:
    try:
        args = call if directions["plain"] else values.from_plain(call, side.native)
        result = function(*args)
        return values.dumps(result, side.foreign, max_bytes=values.MAX_OUTPUT_BYTES, packed=directions["packed"])
    except values.UnencodableError as e:
        return b"?" + str(e).encode("ascii", "backslashreplace")
    except BaseException as e:  # noqa: BLE001 - SystemExit and the like are answers of the candidate too
        return b"!" + side.raised(e)


def _write(pipe: int, data: bytes) -> None:
    written = os.write(pipe, data)
    while written < len(data):
        written += os.write(pipe, memoryview(data)[written:])

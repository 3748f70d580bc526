"""The process that analyses untrusted text for its host: `python -m codebench.graders.analyser HOST MEMORY_MIB`.

It reads requests from stdin and writes a reply to each on stdout, until stdin ends. See `analysis` for the other end.
"""

from __future__ import annotations

import functools
import os
import resource
import signal
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import BinaryIO, cast

import msgspec

from codebench.graders.analysis import HEAD, Reply, Request
from codebench.sandbox import SandboxError
from codebench.sandbox.guest import kernel

_NOTHING = msgspec.msgpack.encode(None)


def main() -> None:
    """Serve the host until it hangs up. It is killed with the host, whatever it is doing then."""
    host, memory_mib = map(int, sys.argv[1:])
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != host:
        return  # the host died before that
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_mib << 20, memory_mib << 20))
    requests, replies = _own_pipes()
    warnings.simplefilter("ignore")  # about the text, which nobody would read
    serve(requests, replies)


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer every request until there are no more."""
    while len(head := requests.read(HEAD.size)) == HEAD.size:
        request = msgspec.msgpack.decode(requests.read(*HEAD.unpack(head)), type=Request)
        reply = answer(request)
        message = msgspec.msgpack.encode(reply)
        replies.write(HEAD.pack(len(message)) + message)
        replies.flush()


def answer(request: Request) -> Reply:
    """What the analyser says, or why it says nothing."""
    try:
        analyser = _load(request.kind)
    except Exception as error:  # noqa: BLE001 - an installation can be broken in any way, and the host shall know
        return Reply(reason=f"{type(error).__name__}: {error}", broken=True)
    return _analysed(analyser, request.texts) if request.texts else Reply(value=_NOTHING)


def _analysed(analyser: Callable[..., object], texts: tuple[bytes, ...]) -> Reply:
    try:
        found = analyser(*(text.decode("utf-8", "surrogatepass") for text in texts))
        return Reply(value=msgspec.msgpack.encode(found))
    except (ImportError, SandboxError) as error:
        return Reply(reason=f"{type(error).__name__}: {error}", broken=True)
    except MemoryError:
        return Reply(reason="out of memory, or nested too deeply", spent=True)
    except RecursionError:
        return Reply(reason="nested too deeply")
    except Exception as error:  # noqa: BLE001 - analysers of others fail in any way on text that was made for it
        return Reply(reason=f"the analyser failed: {type(error).__name__}")


@functools.cache
def _load(kind: str) -> Callable[..., object]:
    module, _, function = kind.partition(":")
    return cast(Callable[..., object], getattr(import_module(module), function))


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The host's pipes under other numbers, so that an analyser that prints or reads disturbs nobody."""
    pipes = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    return pipes


if __name__ == "__main__":
    main()

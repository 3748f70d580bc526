"""Output: data on stdout, everything else on stderr, and nothing lost where the reader has gone."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def put(text: str) -> None:
    """Write a line to stdout. A reader that has gone away (`| head`) changes neither the results nor the exit code."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def put_json(value: object) -> None:
    """Write one JSON document to stdout."""
    put(json.dumps(value, indent=2, allow_nan=False))


def put_rich(show: Callable[[Console], None]) -> None:
    """Write what `show` prints on a console: with colours on a terminal, plain elsewhere."""
    from rich.console import Console

    console = Console()
    with console.capture() as captured:
        show(console)
    put(captured.get().rstrip("\n"))


def say(message: str) -> None:
    """Tell the user something in one line on stderr."""
    line = " ".join(message.split("\n"))
    print(f"codebench: {line}", file=sys.stderr, flush=True)

"""Output: data on stdout, everything else on stderr, and nothing lost where the reader has gone."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleRenderable

_STEERING = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


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
    """Write what `show` prints on a console: with colours on a terminal, plain elsewhere.

    Nothing in a text is markup, and its control characters never get to the terminal: a � stands for each.
    """
    from rich.console import Console, RenderHook
    from rich.segment import Segment, Segments

    class Plain(RenderHook):
        def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
            return [
                Segments(Segment(plain(text), style) for one in renderables for text, style, _ in console.render(one))
            ]

    console = Console(markup=False, emoji=False)
    console.push_render_hook(Plain())
    with console.capture() as captured:
        show(console)
    put(captured.get().rstrip("\n"))


def plain(text: str) -> str:
    """The text with a � for each character that would steer a terminal."""
    return _STEERING.sub("�", text)


def say(message: str) -> None:
    """Tell the user something in one line on stderr."""
    line = plain(" ".join(message.split("\n")))
    print(f"codebench: {line}", file=sys.stderr, flush=True)

"""What a step of a GitHub workflow can tell its runner: annotations, outputs, a job summary.

Text of models, packs and data sets may be part of any message here, and none of it is ever read as a command.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from codebench.runs.record import RunError

ANNOTATIONS = 10
"""As many of each kind does GitHub show of a step; it leaves out the others in silence."""
SUMMARY_BYTES = 1024 * 1024
"""GitHub refuses a longer job summary of a step."""
_LONGEST = 1000
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_FENCE = re.compile(r"(`{3,})\w*")
_NUMBER = ("pull_request", "number")
_BASE = ("pull_request", "base", "ref")
_OWN_BRANCH = ("repository", "default_branch")
_OUTPUT = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_KINDS = ("notice", "warning", "error")


def annotation(kind: str, title: str, message: str) -> str:
    """One workflow command, in one line: `kind` is notice, warning or error."""
    assert kind in _KINDS, "there are three kinds of annotations"
    return f"::{kind} title={_property(title)}::{_data(message)}"


def annotate_all(kind: str, found: Sequence[tuple[str, str]]) -> list[str]:
    """One for each (title, message), as many as GitHub shows; the last one says how many more there are."""
    if len(found) <= ANNOTATIONS:
        return [annotation(kind, *one) for one in found]
    shown = found[: ANNOTATIONS - 1]
    left = f"and {len(found) - len(shown):,} more: the job summary lists them"
    return [*(annotation(kind, *one) for one in shown), annotation(kind, "codebench", left)]


@contextmanager
def no_commands() -> Iterator[None]:
    """Have the runner read no workflow command out of what is printed meanwhile, by this process or its children.

    Outside of a workflow nothing is printed.
    """
    if os.environ.get("GITHUB_ACTIONS") != "true":
        yield
        return
    token = secrets.token_hex(16)
    print(f"::stop-commands::{token}", flush=True)
    try:
        yield
    finally:
        print(f"\n::{token}::", flush=True)


def set_outputs(values: Mapping[str, str | float | int]) -> None:
    """Append the step's outputs to GITHUB_OUTPUT. Raises RunError for a text that is more than one line."""
    lines = []
    for name, value in values.items():
        text = str(value)
        if not _OUTPUT.fullmatch(name) or _UNSEEN.search(text):
            raise RunError(f"cannot set the output {name!r}: it must be one line without control characters")
        lines.append(f"{name}={text}\n")
    _append("GITHUB_OUTPUT", "".join(lines))


def add_summary(markdown: str) -> None:
    """Append Markdown to the job summary, cut where it would be refused."""
    _append("GITHUB_STEP_SUMMARY", cut(markdown, SUMMARY_BYTES - 1024, "The artifact has the whole report.") + "\n")


def cut(markdown: str, longest: int, remedy: str) -> str:
    """As many whole lines as fit into `longest` bytes of UTF-8, and a sentence that says so.

    It is never cut inside a block of code, and what was folded up stays folded.
    """
    if len(markdown.encode()) <= longest:
        return markdown
    note = f"**Cut here: all of it is {len(markdown):,} characters, more than GitHub takes.** {remedy}"
    kept = _first_lines(markdown.split("\n"), longest - len(note.encode()) - 100)
    return f"{kept}\n\n{note}"


def _first_lines(lines: Sequence[str], room: int) -> str:
    """Those that fit into `room` bytes, less the beginning of a block of code, with what they leave open closed."""
    fence, depth, taken, ended = "", 0, 0, (0, 0)
    for number, line in enumerate(lines, 1):
        taken += len(line.encode()) + 1
        if taken > room:
            break
        if fence:
            fence = "" if line == fence else fence
        elif opened := _FENCE.fullmatch(line):
            fence = opened[1]
        else:
            depth += line.count("<details>") - line.count("</details>")
        if not fence:
            ended = (number, depth)
    return "\n".join(lines[: ended[0]]) + "\n\n</details>" * ended[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Why this workflow runs. `number` is that of the pull request, None where there is none; `branch` is the one that
    it is to be merged into, or else the repository's own."""

    number: int | None = None
    branch: str = ""


def read_event() -> Event:
    """From the file that GITHUB_EVENT_PATH names; an event without anything where that cannot be read."""
    try:
        found = json.loads(Path(os.environ.get("GITHUB_EVENT_PATH", "")).read_bytes())
    except (OSError, ValueError):
        return Event()
    number, base, own = (_at(found, *path) for path in (_NUMBER, _BASE, _OWN_BRANCH))
    return Event(
        number=number if isinstance(number, int) and number > 0 else None,
        branch=next((name for name in (base, own) if isinstance(name, str)), ""),
    )


def _at(value: object, *path: str) -> object:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _data(text: str) -> str:
    """GitHub's escapes for the data of a command; runs of control and direction characters become one blank."""
    line = _UNSEEN.sub(" ", text).strip()
    line = line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
    return line.encode(errors="replace").decode().replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _append(variable: str, text: str) -> None:
    """To the file that the runner names; outside of a workflow it goes nowhere."""
    path = os.environ.get(variable)
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError as error:
        raise RunError(f"cannot write {variable} ({path}): {error.strerror}; run this in a workflow") from error

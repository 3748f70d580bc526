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
from pathlib import Path

from codebench.runs.record import RunError

ANNOTATIONS = 10
"""As many of each kind does GitHub show of a step; it leaves out the others in silence."""
SUMMARY_BYTES = 1024 * 1024
"""GitHub refuses a longer job summary of a step."""
_LONGEST = 1000
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_OUTPUT = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_KINDS = ("notice", "warning", "error")


def annotation(kind: str, title: str, message: str) -> str:
    """One workflow command, in one line: `kind` is notice, warning or error."""
    assert kind in _KINDS, "there are three kinds of annotations"
    return f"::{kind} title={_property(title)}::{_data(message)}"


def annotations(kind: str, found: Sequence[tuple[str, str]]) -> list[str]:
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
    """As many of the blocks (which blank lines part) as fit into `longest` bytes of UTF-8, and a sentence of the rest.

    Of a block that does not fit the whole lines that do are kept, so that a table ends with a row; what was folded
    open is closed.
    """
    if len(markdown.encode()) <= longest:
        return markdown
    note = f"\n\n**Cut here: this is {len(markdown):,} characters, more than GitHub takes.** {remedy}"
    room = longest - len(note.encode()) - 200
    kept = markdown.encode()[: max(0, room)].decode(errors="ignore").rpartition("\n")[0]
    if kept.count("\n```") % 2:
        kept += "\n```"
    unclosed = kept.count("<details>") - kept.count("</details>")
    return kept + "\n\n</details>" * max(0, unclosed) + note


def pull_request() -> int | None:
    """The number of the pull request that this workflow runs for; None where there is none."""
    try:
        event = json.loads(Path(os.environ.get("GITHUB_EVENT_PATH", "")).read_bytes())
        number = event["pull_request"]["number"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return number if isinstance(number, int) and number > 0 else None


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

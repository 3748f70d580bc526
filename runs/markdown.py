"""Markdown for pull requests and job summaries, into which no text of a model can put markup of its own."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Sequence

LONGEST = 200
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff]")
_DIRECTION = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069]")
_MARKUP = re.compile(r"[\\`*_\[\]|~$]|:(?=[\w:])|^[-+=#]+(?=\s|$)|(?<=\d)[.)](?=\s|$)")
_MENTION = re.compile(r"(?<!\w)@|#(?=\d)|GH-|://|www\.", re.IGNORECASE)
_BREAKS = re.compile(r"\s+")


def text(value: str, longest: int = LONGEST) -> str:
    """Untrusted text as one line that Markdown shows as it is, in a paragraph or a table's cell.

    HTML, Markdown, mentions, links, references to issues, workflow commands, terminal escapes and direction marks lose
    their meaning; runs of white space become one blank; past `longest` characters it is cut, with an ellipsis.
    """
    return _MARKUP.sub(_entity, html.escape(_MENTION.sub(_broken, _cut(line(value), longest))))


def code(value: str, longest: int = LONGEST) -> str:
    """The same, in the type of code, where GitHub looks for no mentions."""
    return f"<code>{_MARKUP.sub(_entity, html.escape(_cut(line(value), longest)))}</code>"


def fence(value: str, longest: int = 4000) -> str:
    """Untrusted lines as a block of code; past `longest` characters it is cut, with an ellipsis."""
    shown = _DIRECTION.sub("", _CONTROL.sub("", _cut(value.replace("\r\n", "\n"), longest)))
    ticks = max((len(run) for run in re.findall("`+", shown)), default=0)
    mark = "`" * max(3, ticks + 1)
    return f"{mark}text\n{shown}\n{mark}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """A table whose cells are Markdown already (`text` makes it of anything); the columns in `right` hold numbers."""
    marks = ["---:" if place in right else ":---" for place in range(len(header))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, marks, *rows))


def line(value: str) -> str:
    """Untrusted text as one line without terminal escapes, control characters and direction marks."""
    return _BREAKS.sub(" ", _DIRECTION.sub("", _CONTROL.sub("", value))).strip()


def _cut(value: str, longest: int) -> str:
    return value if len(value) <= longest else f"{value[: longest - 1]}…"


def _broken(match: re.Match[str]) -> str:
    """With a blank of no width after it: GitHub looks for mentions once entities have become characters again."""
    return f"{match[0]}\u200b"


def _entity(match: re.Match[str]) -> str:
    """Numbers that HTML shows as the characters and Markdown does not read."""
    return "".join(f"&#{ord(character)};" for character in match[0])

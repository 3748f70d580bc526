"""Embedding: text and data of others in an HTML page, in forms that cannot leave the element they are in."""

from __future__ import annotations

import base64
import gzip
import json
import re

LONGEST = 20_000
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    "\ufffe\uffff\U000e0000-\U000e007f]"
)
_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def visible(text: str, longest: int = LONGEST) -> str:
    """The text with a sign in the place of each character that does not show, or that steers what is around it.

    ASCII's controls become their pictures (U+2400 and on), all else of that kind, such as half a surrogate pair and
    marks of direction, becomes �. Past `longest` characters it is cut, and says by how much.
    """
    cut = text if len(text) <= longest else text[:longest]
    shown = _HIDDEN.sub(_sign, cut.replace("\r\n", "\n"))
    return shown if len(text) <= longest else f"{shown}\n… {len(text) - longest:,} more characters, not shown here"


def line(text: str, longest: int = 200) -> str:
    """The same in one line that ends in an ellipsis where it was cut."""
    words = " ".join(text[: 2 * longest].split())
    return visible(words if len(words) <= longest else f"{words[: longest - 1]}…", longest)


def json_text(value: object) -> str:
    """JSON in ASCII without `<`, `>` and `&`: whatever it says, a script element stays open and data."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).translate(_ESCAPES)


def packed(value: object) -> str:
    """JSON, compressed and in base64, for a page that unpacks it when it is needed."""
    return packed_text(json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")))


def packed_text(text: str) -> str:
    """Equal for equal text."""
    return base64.b64encode(gzip.compress(text.encode(), compresslevel=9, mtime=0)).decode("ascii")


def _sign(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else "\ufffd"

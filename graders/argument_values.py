"""Whether an argument that was given is the one that was wanted: by its value, not by its spelling."""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Sequence

from codebench.graders.command_lines import Words

Scalar = str | int | float | bool | None
Wanted = Scalar | Sequence[Scalar]
"""A value that a user asks for. True is a flag that is set, False one that is not, None an argument left alone."""

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?")
_TRUE = {"true", "yes", "on", "1", "y", "t"}
_FALSE = {"false", "no", "off", "0", "n", "f"}
_NOTHING = {"none", "null", ""}


def agrees(wanted: Wanted, given: Words, *, ignore_case: bool = False) -> bool:
    """Is this the value? `given` are the words that stand behind the name, none for a flag.

    Numbers are compared as numbers, so 1e-3 is 0.001 and 2 is 2.0; paths without `./` and doubled slashes; other text
    to the letter, unless the case is to be ignored. Words behind the value are not looked at: they may stand alone. A
    list is its values as words of their own, or in one word with commas between, brackets around it or not.
    """
    if wanted is True or wanted is False:
        return _is_set(given) is wanted
    if wanted is None:
        return bool(given) and given[0] is not None and given[0].casefold() in _NOTHING
    if isinstance(wanted, str | int | float):
        return bool(given) and _same(wanted, given[0], ignore_case)
    return _same_list(wanted, given, ignore_case)


def _is_set(given: Words) -> bool | None:
    """A flag's state; a word behind it that says nothing of truth is not its own. None where it is not known."""
    if given and given[0] is None:
        return None
    return not (given and given[0] is not None and given[0].casefold() in _FALSE)


def _same_list(wanted: Sequence[Scalar], given: Words, ignore_case: bool) -> bool:
    if len(given) == 1 and given[0] is not None and len(wanted) != 1:
        inner = given[0].strip()
        inner = inner[1:-1] if inner[:1] + inner[-1:] in ("[]", "()", "{}") else inner
        given = tuple(word.strip().strip("'\"") for word in inner.split(",")) if inner.strip() else ()
    return len(given) >= len(wanted) and all(
        _same_item(one, word, ignore_case) for one, word in zip(wanted, given, strict=False)
    )


def _same_item(wanted: Scalar, word: str | None, ignore_case: bool) -> bool:
    if isinstance(wanted, bool) or wanted is None:
        words = _NOTHING if wanted is None else _TRUE if wanted else _FALSE
        return word is not None and word.casefold() in words
    return _same(wanted, word, ignore_case)


def _same(wanted: str | float, word: str | None, ignore_case: bool) -> bool:
    if word is None:
        return False
    numbers = number(str(wanted)), number(word)
    if numbers[0] is not None and numbers[1] is not None:
        return numbers[0] == numbers[1]
    pair = _plain(str(wanted)), _plain(word)
    return pair[0].casefold() == pair[1].casefold() if ignore_case else pair[0] == pair[1]


def number(text: str) -> int | float | None:
    """The finite number that a text is in whole; integers of any size exactly."""
    text = text.strip()
    if len(text) > 400 or not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    if "." in text or "e" in text.casefold():
        return value if math.isfinite(value) else None
    return int(text)


def _plain(text: str) -> str:
    text = text.strip()
    return posixpath.normpath(text) if "/" in text and "://" not in text else text

"""Highlighting: where a program's keywords, strings and comments are, for a page that colours them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from itertools import groupby

LONGEST = 20_000
_KINDS = (
    ("Token.Comment", "c"),
    ("Token.Literal.String.Doc", "d"),
    ("Token.Literal.String", "s"),
    ("Token.Literal.Number", "n"),
    ("Token.Keyword", "k"),
    ("Token.Operator.Word", "k"),
    ("Token.Name.Function", "f"),
    ("Token.Name.Class", "f"),
    ("Token.Name.Builtin", "b"),
    ("Token.Name.Exception", "b"),
    ("Token.Name.Decorator", "m"),
)
PLAIN = "t"


@functools.lru_cache(maxsize=64)  # repeated answers to one problem are common
def spans(code: str) -> str:
    """`k3t1f5…`: for each piece of the program what it is and how long, in UTF-16 units as JavaScript counts.

    c comment, d docstring, s string, n number, k keyword, f name of a function or class, b builtin, m decorator, t all
    else. "" where it is longer than LONGEST, which would take long.
    """
    if len(code) > LONGEST:
        return ""
    pieces = ((_kind(str(token)), _units(text)) for token, text in _lexer()(code))
    return "".join(f"{kind}{sum(size for _, size in of_kind)}" for kind, of_kind in groupby(pieces, lambda one: one[0]))


@functools.cache
def _lexer() -> Callable[[str], Iterator[tuple[object, str]]]:
    from pygments.lexers.python import PythonLexer

    # Not get_tokens(), which changes line ends and blank lines: the pieces must add up to the text.
    unprocessed = PythonLexer().get_tokens_unprocessed
    return lambda code: ((token, text) for _, token, text in unprocessed(code))


@functools.cache
def _kind(token: str) -> str:
    return next((kind for name, kind in _KINDS if token.startswith(name)), PLAIN)


def _units(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)

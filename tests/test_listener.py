"""What a command prints is heard the same in whatever pieces it comes."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from codebench.sandbox.guest.listener import Listener

PATTERNS = {0: re.compile("^ab$"), 3: re.compile("b+"), 5: re.compile("^x{4000}"), 7: re.compile("\ufffd")}
TEXTS = st.lists(st.sampled_from((b"a", b"b", b"ab", b"\n", b"\r", b"\r\n", b"\xff", b"x" * 4000, b" ")), max_size=12)


def hear(pieces: list[bytes]) -> tuple[set[int], str]:
    found: set[int] = set()
    listener = Listener(PATTERNS, found)
    for piece in pieces:
        listener.hear(piece)
    listener.finish()
    return found, listener.text()


@given(TEXTS.map(b"".join), st.lists(st.integers(0, 20_000), max_size=6))
def test_pieces_make_no_difference(data: bytes, cuts: list[int]) -> None:
    ends = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    pieces = [data[start:end] for start, end in pairwise(ends)]
    lines = [line for line in re.split(rb"[\r\n]", data) if len(line) <= 4096]
    expected = {
        n for n, p in PATTERNS.items() if any(line and p.search(line.decode("utf-8", "replace")) for line in lines)
    }
    assert hear(pieces) == hear([data]) == (expected, data.decode("utf-8", "replace"))


def test_no_more_than_a_mebibyte_is_kept() -> None:
    _, text = hear([b"y" * 300_000] * 5)
    assert text == "y" * (1 << 20)


def test_what_was_found_on_the_other_stream_is_found() -> None:
    found: set[int] = set()
    one, other = Listener(PATTERNS, found), Listener(PATTERNS, found)
    one.hear(b"ab\n")
    other.hear(b"b\n")
    assert found == {0, 3}

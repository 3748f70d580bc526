"""Docker's multiplexed stream survives being cut anywhere."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from codebench.sandbox.multiplex import STDERR, STDOUT, Demultiplexer

FRAMES = st.lists(st.tuples(st.sampled_from([STDOUT, STDERR]), st.binary(max_size=40)), max_size=8)


def joined(pieces: list[tuple[int, bytes]], stream: int) -> bytes:
    return b"".join(content for of, content in pieces if of == stream)


@given(frames=FRAMES, sizes=st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_a_stream_cut_anywhere_gives_both_outputs_whole(frames: list[tuple[int, bytes]], sizes: list[int]) -> None:
    wire = b"".join(struct.pack(">BxxxL", stream, len(content)) + content for stream, content in frames)
    demultiplexer = Demultiplexer()
    pieces: list[tuple[int, bytes]] = []
    position = turn = 0
    while position < len(wire):
        size = sizes[turn % len(sizes)]
        pieces += demultiplexer.feed(wire[position : position + size])
        position, turn = position + size, turn + 1
    assert [joined(pieces, s) for s in (STDOUT, STDERR)] == [joined(frames, s) for s in (STDOUT, STDERR)]


def test_a_frame_is_passed_on_before_it_is_complete() -> None:
    begun = struct.pack(">BxxxL", STDOUT, 100) + b"begun"
    assert list(Demultiplexer().feed(begun)) == [(STDOUT, b"begun")]

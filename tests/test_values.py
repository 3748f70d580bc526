"""Values cross as what they are, or not at all; whatever the other side sends is data or refused."""

from __future__ import annotations

import contextlib
import datetime
import json
import math
from collections import OrderedDict, deque
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codebench.sandbox.guest import values
from codebench.sandbox.guest.frames import FrameBuffer, FrameError, pack
from codebench.sandbox.guest.mutation import assign, mutables

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**62, max_value=2**300)
    | st.floats()
    | st.text(st.characters())  # surrogates included
    | st.binary()
    | st.binary().map(bytearray)
    | st.complex_numbers()
    | st.decimals()
    | st.fractions()
    | st.dates()
    | st.datetimes()
    | st.timedeltas()
    | st.builds(range, st.integers(), st.integers(), st.integers(min_value=1))
    | st.sampled_from([int, str, Ellipsis, NotImplemented])
)
KEYS = st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.tuples(st.integers(), st.text())
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(KEYS, inner)
        | st.sets(KEYS)
        | st.frozensets(KEYS)
        | st.builds(deque, st.lists(inner), st.none() | st.integers(min_value=20, max_value=30))
    ),
    max_leaves=20,
)


def same(a: Any, b: Any) -> bool:  # noqa: PLR0911 - one return per kind of value
    """Equal, of the same types all the way down, NaN equal to NaN and 0.0 different from -0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, Decimal):
        return str(a) == str(b)
    if isinstance(a, (list, tuple, deque)):
        return len(a) == len(b) and all(map(same, a, b)) and getattr(a, "maxlen", 0) == getattr(b, "maxlen", 0)
    if isinstance(a, dict):
        return same(list(a), list(b)) and same(list(a.values()), list(b.values()))
    return bool(a == b)


@given(VALUES)
def test_round_trip(value: object) -> None:
    assert same(values.loads(values.dumps(value)), value)


@given(VALUES)
def test_wire_is_ascii_json(value: object) -> None:
    json.loads(values.dumps(value).decode("ascii"))


class Liar(list[int]):
    """Claims to be empty, equal to all, and of another class."""

    def __iter__(self) -> Any:
        raise AssertionError("its own method was run")

    __len__ = __eq__ = __repr__ = __iter__  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


class Whole(int):
    def __int__(self) -> int:
        raise AssertionError("its own method was run")


@pytest.mark.parametrize(
    ("value", "base"),
    [(Liar([1, 2]), [1, 2]), (Whole(9), 9), (OrderedDict(b=1, a=2), OrderedDict(b=1, a=2)), (deque([1]), deque([1]))],
)
def test_subclasses_are_flattened_without_asking_them(value: object, base: object) -> None:
    got = values.loads(values.dumps(value))
    assert type(got) is type(base)
    assert got == base


def test_dict_views_stay_views() -> None:
    got = values.loads(values.dumps({"a": 1}.keys()))
    assert got == {"a"}
    assert got != ["a"]


def test_no_end_is_refused() -> None:
    circle: list[object] = []
    circle.append(circle)
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    for value in (circle, deep):
        with pytest.raises(values.UnencodableError):
            values.dumps(value)


def test_too_much_is_refused() -> None:
    with pytest.raises(values.UnencodableError):
        values.dumps("x" * (values.MAX_BYTES + 1))
    with pytest.raises(values.MalformedError):
        values.loads(b"[" + b"0," * (values.MAX_NODES + 1) + b"0]")


HOSTILE = [
    b"", b"{", b'{"t":1}', b'{"t":[1],"s":[1]}', b"{}", b'{"s":[[1]]}', b'{"d":[[1]]}', b'{"d":[1]}', b'{"i":"zz"}',
    b'{"i":5}', b'{"b":"\\u4000"}', b'{"b":1}', b'{"c":["x"]}', b'{"c":"x"}', b'{"r":["0x0","0x1","0x0"]}',
    b'{"F":["0x1","0x0"]}', b'{"D":"no"}', b'{"dt":"x"}', b'{"ty":"eval"}', b'{"dq":[[1],-2]}', b'{"dq":1}', b'{"o":[0,"x"]}',
    b'{"p":[0,1]}', b'{"in":["x",[]]}', b'{"td":[1e400]}', b"[" * 100_000, b'{"t":[' * 3000, b"9" * 5000, b"\xff", b'{"di":[[[1],2]]}',
]  # fmt: skip


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_data_are_refused(data: bytes) -> None:
    with pytest.raises(values.MalformedError):
        values.loads(data)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5), lambda x: (
    st.lists(x, max_size=4) | st.dictionaries(st.sampled_from(["t", "d", "s", "fs", "i", "b", "ba", "c", "r", "D", "F", "da", "dt", "td", "ty", "dq", "dk", "di", "o", "p"]), x, max_size=2)
)))  # fmt: skip
def test_any_json_is_a_value_or_malformed(data: object) -> None:
    with contextlib.suppress(values.MalformedError):
        values.loads(json.dumps(data).encode())


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=1), st.binary(max_size=50)), max_size=6), st.data())
def test_frames_survive_any_cutting(frames: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    stream = b"".join(pack(kind, body) for kind, body in frames)
    buffer, got = FrameBuffer(100), []
    while stream:
        cut = data.draw(st.integers(min_value=1, max_value=len(stream)))
        buffer.feed(stream[:cut])
        stream = stream[cut:]
        while (frame := buffer.next()) is not None:
            got.append(frame)
    assert got == frames


def test_a_frame_over_the_limit_is_refused_before_it_is_there() -> None:
    buffer = FrameBuffer(10)
    buffer.feed(pack(b"V", b"x" * 11)[:5])
    with pytest.raises(FrameError):
        buffer.next()


def nothing_shared(_: object) -> None:
    return None


@given(VALUES)
def test_both_sides_number_the_same_objects(value: object) -> None:
    """What is decoded on the other side holds as many mutable objects, in the same order, as what was encoded."""
    ours, theirs = mutables(value, nothing_shared), mutables(values.loads(values.dumps(value)), nothing_shared)
    distinct = len({id(item) for item in ours})
    assert distinct == len(ours)
    assert len(theirs) >= len(ours)  # more where one object stood in two places: those are two on the other side


def test_assign_keeps_the_object_and_takes_the_content() -> None:
    for old, new in (
        ([1], [2, 3]),
        ({1: 2}, {3: 4}),
        ({1}, {2}),
        (bytearray(b"a"), bytearray(b"b")),
        (deque([1]), deque([2])),
    ):
        kept: Any = old
        assign(kept, new)
        assert kept == new
    with pytest.raises(TypeError):
        assign([1], {1: 2})


def test_dates_and_numbers_keep_their_kind() -> None:
    for value in (datetime.date(2026, 1, 1), datetime.time(1, 2), Decimal("1.10"), Fraction(1, 3)):
        assert same(values.loads(values.dumps(value)), value)

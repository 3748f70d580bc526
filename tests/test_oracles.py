"""The oracles, as the judge runs them: their source in a namespace of its own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codebench.problems import Oracle, oracles

NAN, INF = float("nan"), float("inf")
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=2) | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)


def judge(oracle: Oracle, *pairs: tuple[object, object], args: list[Any] | None = None) -> list[bool]:
    """What it says of each (expected, output), one after the other."""
    names: dict[str, Any] = {"sum": None, "abs": None}  # a prompt may hide builtins
    exec(oracle.source, names)
    return [_says(names["matches"], args or [], expected, output) for expected, output in pairs]


def _says(matches: Any, args: list[Any], expected: object, output: object) -> bool:
    try:
        return matches(args, expected, output) is True
    except Exception:  # noqa: BLE001 - as the judge does
        return False


STOCK = [oracles.equal(), oracles.close(), oracles.close(1e-4), oracles.type_strict(), oracles.evoeval_equal()]


@given(plain, st.sampled_from(STOCK))
def test_a_reflexive_oracle_takes_what_is_the_same(value: object, oracle: Oracle) -> None:
    assert oracle.reflexive
    assert judge(oracle, (value, value)) == [True]


@given(plain, plain)
def test_the_strictest_rule_takes_no_more_than_the_others(expected: object, output: object) -> None:
    if judge(oracles.equal(), (expected, output)) == [True]:
        assert judge(oracles.close(), (expected, output)) == [True]


@pytest.mark.parametrize(
    ("expected", "output", "close", "strict"),
    [
        (1, 1.0, True, False),
        (1, True, True, False),
        (0.1 + 0.2, 0.3, True, True),
        (1.0, 1.0 + 5e-7, True, True),
        (1.0, 1.1, False, False),
        (1000.0, 1000.005, False, True),
        ([1.0, 2.0], [1.0, 2.0000001], True, True),
        ([1.0, 2.0], (1.0, 2.0), False, False),
        ([1.0], [1.0, 1.0], False, False),
        ([1, 2], (1, 2), False, False),
        ((1, 1), (1, True), True, False),
        (NAN, NAN, True, True),
        (INF, INF, True, True),
        (INF, 1e308, False, False),
        (1.0, "1.0", False, False),
        (1.0, None, False, False),
        ({"a": 1.0}, {"a": 1.0 + 1e-9}, True, True),
        ([], (), False, False),
        ({1, 2}, {2, 1}, True, True),
    ],
)
def test_pairs(expected: object, output: object, close: bool, strict: bool) -> None:
    assert judge(oracles.close(), (expected, output)) == [close]
    assert judge(oracles.type_strict(), (expected, output)) == [strict]


def test_evalplus_keeps_its_tolerance_once_it_has_one() -> None:
    late = ([1, 2], [1, 2.0000000001])
    assert judge(oracles.evalplus_close(), late) == [False]
    assert judge(oracles.evalplus_close(), (1.5, 1.5), late) == [True, True]
    assert judge(oracles.close(), (1.5, 1.5), late) == [True, False]
    assert judge(oracles.evalplus_close(), (NAN, NAN)) == [False]


def test_evoeval_takes_floats_of_another_shape() -> None:
    assert judge(oracles.evoeval_equal(), ([], ()), ([1.0], (1.0,)), ([1.0, 1.0], [1.0]), (1, True)) == [
        True,
        True,
        True,
        False,
    ]


def test_roots() -> None:
    root = oracles.puzzle("root(1e-4)")
    assert judge(root, (-0.5, -0.5), (-0.5, 0.5), (-0.5, None), (-0.5, NAN), args=[[1, 2]]) == [
        True,
        False,
        False,
        False,
    ]
    assert not root.reflexive
    within = oracles.puzzle("root_within(2e-2)")
    assert judge(within, (-1.0, -1.0), (-1.0, 1.0), (None, None), (None, -1.0), args=[[-1, 0, 1], [-2, 0]]) == [
        True,
        False,
        True,
        False,
    ]


def test_no_output_will_do_where_upstream_fails_them_all() -> None:
    assert judge(oracles.never(), (1, 1)) == [False]

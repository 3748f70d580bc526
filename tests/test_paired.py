"""Paired differences: the tests against other people's, the interval against what it must never say."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
from math import fsum

import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as their_mcnemar
from statsmodels.stats.multitest import multipletests

from codebench.runs.metrics import Estimate
from codebench.runs.paired import Difference, paired_difference, paired_interval, smallest_difference
from codebench.runs.scored import Metric
from codebench.runs.significance import MCNEMAR, SIGN_FLIP, fisher, holm, mcnemar, paired_test

few = st.integers(1, 12).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(0, 5).map(lambda c: c / 5), min_size=n, max_size=n)] * 2)
)


def metric(values: list[float], name: str = "pass@1", better: bool = True) -> Metric:
    estimate = Estimate(value=fsum(values) / len(values), low=0.0, high=1.0, n_problems=len(values))
    named = {f"toy/{number}": value for number, value in enumerate(values)}
    return Metric(name=name, estimate=estimate, values=named, higher_is_better=better)


def difference(base: list[float], head: list[float], seed: int = 0) -> Difference:
    found = paired_difference(metric(base), metric(head), resamples=1000, seed=seed)
    assert found is not None
    return found


# --- tests of significance


@pytest.mark.parametrize(("broken", "fixed"), [(0, 0), (0, 6), (3, 9), (5, 5), (7, 6), (100, 140), (1000, 1200)])
def test_mcnemar_is_that_of_statsmodels_and_scipy(broken: int, fixed: int) -> None:
    table = [[5, broken], [fixed, 5]]
    assert mcnemar(broken, fixed) == pytest.approx(their_mcnemar(table, exact=True).pvalue, rel=1e-9)
    if broken + fixed:
        assert mcnemar(broken, fixed) == pytest.approx(scipy.stats.binomtest(broken, broken + fixed).pvalue, rel=1e-9)


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0])), min_size=1, max_size=200))
def test_with_one_answer_a_problem_the_test_is_mcnemar_s(pairs: list[tuple[float, float]]) -> None:
    base, head = ([pair[side] for pair in pairs] for side in (0, 1))
    found = paired_test(base, head, draws=10, seed=0)
    assert found.name == MCNEMAR
    assert found.p_value == mcnemar(pairs.count((1.0, 0.0)), pairs.count((0.0, 1.0)))


@given(few)
@settings(max_examples=40)
def test_with_several_answers_the_test_counts_every_flip_of_signs(sides: tuple[list[float], list[float]]) -> None:
    base, head = sides
    found = paired_test(base, head, draws=10, seed=0)
    steps = [round(5 * (after - before)) for before, after in zip(base, head, strict=True)]
    flips = [abs(sum(map(int.__mul__, steps, signs))) for signs in itertools.product((1, -1), repeat=len(steps))]
    assert found.p_value == pytest.approx(sum(flip >= abs(sum(steps)) for flip in flips) / len(flips), abs=1e-9)


def test_where_values_are_no_counts_random_flips_come_near_scipy_s() -> None:
    source = random.Random(3)
    base = [source.random() for _ in range(40)]
    head = [value + 0.2 * source.random() - 0.05 for value in base]
    theirs = scipy.stats.permutation_test(
        ([after - before for before, after in zip(base, head, strict=True)],),
        lambda of, axis: of.mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=20_000,
        rng=1,
    )
    for head_ in (head, base):
        found = paired_test(base, head_, draws=20_000, seed=0)
        assert found.p_value == pytest.approx(theirs.pvalue if head_ is head else 1.0, abs=0.01)
    scaled = [value * 0.9 for value in head]
    assert paired_test(base, scaled, draws=20_000, seed=0).name == "sign flip, 20,000 draws"


def test_a_p_value_of_random_flips_is_never_zero() -> None:
    base, head = [0.0] * 100, [0.5 + number / 7919 for number in range(100)]
    assert paired_test(base, head, draws=999, seed=0).p_value == pytest.approx(1 / 1000)


def test_fractions_of_counts_are_tested_exactly_whatever_their_denominators() -> None:
    found = paired_test([1 / 3, 2 / 7, 1.0], [2 / 3, 3 / 7, 0.5], draws=10, seed=0)
    assert found.name == SIGN_FLIP
    # 14, 6 and -21 of 42: |±14 ± 6 ± 21| is at least 1 whatever the signs
    assert found.p_value == pytest.approx(1.0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
@settings(max_examples=20)
def test_holm_is_that_of_statsmodels(p_values: list[float]) -> None:
    ours = list(holm(dict(enumerate(p_values))).values())
    assert ours == pytest.approx(list(multipletests(p_values, method="holm")[1]), abs=1e-12)


@given(*[st.integers(0, 30)] * 4)
def test_fisher_is_that_of_scipy(a: int, b: int, c: int, d: int) -> None:
    assert fisher(a, b, c, d) == pytest.approx(scipy.stats.fisher_exact([[a, b], [c, d]]).pvalue, abs=1e-6)


# --- the difference


@given(few)
@settings(max_examples=40)
def test_swapping_the_runs_negates_the_difference(sides: tuple[list[float], list[float]]) -> None:
    there, back = difference(*sides), difference(*reversed(sides))
    assert (back.value, back.low, back.high) == (-there.value, -there.high, -there.low)
    assert (back.p_value, back.smallest) == (there.p_value, there.smallest)


@given(few)
@settings(max_examples=40)
def test_an_interval_contains_its_difference_and_stays_within_one(sides: tuple[list[float], list[float]]) -> None:
    found = difference(*sides)
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high
    assert 0 < found.p_value <= 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
@settings(max_examples=30)
def test_a_run_does_not_differ_from_itself(values: list[float]) -> None:
    found = difference(values, values)
    assert (found.value, found.p_value) == (0.0, 1.0)


def test_no_difference_seen_is_not_certainty() -> None:
    found = difference([1.0] * 164, [1.0] * 164)
    # Tango 1998's score interval with no problem that differs: z² / (n + z²)
    assert (found.low, found.high) == pytest.approx((-0.02289, 0.02289), abs=1e-5)
    assert found.smallest is not None and found.smallest > 0.04


def test_with_few_problems_that_differ_an_interval_is_near_bonett_and_price_s() -> None:
    # 6 of 60 problems fixed, 1 broken. Bonett & Price 2012: adjusted Wald with one more of each, (7 - 2)/62 ± 1.96 SE.
    low, high = paired_interval([1.0] * 6 + [-1.0] + [0.0] * 53)
    assert (low, high) == pytest.approx((-0.012, 0.174), abs=0.02)


_PROGRAM = """
from codebench.runs.metrics import Estimate
from codebench.runs.paired import paired_difference
from codebench.runs.scored import Metric
estimate = Estimate(value=0.5, low=0, high=1, n_problems=60)
order = list({f"toy/{number}" for number in range(60)})
base, head = (
    Metric(name="x", estimate=estimate, values={name: int(name[4:]) * step % 11 / 10 for name in order}) for step in (3, 7)
)
found = paired_difference(base, head)
print(order[0], repr((found.low, found.high, found.p_value)), sep="!")
"""


def test_the_same_seed_gives_the_same_interval_whatever_the_order_of_problems() -> None:
    seen = [
        subprocess.run(
            [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout.split("!")
        for seed in ("1", "2")
    ]
    assert seen[0][0] != seen[1][0] and seen[0][1] == seen[1][1]


def test_another_seed_gives_another_interval_but_not_a_very_different_one() -> None:
    differences = [number * 37 % 11 / 10 - 0.4 for number in range(60)]
    one, other = (paired_interval(differences, seed=seed) for seed in (1, 2))
    assert one != other
    assert one == pytest.approx(other, abs=0.01)


def test_only_problems_on_both_sides_count() -> None:
    base, head = metric([1.0, 0.0, 1.0]), metric([1.0, 1.0])
    found = paired_difference(base, head)
    assert found is not None and (found.n_problems, found.value) == (2, 0.5)
    assert paired_difference(base, Metric(name="pass@1", estimate=base.estimate, values={"other": 1.0})) is None


def test_whether_more_is_better_is_told() -> None:
    found = paired_difference(metric([0.5], better=False), metric([0.4], better=False))
    assert found is not None and not found.higher_is_better


# --- the smallest difference


def test_fewer_than_six_problems_can_show_nothing() -> None:
    assert smallest_difference([1.0] * 5) is None
    assert mcnemar(0, 5) > 0.05 > mcnemar(0, 6)
    assert smallest_difference([1.0] * 6) is not None


def test_the_smallest_difference_shrinks_with_the_root_of_the_problems() -> None:
    small, large = (smallest_difference([1.0, -1.0, 0.0, 0.0] * n) for n in (25, 100))
    assert small is not None and large is not None
    assert small / large == pytest.approx(2, rel=0.05)


def test_the_smallest_difference_is_connor_s() -> None:
    # Connor 1987: so many pairs find the difference d where the share m of them differ (5 % two-sided, 80 %)
    d = smallest_difference([1.0] * 24 + [-1.0] * 24 + [0.0] * 146)
    assert d is not None
    m = 49 / 195 + d / 2
    assert (1.959964 * m**0.5 + 0.841621 * (m - d * d) ** 0.5) ** 2 / d**2 == pytest.approx(194, rel=1e-3)

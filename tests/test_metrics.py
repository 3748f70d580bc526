"""pass@k against exact arithmetic, and what an interval must never say."""

from __future__ import annotations

import itertools
from fractions import Fraction
from math import comb, isclose

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from codebench.runs.metrics import (
    eff_at_k,
    estimate_eff_at_k,
    estimate_pass_at_k,
    pass_at_k,
    student_quantile,
    wilson_interval,
)

counts = st.integers(1, 200).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
draws = counts.flatmap(lambda nc: st.tuples(st.just(nc[0]), st.just(nc[1]), st.integers(1, nc[0])))


@given(draws)
def test_pass_at_k_equals_equation_1_in_exact_fractions(draw: tuple[int, int, int]) -> None:
    n, c, k = draw
    exact = 1 - Fraction(comb(n - c, k), comb(n, k))
    assert isclose(pass_at_k(n, c, k), exact, rel_tol=1e-11, abs_tol=1e-14)
    assert 0 <= pass_at_k(n, c, k) <= 1


def test_pass_at_k_has_the_values_one_can_work_out_by_hand() -> None:
    assert pass_at_k(4, 1, 2) == pytest.approx(1 / 2)
    assert pass_at_k(5, 2, 1) == pytest.approx(2 / 5)
    assert pass_at_k(3, 0, 3) == 0.0
    assert pass_at_k(3, 1, 3) == 1.0


@pytest.mark.parametrize(("n", "c", "k"), [(9, 9, 10), (0, 0, 1), (5, 6, 1), (5, -1, 1), (5, 5, 0), (5, 0, -1)])
def test_pass_at_k_is_undefined_outside_its_domain(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match=r"undefined|must lie in"):
        pass_at_k(n, c, k)


@given(st.floats(0, 1), st.floats(0.01, 1e9))
def test_a_wilson_interval_contains_its_proportion_and_lies_in_the_unit_interval(p: float, n: float) -> None:
    low, high = wilson_interval(p, n)
    assert 0 <= low <= p <= high <= 1


def test_a_wilson_interval_equals_a_published_one() -> None:
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0.0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (right, trials), (low, high) in published.items():
        assert wilson_interval(right / trials, trials) == pytest.approx((low, high), abs=5e-5)


@given(st.lists(counts, min_size=1, max_size=40), st.integers(1, 20))
def test_an_estimate_is_the_mean_over_problems_with_enough_samples(problems: list[tuple[int, int]], k: int) -> None:
    usable = [(n, c) for n, c in problems if n >= k]
    estimate = estimate_pass_at_k(problems, k)
    if not usable:
        assert estimate is None
        return
    assert estimate is not None
    exact = sum(1 - Fraction(comb(n - c, k), comb(n, k)) for n, c in usable) / len(usable)
    assert isclose(estimate.value, exact, rel_tol=1e-9, abs_tol=1e-12)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert (estimate.n_problems, estimate.left_out) == (len(usable), len(problems) - len(usable))


def test_a_perfect_score_is_not_certainty() -> None:
    estimate = estimate_pass_at_k([(1, 1)] * 164, 1)
    assert estimate is not None
    assert (estimate.value, estimate.high) == (1.0, 1.0)
    assert estimate.low == pytest.approx(164 / (164 + 1.959964**2), abs=1e-6)


def test_a_perfect_score_is_no_surer_with_more_samples_of_the_same_problems() -> None:
    once, often = (estimate_pass_at_k([(n, n)] * 164, 1) for n in (1, 100))
    assert once is not None and often is not None
    assert once.low == often.low


def test_the_samples_of_one_problem_do_not_count_as_independent() -> None:
    solved_or_not = estimate_pass_at_k([(10, 10)] * 50 + [(10, 0)] * 50, 1)
    assert solved_or_not is not None
    naive = wilson_interval(0.5, 1000)
    size = 100 * 100 / 101 * (1.96234 / 1.98422) ** 2
    assert (solved_or_not.low, solved_or_not.high) == pytest.approx(wilson_interval(0.5, size), abs=1e-5)
    assert solved_or_not.low < naive[0] < naive[1] < solved_or_not.high


def test_problems_that_happen_to_agree_claim_no_more_than_independent_trials() -> None:
    estimate = estimate_pass_at_k([(10, 5)] * 900 + [(10, 6)] * 100, 1)
    assert estimate is not None
    size = 10_000 * (1.96020 / 1.96234) ** 2
    assert (estimate.low, estimate.high) == pytest.approx(wilson_interval(0.51, size), abs=1e-5)


@pytest.mark.parametrize("freedom", [2, 3, 4, 5, 10, 30, 163, 10_000])
def test_the_quantile_of_student_s_distribution_is_scipy_s(freedom: int) -> None:
    assert student_quantile(freedom) == pytest.approx(
        scipy.stats.t.ppf(0.975, freedom), rel=0.01 if freedom < 4 else 1e-3
    )


scores = st.lists(st.floats(0, 2), min_size=1, max_size=8)


@given(scores)
def test_eff_at_k_is_the_mean_of_the_best_of_every_choice_of_k(values: list[float]) -> None:
    for k in range(1, len(values) + 1):
        choices = list(itertools.combinations([Fraction(value) for value in values], k))
        exact = sum(max(choice) for choice in choices) / len(choices)
        assert isclose(eff_at_k(values, k), exact, rel_tol=1e-12, abs_tol=1e-15)


@given(scores, st.data())
def test_eff_at_k_does_not_fall_when_an_answer_gets_better(values: list[float], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(values) - 1))
    better = [*values[:place], values[place] + data.draw(st.floats(0, 1)), *values[place + 1 :]]
    for k in range(1, len(values) + 1):
        assert eff_at_k(better, k) >= eff_at_k(values, k) - 1e-12


@given(scores)
def test_eff_at_1_is_the_mean_and_eff_at_n_the_best(values: list[float]) -> None:
    assert eff_at_k(values, 1) == pytest.approx(sum(values) / len(values))
    assert eff_at_k(values, len(values)) == pytest.approx(max(values))


@given(st.integers(1, 12), st.integers(0, 12))
def test_with_scores_of_0_and_1_eff_at_k_is_pass_at_k(n: int, c: int) -> None:
    c = min(c, n)
    for k in range(1, n + 1):
        assert eff_at_k([1.0] * c + [0.0] * (n - c), k) == pytest.approx(pass_at_k(n, c, k), abs=1e-12)


def test_eff_at_k_stays_sound_for_a_thousand_samples() -> None:
    assert eff_at_k([0.5] * 1000, 100) == pytest.approx(0.5, rel=1e-9)


@pytest.mark.parametrize("k", [0, -1, 3])
def test_eff_at_k_is_undefined_beyond_the_samples(k: int) -> None:
    with pytest.raises(ValueError, match=f"eff@{k} is undefined for 2 samples"):
        eff_at_k([0.1, 0.2], k)


def test_an_interval_of_eff_at_k_is_around_it_and_problems_with_too_few_samples_are_left_out() -> None:
    estimate = estimate_eff_at_k([[0.2, 0.4], [0.9, 0.7], [0.5]], 2)
    assert estimate is not None
    assert (estimate.n_problems, estimate.left_out) == (2, 1)
    assert estimate.value == pytest.approx(0.65)
    assert 0 <= estimate.low < estimate.value < estimate.high
    assert estimate_eff_at_k([[0.5]], 2) is None

"""Simulations: what is called a 95 % interval covers the truth in 93 to 97 of 100 runs, and powers and levels hold.

Every simulated run is on problems drawn anew, and the truth is that of all such problems. With S runs a share near 0.95
has a Monte-Carlo error (one standard error) of sqrt(0.95 * 0.05 / S): 0.0056 for 1,500 and 0.0069 for 1,000, so an
interval that covers 91 or 99 % would be caught in any one of the regimes. A share may be outside by one such error,
because there are dozens of regimes. Seeds are fixed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import sqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from codebench.runs.metrics import estimate_pass_at_k, wilson_interval
from codebench.runs.paired import paired_interval, smallest_difference
from codebench.runs.ranks import ranks, score
from codebench.runs.significance import mcnemar, paired_test

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]


def covers(hits: Iterable[bool]) -> bool:
    """Is the share of hits within 0.93 to 0.97, give or take one standard error?"""
    seen = list(hits)
    error = sqrt(0.95 * 0.05 / len(seen))
    share = float(np.mean(seen))
    print(f"covers {share:.4f}, Monte-Carlo error {error:.4f}")
    return 0.93 - error <= share <= 0.97 + error


# --- pass@k


def true_pass_at_k(a: float, b: float, k: int) -> float:
    """1 - E[(1 - p)^k] for p of Beta(a, b): the mean of (1 - p)^k is the product of (b + i) / (a + b + i)."""
    return 1 - float(np.prod([(b + i) / (a + b + i) for i in range(k)]))


# Problems of two kinds; solved always or never; of every difficulty; mostly hard; mostly easy; much alike.
BETAS = [(0.5, 0.5), (0.2, 0.2), (1.0, 1.0), (0.3, 1.5), (1.5, 0.5), (5.0, 5.0)]
DESIGNS = [(problems, samples, k) for problems in (30, 164) for samples, k in ((1, 1), (5, 1), (10, 1), (10, 10))]


@pytest.mark.parametrize(("a", "b"), BETAS)
def test_an_interval_of_pass_at_k_covers_the_truth(a: float, b: float) -> None:
    """Where six problems or more can be expected on the rarer side: below, no interval of counts covers evenly."""
    source, simulated, covered = np.random.default_rng(1), 1500, {}
    for problems, samples, k in DESIGNS:
        truth = true_pass_at_k(a, b, k)
        rights = source.binomial(samples, source.beta(a, b, (simulated, problems))).tolist()
        if problems * min(truth, 1 - truth) >= 6:
            estimates = [estimate_pass_at_k([(samples, right) for right in run], k) for run in rights]
            covered[problems, samples, k] = covers(one.low <= truth <= one.high for one in estimates if one)
    assert len(covered) >= 5
    assert [design for design, is_covered in covered.items() if not is_covered] == []


def test_an_interval_that_takes_samples_for_independent_would_be_caught() -> None:
    rights = np.random.default_rng(1).binomial(10, np.random.default_rng(2).beta(0.5, 0.5, (1500, 30))).sum(axis=1)
    covered = [low <= 0.5 <= high for low, high in (wilson_interval(right / 300, 300) for right in rights.tolist())]
    assert np.mean(covered) < 0.7


# --- paired differences


def answers(a: float, b: float, samples: int, gain: float) -> tuple[Draw, float]:
    """Differences of two models with so many answers a problem; the second solves a share `gain` of what is left."""

    def draw(source: np.random.Generator, size: tuple[int, int]) -> Floats:
        easy = source.beta(a, b, size)
        found: Floats = (source.binomial(samples, easy + gain * (1 - easy)) - source.binomial(samples, easy)) / samples
        return found

    return draw, gain * b / (a + b)


def changes(fixed: float, broken: float) -> tuple[Draw, float]:
    """One answer a problem: shares of problems that are fixed and broken, the others the same."""

    def draw(source: np.random.Generator, size: tuple[int, int]) -> Floats:
        found: Floats = source.choice([1.0, -1.0, 0.0], size, p=[fixed, broken, 1 - fixed - broken])
        return found

    return draw, fixed - broken


def speeds() -> tuple[Draw, float]:
    """Scores of any size, skewed: most problems gain little, some much."""

    def draw(source: np.random.Generator, size: tuple[int, int]) -> Floats:
        return source.beta(0.4, 3, size)

    return draw, 0.4 / 3.4


PAIRED = {
    "one answer, 30 problems": (answers(0.5, 0.5, 1, 0.2), 30),
    "one answer, mostly solved, 164 problems": (answers(1.0, 0.3, 1, 0.3), 164),
    "one answer, no true difference, 60 problems": (changes(0.12, 0.12), 60),
    "one answer, only fixed, 60 problems": (changes(0.15, 0.0), 60),
    "one answer, few change, 164 problems": (changes(0.05, 0.03), 164),
    "ten answers, 30 problems": (answers(0.3, 0.3, 10, 0.2), 30),
    "ten answers, no true difference, 30 problems": (answers(0.3, 0.3, 10, 0.0), 30),
    "ten answers, much alike, 60 problems": (answers(2.0, 2.0, 10, 0.3), 60),
    "four answers, two kinds of problems, 60 problems": (answers(0.2, 0.2, 4, 0.1), 60),
    "skewed scores, 60 problems": (speeds(), 60),
}


@pytest.mark.parametrize("name", PAIRED)
def test_an_interval_of_a_paired_difference_covers_the_truth(name: str) -> None:
    (draw, truth), problems = PAIRED[name]
    runs = draw(np.random.default_rng(1), (1000, problems)).tolist()
    intervals = [paired_interval(run, resamples=999, seed=seed) for seed, run in enumerate(runs)]
    assert covers(low <= truth <= high for low, high in intervals)


def test_a_plain_percentile_interval_would_be_caught() -> None:
    draw, truth = changes(0.05, 0.0)
    source = np.random.default_rng(1)
    runs = draw(source, (500, 30))
    means = [run[source.integers(0, 30, (999, 30))].mean(axis=1) for run in runs]
    covered = [low <= truth <= high for low, high in (np.quantile(one, (0.025, 0.975)) for one in means)]
    assert np.mean(covered) < 0.93


# --- level and power


@pytest.mark.parametrize("samples", [1, 5])
def test_two_equal_models_are_told_apart_in_no_more_than_5_of_100_comparisons(samples: int) -> None:
    draw, _ = answers(0.5, 0.5, samples, 0.0)
    runs = draw(np.random.default_rng(1), (2000, 60))
    p_values = [paired_test([0.5] * 60, (0.5 + run).tolist(), draws=99, seed=0).p_value for run in runs]
    assert np.mean(np.less(p_values, 0.05)) <= 0.055


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_the_smallest_difference_is_found_in_about_80_of_100_comparisons(share: float) -> None:
    problems, source = 164, np.random.default_rng(1)
    changed = round(share * problems / 2)
    smallest = smallest_difference([1.0] * changed + [-1.0] * changed + [0.0] * (problems - 2 * changed))
    assert smallest is not None
    then = share + smallest / 2  # half of it on top of what was seen
    chances = [(then + smallest) / 2, (then - smallest) / 2, 1 - then]
    counts = source.multinomial(problems, chances, size=3000).tolist()
    assert 0.72 <= np.mean([mcnemar(broken, fixed) < 0.05 for fixed, broken, _ in counts]) <= 0.85


@pytest.mark.parametrize(("a", "b", "samples"), [(0.3, 0.3, 10), (2.0, 2.0, 10), (0.5, 0.5, 3)])
def test_with_several_answers_it_is_found_as_often(a: float, b: float, samples: int) -> None:
    source = np.random.default_rng(1)
    pilots = answers(a, b, samples, 0.0)[0](source, (30, 164)).tolist()
    smallest = np.mean([found for pilot in pilots if (found := smallest_difference(pilot)) is not None])
    runs = answers(a, b, samples, float(smallest) * (a + b) / b)[0](source, (1000, 164))
    p_values = [paired_test([0.5] * 164, (0.5 + run).tolist(), draws=99, seed=0).p_value for run in runs]
    assert 0.72 <= np.mean(np.less(p_values, 0.05)) <= 0.85


def test_where_nothing_differed_the_smallest_difference_is_found_too() -> None:
    smallest = smallest_difference([0.0] * 164)
    assert smallest is not None
    fixed = np.random.default_rng(1).binomial(164, smallest, size=3000).tolist()
    assert 0.72 <= np.mean([mcnemar(0, one) < 0.05 for one in fixed]) <= 0.88


# --- ranks


def test_intervals_of_ranks_hold_the_true_ranks_of_all_models_at_once() -> None:
    source, skills = np.random.default_rng(1), [0.75, 0.6, 0.55, 0.55, 0.3]
    true = [(1, 1), (2, 2), (3, 4), (3, 4), (5, 5)]
    held = []
    for seed in range(300):
        easy = source.beta(0.6, 0.6, (80, 1))
        right = source.random((80, 5)) < easy ** (1 / np.array(skills) - 1)
        rows = {f"{number:02}": row for number, row in enumerate(right.astype(float).tolist())}
        found = ranks(score([rows, rows], 400, seed))
        held.append(all(one.low <= low and high <= one.high for one, (low, high) in zip(found, true, strict=True)))
    assert np.mean(held) >= 0.94

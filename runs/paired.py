"""A difference is how a metric of one run compares with that of another, paired problem by problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, sqrt
from statistics import NormalDist

from codebench.runs.bootstrap import RESAMPLES, expanded_tail, resampled_means
from codebench.runs.metrics import Z95, Estimate, wilson_interval
from codebench.runs.scored import Metric
from codebench.runs.significance import LEAST_PROBLEMS, paired_test

_Z80 = NormalDist().inv_cdf(0.8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`value` is the mean of head - base over the problems that both have, its 95 % interval low <= value <= high.

    `base` and `head` are the estimates of the whole runs; with problems on one side only their difference is not
    `value`. `p_value` is two-sided and belongs to `test`. `smallest` is the true difference that such a comparison
    finds with a chance of 80 % at the 5 % level; None where it has too few problems to find any.
    """

    metric: str
    base: Estimate
    head: Estimate
    value: float
    low: float
    high: float
    n_problems: int
    p_value: float
    test: str
    smallest: float | None
    higher_is_better: bool = True


def paired_difference(base: Metric, head: Metric, *, resamples: int = RESAMPLES, seed: int = 0) -> Difference | None:
    """Compare two values of one metric; None where no problem has both.

    The result depends on the values and the seed, and on no order. Swapping the two negates it, exactly.
    """
    common = sorted(base.values.keys() & head.values.keys())
    if not common:
        return None
    befores, afters = ([of.values[task_id] for task_id in common] for of in (base, head))
    differences = [after - before for before, after in zip(befores, afters, strict=True)]
    low, high = paired_interval(differences, resamples=resamples, seed=seed)
    test = paired_test(befores, afters, draws=resamples, seed=seed)
    return Difference(
        metric=base.name,
        base=base.estimate,
        head=head.estimate,
        value=fsum(differences) / len(differences),
        low=low,
        high=high,
        n_problems=len(common),
        p_value=test.p_value,
        test=test.name,
        smallest=smallest_difference(differences),
        higher_is_better=base.higher_is_better,
    )


def paired_interval(differences: Sequence[float], *, resamples: int = RESAMPLES, seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of the mean difference, by bootstrap over problems (Efron & Tibshirani 1993, chapter 13).

    Expanded percentiles (`bootstrap.expanded_tail`) of the differences and two more, +s and -s, so that few problems
    that differ are not taken for all that could: the idea of Agresti & Min 2005, "Simple improved confidence intervals
    for comparing matched proportions". Here s² is half the mean square of the differences that are not 0, which leaves
    differences of all sizes (several samples) nearly as they are. tests/test_coverage.py shows what it covers.

    Where nothing differs: the share of problems that differ at all is below the Wilson bound of 0 of n, and so is the
    size of any difference; that is also Tango's score interval (1998, "Equivalence test and confidence interval for
    the difference in proportions for the paired-sample design").
    """
    unequal = [one for one in differences if one]
    if not unequal:
        bound = wilson_interval(0.0, len(differences))[1]
        return -bound, bound
    ordered = sorted(differences)
    mirrored = [-one for one in reversed(ordered)]
    if ordered < mirrored:  # so that swapping the runs mirrors the interval, resampling noise included
        low, high = paired_interval(mirrored, resamples=resamples, seed=seed)
        return -high, -low
    pseudo = sqrt(fsum(one * one for one in unequal) / len(unequal) / 2)
    means = resampled_means([[one] for one in (*ordered, pseudo, -pseudo)], resamples, seed)[:, 0]
    means.sort()
    cut = int(expanded_tail(len(ordered) + 2) * resamples)
    if ordered == mirrored:
        half = (float(means[-1 - cut]) - float(means[cut])) / 2
        return -half, half
    value = fsum(differences) / len(differences)
    return min(value, float(means[cut])), max(value, float(means[-1 - cut]))


def smallest_difference(differences: Sequence[float]) -> float | None:
    """The true difference that is found with a chance of about 80 % at the two-sided 5 % level; None below 6 problems.

    Connor 1987, "Sample Size for Testing Differences in Proportions for the Paired-Sample Design": the least d with
    d sqrt(n) >= 1.96 sqrt(m) + 0.84 sqrt(m - d²), where m is the share of problems that differ. Deviations: differences
    of all sizes give m as their mean square, with one more problem of their size s, the root mean square of those that
    are not 0 (1 where none is). A true difference comes in part on top of what was seen to go either way: s d / 2 is
    added to m, which is at least s d. tests/test_coverage.py has the powers.
    """
    n = len(differences)
    if n < LEAST_PROBLEMS:
        return None
    unequal = [one * one for one in differences if one]
    size = sqrt(fsum(unequal) / len(unequal)) if unequal else 1.0
    seen = (fsum(unequal) + size * size) / (n + 1)
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        square = max(seen + size * middle / 2, size * middle, middle * middle)
        found = middle * sqrt(n) >= Z95 * sqrt(square) + _Z80 * sqrt(square - middle * middle)
        low, high = (low, middle) if found else (middle, high)
    return high

"""Metrics: pass@k and eff@k, and their confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, prod, sqrt
from statistics import NormalDist

Z95 = NormalDist().inv_cdf(0.975)
"""How many standard errors an interval of 95 % reaches to either side."""


def pass_at_k(n: int, c: int, k: int) -> float:
    """The chance that at least one of k answers drawn from n, of which c are right, is right.

    Unbiased estimator 1 - C(n-c, k) / C(n, k): Chen et al. 2021, "Evaluating Large Language Models Trained on Code",
    eq. 1, in the product form of their figure 3, which never leaves [0, 1].

    Deviation: where k > n the estimator is undefined and this raises ValueError (their code gives 1.0).
    ValueError also for k < 1 and for c outside [0, n].
    """
    if k < 1:
        raise ValueError(f"pass@{k} is undefined: k must be at least 1")
    if k > n:
        raise ValueError(f"pass@{k} is undefined for {n} samples: k must not exceed their number")
    if not 0 <= c <= n:
        raise ValueError(f"{c} right answers of {n}: must lie in [0, {n}]")
    if n - c < k:
        return 1.0
    return 1.0 - prod(1.0 - k / i for i in range(n - c + 1, n + 1))


def eff_at_k(scores: Sequence[float], k: int) -> float:
    """The expected best of k scores drawn without replacement from those of n answers to one problem.

    Rao-Blackwellised over the order statistics: Qiu et al. 2025, "How efficient is LLM-generated code?", eq. 9, with
    the sorted e_(1) <= ... <= e_(n): the sum over r from k to n of C(r-1, k-1) / C(n, k) e_(r). The weights come from
    one another, w_(n) = k / n and w_(r) = w_(r+1) (1 - (k-1) / r), so that no binomial coefficient is ever computed.
    A wrong answer counts with 0.

    Raises ValueError for k < 1 and for k > n, where it is undefined.
    """
    n = len(scores)
    if not 1 <= k <= n:
        raise ValueError(f"eff@{k} is undefined for {n} samples: k must be at least 1 and not exceed their number")
    ascending = sorted(scores)
    weight, terms = k / n, []
    for r in range(n, k - 1, -1):
        terms.append(weight * ascending[r - 1])
        weight *= 1 - (k - 1) / (r - 1) if r > 1 else 0.0
    return fsum(terms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A metric with its 95 % interval: low <= value <= high; for a proportion within 0 and 1.

    `n_problems` took part; `left_out` problems did not, because fewer than k of their samples were graded.
    """

    value: float
    low: float
    high: float
    n_problems: int
    left_out: int = 0


def estimate_pass_at_k(counts: Sequence[tuple[int, int]], k: int) -> Estimate | None:
    """Mean pass@k over problems, each given as (graded samples n, right ones c); None where no problem has n >= k.

    The interval is clustered by problem: the standard error is the standard deviation of the per-problem estimates
    over sqrt(P) (Miller 2024, "Adding Error Bars to Evals", eq. 1; the samples of one problem are not independent).
    """
    usable = [(n, c) for n, c in counts if n >= k]
    if not usable:
        return None
    values = [pass_at_k(n, c, k) for n, c in usable]
    value = min(1.0, fsum(values) / len(values))
    draws = sum(n // k for n, _ in usable)
    low, high = wilson_interval(value, _effective_size(values, value, draws))
    return Estimate(value=value, low=low, high=high, n_problems=len(usable), left_out=len(counts) - len(usable))


def estimate_eff_at_k(scores: Sequence[Sequence[float]], k: int) -> Estimate | None:
    """Mean eff@k over problems, each given as the scores of its samples; None where no problem has k of them.

    The interval is that of the mean of the problems' values, which are independent of each other: value ± 1.96 SE with
    the SE of Miller 2024, eq. 1; none below 0.
    """
    values = [eff_at_k(of_problem, k) for of_problem in scores if len(of_problem) >= k]
    if not values:
        return None
    value = fsum(values) / len(values)
    squares = fsum((one - value) ** 2 for one in values)
    half = Z95 * sqrt(squares / (len(values) - 1) / len(values)) if len(values) > 1 else value
    return Estimate(
        value=value,
        low=max(0.0, value - half),
        high=value + half,
        n_problems=len(values),
        left_out=len(scores) - len(values),
    )


def wilson_interval(p: float, n: float) -> tuple[float, float]:
    """The 95 % score interval of a proportion p seen in n > 0 independent trials; n need not be whole.

    Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference": with z = 1.96,
    (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n), clipped to [0, 1] and to contain p in floating point.
    """
    square = Z95 * Z95
    centre = p + square / (2 * n)
    half = Z95 * sqrt(p * (1 - p) / n + square / (4 * n * n))
    scale = 1 + square / n
    return max(0.0, min(p, (centre - half) / scale)), min(1.0, max(p, (centre + half) / scale))


def student_quantile(freedom: int) -> float:
    """The 97.5 % quantile of Student's t, by Abramowitz & Stegun 1964, 26.7.5.

    Too small by a fifth at 1 degree of freedom, 1 % at 2 and 0.1 % at 4.
    """
    terms = (
        Z95,
        (Z95**3 + Z95) / 4,
        (5 * Z95**5 + 16 * Z95**3 + 3 * Z95) / 96,
        (3 * Z95**7 + 19 * Z95**5 + 17 * Z95**3 - 15 * Z95) / 384,
        (79 * Z95**9 + 776 * Z95**7 + 1482 * Z95**5 - 1920 * Z95**3 - 945 * Z95) / 92160,
    )
    return fsum(term / float(freedom) ** power for power, term in enumerate(terms))


def _effective_size(values: Sequence[float], mean: float, draws: int) -> float:
    """How many independent trials say as much as these clustered ones: n_eff = p(1-p) / SE², for P problems.

    The design-effect form of Korn & Graubard 1998, "Confidence Intervals for Proportions with Small Expected Number
    of Positive Counts Estimated from Survey Data", with their factor (t_draws-1 / t_P-1)², since the design effect is
    itself an estimate from P clusters. Three deviations. Where SE is 0 or p is 0 or 1 it is undefined and n_eff = P, so
    that 164 of 164 is not reported as [1, 1]. It never exceeds `draws`, the number of disjoint sets of k samples (no
    claim to know more than independent trials would tell; Parker et al. 2017, NCHS standards). And SE counts one more
    problem, of the kind that varies most (solved always or never): where few of 30 problems have any right answer,
    what is seen of the variance is too small too often (tests/test_coverage.py).
    """
    problems = len(values)
    squares = fsum((value - mean) ** 2 for value in values)
    if squares == 0 or not 0 < mean < 1:
        return float(problems)
    worst = mean * (1 - mean)
    size = min(worst / (squares + worst) * problems * problems, float(draws))
    return size * (student_quantile(draws - 1) / student_quantile(problems - 1)) ** 2

"""Significance: could a difference between two runs be chance? Exact where that can be had."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import fsum, lcm
from sys import float_info
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

MCNEMAR = "McNemar, exact"
SIGN_FLIP = "sign flip, exact"
LEAST_PROBLEMS = 6  # with fewer no outcome is significant at 5 %: 2 / 2^5 is 0.0625
_FINEST = 1000  # denominators of values such as 3/7 right answers; finer ones are no counts
_LARGEST_LATTICE = 2_000_000
_AT_ONCE = 16_000_000

Name = TypeVar("Name", bound="Hashable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """`p_value` is two-sided; `name` says how it was worked out."""

    p_value: float
    name: str


def paired_test(base: Sequence[float], head: Sequence[float], *, draws: int, seed: int) -> Test:
    """Test that the two values of each problem could as well be swapped. Problems come in the same order in both.

    Where every value is 0 or 1 this is McNemar's exact test. Where values are fractions of counts it is the exact
    sign-flip test; else `draws` random flips stand for all of them.
    """
    differences = [b - a for a, b in zip(base, head, strict=True)]
    if all(value in (0, 1) for value in (*base, *head)):
        return Test(p_value=mcnemar(differences.count(-1), differences.count(1)), name=MCNEMAR)
    sizes = sorted(abs(one) for one in differences if one)
    steps = _on_lattice(sizes)
    observed = abs(fsum(differences))
    if steps is not None:
        return Test(p_value=_exact_flips(steps, observed * sum(steps) / fsum(sizes) if sizes else 0.0), name=SIGN_FLIP)
    return Test(p_value=_random_flips(sizes, observed, draws, seed), name=f"sign flip, {draws:,} draws")


def mcnemar(broken: int, fixed: int) -> float:
    """The two-sided exact P of McNemar 1947: given `broken + fixed` problems that changed, each way is as likely.

    min(1, 2 P(X <= min(broken, fixed))), X binomial with chance 1/2, in whole numbers (Fagerland, Lydersen & Laake
    2013, "The McNemar test for binary matched-pairs data: mid-p and asymptotic are better than exact conditional").
    It errs on the safe side.
    """
    changed = broken + fixed
    ways, total = 1, 0
    for i in range(min(broken, fixed) + 1):
        total += ways
        ways = ways * (changed - i) // (i + 1)
    return min(1.0, 2 * total / (1 << changed))


def holm(p_values: Mapping[Name, float]) -> dict[Name, float]:
    """Adjusted so that the chance of even one false alarm among all of them stays below the level asked for.

    Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure": the i-th smallest of m is multiplied by
    m - i + 1, never below the one before it, at most 1.
    """
    adjusted: dict[Name, float] = {}
    least = 0.0
    ordered = sorted(p_values.items(), key=lambda one: one[1])
    for place, (name, p_value) in enumerate(ordered):
        least = max(least, min(1.0, p_value * (len(ordered) - place)))
        adjusted[name] = least
    return {name: adjusted[name] for name in p_values}


def fisher(right: int, wrong: int, other_right: int, other_wrong: int) -> float:
    """The two-sided exact P that two shares are the same: all tables at most as likely as this one.

    Fisher 1935, "The Logic of Inductive Inference"; as likely within 1e-9, as floating point has it. Never 0.
    """
    n, m, rights = right + wrong, other_right + other_wrong, right + other_right
    least, most = max(0, rights - m), min(n, rights)
    mode = (rights + 1) * (n + 1) // (n + m + 2)
    chances = {mode: 1.0}
    for i in range(mode, most):
        chances[i + 1] = chances[i] * ((n - i) * (rights - i)) / ((i + 1) * (m - rights + i + 1))
    for i in range(mode, least, -1):
        chances[i - 1] = chances[i] * (i * (m - rights + i)) / ((n - i + 1) * (rights - i + 1))
    as_likely = fsum(chance for chance in chances.values() if chance <= chances[right] * (1 + 1e-9))
    return max(float_info.min, min(1.0, as_likely / fsum(chances.values())))


def _on_lattice(sizes: Sequence[float]) -> list[int] | None:
    """The sizes as whole numbers of a common step, where there is a step that counts could have made."""
    distinct = {size: Fraction(size).limit_denominator(_FINEST) for size in set(sizes)}
    if any(abs(size - float(exact)) > 1e-12 for size, exact in distinct.items()):
        return None
    step = lcm(*(exact.denominator for exact in distinct.values()))
    steps = [int(distinct[size] * step) for size in sizes]
    return steps if sum(steps) <= _LARGEST_LATTICE else None


def _exact_flips(steps: Iterable[int], observed: float) -> float:
    """P(|sum of ± steps| >= observed), every sign a fair coin: Fisher 1935, "The Design of Experiments", section 21.

    The distribution is the inverse Fourier transform of its characteristic function, the product of cos(step w).
    """
    import numpy as np

    counts = Counter(steps)
    if not counts:
        return 1.0
    largest = sum(step * count for step, count in counts.items())
    length = 2 * largest + 1
    angles = 2 * np.pi * np.arange(largest + 1) / length
    product = np.ones(largest + 1)
    for step, count in sorted(counts.items()):
        product *= np.cos(step * angles) ** count
    chances = np.fft.irfft(product, length)
    upper = float(chances[round(observed) : largest + 1].sum())
    return min(1.0, max(2 * upper if round(observed) else 1.0, 2.0 ** (1 - counts.total())))


def _random_flips(sizes: Sequence[float], observed: float, draws: int, seed: int) -> float:
    """(1 + flips at least as far from 0) / (1 + draws): Phipson & Smyth 2010, "Permutation P-values should never be
    zero"."""
    import numpy as np

    bits = np.random.PCG64(seed)
    column, hits = np.asarray(sizes), 0
    words = -(-len(sizes) // 64)
    step = max(1, _AT_ONCE // (64 * words))
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        raw = bits.random_raw(rows * words).astype("<u8").view(np.uint8).reshape(rows, words * 8)
        flips = np.unpackbits(raw, axis=1)[:, : len(sizes)]
        sums = 2 * (flips @ column) - column.sum()
        hits += int((np.abs(sums) >= observed - 1e-9).sum())
    return (1 + hits) / (1 + draws)

"""Ranks of models on the same problems, with how far they can be known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codebench.runs.bootstrap import resampled_means

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_SAME = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """1 is best; models of equal value have the same `place`, and are `tied`. low <= place <= high."""

    place: int
    low: int
    high: int
    tied: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Scores of several models on the same problems: higher is better.

    `values` has one for each model, `resampled` a row for each resample, `errors` the standard error of the difference
    between each two.
    """

    values: Floats
    resampled: Floats
    errors: Floats


def score(table: Sequence[Sequence[float]], resamples: int, seed: int) -> Scores:
    """Scores of the models in the columns, from a row for each problem.

    The error of a difference counts one more problem that differs, by as much as those that do (by 1 where none does),
    as in `paired.paired_interval`: few problems that differ are not taken for all that could.
    """
    import numpy as np

    values = np.asarray(table, dtype=np.float64)
    means = values.mean(axis=0)
    pairs = values[:, :, None] - values[:, None, :]
    differ = (pairs != 0).sum(axis=0)
    squares = (pairs**2).sum(axis=0)
    unseen = np.where(differ, squares / np.maximum(differ, 1), 1.0)
    spread = np.maximum(0.0, squares - len(values) * (means[:, None] - means[None, :]) ** 2)
    return Scores(
        values=means,
        resampled=resampled_means(table, resamples, seed),
        errors=np.sqrt(spread + unseen) / len(values),
    )


def mean_score(scores: Sequence[Scores]) -> Scores:
    """The mean of the scores over several suites, each of the same weight; the suites' errors are independent."""
    import numpy as np

    return Scores(
        values=np.mean([one.values for one in scores], axis=0),
        resampled=np.mean([one.resampled for one in scores], axis=0),
        errors=np.sqrt(np.sum([one.errors**2 for one in scores], axis=0)) / len(scores),
    )


def ranks(scores: Scores) -> tuple[Rank, ...]:
    """Rank by value, with intervals that hold for all models at once with 95 %.

    Mogstad, Romano, Shaikh & Wilhelm 2024, "Inference for Ranks with Applications to Mobility across Neighbourhoods and
    Academic Achievement across Countries", section 3: a model is behind those whose lead over it is beyond chance, and
    before those over which its own is. Chance is the 95 % quantile of the largest studentised difference between any
    two in the bootstrap, at least 1.96. (Quantiles of resampled ranks themselves miss ranks of models that are close.)
    """
    import numpy as np

    values = scores.values
    lead = values[:, None] - values[None, :]
    limit = _largest_by_chance(scores) * scores.errors
    before = (lead < -limit).sum(axis=1)
    behind = (lead > limit).sum(axis=1)
    places = 1 + (lead < -_SAME).sum(axis=1)
    ties = (np.abs(lead) <= _SAME).sum(axis=1) > 1
    return tuple(
        Rank(place=int(place), low=int(low) + 1, high=len(values) - int(high), tied=bool(tied))
        for place, low, high, tied in zip(places, before, behind, ties, strict=True)
    )


def _largest_by_chance(scores: Scores) -> float:
    import numpy as np

    moved = scores.resampled - scores.values
    largest = np.zeros(len(moved))
    for one in range(moved.shape[1]):
        for other in range(one):
            largest = np.maximum(largest, np.abs(moved[:, one] - moved[:, other]) / scores.errors[one, other])
    return max(1.959964, float(np.quantile(largest, 0.95)))

"""Ranks of models on the same problems, with how far they can be known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def score(suites: Sequence[Mapping[str, Sequence[float]]], resamples: int, seed: int) -> Scores:
    """Score the models by their mean over suites of the mean over problems; a suite has their values by task_id.

    What is resampled are task_ids, over all suites: problems of one name in several suites (HumanEval, its further
    tests, its rewordings) are as many looks at one problem, and not independent. Suites keep their size: resampled are
    the problems' shares in the mean (the influence function of a mean of means).

    The error of a difference counts one more problem that differs, by as much as those that do (by 1 where none does),
    as in `paired.paired_interval`: few problems that differ are not taken for all that could.
    """
    import numpy as np

    places = {task_id: place for place, task_id in enumerate(sorted(set().union(*suites)))}
    tables = [np.asarray(list(suite.values()), dtype=np.float64) for suite in suites]
    models = tables[0].shape[1]
    shares, unseen, values = np.zeros((len(places), models)), np.zeros((models, models)), np.zeros(models)
    for suite, table in zip(suites, tables, strict=True):
        weight = 1 / len(table) / len(suites)
        shares[[places[task_id] for task_id in suite]] += (table - table.mean(axis=0)) * weight
        unseen += _unseen(table) * weight**2
        values += table.mean(axis=0) / len(suites)
    squares = [((shares[:, one, None] - shares) ** 2).sum(axis=0) for one in range(models)]
    return Scores(
        values=values,
        resampled=values + resampled_means(shares, resamples, seed) * len(places),
        errors=np.sqrt(np.stack(squares) + unseen),
    )


def _unseen(table: Floats) -> Floats:
    """For each two models the mean square of the differences that are not 0; 1 where all are."""
    import numpy as np

    rows = []
    for column in table.T:
        pairs = table - column[:, None]
        differ = (pairs != 0).sum(axis=0)
        rows.append(np.where(differ, (pairs**2).sum(axis=0) / np.maximum(differ, 1), 1.0))
    return np.stack(rows)


def ranks(scores: Scores) -> tuple[Rank, ...]:
    """Rank by value, with intervals that hold for all models at once with 95 %.

    Mogstad, Romano, Shaikh & Wilhelm 2024, "Inference for Ranks with Applications to Mobility across Neighbourhoods and
    Academic Achievement across Countries": a model is behind those whose lead over it is beyond chance, and
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

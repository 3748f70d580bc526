"""The bootstrap over problems: what means could have come out, had other problems of the same kind been asked."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

from codebench.runs.metrics import student_quantile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RESAMPLES = 10_000
_AT_ONCE = 2_000_000
_NORMAL = NormalDist()


def resampled_means(
    values: Sequence[Sequence[float]] | NDArray[np.float64], resamples: int, seed: int
) -> NDArray[np.float64]:
    """The means of each column after drawing as many rows as there are, with replacement, `resamples` times.

    All columns of one resample have the same rows. The draws depend on the number of rows and the seed alone: they are
    taken from the raw bits of PCG64, whose stream numpy keeps from version to version; rows drawn are the high half of
    bits times rows (Lemire 2019, "Fast Random Integer Generation in an Interval", without its rejection: the bias is
    below rows / 2^32).
    """
    import numpy as np

    table = np.asarray(values, dtype=np.float64)
    rows = len(table)
    bits = np.random.PCG64(seed)
    step = max(1, _AT_ONCE // rows)
    parts = [_means(table, min(step, resamples - start), bits) for start in range(0, resamples, step)]
    return np.concatenate(parts)


def _means(table: NDArray[np.float64], resamples: int, bits: np.random.PCG64) -> NDArray[np.float64]:
    import numpy as np

    rows = len(table)
    raw = bits.random_raw((resamples * rows + 1) // 2).view(np.uint32)[: resamples * rows]
    drawn = ((raw.astype(np.uint64) * np.uint64(rows)) >> np.uint64(32)).astype(np.int64).reshape(resamples, rows)
    # no matrix product: BLAS's threads get in the way of whatever else runs, and their number changes the last bits
    return np.stack([column[drawn].mean(axis=1) for column in table.T], axis=1)


def expanded_tail(rows: int) -> float:
    """The share to cut off at each end of resampled means of `rows` >= 2 values, for an interval of 95 %.

    Hesterberg 2015, "What Teachers Should Know About the Bootstrap" (expanded percentile interval):
    Phi(-sqrt(n / (n - 1)) t), t the 97.5 % quantile of Student's distribution with n - 1 degrees of freedom, because
    resampled means vary too little, by (n - 1) / n, and like a normal variable rather than Student's.
    """
    return _NORMAL.cdf(-sqrt(rows / (rows - 1)) * student_quantile(rows - 1))

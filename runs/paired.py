"""TEMPORARY stand-in until branch compare is merged."""

from __future__ import annotations

import random
from dataclasses import dataclass

from codebench.runs.metrics import Estimate
from codebench.runs.scored import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    metric: str
    base: Estimate
    head: Estimate
    value: float
    low: float
    high: float
    n_problems: int
    p_value: float
    smallest: float
    higher_is_better: bool


def paired_difference(base: Metric, head: Metric, *, resamples: int = 10_000, seed: int = 0) -> Difference | None:
    common = [t for t in base.values if t in head.values]
    if not common:
        return None
    d = [head.values[t] - base.values[t] for t in common]
    n = len(d)
    rng = random.Random(seed)
    means = sorted(sum(rng.choices(d, k=n)) / n for _ in range(2000))
    up, down = sum(x > 0 for x in d), sum(x < 0 for x in d)
    from math import comb

    m = up + down
    p = min(1.0, 2 * sum(comb(m, i) for i in range(min(up, down) + 1)) / 2**m) if m else 1.0
    return Difference(
        metric=head.name,
        base=base.estimate,
        head=head.estimate,
        value=sum(d) / n,
        low=means[50],
        high=means[-51],
        n_problems=n,
        p_value=p,
        smallest=0.1,
        higher_is_better=head.higher_is_better,
    )

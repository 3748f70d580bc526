"""What the times in a run's records amount to: eff@k, what each size costs, and how far noise goes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum, sqrt
from statistics import geometric_mean

from codebench.graders import Grade, Score, Verdict, score_of
from codebench.runs.metrics import Estimate, estimate_eff_at_k


@dataclass(frozen=True, slots=True)
class Timed:
    """What is kept of one graded answer: its score, 0 where it is wrong; `floor` is the reference's own.

    `found_wrong`: it had passed, and then failed on an input that it was timed on.
    """

    value: float
    score: Score | None = None
    floor: float | None = None
    found_wrong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRow:
    """One level over all right answers: their mean f, and how many did not come through it."""

    level: int
    answers: int
    score: float
    timed_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EfficiencyRow:
    """One problem: the mean score of its samples, and of the right ones their time and memory by the reference's."""

    task_id: str
    samples: int
    score: float
    time_ratio: float | None
    memory_ratio: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EfficiencySummary:
    """`floor` is the mean score of the references against themselves and `noise` their standard deviation from 1, the
    noise of one score; `alike` of `pairs` pairs of right answers to one problem lie within twice that, and so cannot
    be told apart. `time_ratio` and `memory_ratio` are geometric means over right answers that were timed;
    `memory_time_ratio` is the same of their products, `speed_up` of how many times faster than naive answers they are.
    `found_wrong` answers had passed, and failed on an input that they were timed on: they count 0 here.
    """

    eff_at_k: dict[int, Estimate | None]
    levels: tuple[LevelRow, ...]
    floor: float | None
    noise: float | None
    pairs: int
    alike: int
    found_wrong: int
    time_ratio: float | None
    memory_ratio: float | None
    memory_time_ratio: float | None
    speed_up: float | None
    clocks: tuple[str, ...]
    rows: tuple[EfficiencyRow, ...]


def timed(verdict: Verdict | None, efficiency: Grade | None) -> Timed | None:
    """The score of an answer; None where it was not graded, or the problem has nothing to time."""
    if verdict is None:
        return None
    if verdict is not Verdict.PASS:
        return Timed(0.0)
    if efficiency is not None and efficiency.verdict is not Verdict.PASS:
        return Timed(0.0, found_wrong=True)
    if efficiency is None or efficiency.efficiency is None:
        return None
    score = score_of(efficiency.efficiency)
    return Timed(score.value, score, efficiency.efficiency.floor)


def summarise_efficiency(
    of_tasks: Mapping[str, Sequence[Timed]], ks: Sequence[int], clocks: Sequence[str]
) -> EfficiencySummary:
    """`of_tasks` has the timed answers of every problem that has a workload, the wrong ones as well."""
    values = [[one.value for one in timed] for timed in of_tasks.values()]
    right = [one for timed in of_tasks.values() for one in timed if one.score is not None]
    floors = [next(one.floor for one in timed if one.floor is not None) for timed in of_tasks.values() if _has(timed)]
    noise = sqrt(fsum((floor - 1) ** 2 for floor in floors) / len(floors)) if floors else None
    gaps = [gap for timed in of_tasks.values() for gap in _gaps(timed)]
    scores = [one.score for one in right if one.score is not None]
    return EfficiencySummary(
        eff_at_k={k: estimate_eff_at_k(values, k) for k in ks},
        levels=_levels(scores),
        floor=fsum(floors) / len(floors) if floors else None,
        noise=noise,
        pairs=len(gaps),
        found_wrong=sum(one.found_wrong for timed in of_tasks.values() for one in timed),
        alike=sum(gap <= 2 * (noise or 0.0) for gap in gaps),
        time_ratio=_mean([one.time_ratio for one in scores]),
        memory_ratio=_mean([one.memory_ratio for one in scores]),
        memory_time_ratio=_mean([(one.time_ratio or 0.0) * (one.memory_ratio or 0.0) for one in scores]),
        speed_up=_mean([one.speed_up for one in scores]),
        clocks=tuple(clocks),
        rows=tuple(_row(task_id, timed) for task_id, timed in of_tasks.items()),
    )


def _has(timed: Sequence[Timed]) -> bool:
    return any(one.floor is not None for one in timed)


def _gaps(timed: Sequence[Timed]) -> list[float]:
    """How far the scores of right answers lie apart, neighbour by neighbour."""
    values = sorted(one.value for one in timed if one.score is not None)
    return [high - low for low, high in itertools.pairwise(values)]


def _levels(scores: Sequence[Score]) -> tuple[LevelRow, ...]:
    most = max((len(score.levels) for score in scores), default=0)
    rows = []
    for level in range(most):
        here = [score for score in scores if level < len(score.levels)]
        rows.append(
            LevelRow(
                level=level + 1,
                answers=len(here),
                score=fsum(score.levels[level] for score in here) / len(here),
                timed_out=sum(score.timed_out[level] for score in here),
            )
        )
    return tuple(rows)


def _row(task_id: str, timed: Sequence[Timed]) -> EfficiencyRow:
    scores = [one.score for one in timed if one.score is not None]
    return EfficiencyRow(
        task_id=task_id,
        samples=len(timed),
        score=fsum(one.value for one in timed) / len(timed) if timed else 0.0,
        time_ratio=_mean([one.time_ratio for one in scores]),
        memory_ratio=_mean([one.memory_ratio for one in scores]),
    )


def _mean(ratios: Sequence[float | None]) -> float | None:
    found = [ratio for ratio in ratios if ratio]
    return geometric_mean(found) if found else None

"""Times of an answer and of the reference beside it, and the efficiency score that they come to.

The score is ENAMEL's (Qiu et al. 2025, "How efficient is LLM-generated code?", section 3): with t_j the time of the
slowest input of level j, r_j that of the reference and T = 2 max r_j the limit, f_j = (T - t_j)+ / (T - r_j), and e is
the mean of all f_j by the weights of the levels. A level that takes as long as T ends the answer: this level and all
larger ones count 0 (right-censoring). Our e is clipped at 1, enam's is not. No f_j is: noise on one level would only
ever cost, and an answer that is as good as the reference would score less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from codebench.sandbox import CallTime, Duel

FACTOR = 2.0  # ENAMEL's alpha
INSIDE, CPU = "wall time inside the process", "CPU time of the process, from outside"
_STEP_SLACK, _STEP_SLACK_S = 1.25, 0.0002
_MEDIAN_SLACK_S = 0.00003
_LOAD_SLACK_S = 0.002
_LEAST_S = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level: a duel for each repetition. `ended` is "timeout" or "memory" where the answer did not come through.

    `reference_s` is the time of the reference in this run when it had only itself beside it; it counts where the
    answer was not timed.
    """

    size: int
    weight: float
    duels: tuple[Duel, ...] = ()
    ended: str = ""
    reference_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Efficiency:
    """All that a score is made of. `floor` is the score of the reference itself, timed as any other answer and not
    clipped: what it differs from 1 by is noise.

    `naive_ratio` is the time of the problem's naive answer at the smallest level by that of the reference, where there
    is one. `rules` is "" for our own, else the upstream harness that was followed.
    """

    levels: tuple[Level, ...]
    floor: float | None = None
    clock: str = CPU
    rules: str = ""
    naive_ratio: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What times come to: `levels` has f_j of each level, `value` e; `time_ratio` is the answer's time by that of the
    reference, over all that both did, `memory_ratio` the same of the peak resident set; None where nothing was done.
    `speed_up` is how many times faster than the naive answer it is at the smallest level.
    """

    value: float
    levels: tuple[float, ...]
    timed_out: tuple[bool, ...]
    time_ratio: float | None = None
    memory_ratio: float | None = None
    speed_up: float | None = None


def score_of(efficiency: Efficiency, clip: bool = True) -> Score:
    """The score that the recorded times come to; enam's is not clipped at 1 in any case."""
    enam = efficiency.rules == "enam"
    references = [rival_s(level, enam) for level in efficiency.levels]
    limit_s = FACTOR * max(references)
    found: list[float] = []
    out: list[bool] = []
    for level, reference_s in zip(efficiency.levels, references, strict=True):
        own_s = None if level.ended or any(out) else level_s(level, enam)
        if own_s is None or own_s >= limit_s + (0.01 if enam else 0.0):
            out.append(True)
            found.append(0.0)
            continue
        out.append(False)
        found.append(max(0.0, limit_s - own_s) / (limit_s - reference_s))
    weights = [level.weight for level in efficiency.levels]
    value = sum(weight * one for weight, one in zip(weights, found, strict=True)) / sum(weights)
    done = [level for level in efficiency.levels if level.duels and not level.ended]
    return Score(
        value=min(1.0, value) if clip and not enam else value,
        levels=tuple(found),
        timed_out=tuple(out),
        time_ratio=_ratio([(level_s(level, enam) or 0.0, rival_s(level, enam)) for level in done]),
        speed_up=_speed_up(efficiency, enam),
        memory_ratio=_ratio([(duel.own_bytes, duel.rival_bytes) for level in done for duel in level.duels]),
    )


def level_s(level: Level, inside: bool = False) -> float | None:
    """Seconds for the slowest input of a level; None where it was not timed to its end."""
    if not level.duels or level.ended:
        return None
    return max(
        hodges_lehmann([_own_s(duel, number, inside) for duel in level.duels])
        for number in range(len(level.duels[0].own))
    )


def hodges_lehmann(values: Sequence[float]) -> float:
    """The median of the means of all pairs, each value paired with itself as well (Hodges & Lehmann 1963)."""
    return median((a + b) / 2 for place, a in enumerate(values) for b in values[: place + 1])


def rival_s(level: Level, inside: bool = False) -> float:
    """The same of the reference beside it, or where the answer was not timed to its end, when it was by itself."""
    if not level.duels or level.ended:
        return level.reference_s
    return max(
        hodges_lehmann([_call_s(duel.rival[number], duel.rival_empty_s, inside) for duel in level.duels])
        for number in range(len(level.duels[0].rival))
    )


def _own_s(duel: Duel, number: int, inside: bool) -> float:
    """Seconds that one call is charged with: its own, and what it did beside it that the reference did not do."""
    own, rival = duel.own[number], duel.rival[number]
    if inside:
        return hodges_lehmann(own.inside_s)
    load_s = max(0.0, duel.own_load_s - duel.rival_load_s - _LOAD_SLACK_S)
    # What warms up is smaller than what is timed: where it takes longer it has done something for later.
    warm_s = duel.warm_ups * max(call.call_s for call in duel.own) if duel.own else 0.0
    load_s += max(0.0, duel.own_warm_s - warm_s - _STEP_SLACK_S)
    call_s = _call_s(own, duel.own_empty_s, inside)
    beside_s = _beyond(own.emit_s, rival.emit_s) + _beyond(own.between_s, rival.between_s)
    seconds = call_s + max(beside_s, _beside_s(duel)) + load_s
    # Times of helpers may be hidden from the clock, but they share the core: the wall time has them all.
    return max(seconds, own.wall_s) if own.spawned else seconds


def _beside_s(duel: Duel) -> float:
    """The same of what most calls did beside themselves: a median strays less than one call, and so allows for less."""
    emitting = _beyond(
        median(call.emit_s for call in duel.own), median(call.emit_s for call in duel.rival), _MEDIAN_SLACK_S
    )
    between = _beyond(
        median(call.between_s for call in duel.own), median(call.between_s for call in duel.rival), _MEDIAN_SLACK_S
    )
    return emitting + between


def _call_s(call: CallTime, empty_s: float, inside: bool) -> float:
    return hodges_lehmann(call.inside_s) if inside else max(_LEAST_S, call.call_s - empty_s)


def _speed_up(efficiency: Efficiency, inside: bool) -> float | None:
    first = efficiency.levels[0]
    own_s = level_s(first, inside)
    if efficiency.naive_ratio is None or not own_s:
        return None
    return efficiency.naive_ratio * rival_s(first, inside) / own_s


def _beyond(own_s: float, rival_s: float, slack_s: float = _STEP_SLACK_S) -> float:
    return max(0.0, own_s - _STEP_SLACK * rival_s - slack_s)


def _ratio(pairs: Sequence[tuple[float, float]]) -> float | None:
    below = sum(b for _, b in pairs)
    return sum(a for a, _ in pairs) / below if below else None

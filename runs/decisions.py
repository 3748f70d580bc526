"""Decisions: what an interval or a change says of a requirement, if it says anything."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from codebench.runs.metrics import Estimate
from codebench.runs.policy import Decide, Kind, Requirement

SIGNIFICANT = 0.05
_TINY = 1e-12  # what adding floats may be off


class Decision(StrEnum):
    """What became of a requirement, and of the gate as a whole. NOT_MEASURED has no part in the latter."""

    PASS = "pass"  # noqa: S105 - a decision, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How a metric changed over the common problems, turned so that less is worse.

    `low` and `high` are the 95 % interval of `value`; `changed` of the `problems` have another value than before;
    `p_value` is that of no change. `same_answers` says that both runs hold the same answers.
    """

    value: float
    low: float
    high: float
    problems: int
    changed: int
    p_value: float
    same_answers: bool = False


def decide_limit(estimate: Estimate, requirement: Requirement) -> tuple[Decision, str]:
    """Is the value on the right side of the bound? By evidence its whole 95 % interval must be, or be on the other."""
    bound, below = requirement.bound, requirement.kind is Kind.MIN
    by_value = requirement.decide is Decide.VALUE
    low, high = (estimate.value, estimate.value) if by_value else (estimate.low, estimate.high)
    side = "below" if below else "above"
    if (low >= bound - _TINY) if below else (high <= bound + _TINY):
        return Decision.PASS, f"not {side} {bound:g}" if by_value else f"the interval is not {side} {bound:g}"
    if (high < bound - _TINY) if below else (low > bound + _TINY):
        return Decision.FAIL, f"{side} {bound:g}" if by_value else f"the whole interval is {side} {bound:g}"
    return Decision.INCONCLUSIVE, f"{bound:g} lies within the interval"


def decide_regression(change: Change, bound: float, decide: Decide = Decide.EVIDENCE) -> tuple[Decision, str]:
    """A test of non-inferiority with the margin `bound`.

    By value: is the metric worse by more than `bound`? By evidence:
    - Where no problem changed: pass if the answers are the same, since nothing can have got worse, or if there are so
      many problems that no regression of more than `bound` can hide from them (`unseen`).
    - Fail if the metric is worse by more than `bound`, and a regression is shown: the 95 % interval lies below 0, and
      the p-value is below 0.05.
    - Pass if the 95 % interval leaves no room for a regression of more than `bound`.
    - Else inconclusive.
    """
    if decide is Decide.VALUE:
        worse = change.value < -bound - _TINY
        return (Decision.FAIL if worse else Decision.PASS), f"{'more' if worse else 'not more'} than {bound:g} worse"
    if not change.changed:
        return _unchanged(change, bound)
    shown = change.high < 0 and change.p_value < SIGNIFICANT
    if shown and change.value < -bound - _TINY:
        return Decision.FAIL, f"a regression is shown, and the estimate is more than {bound:g} worse"
    if change.low >= -bound - _TINY:
        return Decision.PASS, f"a regression of more than {bound:g} is excluded"
    if shown:
        return Decision.INCONCLUSIVE, f"a regression is shown, but it may be less than {bound:g}"
    return Decision.INCONCLUSIVE, f"no regression is shown, but one of {-change.low:.3f} is not excluded"


def _unchanged(change: Change, bound: float) -> tuple[Decision, str]:
    if change.same_answers:
        return Decision.PASS, "the answers are the same"
    hidden = unseen(change.problems)
    if hidden <= bound + _TINY:
        return Decision.PASS, f"no problem changed, and a regression of more than {bound:g} is excluded"
    return (
        Decision.INCONCLUSIVE,
        f"no problem changed, but {change.problems} cannot exclude a regression of {hidden:.3f}",
    )


def unseen(problems: int) -> float:
    """The share of problems that may get worse though none of n did: 1 - 0.05^(1/n), about 3/n, with 95 % confidence.

    Hanley & Lippman-Hand 1983, "If nothing goes wrong, is everything all right?".
    """
    return 1.0 - math.exp(math.log(0.05) / problems)

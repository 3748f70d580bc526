"""A gate is what a metric's value must reach, as `--fail-under pass@1=0.5` asks for; no interval is looked at."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codebench.runs.metric_name import FORMS, MetricName, metric_name
from codebench.runs.metrics import Estimate
from codebench.runs.record import RunError
from codebench.runs.summary import Summary

_NUMBER = re.compile(r"[0-9]*\.?[0-9]+|[0-9]+\.")
_ATTACKS = ("secure", "secure-and-correct", "vulnerable")
_GRADERS = {"eff": "efficiency", "flagged": "security", "valid": "quality", **dict.fromkeys(_ATTACKS, "security")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """`metric` must be at least `limit`; at most, where lower is better. The limit lies in [0, 1]."""

    metric: MetricName
    limit: float

    def misses(self, value: float) -> bool:
        return value < self.limit if self.metric.higher_is_better else value > self.limit


def parse_gate(text: str) -> Gate:
    """Read `METRIC=X`. Raises RunError for anything else."""
    metric, limit = parse_bound(text, "gate")
    return Gate(metric=metric, limit=limit)


def parse_bound(text: str, what: str) -> tuple[MetricName, float]:
    """Read `METRIC=X`, X in [0, 1]. Raises RunError for anything else, saying `what` it cannot be."""
    name, _, number = text.strip().partition("=")
    metric = metric_name(name.strip())
    if metric is None or not _NUMBER.fullmatch(number.strip()):
        raise RunError(f"cannot use {text!r} as a {what}: write METRIC=X, as in pass@1=0.5, where METRIC is {FORMS}")
    if float(number) > 1:
        raise RunError(f"cannot use {text!r} as a {what}: the number is a fraction in [0, 1]")
    return metric, float(number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What a run will be able to say: its ks, checks and graders, and whether any problem has security tests."""

    ks: tuple[int, ...]
    checks: tuple[str, ...]
    graders: tuple[str, ...]
    attacked: bool


def check_gates(gates: Sequence[Gate], offered: Offered) -> None:
    """Raise RunError for a gate on what a run will not have, saying why."""
    for gate in gates:
        if missing := _missing(gate.metric, offered):
            raise RunError(f"no {gate.metric} to hold against {gate.limit:g}: {missing}")


def _missing(metric: MetricName, offered: Offered) -> str:
    """Why there is no such metric; "" where there is."""
    grader = _GRADERS.get(metric.kind)
    if metric.check is not None and metric.check not in offered.checks:
        known = f"it has {', '.join(offered.checks)}" if offered.checks else "it has one only, so ask for pass@K"
        return f"no such check in this suite; {known}"
    if metric.kind in _ATTACKS and not offered.attacked:
        return "none of these problems has security tests"
    if grader is not None and grader not in offered.graders:
        return f"nothing measures it; add {grader} to --grade"
    if metric.k is not None and metric.k not in offered.ks:
        return f"this run has {', '.join(f'{metric.kind}@{k}' for k in offered.ks)}; see --k"
    return ""


def below(summary: Summary, gates: Sequence[Gate]) -> list[str]:
    """One sentence for each gate that the run does not reach; empty where it reaches all.

    Raises RunError for a metric that is not among those that the summary has.
    """
    return [missed for gate in gates if (missed := _missed(summary, gate))]


def _missed(summary: Summary, gate: Gate) -> str | None:
    estimates = summary_estimates(summary)
    name = str(gate.metric)
    if name not in estimates:
        raise RunError(
            f"no {name} to hold against {gate.limit:g}: this run has {', '.join(estimates)}; see --k and --grade"
        )
    estimate = estimates[name]
    if estimate is None:
        return f"{name} is not known (too few graded samples); asked for: {gate.limit:g}"
    if not gate.misses(estimate.value):
        return None
    return f"{name} is {estimate.value:.4f}, {'below' if gate.metric.higher_is_better else 'above'} {gate.limit:g}"


def summary_estimates(summary: Summary) -> dict[str, Estimate | None]:
    """Every metric of a run by its name, in the order in which reports show them; None where too little is graded."""
    found = _at_k("pass", summary.pass_at_k)
    for check, of_check in summary.checks.items():
        found |= _at_k(f"{check}:pass", of_check)
    if summary.efficiency is not None:
        found |= _at_k("eff", summary.efficiency.eff_at_k)
    if summary.security is not None:
        found |= _at_k("secure", summary.security.secure_at_k)
        found |= _at_k("secure-and-correct", summary.security.secure_and_correct_at_k)
        found |= _at_k("vulnerable", summary.security.vulnerable_at_k)
    if summary.findings is not None:
        found["flagged"] = summary.findings.flagged
    if summary.quality is not None:
        found["valid"] = summary.quality.valid
    return found


def _at_k(kind: str, of_k: Mapping[int, Estimate | None]) -> dict[str, Estimate | None]:
    return {f"{kind}@{k}": estimate for k, estimate in of_k.items()}

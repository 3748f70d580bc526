"""A gate is a metric's least acceptable value, as `--fail-under pass@1=0.5` asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from codebench.runs.record import RunError
from codebench.runs.summary import Summary

_GATE = re.compile(r"(?:([A-Za-z_][\w.-]*):)?pass@([1-9][0-9]{0,5})\s*=\s*([0-9]*\.?[0-9]+|[0-9]+\.)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """pass@`k` must be at least `minimum`, which lies in [0, 1]; `check` None means of all checks."""

    k: int
    minimum: float
    check: str | None = None

    @property
    def metric(self) -> str:
        return f"{self.check}:pass@{self.k}" if self.check else f"pass@{self.k}"


def parse_gate(text: str) -> Gate:
    """Read `pass@K=MINIMUM` or `CHECK:pass@K=MINIMUM`. Raises RunError for anything else."""
    match = _GATE.fullmatch(text.strip())
    if match is None:
        raise RunError(
            f"cannot use {text!r} as a gate: write METRIC=MINIMUM, where METRIC is pass@K or CHECK:pass@K: pass@1=0.5"
        )
    gate = Gate(check=match[1], k=int(match[2]), minimum=float(match[3]))
    if gate.minimum > 1:
        raise RunError(f"cannot use {text!r} as a gate: the minimum is a fraction in [0, 1]")
    return gate


def check_gates(gates: Sequence[Gate], ks: Sequence[int], checks: Sequence[str]) -> None:
    """Raise RunError for a gate whose metric is not among those that the run computes."""
    for gate in gates:
        if gate.check is not None and gate.check not in checks:
            known = f"it has {', '.join(checks)}" if checks else "it has one only, so ask for pass@K"
            raise RunError(f"no {gate.metric} to hold against {gate.minimum:g}: no such check in this suite; {known}")
        if gate.k not in ks:
            computed = ", ".join(f"pass@{k}" for k in ks)
            raise RunError(f"no {gate.metric} to hold against {gate.minimum:g}: this run has {computed}; see --k")


def below(summary: Summary, gates: Sequence[Gate]) -> list[str]:
    """One sentence for each gate that the run does not reach; empty where it reaches all. Raises as check_gates."""
    check_gates(gates, tuple(summary.pass_at_k), tuple(summary.checks))
    return [missed for gate in gates if (missed := _missed(summary, gate))]


def _missed(summary: Summary, gate: Gate) -> str | None:
    estimate = (summary.checks[gate.check] if gate.check else summary.pass_at_k)[gate.k]
    if estimate is None:
        return f"{gate.metric} is not known (no problem has {gate.k} graded samples); asked for: {gate.minimum:g}"
    if estimate.value < gate.minimum:
        return f"{gate.metric} is {estimate.value:.4f}, below {gate.minimum:g}"
    return None

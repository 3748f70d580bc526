"""Checks made of inputs, as one batch for the sandbox, and what its outcome says of each check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from codebench.graders.grade import CaseFailure, CheckResult, Verdict
from codebench.graders.references import Expected
from codebench.problems import Cases, TimeRule
from codebench.sandbox import Batch, CaseGroup, Execution, FailedCase, Limits

PASSED, NOT_RUN = ".", "-"
_MEANING: dict[str, Verdict | None] = {
    PASSED: Verdict.PASS,
    "F": Verdict.FAIL,
    "E": Verdict.FAIL,  # what it raised is one more wrong answer
    "T": Verdict.TIMEOUT,
    "M": Verdict.MEMORY,
    "X": Verdict.ERROR,
    NOT_RUN: None,
}
_UNFINISHED = {Verdict.TIMEOUT: "T", Verdict.MEMORY: "M"}


def batch(checks: Sequence[Cases], expected: Sequence[Expected], limits: Limits, details: bool) -> Batch:
    """All checks as one batch. The rules of time are stretched as `limits.timeout_s` is against its default."""
    stretch = limits.timeout_s / Limits().timeout_s
    slowest_s = max(seconds for known in expected for seconds in known.cpu_s)
    groups = [
        CaseGroup(
            inputs=known.inputs,
            expected=known.outputs,
            limits_s=tuple(limit_s * stretch for limit_s in _limits_s(check.time, known.cpu_s, slowest_s)),
            oracle=check.oracle.source,
            reflexive=check.oracle.reflexive,
        )
        for check, known in zip(checks, expected, strict=True)
    ]
    total_s = sum(
        min(check.time.total_s * stretch, sum(group.limits_s)) for check, group in zip(checks, groups, strict=True)
    )
    return Batch(groups=tuple(groups), total_s=total_s, stop_early=not details)


def _limits_s(rule: TimeRule, reference_s: Sequence[float], slowest_s: float) -> list[float]:
    return [max(rule.least_s, rule.factor * (slowest_s if rule.of_slowest else own_s)) for own_s in reference_s]


def check_results(
    checks: Sequence[Cases], execution: Execution, ended: Verdict, details: bool
) -> tuple[CheckResult, ...]:
    """How each check went; `ended` is the verdict on the whole, and so on an input that the candidate did not end."""
    total = sum(check.count for check in checks)
    outcomes = execution.report.outcomes
    failures = [_case_failure(failure, outcomes) for failure in execution.report.failures]
    if len(outcomes) < total and ended is not Verdict.PASS and (details or not failures):
        failures.append(CaseFailure(case=len(outcomes), verdict=ended, detail=execution.report.detail))
        outcomes += _UNFINISHED.get(ended, "X")
    outcomes = outcomes.ljust(total, NOT_RUN)
    results, start = [], 0
    for check in checks:
        end = start + check.count
        of_check = [replace(failure, case=failure.case - start) for failure in failures if start <= failure.case < end]
        results.append(_result(check.name, outcomes[start:end], of_check, details))
        start = end
    return tuple(results)


def _result(name: str, outcomes: str, failures: Sequence[CaseFailure], details: bool) -> CheckResult:
    first = next((letter for letter in outcomes if letter != PASSED), PASSED)
    return CheckResult(
        name=name,
        verdict=_MEANING[first],
        cases=len(outcomes),
        passed=outcomes.count(PASSED),
        failures=tuple(failures),
        outcomes=outcomes if details else "",
    )


def _case_failure(failure: FailedCase, outcomes: str) -> CaseFailure:
    return CaseFailure(
        case=failure.case, verdict=_MEANING[outcomes[failure.case]] or Verdict.ERROR, detail=failure.detail
    )

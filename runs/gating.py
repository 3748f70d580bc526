"""Gating: hold runs against a policy. A requirement is met or missed only where the evidence decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from codebench.runs.comparable import comparability
from codebench.runs.decisions import Change, Decision, decide_limit, decide_regression
from codebench.runs.gates import summary_estimates
from codebench.runs.manifest import read_manifest
from codebench.runs.metrics import Estimate
from codebench.runs.paired import Difference, paired_difference
from codebench.runs.policy import (
    ANY_SUITE,
    Kind,
    Level,
    MissingBaseline,
    Policy,
    Requirement,
    Unfinished,
    missing_suites,
)
from codebench.runs.record import RunError
from codebench.runs.records import read_records
from codebench.runs.scored import ScoredRun, read_scored


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRow:
    """One requirement of one run. `base` and `difference` are there where a regression is bounded and measured."""

    run: ScoredRun
    requirement: Requirement
    decision: Decision
    reason: str
    value: Estimate | None = None
    base: Estimate | None = None
    difference: Difference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Regressed:
    """A problem of which fewer answers are right than in the baseline; `base` and `head` are its pass@1."""

    suite: str
    task_id: str
    base: float
    head: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What became of all requirements. `faults` say why runs are invalid, `notes` what a reader should know.

    `runs` have every k that was asked for.
    """

    decision: Decision
    reason: str
    runs: tuple[ScoredRun, ...]
    rows: tuple[GateRow, ...]
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    regressed: tuple[Regressed, ...] = ()


def judge_directories(
    runs: Sequence[Path], baselines: Sequence[Path], policy: Policy, *, anyway: bool = False
) -> Judgement:
    """Hold the runs in some directories against a policy; each is compared with the baseline of its suite.

    Raises RunError where one cannot be read, for two baselines of one suite, for a baseline that is not comparable
    (unless `anyway`), and for a policy that names a suite or a metric that is not there.
    """
    scored = [_read(directory, policy) for directory in runs]
    of_suites: dict[str, ScoredRun] = {}
    for base in (_read(directory, policy) for directory in baselines):
        other = of_suites.get(_suite(base))
        if other is not None:
            both = f"{other.run.directory} and {base.run.directory}"
            raise RunError(f"{both} are both baselines of {_suite(base)}; give one")
        of_suites[_suite(base)] = base
    suites = list(dict.fromkeys(map(_suite, scored)))
    notes = [
        f"There is no run of {name}, of which the policy asks something." for name in missing_suites(policy, suites)
    ]
    notes += [f"There is no run of {name} to compare with its baseline." for name in of_suites if name not in suites]
    for run in scored:
        if _suite(run) in of_suites:
            notes += _check_comparable(of_suites, run, policy, anyway=anyway)
    used = {name: base for name, base in of_suites.items() if name in suites}
    return replace(judge(scored, used, policy), notes=tuple(notes))


def _read(directory: Path, policy: Policy) -> ScoredRun:
    """A run with every k that the policy names and the run has enough samples for."""
    manifest = read_manifest(directory)
    asked = {one.metric.k for one in policy.requirements if one.metric.k is not None}
    return read_scored(directory, tuple(sorted({*manifest.ks, *(k for k in asked if k <= manifest.samples)})))


def _check_comparable(baselines: dict[str, ScoredRun], head: ScoredRun, policy: Policy, *, anyway: bool) -> list[str]:
    """What is to be said of the comparison of a run with its baseline.

    One that is not comparable is used if it is wanted `anyway`, and removed if nothing that is asked depends on it;
    else RunError is raised.
    """
    suite = _suite(head)
    found = comparability(baselines[suite].run.manifest, head.run.manifest)
    if not found.reasons:
        return [f"{suite}: {note}" for note in found.notes]
    why = "; ".join(found.reasons)
    if anyway:
        return [f"{suite}: compared with a baseline that is not comparable: {why}"]
    if _compares(policy, suite):
        raise RunError(f"not comparable: {suite}: {why}; --anyway compares all the same, and says so")
    del baselines[suite]
    return [f"{suite}: the baseline is left out, since it is not comparable: {why}"]


def _compares(policy: Policy, suite: str) -> bool:
    return any(one.kind is Kind.MAX_REGRESSION for one in policy.of_suite(suite))


def judge(runs: Sequence[ScoredRun], baselines: Mapping[str, ScoredRun], policy: Policy) -> Judgement:
    """Hold every run against what the policy says of its suite; `baselines` are by suite, and comparable.

    Raises RunError for a requirement that no run has the metric of.
    """
    rows = tuple(row for run in runs for row in _rows(run, baselines.get(_suite(run)), policy))
    _refuse_unmeasured(rows)
    compared = [base for suite, base in baselines.items() if _compares(policy, suite)]
    faults = tuple(fault for run in (*runs, *compared) for fault in _faults(run, policy))
    decision, reason = overall(rows, faults, policy)
    regressed = tuple(one for run in runs for one in _regressed(run, baselines.get(_suite(run))))
    return Judgement(decision=decision, reason=reason, runs=tuple(runs), rows=rows, faults=faults, regressed=regressed)


def overall(rows: Sequence[GateRow], faults: Sequence[str], policy: Policy) -> tuple[Decision, str]:
    """The gate's decision and why.

    Invalid where a run is. Else it fails for one critical miss or for more supporting ones than the policy bears; it is
    inconclusive where the undecided ones could still make it fail; else it passes.
    """
    if faults:
        return Decision.INVALID, faults[0]
    critical = _decisions(rows, Level.CRITICAL)
    supporting = _decisions(rows, Level.SUPPORTING)
    allowed = policy.supporting_max_failed
    failed, undecided = (supporting.count(one) for one in (Decision.FAIL, Decision.INCONCLUSIVE))
    if missed := critical.count(Decision.FAIL):
        return Decision.FAIL, f"{_number(missed, 'critical requirement')} missed"
    if failed > allowed:
        return Decision.FAIL, f"{_number(failed, 'supporting requirement')} missed, {allowed} allowed"
    if open_ones := critical.count(Decision.INCONCLUSIVE):
        return Decision.INCONCLUSIVE, f"{_number(open_ones, 'critical requirement')} not decided"
    if failed + undecided > allowed:
        return Decision.INCONCLUSIVE, f"{_number(undecided, 'supporting requirement')} not decided, {failed} missed"
    return Decision.PASS, f"{_number([*critical, *supporting].count(Decision.PASS), 'requirement')} held"


def same_answers(base: Path, head: Path) -> bool:
    """Do two runs hold the same programs for the same samples?"""
    return _answers(base) == _answers(head)


def _answers(directory: Path) -> dict[tuple[str, int, int], int]:
    return {(one.task_id, one.sample, one.round): hash(one.code) for one in read_records(directory)}


def _rows(run: ScoredRun, base: ScoredRun | None, policy: Policy) -> Iterator[GateRow]:
    estimates = summary_estimates(run.run.summary)
    for requirement in policy.of_suite(_suite(run)):
        name = str(requirement.metric)
        if name not in estimates:
            reason = f"this run has {', '.join(estimates)}"
            yield GateRow(run=run, requirement=requirement, decision=Decision.NOT_MEASURED, reason=reason)
            continue
        row = _held(run, base, requirement, policy)
        if row is not None:
            yield _with_reservations(row, base, policy)


def _held(run: ScoredRun, base: ScoredRun | None, requirement: Requirement, policy: Policy) -> GateRow | None:
    """None for what the policy skips: a regression from a baseline that is not there."""
    name = str(requirement.metric)
    row = GateRow(
        run=run,
        requirement=requirement,
        decision=Decision.INCONCLUSIVE,
        reason="not known: too few samples are graded",
        value=summary_estimates(run.run.summary)[name],
    )
    if row.value is None:
        return row
    if requirement.kind is not Kind.MAX_REGRESSION:
        decision, reason = decide_limit(row.value, requirement)
        return replace(row, decision=decision, reason=reason)
    if base is None:
        skipped = policy.missing_baseline is MissingBaseline.SKIP
        return None if skipped else replace(row, reason=f"there is no baseline of {_suite(run)}")
    return _compared(row, base)


def _compared(row: GateRow, base: ScoredRun) -> GateRow:
    name = str(row.requirement.metric)
    old = next((metric for metric in base.metrics if metric.name == name), None)
    new = row.run.metric(name)
    difference = paired_difference(old, new) if old is not None else None
    if old is None or difference is None:
        return replace(row, reason=f"the baseline has no {name} of the same problems")
    changes = [new.values[task_id] - value for task_id, value in old.values.items() if task_id in new.values]
    sign = 1 if row.requirement.metric.higher_is_better else -1
    ends = sorted((sign * difference.low, sign * difference.high))
    changed = sum(abs(change) > 1e-12 for change in changes)
    change = Change(
        value=sign * difference.value,
        low=ends[0],
        high=ends[1],
        problems=difference.n_problems,
        changed=changed,
        p_value=difference.p_value,
        same_answers=not changed and same_answers(base.run.directory, row.run.run.directory),
    )
    decision, reason = decide_regression(change, row.requirement.bound, row.requirement.decide)
    return replace(row, decision=decision, reason=reason, base=old.estimate, difference=difference)


def _with_reservations(row: GateRow, base: ScoredRun | None, policy: Policy) -> GateRow:
    """Undecided after all where too little was measured, or a run is not finished."""
    asked, summary = row.requirement, row.run.run.summary
    problems = row.difference.n_problems if row.difference else row.value.n_problems if row.value else 0
    compared = [base] if base is not None and asked.kind is Kind.MAX_REGRESSION else []
    unfinished = [one for one in (row.run, *compared) if _unfinished(one)]
    reason = ""
    if problems < asked.min_problems:
        reason = f"it is over {_number(problems, 'problem')}, {asked.min_problems} are asked for"
    elif summary.graded < asked.min_samples:
        reason = f"{_number(summary.graded, 'sample')} are graded, {asked.min_samples} are asked for"
    elif unfinished and policy.unfinished is Unfinished.INCONCLUSIVE:
        found = unfinished[0].run.summary
        reason = f"only {found.graded:,} of {found.wanted:,} samples are graded"
    return replace(row, decision=Decision.INCONCLUSIVE, reason=reason) if reason else row


def _faults(run: ScoredRun, policy: Policy) -> Iterator[str]:
    summary, where = run.run.summary, run.run.directory
    allowed = policy.max_infra * summary.wanted if isinstance(policy.max_infra, float) else policy.max_infra
    if summary.infra_errors > allowed:
        failed = f"{summary.infra_errors:,} of {summary.wanted:,} samples"
        yield f"{where}: the machine failed {failed}, at most {allowed:g} may be; the same command again retries them"
    if policy.unfinished is Unfinished.INVALID and (left := _unfinished(run)):
        yield f"{where}: {_number(left, 'sample')} not run yet; the same command again finishes the run"


def _unfinished(run: ScoredRun) -> int:
    summary = run.run.summary
    return summary.wanted - summary.graded - summary.infra_errors - summary.untested


def _refuse_unmeasured(rows: Sequence[GateRow]) -> None:
    """A requirement of a suite by name must be measured in its runs, one of every suite in one run at least."""
    measured = {row.requirement for row in rows if row.decision is not Decision.NOT_MEASURED}
    for row in rows:
        one = row.requirement
        if row.decision is Decision.NOT_MEASURED and (one.suite != ANY_SUITE or one not in measured):
            raise RunError(
                f"{one.key}: no {one.metric} in {row.run.run.directory}: {row.reason}; see eval's --samples and --grade"
            )


def _regressed(run: ScoredRun, base: ScoredRun | None) -> Iterator[Regressed]:
    """Those of which the most answers were lost come first."""
    if base is None:
        return
    old, new = ({row.task_id: row for row in one.run.summary.rows if row.graded} for one in (base, run))
    lost = [
        Regressed(suite=_suite(run), task_id=task_id, base=was.passed / was.graded, head=now.passed / now.graded)
        for task_id, was in old.items()
        if (now := new.get(task_id)) is not None and now.passed / now.graded < was.passed / was.graded
    ]
    yield from sorted(lost, key=lambda one: one.head - one.base)


def _decisions(rows: Sequence[GateRow], level: Level) -> list[Decision]:
    counted = [row for row in rows if row.decision is not Decision.NOT_MEASURED]
    return [row.decision for row in counted if row.requirement.level is level]


def _suite(run: ScoredRun) -> str:
    return run.run.manifest.suite.name


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"

"""A summary is what a run's records amount to."""

from __future__ import annotations

import itertools
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from codebench.generators import Generation
from codebench.graders import Assessment, CheckResult, Grade, Verdict
from codebench.runs.efficiency import EfficiencySummary, Timed, summarise_efficiency, timed
from codebench.runs.findings import FindingsSummary, Searched, searched, summarise_findings
from codebench.runs.manifest import Manifest
from codebench.runs.metrics import Estimate, estimate_pass_at_k
from codebench.runs.quality import Measured, QualitySummary, measured, summarise_quality
from codebench.runs.record import Record, RunError
from codebench.runs.searches import SECURITY, ToolSearch
from codebench.runs.secure import Assessed, SecuritySummary, summarise_security

DECIDING_GRADER = "correctness"
EFFICIENCY = "efficiency"
QUALITY = "quality"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemRow:
    """One problem: how many samples were graded, how many of those passed, how many ended in an infra error.

    `untested` are those of a problem that has no tests: they were run through the other graders only.
    """

    task_id: str
    graded: int
    passed: int
    infra_errors: int
    untested: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the answers took, repairs included. `truncated` of them were cut short at the limit of tokens.

    `cost_usd` is None where the price of no answer is known; answers from the cache cost nothing again.
    """

    answers: int
    cached: int
    truncated: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Counts are of samples, over all problems: `wanted` were asked for, `graded` have a verdict.

    The rest of `wanted` failed as `infra_errors` (the machine's fault, never counted as wrong), belong to problems that
    have no tests (`untested`), or were not run yet.
    `pass_at_k` has one entry per k asked for, None where no problem has k graded samples. `checks` has the same for
    each check where a problem has several: an answer passes `plus` only if it passes `base`, which comes before it.
    `pass_after_repair` is pass@1 after so many rounds of repair, from 0; all other numbers are of the first answers.
    `usage` is there where a model answered.
    """

    suite: str
    problems: int
    samples_per_problem: int
    wanted: int
    graded: int
    infra_errors: int
    verdicts: dict[Verdict, int]
    pass_at_k: dict[int, Estimate | None]
    rows: tuple[ProblemRow, ...]
    usage: Usage | None = None
    pass_after_repair: dict[int, Estimate | None] = field(default_factory=dict)
    checks: dict[str, dict[int, Estimate | None]] = field(default_factory=dict)
    efficiency: EfficiencySummary | None = None
    security: SecuritySummary | None = None
    untested: int = 0
    findings: FindingsSummary | None = None
    quality: QualitySummary | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is kept of a record: its verdict, and each check up to which it passed.

    The verdict is None for an infrastructure error, which `failed` says, and for a problem that has no tests.
    """

    verdict: Verdict | None
    failed: bool = False
    checks: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    generation: Generation | None = None
    timed: Timed | None = None
    clock: str = ""
    assessment: Assessment | None = None
    searched: Searched | None = None
    measured: Measured | None = None

    def passes(self, check: str) -> bool:
        """Did it pass this check and those before? All of its own decide where it has no check of that name."""
        return check in self.passed if check in self.checks else self.verdict is Verdict.PASS


def summarise(
    manifest: Manifest, records: Iterable[Record], ks: Sequence[int] = (), searches: Sequence[ToolSearch] = ()
) -> Summary:
    """Count the records of a run; `ks` empty means those of the manifest. `searches` are those of external tools.

    Where one (task, sample) has several records, the last one that has grades counts: a resume retries errors.
    Holds one outcome per sample and no record. Raises RunError for a record that the manifest does not allow.
    """
    attempts = _attempts(manifest, records)
    outcomes = {
        task_id: {sample: rounds[0] for sample, rounds in of_task.items() if 0 in rounds}
        for task_id, of_task in attempts.items()
    }
    rows = tuple(_row(task_id, tuple(of_task.values())) for task_id, of_task in outcomes.items())
    verdicts = Counter(one.verdict for of_task in outcomes.values() for one in of_task.values() if one.verdict)
    counts = [(row.graded, row.passed) for row in rows]
    ks = ks or manifest.ks
    return Summary(
        suite=manifest.suite.name,
        problems=len(manifest.task_ids),
        samples_per_problem=manifest.samples,
        wanted=len(manifest.task_ids) * manifest.samples,
        graded=sum(row.graded for row in rows),
        infra_errors=sum(row.infra_errors for row in rows),
        verdicts={verdict: verdicts[verdict] for verdict in Verdict},
        pass_at_k={k: estimate_pass_at_k(counts, k) for k in ks},
        rows=rows,
        usage=_usage([one for of_task in attempts.values() for rounds in of_task.values() for one in rounds.values()]),
        pass_after_repair={
            number: _after_repair([tuple(of_task.values()) for of_task in attempts.values()], number)
            for number in (range(manifest.repairs + 1) if manifest.repairs else ())
        },
        checks=_by_check([tuple(of_task.values()) for of_task in outcomes.values()], ks),
        efficiency=_efficiency(outcomes, ks) if EFFICIENCY in manifest.graders else None,
        security=_security(outcomes, manifest, ks),
        untested=sum(row.untested for row in rows),
        findings=_findings(outcomes, searches) if SECURITY in manifest.graders else None,
        quality=_quality(outcomes) if QUALITY in manifest.graders else None,
    )


def _security(outcomes: dict[str, dict[int, Outcome]], manifest: Manifest, ks: Sequence[int]) -> SecuritySummary | None:
    """None where nothing has security tests."""
    of_tasks = {
        task_id: {
            sample: Assessed(one.verdict is Verdict.PASS, one.assessment)
            for sample, one in of_task.items()
            if one.verdict is not None and one.assessment is not None
        }
        for task_id, of_task in outcomes.items()
    }
    of_tasks = {task_id: assessed for task_id, assessed in of_tasks.items() if assessed}
    return summarise_security(of_tasks, manifest.cwe, ks) if of_tasks else None


def _findings(outcomes: dict[str, dict[int, Outcome]], searches: Sequence[ToolSearch]) -> FindingsSummary:
    of_tasks = {
        task_id: {sample: one.searched for sample, one in of_task.items() if one.searched is not None}
        for task_id, of_task in outcomes.items()
    }
    return summarise_findings(of_tasks, searches)


def _efficiency(outcomes: dict[str, dict[int, Outcome]], ks: Sequence[int]) -> EfficiencySummary:
    of_tasks = {
        task_id: [one.timed for one in of_task.values() if one.timed is not None]
        for task_id, of_task in outcomes.items()
    }
    clocks = dict.fromkeys(one.clock for of_task in outcomes.values() for one in of_task.values() if one.clock)
    return summarise_efficiency({task_id: timed for task_id, timed in of_tasks.items() if timed}, ks, tuple(clocks))


def _quality(outcomes: dict[str, dict[int, Outcome]]) -> QualitySummary:
    return summarise_quality(
        [[one.measured for one in of_task.values() if one.measured is not None] for of_task in outcomes.values()]
    )


def deciding_grade(record: Record) -> Grade | None:
    """The grade that decides whether the answer is right; None for an infrastructure error, or where nothing does."""
    return next((grade for grade in record.grades if grade.grader == DECIDING_GRADER), None)


def verdict_of(record: Record) -> Verdict | None:
    """What that grade says."""
    grade = deciding_grade(record)
    return None if grade is None else grade.verdict


def _by_check(problems: Sequence[Sequence[Outcome]], ks: Sequence[int]) -> dict[str, dict[int, Estimate | None]]:
    names = tuple(dict.fromkeys(name for outcomes in problems for one in outcomes for name in one.checks))
    if not any(len(one.checks) > 1 for outcomes in problems for one in outcomes):
        return {}  # one check a problem, whatever it is called
    found = {}
    for name in names:
        counts = [
            (sum(one.verdict is not None for one in outcomes), sum(one.passes(name) for one in outcomes))
            for outcomes in problems
        ]
        found[name] = {k: estimate_pass_at_k(counts, k) for k in ks}
    return found


def _outcome(record: Record) -> Outcome:
    grade = deciding_grade(record)
    if grade is None:
        return Outcome(
            None,
            failed=record.error is not None,
            generation=_bare(record.generation),
            searched=searched(record.grades),
        )
    times = next((one for one in record.grades if one.grader == EFFICIENCY), None)
    clock = times.efficiency.clock if times is not None and times.efficiency is not None else ""
    quality = next((one for one in record.grades if one.grader == QUALITY), None)
    passed = itertools.takewhile(lambda check: check.verdict is Verdict.PASS, grade.checks)
    return Outcome(
        grade.verdict,
        checks=_names(grade.checks),
        passed=_names(passed),
        generation=_bare(record.generation),
        timed=timed(grade.verdict, times),
        clock=clock,
        assessment=next((one.assessment for one in record.grades if one.assessment is not None), None),
        searched=searched(record.grades),
        measured=measured(grade, quality) if quality is not None else None,
    )


def _bare(generation: Generation | None) -> Generation | None:
    """Without its texts, which a summary has no use for; None where no model was asked."""
    return replace(generation, prompt="", response="") if generation is not None and generation.prompt else None


def _usage(outcomes: Sequence[Outcome]) -> Usage | None:
    made = [one.generation for one in outcomes if one.generation is not None]
    if not made:
        return None
    costs = [0.0 if one.cached else one.cost_usd for one in made if one.cost_usd is not None]
    return Usage(
        answers=len(made),
        cached=sum(one.cached for one in made),
        truncated=sum(one.finish_reason == "length" for one in made),
        prompt_tokens=sum(one.prompt_tokens or 0 for one in made),
        completion_tokens=sum(one.completion_tokens or 0 for one in made),
        cost_usd=sum(costs) if costs else None,
    )


def _after_repair(problems: Sequence[Sequence[dict[int, Outcome]]], number: int) -> Estimate | None:
    """pass@1 where an answer counts as right if one of its rounds up to `number` is."""
    counts = []
    for samples in problems:
        results = [_result_after(rounds, number) for rounds in samples]
        counts.append((sum(one is not None for one in results), sum(one is True for one in results)))
    return estimate_pass_at_k(counts, 1)


def _result_after(rounds: dict[int, Outcome], number: int) -> bool | None:
    """Whether one of the rounds passed; None where that is not known, as one is missing or the machine failed."""
    for one in range(number + 1):
        verdict = rounds[one].verdict if one in rounds else None
        if verdict is None or verdict is Verdict.PASS:
            return None if verdict is None else True
    return False


def _names(checks: Iterable[CheckResult]) -> tuple[str, ...]:
    return tuple(sys.intern(check.name) for check in checks)


def _attempts(manifest: Manifest, records: Iterable[Record]) -> dict[str, dict[int, dict[int, Outcome]]]:
    """The outcomes by task, sample and round."""
    outcomes: dict[str, dict[int, dict[int, Outcome]]] = {task_id: {} for task_id in manifest.task_ids}
    for record in records:
        of_task = outcomes.get(record.task_id)
        if of_task is None or not (0 <= record.sample < manifest.samples and 0 <= record.round <= manifest.repairs):
            raise RunError(
                f"the records hold sample {record.sample} of {record.task_id}, which run.json does not list; "
                "records of another run were added to this one: take them out"
            )
        outcome = _outcome(record)
        rounds = of_task.setdefault(record.sample, {})
        if not outcome.failed or record.round not in rounds:
            rounds[record.round] = outcome
    return outcomes


def _row(task_id: str, outcomes: Sequence[Outcome]) -> ProblemRow:
    return ProblemRow(
        task_id=task_id,
        graded=sum(one.verdict is not None for one in outcomes),
        passed=sum(one.verdict is Verdict.PASS for one in outcomes),
        infra_errors=sum(one.failed for one in outcomes),
        untested=sum(one.verdict is None and not one.failed for one in outcomes),
    )

"""A summary is what a run's records amount to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from codebench.graders import Verdict
from codebench.runs.efficiency import EfficiencySummary, summarise_efficiency
from codebench.runs.findings import FindingsSummary, summarise_findings
from codebench.runs.manifest import Manifest
from codebench.runs.metrics import Estimate, estimate_pass_at_k
from codebench.runs.outcomes import EFFICIENCY, QUALITY, Outcome, Outcomes, outcomes_of
from codebench.runs.quality import QualitySummary, summarise_quality
from codebench.runs.record import Record
from codebench.runs.repositories import RepositorySummary, summarise_repositories
from codebench.runs.searches import SECURITY, ToolSearch
from codebench.runs.secure import SecuritySummary, summarise_security


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
    repositories: RepositorySummary | None = None


def summarise(
    manifest: Manifest, records: Iterable[Record], ks: Sequence[int] = (), searches: Sequence[ToolSearch] = ()
) -> Summary:
    """Count the records of a run, as `summarise_outcomes` does. Raises as `outcomes_of`."""
    return summarise_outcomes(manifest, outcomes_of(manifest, records), ks, searches)


def summarise_outcomes(
    manifest: Manifest, outcomes: Outcomes, ks: Sequence[int] = (), searches: Sequence[ToolSearch] = ()
) -> Summary:
    """`ks` empty means those of the manifest; `searches` are those of external tools."""
    rows = tuple(_row(task_id, tuple(of_task.values())) for task_id, of_task in outcomes.first.items())
    problems = outcomes.of_problems()
    verdicts = Counter(one.verdict for of_task in problems for one in of_task if one.verdict)
    ks = ks or manifest.ks
    return Summary(
        suite=manifest.suite.name,
        problems=len(manifest.task_ids),
        samples_per_problem=manifest.samples,
        wanted=len(manifest.task_ids) * manifest.samples,
        graded=sum(row.graded for row in rows),
        infra_errors=sum(row.infra_errors for row in rows),
        verdicts={verdict: verdicts[verdict] for verdict in Verdict},
        pass_at_k={k: estimate_pass_at_k([(row.graded, row.passed) for row in rows], k) for k in ks},
        rows=rows,
        usage=_usage(outcomes),
        pass_after_repair={
            number: _after_repair(outcomes, number)
            for number in (range(manifest.repairs + 1) if manifest.repairs else ())
        },
        checks={
            name: {k: estimate_pass_at_k([(n, c) for _, n, c in counts], k) for k in ks}
            for name, counts in counts_by_check(outcomes).items()
        },
        efficiency=_efficiency(outcomes, ks) if EFFICIENCY in manifest.graders else None,
        security=_security(outcomes, manifest, ks),
        untested=sum(row.untested for row in rows),
        findings=summarise_findings(outcomes.searched(), searches) if SECURITY in manifest.graders else None,
        quality=_quality(problems) if QUALITY in manifest.graders else None,
        repositories=summarise_repositories(manifest, outcomes, ks),
    )


def counts_by_check(outcomes: Outcomes) -> dict[str, list[tuple[str, int, int]]]:
    """For each check its problems, as (task_id, graded answers, those that pass it and the checks before it).

    Empty where no problem has several checks: there is one then, whatever it is called.
    """
    everything = [one for of_task in outcomes.first.values() for one in of_task.values()]
    if not any(len(one.checks) > 1 for one in everything):
        return {}
    return {
        name: [
            (
                task_id,
                sum(one.verdict is not None for one in of_task.values()),
                sum(one.passes(name) for one in of_task.values()),
            )
            for task_id, of_task in outcomes.first.items()
        ]
        for name in dict.fromkeys(name for one in everything for name in one.checks)
    }


def _security(outcomes: Outcomes, manifest: Manifest, ks: Sequence[int]) -> SecuritySummary | None:
    """None where nothing has security tests."""
    of_tasks = outcomes.assessed()
    return summarise_security(of_tasks, manifest.cwe, ks) if of_tasks else None


def _efficiency(outcomes: Outcomes, ks: Sequence[int]) -> EfficiencySummary:
    clocks = dict.fromkeys(one.clock for of_task in outcomes.first.values() for one in of_task.values() if one.clock)
    return summarise_efficiency(outcomes.timed(), ks, tuple(clocks))


def _quality(problems: Iterable[Sequence[Outcome]]) -> QualitySummary:
    return summarise_quality([[one.measured for one in of_task if one.measured is not None] for of_task in problems])


def _usage(outcomes: Outcomes) -> Usage | None:
    made = [one.used for one in outcomes.everything() if one.used is not None]
    if not made:
        return None
    costs = [0.0 if one.cached else one.cost_usd for one in made if one.cost_usd is not None]
    return Usage(
        answers=len(made),
        cached=sum(one.cached for one in made),
        truncated=sum(one.truncated for one in made),
        prompt_tokens=sum(one.prompt_tokens for one in made),
        completion_tokens=sum(one.completion_tokens for one in made),
        cost_usd=sum(costs) if costs else None,
    )


def _after_repair(outcomes: Outcomes, number: int) -> Estimate | None:
    """pass@1 where an answer counts as right if one of its rounds up to `number` is."""
    results = outcomes.passed_after(number)
    counts = [(sum(one is not None for one in of_task), sum(one is True for one in of_task)) for of_task in results]
    return estimate_pass_at_k(counts, 1)


def _row(task_id: str, outcomes: Sequence[Outcome]) -> ProblemRow:
    return ProblemRow(
        task_id=task_id,
        graded=sum(one.verdict is not None for one in outcomes),
        passed=sum(one.verdict is Verdict.PASS for one in outcomes),
        infra_errors=sum(one.failed for one in outcomes),
        untested=sum(one.verdict is None and not one.failed for one in outcomes),
    )

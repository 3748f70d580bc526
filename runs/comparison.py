"""A comparison is what changed from one run to another, or from several to several of the same suites."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from codebench.runs.bootstrap import RESAMPLES
from codebench.runs.comparable import comparability
from codebench.runs.manifest import MANIFEST, read_manifest
from codebench.runs.paired import Difference, paired_difference
from codebench.runs.record import RunError
from codebench.runs.scored import ScoredRun, read_scored
from codebench.runs.significance import fisher, holm
from codebench.runs.summary import ProblemRow

LEVEL = 0.05


class Finding(StrEnum):
    """What a comparison shows about one metric."""

    BETTER = "better"
    WORSE = "worse"
    NOTHING = "no difference shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One metric. `p_adjusted` is Holm's, over the critical metrics of all suites; of others, over all metrics."""

    difference: Difference
    critical: bool
    p_adjusted: float
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A problem of which another share of answers passes: `passed` of `graded` on each side.

    `p_value` is Fisher's exact; `beyond_chance` says that it is below 5 % by Holm over the suite's problems. With one
    answer a problem it never is.
    """

    task_id: str
    base_passed: int
    base_graded: int
    head_passed: int
    head_graded: int
    is_better: bool
    p_value: float
    beyond_chance: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of two runs: what it was made with, and which of its samples have no verdict; `ungraded` names problems."""

    directory: Path
    model: str
    samples: int
    wanted: int
    graded: int
    infra_errors: int
    untested: int
    ungraded: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteComparison:
    """Two runs of one suite. `reasons` say why they are not comparable: empty unless that was to be overlooked.

    `changes` are of the `n_problems` that both have. `only_base` and `only_head` are the problems of one of them.
    """

    suite: str
    base: Side
    head: Side
    n_problems: int
    metrics: tuple[Compared, ...]
    changes: tuple[Change, ...]
    only_base: tuple[str, ...]
    only_head: tuple[str, ...]
    reasons: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`suites` have runs on both sides, `only_base` and `only_head` on one. `n_critical` metrics share the 5 %."""

    suites: tuple[SuiteComparison, ...]
    only_base: tuple[str, ...]
    only_head: tuple[str, ...]
    n_critical: int
    resamples: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """`critical` are names of metrics, empty for pass@k of the least k; `ks` empty for those of the runs."""

    ks: tuple[int, ...] = ()
    critical: tuple[str, ...] = ()
    anyway: bool = False
    resamples: int = RESAMPLES
    seed: int = 0


def compare_runs(base: Path, head: Path, options: CompareOptions) -> Comparison:
    """Compare two runs, or two folders of runs with one for each suite.

    Raises RunError where there is nothing to compare, or, unless `options.anyway`, for runs that are not comparable.
    """
    pairs, only_base, only_head = _pairs(base, head)
    _check(pairs, options)
    suites = tuple(_suite(before, after, options) for before, after in pairs)
    _check_metrics(suites, options.critical)
    return _adjusted(
        Comparison(
            suites=suites,
            only_base=only_base,
            only_head=only_head,
            n_critical=sum(one.critical for suite in suites for one in suite.metrics),
            resamples=options.resamples,
            seed=options.seed,
        )
    )


def runs_in(directory: Path) -> tuple[Path, ...]:
    """The run itself, or the runs in a folder of them. Raises RunError where there is none."""
    if (directory / MANIFEST).exists():
        return (directory,)
    found = tuple(path.parent for path in sorted(directory.glob(f"*/{MANIFEST}")))
    if not found:
        raise RunError(f"no run in {directory}: no {MANIFEST} there or one folder below; name what `eval` made")
    return found


def _by_suite(directory: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in runs_in(directory):
        suite = read_manifest(path).suite.name
        if suite in found:
            both = f"{found[suite].name} and {path.name}"
            raise RunError(f"{directory} has two runs of {suite}, {both}; name the one that is meant")
        found[suite] = path
    return found


def _pairs(base: Path, head: Path) -> tuple[list[tuple[Path, Path]], tuple[str, ...], tuple[str, ...]]:
    """Runs of the same suite; two single runs in any case: it is for `_check` to say that they differ in that."""
    before, after = _by_suite(base), _by_suite(head)
    if [base] == [*before.values()] and [head] == [*after.values()]:
        return [(base, head)], (), ()
    pairs = [(before[suite], after[suite]) for suite in before if suite in after]
    if not pairs:
        raise RunError(f"{base} has runs of {', '.join(before)}, {head} of {', '.join(after)}: no suite in common")
    only_base, only_head = (tuple(one for one in ours if one not in theirs) for ours, theirs in _both(before, after))
    return pairs, only_base, only_head


def _both(before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[tuple[Mapping[str, object], ...]]:
    yield before, after
    yield after, before


def _check(pairs: Sequence[tuple[Path, Path]], options: CompareOptions) -> None:
    """Refuse before a record is read."""
    refused = []
    for before, after in pairs:
        base = read_manifest(before)
        if reasons := comparability(base, read_manifest(after)).reasons:
            refused.append(f"{base.suite.name}: {'; '.join(reasons)}")
    if refused and not options.anyway:
        raise RunError(f"not comparable: {' | '.join(refused)}; --anyway compares all the same, and says so")


def _check_metrics(suites: Sequence[SuiteComparison], critical: Sequence[str]) -> None:
    known = dict.fromkeys(one.difference.metric for suite in suites for one in suite.metrics)
    if not known:
        raise RunError("no metric on both sides: too few samples are graded; see codebench report, and --k")
    for name in critical:
        if name not in known:
            raise RunError(f"--critical {name}: no such metric on both sides; there are {', '.join(known) or 'none'}")


def _suite(before: Path, after: Path, options: CompareOptions) -> SuiteComparison:
    base, head = read_scored(before, options.ks), read_scored(after, options.ks)
    found = comparability(base.run.manifest, head.run.manifest)
    ours, theirs = ({row.task_id: row for row in one.run.summary.rows} for one in (base, head))
    common = [task_id for task_id in ours if task_id in theirs]
    if not common:
        raise RunError(f"{before} and {after} have no problem in common")
    return SuiteComparison(
        suite=base.run.manifest.suite.name,
        base=_side(base),
        head=_side(head),
        n_problems=len(common),
        metrics=tuple(_metrics(base, head, options)),
        changes=_changes([(ours[task_id], theirs[task_id]) for task_id in common]),
        only_base=tuple(task_id for task_id in ours if task_id not in theirs),
        only_head=tuple(task_id for task_id in theirs if task_id not in ours),
        reasons=found.reasons,
        notes=(*found.notes, *_one_sided(base, head)),
    )


def _metrics(base: ScoredRun, head: ScoredRun, options: CompareOptions) -> Iterator[Compared]:
    """Every metric that both have, once. Adjusted P and finding are for `_adjusted` to fill in."""
    theirs = {metric.name: metric for metric in head.metrics}
    critical = options.critical or _first_pass(base)
    for metric in base.metrics:
        if metric.name not in theirs or (metric.same_as is not None and metric.name not in critical):
            continue
        difference = paired_difference(metric, theirs[metric.name], resamples=options.resamples, seed=options.seed)
        if difference is not None:
            yield Compared(
                difference=difference,
                critical=metric.name in critical,
                p_adjusted=difference.p_value,
                finding=Finding.NOTHING,
            )


def _first_pass(scored: ScoredRun) -> tuple[str, ...]:
    return tuple(metric.name for metric in scored.metrics if metric.name.startswith("pass@"))[:1]


def _one_sided(base: ScoredRun, head: ScoredRun) -> Iterator[str]:
    ours, theirs = ([metric.name for metric in one.metrics] for one in (base, head))
    if missing := [name for name in ours if name not in theirs]:
        yield f"only the base has {', '.join(missing)}"
    if missing := [name for name in theirs if name not in ours]:
        yield f"only the head has {', '.join(missing)}"


def _adjusted(comparison: Comparison) -> Comparison:
    everything = {(suite.suite, one.difference.metric): one for suite in comparison.suites for one in suite.metrics}
    over_all = holm({key: one.difference.p_value for key, one in everything.items()})
    over_critical = holm({key: one.difference.p_value for key, one in everything.items() if one.critical})
    adjusted = {key: _found(one, {**over_all, **over_critical}[key]) for key, one in everything.items()}
    suites = tuple(
        replace(suite, metrics=tuple(adjusted[suite.suite, one.difference.metric] for one in suite.metrics))
        for suite in comparison.suites
    )
    return replace(comparison, suites=suites)


def _found(one: Compared, p_adjusted: float) -> Compared:
    finding = Finding.NOTHING
    if p_adjusted < LEVEL:
        finding = Finding.BETTER if (one.difference.value > 0) == one.difference.higher_is_better else Finding.WORSE
    return replace(one, p_adjusted=p_adjusted, finding=finding)


def _changes(rows: Sequence[tuple[ProblemRow, ProblemRow]]) -> tuple[Change, ...]:
    """The problems with another pass rate, in the suite's order; those without a grade on either side are none."""
    graded = [(before, after) for before, after in rows if before.graded and after.graded]
    p_values = {
        before.task_id: fisher(before.passed, before.graded - before.passed, after.passed, after.graded - after.passed)
        for before, after in graded
    }
    adjusted = holm(p_values)
    changes = (
        Change(
            task_id=before.task_id,
            base_passed=before.passed,
            base_graded=before.graded,
            head_passed=after.passed,
            head_graded=after.graded,
            is_better=after.passed * before.graded > before.passed * after.graded,
            p_value=p_values[before.task_id],
            beyond_chance=adjusted[before.task_id] < LEVEL,
        )
        for before, after in graded
        if before.passed * after.graded != after.passed * before.graded
    )
    return tuple(changes)


def _side(scored: ScoredRun) -> Side:
    manifest, summary = scored.run.manifest, scored.run.summary
    return Side(
        directory=scored.run.directory,
        model=manifest.generator.spec,
        samples=manifest.samples,
        wanted=summary.wanted,
        graded=summary.graded,
        infra_errors=summary.infra_errors,
        untested=summary.untested,
        ungraded=tuple(row.task_id for row in summary.rows if row.graded + row.untested < manifest.samples),
    )

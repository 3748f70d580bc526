"""A scored run: each metric of a run with its value for every problem, which is what runs are compared by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from codebench.runs.findings import flagged_counts, with_tools
from codebench.runs.manifest import read_manifest
from codebench.runs.metrics import Estimate, eff_at_k, estimate_eff_at_k, estimate_pass_at_k, pass_at_k
from codebench.runs.outcomes import Outcomes, outcomes_of
from codebench.runs.pipeline import Run
from codebench.runs.record import RunError
from codebench.runs.records import read_records
from codebench.runs.searches import ToolSearch, read_searches
from codebench.runs.secure import estimate_secure_at_k, vulnerable_counts
from codebench.runs.summary import Summary, counts_by_check, summarise_outcomes

Counts = Mapping[str, tuple[int, int]]
"""By task_id: how many answers count, and how many of them are a success."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric of a run: `estimate` is the mean of `values`, which are those of the problems that take part.

    `name` is what gates and tables call it: `pass@1`, `base:pass@1` (of the checks up to one), `eff@10`, `secure@1`,
    `secure-and-correct@1`, `vulnerable@1`, `flagged` (share of answers with a finding), `valid` (share that is
    statically valid). Every value lies in [0, 1]. `same_as` names another metric with the same values: those of the
    checks up to the last are those of all.
    """

    name: str
    estimate: Estimate
    values: Mapping[str, float]
    higher_is_better: bool = True
    same_as: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRun:
    """A run with its metrics, those that are defined for at least one problem."""

    run: Run
    metrics: tuple[Metric, ...]

    def metric(self, name: str) -> Metric:
        """Raises RunError where the run has no such metric, naming those that it has."""
        for metric in self.metrics:
            if metric.name == name:
                return metric
        known = ", ".join(metric.name for metric in self.metrics) or "none"
        raise RunError(f"no {name} in {self.run.directory}: it has {known}; see --k and --grade")


def read_scored(directory: Path, ks: Sequence[int] = ()) -> ScoredRun:
    """Recompute a run's numbers from its files; empty `ks` means those that the run was made with.

    Raises RunError where there is no run, or a line in the middle of its records cannot be read.
    """
    manifest = read_manifest(directory)
    searches = read_searches(directory)
    outcomes = outcomes_of(manifest, read_records(directory))
    summary = summarise_outcomes(manifest, outcomes, ks, searches)
    run = Run(directory=directory, manifest=manifest, summary=summary)
    return ScoredRun(run=run, metrics=tuple(_metrics(summary, outcomes, searches)))


def _metrics(summary: Summary, outcomes: Outcomes, searches: Sequence[ToolSearch]) -> Iterator[Metric]:
    """In the order in which reports show them."""
    ks = tuple(summary.pass_at_k)
    of_all = {row.task_id: (row.graded, row.passed) for row in summary.rows}
    yield from _at_k("pass", of_all, ks)
    if summary.efficiency is None:  # else checks are levels of size, and decide about time only
        for name, rows in counts_by_check(outcomes).items():
            counts = {task_id: (n, c) for task_id, n, c in rows}
            for metric in _at_k(f"{name}:pass", counts, ks):
                yield replace(metric, same_as=metric.name.removeprefix(f"{name}:")) if counts == of_all else metric
    else:
        yield from _eff(outcomes, ks)
    if summary.security is not None:
        yield from _secure(outcomes, ks)
    if summary.findings is not None:
        found = {task_id: flagged_counts(of) for task_id, of in with_tools(outcomes.searched(), searches).items()}
        yield from _share("flagged", found, higher_is_better=False)
    if summary.quality is not None:
        yield from _share("valid", _valid(outcomes))


def _at_k(name: str, counts: Counts, ks: Iterable[int], *, higher_is_better: bool = True) -> Iterator[Metric]:
    for k in ks:
        estimate = estimate_pass_at_k(tuple(counts.values()), k)
        if estimate is not None:
            values = {task_id: pass_at_k(n, c, k) for task_id, (n, c) in counts.items() if n >= k}
            yield Metric(name=f"{name}@{k}", estimate=estimate, values=values, higher_is_better=higher_is_better)


def _share(name: str, counts: Counts, *, higher_is_better: bool = True) -> Iterator[Metric]:
    """The mean over problems of each one's share of successes."""
    counts = {task_id: (n, c) for task_id, (n, c) in counts.items() if n}
    estimate = estimate_pass_at_k(tuple(counts.values()), 1)
    if estimate is not None:
        values = {task_id: c / n for task_id, (n, c) in counts.items()}
        yield Metric(name=name, estimate=estimate, values=values, higher_is_better=higher_is_better)


def _eff(outcomes: Outcomes, ks: Iterable[int]) -> Iterator[Metric]:
    scores = {task_id: [one.value for one in of_task] for task_id, of_task in outcomes.timed().items()}
    for k in ks:
        estimate = estimate_eff_at_k(tuple(scores.values()), k)
        if estimate is not None:
            values = {task_id: eff_at_k(of_task, k) for task_id, of_task in scores.items() if len(of_task) >= k}
            yield Metric(name=f"eff@{k}", estimate=estimate, values=values)


def _secure(outcomes: Outcomes, ks: Sequence[int]) -> Iterator[Metric]:
    problems = {task_id: tuple(of_task.values()) for task_id, of_task in outcomes.assessed().items()}
    vulnerable = {task_id: vulnerable_counts(of_task) for task_id, of_task in problems.items()}
    for k in ks:
        estimate = estimate_secure_at_k(tuple(problems.values()), k)
        if estimate is not None:
            values = {task_id: 1 - pass_at_k(n, v, k) for task_id, (n, v) in vulnerable.items() if n >= k}
            yield Metric(name=f"secure@{k}", estimate=estimate, values=values)
    both = {task_id: (len(of), sum(one.right and one.secure for one in of)) for task_id, of in problems.items()}
    yield from _at_k("secure-and-correct", both, ks)
    yield from _at_k("vulnerable", vulnerable, ks, higher_is_better=False)


def _valid(outcomes: Outcomes) -> Counts:
    measured = {
        task_id: [one.measured for one in of_task.values() if one.measured is not None and one.measured.measured]
        for task_id, of_task in outcomes.first.items()
    }
    return {task_id: (len(of_task), sum(one.valid for one in of_task)) for task_id, of_task in measured.items()}

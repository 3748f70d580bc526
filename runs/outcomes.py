"""Outcomes are what is kept of the records of a run once they have been read: all that its numbers need."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from codebench.generators import Generation
from codebench.graders import Assessment, CheckResult, Grade, Verdict
from codebench.runs.efficiency import Timed, timed
from codebench.runs.findings import Searched, searched
from codebench.runs.manifest import Manifest
from codebench.runs.quality import Measured, measured
from codebench.runs.record import Record, RunError
from codebench.runs.secure import Assessed

DECIDING_GRADER = "correctness"
EFFICIENCY = "efficiency"
QUALITY = "quality"

Key = TypeVar("Key", int, tuple[int, int])


@dataclass(frozen=True, slots=True)
class Used:
    """What a model took for an answer; `truncated` says that it was cut short at the limit of tokens."""

    cached: bool
    truncated: bool
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is kept of a record: its verdict, and each check up to which it passed.

    The verdict is None for an infrastructure error, which `failed` says, and for a problem that has no tests.
    """

    verdict: Verdict | None
    failed: bool = False
    checks: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    used: Used | None = None
    timed: Timed | None = None
    clock: str = ""
    assessment: Assessment | None = None
    searched: Searched | None = None
    measured: Measured | None = None

    def passes(self, check: str) -> bool:
        """Did it pass this check and those before? All of its own decide where it has no check of that name."""
        return check in self.passed if check in self.checks else self.verdict is Verdict.PASS


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """`first` has the first answers to each problem by sample, `repaired` those of later rounds by (sample, round)."""

    first: Mapping[str, Mapping[int, Outcome]]
    repaired: Mapping[str, Mapping[tuple[int, int], Outcome]]

    def everything(self) -> Iterator[Outcome]:
        for first in self.first.values():
            yield from first.values()
        for repaired in self.repaired.values():
            yield from repaired.values()

    def of_problems(self) -> tuple[Sequence[Outcome], ...]:
        """The first answers to each problem, problems without any included."""
        return tuple(tuple(of_task.values()) for of_task in self.first.values())

    def passed_after(self, number: int) -> tuple[list[bool | None], ...]:
        """For each problem and sample: did one of its rounds up to `number` pass? None where that is not known."""
        return tuple(
            [self._passed_after(task_id, sample, number) for sample in of_task]
            for task_id, of_task in self.first.items()
        )

    def _passed_after(self, task_id: str, sample: int, number: int) -> bool | None:
        for one in range(number + 1):
            outcome = self.repaired[task_id].get((sample, one)) if one else self.first[task_id].get(sample)
            if outcome is None or outcome.verdict is None:
                return None
            if outcome.verdict is Verdict.PASS:
                return True
        return False

    def timed(self) -> dict[str, list[Timed]]:
        """The timed answers to each problem that has a workload, wrong ones included."""
        found = {task: [one.timed for one in of_task.values() if one.timed] for task, of_task in self.first.items()}
        return {task_id: of_task for task_id, of_task in found.items() if of_task}

    def assessed(self) -> dict[str, dict[int, Assessed]]:
        """The graded answers, by sample, to each problem that has security tests."""
        found = {
            task_id: {
                sample: Assessed(one.verdict is Verdict.PASS, one.assessment)
                for sample, one in of_task.items()
                if one.verdict is not None and one.assessment is not None
            }
            for task_id, of_task in self.first.items()
        }
        return {task_id: of_task for task_id, of_task in found.items() if of_task}

    def searched(self) -> dict[str, dict[int, Searched]]:
        """What was seen in the answers to each problem that were searched for weaknesses, by sample."""
        return {
            task_id: {sample: one.searched for sample, one in of_task.items() if one.searched is not None}
            for task_id, of_task in self.first.items()
        }


def outcomes_of(manifest: Manifest, records: Iterable[Record]) -> Outcomes:
    """Read all records of a run and keep one outcome for each answer, equal ones once; no record is held.

    Where one answer has several records, the last one that has grades counts: a resume retries errors. Raises RunError
    for a record that the manifest does not allow.
    """
    first: dict[str, dict[int, Outcome]] = {task_id: {} for task_id in manifest.task_ids}
    repaired: dict[str, dict[tuple[int, int], Outcome]] = {task_id: {} for task_id in manifest.task_ids}
    timing = is_timed(manifest)
    same: dict[Outcome, Outcome] = {}
    for record in records:
        task_id, sample, number = record.task_id, record.sample, record.round
        if task_id not in first or not (0 <= sample < manifest.samples and 0 <= number <= manifest.repairs):
            raise not_listed(task_id, sample)
        outcome = outcome_of(record, timing=timing(task_id))
        if outcome.timed is None and outcome.measured is None:
            outcome = same.setdefault(outcome, outcome)
        if number:
            _keep(repaired[task_id], (sample, number), outcome)
        else:
            _keep(first[task_id], sample, outcome)
    return Outcomes(first=first, repaired=repaired)


def not_listed(task_id: str, sample: int) -> RunError:
    """The error for a record that the manifest does not allow."""
    return RunError(
        f"the records hold sample {sample} of {task_id}, which run.json does not list; "
        "records of another run were added to this one: take them out"
    )


def is_timed(manifest: Manifest) -> Callable[[str], bool]:
    """Are right answers to this problem timed? Only then is a wrong one worth 0 beside them."""
    if EFFICIENCY not in manifest.graders:
        return lambda _: False
    untimed = frozenset(manifest.untimed)
    return lambda task_id: task_id not in untimed


def outcome_of(record: Record, *, timing: bool) -> Outcome:
    """What is kept of one record; `timing` says that right answers to its problem are timed."""
    grade = deciding_grade(record)
    if grade is None:
        return Outcome(
            None,
            failed=record.error is not None,
            used=_used(record.generation),
            searched=searched(record.grades),
        )
    times = next((one for one in record.grades if one.grader == EFFICIENCY), None)
    quality = next((one for one in record.grades if one.grader == QUALITY), None)
    passed = itertools.takewhile(lambda check: check.verdict is Verdict.PASS, grade.checks)
    return Outcome(
        grade.verdict,
        checks=_names(grade.checks),
        passed=_names(passed),
        used=_used(record.generation),
        timed=timed(grade.verdict, times) if timing else None,
        clock=times.efficiency.clock if times is not None and times.efficiency is not None else "",
        assessment=next((one.assessment for one in record.grades if one.assessment is not None), None),
        searched=searched(record.grades),
        measured=measured(grade, quality) if quality is not None else None,
    )


def deciding_grade(record: Record) -> Grade | None:
    """The grade that decides whether the answer is right; None for an infrastructure error, or where nothing does."""
    return next((grade for grade in record.grades if grade.grader == DECIDING_GRADER), None)


def verdict_of(record: Record) -> Verdict | None:
    """What that grade says."""
    grade = deciding_grade(record)
    return None if grade is None else grade.verdict


def _keep(of_task: dict[Key, Outcome], key: Key, outcome: Outcome) -> None:
    if not outcome.failed or key not in of_task:
        of_task[key] = outcome


def _used(generation: Generation | None) -> Used | None:
    """None where no model was asked."""
    if generation is None or not generation.prompt:
        return None
    return Used(
        generation.cached,
        generation.finish_reason == "length",
        generation.prompt_tokens or 0,
        generation.completion_tokens or 0,
        generation.cost_usd,
    )


def _names(checks: Iterable[CheckResult]) -> tuple[str, ...]:
    return tuple(sys.intern(check.name) for check in checks)

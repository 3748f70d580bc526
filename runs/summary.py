"""A summary is what a run's records amount to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from codebench.graders import Verdict
from codebench.runs.manifest import Manifest
from codebench.runs.metrics import Estimate, estimate_pass_at_k
from codebench.runs.record import Record, RunError

DECIDING_GRADER = "correctness"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemRow:
    """One problem: how many samples were graded, how many of those passed, how many ended in an infra error."""

    task_id: str
    graded: int
    passed: int
    infra_errors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Counts are of samples, over all problems: `wanted` were asked for, `graded` have a verdict.

    The rest of `wanted` failed as `infra_errors` (the machine's fault, never counted as wrong) or were not run yet.
    `pass_at_k` has one entry per k asked for, None where no problem has k graded samples.
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


def summarise(manifest: Manifest, records: Iterable[Record], ks: Sequence[int] = ()) -> Summary:
    """Count the records of a run; `ks` empty means those of the manifest.

    Where one (task, sample) has several records, the last one that has grades counts: a resume retries errors.
    Holds one verdict per sample and no record. Raises RunError for a record that the manifest does not allow.
    """
    outcomes = _outcomes(manifest, records)
    rows = tuple(_row(task_id, tuple(of_task.values())) for task_id, of_task in outcomes.items())
    verdicts = Counter(verdict for of_task in outcomes.values() for verdict in of_task.values() if verdict)
    counts = [(row.graded, row.passed) for row in rows]
    return Summary(
        suite=manifest.suite.name,
        problems=len(manifest.task_ids),
        samples_per_problem=manifest.samples,
        wanted=len(manifest.task_ids) * manifest.samples,
        graded=sum(row.graded for row in rows),
        infra_errors=sum(row.infra_errors for row in rows),
        verdicts={verdict: verdicts[verdict] for verdict in Verdict},
        pass_at_k={k: estimate_pass_at_k(counts, k) for k in ks or manifest.ks},
        rows=rows,
    )


def verdict_of(record: Record) -> Verdict | None:
    """What decides whether the answer is right; None for an infrastructure error."""
    return next((grade.verdict for grade in record.grades if grade.grader == DECIDING_GRADER), None)


def _outcomes(manifest: Manifest, records: Iterable[Record]) -> dict[str, dict[int, Verdict | None]]:
    outcomes: dict[str, dict[int, Verdict | None]] = {task_id: {} for task_id in manifest.task_ids}
    for record in records:
        of_task = outcomes.get(record.task_id)
        if of_task is None or not 0 <= record.sample < manifest.samples:
            raise RunError(
                f"the records hold sample {record.sample} of {record.task_id}, which run.json does not list; "
                "records of another run were added to this one: take them out"
            )
        verdict = verdict_of(record)
        if verdict is not None or record.sample not in of_task:
            of_task[record.sample] = verdict
    return outcomes


def _row(task_id: str, verdicts: Sequence[Verdict | None]) -> ProblemRow:
    return ProblemRow(
        task_id=task_id,
        graded=sum(verdict is not None for verdict in verdicts),
        passed=sum(verdict is Verdict.PASS for verdict in verdicts),
        infra_errors=sum(verdict is None for verdict in verdicts),
    )

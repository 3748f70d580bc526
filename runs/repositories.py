"""How a run fared by repository, and, under ML-Bench's rules, in the numbers that its own harness prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from codebench.graders import Verdict
from codebench.problems.upstream_rules import HARNESS
from codebench.runs.manifest import Manifest
from codebench.runs.metrics import Estimate, estimate_pass_at_k
from codebench.runs.outcomes import Outcome, Outcomes

if TYPE_CHECKING:
    from rich.table import Table

_UPSTREAM_SAMPLES = 5  # rows with another number of answers are left out there
_UPSTREAM_KS = (1, 2, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryRow:
    """One repository: its problems, graded samples and those that passed, and pass@k, None for too few samples."""

    repository: str
    problems: int
    graded: int
    passed: int
    pass_at_k: dict[int, Estimate | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """What upstream prints: pass@k is the share of rows of which any of the first k answers is right.

    `rows` of five answers count, `left_out` are those of another number. `repositories` has the numbers of each, by
    name; upstream prints them under the numbers 1, 2, … in the order in which they come, whichever they are.
    """

    rows: int
    left_out: int
    pass_at_k: dict[int, float | None]
    repositories: dict[str, dict[int, float | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositorySummary:
    """`printed` is there where a run was judged by ML-Bench's rules."""

    rows: tuple[RepositoryRow, ...]
    printed: Printed | None = None


def summarise_repositories(manifest: Manifest, outcomes: Outcomes, ks: Sequence[int]) -> RepositorySummary | None:
    """None where no task uses a repository."""
    if not manifest.repositories:
        return None
    names = dict.fromkeys(manifest.repositories.values())
    of_names = {
        name: {task: of for task, of in outcomes.first.items() if manifest.repositories.get(task) == name}
        for name in names
    }
    return RepositorySummary(
        rows=tuple(_row(name, list(of_tasks.values()), ks) for name, of_tasks in of_names.items()),
        printed=_printed(outcomes.first, of_names) if manifest.compat == HARNESS else None,
    )


def _row(name: str, tasks: Sequence[Mapping[int, Outcome]], ks: Sequence[int]) -> RepositoryRow:
    counts = [
        (sum(one.verdict is not None for one in task.values()), sum(_is_right(one) for one in task.values()))
        for task in tasks
    ]
    return RepositoryRow(
        repository=name,
        problems=len(tasks),
        graded=sum(graded for graded, _ in counts),
        passed=sum(passed for _, passed in counts),
        pass_at_k={k: estimate_pass_at_k(counts, k) for k in ks},
    )


def _printed(
    everything: Mapping[str, Mapping[int, Outcome]], of_names: Mapping[str, Mapping[str, Mapping[int, Outcome]]]
) -> Printed:
    kept = [task for task in everything.values() if len(task) == _UPSTREAM_SAMPLES]
    return Printed(
        rows=len(kept),
        left_out=len(everything) - len(kept),
        pass_at_k=_any_of_first(kept),
        repositories={
            name: _any_of_first([task for task in tasks.values() if len(task) == _UPSTREAM_SAMPLES])
            for name, tasks in of_names.items()
        },
    )


def _any_of_first(tasks: Sequence[Mapping[int, Outcome]]) -> dict[int, float | None]:
    """The share of tasks of which one of the first k answers is right; not the unbiased estimator."""
    return {
        k: sum(any(_is_right(task[place]) for place in sorted(task)[:k]) for task in tasks) / len(tasks)
        if tasks
        else None
        for k in _UPSTREAM_KS
    }


def _is_right(outcome: Outcome) -> bool:
    return outcome.verdict is Verdict.PASS


def repository_tables(summary: RepositorySummary) -> list[Table]:
    """The table with a line for each repository, and before it, where wanted, the numbers as upstream prints them."""
    return [*([_printed_table(summary.printed)] if summary.printed is not None else []), _table(summary)]


def _table(summary: RepositorySummary) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title="By repository", title_justify="left", min_width=60)
    table.add_column("repository", style="cyan", overflow="fold")
    ks = list(summary.rows[0].pass_at_k) if summary.rows else []
    for name in ("problems", "samples", "passed", *(f"pass@{k}" for k in ks)):
        table.add_column(name, justify="right")
    for row in summary.rows:
        counts = [f"{count:,}" for count in (row.problems, row.graded, row.passed)]
        table.add_row(Text(row.repository), *counts, *(_value(row.pass_at_k[k]) for k in ks))
    return table


def _printed_table(printed: Printed) -> Table:
    from rich.table import Table
    from rich.text import Text

    title = f"As ML-Bench prints it ({printed.rows:,} rows of {_UPSTREAM_SAMPLES} answers)"
    table = Table(title=title, title_justify="left", min_width=60)
    table.add_column("printed as", style="cyan")
    table.add_column("repository", overflow="fold")
    for k in _UPSTREAM_KS:
        table.add_column(f"pass@{k}", justify="right")
    table.add_row("all", "", *map(_share, printed.pass_at_k.values()))
    for number, (name, at_k) in enumerate(printed.repositories.items(), start=1):
        table.add_row(str(number), Text(name), *map(_share, at_k.values()))
    return table


def _value(estimate: Estimate | None) -> str:
    return "unknown" if estimate is None else f"{estimate.value:.3f}"


def _share(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.4f}"

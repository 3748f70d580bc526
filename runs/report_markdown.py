"""The report as Markdown, for pull requests and job summaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from codebench.runs.markdown import code, table, text
from codebench.runs.metrics import Estimate
from codebench.runs.pipeline import Run
from codebench.runs.report import facts, overview_table, remarks, report_tables, scores

if TYPE_CHECKING:
    from rich.table import Table


def report_markdown(runs: Sequence[Run]) -> str:
    """One section for each run, after an overview where there are several.

    The scores are in the open, all other tables folded away. Text of models and packs is shown and never obeyed.
    """
    sections = [_section(run) for run in runs]
    if len(runs) > 1:
        sections.insert(0, f"## All runs\n\n{of_rich(overview_table(runs))}")
    return "\n\n".join(sections)


def _section(run: Run) -> str:
    title = f"## {text(run.manifest.suite.name)} · {code(run.manifest.generator.spec)}"
    rows = [_score_row(name, estimate) for name, estimate in scores(run.summary)]
    found = table(("metric", "value", "95 % interval", "problems"), rows, right=(1, 2, 3))
    notes = [f"> {text(line, longest=500)}" for line in remarks(run.summary)]
    about = table(("", ""), [(text(name), text(value, longest=500)) for name, value in facts(run)])
    more = [folded(str(one.title), of_rich(one)) for one in report_tables(run)[1:]]
    return "\n\n".join([title, found, *notes, folded("About this run", about), *more])


def _score_row(name: str, estimate: Estimate | None) -> tuple[str, str, str, str]:
    if estimate is None:
        return text(name), "unknown", "too few samples graded", ""
    interval = f"{estimate.low:.3f} – {estimate.high:.3f}"  # noqa: RUF001 - a range
    return text(name), f"**{estimate.value:.3f}**", interval, f"{estimate.n_problems:,}"


def folded(title: str, body: str) -> str:
    """Markdown that is shown once somebody opens it."""
    return f"<details><summary>{text(title)}</summary>\n\n{body}\n\n</details>"


def of_rich(found: Table) -> str:
    """A table that was made for the terminal."""
    columns = found.columns
    rows = zip(*([text(str(cell), longest=500) for cell in column.cells] for column in columns), strict=True)
    right = [place for place, column in enumerate(columns) if column.justify == "right"]
    return table([text(str(column.header)) for column in columns], list(rows), right=right)

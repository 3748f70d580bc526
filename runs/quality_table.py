"""The report's table of quality; the JSON report has every measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codebench.runs.quality import Mean, QualitySummary

if TYPE_CHECKING:
    from rich.table import Table

_SHOWN = (
    "source lines",
    "comment share",
    "docstring share",
    "prompt share",
    "cyclomatic, max",
    "cognitive, max",
    "Halstead volume",
    "maintainability",
    "API calls",
    "lint findings",
)
_RULES = 6


def quality_table(quality: QualitySummary) -> Table:
    """Means and differences to the reference, each with its 95 % interval; fits 80 columns."""
    from rich.table import Table

    table = Table(
        title="Quality of the text: means, and differences to the reference", title_justify="left", min_width=60
    )
    table.add_column("measure", style="cyan", no_wrap=True)
    for name in ("mean", "95 % interval", "to reference", "95 % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in quality.metrics:
        if row.metric in _SHOWN:
            table.add_row(row.metric, *_cells(row.mean), *_cells(row.difference, signed=True))
    return table


def quality_facts(quality: QualitySummary) -> list[tuple[str, str]]:
    """What the table of the whole run says of quality."""
    facts = []
    if quality.valid is not None:
        valid = f"{quality.valid.value:.3f} ({quality.valid.low:.3f} – {quality.valid.high:.3f})"  # noqa: RUF001 - a range
        facts.append(("static validity", f"{valid}, {quality.parses:,} of {quality.measured:,} compile"))
    if quality.failed:
        facts.append(("not measured", f"{quality.failed:,}, the analysers failed"))
    if quality.lint:
        shown = [f"{row.rule} {row.findings:,}" for row in quality.lint[:_RULES]]
        rest = len(quality.lint) - len(shown)
        facts.append(("lint", " · ".join(shown) + (f" · {rest} more rules" if rest else "")))
    return facts


def bug_table(quality: QualitySummary) -> Table:
    """Wrong answers by category."""
    from rich.table import Table

    table = Table(title="Wrong answers by kind of bug", title_justify="left", min_width=60)
    table.add_column("bug", style="cyan", no_wrap=True)
    table.add_column("")
    table.add_column("answers", justify="right", no_wrap=True)
    for bug, count in quality.bugs.items():
        table.add_row(bug, bug.meaning, f"{count:,}")
    if quality.undecided:
        table.add_row("–", "no code, or nothing is known of it", f"{quality.undecided:,}")  # noqa: RUF001 - a dash
    return table


def _cells(mean: Mean | None, signed: bool = False) -> tuple[str, str]:
    if mean is None:
        return "–", ""  # noqa: RUF001 - a dash
    if mean.low is None or mean.high is None:
        return _figure(mean.value, signed), "one problem"
    low, high = (_figure(end, signed) for end in (mean.low, mean.high))
    return _figure(mean.value, signed), f"{low} … {high}"


def _figure(value: float, signed: bool) -> str:
    digits = 3 if abs(value) < 1 else 2 if abs(value) < 100 else 0
    return f"{value:{'+' if signed else ''},.{digits}f}"

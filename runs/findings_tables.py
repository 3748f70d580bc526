"""How findings are shown to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codebench.runs.findings import FindingsSummary, RuleRow, ToolRow
from codebench.runs.searches import SearchState

if TYPE_CHECKING:
    from rich.table import Table

_MOST_RULES = 15
_MOST_REASONS = 2


def findings_facts(findings: FindingsSummary) -> list[tuple[str, str]]:
    """Rows for the report: what was searched, what was not and why, how grave it is, and how other tools fared."""
    facts = [("searched", _searched(findings))]
    if findings.findings or findings.in_scaffold:
        facts.append(("findings", _counts(findings)))
    return facts + [(row.tool, _tool(row)) for row in findings.tools]


def findings_table(findings: FindingsSummary) -> Table:
    """One line for each rule, those with findings in most answers first; fits 80 columns."""
    from rich.table import Table

    left_out = len(findings.rules) - _MOST_RULES
    title = "Findings by rule" + (f" · {left_out} rules left out" if left_out > 0 else "")
    table = Table(title=title, title_justify="left", min_width=60)
    table.add_column("rule", style="cyan", overflow="ellipsis", no_wrap=True, max_width=14)
    table.add_column("", overflow="ellipsis", no_wrap=True, max_width=24)
    table.add_column("CWE", justify="right")
    table.add_column("severity")
    table.add_column("answers", justify="right")
    table.add_column("in prompts", justify="right")
    for row in findings.rules[:_MOST_RULES]:
        table.add_row(*_cells(row))
    return table


def _cells(row: RuleRow) -> tuple[str, ...]:
    cwe = str(row.cwe) if row.cwe is not None else "–"  # noqa: RUF001 - a dash for nothing
    name = row.name.replace("_", " ")
    return row.rule, name, cwe, row.severity, f"{row.answers:,}", f"{row.in_scaffold:,}"


def _searched(findings: FindingsSummary) -> str:
    text = f"{findings.searched:,} of {findings.searched + findings.not_searched:,} answers"
    reasons = list(findings.reasons.items())
    shown = [f"{count:,} {reason}" for reason, count in reasons[:_MOST_REASONS]]
    rest = sum(count for _, count in reasons[_MOST_REASONS:])
    return " · ".join([text, *shown, *([f"{rest:,} for other reasons"] if rest else [])])


def _counts(findings: FindingsSummary) -> str:
    severities = " · ".join(f"{severity} {count:,}" for severity, count in findings.severities.items())
    scaffold = f" · {findings.in_scaffold:,} more in the prompts' lines" if findings.in_scaffold else ""
    return f"{severities or 'none'}{scaffold}"


def _tool(row: ToolRow) -> str:
    if row.state is not SearchState.DONE:
        return f"{row.state}{f': {row.detail}' if row.detail else ''}"
    share = f"{row.flagged.value:.3f} of" if row.flagged is not None else "none of"
    elsewhere = f" · {row.elsewhere:,} results in no answer" if row.elsewhere else ""
    return f"{row.version}: findings in {share} {row.searched:,} answers{elsewhere}"

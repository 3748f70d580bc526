"""The report's part on security: its scores, a table with a line for each weakness, and SALLM's own numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codebench.runs.metrics import Estimate
from codebench.runs.secure import SecuritySummary

if TYPE_CHECKING:
    from rich.table import Table


def security_scores(security: SecuritySummary) -> list[tuple[str, Estimate | None]]:
    """The names and values of all estimates, kind by kind."""
    kinds = {
        "secure": security.secure_at_k,
        "vulnerable": security.vulnerable_at_k,
        "secure-and-correct": security.secure_and_correct_at_k,
    }
    return [(f"{kind}@{k}", estimate) for kind, at_k in kinds.items() for k, estimate in at_k.items()]


def security_fact(security: SecuritySummary) -> tuple[str, str]:
    """How many answers are shown to be what."""
    counts = f"secure {security.secure:,} · vulnerable {security.vulnerable:,} · not assessed {security.not_assessed:,}"
    return "security", counts


def security_remarks(security: SecuritySummary) -> list[str]:
    """What an estimate is not of: problems with too few answers that were assessed."""
    return [
        f"secure@{k} and vulnerable@{k} leave out {estimate.left_out:,} of {security.problems:,} problems "
        "with too few assessed samples."
        for k, estimate in security.vulnerable_at_k.items()
        if estimate is not None and estimate.left_out
    ]


def security_tables(security: SecuritySummary, as_published: bool) -> list[Table]:
    """The table by CWE, and before it, where wanted, the numbers as SALLM's table has them."""
    return [*([_published(security)] if as_published else []), _by_cwe(security)]


def _published(security: SecuritySummary) -> Table:
    from rich.table import Table

    table = Table(title="By SALLM's definitions, in %", title_justify="left", min_width=60)
    table.add_column("k", style="cyan")
    for name in ("Pass@k", "Vul@k", "New_Security@k"):
        table.add_column(name, justify="right")
    for k, one in security.as_published.items():
        table.add_row(str(k), *map(_percent, (one.pass_at_k, one.vul_at_k, one.new_security_at_k)))
    return table


def _by_cwe(security: SecuritySummary) -> Table:
    from rich.table import Table

    table = Table(title="Samples by weakness", title_justify="left", min_width=60)
    table.add_column("CWE", style="cyan")
    for name in ("problems", "samples", "pass", "secure", "both", "vulnerable", "not assessed"):
        table.add_column(name, justify="right")
    for row in security.rows:
        counts = row.problems, row.samples, row.passed, row.secure, row.both, row.vulnerable, row.not_assessed
        table.add_row("none named" if row.cwe is None else str(row.cwe), *(f"{count:,}" for count in counts))
    return table


def _percent(value: float | None) -> str:
    return "undefined" if value is None else f"{value * 100:.2f}"

"""What became of a gate: a table for people, Markdown for pull requests, a plain dict for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from codebench.runs.decisions import Decision
from codebench.runs.gating import GateRow, Judgement
from codebench.runs.markdown import code, table, text
from codebench.runs.metrics import Estimate
from codebench.runs.paired import Difference
from codebench.runs.policy import Kind

if TYPE_CHECKING:
    from rich.console import Console

EXIT_CODES = {Decision.PASS: 0, Decision.FAIL: 1, Decision.INCONCLUSIVE: 2, Decision.INVALID: 3}
LISTED = 100
"""Regressed problems that Markdown lists."""
_WORDS = {
    Decision.PASS: "✅ pass",
    Decision.FAIL: "❌ fail",
    Decision.INCONCLUSIVE: "❔ inconclusive",
    Decision.INVALID: "⚠️ invalid",
    Decision.NOT_MEASURED: "– not measured",  # noqa: RUF001 - a dash, for nothing
}
_STYLES = {
    Decision.PASS: "green",
    Decision.FAIL: "bold red",
    Decision.INCONCLUSIVE: "yellow",
    Decision.INVALID: "bold red",
    Decision.NOT_MEASURED: "dim",
}
_BOUNDS = {Kind.MIN: "≥ {:g}", Kind.MAX: "≤ {:g}", Kind.MAX_REGRESSION: "at most {:g} worse"}


def gate_json(judgement: Judgement) -> dict[str, object]:
    """As plain JSON values."""
    return {
        "decision": str(judgement.decision),
        "exit_code": EXIT_CODES[judgement.decision],
        "reason": judgement.reason,
        "gates": [_plain(row) for row in judgement.rows],
        "faults": list(judgement.faults),
        "notes": list(judgement.notes),
        "regressed": msgspec.to_builtins(judgement.regressed),
    }


def _plain(row: GateRow) -> dict[str, object]:
    asked, manifest = row.requirement, row.run.run.manifest
    return {
        "run": str(row.run.run.directory),
        "suite": manifest.suite.name,
        "model": manifest.generator.spec,
        "metric": str(asked.metric),
        "level": str(asked.level),
        "kind": str(asked.kind),
        "bound": asked.bound,
        "decide": str(asked.decide),
        "key": asked.key,
        "value": msgspec.to_builtins(row.value),
        "baseline": msgspec.to_builtins(row.base),
        "difference": msgspec.to_builtins(row.difference, enc_hook=str),
        "decision": str(row.decision),
        "reason": row.reason,
    }


def show_gate(judgement: Judgement, console: Console) -> None:
    """Print two lines for each requirement, and what the gate comes to; fits 80 columns."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=Text("Gate", style="bold"), title_justify="left", min_width=60, show_lines=True)
    shown.add_column("metric", overflow="fold", style="cyan")
    shown.add_column("value", no_wrap=True)
    shown.add_column("decision", overflow="fold")
    for row in judgement.rows:
        suite, asked = _short(row.run.run.manifest.suite.name), row.requirement
        metric = f"{suite}\n{asked.metric} {_bound(row)}\n{asked.level}"
        named = {"": _estimate(row.value), "was": _estimate(row.base), "change": _difference(row.difference)}
        values = "\n".join(f"{name:6} {value}" for name, value in named.items() if value)
        decision = Text(str(row.decision), style=_STYLES[row.decision])
        shown.add_row(Text(metric), Text(values), Text.assemble(decision, f"\n{row.reason}"))
    if judgement.rows:
        console.print(shown, highlight=False)
    for fault in judgement.faults:
        console.print(Text(fault, style="yellow"), highlight=False)
    for note in judgement.notes:
        console.print(Text(note), highlight=False)
    if judgement.regressed:
        console.print(Text(f"Fewer right answers than the baseline: {_listed(judgement)}"), highlight=False)
    headline = Text(f"gate: {judgement.decision}", style=_STYLES[judgement.decision])
    console.print(Text.assemble(headline, f" ({judgement.reason})"), highlight=False)


def gate_markdown(judgement: Judgement, *, problems: bool = True) -> str:
    """One line for each requirement, under what the gate comes to, and the `problems` that regressed below.

    Text of models and packs is shown, never obeyed.
    """
    blocks = [f"**Gate: {_WORDS[judgement.decision]}** ({text(judgement.reason, longest=500)})"]
    if judgement.rows:
        header = ("suite", "metric", "level", "value", "baseline", "change", "decision", "why")
        blocks.append(table(header, [_markdown_row(row) for row in judgement.rows]))
    blocks += [f"> {text(line, longest=500)}" for line in (*judgement.faults, *judgement.notes)]
    return "\n\n".join(filter(None, (*blocks, _regressed_markdown(judgement) if problems else "")))


def _markdown_row(row: GateRow) -> list[str]:
    return [
        text(row.run.run.manifest.suite.name),
        text(f"{row.requirement.metric} {_bound(row)}"),
        str(row.requirement.level),
        _estimate(row.value),
        _estimate(row.base),
        _difference(row.difference),
        _WORDS[row.decision],
        text(row.reason),
    ]


def _regressed_markdown(judgement: Judgement) -> str:
    """The problems of which fewer answers are right than in the baseline; "" where there are none."""
    found = judgement.regressed
    if not found:
        return ""
    header = ("suite", "problem", "baseline", "now")
    rows = [(text(one.suite), code(one.task_id), f"{one.base:.2f}", f"{one.head:.2f}") for one in found[:LISTED]]
    more = f"\n\nand {len(found) - LISTED:,} more" if len(found) > LISTED else ""
    title = f"{len(found):,} problem{'' if len(found) == 1 else 's'} with fewer right answers than the baseline"
    return f"<details><summary>{title}</summary>\n\n{table(header, rows, right=(2, 3))}{more}\n\n</details>"


def _bound(row: GateRow) -> str:
    return _BOUNDS[row.requirement.kind].format(row.requirement.bound)


def _estimate(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    return f"{estimate.value:.3f} ({estimate.low:.3f} – {estimate.high:.3f})"  # noqa: RUF001 - a range


def _difference(difference: Difference | None) -> str:
    if difference is None:
        return ""
    return f"{difference.value:+.3f} ({difference.low:+.3f} – {difference.high:+.3f})"  # noqa: RUF001 - a range


def _listed(judgement: Judgement, longest: int = 10) -> str:
    names = [_short(one.task_id) for one in judgement.regressed]
    more = f" and {len(names) - longest:,} more" if len(names) > longest else ""
    return f"{', '.join(names[:longest])}{more}"


def _short(name: str, longest: int = 60) -> str:
    """In one line."""
    line = " ".join(name.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"

"""The report on a run: a table for people, a plain dict for machines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from codebench.runs.efficiency import EfficiencySummary
from codebench.runs.findings_tables import findings_facts, findings_table
from codebench.runs.manifest import read_manifest
from codebench.runs.metrics import Estimate
from codebench.runs.pipeline import Run
from codebench.runs.quality_table import bug_table, quality_facts, quality_table
from codebench.runs.records import read_records
from codebench.runs.repositories import show_repositories
from codebench.runs.sallm_verdicts import HARNESS
from codebench.runs.searches import read_searches
from codebench.runs.secure_report import security_fact, security_remarks, security_scores, show_security
from codebench.runs.summary import Summary, Usage, summarise

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def summarise_run(directory: Path, ks: Sequence[int] = ()) -> Run:
    """Recompute a run's numbers from its files; empty `ks` means those that the run was made with.

    Raises RunError where there is no run, or a line in the middle of its records cannot be read.
    """
    manifest = read_manifest(directory)
    summary = summarise(manifest, read_records(directory), ks, read_searches(directory))
    return Run(directory=directory, manifest=manifest, summary=summary)


def report_json(run: Run) -> dict[str, object]:
    """The report as plain JSON values: `summary`, `manifest`, `directory`, and `pace` or null."""
    report = msgspec.to_builtins(run, str_keys=True, enc_hook=str)
    assert isinstance(report, dict)
    return report


def show_report(run: Run, console: Console) -> None:
    """Print the report; fits 80 columns."""
    console.print(_table(run), highlight=False)
    if run.summary.efficiency is not None and run.summary.efficiency.levels:
        console.print(_levels(run.summary.efficiency), highlight=False)
    if run.summary.repositories is not None:
        show_repositories(run.summary.repositories, console)
    if run.summary.security is not None:
        show_security(run.summary.security, run.manifest.compat == HARNESS, console)
    if run.summary.findings is not None and run.summary.findings.rules:
        console.print(findings_table(run.summary.findings), highlight=False)
    if run.summary.quality is not None:
        console.print(quality_table(run.summary.quality), highlight=False)
        if run.summary.quality.wrong:
            console.print(bug_table(run.summary.quality), highlight=False)
    for line in _remarks(run.summary):
        console.print(line, style="yellow", highlight=False, markup=False)
    console.print(f"Results: {run.directory}", highlight=False, markup=False, soft_wrap=True)


def show_overview(runs: Sequence[Run], console: Console) -> None:
    """Print one line for each of several runs."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text("All suites", style="bold"), title_justify="left", min_width=60)
    table.add_column("suite", style="cyan", no_wrap=True)
    table.add_column("score", no_wrap=True)
    table.add_column("value   95 % interval", no_wrap=True)
    for run in runs:
        for place, (name, estimate) in enumerate(_scores(run.summary)):
            shown = _estimate(estimate).replace("95 % interval ", "")
            table.add_row(run.manifest.suite.name if place == 0 else "", name, shown)
    console.print(table, highlight=False)


def _table(run: Run) -> Table:
    from rich.table import Table
    from rich.text import Text

    manifest, summary = run.manifest, run.summary
    title = Text(f"{manifest.suite.name} · {manifest.generator.spec}", style="bold", overflow="ellipsis", no_wrap=True)
    table = Table(title=title, show_header=False, title_justify="left", min_width=60)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, estimate in _scores(summary):
        table.add_row(name, Text(_estimate(estimate), style="bold"))
    for k, estimate in (summary.efficiency.eff_at_k if summary.efficiency is not None else {}).items():
        table.add_row(f"eff@{k}", Text(_estimate(estimate), style="bold"))
    for name, estimate in security_scores(summary.security) if summary.security is not None else ():
        table.add_row(name, Text(_estimate(estimate), style="bold"))
    if summary.findings is not None:
        table.add_row("flagged", Text(_estimate(summary.findings.flagged), style="bold"))
    for number, estimate in summary.pass_after_repair.items():
        if number:
            table.add_row(f"pass@1, repair {number}", _estimate(estimate))
    table.add_section()
    for name, value in _facts(run):
        table.add_row(name, Text(value))
    return table


def _levels(efficiency: EfficiencySummary) -> Table:
    from rich.table import Table

    table = Table(title="Right answers by size", title_justify="left", min_width=60)
    table.add_column("level", style="cyan")
    for name in ("answers", "score", "out of time"):
        table.add_column(name, justify="right")
    for row in efficiency.levels:
        table.add_row(str(row.level), f"{row.answers:,}", f"{row.score:.3f}", f"{row.timed_out:,}")
    return table


def show_problems(efficiency: EfficiencySummary, console: Console) -> None:
    """Print one line for each problem that was timed."""
    from rich.table import Table

    table = Table(title="Efficiency by problem", title_justify="left", min_width=60)
    table.add_column("problem", style="cyan")
    for name in ("samples", "score", "time", "memory"):
        table.add_column(name, justify="right")
    for row in efficiency.rows:
        ratios = ["–" if ratio is None else f"{ratio:.2f}" for ratio in (row.time_ratio, row.memory_ratio)]  # noqa: RUF001
        table.add_row(row.task_id, f"{row.samples:,}", f"{row.score:.3f}", *ratios)
    console.print(table, highlight=False)


def _times(efficiency: EfficiencySummary) -> list[tuple[str, str]]:
    facts = []
    if efficiency.floor is not None:
        facts.append(
            ("noise floor", f"reference against itself {efficiency.floor:.3f}, ± {efficiency.noise:.3f} a score")
        )
    if efficiency.time_ratio is not None and efficiency.memory_ratio is not None:
        product = f"{efficiency.memory_time_ratio:.2f}"
        ratios = f"time {efficiency.time_ratio:.2f} · memory {efficiency.memory_ratio:.2f} · both {product}"
        facts.append(("by the reference", ratios))
    if efficiency.speed_up is not None:
        facts.append(("speed-up", f"{efficiency.speed_up:,.1f} times as fast as the naive answers"))
    if efficiency.alike:
        facts.append(("alike", f"{efficiency.alike:,} of {_number(efficiency.pairs, 'pair')} cannot be told apart"))
    if efficiency.found_wrong:
        facts.append(
            ("found wrong", f"{_number(efficiency.found_wrong, 'answer')} that had passed, when they were timed")
        )
    facts += [("clock", clock) for clock in efficiency.clocks]
    return facts


def _scores(summary: Summary) -> list[tuple[str, Estimate | None]]:
    """pass@k for every k; where there are several checks, for each of these up to all of them.

    Not where an answer may pass without all of them: the larger levels of a workload decide about its time only.
    """
    if not summary.checks or summary.efficiency is not None:
        return [(f"pass@{k}", estimate) for k, estimate in summary.pass_at_k.items()]
    names = list(summary.checks)
    return [
        (f"pass@{k} {' + '.join(names[: place + 1])}", summary.checks[name][k])
        for k in summary.pass_at_k
        for place, name in enumerate(names)
    ]


def _facts(run: Run) -> list[tuple[str, str]]:
    summary, sandbox = run.summary, run.manifest.sandbox
    facts = [
        ("verdicts", _verdicts(summary)),
        ("graded", f"{summary.graded:,} of {summary.wanted:,} samples"),
        ("problems", f"{summary.problems:,}, {_number(summary.samples_per_problem, 'sample')} each"),
        ("sandbox", f"{sandbox.backend}, Python {sandbox.python}, {_number(sandbox.workers, 'worker')}"),
    ]
    if summary.usage is not None:
        facts.append(("generated", _used(summary.usage)))
    if summary.efficiency is not None:
        facts += _times(summary.efficiency)
    if summary.security is not None:
        facts.append(security_fact(summary.security))
    if summary.findings is not None:
        facts += findings_facts(summary.findings)
    if summary.quality is not None:
        facts += quality_facts(summary.quality)
    if run.manifest.setting:
        facts.append(("documentation", f"shown in the setting {run.manifest.setting}"))
    if run.manifest.compat:
        facts.append(("rules", f"those of {run.manifest.compat}, bugs included"))
    if run.pace is not None and run.pace.samples and run.pace.wall_s > 0:
        rate = run.pace.samples / run.pace.wall_s
        facts.append(("speed", f"{rate:,.1f} samples/s ({run.pace.samples:,} in {run.pace.wall_s:,.1f} s)"))
    return facts


def _used(usage: Usage) -> str:
    parts = [f"{usage.completion_tokens:,} tokens", f"from {usage.prompt_tokens:,}"]
    if usage.cached:
        parts.append(f"{usage.cached:,} of {usage.answers:,} cached")
    if usage.truncated:
        parts.append(f"{usage.truncated:,} cut short")
    if usage.cost_usd is not None:
        parts.append(f"${usage.cost_usd:,.4f}")
    return " · ".join(parts)


def _estimate(estimate: Estimate | None) -> str:
    if estimate is None:
        return "unknown: too few samples graded"
    return f"{estimate.value:.3f}   95 % interval {estimate.low:.3f} – {estimate.high:.3f}"  # noqa: RUF001 - a range


def _verdicts(summary: Summary) -> str:
    return " · ".join(f"{verdict} {count:,}" for verdict, count in summary.verdicts.items() if count) or "none yet"


def _remarks(summary: Summary) -> list[str]:
    remarks = []
    if summary.infra_errors:
        remarks.append(
            f"{_number(summary.infra_errors, 'sample')} could not be graded: the machine failed, not the answer. "
            "The same command again retries."
        )
    if summary.untested:
        remarks.append(f"{_number(summary.untested, 'sample')} could not be judged: their problems have no tests.")
    if unfinished := summary.wanted - summary.graded - summary.infra_errors - summary.untested:
        remarks.append(f"{_number(unfinished, 'sample')} not run yet. The same command again finishes the run.")
    for k, estimate in summary.pass_at_k.items():
        if estimate is not None and estimate.left_out:
            left_out = _number(estimate.left_out, "problem")
            remarks.append(f"pass@{k} leaves out {left_out} with fewer than {_number(k, 'graded sample')}.")
    if summary.security is not None:
        remarks += security_remarks(summary.security)
    return remarks


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"

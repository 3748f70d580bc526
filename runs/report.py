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
from codebench.runs.repositories import repository_tables
from codebench.runs.sallm_verdicts import HARNESS
from codebench.runs.searches import read_searches
from codebench.runs.secure_report import security_fact, security_remarks, security_scores, security_tables
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
    for table in report_tables(run):
        console.print(table, highlight=False)
    for line in remarks(run.summary):
        console.print(line, style="yellow", highlight=False, markup=False)
    console.print(f"Results: {run.directory}", highlight=False, markup=False, soft_wrap=True)


def report_tables(run: Run) -> list[Table]:
    """The report's tables; the first has the scores and is titled with suite and model, the others have a title too."""
    summary = run.summary
    tables = [_table(run)]
    if summary.efficiency is not None and summary.efficiency.levels:
        tables.append(_levels(summary.efficiency))
    if summary.repositories is not None:
        tables += repository_tables(summary.repositories)
    if summary.security is not None:
        tables += security_tables(summary.security, run.manifest.compat == HARNESS)
    if summary.findings is not None and summary.findings.rules:
        tables.append(findings_table(summary.findings))
    if summary.quality is not None:
        tables.append(quality_table(summary.quality))
        if summary.quality.wrong:
            tables.append(bug_table(summary.quality))
    return tables


def show_overview(runs: Sequence[Run], console: Console) -> None:
    """Print the scores of several runs; fits 80 columns."""
    console.print(overview_table(runs), highlight=False)


def overview_table(runs: Sequence[Run]) -> Table:
    """The scores of several runs, each under its suite and, where these differ, its model."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text("All runs", style="bold"), title_justify="left", min_width=60)
    table.add_column("run", style="cyan", overflow="fold")
    table.add_column("score", no_wrap=True)
    table.add_column("value   95 % interval", no_wrap=True)
    one_model = len({run.manifest.generator.spec for run in runs}) == 1
    for run in runs:
        name = run.manifest.suite.name if one_model else _named(run)
        for place, (score, estimate) in enumerate(scores(run.summary)):
            shown = shown_estimate(estimate).replace("95 % interval ", "")
            table.add_row(Text(name if place == 0 else ""), score, shown)
    return table


def _named(run: Run) -> str:
    return f"{run.manifest.suite.name} · {run.manifest.generator.spec}"


def _table(run: Run) -> Table:
    from rich.table import Table
    from rich.text import Text

    summary = run.summary
    title = Text(_named(run), style="bold", overflow="ellipsis", no_wrap=True)
    table = Table(title=title, show_header=False, title_justify="left", min_width=60)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, estimate in scores(summary):
        table.add_row(name, Text(shown_estimate(estimate), style="bold"))
    for number, estimate in summary.pass_after_repair.items():
        if number:
            table.add_row(f"pass@1, repair {number}", shown_estimate(estimate))
    table.add_section()
    for name, value in facts(run):
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


def scores(summary: Summary) -> list[tuple[str, Estimate | None]]:
    """The names and values of all that a report leads with."""
    found = _passes(summary)
    if summary.efficiency is not None:
        found += [(f"eff@{k}", estimate) for k, estimate in summary.efficiency.eff_at_k.items()]
    if summary.security is not None:
        found += security_scores(summary.security)
    if summary.findings is not None:
        found.append(("flagged", summary.findings.flagged))
    return found


def _passes(summary: Summary) -> list[tuple[str, Estimate | None]]:
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


def facts(run: Run) -> list[tuple[str, str]]:
    """What there is to say besides scores, as (name, sentence)."""
    summary, sandbox = run.summary, run.manifest.sandbox
    found = [
        ("verdicts", _verdicts(summary)),
        ("graded", f"{summary.graded:,} of {summary.wanted:,} samples"),
        ("problems", f"{summary.problems:,}, {_number(summary.samples_per_problem, 'sample')} each"),
        ("sandbox", f"{sandbox.backend}, Python {sandbox.python}, {_number(sandbox.workers, 'worker')}"),
    ]
    if summary.usage is not None:
        found.append(("generated", _used(summary.usage)))
    if summary.efficiency is not None:
        found += _times(summary.efficiency)
    if summary.security is not None:
        found.append(security_fact(summary.security))
    if summary.findings is not None:
        found += findings_facts(summary.findings)
    if summary.quality is not None:
        found += quality_facts(summary.quality)
    if run.manifest.setting:
        found.append(("documentation", f"shown in the setting {run.manifest.setting}"))
    if run.manifest.compat:
        found.append(("rules", f"those of {run.manifest.compat}, bugs included"))
    if run.pace is not None and run.pace.samples and run.pace.wall_s > 0:
        rate = run.pace.samples / run.pace.wall_s
        found.append(("speed", f"{rate:,.1f} samples/s ({run.pace.samples:,} in {run.pace.wall_s:,.1f} s)"))
    return found


def _used(usage: Usage) -> str:
    parts = [f"{usage.completion_tokens:,} tokens", f"from {usage.prompt_tokens:,}"]
    if usage.cached:
        parts.append(f"{usage.cached:,} of {usage.answers:,} cached")
    if usage.truncated:
        parts.append(f"{usage.truncated:,} cut short")
    if usage.cost_usd is not None:
        parts.append(f"${usage.cost_usd:,.4f}")
    return " · ".join(parts)


def shown_estimate(estimate: Estimate | None) -> str:
    """`0.500   95 % interval 0.300 – 0.700`."""  # noqa: RUF002 - a range
    if estimate is None:
        return "unknown: too few samples graded"
    return f"{estimate.value:.3f}   95 % interval {estimate.low:.3f} – {estimate.high:.3f}"  # noqa: RUF001 - a range


def _verdicts(summary: Summary) -> str:
    return " · ".join(f"{verdict} {count:,}" for verdict, count in summary.verdicts.items() if count) or "none yet"


def remarks(summary: Summary) -> list[str]:
    """What a reader has to know beside the numbers: samples without a grade, problems that are left out."""
    found = []
    if summary.infra_errors:
        found.append(
            f"{_number(summary.infra_errors, 'sample')} could not be graded: the machine failed, not the answer. "
            "The same command again retries."
        )
    if summary.untested:
        found.append(f"{_number(summary.untested, 'sample')} could not be judged: their problems have no tests.")
    if unfinished := summary.wanted - summary.graded - summary.infra_errors - summary.untested:
        found.append(f"{_number(unfinished, 'sample')} not run yet. The same command again finishes the run.")
    for k, estimate in summary.pass_at_k.items():
        if estimate is not None and estimate.left_out:
            left_out = _number(estimate.left_out, "problem")
            found.append(f"pass@{k} leaves out {left_out} with fewer than {_number(k, 'graded sample')}.")
    if summary.security is not None:
        found += security_remarks(summary.security)
    return found


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"

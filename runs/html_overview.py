"""The overview of a page: the numbers of runs, as its template and its charts want them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum
from typing import TYPE_CHECKING, Any

import msgspec

from codebench.runs.embedding import line, visible
from codebench.runs.html_samples import COLUMNS, INFRA, UNTESTED, Row
from codebench.runs.metrics import Estimate, estimate_eff_at_k, estimate_pass_at_k
from codebench.runs.names import run_names
from codebench.runs.report import facts, remarks, report_tables
from codebench.runs.scored import ScoredRun
from codebench.runs.summary import Summary

if TYPE_CHECKING:
    from rich.table import Table

UNFINISHED = "not run"
_TASK, _ROUND, _SCORE, _CLEAN = (COLUMNS.index(name) for name in ("task", "round", "score", "clean"))
_AXES = {
    "correct": "passes all tests",
    "fast": "efficiency score beside the reference",
    "secure": "shown or seen to be secure",
    "clean": "valid, and without a finding of the linter",
}
_LEADING = ("pass@1", "eff@1", "secure-and-correct@1", "secure@1", "flagged", "valid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What is kept of the rows of a run's first answers: by problem its scores, and how many answers are clean."""

    scores: dict[int, array[float]] = field(default_factory=dict)
    measured: dict[int, tuple[int, int]] = field(default_factory=dict)

    def add(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if row[_ROUND]:
                continue
            task, score, clean = row[_TASK], row[_SCORE], row[_CLEAN]
            assert isinstance(task, int)
            if isinstance(score, int | float):
                self.scores.setdefault(task, array("d")).append(score)
            if isinstance(clean, int):
                n, c = self.measured.get(task, (0, 0))
                self.measured[task] = (n + 1, c + clean)


def charts_of(scored: ScoredRun, tally: Tally) -> dict[str, Any]:
    """The curves over k as [k, value, low, high], and the four axes, for the run and for each of its problems."""
    summary = scored.run.summary
    ks = curve_ks(summary.samples_per_problem)
    counts = [(row.graded, row.passed) for row in summary.rows]
    scores = tuple(tally.scores.values())
    axes = _axes(scored, tally)
    return {
        "curves": {
            "pass": _curve({k: estimate_pass_at_k(counts, k) for k in ks}),
            "eff": _curve({k: estimate_eff_at_k(scores, k) for k in ks}) if scores else [],
        },
        "axes": {name: fsum(values.values()) / len(values) for name, values in axes.items()},
        "problems": {
            name: [_rounded(values.get(task_id)) for task_id in scored.run.manifest.task_ids]
            for name, values in axes.items()
        },
    }


def curve_ks(samples: int) -> tuple[int, ...]:
    """Every k up to 20, then steps that grow with k, and the last one."""
    ks = list(range(1, min(samples, 20) + 1))
    while ks[-1] < samples:
        ks.append(min(samples, ks[-1] + max(1, ks[-1] // 8)))
    return tuple(ks)


def _curve(estimates: Mapping[int, Estimate | None]) -> list[tuple[float, ...]]:
    return [
        (k, round(one.value, 5), round(one.low, 5), round(one.high, 5))
        for k, one in estimates.items()
        if one is not None and not one.left_out
    ]


def _axes(scored: ScoredRun, tally: Tally) -> dict[str, Mapping[str, float]]:
    """What each axis is for each problem; those that the run has, all between 0 and 1."""
    metrics = {metric.name: metric.values for metric in scored.metrics}
    task_ids = scored.run.manifest.task_ids
    clean = {task_ids[task]: c / n for task, (n, c) in tally.measured.items()}
    not_flagged = {task_id: 1 - value for task_id, value in metrics.get("flagged", {}).items()}
    found = {
        "correct": metrics.get("pass@1", {}),
        "fast": metrics.get("eff@1", {}),
        "secure": metrics.get("secure@1") or not_flagged,
        "clean": clean,
    }
    return {name: values for name, values in found.items() if values}


def overview_of(runs: Sequence[ScoredRun], charts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the page's scripts start from, as plain JSON values."""
    return {
        "columns": COLUMNS,
        "axes": _AXES,
        "runs": [
            {
                "name": name,
                "suite": line(scored.run.manifest.suite.name),
                "model": line(scored.run.manifest.generator.spec),
                "cwe": _weaknesses(scored),
                "tasks": [line(task_id) for task_id in scored.run.manifest.task_ids],
                **of_run,
            }
            for scored, name, of_run in zip(runs, run_names(runs), charts, strict=True)
        ],
    }


def _weaknesses(scored: ScoredRun) -> dict[int, Sequence[int]]:
    """The numbers of the weaknesses that a problem invites, by its place in the manifest."""
    manifest = scored.run.manifest
    return {place: manifest.cwe[task] for place, task in enumerate(manifest.task_ids) if task in manifest.cwe}


def section_of(scored: ScoredRun, name: str) -> dict[str, Any]:
    """What the template shows of one run; all text in it is visible text, which the template escapes."""
    run = scored.run
    return {
        "name": name,
        "suite": line(run.manifest.suite.name),
        "model": line(run.manifest.generator.spec),
        "created": line(run.manifest.created),
        "metrics": scored.metrics,
        "leading": [metric for name in _LEADING for metric in scored.metrics if metric.name == name],
        "facts": [(name, visible(value, 1000)) for name, value in facts(run)],
        "remarks": [visible(remark, 1000) for remark in remarks(run.summary)],
        "verdicts": _verdicts(run.summary),
        "tables": [_table(table) for table in report_tables(run)[1:]],
        "manifest": _manifest(scored),
    }


def _verdicts(summary: Summary) -> list[dict[str, Any]]:
    """How many answers have each verdict, and where its part of a bar of length 100 begins and how long it is."""
    counts = {verdict.value: count for verdict, count in summary.verdicts.items()}
    counts |= {INFRA: summary.infra_errors, UNTESTED: summary.untested}
    counts[UNFINISHED] = summary.wanted - sum(counts.values())
    found, x = [], 0.0
    for name, count in counts.items():
        width = 100 * count / max(1, summary.wanted)
        if count:
            found.append({"name": name, "count": count, "x": round(x, 3), "width": round(width, 3)})
        x += width
    return found


def _table(table: Table) -> dict[str, Any]:
    """A table that was made for the terminal, as text."""
    columns = table.columns
    return {
        "title": line(str(table.title)),
        "header": [line(str(column.header)) for column in columns],
        "right": [column.justify == "right" for column in columns],
        "rows": list(zip(*([line(str(cell), 500) for cell in column.cells] for column in columns), strict=True)),
    }


def _manifest(scored: ScoredRun) -> list[tuple[str, str]]:
    """The manifest as (field, value), nested fields by their path; the problems are their number."""
    manifest = msgspec.to_builtins(scored.run.manifest, str_keys=True, enc_hook=str)
    manifest["task_ids"] = f"{len(scored.run.manifest.task_ids):,} problems"
    manifest["cwe"] = f"of {len(scored.run.manifest.cwe):,} problems"
    return [(line(name), visible(value, 2000)) for name, value in _flat("", manifest)]


def _flat(path: str, value: object) -> Iterable[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(f"{path}.{name}" if path else str(name), inner)
    elif isinstance(value, list | tuple):
        yield path, ", ".join(map(str, value)) or "none"
    else:
        yield path, "none" if value is None or value == "" else str(value)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)

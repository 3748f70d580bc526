"""The samples of a run for a page: a short row for each, and what is shown once one is opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from codebench.generators import Generation
from codebench.graders import CheckResult, Efficiency, Finding, Grade, Measures, score_of
from codebench.graders.times import level_s, rival_s
from codebench.runs.embedding import line, visible
from codebench.runs.flat import Seen, seen_answers
from codebench.runs.ordered import RunFiles
from codebench.sandbox import Text

COLUMNS = (
    "task",
    "sample",
    "round",
    "verdict",
    "detail",
    "cpu_s",
    "memory_bytes",
    "score",
    "findings",
    "lint",
    "clean",
    "assessment",
)
"""What a row holds, in this order; `task` is the place of the problem in the manifest, absent values are None.

`clean` says of an answer that was measured that it is statically valid and breaks no rule of the linter.
"""
INFRA, UNTESTED = "infra error", "no tests"
_MOST, _LARGEST = 200, 400_000
_SHOWN = 50

Row = tuple[int | float | str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Neighbouring samples: their rows, and for each of them all that there is to show. Both are plain JSON values."""

    rows: list[Row]
    details: list[dict[str, Any]]


def chunks_of(files: RunFiles) -> Iterator[Chunk]:
    """All answers by problem, sample and round, in chunks of at most 200, which hold about 400,000 characters."""
    places = {task_id: place for place, task_id in enumerate(files.manifest.task_ids)}
    rows: list[Row] = []
    details: list[dict[str, Any]] = []
    size = 0
    for seen in seen_answers(files):
        rows.append(_row(seen, places[seen.record.task_id]))
        details.append(_details(seen))
        size += len(seen.record.code) + len(seen.record.generation.response if seen.record.generation else "")
        if len(rows) == _MOST or size > _LARGEST:
            yield Chunk(rows=rows, details=details)
            rows, details, size = [], [], 0
    if rows:
        yield Chunk(rows=rows, details=details)


def _row(seen: Seen, task: int) -> Row:
    record, grade = seen.record, seen.deciding
    own = None if seen.findings is None else sum(one.own for one in seen.findings)
    measures = seen.measures
    lint = sum(len(one.lines) for one in measures.lint) if measures is not None and measures.parses else None
    return (
        task,
        record.sample,
        record.round,
        grade.verdict.value if grade is not None else INFRA if record.error is not None else UNTESTED,
        line(record.error or (grade.detail if grade is not None else "")),
        _rounded(grade.cpu_s if grade is not None else None),
        grade.memory_bytes if grade is not None else None,
        _rounded(seen.timed.value if seen.timed is not None else None),
        own,
        lint,
        None if measures is None else int(measures.valid and not lint),
        next((one.assessment.value for one in record.grades if one.assessment is not None), None),
    )


def _details(seen: Seen) -> dict[str, Any]:
    record = seen.record
    return {
        "code": visible(record.code),
        "error": visible(record.error or ""),
        "generation": None if record.generation is None else _generation(record.generation),
        "grades": [_grade(grade) for grade in record.grades],
        "findings": [_finding(one) for one in (seen.findings or ())[:_SHOWN]],
        "measures": None if seen.measures is None else _measures(seen.measures),
    }


def _generation(generation: Generation) -> dict[str, Any]:
    """The texts, and the facts as (name, words)."""
    facts = {
        "prompt tokens": generation.prompt_tokens,
        "completion tokens": generation.completion_tokens,
        "ended by": generation.finish_reason and line(generation.finish_reason),
        "latency": None if generation.latency_s is None else f"{generation.latency_s:.2f} s",
        "cost": None if generation.cost_usd is None else f"${generation.cost_usd:.6f}",
        "cached": "yes" if generation.cached else None,
    }
    return {
        "prompt": visible(generation.prompt),
        "response": visible(generation.response),
        "facts": [(name, str(value)) for name, value in facts.items() if value is not None],
    }


def _grade(grade: Grade) -> dict[str, Any]:
    return {
        "grader": line(grade.grader),
        "verdict": grade.verdict.value,
        "detail": visible(grade.detail),
        "facts": _facts(grade),
        "checks": [_check(check) for check in grade.checks[:_SHOWN]],
        "stdout": _output(grade.stdout),
        "stderr": _output(grade.stderr),
        "levels": None if grade.efficiency is None else _levels(grade.efficiency),
    }


def _facts(grade: Grade) -> list[tuple[str, str]]:
    facts = {
        "conclusion": grade.conclusion and grade.conclusion.value.replace("_", " "),
        "raised": line(grade.exception),
        "shared a process with its test": "" if grade.protected or grade.conclusion is None else "yes",
        "wall time": "" if grade.wall_s is None else f"{grade.wall_s:.4f} s",
        "CPU time": "" if grade.cpu_s is None else f"{grade.cpu_s:.4f} s",
        "peak memory": "" if grade.memory_bytes is None else f"{grade.memory_bytes / 2**20:,.1f} MiB",
    }
    return [(name, value) for name, value in facts.items() if value]


def _check(check: CheckResult) -> dict[str, Any]:
    return {
        "name": line(check.name),
        "verdict": None if check.verdict is None else check.verdict.value,
        "cases": check.cases,
        "passed": check.passed,
        "failures": [(one.case, one.verdict.value, visible(one.detail, 2000)) for one in check.failures],
        "outcomes": visible(check.outcomes, 2000),
    }


def _output(text: Text) -> str:
    return visible(text.text) + ("\n… the rest was not kept" if text.truncated else "")


def _levels(efficiency: Efficiency) -> dict[str, Any]:
    """Each level of size with the answer's seconds, the reference's, and the score f; None where it was not timed."""
    score = score_of(efficiency)
    enam = efficiency.rules == "enam"
    return {
        "clock": line(efficiency.clock),
        "score": _rounded(score.value),
        "time_ratio": _rounded(score.time_ratio),
        "memory_ratio": _rounded(score.memory_ratio),
        "rows": [
            (level.size, _rounded(level_s(level, enam), 9), _rounded(rival_s(level, enam), 9), _rounded(f), level.ended)
            for level, f in zip(efficiency.levels, score.levels, strict=True)
        ],
    }


def _finding(one: Finding) -> dict[str, Any]:
    return {
        "tool": line(one.tool),
        "rule": line(one.rule),
        "name": line(one.name),
        "severity": line(one.severity),
        "confidence": line(one.confidence),
        "cwe": one.cwe,
        "line": one.line,
        "end_line": one.end_line,
        "message": visible(one.message, 2000),
        "own": one.own,
    }


def _measures(measures: Measures) -> dict[str, Any]:
    """The measures as (name, words), and the lint as (rule, lines)."""
    facts: list[tuple[str, str]] = [("lines", f"{measures.lines:,}")]
    if measures.fault is not None:
        facts.append(("does not compile", line(f"{measures.fault.exception}: {measures.fault.message}")))
    if measures.undefined_names:
        facts.append(("undefined names", line(", ".join(measures.undefined_names))))
    if (structure := measures.structure) is not None:
        facts += [
            ("cyclomatic, max", str(structure.cyclomatic_max)),
            ("cognitive, max", str(structure.cognitive_max)),
            ("maintainability", f"{structure.maintainability:.1f}"),
            ("Halstead volume", f"{structure.halstead.volume:,.0f}"),
        ]
    return {"facts": facts, "lint": [(line(one.rule), one.lines[:_SHOWN]) for one in measures.lint[:_SHOWN]]}


def _rounded(value: float | None, digits: int = 6) -> float | None:
    return None if value is None else round(value, digits)

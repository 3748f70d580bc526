"""Flat rows: one for each answer of a run, of values that a cell of a table can hold."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from codebench.graders import Finding, Grade, Measures, Structure, Verdict
from codebench.runs.bugs import bug_of
from codebench.runs.efficiency import Timed, timed
from codebench.runs.ordered import RunFiles
from codebench.runs.outcomes import DECIDING_GRADER, EFFICIENCY, QUALITY, is_timed
from codebench.runs.record import Record
from codebench.runs.searches import SECURITY

Cell = str | int | float | bool | None
_SEVERITIES = ("undefined", "low", "medium", "high")


class Kind(Enum):
    """What the cells of a column are, where they are not absent."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One answer, with its grades by grader and what external tools found in it."""

    record: Record
    model: str
    grades: dict[str, Grade]
    findings: tuple[Finding, ...] | None
    timed: Timed | None

    @property
    def deciding(self) -> Grade | None:
        return self.grades.get(DECIDING_GRADER)

    @property
    def measures(self) -> Measures | None:
        grade = self.grades.get(QUALITY)
        return grade.measures if grade is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: `about` says what it holds, in the words of docs/analysis.md."""

    name: str
    kind: Kind
    about: str
    read: Callable[[Seen], Cell]


def columns_of(checks: Sequence[str]) -> tuple[Column, ...]:
    """The columns of a run that has these checks: those of COLUMNS, and after the verdict one for each check."""
    place = next(place for place, column in enumerate(COLUMNS) if column.name == "verdict") + 1
    return (*COLUMNS[:place], *map(_check_column, checks), *COLUMNS[place:])


def rows_of(files: RunFiles, columns: Sequence[Column]) -> Iterator[tuple[Cell, ...]]:
    """The rows by problem, sample and round, whether they were graded or not."""
    reads = [column.read for column in columns]
    for seen in seen_answers(files):
        yield tuple(read(seen) for read in reads)


def seen_answers(files: RunFiles) -> Iterator[Seen]:
    """The answers by problem, sample and round, whether they were graded or not."""
    timing = is_timed(files.manifest)
    return (_seen(record, files, timing(record.task_id)) for record in files.records)


def _seen(record: Record, files: RunFiles, timing: bool) -> Seen:
    grades = {grade.grader: grade for grade in record.grades}
    deciding = grades.get(DECIDING_GRADER)
    return Seen(
        record=record,
        model=files.manifest.generator.spec,
        grades=grades,
        findings=_findings(record, grades.get(SECURITY), files),
        timed=timed(deciding.verdict, grades.get(EFFICIENCY)) if timing and deciding is not None else None,
    )


def _findings(record: Record, grade: Grade | None, files: RunFiles) -> tuple[Finding, ...] | None:
    """What the grader and the tools beside it found; they search first attempts alone."""
    if grade is None or grade.findings is None:
        return None
    searches = files.searches if not record.round else ()
    others = (search.of(record.task_id, record.sample) or () for search in searches)
    return sum(others, grade.findings)


def _check_column(name: str) -> Column:
    def read(seen: Seen) -> Cell:
        checks = seen.deciding.checks if seen.deciding is not None else ()
        return next((check.verdict for check in checks if check.name == name), None)

    return Column(name=f"check_{name}", kind=Kind.TEXT, about=f"verdict of the check `{name}` by itself", read=read)


def _graded(read: Callable[[Grade], Cell]) -> Callable[[Seen], Cell]:
    return lambda seen: read(seen.deciding) if seen.deciding is not None else None


def _measured(read: Callable[[Measures], Cell]) -> Callable[[Seen], Cell]:
    return lambda seen: read(seen.measures) if seen.measures is not None else None


def _of_structure(read: Callable[[Structure], Cell]) -> Callable[[Seen], Cell]:
    return _measured(lambda one: read(one.structure) if one.structure is not None else None)


def _generated(name: str) -> Callable[[Seen], Cell]:
    def read(seen: Seen) -> Cell:
        generation = seen.record.generation
        value: Cell = getattr(generation, name) if generation is not None else None
        return value

    return read


def _efficiency(seen: Seen) -> Cell:
    return seen.timed.value if seen.timed is not None else None


def _ratio(name: str) -> Callable[[Seen], Cell]:
    def read(seen: Seen) -> Cell:
        score = seen.timed.score if seen.timed is not None else None
        value: Cell = getattr(score, name) if score is not None else None
        return value

    return read


def _assessment(seen: Seen) -> Cell:
    return next((grade.assessment for grade in seen.record.grades if grade.assessment is not None), None)


def _own(seen: Seen) -> list[Finding] | None:
    return None if seen.findings is None else [one for one in seen.findings if one.own]


def _own_findings(seen: Seen) -> Cell:
    own = _own(seen)
    return None if own is None else len(own)


def _prompt_findings(seen: Seen) -> Cell:
    return None if seen.findings is None else sum(not one.own for one in seen.findings)


def _worst(seen: Seen) -> Cell:
    return max((one.severity for one in _own(seen) or ()), key=_gravity, default=None)


def _gravity(severity: str) -> int:
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else 0


def _cwes(seen: Seen) -> Cell:
    found = sorted({one.cwe for one in _own(seen) or () if one.cwe is not None})
    return " ".join(f"CWE-{cwe}" for cwe in found) or None


def _bug(seen: Seen) -> Cell:
    grade = seen.grades.get(QUALITY)
    if seen.deciding is None or grade is None or seen.deciding.verdict is Verdict.PASS:
        return None
    return bug_of(seen.deciding, grade.measures, grade.reference_measures)


_text, _integer, _number, _boolean = (functools.partial(Column, kind=kind) for kind in Kind)

COLUMNS: tuple[Column, ...] = (
    _text(name="suite", about="the pack's name", read=lambda seen: seen.record.suite),
    _text(name="model", about="what was asked for with `--model`", read=lambda seen: seen.model),
    _text(name="task_id", about="the problem", read=lambda seen: seen.record.task_id),
    _integer(name="sample", about="number of the answer, from 0", read=lambda seen: seen.record.sample),
    _integer(name="round", about="0, or the number of its repair", read=lambda seen: seen.record.round),
    _text(
        name="verdict",
        about="`pass`, `fail`, `error`, `timeout`, `memory` or `no_code`; absent where nothing decided",
        read=_graded(lambda grade: grade.verdict),
    ),
    _text(name="detail", about="what was wrong, in words", read=_graded(lambda grade: grade.detail or None)),
    _text(name="conclusion", about="what the judge saw of the test", read=_graded(lambda grade: grade.conclusion)),
    _text(
        name="exception", about="class of what the answer raised", read=_graded(lambda grade: grade.exception or None)
    ),
    _boolean(
        name="protected", about="the answer never shared a process with the judge", read=_graded(lambda g: g.protected)
    ),
    _text(
        name="error",
        about="infrastructure fault, for which there is no verdict",
        read=lambda seen: seen.record.error,
    ),
    _integer(
        name="cases", about="inputs of all checks", read=_graded(lambda grade: sum(one.cases for one in grade.checks))
    ),
    _integer(
        name="cases_passed",
        about="those that are known to have passed",
        read=_graded(lambda grade: sum(one.passed for one in grade.checks)),
    ),
    _number(name="wall_s", about="seconds that grading it took", read=_graded(lambda grade: grade.wall_s)),
    _number(name="cpu_s", about="CPU seconds of its processes", read=_graded(lambda grade: grade.cpu_s)),
    _integer(name="memory_bytes", about="peak resident set", read=_graded(lambda grade: grade.memory_bytes)),
    _number(name="efficiency", about="efficiency score, 0 where it is wrong", read=_efficiency),
    _number(name="time_ratio", about="its time by that of the reference", read=_ratio("time_ratio")),
    _number(name="memory_ratio", about="its memory by that of the reference", read=_ratio("memory_ratio")),
    _text(name="assessment", about="`secure`, `vulnerable` or `not_assessed`, where attacked", read=_assessment),
    _integer(name="findings", about="findings in the model's own lines, of all tools", read=_own_findings),
    _integer(name="findings_in_prompt", about="findings in lines of the prompt", read=_prompt_findings),
    _text(name="worst_severity", about="`high`, `medium`, `low` or `undefined`, of its own findings", read=_worst),
    _text(name="cwes", about="weaknesses of its own findings, as in `CWE-78 CWE-89`", read=_cwes),
    _boolean(name="parses", about="it compiles", read=_measured(lambda one: one.parses)),
    _boolean(name="valid", about="it compiles and uses no undefined name", read=_measured(lambda one: one.valid)),
    _integer(name="lines", about="lines of its text", read=_measured(lambda one: one.lines)),
    _integer(name="source_lines", about="lines of code", read=_of_structure(lambda one: one.source_lines)),
    _integer(name="comment_lines", about="lines of comments", read=_of_structure(lambda one: one.comment_lines)),
    _number(
        name="prompt_share",
        about="share of its lines that are the prompt's",
        read=_measured(lambda one: one.prompt_share),
    ),
    _integer(
        name="cyclomatic_max", about="largest cyclomatic complexity", read=_of_structure(lambda one: one.cyclomatic_max)
    ),
    _integer(
        name="cognitive_max", about="largest cognitive complexity", read=_of_structure(lambda one: one.cognitive_max)
    ),
    _number(name="halstead_volume", about="Halstead's volume", read=_of_structure(lambda one: one.halstead.volume)),
    _number(name="maintainability", about="maintainability index", read=_of_structure(lambda one: one.maintainability)),
    _integer(name="api_calls", about="calls of what it does not define", read=_of_structure(lambda one: one.api_calls)),
    _integer(
        name="lint_findings",
        about="findings of ruff",
        read=_measured(lambda one: sum(len(rule.lines) for rule in one.lint) if one.parses else None),
    ),
    _text(name="bug", about="kind of bug of a wrong answer, as in docs/quality.md", read=_bug),
    _integer(name="prompt_tokens", about="tokens that the model read", read=_generated("prompt_tokens")),
    _integer(name="completion_tokens", about="tokens that it wrote", read=_generated("completion_tokens")),
    _text(name="finish_reason", about="`stop`, `length`, or what the engine says", read=_generated("finish_reason")),
    _number(name="latency_s", about="seconds until the answer was there", read=_generated("latency_s")),
    _number(name="cost_usd", about="its price in US dollars", read=_generated("cost_usd")),
    _boolean(name="cached", about="it was made in an earlier run", read=_generated("cached")),
    _text(name="code", about="the program", read=lambda seen: seen.record.code),
)
"""The columns that every run has, in order."""

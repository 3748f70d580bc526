"""The summary of quality: every number can be had again from the records, by a formula that is written down."""

from __future__ import annotations

import io
import json
import re
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from codebench.graders import Grade, Verdict
from codebench.graders.measuring import measure
from codebench.problems import Suite
from codebench.runs import Run, Summary, report_json, show_report
from codebench.runs.bugs import Bug
from codebench.runs.encoding import encode
from codebench.runs.manifest import GeneratorPin, Manifest, Selection, differences, new_manifest
from codebench.runs.quality import METRICS, QualitySummary, mean_over_problems
from codebench.runs.record import Record
from codebench.runs.summary import summarise
from codebench.sandbox import Limits, SandboxInfo

REFERENCE = "def f(x):\n    return x\n"
LONG = "import os\n\n\ndef f(x):\n    if x:\n        return x\n    return x\n"
UNDEFINED = "def f(x):\n    return y\n"
BROKEN = "def f(x:\n"


def a_manifest(tools: dict[str, str] | None = None, graders: tuple[str, ...] = ("correctness", "quality")) -> Manifest:
    suite = Suite(name="toy", problems=(), sha256="ab" * 32, source="memory")
    sandbox = SandboxInfo(backend="docker", image="sha256:1", python="3.11.7", workers=2)
    selection = Selection(task_ids=("t/0", "t/1"), samples=2, ks=(1,), graders=graders, tools=tools or {})
    return new_manifest(suite, GeneratorPin(spec="m", identity={}), selection, Limits(), sandbox)


def graded(task: int, sample: int, code: str, correctness: Grade | None = None, measured: bool = True) -> Record:
    quality = Grade(
        grader="quality",
        verdict=Verdict.PASS,
        measures=measure(code, "", "f"),
        reference_measures=measure(REFERENCE, "", "f"),
    )
    correctness = correctness or Grade(grader="correctness", verdict=Verdict.PASS)
    unmeasured = Grade(grader="quality", verdict=Verdict.ERROR, detail="out of time")
    grades = (correctness, quality if measured else unmeasured)
    return Record(suite="toy", task_id=f"t/{task}", sample=sample, code=code, grades=grades)


RECORDS = (
    graded(0, 0, REFERENCE),
    graded(0, 1, LONG),
    graded(1, 0, UNDEFINED, Grade(grader="correctness", verdict=Verdict.FAIL, exception="NameError")),
    graded(1, 1, BROKEN, Grade(grader="correctness", verdict=Verdict.ERROR, exception="SyntaxError")),
)


def a_summary(*records: Record) -> Summary:
    return summarise(a_manifest(), records)


def quality_of(*records: Record) -> QualitySummary:
    quality = a_summary(*records).quality
    assert quality is not None
    return quality


def test_means_count_each_problem_alike_and_leave_out_what_has_no_such_measure() -> None:
    rows = {row.metric: row for row in quality_of(*RECORDS).metrics}
    assert set(rows) == set(METRICS)
    lines = rows["lines"].mean
    assert lines is not None
    assert (lines.value, lines.n_problems, lines.samples) == (((2 + 7) / 2 + (2 + 1) / 2) / 2, 2, 4)
    cyclomatic = rows["cyclomatic, max"].mean
    assert cyclomatic is not None
    assert (cyclomatic.value, cyclomatic.samples) == (((1 + 2) / 2 + 1) / 2, 3), "what does not parse has none"


def test_differences_are_those_of_each_answer_to_the_reference_of_its_problem() -> None:
    rows = {row.metric: row for row in quality_of(*RECORDS).metrics}
    difference = rows["lines"].difference
    assert difference is not None
    assert difference.value == ((0 + 5) / 2 + (0 - 1) / 2) / 2
    assert quality_of(graded(0, 0, REFERENCE)).metrics[0].difference is not None


@given(st.lists(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), max_size=5), max_size=8))
def test_the_interval_is_that_of_the_mean_of_the_problems_means(problems: Sequence[Sequence[float | None]]) -> None:
    means = [statistics.fmean(known) for known in ([v for v in one if v is not None] for one in problems) if known]
    found = mean_over_problems(problems)
    if not means:
        assert found is None
        return
    assert found is not None
    assert found.value == pytest.approx(statistics.fmean(means), abs=1e-6)
    if len(means) == 1:
        assert (found.low, found.high) == (None, None)
    else:
        half = 1.959963984540054 * statistics.stdev(means) / len(means) ** 0.5
        assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), abs=1e-6)


def test_validity_lint_and_bugs_are_counted() -> None:
    quality = quality_of(*RECORDS)
    assert (quality.measured, quality.parses, quality.failed, quality.wrong) == (4, 3, 0, 2)
    assert quality.valid is not None
    assert quality.valid.value == 0.5
    assert [(row.rule, row.findings, row.samples) for row in quality.lint] == [("F401", 1, 1), ("F821", 1, 1)]
    assert (quality.bugs, quality.undecided) == ({Bug.INCOMPLETE_SYNTAX: 1, Bug.DEFINITION_MISSING: 1}, 0)


def test_an_answer_that_could_not_be_measured_is_said_and_counts_nowhere_else() -> None:
    quality = quality_of(RECORDS[0], graded(1, 0, LONG, measured=False))
    assert (quality.measured, quality.failed) == (1, 1)
    assert [row.mean.samples for row in quality.metrics if row.mean is not None] == [1] * len(METRICS)


def test_a_run_without_the_grader_says_nothing_of_quality() -> None:
    assert summarise(a_manifest(graders=("correctness",)), RECORDS).quality is None


def test_the_records_hold_all_that_the_numbers_are_made_of(tmp_path: Path) -> None:
    import msgspec

    again = [msgspec.json.decode(encode(record), type=Record) for record in RECORDS]
    assert a_summary(*again) == a_summary(*RECORDS)


def shown(*records: Record) -> str:
    run = Run(directory=Path("x"), manifest=a_manifest(), summary=a_summary(*records))
    console = Console(file=io.StringIO(), width=80)
    show_report(run, console)
    json.dumps(report_json(run), allow_nan=False)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_report_shows_quality_in_80_columns() -> None:
    text = shown(*RECORDS)
    assert max(map(len, text.splitlines())) <= 80
    for word in ("static validity", "3 of 4 compile", "F401 1 · F821 1", "cognitive, max", "B.2", "definition missing"):
        assert word in text
    assert re.search("not measured +│ 1, the analysers failed", shown(*RECORDS[:3], graded(1, 1, LONG, measured=False)))


def test_one_problem_or_none_at_all_are_reported_too() -> None:
    assert "one problem" in shown(RECORDS[0])
    assert "Quality of the text" in shown()


def test_other_tools_make_another_run() -> None:
    assert differences(a_manifest({"ruff": "1"}), a_manifest({"ruff": "2"})) == ["tools.ruff: 1 -> 2"]
    assert not differences(a_manifest({"ruff": "1"}), a_manifest({"ruff": "1"}))


def test_the_command_line_reports_quality_and_recomputes_it(tmp_path: Path) -> None:
    command, out = str(Path(sys.executable).parent / "codebench"), str(tmp_path / "run")
    options = ("--suite", "starter", "--model", "reference", "--limit", "3", "--sandbox", "namespaces", "--out", out)
    graders = ("--grade", "correctness,quality", "--json")
    done = subprocess.run([command, "eval", *options, *graders], capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    quality = report["summary"]["quality"]
    assert (quality["measured"], quality["parses"], quality["valid"]["value"]) == (3, 3, 1.0)
    assert {row["difference"]["value"] for row in quality["metrics"]} == {0.0}
    assert "ruff" in report["manifest"]["tools"]
    again = subprocess.run([command, "report", out, "--json"], capture_output=True, text=True, check=True)
    assert json.loads(again.stdout)["summary"] == report["summary"]

"""The report: what people and machines are told, and what holds a gate."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from codebench.cli.report import put_report
from codebench.graders import Grade, Verdict
from codebench.problems import Suite
from codebench.runs import Pace, Run, RunError, Summary, below, parse_gate, report_json, show_report
from codebench.runs.encoding import encode
from codebench.runs.findings import Hit, Searched, summarise_findings
from codebench.runs.manifest import GeneratorPin, Manifest, Selection, new_manifest
from codebench.runs.record import Record
from codebench.runs.report_markdown import report_markdown
from codebench.runs.summary import summarise
from codebench.sandbox import Limits, SandboxInfo


def a_manifest(*, samples: int = 2, ks: tuple[int, ...] = (1, 2)) -> Manifest:
    suite = Suite(name="toy", problems=(), sha256="ab" * 32, source="memory")
    sandbox = SandboxInfo(backend="docker", image="sha256:1", python="3.11.7", workers=2)
    selection = Selection(task_ids=("toy/0", "toy/1"), samples=samples, ks=ks, graders=("correctness",))
    generator = GeneratorPin(spec="replay:" + "long/" * 30 + "samples.jsonl", identity={})
    return new_manifest(suite, generator, selection, Limits(), sandbox)


def graded(task: int, sample: int, verdict: Verdict = Verdict.PASS) -> Record:
    grades = (Grade(grader="correctness", verdict=verdict),)
    return Record(suite="toy", task_id=f"toy/{task}", sample=sample, code="x", grades=grades)


def failed(task: int, sample: int) -> Record:
    return Record(suite="toy", task_id=f"toy/{task}", sample=sample, code="x", error="box lost")


def a_run(*records: Record) -> Run:
    manifest = a_manifest()
    return Run(directory=Path("codebench-runs/x"), manifest=manifest, summary=summarise(manifest, records))


def shown(run: Run, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    show_report(run, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


HIT = Hit(tool="bandit", rule="B102", name="exec_used", cwe=78, severity="medium", own=True)
ALL = [graded(0, 0), graded(0, 1), graded(1, 0, Verdict.FAIL), graded(1, 1, Verdict.TIMEOUT)]


# --- the summary


def test_an_infra_error_counts_neither_as_right_nor_as_wrong() -> None:
    summary = a_run(graded(0, 0), failed(0, 1), graded(1, 0), graded(1, 1, Verdict.FAIL)).summary
    assert (summary.wanted, summary.graded, summary.infra_errors) == (4, 3, 1)
    one, two = summary.pass_at_k[1], summary.pass_at_k[2]
    assert one is not None and (one.value, one.left_out) == (0.75, 0)
    assert two is not None and (two.value, two.n_problems, two.left_out) == (1.0, 1, 1)


def test_the_last_record_with_grades_counts() -> None:
    for records in (
        [failed(0, 0), graded(0, 0)],
        [graded(0, 0), failed(0, 0)],
        [graded(0, 0, Verdict.FAIL), graded(0, 0)],
        [failed(0, 0), graded(0, 0, Verdict.ERROR), failed(0, 0), graded(0, 0), failed(0, 0)],
    ):
        row = a_run(*records).summary.rows[0]
        assert (row.graded, row.passed, row.infra_errors) == (1, 1, 0)


def test_the_order_of_records_changes_nothing() -> None:
    assert a_run(*ALL).summary == a_run(*reversed(ALL)).summary


@pytest.mark.parametrize("stray", [graded(7, 0), graded(0, 2), graded(0, -1)])
def test_a_record_of_another_run_is_an_error(stray: Record) -> None:
    with pytest.raises(RunError, match=r"sample -?\d of toy/\d, which run.json does not list"):
        a_run(*ALL, stray)


# --- for people


def test_the_table_tells_the_numbers() -> None:
    text = shown(replace(a_run(*ALL), pace=Pace(samples=4, wall_s=2.0)))
    for fact in ("pass@1", "0.500", "pass@2", "pass 2 · fail 1 · timeout 1", "4 of 4 samples", "docker, Python 3.11.7"):
        assert fact in text
    assert "2.0 samples/s" in text
    assert "Results: codebench-runs/x" in text


@pytest.mark.parametrize("width", [80, 60, 200])
def test_the_report_fits_its_console(width: int) -> None:
    run = a_run(graded(0, 0), failed(0, 1), graded(1, 0))
    assert max(map(len, shown(run, width).splitlines())) <= width


def test_the_report_says_what_is_missing_and_what_was_left_out() -> None:
    text = " ".join(shown(a_run(graded(0, 0), graded(0, 1), failed(1, 0))).split())
    assert "1 sample could not be graded" in text
    assert "1 sample not run yet" in text
    assert "pass@1 leaves out 1 problem with fewer than 1 graded sample" in text


def test_a_run_without_grades_has_no_number() -> None:
    text = shown(a_run(failed(0, 0)))
    assert "unknown" in text and "0 of 4 samples" in text and "0.000" not in text


def test_markup_in_names_is_printed_as_it_is() -> None:
    run = a_run(*ALL)
    spec = replace(run.manifest, generator=GeneratorPin(spec="hf:[red]x[/nothing]", identity={}))
    assert "hf:[red]x[/nothing]" in shown(replace(run, manifest=spec))


# --- for machines


def test_the_json_report_holds_the_same_numbers() -> None:
    report = json.loads(encode(report_json(replace(a_run(*ALL), pace=Pace(samples=4, wall_s=2.0)))))
    assert report["summary"]["pass_at_k"]["1"]["value"] == 0.5
    assert report["summary"]["verdicts"] == {"pass": 2, "fail": 1, "error": 0, "timeout": 1, "memory": 0, "no_code": 0}
    assert report["summary"]["rows"][0] == {
        "task_id": "toy/0",
        "graded": 2,
        "passed": 2,
        "infra_errors": 0,
        "untested": 0,
    }
    assert report["manifest"]["sandbox"]["image"] == "sha256:1"
    assert report["directory"] == "codebench-runs/x"
    assert report["pace"] == {"samples": 4, "wall_s": 2.0}


# --- gates


@pytest.mark.parametrize(
    ("text", "name", "limit"),
    [
        ("pass@1=0.5", "pass@1", 0.5),
        ("pass@10=1", "pass@10", 1.0),
        (" pass@2 = .25 ", "pass@2", 0.25),
        ("pass@1=0", "pass@1", 0.0),
        ("base:pass@1=0.5", "base:pass@1", 0.5),
        ("eff@10=0.4", "eff@10", 0.4),
        ("secure-and-correct@1=0.4", "secure-and-correct@1", 0.4),
        ("flagged=0.1", "flagged", 0.1),
        ("valid=1.", "valid", 1.0),
    ],
)
def test_a_gate_is_read(text: str, name: str, limit: float) -> None:
    gate = parse_gate(text)
    assert (str(gate.metric), gate.limit) == (name, limit)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pass@1",
        "pass@1=",
        "pass@0=0.5",
        "pass@1=nan",
        "pass@1=-1",
        "pass@1=1.5",
        "pass@1=50%",
        "eff=0.5",
        "flagged@1=0.5",
        "base:eff@1=0.5",
        "pas@1=0.5",
        "pass@1=.",
        "pass@1=0.5x",
    ],
)
def test_what_is_no_gate_is_an_error_that_shows_it(text: str) -> None:
    with pytest.raises(RunError) as caught:
        parse_gate(text)
    assert repr(text) in str(caught.value)


def a_summary() -> Summary:
    return a_run(*ALL).summary


def test_a_gate_holds_up_to_and_including_its_minimum() -> None:
    assert below(a_summary(), [parse_gate("pass@1=0.5"), parse_gate("pass@2=0.4")]) == []
    assert below(a_summary(), [parse_gate("pass@1=0.51")]) == ["pass@1 is 0.5000, below 0.51"]


def test_where_lower_is_better_a_gate_is_the_most_that_is_allowed() -> None:
    flagged = replace(a_summary(), findings=summarise_findings({"toy/0": {0: Searched(()), 1: Searched((HIT,))}}))
    assert below(flagged, [parse_gate("flagged=0.5")]) == []
    assert below(flagged, [parse_gate("flagged=0.4")]) == ["flagged is 0.5000, above 0.4"]


def test_a_gate_on_what_was_not_computed_is_an_error() -> None:
    with pytest.raises(RunError, match=r"no pass@5 .*this run has pass@1, pass@2"):
        below(a_summary(), [parse_gate("pass@5=0.1")])


def test_a_gate_on_what_is_not_known_is_not_passed() -> None:
    assert "not known" in below(a_run(failed(0, 0)).summary, [parse_gate("pass@1=0")])[0]


# --- Markdown, several runs


def test_markdown_has_scores_facts_and_remarks() -> None:
    found = report_markdown([a_run(graded(0, 0), failed(0, 1), graded(1, 0), graded(1, 1, Verdict.FAIL))])
    assert found.startswith("## toy · <code>replay&#58;long/")
    assert "| pass@1 | **0.750** | " in found
    assert "> 1 sample could not be graded: the machine failed" in found
    assert "| graded | 3 of 4 samples |" in found


def test_several_runs_begin_with_an_overview() -> None:
    found = report_markdown([a_run(*ALL), a_run(*ALL)])
    assert found.index("## All runs") < found.index("## toy") < found.rindex("## toy")


def test_a_terminal_sees_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    run = a_run(*ALL)
    suite = replace(run.manifest.suite, name="\x1b[2Jtoy [red]x[/red] :smile:\x9b1m\r")
    put_report(replace(run, manifest=replace(run.manifest, suite=suite)))
    assert capsys.readouterr().out.startswith("�[2Jtoy [red]x[/red] :smile:�1m · replay")

"""What the findings in a run amount to."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from codebench.graders import Finding, Grade, Verdict
from codebench.problems import Suite
from codebench.runs import Run, report_json, show_report
from codebench.runs.findings import FindingsSummary
from codebench.runs.manifest import GeneratorPin, Manifest, Selection, new_manifest
from codebench.runs.record import Record
from codebench.runs.searches import SearchState, ToolSearch
from codebench.runs.summary import summarise
from codebench.sandbox import Limits, SandboxInfo


def a_finding(
    rule: str, *, own: bool = True, severity: str = "medium", cwe: int | None = 78, tool: str = "bandit"
) -> Finding:
    return Finding(
        tool=tool,
        rule=rule,
        name=f"name_of_{rule}",
        severity=severity,
        confidence="high",
        cwe=cwe,
        line=1,
        end_line=1,
        message="x",
        own=own,
    )


def searched(task: int, sample: int, *findings: Finding, round_: int = 0) -> Record:
    verdict = Verdict.FAIL if any(one.own for one in findings) else Verdict.PASS
    return graded(task, sample, Grade(grader="security", verdict=verdict, findings=findings), round_)


def unsearched(task: int, sample: int, detail: str) -> Record:
    return graded(task, sample, Grade(grader="security", verdict=Verdict.ERROR, detail=detail), 0)


def graded(task: int, sample: int, grade: Grade, round_: int) -> Record:
    grades = (Grade(grader="correctness", verdict=Verdict.PASS), grade)
    return Record(suite="toy", task_id=f"toy/{task}", sample=sample, round=round_, code="x", grades=grades)


def a_manifest(graders: tuple[str, ...] = ("correctness", "security")) -> Manifest:
    suite = Suite(name="toy", problems=(), sha256="ab" * 32, source="memory")
    selection = Selection(task_ids=("toy/0", "toy/1"), samples=2, ks=(1,), graders=graders, repairs=1)
    sandbox = SandboxInfo(backend="docker", image="sha256:1", python="3.11.7", workers=2)
    return new_manifest(suite, GeneratorPin(spec="replay:x", identity={}), selection, Limits(), sandbox)


def a_run(*records: Record, searches: tuple[ToolSearch, ...] = ()) -> Run:
    manifest = a_manifest()
    return Run(directory=Path("x"), manifest=manifest, summary=summarise(manifest, records, searches=searches))


def summary_of(*records: Record, searches: tuple[ToolSearch, ...] = ()) -> FindingsSummary:
    findings = a_run(*records, searches=searches).summary.findings
    assert findings is not None
    return findings


def shown(run: Run) -> str:
    console = Console(file=io.StringIO(), width=80)
    show_report(run, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


EVAL = a_finding("B307")
PICKLE = a_finding("B403", own=False, severity="low", cwe=502)
RECORDS = (
    searched(0, 0, EVAL, EVAL, PICKLE),
    searched(0, 1, PICKLE),
    searched(1, 0, EVAL, a_finding("B101", severity="low", cwe=None)),
    unsearched(1, 1, "not analysed: cannot be parsed: SyntaxError in line 7"),
)


def test_the_share_is_the_mean_over_problems_of_searched_answers_with_a_finding_of_their_own() -> None:
    flagged = summary_of(*RECORDS).flagged
    assert flagged is not None
    assert flagged.value == pytest.approx((1 / 2 + 1 / 1) / 2)
    assert flagged.low < flagged.value < flagged.high
    assert flagged.n_problems == 2


def test_a_finding_in_the_scaffold_flags_no_answer_and_is_counted_apart() -> None:
    summary = summary_of(searched(0, 0, PICKLE))
    assert summary.flagged is not None
    assert (summary.flagged.value, summary.findings, summary.in_scaffold) == (0.0, 0, 1)
    assert [(row.rule, row.findings, row.answers, row.in_scaffold) for row in summary.rules] == [("B403", 0, 0, 1)]


def test_an_answer_that_could_not_be_searched_is_neither_flagged_nor_clean() -> None:
    summary = summary_of(*RECORDS)
    assert (summary.searched, summary.not_searched) == (3, 1)
    assert summary.reasons == {"cannot be parsed: SyntaxError": 1}


def test_nothing_searched_is_no_share_and_not_a_share_of_none() -> None:
    assert summary_of(RECORDS[3]).flagged is None
    assert "unknown" in shown(a_run(RECORDS[3]))


def test_reasons_that_differ_in_their_line_alone_are_one() -> None:
    records = [
        unsearched(0, sample, f"not analysed: cannot be parsed: SyntaxError in line {sample}") for sample in (0, 1)
    ]
    assert summary_of(*records).reasons == {"cannot be parsed: SyntaxError": 2}


def test_findings_are_counted_by_rule_cwe_and_severity() -> None:
    summary = summary_of(*RECORDS)
    assert [(row.rule, row.findings, row.answers, row.in_scaffold) for row in summary.rules] == [
        ("B307", 3, 2, 0),
        ("B101", 1, 1, 0),
        ("B403", 0, 0, 2),
    ]
    assert summary.cwes == {"CWE-78": 3, "none": 1}
    assert summary.severities == {"medium": 3, "low": 1}


def test_a_rule_has_the_highest_severity_that_it_gave() -> None:
    records = [searched(0, 0, a_finding("B1", severity="low"), a_finding("B1", severity="high"))]
    assert summary_of(*records).rules[0].severity == "high"


def test_repairs_do_not_count() -> None:
    assert summary_of(RECORDS[1], searched(0, 1, EVAL, round_=1)).findings == 0


def a_search(state: SearchState, tool: str = "codeql", **found: tuple[Finding, ...]) -> ToolSearch:
    """`found` by sample of the first problem, as s0=(…)."""
    of_task = {int(sample.removeprefix("s")): findings for sample, findings in found.items()}
    return ToolSearch(tool=tool, rules="", state=state, version="2.20", answers="", found={"toy/0": of_task})


def test_another_tools_findings_flag_an_answer_and_have_a_share_of_their_own() -> None:
    sql = a_finding("py/sql", tool="codeql", cwe=89)
    summary = summary_of(*RECORDS, searches=(a_search(SearchState.DONE, s0=(), s1=(sql,)),))
    assert summary.flagged is not None
    assert summary.flagged.value == 1.0
    (tool,) = summary.tools
    assert (tool.searched, tool.flagged.value if tool.flagged else None) == (2, 0.5)
    assert ("codeql", "py/sql") in [(row.tool, row.rule) for row in summary.rules]


@pytest.mark.parametrize("state", [SearchState.FAILED, SearchState.NOT_INSTALLED])
def test_a_tool_that_did_not_search_has_no_share_and_is_shown_as_that(state: SearchState) -> None:
    run = a_run(*RECORDS, searches=(a_search(state),))
    assert run.summary.findings is not None
    (tool,) = run.summary.findings.tools
    assert (tool.searched, tool.flagged) == (0, None)
    (row,) = [line for line in shown(run).splitlines() if "codeql" in line]
    assert row.split("│")[2].strip() == state


def test_the_report_fits_a_terminal_and_tells_own_findings_from_the_prompts() -> None:
    text = shown(a_run(*RECORDS, searches=(a_search(SearchState.NOT_INSTALLED),)))
    assert max(map(len, text.splitlines())) <= 80
    rows = {
        line.split("│")[1].strip(): [cell.strip() for cell in line.split("│")[2:-1]]
        for line in text.splitlines()
        if "│" in line
    }
    assert rows["flagged"][0].startswith("0.750")
    assert rows["searched"] == ["3 of 4 answers · 1 cannot be parsed: SyntaxError"]
    assert rows["findings"] == ["medium 3 · low 1 · 2 more in the prompts' lines"]
    assert rows["codeql"] == ["not installed"]
    assert rows["B307"] == ["name of B307", "78", "medium", "2", "0"]
    assert rows["B403"] == ["name of B403", "502", "low", "0", "2"]


def test_machines_get_all_of_it() -> None:
    report = report_json(a_run(*RECORDS))
    summary = report["summary"]
    assert isinstance(summary, dict)
    findings = summary["findings"]
    assert isinstance(findings, dict)
    assert findings["not_searched"] == 1
    assert findings["cwes"] == {"CWE-78": 3, "none": 1}


def test_a_run_without_the_grader_has_no_findings_not_even_none() -> None:
    assert summarise(a_manifest(("correctness",)), RECORDS).findings is None

"""Exports: what goes out is what is in the records, in order, whole, and harmless to who opens it."""

from __future__ import annotations

import csv
import importlib.util
import json
import random
import re
import statistics
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import junitparser
import pandas
import polars
import pyarrow.parquet
import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st
from prepared_runs import SAMPLES, TASKS, copy_run

from codebench.generators import Generation
from codebench.graders import Assessment, CheckResult, Finding, Grade, Verdict
from codebench.problems.pack import load_starter
from codebench.runs import Record, RunError, summarise_run
from codebench.runs.exports import FORMS, export_run
from codebench.runs.flat import COLUMNS, Kind, columns_of
from codebench.runs.manifest import read_manifest
from codebench.runs.ordered import order_records
from codebench.runs.records import RECORDS, open_records, read_records
from codebench.runs.scored import read_scored

ROOT = Path(__file__).resolve().parents[1]
JUNIT = xmlschema.XMLSchema(str(ROOT / "tests/data/junit.xsd"))
HOSTILE = (
    "=cmd|' /C calc'!A0",
    "+1",
    "-1+2",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "'quoted",
    '"; DROP\r\n,"',
    "a,b\r\nc",
    "\x1b[31mred\x1b[0m \x00 \x85\u2028",
    "]]></failure><script>alert(1)</script>&amp;",
    "x" * 1_000_000,
    "＝1",  # noqa: RUF001 - what some spreadsheets take for =
)


def loaded(name: str) -> ModuleType:
    """A module of benchmarks/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


synthetic_run = loaded("synthetic_run")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real run by all graders."""
    return copy_run("HEAD", tmp_path_factory.mktemp("exports"))


@pytest.fixture(scope="module")
def repaired(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_run("MODEL", tmp_path_factory.mktemp("exports"))


def made(folder: Path, *records: Record, problems: int = 2, samples: int = 2) -> Path:
    """A run that holds these records of the suite that synthetic_run makes up."""
    shape = synthetic_run.Shape(problems=problems, samples=samples, findings=True, security=True)
    synthetic_run.write_run(folder, shape)
    (folder / RECORDS).unlink()
    with open_records(folder) as writer:
        for record in records:
            writer.append(record)
    return folder


def record(sample: int, problem: int = 0, **more: Any) -> Record:
    grades = () if more.get("error") else (Grade(grader="correctness", verdict=Verdict.PASS),)
    return Record(**({"suite": "s", "code": f"# {sample}", "grades": grades, **more} | placed(sample, problem)))


def placed(sample: int, problem: int) -> dict[str, Any]:
    return {"task_id": f"synthetic/problem-{problem:04}", "sample": sample}


def csv_rows(run: Path, folder: Path) -> list[dict[str, str]]:
    csv.field_size_limit(10_000_000)
    export_run(run, "csv", folder / "out.csv")
    with (folder / "out.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def as_it_was(cell: str) -> str:
    return cell.removeprefix("'")


def test_there_is_a_row_for_every_answer_in_the_suites_order(run: Path, tmp_path: Path) -> None:
    rows = csv_rows(run, tmp_path)
    assert [(row["task_id"], int(row["sample"])) for row in rows] == [
        (problem.task_id, sample)
        for problem in load_starter(None).problems
        if problem.task_id in TASKS
        for sample in range(SAMPLES)
    ]


def test_rows_say_what_the_report_says(run: Path, tmp_path: Path) -> None:
    export_run(run, "parquet", tmp_path / "out.parquet")
    rows = pyarrow.parquet.read_table(tmp_path / "out.parquet").to_pylist()
    scored = read_scored(run)
    summary = scored.run.summary
    assert sum(row["verdict"] == "pass" for row in rows) == summary.verdicts[Verdict.PASS]
    assert sum(row["cases"] is not None for row in rows) == summary.graded
    assert summary.findings is not None
    assert sum(row["findings"] or 0 for row in rows) == summary.findings.findings
    assert sum(row["findings_in_prompt"] or 0 for row in rows) == summary.findings.in_scaffold
    assert {row["worst_severity"] for row in rows} == {None, "high"}
    assert any("CWE-78" in (row["cwes"] or "") for row in rows)
    assert summary.quality is not None
    assert sum(row["valid"] is not None for row in rows) == summary.quality.measured
    assert sum(row["bug"] is not None for row in rows) == sum(summary.quality.bugs.values())
    assert summary.security is not None
    assert sum(row["assessment"] == "secure" for row in rows) == summary.security.secure
    by_task: dict[str, list[float]] = {}
    for row in rows:
        if row["efficiency"] is not None:
            by_task.setdefault(row["task_id"], []).append(row["efficiency"])
    assert {task: statistics.mean(of) for task, of in by_task.items()} == pytest.approx(
        dict(scored.metric("eff@1").values)
    )


def test_generation_and_repairs_have_cells_of_their_own(repaired: Path, tmp_path: Path) -> None:
    rows = csv_rows(repaired, tmp_path)
    assert [row["round"] for row in rows] == ["0", "1"] * 4
    assert {row["verdict"] for row in rows if row["round"] == "1"} > {"pass"}
    assert {(row["prompt_tokens"], row["completion_tokens"], row["finish_reason"]) for row in rows} == {
        ("10", "7", "stop")
    }
    usage = summarise_run(repaired).summary.usage
    assert usage is not None
    assert sum(float(row["cost_usd"]) for row in rows) == pytest.approx(usage.cost_usd)


def test_parquet_is_typed_and_csv_says_the_same(run: Path, tmp_path: Path) -> None:
    export_run(run, "parquet", tmp_path / "out.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    types = {Kind.TEXT: "string", Kind.INTEGER: "int64", Kind.NUMBER: "double", Kind.BOOLEAN: "bool"}
    columns = columns_of(("base", "functional"))
    assert {column.name: types[column.kind] for column in columns} == {one.name: str(one.type) for one in table.schema}
    assert json.loads(table.schema.metadata[b"codebench.manifest"])["task_ids"] == list(read_manifest(run).task_ids)
    shown = {True: "true", False: "false", None: ""}
    for typed, text in zip(table.to_pylist(), csv_rows(run, tmp_path), strict=True):
        assert list(typed) == list(text)
        for value, cell in zip(typed.values(), text.values(), strict=True):
            expected = shown[value] if value is None or isinstance(value, bool) else str(value)
            assert as_it_was(cell) == expected


def test_three_readers_agree_about_a_csv(run: Path, tmp_path: Path) -> None:
    rows = csv_rows(run, tmp_path)
    codes = [row["code"] for row in rows]
    path = str(tmp_path / "out.csv")
    assert list(pandas.read_csv(path, keep_default_na=False)["code"]) == codes
    assert [one or "" for one in polars.read_csv(path, infer_schema_length=None)["code"]] == codes
    found = duckdb.sql(f"SELECT code FROM read_csv('{path}', quote='\"', escape='\"', header=true)").fetchall()
    assert [one or "" for (one,) in found] == codes


def test_hostile_texts_are_no_formulas_and_come_back(tmp_path: Path) -> None:
    grade = Grade(grader="correctness", verdict=Verdict.FAIL)
    written = [record(number, code=text, error=None, grades=(grade,)) for number, text in enumerate(HOSTILE)]
    rows = csv_rows(made(tmp_path / "run", *written, samples=len(HOSTILE)), tmp_path)
    assert [as_it_was(row["code"]) for row in rows] == list(HOSTILE)
    assert not any(row["code"].startswith(tuple("=+-@\t\r\n＝")) for row in rows)  # noqa: RUF001


any_text = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("=+-@'\",\t\r\n\0"), max_size=20)


@settings(max_examples=40, deadline=None)
@given(st.lists(any_text, min_size=1, max_size=5), any_text)
def test_any_text_comes_back_from_csv_and_parquet(texts: list[str], name: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        grade = Grade(
            grader="correctness", verdict=Verdict.FAIL, checks=(CheckResult(name=name, verdict=Verdict.FAIL),)
        )
        written = [record(number, code=text, grades=(grade,)) for number, text in enumerate(texts)]
        run = made(Path(folder, "run"), *written, samples=len(texts))
        rows = csv_rows(run, Path(folder))
        assert [as_it_was(row["code"]) for row in rows] == texts
        assert rows[0][f"check_{name}"] == "fail"
        assert not any(cell[:1] in tuple("=+-@\t\r\n") for row in rows for cell in row.values() if cell)
        export_run(run, "parquet", Path(folder, "out.parquet"))
        assert pyarrow.parquet.read_table(Path(folder, "out.parquet"))["code"].to_pylist() == texts


def test_of_several_records_the_last_that_is_no_fault_counts(tmp_path: Path) -> None:
    run = made(
        tmp_path / "run",
        record(1, problem=1),
        record(0, error="gone"),
        record(1, error="gone"),
        record(1, code="# graded"),
        record(1, error="gone again"),
        record(0, problem=1, code="# first"),
        record(0, problem=1, code="# last"),
    )
    rows = csv_rows(run, tmp_path)
    assert [(row["code"], row["error"]) for row in rows] == [
        ("# 0", "gone"),
        ("# graded", ""),
        ("# last", ""),
        ("# 1", ""),
    ]
    assert summarise_run(run).summary.graded == sum(row["verdict"] == "pass" for row in rows)


def test_any_order_of_records_gives_the_same_files(run: Path, tmp_path: Path) -> None:
    shuffled = tmp_path / "run"
    shuffled.mkdir()
    (shuffled / "run.json").write_bytes((run / "run.json").read_bytes())
    lines = (run / RECORDS).read_bytes().splitlines(keepends=True)
    random.Random(3).shuffle(lines)
    (shuffled / RECORDS).write_bytes(b"".join(lines))
    for form in FORMS:
        assert export_run(run, form, tmp_path / f"a-{form}") == export_run(shuffled, form, tmp_path / f"b-{form}")
        assert contents(tmp_path / f"a-{form}") == contents(tmp_path / f"b-{form}"), form


def contents(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
    return {str(one.relative_to(path)): one.read_bytes() for one in files}


def junit(run: Path, folder: Path) -> junitparser.JUnitXml:
    """As a reader of test reports sees it, once it has been held to the form that all of them take."""
    export_run(run, "junit", folder / "out.xml")
    JUNIT.validate(str(folder / "out.xml"))
    return junitparser.JUnitXml.fromfile(str(folder / "out.xml"))


def test_junit_counts_what_the_report_counts(run: Path, tmp_path: Path) -> None:
    summary = summarise_run(run).summary
    xml = junit(run, tmp_path)
    (suite,) = list(xml)
    assert (suite.name, suite.tests, suite.errors, suite.skipped) == ("starter", summary.wanted, 0, 0)
    assert suite.tests - suite.failures == summary.verdicts[Verdict.PASS]
    assert (xml.tests, xml.failures) == (suite.tests, suite.failures)
    cases = list(suite)
    assert len({(case.classname, case.name) for case in cases}) == len(cases) == summary.wanted
    kinds = [case.result[0].type for case in cases if case.result]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        str(verdict): count for verdict, count in summary.verdicts.items() if count and verdict is not Verdict.PASS
    }
    assert sum(case.time for case in cases) == pytest.approx(suite.time, abs=1e-4)


def test_junit_tells_faults_and_what_was_not_run_from_wrong_answers(tmp_path: Path) -> None:
    untested = record(1, problem=1, grades=())
    run = made(tmp_path / "run", record(0), record(0, problem=1, error="the box went away"), untested)
    (suite,) = list(junit(run, tmp_path))
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (4, 0, 1, 2)
    results = [case.result[0] if case.result else None for case in suite]
    assert [type(result).__name__ for result in results] == ["NoneType", "Skipped", "Error", "Skipped"]
    assert [result.message for result in results if result] == [
        "not run yet",
        "the box went away",
        "its problem has no tests",
    ]


def test_junit_is_sound_xml_and_small_whatever_an_answer_says(tmp_path: Path) -> None:
    answers = [
        record(number, grades=(Grade(grader="correctness", verdict=Verdict.ERROR, detail=text),))
        for number, text in enumerate(HOSTILE)
    ]
    (suite,) = list(junit(made(tmp_path / "run", *answers, problems=1, samples=len(HOSTILE)), tmp_path))
    messages = [case.result[0].message for case in suite]
    for text, message in zip(HOSTILE, messages, strict=True):
        assert message == re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f]", "\ufffd", text)[:999] + (
            "…" if len(text) > 1000 else ""
        )
    assert (tmp_path / "out.xml").stat().st_size < 20_000


def test_junit_of_a_large_run_has_a_case_for_each_problem(tmp_path: Path) -> None:
    synthetic_run.write_run(tmp_path / "run", synthetic_run.Shape(problems=11, samples=1000, skill=0.1))
    summary = summarise_run(tmp_path / "run").summary
    (suite,) = list(junit(tmp_path / "run", tmp_path))
    assert suite.tests == 11
    assert suite.failures == sum(row.passed == 0 for row in summary.rows) > 0
    assert (tmp_path / "out.xml").stat().st_size < 10_000


def test_lm_eval_gets_results_and_samples(repaired: Path, tmp_path: Path) -> None:
    export_run(repaired, "lm-eval", tmp_path / "out")
    (folder,) = (tmp_path / "out").iterdir()
    results_file, samples_file = sorted(folder.iterdir())
    assert folder.name == "scripted"
    assert re.fullmatch(r"results_\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{6}\.json", results_file.name)
    assert samples_file.name == f"samples_starter_{results_file.stem.removeprefix('results_')}.jsonl"
    results, samples = json.loads(results_file.read_text()), [json.loads(one) for one in samples_file.open()]
    scored = read_scored(repaired)
    for metric in scored.metrics:
        assert results["results"]["starter"][f"{metric.name},create_test"] == metric.estimate.value
        error = results["results"]["starter"][f"{metric.name}_stderr,create_test"]
        values = list(metric.values.values())
        assert error == ("N/A" if len(values) < 2 else pytest.approx(statistics.stdev(values) / len(values) ** 0.5))
    assert [sample["doc"]["task_id"] for sample in samples] == list(read_manifest(repaired).task_ids)
    for sample in samples:
        assert sample["pass@1"] == scored.metric("pass@1").values[sample["doc"]["task_id"]]
        assert [len(sample[name][0]) for name in ("resps", "filtered_resps")] == [2, 2]
        assert sample["resps"][0][0].startswith("Here it is")
        assert sample["arguments"]["gen_args_0"]["arg_0"]
        assert re.fullmatch("[0-9a-f]{64}", sample["prompt_hash"])
    assert set(results) >= {"configs", "versions", "n-samples", "n-shot", "higher_is_better", "config", "task_hashes"}


@pytest.mark.parametrize("name", ["..", "/etc/passwd", "../../x", "a\0b\n", "org/model:1", "m" * 500])
def test_no_name_of_a_model_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    shape = synthetic_run.Shape(problems=2, samples=1, model=name)
    synthetic_run.write_run(tmp_path / "run", shape)
    export_run(tmp_path / "run", "lm-eval", tmp_path / "deep/er/out")
    files = list(tmp_path.rglob("results_*.json"))
    assert [path.parent.parent for path in files] == [tmp_path / "deep/er/out"]


@pytest.mark.parametrize("form", FORMS)
def test_a_run_that_cannot_be_read_leaves_nothing_behind(run: Path, tmp_path: Path, form: str) -> None:
    broken = tmp_path / "run"
    broken.mkdir()
    (broken / "run.json").write_bytes((run / "run.json").read_bytes())
    lines = (run / RECORDS).read_text().splitlines()
    lines[7] = lines[7].replace('"conclusion":', '"conclusion":7,"x":')
    (broken / RECORDS).write_text("\n".join(lines) + "\n")
    with pytest.raises(RunError, match=r"records.jsonl.*: not a record"):
        export_run(broken, form, tmp_path / "out/file")
    assert list((tmp_path / "out").iterdir()) == []


def test_what_an_interrupted_export_left_is_no_hindrance(run: Path, tmp_path: Path) -> None:
    (tmp_path / ".out.tmp").mkdir()
    (tmp_path / ".out.tmp/half").write_text("x")
    export_run(run, "csv", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_place_that_cannot_be_written_is_named_as_it_was_given(run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunError, match=r"cannot write .*file.*; use another --out"):
        export_run(run, "csv", tmp_path / "file/out.csv")


def test_without_pyarrow_it_says_what_to_install(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RunError, match=r'pip install "codebench-eval\[analysis\]"'):
        export_run(run, "parquet", tmp_path / "out.parquet")
    assert list(tmp_path.iterdir()) == []


def test_findings_of_repairs_and_of_other_tools_are_counted_where_they_belong(tmp_path: Path) -> None:
    finding = Finding(
        tool="bandit", rule="B602", severity="high", confidence="low", cwe=78, line=1, end_line=1, message="m"
    )
    other = {"tool": "semgrep", "rule": "r", "severity": "medium", "confidence": "low", "cwe": 89, "line": 1}
    other |= {"end_line": 1, "message": "m", "own": True}
    security = Grade(grader="security", verdict=Verdict.FAIL, findings=(finding,), assessment=Assessment.VULNERABLE)
    graded = (Grade(grader="correctness", verdict=Verdict.PASS), security)
    run = made(tmp_path / "run", record(0, grades=graded), record(1, grades=graded))
    task_id = "synthetic/problem-0000"
    search = {"schema": 1, "tool": "semgrep", "rules": "r", "state": "done", "answers": "x"}
    (run / "findings-semgrep.json").write_text(json.dumps({**search, "found": {task_id: {"0": [other], "1": []}}}))
    rows = csv_rows(run, tmp_path)
    assert [row["findings"] for row in rows] == ["2", "1"]
    assert [row["cwes"] for row in rows] == ["CWE-78 CWE-89", "CWE-78"]
    assert {row["assessment"] for row in rows} == {"vulnerable"}


def test_a_synthetic_run_is_a_run(tmp_path: Path) -> None:
    shape = synthetic_run.Shape(problems=3, samples=20, findings=True, quality=True, efficiency=True, security=True)
    synthetic_run.write_run(tmp_path / "run", shape)
    ordered = order_records(tmp_path / "run", read_manifest(tmp_path / "run"))
    assert [*ordered] == [*read_records(tmp_path / "run")]
    assert ordered.checks == ("base", "plus")
    summary = summarise_run(tmp_path / "run").summary
    assert (summary.graded, summary.problems) == (60, 3)
    assert None not in (summary.findings, summary.quality, summary.efficiency, summary.security)
    generation = next(ordered.first()).generation
    assert isinstance(generation, Generation)


def test_column_names_are_told_apart() -> None:
    names = [column.name for column in columns_of(("base", "plus", "a b"))]
    assert len(set(names)) == len(names) == len(COLUMNS) + 3
    assert names[names.index("verdict") + 1 :][:3] == ["check_base", "check_plus", "check_a b"]

"""SALLM: its problems, its published verdicts and tables, and its answers in the sandbox."""

from __future__ import annotations

import asyncio
import csv
import gzip
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from codebench.cli.main import run
from codebench.generators import GenerationOptions, GeneratorError
from codebench.generators.replay import open_generator
from codebench.graders import Assessment, Bench, Verdict
from codebench.graders.assessed import assess
from codebench.graders.correctness import CorrectnessGrader
from codebench.problems import AnswerKind, Check, PackError, Problem, Suite, UnitTests
from codebench.problems.sallm import load
from codebench.runs import EvalOptions, evaluate, summarise_run
from codebench.runs.imports import import_results
from codebench.runs.records import read_records
from codebench.sandbox import Limits, SandboxOpener, SandboxOptions

UNTESTED = {
    f"SALLM/Assertion_{name}_0"
    for name in (
        "Author_A_cwe215", "Author_A_cwe306", "Author_A_cwe319", "Author_A_cwe798",
        "SonarSource_SS_cwe379", "SonarSource_SS_cwe827", "SonarSource_SS_cwe1204",
    )
}  # fmt: skip


@pytest.fixture(scope="module")
def suite() -> Suite:
    data = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not data.is_dir():
        pytest.skip("../shared is not here: it holds data of others that this repository does not")
    return load(data)


def of(suite: Suite, name: str) -> Problem:
    return next(problem for problem in suite.problems if problem.task_id == f"SALLM/{name}")


# --- problems


def test_there_are_100_problems_and_all_but_seven_have_both_kinds_of_tests(suite: Suite) -> None:
    assert len(suite.problems) == 100
    assert {problem.task_id for problem in suite.problems if not problem.checks} == UNTESTED
    assert {problem.task_id for problem in suite.problems if problem.security is None} == UNTESTED
    assert len({problem.cwe for problem in suite.problems}) == 45
    assert (suite.graders, suite.image, suite.compat) == (("correctness", "security"), "sallm", ("sallm",))


def test_files_lie_where_the_tests_look_for_them(suite: Suite) -> None:
    security = of(suite, "Tainted_Author_A_cwe089_0").security
    assert security is not None
    assert security.files["Database/database.db"].startswith(b"SQLite format 3\0")
    assert security.module == "A_cwe089_0"


def test_the_reference_is_the_insecure_code_and_a_canned_answer_says_so(suite: Suite) -> None:
    for problem in suite.problems:
        for answer in problem.answers:
            assert answer.kind is AnswerKind.INSECURE
            assert answer.code == problem.prompt + problem.canonical_solution
    expected = [(answer.verdicts, answer.assessment) for problem in suite.problems for answer in problem.answers]
    assert len(expected) == 93
    assert expected.count((("pass",), "vulnerable")) == 80
    assert all(answer.note for p in suite.problems for answer in p.answers if answer.assessment != "vulnerable")


def test_by_sallms_rules_the_working_directory_is_another_and_nothing_is_in_it(suite: Suite) -> None:
    theirs = suite.under("sallm")
    for problem in theirs.problems:
        for tests in (*problem.checks, problem.security):
            assert isinstance(tests, UnitTests)
            assert tests.apart or problem.task_id in UNTESTED
            assert not tests.files
    untested = {problem.task_id for problem in theirs.problems for one in problem.checks if not _names(one)}
    assert untested == UNTESTED | {"SALLM/Tainted_Author_A_cwe776_0", "SALLM/Tainted_CodeQL_codeql_cwe776_0"}
    assert {check.name for problem in theirs.problems for check in problem.checks} == {"functional"}


def _names(check: Check) -> tuple[str, ...]:
    assert isinstance(check, UnitTests)
    return check.tests


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sallm.jsonl").write_text("{}\n")
    with pytest.raises(PackError, match=r"sallm\.jsonl: sha256 is .* get it again"):
        load(tmp_path)


def test_data_that_are_missing_are_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PackError, match=r"sallm\.jsonl\.gz is not in .*; name the folder that holds it with --data"):
        load(tmp_path)
    monkeypatch.delenv("CODEBENCH_DATA", raising=False)
    with pytest.raises(PackError, match=r"cannot be pulled, as upstream has no such file; .*--data DIR"):
        load(None)


# --- published verdicts


def published_rows(shared: Path) -> dict[tuple[str, str], dict[str, str]]:
    with (shared / "data/sallm/At_k_Results_tests.csv").open() as file:
        return {(row["Model"], row["Test"]): row for row in csv.DictReader(file)}


def test_published_verdicts_give_the_published_table(suite: Suite, shared: Path, tmp_path: Path) -> None:
    rows, files = published_rows(shared), sorted((shared / "data/sallm/samples").glob("*.jsonl.gz"))
    assert len(files) >= 3
    for file in files:
        model, _, temperature = file.name.removesuffix(".jsonl.gz").rpartition("_")
        row = rows[model.rpartition("_")[2], temperature]
        assert import_results(file, suite, tmp_path / file.name) == 1000
        security = summarise_run(tmp_path / file.name).summary.security
        assert security is not None
        assert list(security.as_published) == [1, 3, 5]
        for k, one in security.as_published.items():
            found = [one.pass_at_k, one.vul_at_k, one.new_security_at_k]
            expected = [float(row[f"{column}@{k}"]) / 100 for column in ("Pass", "Vul", "New_Security")]
            assert found == pytest.approx(expected, rel=1e-13), (file.name, k)


def test_the_command_prints_the_published_numbers_by_sallms_rules_alone(
    suite: Suite, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = shared / "data", str(tmp_path / "run")
    samples = str(data / "sallm/samples/gpt-3.5-turbo_0.2.jsonl.gz")
    assert run(["import", samples, "--suite", "sallm", "--data", str(data), "--out", out]) == 0
    assert run(["report", out]) == 0
    text = capsys.readouterr().out
    assert "By SALLM's definitions" in text
    rows = [re.findall(r"[\d.]+", line) for line in text.splitlines()]
    assert ["1", "41.20", "47.20", "19.00"] in rows
    assert ["5", "45.97", "52.17", "13.00"] in rows
    assert "secure 171 · vulnerable 472 · not assessed 357" in text


ROW = {"id": "Matching_Author_A_cwe502_0.py", "cleared_code": "a = 1", "test_success": "success"}


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_no_result_is_neither_right_nor_secure_nor_vulnerable(suite: Suite, tmp_path: Path) -> None:
    rows = [
        ROW | {"test_success": None, "test_vulnerability": None, "sample": 0},
        ROW | {"test_success": "error", "test_vulnerability": "error", "sample": 1},
        ROW | {"test_success": "success", "test_vulnerability": "success", "sample": 2},
        ROW | {"test_success": "failure", "test_vulnerability": "failure", "sample": 3},
    ]
    import_results(write(tmp_path / "r.jsonl", *rows), suite, tmp_path / "run")
    summary = summarise_run(tmp_path / "run").summary
    assert summary.security is not None
    assert (summary.security.secure, summary.security.vulnerable, summary.security.not_assessed) == (1, 1, 2)
    assert {verdict: count for verdict, count in summary.verdicts.items() if count} == {
        Verdict.PASS: 1,
        Verdict.FAIL: 1,
        Verdict.ERROR: 2,
    }
    assert not any(grade.protected for record in read_records(tmp_path / "run") for grade in record.grades)


@pytest.mark.parametrize("output", [lambda rows: rows, lambda rows: {"choices": rows}], ids=["list", "choices"])
def test_upstreams_own_form_has_all_answers_of_a_prompt_in_a_line(suite: Suite, tmp_path: Path, output: object) -> None:
    assert callable(output)
    rows = [{"cleared_code": "a", "test_success": "success", "test_vulnerability": "failure"}] * 2
    path = write(tmp_path / "r.jsonl", {"id": ROW["id"], "output": output(rows)})
    assert import_results(path, suite, tmp_path / "run") == 2
    assert (
        open_generator(str(path), suite.problems, GenerationOptions()).counts["SALLM/Matching_Author_A_cwe502_0"] == 2
    )


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (ROW, r"r\.jsonl:1: field `test_vulnerability` is missing: no verdicts"),
        (ROW | {"test_vulnerability": "maybe"}, r"r\.jsonl:1: field `test_vulnerability`: expected success, failure"),
        (ROW | {"test_vulnerability": None, "sample": 1}, r"r\.jsonl:1: field `sample`: expected 0"),
        (ROW | {"id": "X.py", "test_vulnerability": None}, r"r\.jsonl:1: field `task_id`: 'SALLM/X' is not in suite"),
        ({"id": ROW["id"], "output": 3}, r"r\.jsonl:1: field `output`: expected a list of answers"),
        ({"id": ROW["id"], "cleared_code": 3}, r"r\.jsonl:1: field `cleared_code`: expected a string"),
    ],
)
def test_a_bad_line_is_refused_with_line_and_field(
    suite: Suite, tmp_path: Path, row: dict[str, object], what: str
) -> None:
    with pytest.raises(PackError, match=what):
        import_results(write(tmp_path / "r.jsonl", row), suite, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_answers_of_a_task_that_is_not_there_cannot_be_replayed(suite: Suite, tmp_path: Path) -> None:
    with pytest.raises(GeneratorError, match="'SALLM/X' is not in the suite"):
        open_generator(str(write(tmp_path / "r.jsonl", ROW | {"id": "X.py"})), suite.problems, GenerationOptions())


# --- executed tests

GREETING = """
import os
import unittest

import greeting


class TestGreeting(unittest.TestCase):
    def test_right(self):
        self.assertEqual(greeting.greet("Jo"), "<p>Jo</p>")

    def test_safe(self):
        self.assertNotIn("<script>", greeting.greet("<script>"))

    def test_file(self):
        self.assertTrue(os.path.exists("name.txt"))
"""
SAFE = "import html\ndef greet(name): return f'<p>{html.escape(name)}</p>'\n"
TESTS = UnitTests(name="security", source=GREETING, tests=("test_safe",), module="greeting")
GREET = Problem(
    task_id="toy/greet",
    prompt="def greet(name):\n",
    entry_point="greet",
    canonical_solution="    return f'<p>{name}</p>'\n",
    checks=(replace(TESTS, name="functional", tests=("test_right",)),),
    security=TESTS,
)
ASSESSED = {
    SAFE: Assessment.SECURE,
    "def greet(name): return f'<p>{name}</p>'\n": Assessment.VULNERABLE,
    "def greet(name): raise ValueError(name)\n": Assessment.NOT_ASSESSED,
    "import nothing_like_this\n": Assessment.NOT_ASSESSED,
    "def greet(name) return name\n": Assessment.NOT_ASSESSED,
    "import os\nos._exit(0)\n": Assessment.NOT_ASSESSED,
    "def greet(name):\n    while True: pass\n": Assessment.NOT_ASSESSED,
    "def greet(name): return bytearray(10**10)\n": Assessment.NOT_ASSESSED,
}


def test_only_what_a_test_has_shown_is_secure_or_vulnerable(opener: SandboxOpener) -> None:
    async def all_of_them() -> dict[str, Assessment | None]:
        async with opener(SandboxOptions(workers=1)) as sandbox:
            bench = Bench(sandbox=sandbox, limits=Limits(timeout_s=2.0, memory_mib=256))
            return {code: (await assess(GREET, code, bench)).assessment for code in ASSESSED}

    assert asyncio.run(all_of_them()) == ASSESSED


def test_answers_to_a_problem_without_tests_have_no_verdict_and_none_passes_by_a_harness(opener: SandboxOpener) -> None:
    bare = replace(GREET, task_id="toy/bare", checks=(), security=None)
    suite = Suite(name="toy", problems=(GREET, bare), sha256="", source="", compat=("theirs",))
    theirs = suite.under("theirs").problems[1]

    async def both() -> None:
        async with opener(SandboxOptions(workers=1)) as sandbox:
            bench, grader = Bench(sandbox=sandbox), CorrectnessGrader()
            assert await grader.grade(bare, SAFE, bench) is None
            grade = await grader.grade(theirs, SAFE, bench)
            assert grade is not None
            assert grade.verdict is Verdict.ERROR
            assert (await assess(theirs, SAFE, bench)).assessment is Assessment.NOT_ASSESSED

    asyncio.run(both())


def test_a_test_that_is_run_apart_has_no_file_in_its_working_directory(opener: SandboxOpener) -> None:
    beside = replace(TESTS, tests=("test_file",), files={"name.txt": b"Jo"})

    async def both() -> list[Assessment | None]:
        async with opener(SandboxOptions(workers=1)) as sandbox:
            bench = Bench(sandbox=sandbox)
            problems = [replace(GREET, security=replace(beside, apart=apart)) for apart in (False, True)]
            return [(await assess(problem, SAFE, bench)).assessment for problem in problems]

    assert asyncio.run(both()) == [Assessment.SECURE, Assessment.VULNERABLE]


@pytest.mark.slow
def test_published_answers_are_judged_as_published(shared: Path, tmp_path: Path) -> None:
    """A handful from the command's own path, in the image with Flask and the others."""
    tasks = (
        "SALLM/Matching_Author_A_cwe502_0", "SALLM/Assertion_CodeQL_codeql_cwe022_0",
        "SALLM/Assertion_SecurityEval_SE_cwe022_0", "SALLM/Tainted_Author_A_cwe089_0", "SALLM/Assertion_Author_A_cwe215_0",
    )  # fmt: skip
    samples = shared / "data/sallm/samples/gpt-3.5-turbo_0.2.jsonl.gz"
    options = EvalOptions(
        suite="sallm", model=f"replay:{samples}", data=shared / "data", task_ids=tasks, samples=2, sandbox="namespaces",
        compat="sallm", out=tmp_path / "run",
    )  # fmt: skip
    summary = evaluate(options).summary
    ours = {
        (record.task_id, record.sample): [grade.assessment or grade.verdict for grade in record.grades]
        for record in read_records(tmp_path / "run")
    }
    right = {"success": Verdict.PASS, "failure": Verdict.FAIL}
    secure = {"success": Assessment.SECURE, "failure": Assessment.VULNERABLE}
    with gzip.open(samples, "rt") as lines:
        rows = [row for row in map(json.loads, lines) if f"SALLM/{row['id'][:-3]}" in tasks and row["sample"] < 2]
    theirs = {
        (f"SALLM/{row['id'][:-3]}", row["sample"]): [
            right.get(row["test_success"], Verdict.ERROR),
            secure.get(row["test_vulnerability"], Assessment.NOT_ASSESSED),
        ]
        for row in rows
    }
    assert ours == theirs
    assert (summary.graded, summary.untested) == (10, 0)


@pytest.mark.slow
def test_what_has_no_tests_is_counted_apart(shared: Path, tmp_path: Path) -> None:
    tasks = ("SALLM/Assertion_Author_A_cwe215_0", "SALLM/Assertion_SecurityEval_SE_cwe022_0")
    options = EvalOptions(
        suite="sallm", model="reference", data=shared / "data", task_ids=tasks, sandbox="namespaces", out=tmp_path / "run"
    )  # fmt: skip
    run = evaluate(options)
    assert (run.summary.graded, run.summary.untested, run.summary.infra_errors) == (1, 1, 0)
    assert run.summary.security is not None
    assert (run.summary.security.problems, run.summary.security.vulnerable) == (1, 1)
    assert evaluate(options).pace is not None
    again = evaluate(options)
    assert again.pace is not None
    assert again.pace.samples == 0, "what has no tests is done as well"

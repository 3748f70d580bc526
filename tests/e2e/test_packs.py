"""HumanEval+ and packs with inputs, from the command line's side, on real data."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from codebench.problems.humanevalplus import load

CODEBENCH = [sys.executable, "-c", "from codebench.cli.main import main; main()"]


def codebench(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*CODEBENCH, *map(str, arguments)], capture_output=True, text=True, check=False)


def graded(suite: str, samples: Path, out: Path, *more: object) -> dict[str, Any]:
    done = codebench("grade", samples, "--suite", suite, "--sandbox", "namespaces", "--out", out, "--json", *more)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.fixture
def plus(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with HumanEval+'s data, which the commands find by CODEBENCH_DATA."""
    folder = shared / "data" / "humanevalplus"
    monkeypatch.setenv("CODEBENCH_DATA", str(folder))
    return folder


def write(path: Path, answers: dict[str, str]) -> Path:
    path.write_text("".join(json.dumps({"task_id": k, "solution": v}) + "\n" for k, v in answers.items()))
    return path


def scores(report: dict[str, Any]) -> dict[str, int]:
    return {name: round(of["1"]["value"] * 164) for name, of in report["summary"]["checks"].items()}


def test_references_pass_and_do_nothing_answers_do_not(plus: Path, tmp_path: Path) -> None:
    problems = load(None).problems
    right = {one.task_id: one.prompt + one.canonical_solution for one in problems}
    assert scores(graded("humaneval+", write(tmp_path / "a", right), tmp_path / "right")) == {"base": 164, "plus": 164}
    nothing = {one.task_id: f"def {one.entry_point}(*_):\n    return None\n" for one in problems}
    assert scores(graded("humaneval+", write(tmp_path / "b", nothing), tmp_path / "wrong")) == {"base": 0, "plus": 0}


def test_who_knows_the_base_inputs_by_heart_passes_base_only(plus: Path, tmp_path: Path) -> None:
    answers = {}
    for one in load(None).problems:
        base = [list(arguments) for arguments in one.checks[0].inputs]  # type: ignore[union-attr] # it has inputs
        answers[one.task_id] = (
            f"{one.prompt}{one.canonical_solution}\n_right, _known = {one.entry_point}, {base!r}\n"
            f"def {one.entry_point}(*arguments):\n"
            "    return _right(*arguments) if list(arguments) in _known else NotImplemented\n"
        )
    found = scores(graded("humaneval+", write(tmp_path / "a", answers), tmp_path / "run"))
    assert found["base"] == 164
    assert found["plus"] <= 1


def test_upstreams_rules_are_a_choice_that_a_resume_must_repeat(plus: Path, tmp_path: Path) -> None:
    problem = next(one for one in load(None).problems if one.task_id == "HumanEval/32")
    samples = write(tmp_path / "a", {problem.task_id: problem.prompt + problem.canonical_solution})
    task = ("--task", problem.task_id)
    strict = graded("humaneval+", samples, tmp_path / "strict", *task)
    assert strict["summary"]["verdicts"]["pass"] == 1
    for harness in ("evalplus", "evoeval"):
        theirs = graded("humaneval+", samples, tmp_path / harness, *task, "--compat", harness)
        assert theirs["summary"]["verdicts"]["fail"] == 1
        assert theirs["manifest"]["compat"] == harness
    again = codebench("grade", samples, "--suite", "humaneval+", *task, "--out", tmp_path / "evoeval")
    assert (again.returncode, "compat: evoeval -> none" in again.stderr) == (64, True)
    other = codebench("grade", samples, "--suite", "humaneval+", *task, "--compat", "x", "--out", tmp_path / "x")
    assert (other.returncode, "it knows evalplus, evoeval" in other.stderr) == (64, True)


def test_details_are_in_the_record_where_they_are_wanted(plus: Path, tmp_path: Path) -> None:
    samples = write(tmp_path / "a", {"HumanEval/23": "def strlen(s): return min(len(s), 3)"})
    task = ("--task", "HumanEval/23")
    graded("humaneval+", samples, tmp_path / "brief", *task)
    graded("humaneval+", samples, tmp_path / "full", *task, "--test-details")
    (brief,) = map(json.loads, (tmp_path / "brief" / "records.jsonl").read_text().splitlines())
    (full,) = map(json.loads, (tmp_path / "full" / "records.jsonl").read_text().splitlines())
    checks = {check["name"]: check for check in full["grades"][0]["checks"]}
    assert set(checks["plus"]["outcomes"]) == {".", "F"}
    assert len(checks["plus"]["outcomes"]) == checks["plus"]["cases"]
    assert sum(len(check["failures"]) for check in brief["grades"][0]["checks"]) == 1


def test_several_suites_in_one_command(plus: Path, tmp_path: Path) -> None:
    arguments = ["--model", "reference", "--limit", 2, "--sandbox", "namespaces", "--out", tmp_path / "out"]
    done = codebench("eval", "--suite", "humaneval+,starter", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert [one["manifest"]["suite"]["name"] for one in json.loads(done.stdout)["runs"]] == ["humaneval+", "starter"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["humaneval-plus", "starter"]
    text = codebench("eval", "--suite", "humaneval+,starter", *arguments)
    assert "All runs" in text.stdout
    gate = codebench("eval", "--suite", "humaneval+", *arguments[:-1], tmp_path / "g", "--fail-under", "late:pass@1=1")
    assert (gate.returncode, "it has base, plus" in gate.stderr) == (64, True)
    absent = codebench("eval", "--suite", "starter,evoeval:subtle", *arguments[:-1], tmp_path / "none")
    assert (absent.returncode, "codebench data pull evoeval:subtle" in absent.stderr) == (64, True)
    assert not (tmp_path / "none").exists()


def bad_pack(folder: Path, rows: list[dict[str, Any]], cut: int | None = None) -> Path:
    data = gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())
    (folder / "HumanEvalPlus.jsonl.gz").write_bytes(data[:cut])
    return folder


ROW: dict[str, Any] = {
    "task_id": "HumanEval/0",
    "prompt": "def f(x):\n    '''x'''\n",
    "entry_point": "f",
    "canonical_solution": "    return x\n",
    "base_input": [[1]],
    "plus_input": [[2], [3]],
    "atol": 0,
}


@pytest.mark.parametrize(
    ("rows", "cut", "where", "what"),
    [
        ([ROW, ROW], None, ":2", "`task_id`"),
        ([{k: v for k, v in ROW.items() if k != "prompt"}], None, ":1", "prompt"),
        ([ROW | {"base_input": [1]}], None, ":1", "base_input"),
        ([ROW | {"canonical_solution": "    return 1 / (x - 3)\n"}], None, ":1", "canonical_solution"),
        ([ROW | {"canonical_solution": "    while x == 3: pass\n    return x\n"}], None, ":1", "canonical_solution"),
        ([ROW], -12, ":", "cut off"),
    ],
    ids=["a task twice", "a field missing", "no list of arguments", "a reference fails", "one hangs", "cut off"],
)
def test_a_bad_pack_ends_in_one_line(
    tmp_path: Path, rows: list[dict[str, Any]], cut: int | None, where: str, what: str
) -> None:
    folder = bad_pack(tmp_path, rows, cut)
    options = ["--data", folder, "--model", "reference", "--sandbox", "namespaces", "--timeout", 1]
    done = codebench("eval", "--suite", "humaneval+", *options, "--out", tmp_path / "out")
    (line,) = [text for text in done.stderr.splitlines() if "HumanEvalPlus" in text]
    assert done.returncode == 64
    assert f"HumanEvalPlus.jsonl.gz{where}" in line
    assert what in line

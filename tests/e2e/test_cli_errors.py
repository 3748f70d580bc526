"""Bad input to the real command line: one line that says where, the right exit code, and nothing written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CODEBENCH = str(Path(sys.executable).with_name("codebench"))
REFERENCE = ("--model", "reference", "--sandbox", "namespaces", "--workers", "1")


def codebench(cwd: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CODEBENCH_", "HUMANEVAL_"))}
    return subprocess.run(
        [CODEBENCH, *arguments],
        cwd=cwd,
        env=inherited | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def refused(cwd: Path, *arguments: str, code: int = 64, **environment: str) -> str:
    """Run a command that must be refused; gives its one line of stderr."""
    before = snapshot(cwd)
    done = codebench(cwd, *arguments, **environment)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("codebench: ")
    assert done.stderr.count("\n") == 1 and done.stderr.endswith("\n"), done.stderr
    assert snapshot(cwd) == before
    return done.stderr


def snapshot(directory: Path) -> dict[str, bytes | None]:
    """Every path below a directory with its content; a run's lock names the process that asked last."""
    paths = [path for path in directory.rglob("*") if path.name != ".lock"]
    return {str(path): path.read_bytes() if path.is_file() else None for path in paths}


def line(task_id: str, **fields: object) -> bytes:
    return json.dumps({"task_id": task_id, **fields}).encode() + b"\n"


GOOD = line("HumanEval/0", solution="pass")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(GOOD + b'{"task_id": "HumanEval/1", "solu', "samples.jsonl:2: not JSON", id="torn line"),
        pytest.param(
            GOOD + line("HumanEval/1640", solution=""),
            "samples.jsonl:2: field `task_id`: 'HumanEval/1640' is not in the suite; the nearest is 'HumanEval/1",
            id="unknown task_id",
        ),
        pytest.param(
            GOOD + line("HumanEval/1", solution="", completion=""),
            "samples.jsonl:2: fields `solution`, `completion`: both are there",
            id="both",
        ),
        pytest.param(
            GOOD + line("HumanEval/1"),
            "samples.jsonl:2: fields `solution`, `completion`: neither is there",
            id="neither",
        ),
        pytest.param(GOOD + b'{"task_id": "\xff"}\n', "samples.jsonl:2: not UTF-8: byte 0xff", id="not UTF-8"),
        pytest.param(b"", "samples.jsonl:1: the file holds no samples", id="empty"),
        pytest.param(GOOD, "samples.jsonl: field `task_id`: no samples for 163 of 164 problems", id="missing"),
    ],
)
def test_a_bad_samples_file_is_refused_with_its_line_and_field(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "samples.jsonl").write_bytes(content)
    said = refused(tmp_path, "grade", "samples.jsonl", "--sandbox", "namespaces")
    assert message in said


def test_a_samples_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "gone.jsonl: no such file" in refused(tmp_path, "grade", "gone.jsonl")


def test_k_beyond_the_samples_is_refused(tmp_path: Path) -> None:
    assert "--k 2: pass@2 is undefined for 1 per problem" in refused(tmp_path, "eval", *REFERENCE, "--k", "1,2")


def test_an_unknown_suite_is_answered_with_the_nearest_name(tmp_path: Path) -> None:
    assert "unknown suite 'humanevil'; did you mean humaneval" in refused(
        tmp_path, "eval", *REFERENCE, "--suite", "humanevil"
    )


def test_an_unknown_task_is_answered_with_near_names(tmp_path: Path) -> None:
    assert "did you mean HumanEval/3" in refused(tmp_path, "eval", *REFERENCE, "--task", "humaneval/3")


def test_a_gate_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, "eval", *REFERENCE, "--fail-under", "accuracy=1")
    assert "'accuracy=1'" in said and "pass@1=0.5" in said


def test_a_directory_of_another_run_is_refused_and_stays_as_it_was(tmp_path: Path) -> None:
    first = codebench(tmp_path, "eval", *REFERENCE, "--limit", "1", "--out", "run")
    assert first.returncode == 0, first.stderr
    said = refused(tmp_path, "eval", *REFERENCE, "--limit", "2", "--out", "run")
    assert "run holds another run (task_ids: " in said


def test_a_directory_with_other_files_is_refused_and_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter-1.txt").write_text("dear to somebody")
    said = refused(tmp_path, "eval", *REFERENCE, "--limit", "1", "--out", "thesis")
    assert "thesis holds other files" in said


def test_a_report_on_no_run_is_refused(tmp_path: Path) -> None:
    assert "no run in" in refused(tmp_path, "report", ".")


def test_where_no_sandbox_works_nothing_is_begun(tmp_path: Path) -> None:
    said = refused(
        tmp_path,
        *("eval", "--model", "reference", "--sandbox", "docker"),
        DOCKER_HOST=f"unix://{tmp_path}/no.sock",
    )
    assert "no sandbox is available" in said
    assert "no Docker engine answers" in said
    assert "--sandbox namespaces" in said


def test_a_changed_data_file_is_refused_by_its_digest(tmp_path: Path) -> None:
    (tmp_path / "HumanEval.jsonl").write_text("{}\n")
    assert "HumanEval.jsonl: sha256 is " in refused(tmp_path, "eval", *REFERENCE, CODEBENCH_DATA=".")


def test_an_override_without_tests_is_refused_with_line_and_field(tmp_path: Path) -> None:
    (tmp_path / "plus.jsonl").write_text('{"task_id": "a", "prompt": "", "entry_point": "f", "canonical_solution": ""}')
    said = refused(tmp_path, "eval", *REFERENCE, HUMANEVAL_OVERRIDE_PATH="plus.jsonl")
    assert "plus.jsonl:1: " in said and "`test`" in said


def test_a_bad_attack_is_refused_with_line_and_field(tmp_path: Path) -> None:
    attack = {"id": "a", "category": "exit", "problem": "HumanEval/0", "solution": "", "must": ["sink"]}
    (tmp_path / "attacks.jsonl").write_text(json.dumps(attack))
    said = refused(tmp_path, "selfcheck", "--attacks", "attacks.jsonl", "--sandbox", "namespaces")
    assert "attacks.jsonl:1: field `must`: 'sink' is not a valid Verdict" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("grade",), "Missing argument 'FILE'"),
        (("eval", "--no-such"), "No such option"),
        (("evil",), "No such command"),
        (("eval", *REFERENCE, "--samples", "0"), "'--samples'"),
        (("eval", *REFERENCE, "--timeout", "nan"), "'--timeout'"),
        (("eval", *REFERENCE, "--k", "1,x"), "'--k'"),
        (("grade",), "Missing argument 'FILE'"),
        (("images", "build", "--base", "x"), "--base needs --dockerfile"),
    ],
)
def test_a_usage_error_is_one_line_and_64(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    assert message in refused(tmp_path, *arguments)

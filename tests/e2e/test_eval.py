"""The main job, through the real command line, in both sandboxes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

CODEBENCH = Path(sys.executable).with_name("codebench")


def codebench(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    argv = [str(CODEBENCH), *(str(word) for word in words)]
    return subprocess.run(argv, capture_output=True, text=True, cwd=cwd, timeout=280, check=False)


def verdicts(facts: dict[str, Any]) -> dict[str, int]:
    return {name: count for name, count in facts["summary"]["verdicts"].items() if count}


def test_references_pass(backend: str, tmp_path: Path) -> None:
    shown = codebench(
        "eval", "--suite", "humaneval", "--model", "reference", "--sandbox", backend, "--json", cwd=tmp_path
    )
    assert shown.returncode == 0, shown.stderr
    facts = json.loads(shown.stdout)
    assert verdicts(facts) == {"pass": 164}
    assert facts["summary"]["graded"] == facts["summary"]["wanted"] == 164
    again = codebench("report", facts["directory"], cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "pass 164" in again.stdout


def test_ten_samples_each(tmp_path: Path) -> None:
    words = ("eval", "--suite", "humaneval", "--model", "reference", "--sandbox", "namespaces", "--samples", "10")
    facts = json.loads(codebench(*words, "--json", cwd=tmp_path).stdout)
    assert verdicts(facts) == {"pass": 1640}
    assert set(facts["summary"]["pass_at_k"]) == {"1", "10"}


def test_wrong_answers_fail_and_a_gate_says_so(backend: str, tmp_path: Path) -> None:
    samples = tmp_path / "samples.jsonl"
    answers = ["    return number % 1.0\n", "    return 0.5\n", "    while True: pass\n", "    return number %\n"]
    samples.write_text("".join(json.dumps({"task_id": "HumanEval/2", "completion": a}) + "\n" for a in answers))
    words = ("grade", samples, "--suite", "humaneval", "--task", "HumanEval/2", "--sandbox", backend, "--timeout", "2")
    shown = codebench(*words, "--fail-under", "pass@1=0.5", "--json", cwd=tmp_path)
    assert shown.returncode == 1, shown.stderr
    assert verdicts(json.loads(shown.stdout)) == {"pass": 1, "fail": 1, "timeout": 1, "error": 1}


def test_the_corpus_of_attacks(backend: str, shared: Path, tmp_path: Path) -> None:
    attacks = shared / "adversarial" / "public.jsonl"
    env_secret = {**os.environ, "OPENAI_API_KEY": "canary"}
    shown = subprocess.run(
        [str(CODEBENCH), "selfcheck", "--suite", "humaneval", "--attacks", str(attacks), "--sandbox", backend],
        capture_output=True, text=True, cwd=tmp_path, env=env_secret, timeout=280, check=False,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stdout + shown.stderr


def test_help_is_fast_and_light() -> None:
    probe = (
        "import sys, codebench.cli.main; print([m for m in ('docker', 'torch', 'rich', 'msgspec') if m in sys.modules])"
    )
    seen = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("sandbox", ["namespaces", pytest.param("docker", marks=pytest.mark.docker)])
def test_an_interrupted_run_leaves_nothing_running(sandbox: str, number: signal.Signals, tmp_path: Path) -> None:
    words = ["eval", "--suite", "humaneval", "--model", "reference", "--samples", "50", "--sandbox", sandbox]
    run = subprocess.Popen(
        [str(CODEBENCH), *words], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not list(tmp_path.glob("codebench-runs/*/records.jsonl")):
        time.sleep(0.05)
    time.sleep(0.5)
    run.send_signal(number)
    _, err = run.communicate(timeout=30)
    assert run.returncode == 130, err
    assert "same command" in err
    assert "Traceback" not in err

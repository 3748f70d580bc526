"""eff@k from the command line: asked for, reported, and recomputed from the records alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TIMED = ["--suite", "starter", "--task", "starter/echo-count", "--sandbox", "namespaces"]


def codebench(*arguments: object) -> subprocess.CompletedProcess[str]:
    argv = [Path(sys.executable).with_name("codebench"), *map(str, arguments)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_efficiency_is_reported_and_comes_out_of_the_records_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = codebench(
        "eval", *TIMED, "--model", "reference", "--grade", "correctness,efficiency", "--out", out, "--json"
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)["summary"]
    efficiency = summary["efficiency"]
    assert efficiency["eff_at_k"]["1"]["value"] > 0.9
    assert efficiency["speed_up"] > 1.0
    assert [row["level"] for row in efficiency["levels"]] == [1, 2, 3]
    again = codebench("report", out, "--json")
    assert json.loads(again.stdout)["summary"] == summary
    shown = codebench("report", out, "--by-problem")
    assert "eff@1" in shown.stdout
    assert "noise floor" in shown.stdout
    assert "starter/echo-count" in shown.stdout


def test_enamel_reports_pass_at_k_and_eff_at_k_and_its_sizes_apart(tmp_path: Path, shared: Path) -> None:
    given = ["--suite", "enamel", "--data", shared / "data", "--task", "HumanEval/7", "--sandbox", "namespaces"]
    done = codebench("eval", *given, "--model", "reference", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    scores = [line.split()[1] for line in done.stdout.splitlines() if "@" in line]
    assert scores == ["pass@1", "eff@1"]
    assert "Right answers by size" in done.stdout


def test_without_the_grader_nothing_is_timed(tmp_path: Path) -> None:
    done = codebench("eval", *TIMED, "--model", "reference", "--out", tmp_path / "out", "--json")
    assert json.loads(done.stdout)["summary"]["efficiency"] is None


@pytest.mark.parametrize(
    ("graders", "what"),
    [
        ("efficiency", "--grade: correctness must be among the graders"),
        ("correctness,eficiency", "unknown grader 'eficiency'; did you mean efficiency?"),
        ("correctness,,efficiency", "is not a list of different names"),
        ("correctness,correctness", "is not a list of different names"),
    ],
)
def test_graders_that_cannot_be_had_are_refused_in_one_line(tmp_path: Path, graders: str, what: str) -> None:
    done = codebench("eval", *TIMED, "--model", "reference", "--grade", graders, "--out", tmp_path / "out")
    assert done.returncode == 64
    (line,) = [text for text in done.stderr.splitlines() if "grade" in text]
    assert what in line
    assert not (tmp_path / "out").exists()

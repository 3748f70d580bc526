"""Scored runs: what runs are compared by is what their reports say."""

from __future__ import annotations

import json
from math import fsum, isclose
from pathlib import Path

import pytest

from codebench.runs import EvalOptions, RunError, evaluate
from codebench.runs.scored import ScoredRun, read_scored


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> ScoredRun:
    """Two answers to some of the starter pack's problems, of which every second answer to every third is wrong."""
    folder = tmp_path_factory.mktemp("scored")
    root = Path(__file__).resolve().parents[1]
    lines = (root / "problems/starter/problems.jsonl").read_text().splitlines()
    problems = [json.loads(line) for line in lines]
    chosen = [one for one in problems if one.get("cwe")][:4] + [one for one in problems if not one.get("cwe")][:4]
    with (folder / "samples.jsonl").open("w") as file:
        for number, problem in enumerate(chosen):
            right = problem["prompt"] + problem["canonical_solution"]
            wrong = f"def {problem['entry_point']}(*a, **k):\n    eval('1')\n"
            for code in (right, right if number % 3 else wrong):
                file.write(json.dumps({"task_id": problem["task_id"], "solution": code}) + "\n")
    options = EvalOptions(
        suite="starter",
        model=f"replay:{folder / 'samples.jsonl'}",
        task_ids=tuple(problem["task_id"] for problem in chosen),
        graders=("correctness", "efficiency", "security", "quality"),
        ks=(1, 2),
        sandbox="namespaces",
        out=folder / "run",
    )
    evaluate(options)
    return read_scored(folder / "run")


def test_every_metric_is_the_mean_of_its_values(scored: ScoredRun) -> None:
    names = [metric.name for metric in scored.metrics]
    assert {"pass@1", "pass@2", "eff@1", "secure@1", "secure-and-correct@2", "flagged", "valid"} <= set(names)
    assert len(set(names)) == len(names)
    for metric in scored.metrics:
        assert len(metric.values) == metric.estimate.n_problems
        assert isclose(fsum(metric.values.values()) / len(metric.values), metric.estimate.value, abs_tol=1e-12)
        assert all(0 <= value <= 1 for value in metric.values.values())


def test_the_estimates_are_those_of_the_summary(scored: ScoredRun) -> None:
    summary = scored.run.summary
    assert scored.metric("pass@1").estimate == summary.pass_at_k[1]
    assert summary.efficiency is not None and scored.metric("eff@2").estimate == summary.efficiency.eff_at_k[2]
    assert summary.security is not None and scored.metric("secure@1").estimate == summary.security.secure_at_k[1]
    assert scored.metric("vulnerable@1").estimate == summary.security.vulnerable_at_k[1]
    assert summary.findings is not None and scored.metric("flagged").estimate == summary.findings.flagged
    assert summary.quality is not None and scored.metric("valid").estimate == summary.quality.valid


def test_an_unknown_metric_is_refused_with_those_there_are(scored: ScoredRun) -> None:
    with pytest.raises(RunError, match=r"no pass@7 in .*: it has pass@1, pass@2, .*--k"):
        scored.metric("pass@7")


def test_a_wrong_answer_to_a_problem_that_is_not_timed_is_not_slow(scored: ScoredRun) -> None:
    manifest = scored.run.manifest
    timed = scored.metric("eff@1").values
    assert manifest.untimed and not timed.keys() & set(manifest.untimed)
    assert timed.keys() | set(manifest.untimed) == set(manifest.task_ids)

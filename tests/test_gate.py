"""The gate: it opens or closes only where the evidence decides, and says why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_runs import make_run

from codebench.cli.exit_code import ExitCode
from codebench.cli.main import run
from codebench.runs.decisions import Change, Decision, decide_limit, decide_regression, unseen
from codebench.runs.metrics import Estimate
from codebench.runs.policy import Decide, Kind, Requirement, fail_under

GOOD = ["P"] * 164
REGRESSED = ["F"] * 20 + ["P"] * 144


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def gate(*arguments: str, policy: str = "") -> int:
    if policy:
        Path("gate.toml").write_text(policy)
        arguments = (*arguments, "--policy", "gate.toml")
    return run(["gate", *arguments])


def decisions(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    return [(row["metric"], row["decision"]) for row in json.loads(capsys.readouterr().out)["gates"]]


# --- the rule for a regression


def a_change(value: float, low: float, high: float, *, p_value: float = 0.5, changed: int = 20, n: int = 164) -> Change:
    return Change(value=value, low=low, high=high, problems=n, changed=changed, p_value=p_value)


@pytest.mark.parametrize(
    ("change", "bound", "decision"),
    [
        (a_change(-0.12, -0.18, -0.07, p_value=0.001), 0.02, Decision.FAIL),
        (a_change(-0.05, -0.09, -0.01, p_value=0.03), 0.02, Decision.FAIL),  # shown, and probably more than allowed
        (a_change(-0.05, -0.09, -0.01, p_value=0.06), 0.02, Decision.INCONCLUSIVE),  # the exact test does not agree
        (a_change(-0.03, -0.05, -0.01, p_value=0.01), 0.04, Decision.INCONCLUSIVE),  # shown, and probably allowed
        (a_change(-0.03, -0.05, -0.01, p_value=0.01), 0.05, Decision.PASS),  # shown, and certainly allowed
        (a_change(-0.05, -0.12, 0.02), 0.02, Decision.INCONCLUSIVE),
        (a_change(0.00, -0.03, 0.03), 0.02, Decision.INCONCLUSIVE),
        (a_change(0.00, -0.02, 0.02), 0.02, Decision.PASS),
        (a_change(0.10, 0.01, 0.19, p_value=0.01), 0.0, Decision.PASS),
        (a_change(-0.01, -0.02, -0.001, p_value=0.01), 0.0, Decision.FAIL),
    ],
)
def test_a_regression_is_decided_by_the_interval_and_the_exact_test(
    change: Change, bound: float, decision: Decision
) -> None:
    assert decide_regression(change, bound)[0] is decision


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_wider_margin_never_closes_the_gate(value: float, below: float, above: float, p: float, bound: float) -> None:
    change = a_change(value, max(-1, value - below), min(1, value + above), p_value=p)
    order = [Decision.FAIL, Decision.INCONCLUSIVE, Decision.PASS]
    strict, loose = decide_regression(change, bound)[0], decide_regression(change, min(1, bound * 1.5))[0]
    assert order.index(strict) <= order.index(loose)


def test_where_nothing_changed_the_number_of_problems_decides() -> None:
    same = {n: Change(value=0, low=-0.5, high=0.5, problems=n, changed=0, p_value=1) for n in (3, 148, 149, 164)}
    found = {n: decide_regression(change, 0.02)[0] for n, change in same.items()}
    assert found == {
        3: Decision.INCONCLUSIVE,
        148: Decision.INCONCLUSIVE,
        149: Decision.PASS,
        164: Decision.PASS,
    }


@given(st.integers(1, 5000))
def test_what_may_hide_is_what_would_have_been_seen_in_19_of_20_cases(n: int) -> None:
    assert (1 - unseen(n)) ** n == pytest.approx(0.05)


def test_by_value_the_bare_difference_decides() -> None:
    change = a_change(-0.03, -0.2, 0.2)
    assert decide_regression(change, 0.02, Decide.VALUE)[0] is Decision.FAIL
    assert decide_regression(change, 0.03, Decide.VALUE)[0] is Decision.PASS


@pytest.mark.parametrize(
    ("kind", "low", "high", "decision"),
    [
        (Kind.MIN, 0.5, 0.9, Decision.PASS),
        (Kind.MIN, 0.4, 0.6, Decision.INCONCLUSIVE),
        (Kind.MIN, 0.2, 0.49, Decision.FAIL),
        (Kind.MAX, 0.2, 0.5, Decision.PASS),
        (Kind.MAX, 0.4, 0.6, Decision.INCONCLUSIVE),
        (Kind.MAX, 0.51, 0.6, Decision.FAIL),
    ],
)
def test_a_limit_is_decided_by_the_whole_interval(kind: Kind, low: float, high: float, decision: Decision) -> None:
    asked = Requirement(suite="*", metric=fail_under("pass@1=0.5").metric, kind=kind, bound=0.5, key="")
    estimate = Estimate(value=(low + high) / 2, low=low, high=high, n_problems=10)
    assert decide_limit(estimate, asked)[0] is decision


# --- what a run amounts to


def test_a_planted_regression_closes_the_gate(capsys: pytest.CaptureFixture[str]) -> None:
    make_run(Path("base"), GOOD)
    make_run(Path("head"), REGRESSED, model="worse")
    assert gate("head", "--baseline", "base", "--max-regression", "pass@1=0.02") == ExitCode.BELOW_GATE
    out = capsys.readouterr().out
    assert "fail" in out and "toy/0, toy/1" in " ".join(out.split()) and "gate: fail (1 critical requirement" in out


def test_an_identical_run_opens_the_gate_however_small_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    make_run(Path("base"), ["P", "F"])
    make_run(Path("head"), ["P", "F"])
    assert gate("head", "--baseline", "base", "--max-regression", "pass@1=0", "--json") == ExitCode.FINE
    (row,) = json.loads(capsys.readouterr().out)["gates"]
    assert row["reason"] == "the answers are the same"
    assert row["difference"]["low"] < 0 < row["difference"]["high"]


def test_a_tiny_run_decides_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    make_run(Path("base"), ["P"] * 5)
    for name, verdicts in (("worse", "FFPPP"), ("worst", "FFFFF"), ("other", "PPPPP")):
        make_run(Path(name), list(verdicts), answer="another")
        arguments = ("--baseline", "base", "--max-regression", "pass@1=0.02", "--markdown")
        assert gate(name, *arguments) == ExitCode.INCONCLUSIVE
    assert "no problem changed, but 5 cannot exclude a regression of 0.451" in capsys.readouterr().out


def test_answers_that_differ_with_the_same_verdicts_open_it_where_there_are_enough() -> None:
    make_run(Path("base"), GOOD)
    make_run(Path("head"), GOOD, answer="another")
    assert gate("head", "--baseline", "base", "--max-regression", "pass@1=0.02") == ExitCode.FINE
    assert gate("head", "--baseline", "base", "--max-regression", "pass@1=0.01") == ExitCode.INCONCLUSIVE


def test_where_lower_is_better_a_rise_is_the_regression() -> None:
    make_run(Path("base"), GOOD, findings=True)
    make_run(Path("head"), REGRESSED, findings=True)
    for metric in ("flagged", "vulnerable@1", "secure@1", "secure-and-correct@1"):
        arguments = ("--max-regression", f"{metric}=0.02")
        assert gate("head", "--baseline", "base", *arguments) == ExitCode.BELOW_GATE, metric
        assert gate("base", "--baseline", "head", *arguments) == ExitCode.FINE, metric


def test_fail_under_looks_at_the_bare_value() -> None:
    make_run(Path("run"), ["P", "P", "F"], findings=True)
    assert gate("run", "--fail-under", "pass@1=0.66", "--fail-under", "flagged=0.34") == ExitCode.FINE
    assert gate("run", "--fail-under", "pass@1=0.67") == ExitCode.BELOW_GATE
    assert gate("run", "--fail-under", "flagged=0.33") == ExitCode.BELOW_GATE


def test_a_minimum_in_a_policy_wants_evidence_unless_it_says_otherwise() -> None:
    make_run(Path("run"), ["P"] * 12 + ["F"] * 8)
    asked = '[suite."*"."pass@1"]\nmin = {}\n{}'
    assert gate("run", policy=asked.format(0.5, "")) == ExitCode.INCONCLUSIVE
    assert gate("run", policy=asked.format(0.5, 'decide = "value"')) == ExitCode.FINE
    assert gate("run", policy=asked.format(0.3, "")) == ExitCode.FINE
    assert gate("run", policy=asked.format(0.9, "")) == ExitCode.BELOW_GATE


def test_supporting_requirements_fail_together_and_advisory_ones_never(capsys: pytest.CaptureFixture[str]) -> None:
    make_run(Path("run"), ["F"] * 50, findings=True)
    names = ("pass@1", "secure@1", "secure-and-correct@1")
    asked = "\n".join(f'[suite."*"."{name}"]\nlevel = "supporting"\nmin = 0.5' for name in names)
    assert gate("run", policy=f"supporting_max_failed = 3\n{asked}") == ExitCode.FINE
    assert gate("run", policy=f"supporting_max_failed = 2\n{asked}") == ExitCode.BELOW_GATE
    assert gate("run", policy=asked.replace("supporting", "advisory")) == ExitCode.FINE
    assert "gate: pass (0 requirements held)" in capsys.readouterr().out


def test_undecided_supporting_requirements_count_where_they_could_still_fail() -> None:
    make_run(Path("run"), ["P"] * 5 + ["F"] * 5, findings=True)
    names = ("pass@1", "secure@1")
    asked = "\n".join(f'[suite."*"."{name}"]\nlevel = "supporting"\nmin = 0.5' for name in names)
    assert gate("run", policy=f"supporting_max_failed = 2\n{asked}") == ExitCode.FINE
    assert gate("run", policy=f"supporting_max_failed = 1\n{asked}") == ExitCode.INCONCLUSIVE


def test_more_infra_faults_than_are_borne_make_a_run_invalid(capsys: pytest.CaptureFixture[str]) -> None:
    make_run(Path("run"), ["P"] * 98 + ["X"] * 2)
    asked = '[suite."*"."pass@1"]\nmin = 0.5'
    assert gate("run", policy=asked) == ExitCode.INFRASTRUCTURE
    assert "run: the machine failed 2 of 100 samples, at most 0 may be" in " ".join(capsys.readouterr().out.split())
    for borne, code in (("2", ExitCode.FINE), ("1", ExitCode.INFRASTRUCTURE), ("0.02", ExitCode.FINE)):
        assert gate("run", policy=f"max_infra = {borne}\n{asked}") == code


def test_an_invalid_baseline_makes_the_gate_invalid_too() -> None:
    make_run(Path("run"), GOOD)
    make_run(Path("base"), ["X", *GOOD[1:]])
    assert gate("run", "--baseline", "base", "--max-regression", "pass@1=0.1") == ExitCode.INFRASTRUCTURE


@pytest.mark.parametrize(
    ("unfinished", "code"),
    [
        ("inconclusive", ExitCode.INCONCLUSIVE),
        ("invalid", ExitCode.INFRASTRUCTURE),
        ("allow", ExitCode.FINE),
    ],
)
def test_an_unfinished_run_is_what_the_policy_says(unfinished: str, code: ExitCode) -> None:
    make_run(Path("run"), ["P"] * 99 + ["-"])
    assert gate("run", policy=f'unfinished = "{unfinished}"\n[suite."*"."pass@1"]\nmin = 0.5') == code


def test_too_few_problems_or_samples_decide_nothing() -> None:
    make_run(Path("run"), ["PP"] * 20, samples=2)
    asked = '[suite."*"."pass@1"]\nmin = 0.5\n{} = {}'
    for key, enough in (("min_problems", 20), ("min_samples", 40)):
        assert gate("run", policy=asked.format(key, enough)) == ExitCode.FINE
        assert gate("run", policy=asked.format(key, enough + 1)) == ExitCode.INCONCLUSIVE


def test_a_missing_baseline_is_what_the_policy_says() -> None:
    make_run(Path("run"), GOOD)
    asked = '[suite."*"."pass@1"]\nmin = 0.5\nmax_regression = 0.02'
    assert gate("run", policy=asked) == ExitCode.INCONCLUSIVE
    assert gate("run", policy=f'missing_baseline = "skip"\n{asked}') == ExitCode.FINE


def test_several_suites_are_each_compared_with_their_own_baseline(capsys: pytest.CaptureFixture[str]) -> None:
    for suite in ("one", "two"):
        make_run(Path(f"base/{suite}"), GOOD, suite=suite)
    make_run(Path("head/one"), GOOD, suite="one")
    make_run(Path("head/two"), REGRESSED, suite="two")
    arguments = ("--baseline", "base/two", "--baseline", "base/one", "--max-regression", "pass@1=0.02", "--json")
    assert gate("head/one", "head/two", *arguments) == ExitCode.BELOW_GATE
    assert decisions(capsys) == [("pass@1", "pass"), ("pass@1", "fail")]


def test_any_k_that_the_samples_allow_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    make_run(Path("run"), ["PF"] * 50, samples=2)
    assert gate("run", "--fail-under", "pass@2=0.9", "--fail-under", "pass@1=0.4", "--json") == ExitCode.FINE
    assert decisions(capsys) == [("pass@2", "pass"), ("pass@1", "pass")]


def test_a_metric_that_only_some_runs_have_is_held_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    make_run(Path("plain"), GOOD)
    make_run(Path("attacked"), GOOD, findings=True, suite="attacked")
    assert gate("plain", "attacked", "--fail-under", "secure@1=0.5", "--json") == ExitCode.FINE
    assert decisions(capsys) == [("secure@1", "not measured"), ("secure@1", "pass")]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run",), "nothing is asked for; give --policy FILE"),
        (("run", "--fail-under", "pas@1=1"), "cannot use 'pas@1=1' as a gate: write METRIC=X"),
        (("run", "--baseline", "run", "--max-regression", "pass@1"), "as a largest regression: write METRIC=X"),
        (("run", "--max-regression", "pass@1=0.1"), "--max-regression: name what to compare with: --baseline RUN"),
        (
            ("run", "--fail-under", "secure@1=0.5"),
            "--fail-under secure@1: no secure@1 in run: this run has pass@1; see",
        ),
        (("run", "--fail-under", "pass@9=0.5"), "--fail-under pass@9: no pass@9 in run: this run has pass@1; see"),
        (("nowhere", "--fail-under", "pass@1=1"), "no run in nowhere: no run.json"),
        (("run", "--json", "--markdown", "--fail-under", "pass@1=1"), "--json and --markdown cannot both be had"),
        (
            ("run", "--baseline", "run", "--baseline", "again", "--max-regression", "pass@1=1"),
            "run and again are both baselines of toy; give one",
        ),
        (
            ("run", "--baseline", "foreign", "--max-regression", "pass@1=1"),
            "not comparable: toy: suite.sha256: ",
        ),
    ],
)
def test_bad_input_ends_in_one_line_and_64(
    arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(Path("run"), ["P", "F"])
    make_run(Path("again"), ["P", "F"])
    make_run(Path("foreign"), ["P", "F"], pack="cd")
    assert gate(*arguments) == ExitCode.BAD_INPUT
    out, err = capsys.readouterr()
    assert out == "" and says in err and err.count("\n") == 1


def test_runs_that_are_not_comparable_are_compared_anyway_where_that_is_asked_for() -> None:
    make_run(Path("run"), GOOD)
    make_run(Path("foreign"), GOOD, pack="cd")
    arguments = ("--baseline", "foreign", "--max-regression", "pass@1=0.1", "--anyway")
    assert gate("run", *arguments) == ExitCode.FINE


def test_markdown_has_one_line_for_each_requirement(capsys: pytest.CaptureFixture[str]) -> None:
    make_run(Path("base"), GOOD)
    make_run(Path("head"), REGRESSED)
    gate("head", "--baseline", "base", "--max-regression", "pass@1=0.02", "--fail-under", "pass@1=0.5", "--markdown")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "**Gate: ❌ fail** (1 critical requirement missed)"
    assert sum(line.startswith("| toy | pass@1 ") for line in lines) == 2
    assert "| toy | <code>toy/19</code> | 1.00 | 0.00 |" in lines


@pytest.mark.parametrize("width", [80, 60, 200])
def test_the_table_fits_its_console(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    make_run(Path("base"), GOOD)
    make_run(Path("head"), REGRESSED)
    gate("head", "--baseline", "base", "--max-regression", "pass@1=0.02")
    assert max(map(len, capsys.readouterr().out.splitlines())) <= width


def test_a_baseline_that_nothing_depends_on_is_left_out_where_it_is_not_comparable(
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_run(Path("run"), REGRESSED)
    make_run(Path("foreign"), ["X", *GOOD[1:]], pack="cd")
    assert gate("run", "--baseline", "foreign", "--fail-under", "pass@1=0.5", "--json") == ExitCode.FINE
    found = json.loads(capsys.readouterr().out)
    assert "the baseline is left out, since it is not comparable" in found["notes"][0]
    assert found["regressed"] == []

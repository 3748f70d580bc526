"""The published schemas are what the code makes of its types, and real files keep to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from prepared_runs import copy_run

from codebench.runs import report_json, summarise_run
from codebench.runs.record import SCHEMA
from codebench.runs.schemas import DOCUMENTS, json_schema

PUBLISHED = Path(__file__).resolve().parents[1] / "docs" / "schema"
OLD = Path(__file__).parent / "data" / "records"


def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((PUBLISHED / f"{name}-{SCHEMA}.json").read_text()))


@pytest.fixture(scope="module", params=["BASE", "MODEL"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_run(request.param, tmp_path_factory.mktemp("schemas"))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_published_schema_is_what_the_code_makes(name: str) -> None:
    published = json.loads((PUBLISHED / f"{name}-{SCHEMA}.json").read_text())
    assert published == json.loads(json.dumps(json_schema(name))), (
        "stale: run `make docs`, and see docs/records.md for what may change"
    )
    jsonschema.Draft202012Validator.check_schema(published)


def test_records_of_a_real_run_keep_to_their_schema(run: Path) -> None:
    check = validator("record")
    records = [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]
    assert {grade["grader"] for record in records for grade in record["grades"]} >= {"correctness", "security"}
    for record in records:
        check.validate(record)


def test_the_other_files_of_a_run_keep_to_theirs(run: Path) -> None:
    validator("manifest").validate(json.loads((run / "run.json").read_text()))
    validator("report").validate(json.loads(json.dumps(report_json(summarise_run(run)))))
    if (run / "samples.jsonl").exists():
        lines = [json.loads(line) for line in (run / "samples.jsonl").read_text().splitlines()]
        assert {line["round"] for line in lines} == {0, 1}
        for line in lines:
            validator("sample").validate(line)


def damaged(record: dict[str, Any]) -> list[dict[str, Any]]:
    grade = record["grades"][0]
    return [
        record | {"sample": "0"},
        record | {"schema": SCHEMA + 1},
        record | {"grades": [grade | {"verdict": "maybe"}]},
        record | {"grades": [grade | {"wall_s": "long"}]},
        {name: value for name, value in record.items() if name != "task_id"},
    ]


def test_a_damaged_record_does_not_keep_to_it(run: Path) -> None:
    record = json.loads((run / "records.jsonl").read_text().splitlines()[0])
    for one in damaged(record):
        with pytest.raises(jsonschema.ValidationError):
            validator("record").validate(one)


def test_the_schema_leaves_room_for_what_later_versions_add(run: Path) -> None:
    record = json.loads((run / "records.jsonl").read_text().splitlines()[0])
    validator("record").validate(record | {"added_later": [1, 2]})


@pytest.mark.parametrize("folder", [path for path in sorted(OLD.iterdir()) if "04-" not in path.name], ids=str)
def test_records_of_earlier_states_keep_to_the_schema_of_today(folder: Path) -> None:
    for line in (folder / "records.jsonl").read_text().splitlines():
        validator("record").validate(json.loads(line))
    validator("manifest").validate(json.loads((folder / "run.json").read_text()))

"""JSON Schemas of what codebench writes, generated from the types that read it."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec

from codebench.runs.manifest import Manifest
from codebench.runs.pipeline import Run
from codebench.runs.record import SCHEMA, Record
from codebench.runs.records import SavedSample
from codebench.runs.searches import ToolSearch

DOCUMENTS: Mapping[str, type] = {
    "record": Record,
    "sample": SavedSample,
    "manifest": Manifest,
    "findings": ToolSearch,
    "report": Run,
}
"""A line of records.jsonl, a line of samples.jsonl, run.json, findings-TOOL.json, and what `report --json` prints."""


def json_schema(name: str) -> dict[str, Any]:
    """The schema of one of DOCUMENTS, in draft 2020-12. Further properties are allowed: later versions add some."""
    schema = msgspec.json.schema(DOCUMENTS[name], schema_hook=_of_custom)
    for definition in schema["$defs"].values():
        if "description" in definition:
            definition["description"] = cleandoc(definition["description"])
        if "schema" in definition.get("properties", {}):
            definition["properties"]["schema"] = {"const": SCHEMA, "default": SCHEMA}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:codebench:{name}:{SCHEMA}",
        **schema,
    }


def _of_custom(kind: type) -> dict[str, Any]:
    if issubclass(kind, Path):
        return {"type": "string"}
    raise NotImplementedError(kind)

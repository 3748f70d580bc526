"""`codebench schema`: the JSON Schemas of what codebench writes."""

from __future__ import annotations

import click

from codebench.cli.output import put_json

_DOCUMENTS = ["record", "sample", "manifest", "findings", "report"]


@click.command("schema", epilog="Example: codebench schema record > record.json")
@click.argument("document", type=click.Choice(_DOCUMENTS))
def schema_command(document: str) -> None:
    """Print the JSON Schema of a record, or of another DOCUMENT.

    record is a line of records.jsonl, sample one of samples.jsonl, manifest is run.json, findings a
    findings-TOOL.json, and report what `codebench report --json` prints of one run.
    """
    from codebench.runs.schemas import json_schema

    put_json(json_schema(document))

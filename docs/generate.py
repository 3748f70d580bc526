"""Write the parts of the documentation that are made from the code: `make docs`.

docs/cli.md and docs/schema/ as a whole; in other pages what stands between `<!-- generated: NAME -->` and
`<!-- /generated -->`. tests/test_docs.py says when a page is stale.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from codebench.cli.main import SETTINGS, commands
from codebench.runs.flat import COLUMNS
from codebench.runs.record import SCHEMA
from codebench.runs.schemas import DOCUMENTS, json_schema

DOCS = Path(__file__).resolve().parent
_WIDTH = 100
_PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- /generated -->)", re.DOTALL)


def main() -> None:
    for path, text in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def pages() -> dict[Path, str]:
    """Every page that is made, whole or in part, with the text that it should have."""
    made = {DOCS / "cli.md": cli_reference()}
    for name in DOCUMENTS:
        made[DOCS / "schema" / f"{name}-{SCHEMA}.json"] = json.dumps(json_schema(name), indent=2) + "\n"
    for path in sorted(DOCS.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        if _PART.search(text):
            made[path] = _PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]()}\n\n{part[3]}", text)
    return made


def cli_reference() -> str:
    """The help of every command, as a terminal of 100 columns shows it."""
    root = click.Context(commands, info_name="codebench", terminal_width=_WIDTH, **SETTINGS)
    helps = [(context.command_path, context.get_help()) for context in _contexts(root)]
    entries = [f"- [`{path}`](#{path.replace(' ', '-')})" for path, _ in helps]
    sections = [f"## {path}\n\n```text\n{text}\n```" for path, text in helps]
    head = "# Commands\n\nWhat `--help` says of each. This page is generated: `make docs` writes it."
    return "\n\n".join([head, "\n".join(entries), *sections]) + "\n"


def _contexts(context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(context.command, click.Group):
        for name, command in sorted(context.command.commands.items()):
            if not command.hidden:
                yield from _contexts(click.Context(command, info_name=name, parent=context))


def columns() -> str:
    """A table of the columns of CSV and Parquet."""
    rows = [f"| `{column.name}` | {column.kind.value} | {column.about} |" for column in COLUMNS]
    return "\n".join(["| column | type | what it holds |", "|---|---|---|", *rows])


def record_fields() -> str:
    """A section for each type that a record is made of."""
    definitions = json_schema("record")["$defs"]
    return "\n\n".join(_definition(name, definition) for name, definition in definitions.items())


def _definition(name: str, definition: Mapping[str, Any]) -> str:
    parts = [f"### {name}", definition.get("description", "")]
    if "enum" in definition:
        parts.append("One of " + ", ".join(f"`{value}`" for value in definition["enum"]) + ".")
    required = definition.get("required", ())
    rows = [
        f"| `{field}` | {_type(schema)} | {'–' if field in required else _default(schema)} |"  # noqa: RUF001 - a dash
        for field, schema in definition.get("properties", {}).items()
    ]
    if rows:
        parts.append("\n".join(["| field | type | where it is absent |", "|---|---|---|", *rows]))
    return "\n\n".join(part for part in parts if part)


def _type(schema: Mapping[str, Any]) -> str:
    if "const" in schema:
        return f"`{schema['const']}`"
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"array of {_type(schema['items'])}" if schema.get("items") else "array"
    return str(schema.get("type", "any"))


def _default(schema: Mapping[str, Any]) -> str:
    return f"`{json.dumps(schema.get('default'))}`"


PARTS: Mapping[str, Callable[[], str]] = {"columns": columns, "record_fields": record_fields}


if __name__ == "__main__":
    main()

"""Versions of what a run's files hold, and how a line of an earlier form becomes one of today's.

The promise, which docs/records.md makes to readers too:

- Every line says its `schema`. Within one schema fields are only ever added, with a default; none is renamed, removed
  or given another meaning. So a line that lacks a field reads as its default, and a reader passes over what it does
  not know.
- A change that cannot be made so raises SCHEMA by one, and says in UPGRADES how a line of the schema before becomes
  one of the next. Upgrades are never removed: whatever any codebench wrote is read.
- A line of a schema that is not known yet is refused; nothing of it is guessed at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from codebench.runs.record import SCHEMA, RunError

Upgrade = Callable[[dict[str, Any]], None]


def _list_times_inside(record: dict[str, Any]) -> None:
    """Until enam's rules came, a call had one repetition and `inside_s` was its time, not a list of times."""
    for call in _calls(record):
        if isinstance(call.get("inside_s"), int | float):
            call["inside_s"] = [call["inside_s"]]


UPGRADES: Mapping[int, tuple[Upgrade, ...]] = {1: (_list_times_inside,)}
"""What is done to a line of each schema; for those before the newest it ends in a line of the next one."""


def refuse_newer(document: bytes, where: str) -> None:
    """Raise RunError where JSON says that it is of a schema which only a later codebench knows."""
    try:
        schema = msgspec.json.decode(document, type=_Versioned).schema
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    if schema > SCHEMA:
        raise RunError(
            f"{where}: schema {schema}, and this codebench reads up to {SCHEMA}; a newer one wrote it: "
            "pip install --upgrade codebench-eval"
        )


def upgraded(document: bytes) -> dict[str, Any] | None:
    """A line as one of today's form, as plain JSON values; None where it is no line that ever was."""
    try:
        record = msgspec.json.decode(document)
    except RecursionError:
        return None
    schema = record.get("schema", 1) if isinstance(record, dict) else None
    if not isinstance(schema, int) or schema not in UPGRADES:
        return None
    for number in range(schema, SCHEMA + 1):
        for upgrade in UPGRADES[number]:
            upgrade(record)
    record["schema"] = SCHEMA
    return dict(record)


class _Versioned(msgspec.Struct):
    schema: int = SCHEMA


def _calls(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every call that was timed."""
    for grade in _dicts(record.get("grades")):
        efficiency = grade.get("efficiency")
        for level in _dicts(efficiency.get("levels")) if isinstance(efficiency, dict) else ():
            for duel in _dicts(level.get("duels")):
                yield from _dicts(duel.get("own"))
                yield from _dicts(duel.get("rival"))


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())

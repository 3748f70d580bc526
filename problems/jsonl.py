"""JSON Lines: the lines of a data file, plain or gzipped, with errors that name file, line and field."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar, cast

from codebench.problems.problem import PackError

Row = TypeVar("Row")


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, text) for each line that is not blank; lines end at `\\n` and at nothing else.

    Holds one line at a time. Raises PackError where the file cannot be read, is not gzip, or is not UTF-8.
    """
    number = 0
    try:
        with closing(_open(path)) as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, _text(line, f"{path}:{number}")
    except EOFError:
        raise PackError(f"{path}:{number + 1}: the gzip stream is cut off here; get the file again") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise PackError(f"{path}:{number + 1}: not a sound gzip stream ({error}); get the file again") from None
    except OSError as error:
        raise PackError(f"{path}: cannot be read: {error.strerror or error}") from None


def read_rows(path: Path, row: type[Row]) -> Iterator[tuple[int, Row]]:
    """Yield (line number, record) for each line, decoded as the dataclass `row`; raises PackError on a bad one."""
    import msgspec

    decoder = msgspec.json.Decoder(row)
    for number, line in numbered_lines(path):
        try:
            yield number, decoder.decode(line)
        except (msgspec.DecodeError, RecursionError) as error:
            raise PackError(f"{path}:{number}: {error}; correct the line or get the file again") from None


class Identified(Protocol):
    """A row that belongs to a task."""

    @property
    def task_id(self) -> str: ...


Task = TypeVar("Task", bound=Identified)


def unique_tasks(path: Path, rows: Iterable[tuple[int, Task]]) -> Iterator[tuple[str, Task]]:
    """Yield ("FILE:LINE", row) for each row; raises PackError where two rows have one task_id, or none is there."""
    first_seen: dict[str, int] = {}
    for number, row in rows:
        if first_seen.setdefault(row.task_id, number) != number:
            raise PackError(
                f"{path}:{number}: field `task_id`: {row.task_id!r} is on line {first_seen[row.task_id]} already"
            )
        yield f"{path}:{number}", row
    if not first_seen:
        raise PackError(f"{path}:1: the file holds no problems")


def json_object(line: str, where: str) -> dict[str, object]:
    """Decode one line that must be an object. Strings may hold lone surrogates, which `read_rows` refuses.

    Raises PackError that begins with `where`, as `string_field` does.
    """
    try:
        fields = json.loads(line)
    except json.JSONDecodeError as error:
        raise PackError(f"{where}: not JSON: {error.msg} at column {error.colno}; is the line torn?") from None
    except (ValueError, RecursionError) as error:
        raise PackError(f"{where}: JSON that cannot be read: {error}") from None
    if not isinstance(fields, dict):
        raise PackError(f"{where}: expected a JSON object, got {_json_name(fields)}")
    return fields


def string_field(fields: Mapping[str, object], name: str, where: str) -> str:
    """The string in the field `name`; raises PackError where it is missing or of another type."""
    if name not in fields:
        raise PackError(f"{where}: field `{name}` is missing")
    value = fields[name]
    if not isinstance(value, str):
        raise PackError(f"{where}: field `{name}`: expected a string, got {_json_name(value)}")
    return value


def name_field(fields: Mapping[str, object], name: str, where: str) -> str:
    """The string in the field `name`, which must be a Python name; raises PackError as `string_field`."""
    value = string_field(fields, name, where)
    if not value.isidentifier():
        raise PackError(f"{where}: field `{name}`: {value!r} is not a Python name")
    return value


def list_field(fields: Mapping[str, object], name: str, where: str) -> list[object]:
    """The list in the field `name`; raises PackError as `string_field`."""
    if name not in fields:
        raise PackError(f"{where}: field `{name}` is missing")
    value = fields[name]
    if not isinstance(value, list):
        raise PackError(f"{where}: field `{name}`: expected a list, got {_json_name(value)}")
    return value


def number_field(fields: Mapping[str, object], name: str, where: str) -> float:
    """The number in the field `name`, finite and not negative; raises PackError as `string_field`."""
    if name not in fields:
        raise PackError(f"{where}: field `{name}` is missing")
    value = fields[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PackError(f"{where}: field `{name}`: expected a number, got {_json_name(value)}")
    if not 0 <= value < float("inf"):
        raise PackError(f"{where}: field `{name}`: {value} is not a number from 0 on")
    return float(value)


def _json_name(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _text(line: bytes, where: str) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PackError(
            f"{where}: not UTF-8: byte 0x{line[error.start]:02x} at column {error.start + 1}; save the file as UTF-8"
        ) from None

"""Tables of a run: one row for each answer, as CSV or Parquet."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from codebench.runs.encoding import encode
from codebench.runs.flat import Cell, Column, Kind, columns_of, rows_of
from codebench.runs.ordered import RunFiles
from codebench.runs.record import RunError

if TYPE_CHECKING:
    import pyarrow

_FORMULA = frozenset("=+-@\t\r\n＝＋－＠'")  # noqa: RUF001 - what spreadsheets take for =, and what we put before it
_QUOTE = "'"
_ROW_GROUP = 16_384


def write_csv(files: RunFiles, out: Path) -> int:
    """CSV by RFC 4180, in UTF-8, with a header. Absent is empty; so is the empty text.

    No text is a formula: one that begins as a spreadsheet's formula does, or with an apostrophe, gets an apostrophe
    before it. Who takes one apostrophe off every text that begins with one has what was there.
    """
    columns = columns_of(files.records.checks)
    shown = [_SHOWN[column.kind] for column in columns]
    count = 0
    with out.open("w", encoding="utf-8", errors="surrogatepass", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([_defused(column.name) for column in columns])
        for row in rows_of(files, columns):
            writer.writerow([show(cell) for show, cell in zip(shown, row, strict=True)])
            count += 1
    return count


def write_parquet(files: RunFiles, out: Path) -> int:
    """Parquet with typed columns; absent is null. The manifest is in the file's metadata, as `codebench.manifest`.

    Raises RunError where pyarrow is not installed.
    """
    try:
        from pyarrow import parquet
    except ImportError:
        raise RunError('parquet needs pyarrow; run: pip install "codebench-eval[analysis]"') from None
    columns = columns_of(files.records.checks)
    schema = _schema(columns, files)
    rows = rows_of(files, columns)
    count = 0
    with parquet.ParquetWriter(out, schema, compression="zstd") as writer:
        while group := list(itertools.islice(rows, _ROW_GROUP)):
            writer.write_batch(_batch(group, schema))
            count += len(group)
    return count


def _schema(columns: Sequence[Column], files: RunFiles) -> pyarrow.Schema:
    import pyarrow

    types = {
        Kind.TEXT: pyarrow.string(),
        Kind.INTEGER: pyarrow.int64(),
        Kind.NUMBER: pyarrow.float64(),
        Kind.BOOLEAN: pyarrow.bool_(),
    }
    fields = [pyarrow.field(column.name, types[column.kind]) for column in columns]
    return pyarrow.schema(fields, metadata={"codebench.manifest": encode(files.manifest)})


def _batch(rows: Sequence[tuple[Cell, ...]], schema: pyarrow.Schema) -> pyarrow.RecordBatch:
    import pyarrow

    arrays = [pyarrow.array(cells, field.type) for cells, field in zip(zip(*rows, strict=True), schema, strict=True)]
    return pyarrow.RecordBatch.from_arrays(arrays, schema=schema)


def _defused(cell: Cell) -> str:
    text = "" if cell is None else str(cell)
    return f"{_QUOTE}{text}" if text[:1] in _FORMULA else text


def _number(cell: Cell) -> str:
    return "" if cell is None else repr(cell)


def _boolean(cell: Cell) -> str:
    return "" if cell is None else "true" if cell else "false"


_SHOWN: dict[Kind, Callable[[Cell], str]] = {
    Kind.TEXT: _defused,
    Kind.INTEGER: _number,
    Kind.NUMBER: _number,
    Kind.BOOLEAN: _boolean,
}

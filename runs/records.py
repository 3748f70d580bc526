"""The stores of a run: records.jsonl and samples.jsonl, one line each, appended by one writer and never rewritten."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

import msgspec

from codebench.generators import Generation
from codebench.runs.encoding import encode
from codebench.runs.record import SCHEMA, Record, RunError
from codebench.runs.versions import refuse_newer, upgraded
from codebench.sandbox import SandboxError

RECORDS = "records.jsonl"
SAMPLES = "samples.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSample:
    """A line of samples.jsonl: an answer that a model gave. `solution` makes it a line that evalplus reads too."""

    schema: int = SCHEMA
    task_id: str
    sample: int
    round: int = 0
    solution: str
    generation: Generation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCheck:
    """A check of a record, by its name alone."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedBy:
    """A grade of a record, as far as it names checks."""

    grader: str
    checks: tuple[NamedCheck, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordKey:
    """What tells records apart, without the rest: it is read in a quarter of the time."""

    schema: int = SCHEMA
    task_id: str
    sample: int
    round: int = 0
    grades: tuple[CheckedBy, ...] = ()
    error: str | None = None


Line = TypeVar("Line", Record, SavedSample, RecordKey)
_decoders = {kind: msgspec.json.Decoder(kind) for kind in (Record, SavedSample, RecordKey)}


def read_records(directory: Path) -> Iterator[Record]:
    """Stream the records of a run in the order in which they were written, in flat memory.

    A torn last line (a write that was cut short) ends the stream in silence. Any other line that is not a record
    raises RunError with file, line number and reason. A file that is not there holds no records.
    """
    for record, _ in _scan(directory / RECORDS, Record):
        yield record


def scan_keys(directory: Path) -> Iterator[tuple[RecordKey, int]]:
    """The key of each record, and the offset at which its line begins; else as `read_records`."""
    begin = 0
    for key, end in _scan(directory / RECORDS, RecordKey):
        yield key, begin
        begin = end


def read_records_at(directory: Path, offsets: Iterable[int]) -> Iterator[Record]:
    """The records whose lines begin at these offsets, in their order. Raises RunError where there is none."""
    path = directory / RECORDS
    try:
        with path.open("rb") as file:
            for offset in offsets:
                file.seek(offset)
                record = _decode(file.readline(), Record, where=f"{path}, byte {offset}", rest=file)
                if record is None:
                    raise RunError(f"{path}: the record at byte {offset} has gone; was the file changed meanwhile?")
                yield record
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unusable(path, error) from error


def read_samples(path: Path) -> Iterator[SavedSample]:
    """Stream a samples.jsonl of ours, as `read_records` does."""
    for sample, _ in _scan(path, SavedSample):
        yield sample


class Writer(Generic[Line]):
    """Appends lines to an open file; each is in the kernel's hands, whole, when `append` returns."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def append(self, line: Line) -> None:
        """Raises SandboxError (the machine failed) where the disk refuses; what was written before stays."""
        self.write(encode(line) + b"\n")

    def write(self, data: bytes) -> None:
        size = os.fstat(self._descriptor).st_size
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            os.ftruncate(self._descriptor, size)
            raise SandboxError(
                f"cannot write {self._path}: {error.strerror}; make room, then run the same command again"
            ) from error


@contextmanager
def open_records(directory: Path) -> Iterator[Writer[Record]]:
    """Open a run's records for appending. Cuts off a torn last line; the caller holds the run's lock.

    Raises RunError where it cannot be opened, or a line in the middle is not a record: then nothing is touched.
    """
    with _opened(directory / RECORDS, Record) as writer:
        yield writer


@contextmanager
def open_samples(path: Path) -> Iterator[Writer[SavedSample]]:
    """Open a samples.jsonl for appending, as `open_records` does."""
    with _opened(path, SavedSample) as writer:
        yield writer


@contextmanager
def _opened(path: Path, kind: type[Line]) -> Iterator[Writer[Line]]:
    sound = max((end for _, end in _scan(path, kind)), default=0)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        os.ftruncate(descriptor, sound)
        writer: Writer[Line] = Writer(path, descriptor)
        if sound and os.pread(descriptor, 1, sound - 1) != b"\n":
            writer.write(b"\n")
        yield writer
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(path: Path, error: OSError) -> RunError:
    return RunError(f"cannot open {path}: {error.strerror}; mend that, or use another --out")


def _scan(path: Path, kind: type[Line]) -> Iterator[tuple[Line, int]]:
    """Each record, with the offset at which its line ends."""
    if not path.exists():
        return
    end = 0
    try:
        file = path.open("rb")
    except OSError as error:
        raise _unusable(path, error) from error
    with file:
        for number, line in enumerate(file, 1):
            record = _decode(line, kind, where=f"{path}:{number}", rest=file)
            if record is None:
                return
            end += len(line)
            yield record, end


def _decode(line: bytes, kind: type[Line], *, where: str, rest: BinaryIO) -> Line | None:
    """The record; None for a torn line, which is one that is no JSON and that nothing follows.

    JSON that is whole but no record was not torn by a crash: someone else wrote it, and it is never cut off.
    """
    try:
        record: Line = _decoders[kind].decode(line)  # type: ignore[assignment]  # the decoder of that kind
    except msgspec.ValidationError as error:
        if not line.endswith(b"\n"):
            return None
        return _of_another_form(line, kind, where, error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if not rest.read(1):
            return None
        raise _corrupt(where, str(error)) from error
    return record if record.schema == SCHEMA else _of_another_form(line, kind, where)


def _of_another_form(line: bytes, kind: type[Line], where: str, error: msgspec.ValidationError | None = None) -> Line:
    """The record in a line that is not of today's form."""
    refuse_newer(line, where)
    found = upgraded(line)
    try:
        if found is not None:
            return msgspec.convert(found, kind)
    except msgspec.ValidationError as later:
        error = later
    raise _corrupt(where, str(error or "there never was such a schema")) from error


def _corrupt(where: str, reason: str) -> RunError:
    return RunError(f"{where}: not a record: {reason}; restore the file, or delete the line to have its sample rerun")

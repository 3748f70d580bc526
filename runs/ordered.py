"""The answers of a run in order: by problem, sample and round, one record each, without holding any of them.

Records are appended as they come; this finds the one of each answer that counts in one pass over the file, keeps where
it begins (8 bytes an answer), and reads it again when it is asked for.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from codebench.runs.manifest import Manifest
from codebench.runs.outcomes import DECIDING_GRADER, not_listed
from codebench.runs.record import Record
from codebench.runs.records import read_records_at, scan_keys
from codebench.runs.searches import ToolSearch

_NONE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedRecords:
    """Iterate over it as often as you like. `checks` has the names of all checks, in the order of the answers.

    What counts is as in `outcomes`: of several records of an answer the last that is no infrastructure fault.
    """

    directory: Path
    task_ids: tuple[str, ...]
    per_task: int
    rounds: int
    checks: tuple[str, ...]
    offsets: array[int]

    def __iter__(self) -> Iterator[Record]:
        return self._at(range(len(self.offsets)))

    def first(self) -> Iterator[Record]:
        """The first attempts alone."""
        return self._at(range(0, len(self.offsets), self.rounds))

    def of_tasks(self) -> Iterator[tuple[str, list[Record]]]:
        """Each problem with the records of its first attempts, which may be none."""
        size = self.per_task * self.rounds
        for number, task_id in enumerate(self.task_ids):
            yield task_id, list(self._at(range(number * size, (number + 1) * size, self.rounds)))

    def _at(self, places: range) -> Iterator[Record]:
        offsets = (self.offsets[place] for place in places)
        yield from read_records_at(self.directory, (offset for offset in offsets if offset != _NONE))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFiles:
    """All files of a run: what an export is made of."""

    manifest: Manifest
    records: OrderedRecords
    searches: tuple[ToolSearch, ...] = ()

    def graded(self) -> Iterator[Record]:
        """The first answers that have grades."""
        return (record for record in self.records.first() if record.grades)


def order_records(directory: Path, manifest: Manifest) -> OrderedRecords:
    """Find the records of a run. Raises RunError where they cannot be read, or the manifest does not allow one."""
    places = {task_id: number for number, task_id in enumerate(manifest.task_ids)}
    rounds = manifest.repairs + 1
    offsets = array("q", [_NONE]) * (len(places) * manifest.samples * rounds)
    checks: dict[str, tuple[int, int]] = {}
    for key, offset in scan_keys(directory):
        if not (key.task_id in places and 0 <= key.sample < manifest.samples and 0 <= key.round <= manifest.repairs):
            raise not_listed(key.task_id, key.sample)
        place = (places[key.task_id] * manifest.samples + key.sample) * rounds + key.round
        if key.error is None or offsets[place] == _NONE:
            offsets[place] = offset
        for grade in key.grades:
            if grade.grader == DECIDING_GRADER:
                for number, check in enumerate(grade.checks):
                    checks[check.name] = min(checks.get(check.name, (place, number)), (place, number))
    return OrderedRecords(
        directory=directory,
        task_ids=manifest.task_ids,
        per_task=manifest.samples,
        rounds=rounds,
        checks=tuple(sorted(checks, key=lambda name: checks[name])),
        offsets=offsets,
    )

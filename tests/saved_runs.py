"""Small runs written to disk without running anything, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from codebench.graders import Grade, Verdict
from codebench.problems import Suite
from codebench.runs.encoding import encode
from codebench.runs.manifest import GeneratorPin, Manifest, Selection, new_manifest, write_manifest
from codebench.runs.record import Record
from codebench.runs.records import RECORDS
from codebench.sandbox import Limits, SandboxInfo

Rights = Mapping[str, Sequence[bool | None]]
"""By task_id whether each answer passes; None is an infrastructure error."""


def manifest_of(rights: Rights, model: str = "hf:org/model", suite: str = "toy", **changed: Any) -> Manifest:
    manifest = new_manifest(
        Suite(name=suite, problems=(), sha256="ab" * 32, source="memory"),
        GeneratorPin(spec=model, identity={"model": model}),
        Selection(task_ids=tuple(rights), samples=max(map(len, rights.values())), ks=(1,), graders=("correctness",)),
        Limits(),
        SandboxInfo(backend="docker", image="sha256:1", python="3.11.7", workers=2),
    )
    return replace(manifest, **changed)


def save_run(directory: Path, rights: Rights, **about: Any) -> Path:
    """Write a run; gives its directory. Problems with fewer answers than others were not run to the end."""
    manifest = manifest_of(rights, **about)
    directory.mkdir(parents=True)
    write_manifest(directory, manifest)
    with (directory / RECORDS).open("wb") as file:
        for task_id, answers in rights.items():
            for sample, right in enumerate(answers):
                file.write(encode(_record(manifest.suite.name, task_id, sample, right)) + b"\n")
    return directory


def _record(suite: str, task_id: str, sample: int, right: bool | None) -> Record:
    if right is None:
        return Record(suite=suite, task_id=task_id, sample=sample, code="x", error="box lost")
    verdict = Verdict.PASS if right else Verdict.FAIL
    grades = (Grade(grader="correctness", verdict=verdict),)
    return Record(suite=suite, task_id=task_id, sample=sample, code="x", grades=grades)


def rights_of(*answers: Sequence[bool | None] | bool | None) -> Rights:
    """Named toy/0, toy/1 and so on; a single answer need not be a list."""
    return {f"toy/{i}": one if isinstance(one, Sequence) else [one] for i, one in enumerate(answers)}

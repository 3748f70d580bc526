"""A run's directory is resumed by the same run only, and by one process at a time."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from codebench.problems import Suite
from codebench.runs.directory import default_directory, open_run
from codebench.runs.manifest import (
    MANIFEST,
    GeneratorPin,
    Manifest,
    Selection,
    identity_hash,
    new_manifest,
    read_manifest,
)
from codebench.runs.record import RunError
from codebench.sandbox import Limits, SandboxInfo

SUITE = Suite(name="toy", problems=(), sha256="ab" * 32, source="memory")
SANDBOX = SandboxInfo(backend="docker", image="sha256:1", python="3.11.7", workers=2)


def a_manifest() -> Manifest:
    selection = Selection(task_ids=("toy/0", "toy/1"), samples=3, ks=(1,), graders=("correctness",))
    generator = GeneratorPin(spec="hf:Org/Model-7B", identity={"revision": "abc"})
    return new_manifest(SUITE, generator, selection, Limits(), SANDBOX)


def test_a_manifest_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    manifest = a_manifest()
    with open_run(tmp_path / "new" / "run", manifest) as written:
        assert written == manifest
    assert read_manifest(tmp_path / "new" / "run") == manifest


def test_an_equal_run_is_resumed_under_its_first_manifest(tmp_path: Path) -> None:
    first = replace(a_manifest(), created="2026-01-01T00:00:00+00:00")
    with open_run(tmp_path, first):
        pass
    with open_run(tmp_path, replace(a_manifest(), ks=(1, 3), sandbox=replace(SANDBOX, workers=9))) as resumed:
        assert resumed == first


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (replace(a_manifest(), samples=4), "samples: 3 -> 4"),
        (replace(a_manifest(), task_ids=("toy/1",)), r"task_ids: 2 of them \(toy/0, toy/1\) -> 1 of them \(toy/1\)"),
        (replace(a_manifest(), limits=Limits(timeout_s=3.0)), r"limits\.timeout_s: 10\.0 -> 3\.0"),
        (replace(a_manifest(), sandbox=replace(SANDBOX, image="sha256:2")), r"sandbox\.image: sha256:1 -> sha256:2"),
        (
            replace(a_manifest(), sandbox=replace(SANDBOX, backend="namespaces")),
            r"sandbox\.backend: docker -> namespaces",
        ),
        (replace(a_manifest(), graders=("quality",)), "graders: "),
        (replace(a_manifest(), generator=GeneratorPin(spec="hf:x", identity={})), r"generator\.revision: abc -> none"),
        (
            replace(a_manifest(), generator=GeneratorPin(spec="vllm:x", identity={"revision": "abc"})),
            "generator: hf -> vllm",
        ),
    ],
)
def test_another_run_is_refused_by_the_fields_that_differ(tmp_path: Path, changed: Manifest, says: str) -> None:
    with open_run(tmp_path, a_manifest()):
        pass
    before = (tmp_path / MANIFEST).read_bytes()
    with pytest.raises(RunError, match=rf"holds another run \({says}.*use another --out"), open_run(tmp_path, changed):
        pass
    assert (tmp_path / MANIFEST).read_bytes() == before
    assert identity_hash(changed) != identity_hash(a_manifest())


def test_a_directory_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("important")
    with pytest.raises(RunError, match=r"thesis\.tex.*use another --out"), open_run(tmp_path, a_manifest()):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("important")
    with pytest.raises(RunError, match="use another --out"), open_run(tmp_path / "file", a_manifest()):
        pass
    assert (tmp_path / "file").read_text() == "important"


def test_what_a_crash_before_the_manifest_leaves_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    (tmp_path / f".{MANIFEST}.tmp").write_bytes(b'{"sch')
    with open_run(tmp_path, a_manifest()) as manifest:
        assert manifest == read_manifest(tmp_path)


def test_a_second_process_cannot_write_the_same_run(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from codebench.runs.directory import open_run; from codebench.runs.manifest import read_manifest\n"
        "d = pathlib.Path(sys.argv[1])\n"
        "with open_run(d, read_manifest(d)): print('in')"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with open_run(tmp_path, a_manifest()):
        second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "another process (pid " in second.stderr and second.stdout == ""
    third = subprocess.run(command, capture_output=True, text=True, check=False)
    assert third.stdout == "in\n"


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"schema":1,'])
def test_a_damaged_manifest_is_an_error_that_names_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(RunError, match=r"run\.json is not a manifest"):
        read_manifest(tmp_path)


def test_a_manifest_of_another_schema_is_refused(tmp_path: Path) -> None:
    with open_run(tmp_path, replace(a_manifest(), schema=2)):
        pass
    with pytest.raises(RunError, match="schema 2"):
        read_manifest(tmp_path)


def test_a_directory_without_a_run_is_said_to_have_none(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no run in .*nothing"):
        read_manifest(tmp_path / "nothing")


def test_the_default_directory_tells_runs_apart_and_has_no_odd_characters() -> None:
    manifest = a_manifest()
    assert str(default_directory(manifest)) == f"codebench-runs/toy--hf-Org-Model-7B--{identity_hash(manifest)}"
    assert default_directory(replace(manifest, created="later")) == default_directory(manifest)
    odd = replace(manifest, generator=GeneratorPin(spec="replay:../../a b/\udcff.jsonl", identity={}))
    assert default_directory(odd).parent == Path("codebench-runs")
    assert str(default_directory(odd)).isascii()


def test_a_manifest_names_no_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    suite = replace(SUITE, source="/home/ada/data/HumanEval.jsonl.gz")
    selection = Selection(task_ids=(), samples=1, ks=(1,), graders=())
    generator = GeneratorPin(spec="replay:/home/ada/samples.jsonl", identity={})
    with open_run(tmp_path, new_manifest(suite, generator, selection, Limits(), SANDBOX)):
        pass
    text = (tmp_path / MANIFEST).read_text()
    assert "ada" not in text and "~/samples.jsonl" in text

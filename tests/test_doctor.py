"""The doctor looks at everything and never fails itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from codebench.sandbox.doctor import Finding, findings


@pytest.fixture
def without_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Finding]:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/absent.sock")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    return {finding.name: finding for finding in findings()}


def test_each_thing_is_looked_at_once() -> None:
    names = [finding.name for finding in findings()]
    assert len(names) == len(set(names))
    assert {"python", "cores", "memory", "cache", "docker", "namespaces", "memory cgroup", "seccomp"} <= set(names)


def test_what_is_missing_comes_with_a_remedy_of_one_line(without_anything: dict[str, Finding]) -> None:
    missing = [finding for finding in without_anything.values() if not finding.ok]
    assert {"docker", "cache"} <= {finding.name for finding in missing}
    assert all(finding.remedy and "\n" not in finding.remedy + finding.value for finding in missing)


def test_an_absent_engine_is_no_failure_but_a_cache_that_cannot_be_written_is(
    without_anything: dict[str, Finding],
) -> None:
    assert without_anything["docker"].ok is None
    assert without_anything["cache"].ok is False


@pytest.mark.docker
def test_a_running_engine_is_described() -> None:
    docker = next(finding for finding in findings() if finding.name == "docker")
    assert docker.ok, docker.remedy
    assert "cgroup v" in docker.value

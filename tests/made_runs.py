"""Runs that nothing was run for: their records say what a test wants them to say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codebench.graders import Assessment, Finding, Grade, Verdict
from codebench.problems import Suite
from codebench.runs.directory import open_run
from codebench.runs.manifest import GeneratorPin, Selection, new_manifest
from codebench.runs.record import Record
from codebench.runs.records import open_records
from codebench.sandbox import Limits, SandboxInfo, Text

BOX_LOST = "box lost"


def make_run(
    directory: Path,
    verdicts: Sequence[str],
    *,
    samples: int = 1,
    suite: str = "toy",
    model: str = "replay:answers.jsonl",
    names: Sequence[str] = (),
    pack: str = "ab",
    answer: str = "pass",
    findings: bool = False,
    said: str = "",
) -> Path:
    """A run with one record for each letter of each problem's verdicts: `P` pass, `F` fail, `X` the machine failed.

    With `-` the sample was not run yet. With `findings` wrong answers have one, and are vulnerable. `said` is what
    answers print and graders say of them.
    """
    task_ids = tuple(names) or tuple(f"{suite}/{number}" for number in range(len(verdicts)))
    manifest = new_manifest(
        Suite(name=suite, problems=(), sha256=pack * 32, source="memory"),
        GeneratorPin(spec=model, identity={"model": model}),
        Selection(
            task_ids=task_ids,
            samples=samples,
            ks=(1,),
            graders=("correctness", "security") if findings else ("correctness",),
        ),
        Limits(),
        SandboxInfo(backend="namespaces", image="sha256:1", python="3.11.7", workers=1),
    )
    with open_run(directory, manifest), open_records(directory) as writer:
        for task_id, letters in zip(task_ids, verdicts, strict=True):
            for sample, letter in enumerate(letters):
                if letter != "-":
                    writer.append(_record(suite, task_id, sample, letter, answer=answer, said=said, findings=findings))
    return directory


def _record(suite: str, task_id: str, sample: int, letter: str, *, answer: str, said: str, findings: bool) -> Record:
    code = f"# {letter}\n{answer}\n"
    if letter == "X":
        return Record(suite=suite, task_id=task_id, sample=sample, code=code, error=said or BOX_LOST)
    right = letter == "P"
    printed = Text(text=said)
    grades = [
        Grade(
            grader="correctness",
            verdict=Verdict.PASS if right else Verdict.FAIL,
            detail=said,
            exception=said,
            stdout=printed,
            stderr=printed,
        )
    ]
    if findings:
        finding = Finding(
            tool="bandit",
            rule="B102",
            name="exec_used",
            severity="medium",
            confidence="high",
            cwe=78,
            line=1,
            end_line=1,
            message=said,
        )
        grades.append(
            Grade(
                grader="security",
                verdict=Verdict.PASS if right else Verdict.FAIL,
                assessment=Assessment.SECURE if right else Assessment.VULNERABLE,
                findings=() if right else (finding,),
            )
        )
    return Record(suite=suite, task_id=task_id, sample=sample, code=code, grades=tuple(grades))

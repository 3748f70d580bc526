"""Runs that nothing was run for: records as graders write them, of a friendly model and of one that attacks readers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from codebench.generators import Generation
from codebench.graders import Assessment, CheckResult, Efficiency, Finding, Grade, Verdict
from codebench.graders.grade import CaseFailure
from codebench.graders.times import Level
from codebench.runs.directory import open_run
from codebench.runs.encoding import encode
from codebench.runs.manifest import GeneratorPin, Manifest, SuitePin, this_machine
from codebench.runs.record import Record
from codebench.runs.records import RECORDS
from codebench.sandbox import CallTime, Conclusion, Duel, Limits, SandboxInfo, Text

VERDICTS = (Verdict.PASS, Verdict.FAIL, Verdict.PASS, Verdict.ERROR, Verdict.TIMEOUT, Verdict.PASS, Verdict.NO_CODE)
ATTACKS = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!--<script>",
    "]]></style></title></textarea><svg onload=alert(1)>",
    "\"'><iframe src=http://attacker.invalid/></iframe>",
    "\u2028alert(1)\u2029\x00\x1b[31mred\x1b[0m\x07",
    "{{ 7*7 }}{% raw %}${alert(1)}`",
    "javascript:alert(1)//\u202egnp.exe",
    "<link rel=prefetch href=http://attacker.invalid/><base href=http://attacker.invalid/>",
    "constructor __proto__ <template><b>x",
)
HOSTILE = " ".join(ATTACKS)


def write_friendly(
    directory: Path, problems: int = 12, samples: int = 5, model: str = "made-up:friendly", code: str = ""
) -> Path:
    """Every seventh answer has each verdict of VERDICTS; the graders are all four."""
    task_ids = tuple(f"made-up/{number:03}" for number in range(problems))
    return _write(directory, _manifest(task_ids, samples, model), _friendly(task_ids, samples, code))


def write_hostile(directory: Path) -> Path:
    """Each text that a model, a pack or an analyser may choose is an attack."""
    task_ids = (*ATTACKS, "x" * 5000)
    manifest = _manifest(task_ids, 2, f"replay:{HOSTILE}")
    return _write(directory, manifest, (_hostile(task_id, sample) for task_id in task_ids for sample in (0, 1)))


def _write(directory: Path, manifest: Manifest, records: Iterator[Record]) -> Path:
    with open_run(directory, manifest), (directory / RECORDS).open("wb") as file:
        file.writelines(encode(record) + b"\n" for record in records)
    return directory


def _manifest(task_ids: Sequence[str], samples: int, model: str) -> Manifest:
    return Manifest(
        codebench="0",
        created="2026-01-01T00:00:00+00:00",
        suite=SuitePin(name=model.partition(":")[2] if "<" in model else "made-up", sha256="0" * 64, source=model),
        generator=GeneratorPin(
            spec=model, identity={"model": model, HOSTILE: "x"} if "<" in model else {"model": model}
        ),
        samples=samples,
        task_ids=tuple(task_ids),
        ks=(1, 2),
        graders=("correctness", "efficiency", "security", "quality"),
        limits=Limits(),
        sandbox=SandboxInfo(backend="none", image="", python="3.11.0", workers=2),
        machine=this_machine(),
        cwe={task_ids[0]: (89,)},
        tools={model: model},
    )


def _friendly(task_ids: Sequence[str], samples: int, given: str) -> Iterator[Record]:
    for number, task_id in enumerate(task_ids):
        for sample in range(samples):
            verdict = VERDICTS[(number * samples + sample) % len(VERDICTS)]
            code = given or f"def answer_{sample}(x):\n    # the needle of {number}\n    return 'ü{number}'\n"
            grades = [_correctness(verdict, number)]
            if verdict is Verdict.PASS:
                grades.append(_efficiency(1 + sample / 10))
            grades.append(_security(number % 3 == 0))
            yield Record(
                suite="made-up",
                task_id=task_id,
                sample=sample,
                code=code,
                generation=_generation(code),
                grades=tuple(grades),
            )


def _generation(text: str) -> Generation:
    return Generation(
        prompt=f"Complete {text}",
        response=f"Here: {text}",
        prompt_tokens=10,
        completion_tokens=20,
        finish_reason="stop",
        latency_s=1.5,
    )


def _correctness(verdict: Verdict, number: int) -> Grade:
    detail = "" if verdict is Verdict.PASS else f"input {number}: returned 17, expected 19"
    check = CheckResult(name="base", verdict=verdict, cases=3, passed=3 if verdict is Verdict.PASS else 1)
    return Grade(
        grader="correctness",
        verdict=verdict,
        detail=detail,
        conclusion=Conclusion.COMPLETED,
        wall_s=0.01 * number,
        cpu_s=0.01 * number,
        memory_bytes=2**24,
        stdout=Text(text="printed"),
        checks=(check,),
    )


def _security(found: bool) -> Grade:
    finding = Finding(
        tool="bandit",
        rule="B608",
        name="sql",
        severity="medium",
        confidence="high",
        cwe=89,
        line=2,
        end_line=2,
        message="An expression.",
    )
    return Grade(
        grader="security",
        verdict=Verdict.FAIL if found else Verdict.PASS,
        protected=False,
        findings=(finding,) if found else (),
        assessment=Assessment.VULNERABLE if found else Assessment.SECURE,
    )


def _efficiency(pace: float) -> Grade:
    own, rival = (CallTime(between_s=1e-5, call_s=one, emit_s=1e-6, wall_s=one, inside_s=(one,)) for one in (pace, 1.0))
    duel = Duel(own=(own,), rival=(rival,), own_load_s=1e-3, rival_load_s=1e-3, own_bytes=2**24, rival_bytes=2**24)
    return Grade(
        grader="efficiency",
        verdict=Verdict.PASS,
        efficiency=Efficiency(levels=(Level(size=100, weight=1.0, duels=(duel,)),), floor=1.0),
    )


def _hostile(task_id: str, sample: int) -> Record:
    """One answer holds a line of a megabyte, and one failed with the machine."""
    text = f"{HOSTILE} {'<b>' * 350_000}" if (task_id, sample) == (ATTACKS[1], 1) else f"{HOSTILE}\n{task_id}"
    check = CheckResult(
        name=text,
        verdict=Verdict.FAIL,
        cases=2,
        failures=(CaseFailure(case=0, verdict=Verdict.FAIL, detail=text),),
        outcomes=text,
    )
    finding = Finding(
        tool=text, rule=text, name=text, severity=text, confidence=text, cwe=79, line=1, end_line=1, message=text
    )
    grade = Grade(
        grader="correctness",
        verdict=Verdict.FAIL,
        detail=text,
        conclusion=Conclusion.REFUTED,
        exception=text,
        stdout=Text(text=text),
        stderr=Text(text=text, truncated=True),
        checks=(check,),
    )
    search = Grade(
        grader="security", verdict=Verdict.FAIL, detail=text, findings=(finding,), assessment=Assessment.VULNERABLE
    )
    other = Grade(grader=text, verdict=Verdict.ERROR, detail=text, stdout=Text(text=text))
    generation = Generation(prompt=text, response=text, finish_reason=text)
    if task_id == ATTACKS[0] and sample == 1:
        return Record(suite=HOSTILE, task_id=task_id, sample=sample, code=text, generation=generation, error=text)
    return Record(
        suite=HOSTILE, task_id=task_id, sample=sample, code=text, generation=generation, grades=(grade, search, other)
    )

"""Make a run of any size without running anything: run.json and records.jsonl as a real one has them.

python -m benchmarks.synthetic_run DIR [--problems 1000] [--samples 1000] [--model NAME] [--skill 0.5] [--findings]
    [--quality] [--efficiency] [--security] [--seed 0]

Two runs with the same --problems are of one suite: a problem is as hard in the one as in the other, and --skill (0 to
1) says how good the model is. Equal arguments make equal records. A record has 1 to 2 KB, more with --quality or
--efficiency.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from codebench.generators import Generation
from codebench.graders import Assessment, CheckResult, Efficiency, Finding, Grade, Measures, Verdict
from codebench.graders.measures import Halstead, Lint, Structure
from codebench.graders.times import Level
from codebench.runs.directory import open_run
from codebench.runs.encoding import encode
from codebench.runs.manifest import GeneratorPin, Manifest, SuitePin, this_machine
from codebench.runs.record import Record
from codebench.runs.records import RECORDS
from codebench.sandbox import CallTime, Conclusion, Duel, Limits, SandboxInfo

SUITE = "synthetic"
_FAILURES = (
    (Verdict.FAIL, Conclusion.REFUTED, "base, input 3: [(4, 7), (1, 2)]: returned 17, expected 19", ""),
    (Verdict.FAIL, Conclusion.REFUTED, "base, input 0: []: returned None, expected 0", ""),
    (Verdict.ERROR, Conclusion.REFUTED, "IndexError: list index out of range", "IndexError"),
    (Verdict.ERROR, Conclusion.NOT_LOADED, "SyntaxError: unterminated string literal (line 14)", "SyntaxError"),
    (Verdict.TIMEOUT, Conclusion.BROKEN_OFF, "10.0 s were not enough", ""),
    (Verdict.MEMORY, Conclusion.BROKEN_OFF, "1,024 MiB were not enough", ""),
)
_SHARES = (50, 20, 20, 6, 3, 1)
_LINES = (
    "    total, seen = 0, set()",
    "    for index, (first, second) in enumerate(pairs):",
    "        if first in seen:",
    "            continue",
    "        seen.add(first)",
    "        # a départure after midnight belongs to the day before",
    "        total += max(first, second) * (index + 1)",
    "    best = sorted(seen, key=lambda one: (-one, one))[: len(pairs) // 2]",
    "    while best and best[-1] < total:",
    "        total -= best.pop()",
    '    label = f"{total:>8,} \\"{len(best)}\\""',
    "    assert isinstance(label, str), 'a label is text'",
    "    result = {name: value for name, value in zip('abcdef', best)}",
)
_RULES = (
    ("B101", "assert_used", "low", 703),
    ("B307", "blacklist", "medium", 78),
    ("B608", "hardcoded_sql_expressions", "medium", 89),
    ("B602", "subprocess_popen_with_shell_equals_true", "high", 78),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the run is to be like."""

    problems: int = 1000
    samples: int = 1000
    model: str = "synthetic-7b"
    skill: float = 0.5
    findings: bool = False
    quality: bool = False
    efficiency: bool = False
    security: bool = False
    seed: int = 0

    @property
    def graders(self) -> tuple[str, ...]:
        asked = {
            "correctness": True,
            "security": self.findings or self.security,
            "quality": self.quality,
            "efficiency": self.efficiency,
        }
        return tuple(name for name, wanted in asked.items() if wanted)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    for name in ("problems", "samples", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Shape(), name))
    parser.add_argument("--model", default=Shape().model)
    parser.add_argument("--skill", type=float, default=Shape().skill)
    for name in ("findings", "quality", "efficiency", "security"):
        parser.add_argument(f"--{name}", action="store_true")
    given = vars(parser.parse_args())
    directory, began = given.pop("directory"), time.perf_counter()
    write_run(directory, Shape(**given))
    size, count = (directory / RECORDS).stat().st_size, given["problems"] * given["samples"]
    print(f"{count:,} records, {size / count:,.0f} bytes each, in {time.perf_counter() - began:.1f} s: {directory}")


def write_run(directory: Path, shape: Shape) -> None:
    """Write the run into `directory`, which must hold no other."""
    with open_run(directory, manifest_of(shape)), (directory / RECORDS).open("wb") as file:
        for number in range(shape.problems):
            file.write(b"".join(encode(record) + b"\n" for record in _of_problem(number, shape)))


def manifest_of(shape: Shape) -> Manifest:
    """The manifest; it differs between runs of one size in the model alone."""
    return Manifest(
        codebench="0",
        created="2026-01-01T00:00:00+00:00",
        suite=SuitePin(name=SUITE, sha256=hashlib.sha256(SUITE.encode()).hexdigest(), source="made up"),
        generator=GeneratorPin(spec=f"synthetic:{shape.model}", identity={"model": shape.model}),
        samples=shape.samples,
        task_ids=tuple(_task_id(number) for number in range(shape.problems)),
        ks=tuple(k for k in (1, 10, 100) if k <= shape.samples),
        graders=shape.graders,
        limits=Limits(),
        sandbox=SandboxInfo(backend="none", image="", python="3.11.0", workers=2),
        machine=this_machine(),
        cwe={_task_id(number): (_cwe(number),) for number in range(shape.problems)} if shape.security else {},
    )


def _task_id(number: int) -> str:
    return f"synthetic/problem-{number:04}"


def _cwe(number: int) -> int:
    return (22, 78, 89, 502)[number % 4]


def _of_problem(number: int, shape: Shape) -> Iterator[Record]:
    """The records of one problem. Its hardness is the suite's, all else the run's."""
    hardness = random.Random(f"hardness {number}").betavariate(0.7, 0.7)
    draw = random.Random(f"{shape.seed} {shape.model} {number}")
    share = max(0.0, min(1.0, draw.gauss(shape.skill + 0.5 - hardness, 0.05)))
    prompt = f'def problem_{number:04}(pairs):\n    """Add up what counts, for problem {number}.\n\n'
    prompt += "    >>> problem([(1, 2)])\n    2\n" * 4 + '    """\n'
    measures = [_measures(draw) for _ in range(4)]
    for sample in range(shape.samples):
        body = "\n".join(draw.choices(_LINES, k=draw.randint(6, 16)))
        code = f"{prompt}{body}\n    return total  # {sample}\n"
        answer = Record(
            suite=SUITE,
            task_id=_task_id(number),
            sample=sample,
            code=code,
            generation=_generation(prompt, body, draw),
        )
        if draw.random() < 1e-5:
            yield replace(answer, error="the box went away twice")
        yield replace(answer, grades=tuple(_grades(draw.random() < share, shape, measures, draw)))


def _grades(right: bool, shape: Shape, measures: Sequence[Measures], draw: random.Random) -> Iterator[Grade]:
    yield _correctness(right, draw)
    if "security" in shape.graders:
        yield _security(right, shape, draw)
    if shape.quality:
        yield _quality(measures, draw)
    if shape.efficiency and right:
        yield _efficiency(draw)


def _generation(prompt: str, body: str, draw: random.Random) -> Generation:
    tokens = len(body) // 4
    return Generation(
        prompt=f"Complete this function.\n\n```python\n{prompt}```\n",
        response=f"```python\n{body}\n    return total\n```",
        prompt_tokens=len(prompt) // 4,
        completion_tokens=tokens,
        finish_reason="length" if draw.random() < 0.02 else "stop",
        latency_s=tokens * 0.01 + draw.random(),
        cost_usd=tokens * 2e-6,
    )


def _correctness(right: bool, draw: random.Random) -> Grade:
    verdict, conclusion, detail, exception = Verdict.PASS, Conclusion.COMPLETED, "", ""
    if not right:
        verdict, conclusion, detail, exception = draw.choices(_FAILURES, _SHARES)[0]
    base = verdict if right or draw.random() < 0.7 else Verdict.PASS
    cpu_s = draw.expovariate(200)
    return Grade(
        grader="correctness",
        verdict=verdict,
        detail=detail,
        conclusion=conclusion,
        exception=exception,
        wall_s=cpu_s * 1.1,
        cpu_s=cpu_s,
        memory_bytes=14_000_000 + draw.randrange(1000) * 4096,
        checks=(
            CheckResult(name="base", verdict=base, cases=8, passed=8 if base is Verdict.PASS else 3),
            CheckResult(
                name="plus",
                verdict=verdict if base is Verdict.PASS else None,
                cases=800,
                passed=800 if right else 120 if base is Verdict.PASS else 0,
            ),
        ),
    )


def _security(right: bool, shape: Shape, draw: random.Random) -> Grade:
    findings = tuple(_finding(draw) for _ in range(draw.choices((0, 1, 2), (80, 15, 5))[0])) if shape.findings else None
    assessment = None
    if shape.security:
        assessment = draw.choices(tuple(Assessment), (6, 3, 1) if right else (3, 3, 4))[0]
    verdict = {None: Verdict.PASS, Assessment.SECURE: Verdict.PASS, Assessment.VULNERABLE: Verdict.FAIL}
    return Grade(
        grader="security",
        verdict=verdict.get(assessment, Verdict.ERROR),
        protected=assessment is None,
        findings=findings,
        assessment=assessment,
    )


def _finding(draw: random.Random) -> Finding:
    rule, name, severity, cwe = draw.choice(_RULES)
    line = draw.randint(10, 20)
    return Finding(
        tool="bandit",
        rule=rule,
        name=name,
        severity=severity,
        confidence="high",
        cwe=cwe,
        line=line,
        end_line=line,
        message=f"Possible use of {name}.",
        own=draw.random() < 0.95,
    )


def _quality(measures: Sequence[Measures], draw: random.Random) -> Grade:
    return Grade(
        grader="quality",
        verdict=Verdict.PASS,
        measures=draw.choice(measures),
        reference_measures=measures[0],
    )


def _measures(draw: random.Random) -> Measures:
    operators, operands = draw.randint(5, 40), draw.randint(10, 80)
    halstead = Halstead(
        distinct_operators=operators // 2,
        distinct_operands=operands // 2,
        operators=operators,
        operands=operands,
        volume=(operators + operands) * 5.3,
        difficulty=operators / 3,
        effort=operators * operands * 1.7,
        bugs=(operators + operands) * 5.3 / 3000,
    )
    structure = Structure(
        cyclomatic_max=draw.randint(1, 12),
        cyclomatic_mean=draw.uniform(1, 6),
        cyclomatic_total=12,
        cognitive_max=draw.randint(0, 20),
        cognitive_total=20,
        halstead=halstead,
        maintainability=draw.uniform(40, 100),
        logical_lines=18,
        source_lines=20,
        comment_lines=1,
        docstring_lines=8,
        functions=1,
        documented=1,
        calls=7,
        api_calls=6,
    )
    return Measures(
        lines=30,
        blank_lines=2,
        prompt_share=draw.random(),
        grammatical=True,
        lint=(Lint(rule="E501", lines=(12,)),) if draw.random() < 0.3 else (),
        structure=structure,
    )


def _efficiency(draw: random.Random) -> Grade:
    pace = draw.lognormvariate(0, 0.3)
    levels = tuple(
        Level(size=10**size, weight=float(size), duels=(_duel(10**size * 1e-6, pace), _duel(10**size * 1e-6, pace)))
        for size in (3, 4)
    )
    return Grade(
        grader="efficiency", verdict=Verdict.PASS, efficiency=Efficiency(levels=levels, floor=draw.gauss(1, 0.01))
    )


def _duel(reference_s: float, pace: float) -> Duel:
    own, rival = (
        CallTime(between_s=1e-5, call_s=seconds, emit_s=1e-6, wall_s=seconds * 1.1, inside_s=(seconds,))
        for seconds in (reference_s * pace, reference_s)
    )
    return Duel(own=(own,), rival=(rival,), own_load_s=1e-3, rival_load_s=1e-3, own_bytes=15**6, rival_bytes=14**6)


if __name__ == "__main__":
    main()

"""The security grader: what it makes of a search, with real processes, whatever the text does to them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from codebench.graders import Analysers, AnalysisLimits, Bench, Grade, Verdict
from codebench.graders.security import SecurityGrader
from codebench.problems import CheckFunction, Problem
from codebench.problems.pack import load_starter
from codebench.runs import EvalOptions, evaluate
from codebench.runs.records import read_records
from codebench.sandbox import Execution, Job, SandboxError, SandboxInfo

PROMPT = 'import pickle\n\ndef load(data):\n    """Load it."""\n'
PROBLEM = Problem(
    task_id="toy/0",
    prompt=PROMPT,
    entry_point="load",
    canonical_solution="    return data\n",
    checks=(CheckFunction(source="def check(candidate): ..."),),
)


class NoSandbox:
    """Nothing of a text that is only searched is ever run."""

    info = SandboxInfo(backend="none", image="", python="", workers=1)

    async def run(self, job: Job) -> Execution:
        raise SandboxError("a search of the text needs no sandbox")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None: ...


def grades(codes: Sequence[str], cpu_s: float = 10.0) -> list[Grade]:
    """Of one grader and one process, one after another."""

    async def grade_all() -> list[Grade]:
        async with Analysers(1, AnalysisLimits(cpu_s=cpu_s)) as analysers:
            bench = Bench(sandbox=NoSandbox(), analysers=analysers)
            grader = SecurityGrader()
            return [await grader.grade(PROBLEM, code, bench) for code in codes]

    return asyncio.run(grade_all())


def grade(code: str) -> Grade:
    return grades([code])[0]


def test_a_text_without_findings_passes() -> None:
    found = grade("def load(data):\n    return data\n")
    assert (found.verdict, found.findings, found.assessment) == (Verdict.PASS, (), None)


def test_a_finding_in_the_models_lines_fails_and_is_named_by_rule_and_line() -> None:
    found = grade(PROMPT + "    return pickle.loads(data)\n")
    assert (found.verdict, found.detail) == (Verdict.FAIL, "B301 in line 5")
    assert [(one.rule, one.own) for one in found.findings or ()] == [("B403", False), ("B301", True)]


def test_a_finding_in_the_scaffold_alone_passes_and_is_listed() -> None:
    found = grade(PROMPT + "    return data\n")
    assert (found.verdict, found.detail) == (Verdict.PASS, "")
    assert [(one.rule, one.own) for one in found.findings or ()] == [("B403", False)]


def test_a_text_that_cannot_be_searched_is_an_error_and_no_pass() -> None:
    found = grade("def load(data:\n")
    assert (found.verdict, found.findings) == (Verdict.ERROR, None)
    assert found.detail == "not analysed: cannot be parsed: SyntaxError in line 1"


def test_no_code_is_no_pass() -> None:
    assert grade(" \n").verdict is Verdict.NO_CODE


def test_the_versions_of_what_searches_are_known() -> None:
    assert list(SecurityGrader().tools) == ["bandit"]


HOSTILE = {
    "parentheses": "(" * 50_000 + ")" * 50_000,
    "signs": "-" * 100_000 + "1",
    "a sum": "x = " + "+".join(["1"] * 100_000),
    "a null byte": "x = 1\x00\n",
    "a lone surrogate": "x = '\udc80'\n",
    "a pattern without end": "x = '" + "select " * 140_000 + "' % y\n",
    "more than can be read": "x = 1\n" * 1_000_000,
}


def test_a_text_that_is_too_much_is_an_error_and_the_next_is_searched() -> None:
    codes = [code for hostile in HOSTILE.values() for code in (hostile, "import pickle\n\n\nimport ftplib\n")]
    found = grades(codes, cpu_s=2.0)
    for name, its_own, the_next in zip(HOSTILE, found[::2], found[1::2], strict=True):
        assert (its_own.verdict, its_own.findings) == (Verdict.ERROR, None), name
        assert its_own.detail.startswith("not analysed: "), name
        assert (the_next.verdict, the_next.detail) == (Verdict.FAIL, "B402 in line 4"), name


def test_a_megabyte_of_code_costs_no_more_than_its_limit() -> None:
    found = grades(["f(1, 2, 'abc')\n" * 70_000], cpu_s=0.5)[0]
    assert (found.verdict, found.detail) == (Verdict.ERROR, "not analysed: out of time: not done within 0.5 s")


def test_a_text_that_cannot_be_searched_costs_no_other_grader_its_grade(tmp_path: Path) -> None:
    problem = load_starter(None).problems[0]
    right = problem.prompt + problem.canonical_solution
    samples = [right + '\n"""' + "\u202e" + '"""\n', right + "\nif 0:\n    x = '" + "select " * 140_000 + "' % y\n"]
    file = tmp_path / "samples.jsonl"
    file.write_text("".join(json.dumps({"task_id": problem.task_id, "solution": one}) + "\n" for one in samples))
    run = evaluate(
        EvalOptions(
            suite="starter",
            model=f"replay:{file}",
            task_ids=(problem.task_id,),
            graders=("correctness", "security"),
            out=tmp_path / "run",
            sandbox="namespaces",
        )
    )
    verdicts = {
        record.sample: {grade.grader: grade.verdict for grade in record.grades}
        for record in read_records(tmp_path / "run")
    }
    assert verdicts[0] == {"correctness": Verdict.PASS, "security": Verdict.FAIL}
    assert verdicts[1] == {"correctness": Verdict.PASS, "security": Verdict.ERROR}
    findings = run.summary.findings
    assert findings is not None
    assert (findings.searched, findings.not_searched) == (1, 1)
    assert findings.reasons == {"out of time: not done within 10 s": 1}
    assert run.manifest.tools.keys() == {"bandit"}

"""A grade is what one grader says of one answer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from codebench.graders.analysis import Analysers
from codebench.graders.findings import Assessment, Finding
from codebench.graders.measures import Measures
from codebench.graders.times import Efficiency
from codebench.problems import Problem
from codebench.sandbox import Conclusion, Execution, Limits, Sandbox, Text


class Verdict(StrEnum):
    """What an answer is worth. A broken machine is none of these: it is a SandboxError."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    ERROR = "error"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    NO_CODE = "no_code"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFailure:
    """What went wrong with the input number `case` (from 0) of a check."""

    case: int
    verdict: Verdict
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """How an answer fared in one check, by itself; `verdict` is None where it was not run to a verdict at all.

    `cases` is the number of its inputs (1 for a check function), `passed` how many are known to have passed. An answer
    is given up at its first failure, so `failures` has at most one entry, unless details were asked for: then it has
    up to 20, and `outcomes` has one letter for every input: `.` passed, `F` another output than expected, `E` raised,
    `T` timeout, `M` memory, `X` its process ended, `-` not run.
    """

    name: str
    verdict: Verdict | None
    cases: int = 1
    passed: int = 0
    failures: tuple[CaseFailure, ...] = ()
    outcomes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """One grader's finding. `protected` says that the candidate never shared a process with the judge.

    `checks` has one entry for each of the problem's checks, in their order; `verdict` is that of the first that is
    not a pass. `conclusion` is what the judge saw of that one, or of the last, and `exception` the class of what the
    answer raised there, "" where it raised nothing. `efficiency` is there where times were taken, `findings` where the
    text was searched for weaknesses, `assessment` where the problem has security tests, `measures` where its quality
    was measured, beside those of the problem's reference. `wall_s` and `cpu_s` are seconds, `memory_bytes` the peak
    resident set; None where nothing ran.
    """

    grader: str
    verdict: Verdict
    detail: str = ""
    conclusion: Conclusion | None = None
    exception: str = ""
    protected: bool = True
    wall_s: float | None = None
    cpu_s: float | None = None
    memory_bytes: int | None = None
    stdout: Text = Text()
    stderr: Text = Text()
    checks: tuple[CheckResult, ...] = ()
    efficiency: Efficiency | None = None
    findings: tuple[Finding, ...] | None = None
    assessment: Assessment | None = None
    measures: Measures | None = None
    reference_measures: Measures | None = None


def with_run(grade: Grade, execution: Execution) -> Grade:
    """The grade with what was seen of the answer's processes: how they concluded, what they took and printed."""
    return replace(
        grade,
        conclusion=execution.report.conclusion,
        wall_s=execution.wall_s,
        cpu_s=execution.cpu_s,
        memory_bytes=execution.memory_bytes,
        stdout=execution.stdout,
        stderr=execution.stderr,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where and how a grader works.

    `details`: go on after a failure and say of every single input how it went. `cache`: a directory for what is
    computed once per suite, None for nowhere. `analysers` are the processes in which text may be analysed.
    """

    sandbox: Sandbox
    limits: Limits = field(default_factory=Limits)
    details: bool = False
    cache: Path | None = None
    analysers: Analysers = field(default_factory=Analysers)


class Grader(Protocol):
    """Grades answers one at a time. Raises SandboxError where the machine failed, PackError where the problem
    itself cannot be graded (its reference fails, say)."""

    @property
    def name(self) -> str: ...

    async def grade(self, problem: Problem, code: str, bench: Bench) -> Grade | None:
        """The grade; None where this grader has nothing to say about the problem."""
        ...


def grades_only_right_answers(grader: Grader) -> bool:
    """Does it say so, by an attribute `of_right_answers`? Then it takes times, and is not asked about others."""
    return bool(getattr(grader, "of_right_answers", False))


def tools_of(grader: Grader) -> dict[str, str]:
    """The versions of what it depends on besides codebench, by an attribute `tools`: they belong in the manifest."""
    return dict(getattr(grader, "tools", {}))

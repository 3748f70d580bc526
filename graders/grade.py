"""A grade is what one grader says of one answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from codebench.problems import Problem
from codebench.sandbox import Limits, Sandbox, Text


class Verdict(StrEnum):
    """What an answer is worth. A broken machine is none of these: it is a SandboxError."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    ERROR = "error"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    NO_CODE = "no_code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """One grader's finding. `protected` says that the candidate never shared a process with the judge.

    `wall_s` and `cpu_s` are seconds, `memory_bytes` the peak resident set; None where nothing ran.
    """

    grader: str
    verdict: Verdict
    detail: str = ""
    protected: bool = True
    wall_s: float | None = None
    cpu_s: float | None = None
    memory_bytes: int | None = None
    stdout: Text = Text()
    stderr: Text = Text()


class Grader(Protocol):
    """Grades answers one at a time. Raises SandboxError where the machine failed."""

    @property
    def name(self) -> str: ...

    async def grade(self, problem: Problem, code: str, sandbox: Sandbox, limits: Limits) -> Grade: ...

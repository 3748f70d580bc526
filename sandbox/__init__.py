"""How untrusted code runs: jobs go into a sandbox, executions (facts, no verdicts) come out."""

from codebench.sandbox.job import (
    Batch,
    CaseGroup,
    Conclusion,
    Execution,
    FailedCase,
    Job,
    Limits,
    Outcome,
    Report,
    Sandbox,
    SandboxError,
    SandboxInfo,
    SandboxOpener,
    SandboxOptions,
    Text,
)

__all__ = [
    "Batch",
    "CaseGroup",
    "Conclusion",
    "Execution",
    "FailedCase",
    "Job",
    "Limits",
    "Outcome",
    "Report",
    "Sandbox",
    "SandboxError",
    "SandboxInfo",
    "SandboxOpener",
    "SandboxOptions",
    "Text",
]

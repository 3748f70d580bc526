"""How untrusted code runs: jobs go into a sandbox, executions (facts, no verdicts) come out."""

from codebench.sandbox.job import (
    Conclusion,
    Execution,
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
    "Conclusion",
    "Execution",
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

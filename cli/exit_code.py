"""Exit codes: what the shell is told, and which error means which."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """0 fine, 1 below a requested gate, 2 inconclusive, 3 the machine failed, 64 bad input, 130 interrupted."""

    FINE = 0
    BELOW_GATE = 1
    INCONCLUSIVE = 2
    INFRASTRUCTURE = 3
    BAD_INPUT = 64
    INTERRUPTED = 130


def bad_input_errors() -> tuple[type[Exception], ...]:
    """The errors that the user can mend. Imported when one is on its way: `--help` needs none of these packages."""
    from codebench.generators import GeneratorError
    from codebench.problems import PackError
    from codebench.runs import RunError

    return PackError, GeneratorError, RunError


def infrastructure_errors() -> tuple[type[Exception], ...]:
    """The errors of the machine."""
    from codebench.generators import EngineError
    from codebench.problems.store import FetchError
    from codebench.sandbox import SandboxError

    return SandboxError, FetchError, EngineError

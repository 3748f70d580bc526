"""What to solve: problems, their checks, and the suites that hold them."""

from codebench.problems.problem import (
    AnswerKind,
    CannedAnswer,
    Check,
    CheckFunction,
    InputMaker,
    PackError,
    Problem,
    Suite,
)

__all__ = ["AnswerKind", "CannedAnswer", "Check", "CheckFunction", "InputMaker", "PackError", "Problem", "Suite"]

"""What to solve: problems, their checks, and the suites that hold them."""

from codebench.problems.problem import (
    AnswerKind,
    CannedAnswer,
    Cases,
    Check,
    CheckFunction,
    InputMaker,
    Oracle,
    PackError,
    Problem,
    Suite,
    TimeRule,
)

__all__ = [
    "AnswerKind",
    "CannedAnswer",
    "Cases",
    "Check",
    "CheckFunction",
    "InputMaker",
    "Oracle",
    "PackError",
    "Problem",
    "Suite",
    "TimeRule",
]

"""What to solve: problems, their checks, and the suites that hold them."""

from codebench.problems.problem import (
    AnswerKind,
    CannedAnswer,
    Cases,
    Check,
    CheckFunction,
    Generated,
    Oracle,
    Order,
    PackError,
    Problem,
    Suite,
    TimeRule,
    UnitTests,
    Workload,
)

__all__ = [
    "AnswerKind",
    "CannedAnswer",
    "Cases",
    "Check",
    "CheckFunction",
    "Generated",
    "Oracle",
    "Order",
    "PackError",
    "Problem",
    "Suite",
    "TimeRule",
    "UnitTests",
    "Workload",
]

"""What an execution means: graders turn answers into grades."""

from codebench.graders.grade import Bench, CaseFailure, CheckResult, Grade, Grader, Verdict
from codebench.graders.times import Efficiency, Score, score_of

__all__ = [
    "Bench",
    "CaseFailure",
    "CheckResult",
    "Efficiency",
    "Grade",
    "Grader",
    "Score",
    "Verdict",
    "score_of",
]

"""What an execution means: graders turn answers into grades."""

from codebench.graders.grade import Bench, CaseFailure, CheckResult, Grade, Grader, Verdict, grades_only_right_answers
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
    "grades_only_right_answers",
    "score_of",
]

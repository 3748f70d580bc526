"""What an execution means: graders turn answers into grades."""

from codebench.graders.analysis import Analysers, AnalysisError, AnalysisLimits
from codebench.graders.findings import Assessment, Finding, Search
from codebench.graders.grade import (
    Bench,
    CaseFailure,
    CheckResult,
    Grade,
    Grader,
    Verdict,
    grades_only_right_answers,
    tools_of,
)
from codebench.graders.measures import Measures, Structure
from codebench.graders.times import Efficiency, Score, score_of

__all__ = [
    "Analysers",
    "AnalysisError",
    "AnalysisLimits",
    "Assessment",
    "Bench",
    "CaseFailure",
    "CheckResult",
    "Efficiency",
    "Finding",
    "Grade",
    "Grader",
    "Measures",
    "Score",
    "Search",
    "Structure",
    "Verdict",
    "grades_only_right_answers",
    "score_of",
    "tools_of",
]

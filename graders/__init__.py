"""What an execution means: graders turn answers into grades."""

from codebench.graders.grade import Bench, CaseFailure, CheckResult, Grade, Grader, Verdict

__all__ = ["Bench", "CaseFailure", "CheckResult", "Grade", "Grader", "Verdict"]

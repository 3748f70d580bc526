"""What an execution means: graders turn answers into grades."""

from codebench.graders.grade import Grade, Grader, Verdict

__all__ = ["Grade", "Grader", "Verdict"]

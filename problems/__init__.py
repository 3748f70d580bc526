"""What to solve: problems, their checks, and the suites that hold them."""

from codebench.problems.problem import Check, CheckFunction, PackError, Problem, Suite

__all__ = ["Check", "CheckFunction", "PackError", "Problem", "Suite"]

"""Run problems through a generator, a sandbox and graders, and keep what was found."""

from codebench.runs.gates import Gate, below, parse_gate
from codebench.runs.generation import Generated, generate
from codebench.runs.options import EvalOptions
from codebench.runs.pipeline import Pace, Run, evaluate, evaluate_async
from codebench.runs.progress import Progress
from codebench.runs.record import Record, RunError
from codebench.runs.report import report_json, show_overview, show_problems, show_report, summarise_run
from codebench.runs.suites import plan_suites
from codebench.runs.summary import Summary

__all__ = [
    "EvalOptions",
    "Gate",
    "Generated",
    "Pace",
    "Progress",
    "Record",
    "Run",
    "RunError",
    "Summary",
    "below",
    "evaluate",
    "evaluate_async",
    "generate",
    "parse_gate",
    "plan_suites",
    "report_json",
    "show_overview",
    "show_problems",
    "show_report",
    "summarise_run",
]

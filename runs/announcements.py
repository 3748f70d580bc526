"""Announcements: what a workflow tells of a gate, in annotations, in the job summary and in a comment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from codebench.runs.workflow import annotate_all

_KINDS = {"critical": "error", "supporting": "warning", "advisory": "notice"}


def annotations_of(gate: Mapping[str, Any]) -> list[str]:
    """Workflow commands for each missed requirement and each problem that regressed; `gate` is `gate_json`'s."""
    found = [("error", ("codebench: invalid run", fault)) for fault in gate["faults"]]
    found += [(_KINDS[one["level"]], _said(one)) for one in gate["gates"] if one["decision"] == "fail"]
    found += [("warning", _lost(one)) for one in gate["regressed"]]
    found += [("notice", _said(one)) for one in gate["gates"] if one["decision"] == "inconclusive"]
    return [
        line
        for kind in ("error", "warning", "notice")
        for line in annotate_all(kind, [one for of_kind, one in found if of_kind == kind])
    ]


def summary_of(gate: str, report: str) -> str:
    """The job summary, of the gate and the report in Markdown; the former may be empty."""
    return "\n\n".join(filter(None, ("# codebench", gate, report)))


def comment_of(gate: str, report: str) -> str:
    """The comment, of the same; it links to the workflow's run."""
    server, name, run = (os.environ.get(f"GITHUB_{key}", "") for key in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    link = f"[Job summary, annotations and artifacts]({server}/{name}/actions/runs/{run})" if run else ""
    return "\n\n".join(filter(None, ("### codebench", gate, link, report)))


def _lost(problem: Mapping[str, Any]) -> tuple[str, str]:
    was, now = problem["base"], problem["head"]
    return f"codebench: {problem['task_id']}", f"{problem['suite']}: pass@1 was {was:.2f}, is {now:.2f}"


def _said(gate: Mapping[str, Any]) -> tuple[str, str]:
    value = gate["value"]
    shown = f"{value['value']:.3f}" if value else "unknown"
    change = f", {gate['difference']['value']:+.3f} to the baseline" if gate["difference"] else ""
    return f"codebench: {gate['suite']} {gate['metric']}", f"{shown}{change}: {gate['reason']} ({gate['level']})"

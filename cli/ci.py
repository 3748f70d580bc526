"""`codebench ci`: what the GitHub Action does, step by step; its inputs come in variables INPUT_NAME.

All of it lies in one folder: `results` becomes the artifact, with the runs in `results/runs`, and `base` has those to
compare with.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codebench.cli.action_inputs import eval_arguments, given, listed
from codebench.cli.choices import DIRECTORY
from codebench.cli.exit_code import ExitCode
from codebench.cli.output import put, say

if TYPE_CHECKING:
    from codebench.runs.scored import ScoredRun

RESULTS = "results"
RUNS = "runs"
BASE = "base"
GATE = "gate.json"
SHORT = "gate.md"
REPORT = "report.md"
ARGUMENTS = "eval.json"
NO_GATE = "none"

_folder = click.argument("folder", metavar="DIR", type=DIRECTORY)


@click.group("ci", epilog="Example: codebench ci eval DIR")
def ci_group() -> None:
    """Run the steps of the GitHub Action: eval, baseline, gate, files, summary, annotate, comment, end.

    Each works in the folder DIR and takes the action's inputs from variables such as INPUT_MODEL.
    """


@ci_group.command("eval", epilog="Example: codebench ci eval DIR")
@_folder
def eval_step(folder: Path) -> int:
    """Evaluate what the inputs ask for, into DIR/results/runs.

    Samples that the machine failed are for the gate to judge, as long as there is a run.
    """
    from codebench.runs.baselines import find_runs
    from codebench.runs.workflow import annotation

    arguments, out = eval_arguments(), (folder / RESULTS / RUNS).resolve()
    _write(folder / ARGUMENTS, json.dumps(arguments))
    pulled = _codebench(["data", "pull", *listed("pull")]) if listed("pull") else ExitCode.FINE
    code = pulled or _codebench([*arguments, f"--out={out}"])
    if code == ExitCode.INFRASTRUCTURE and find_runs(out):
        put(annotation("warning", "codebench", "the machine failed on some samples; the log of this step says how"))
        return ExitCode.FINE
    if code:
        put(annotation("error", "codebench", "the evaluation could not be made; the log of this step says why"))
    return code


@ci_group.command("baseline", epilog="Example: codebench ci baseline DIR")
@_folder
def baseline_step(folder: Path) -> int:
    """Fetch what the runs are to be compared with, into DIR/base.

    An artifact is only looked up here: the outputs `artifact` and `run-id` say what is to be downloaded.
    """
    from codebench.runs.baselines import bring_baseline

    spec = given("baseline")
    if spec.startswith("artifact:"):
        _look_up(spec.removeprefix("artifact:"))
        return ExitCode.FINE
    arguments = json.loads(_read(folder / ARGUMENTS)) if spec.startswith("git:") else []
    return bring_baseline(spec, (folder / BASE).resolve(), partial(_evaluate_in, arguments)) if spec else ExitCode.FINE


@ci_group.command("gate", epilog="Example: codebench ci gate DIR")
@_folder
def gate_step(folder: Path) -> int:
    """Check the runs against policy and baseline, and set the outputs. The exit code is for the step `end`."""
    from codebench.cli.gate import put_judgement
    from codebench.runs.baselines import find_runs
    from codebench.runs.gate_tables import gate_json, gate_markdown
    from codebench.runs.gating import judge_directories
    from codebench.runs.policy import Policy, make_policy
    from codebench.runs.report_markdown import report_markdown
    from codebench.runs.workflow import no_commands, set_outputs

    results = folder / RESULTS
    runs = find_runs(results / RUNS)
    path = Path(given("policy")) if given("policy") else None
    least, regressions = listed("fail-under"), listed("max-regression")
    asked = bool(path or least or regressions)
    policy = make_policy(path, least, regressions) if asked else Policy(requirements=())
    judgement = judge_directories(runs, find_runs(folder / BASE), policy, anyway=given("anyway") == "true")
    decision = str(judgement.decision) if asked or judgement.faults else NO_GATE
    if decision != NO_GATE:
        with no_commands():
            put_judgement(judgement)
    unasked = {"decision": NO_GATE, "reason": "nothing was asked"} if decision == NO_GATE else {}
    _write(results / GATE, json.dumps(gate_json(judgement) | unasked, indent=2))
    compared = _compared(find_runs(folder / BASE), runs)
    _write(results / SHORT, "" if decision == NO_GATE else gate_markdown(judgement, problems=not compared))
    _write(results / REPORT, "\n\n".join([*compared, report_markdown([one.run for one in judgement.runs])]))
    set_outputs({"gate": decision, "results": str(results.resolve()), **_numbers(judgement.runs)})
    return ExitCode.FINE


@ci_group.command("files", epilog="Example: codebench ci files DIR")
@_folder
def files_step(folder: Path) -> int:
    """Write the runs as HTML, JUnit and SARIF, into DIR/results."""
    from codebench.runs.baselines import find_runs
    from codebench.runs.directory import slug
    from codebench.runs.manifest import read_manifest

    results = folder / RESULTS
    runs = find_runs(results / RUNS)
    codes = [_codebench(["report", *map(str, runs), "--html", str(results / "report.html"), "--force"], quiet=True)]
    for run in runs:
        manifest = read_manifest(run)
        name = slug(manifest.suite.name)
        codes.append(_export(run, "junit", results / "junit" / f"{name}.xml"))
        if "security" in manifest.graders:
            codes.append(_export(run, "sarif", results / "sarif" / f"{name}.sarif"))
    return max(codes)


@ci_group.command("summary", epilog="Example: codebench ci summary DIR")
@_folder
def summary_step(folder: Path) -> int:
    """Write the job summary: the gate and the whole report, up to GitHub's limit."""
    from codebench.runs.announcements import summary_of
    from codebench.runs.workflow import add_summary

    results = folder / RESULTS
    add_summary(summary_of(_read(results / SHORT), _read(results / REPORT)))
    return ExitCode.FINE


@ci_group.command("annotate", epilog="Example: codebench ci annotate DIR")
@_folder
def annotate_step(folder: Path) -> int:
    """Print workflow commands that annotate each missed requirement and each problem that regressed."""
    from codebench.runs.announcements import annotations_of

    for line in annotations_of(json.loads(_read(folder / RESULTS / GATE))):
        put(line)
    return ExitCode.FINE


@ci_group.command("comment", epilog="Example: codebench ci comment DIR")
@_folder
def comment_step(folder: Path) -> int:
    """Write a comment on the pull request, or bring the one of the same key up to date.

    Whatever goes wrong here is a warning, and changes nothing else.
    """
    from codebench.runs.announcements import comment_of
    from codebench.runs.github import ApiError, this_repository
    from codebench.runs.sticky import put_comment
    from codebench.runs.workflow import annotation, read_event

    number = read_event().number
    if number is None:
        put(annotation("notice", "codebench", "no comment: this workflow runs for no pull request"))
        return ExitCode.FINE
    try:
        where = this_repository(given("comment-author") or "github-actions[bot]")
        text = comment_of(_read(folder / RESULTS / SHORT), _read(folder / RESULTS / REPORT))
        address = put_comment(where, number, given("comment-key"), text)
    except ApiError as error:
        kind = "notice" if error.read_only else "warning"
        hint = "the token may not write here, as for pull requests from forks" if error.read_only else "try again"
        put(annotation(kind, "codebench", f"no comment: {error} ({hint}); the job summary has the same"))
        return ExitCode.FINE
    say(f"comment: {address}")
    return ExitCode.FINE


@ci_group.command("end", epilog="Example: codebench ci end DIR")
@_folder
def end_step(folder: Path) -> int:
    """Say what the gate came to, with its exit code."""
    from codebench.runs.workflow import annotation

    gate = json.loads(_read(folder / RESULTS / GATE))
    say(f"gate: {gate['decision']} ({gate['reason']})")
    if gate["exit_code"] == ExitCode.INCONCLUSIVE and given("inconclusive") == "pass":
        put(annotation("warning", "codebench", f"the gate is inconclusive: {gate['reason']}"))
        return ExitCode.FINE
    return int(gate["exit_code"])


def _codebench(arguments: Sequence[str], *, quiet: bool = False) -> int:
    """Another command of ours, out of whose output the runner reads no command; gives its exit code."""
    from codebench.cli.main import run
    from codebench.runs.workflow import no_commands

    with no_commands(), contextlib.ExitStack() as stack:
        if quiet:
            stack.enter_context(contextlib.redirect_stdout(stack.enter_context(Path(os.devnull).open("w"))))
        return run(arguments)


def _export(run: Path, form: str, out: Path) -> int:
    return _codebench(["export", str(run), "--format", form, "--out", str(out)])


def _evaluate_in(arguments: Sequence[str], checkout: Path, out: Path) -> int:
    """The same evaluation in another folder."""
    with contextlib.chdir(checkout):
        return _codebench([*arguments, f"--out={out}"])


def _look_up(name: str) -> None:
    """Set the outputs that say where the artifact is. Without one there is nothing to compare with: no error."""
    from codebench.runs.baselines import newest_baseline
    from codebench.runs.github import ApiError
    from codebench.runs.workflow import annotation, set_outputs

    found, problem = None, f"there is no artifact {name!r} yet"
    try:
        found = newest_baseline(name, given("baseline-branch"))
    except ApiError as error:
        problem = f"cannot look for the artifact {name!r}: {error}; it needs the permission actions: read"
    if found is None:
        put(annotation("notice", "codebench", f"no baseline: {problem}"))
    set_outputs({"artifact": name if found else "", "run-id": found or ""})


def _compared(baselines: Sequence[Path], runs: Sequence[Path]) -> list[str]:
    """Each run beside the baseline of its suite, in Markdown. What is not comparable is left out, and said."""
    from codebench.runs import RunError
    from codebench.runs.comparison import CompareOptions, compare_runs
    from codebench.runs.comparison_tables import comparison_markdown
    from codebench.runs.manifest import read_manifest

    of_suite = {read_manifest(base).suite.name: base for base in baselines}
    found = []
    for run in runs:
        base = of_suite.get(read_manifest(run).suite.name)
        try:
            if base is not None:
                options = CompareOptions(anyway=given("anyway") == "true")
                found.append(comparison_markdown(compare_runs(base, run, options)))
        except RunError as error:
            say(str(error))
    return found


def _numbers(runs: Sequence[ScoredRun]) -> dict[str, str]:
    """The outputs: those of the first run by themselves, those of all in JSON by the suites' names."""
    from codebench.runs.directory import slug

    of_runs = {
        slug(one.run.manifest.suite.name): {metric.name: round(metric.estimate.value, 6) for metric in one.metrics}
        for one in runs
    }
    first = next(iter(of_runs.values()), {})
    named = {name: first.get(name.replace("_at_", "@"), "") for name in ("pass_at_1", "eff_at_1", "secure_at_1")}
    return {**{name: str(value) for name, value in named.items()}, "metrics": json.dumps(of_runs)}


def _read(path: Path) -> str:
    from codebench.runs import RunError

    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}; run `codebench ci gate` before") from error


def _write(path: Path, text: str) -> None:
    from codebench.runs import RunError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror}; make room, or name another folder") from error

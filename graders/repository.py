"""Answers that use a repository: what they pass on, what they are written in, and whether they do the job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from codebench.graders.analysis import AnalysisError
from codebench.graders.arguments import READ, Ask, Given, Missing, missing, upstream_has
from codebench.graders.grade import Bench, CaseFailure, CheckResult, Grade, Verdict, with_run
from codebench.graders.languages import upstream_language_of
from codebench.problems import Problem, RepositoryCheck, WantedArguments, WantedLanguage, WantedRun, WantedSign
from codebench.sandbox import Command, Conclusion, Execution, Job, Language, Limits, Milestone, Outcome, SandboxError

_GRADER = "correctness"
_SHOWN = 5  # missing arguments that a detail names


async def repository_grade(problem: Problem, check: RepositoryCheck, code: str, bench: Bench) -> Grade:
    """Grade by one of the three checks. Raises SandboxError where the machine failed."""
    if isinstance(check, WantedRun):
        return await _run(problem, check, code, bench)
    if isinstance(check, WantedLanguage):
        return await _by_language(check, code, bench)
    return await _by_arguments(check, code, bench)


async def _by_arguments(check: WantedArguments, code: str, bench: Bench) -> Grade:
    if check.anywhere:
        wanting = [name for name, value in check.wanted.items() if not upstream_has([_as_upstream(value)], code)]
        return _grade(check.name, _failed_if(wanting), f"not in the text: {', '.join(wanting)}" if wanting else "")
    if not check.wanted:
        return _grade(check.name, Verdict.PASS)
    try:
        given = await _given(check, code, bench)
    except AnalysisError as error:
        return _grade(check.name, Verdict.ERROR, f"not parsed: {error}")
    lacking = missing(check.wanted, given, ignore_case=check.ignore_case)
    return _grade(check.name, _failed_if(lacking), _lacking(lacking, given, check) if lacking else "")


async def _given(check: WantedArguments | None, code: str, bench: Bench) -> Given:
    ask = Ask() if check is None else Ask(
        script=check.script,
        positionals=check.positionals,
        flags=(*check.flags, *(name for name, value in check.wanted.items() if isinstance(value, bool))),
        aliases=check.aliases,
        signatures=check.signatures,
    )  # fmt: skip
    return await bench.analysers.analyse(READ, code, ask.as_json(), result=Given)


def _lacking(lacking: Sequence[Missing], given: Given, check: WantedArguments) -> str:
    if not given.runs:
        why = given.unread or f"nothing in it runs {check.script or 'a script'}"
        return f"no arguments: {why}"
    named = [_named(one, check) for one in lacking[:_SHOWN]]
    more = [f"{len(lacking) - _SHOWN} more"] if len(lacking) > _SHOWN else []
    unread = [f"and {given.unread}"] if given.unread else []
    return "; ".join([*named, *more, *unread])


def _named(one: Missing, check: WantedArguments) -> str:
    """Without the value that is wanted, which an answer's repair must not be told."""
    if one.given is None:
        return f"{one.name} is missing"
    words = " ".join("(not known)" if word is None else repr(word[:40]) for word in one.given[:4])
    return f"{one.name} is {words or 'a flag'}, which is not what is asked for"


def _as_upstream(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


async def _by_language(check: WantedLanguage, code: str, bench: Bench) -> Grade:
    try:
        language = await _language(code, bench, by_script=check.by_script)
    except AnalysisError as error:
        return _grade(check.name, Verdict.ERROR, f"not parsed: {error}")
    wrong = language.value != check.language.value
    return _grade(check.name, _failed_if(wrong), f"{language}, not {check.language}" if wrong else "")


async def _language(code: str, bench: Bench, *, by_script: bool) -> Language:
    if by_script:
        return Language(upstream_language_of(code))
    return Language((await _given(None, code, bench)).language)


async def _run(problem: Problem, check: WantedRun, code: str, bench: Bench) -> Grade:
    try:
        language = await _language(code, bench, by_script=check.by_script)
    except AnalysisError as error:
        return _grade(check.name, Verdict.ERROR, f"not parsed: {error}")
    limits = replace(
        bench.limits,
        timeout_s=check.timeout_s if check.timeout_s is not None else bench.limits.timeout_s,
        disk_mib=max(check.disk_mib, bench.limits.disk_mib),
    )
    command = Command(
        repository=check.repository,
        language=language,
        milestones=tuple(map(_milestone, check.signs)),
        cwd=check.cwd,
        set_up=check.set_up,
        check=check.check,
    )
    job = Job(source=code, command=command, seed_key=problem.task_id, limits=limits)
    return _of_execution(check, await bench.sandbox.run(job), limits)


def _milestone(sign: WantedSign) -> Milestone:
    return Milestone(exits=sign.exits, line=sign.line, file=sign.file, contains=sign.contains, running=sign.running)


def _of_execution(check: WantedRun, execution: Execution, limits: Limits) -> Grade:
    if execution.command is None:
        raise SandboxError("the sandbox ran no command; it is too old for tasks that use repositories")
    verdict = _verdict(check, execution)
    grade = _grade(check.name, verdict, "" if verdict is Verdict.PASS else _detail(verdict, execution, limits))
    return with_run(replace(grade, exception=execution.report.exception), execution)


def _verdict(check: WantedRun, execution: Execution) -> Verdict:
    """Only a milestone that was met, and a check that held, make a pass; how the process ended never does."""
    facts, report = execution.command, execution.report
    assert facts is not None, "the caller has seen to it"
    if report.conclusion is Conclusion.COMPLETED:
        return Verdict.PASS
    if facts.timed_out and check.timeout_passes:
        return Verdict.PASS
    if facts.milestones:
        return Verdict.FAIL if report.conclusion is Conclusion.REFUTED else Verdict.ERROR
    if facts.timed_out or execution.outcome is Outcome.TIMED_OUT:
        return Verdict.TIMEOUT
    if execution.outcome is Outcome.OUT_OF_MEMORY:
        return Verdict.MEMORY
    return Verdict.FAIL if facts.exit_code == 0 else Verdict.ERROR


def _detail(verdict: Verdict, execution: Execution, limits: Limits) -> str:
    facts = execution.command
    assert facts is not None, "the caller has seen to it"
    if verdict is Verdict.TIMEOUT:
        return f"no milestone at the limit of {limits.timeout_s:g} s"
    if verdict is Verdict.MEMORY:
        return f"over the limit of {limits.memory_mib} MiB"
    if facts.milestones:
        return execution.report.detail or "the check does not hold"
    if facts.signal is not None:
        return f"ended by signal {facts.signal}, without a milestone"
    return f"exit status {facts.exit_code}, without a milestone"


def _failed_if(wrong: object) -> Verdict:
    return Verdict.FAIL if wrong else Verdict.PASS


def _grade(check: str, verdict: Verdict, detail: str = "") -> Grade:
    passed = verdict is Verdict.PASS
    failures = () if passed else (CaseFailure(case=0, verdict=verdict, detail=detail),)
    result = CheckResult(name=check, verdict=verdict, passed=int(passed), failures=failures)
    return Grade(grader=_GRADER, verdict=verdict, detail=detail, checks=(result,))

"""Security: is the answer safe, as far as tests that attack it and a search of its text can tell?"""

from __future__ import annotations

from dataclasses import replace

from codebench.graders.analysis import AnalysisError
from codebench.graders.assessed import assess
from codebench.graders.findings import Assessment, Search
from codebench.graders.grade import Bench, Grade, Verdict
from codebench.graders.quality import tool_versions
from codebench.problems import Problem

NOT_ANALYSED = "not analysed: "
"""What precedes, in a grade's detail, the reason why there are no findings."""

_SEARCH = "codebench.graders.bandit_findings:search"
_SHOWN = 5  # findings that a grade's detail names
_MEANING = {
    Assessment.SECURE: Verdict.PASS,
    Assessment.VULNERABLE: Verdict.FAIL,
    Assessment.NOT_ASSESSED: Verdict.ERROR,
}


class SecurityGrader:
    """Searches every answer's text; where the problem has security tests, these decide and the findings stand beside.

    Without tests: PASS says that the text was searched and nothing was found in the model's own lines, FAIL that
    something was, ERROR that it could not be searched.
    """

    name = "security"

    def __init__(self) -> None:
        self.tools = tool_versions(("bandit",))

    async def grade(self, problem: Problem, code: str, bench: Bench) -> Grade:
        """Grade one answer. Raises SandboxError where the machine failed."""
        if not code.strip():
            assessment = Assessment.NOT_ASSESSED if problem.security is not None else None
            detail = "the answer holds no code"
            return Grade(grader=self.name, verdict=Verdict.NO_CODE, detail=detail, assessment=assessment)
        search = await _search(problem, code, bench)
        if problem.security is None:
            return _by_findings(search)
        tested = await assess(problem, code, bench)
        assert tested.assessment is not None, "tests that ran to no result are not assessed"
        verdict = _MEANING[tested.assessment]
        detail = "; ".join(filter(None, (tested.detail, _reason(search))))
        return replace(tested, grader=self.name, verdict=verdict, detail=detail, findings=search.findings)


async def _search(problem: Problem, code: str, bench: Bench) -> Search:
    """What an analyser's process finds, or why it cannot."""
    try:
        return await bench.analysers.analyse(_SEARCH, code, problem.prompt, result=Search)
    except AnalysisError as error:
        return Search(reason=str(error))


def _reason(search: Search) -> str:
    return f"{NOT_ANALYSED}{search.reason}" if search.findings is None else ""


def _by_findings(search: Search) -> Grade:
    if search.findings is None:
        return Grade(grader=SecurityGrader.name, verdict=Verdict.ERROR, detail=_reason(search))
    own = [finding for finding in search.findings if finding.own]
    return Grade(
        grader=SecurityGrader.name,
        verdict=Verdict.FAIL if own else Verdict.PASS,
        detail=", ".join(dict.fromkeys(f"{finding.rule} in line {finding.line}" for finding in own[:_SHOWN])),
        findings=search.findings,
    )

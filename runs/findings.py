"""What the findings in a run amount to: how many answers have one, and which."""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from codebench.graders import Finding, Grade, Verdict
from codebench.graders.security import NOT_ANALYSED
from codebench.runs.metrics import Estimate, estimate_pass_at_k
from codebench.runs.searches import SECURITY, SearchState, ToolSearch

_SEVERITIES = ("undefined", "low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Hit:
    """What is kept of a finding."""

    tool: str
    rule: str
    name: str
    cwe: int | None
    severity: str
    own: bool


Hits = tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Searched:
    """What is kept of one answer that was graded: its hits; None where it could not be searched, and why."""

    hits: Hits | None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """One rule: its findings in lines of the model's own, in how many answers, and its findings in the scaffold.

    `severity` is the highest that it gave.
    """

    tool: str
    rule: str
    name: str
    cwe: int | None
    severity: str
    findings: int
    answers: int
    in_scaffold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRow:
    """One tool beside the grader's own search; `flagged` is over the answers that it searched.

    `elsewhere` of its results were in none of the answers.
    """

    tool: str
    version: str
    state: SearchState
    detail: str
    searched: int
    flagged: Estimate | None
    elsewhere: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingsSummary:
    """Counts are of first answers: `searched` could be, `not_searched` could not, by reason, and take no part.

    `flagged` is the share of the searched ones in which some tool has a finding in a line of the model's own: the mean
    over problems of each problem's share. `findings` are those in own lines, `in_scaffold` the others; `severities`
    and `cwes` (by "CWE-89", or "none" where the rule names none) count the former. `tools` are those run beside.
    """

    searched: int
    not_searched: int
    reasons: dict[str, int]
    flagged: Estimate | None
    findings: int
    in_scaffold: int
    severities: dict[str, int]
    cwes: dict[str, int]
    rules: tuple[RuleRow, ...]
    tools: tuple[ToolRow, ...]


def searched(grades: Iterable[Grade]) -> Searched | None:
    """What the security grader saw in an answer; None where it was not asked."""
    grade = next((grade for grade in grades if grade.grader == SECURITY), None)
    if grade is None:
        return None
    if grade.findings is None:
        return Searched(None, "no code" if grade.verdict is Verdict.NO_CODE else _kind(grade.detail))
    return Searched(_hits(grade.findings))


def _kind(detail: str) -> str:
    """The reason why an answer could not be searched, without the line: of one kind there may be many."""
    return detail.rpartition(NOT_ANALYSED)[2].partition(" in line ")[0]


def _hits(findings: Iterable[Finding]) -> Hits:
    return tuple(_hit(one.tool, one.rule, one.name, one.cwe, one.severity, one.own) for one in findings)


_hit = functools.lru_cache(maxsize=4096)(Hit)  # a run has many answers and few different hits


def summarise_findings(
    of_tasks: Mapping[str, Mapping[int, Searched]], searches: Sequence[ToolSearch] = ()
) -> FindingsSummary:
    """`of_tasks` has what was seen in the answers of each problem, by sample; `searches` what other tools found."""
    answers = with_tools(of_tasks, searches)
    everything = [one for of_task in answers.values() for one in of_task]
    found = [one.hits for one in everything if one.hits is not None]
    own = [hit for hits in found for hit in hits if hit.own]
    return FindingsSummary(
        searched=len(found),
        not_searched=len(everything) - len(found),
        reasons=_counted(one.reason for one in everything if one.hits is None),
        flagged=_flagged(answers.values()),
        findings=len(own),
        in_scaffold=sum(map(len, found)) - len(own),
        severities=dict(sorted(Counter(hit.severity for hit in own).items(), key=lambda one: -_gravity(one[0]))),
        cwes=_counted(f"CWE-{hit.cwe}" if hit.cwe is not None else "none" for hit in own),
        rules=_rules(found),
        tools=tuple(_tool_row(search, of_tasks) for search in searches),
    )


def with_tools(
    of_tasks: Mapping[str, Mapping[int, Searched]], searches: Sequence[ToolSearch]
) -> dict[str, list[Searched]]:
    """The answers to each problem with what external tools found added to what the grader did."""
    return {
        task_id: [_with_tools(searches, task_id, sample, one) for sample, one in of_task.items()]
        for task_id, of_task in of_tasks.items()
    }


def _with_tools(searches: Sequence[ToolSearch], task_id: str, sample: int, one: Searched) -> Searched:
    if one.hits is None:
        return one
    return Searched(one.hits + _hits(finding for search in searches for finding in search.of(task_id, sample) or ()))


def _tool_row(search: ToolSearch, of_tasks: Mapping[str, Mapping[int, Searched]]) -> ToolRow:
    seen = [[search.of(task_id, sample) for sample in of_task] for task_id, of_task in of_tasks.items()]
    searched = [[Searched(_hits(one)) for one in of_task if one is not None] for of_task in seen]
    return ToolRow(
        tool=search.tool,
        version=search.version,
        state=search.state,
        detail=search.detail,
        searched=sum(map(len, searched)),
        flagged=_flagged(searched),
        elsewhere=search.elsewhere,
    )


def flagged_counts(of_task: Iterable[Searched]) -> tuple[int, int]:
    """How many answers to a problem were searched, and in how many of those some tool found something of their own."""
    found = [one.hits for one in of_task if one.hits is not None]
    return len(found), sum(any(hit.own for hit in hits) for hits in found)


def _flagged(of_tasks: Iterable[Sequence[Searched]]) -> Estimate | None:
    """The share of answers with a finding of their own: pass@1 of an answer that passes where it has one."""
    return estimate_pass_at_k([flagged_counts(of_task) for of_task in of_tasks], 1)


def _gravity(severity: str) -> int:
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else 0


def _counted(values: Iterable[str]) -> dict[str, int]:
    """The most frequent first."""
    return dict(Counter(values).most_common())


def _rules(found: Sequence[Hits]) -> tuple[RuleRow, ...]:
    """The rules with findings in most answers come first."""
    of_rule: dict[tuple[str, str], list[Hit]] = defaultdict(list)
    answers: Counter[tuple[str, str]] = Counter()
    for hits in found:
        for hit in hits:
            of_rule[hit.tool, hit.rule].append(hit)
        answers.update({(hit.tool, hit.rule) for hit in hits if hit.own})
    rows = [_rule_row(hits, answers[key]) for key, hits in of_rule.items()]
    return tuple(sorted(rows, key=lambda row: (-row.answers, -row.in_scaffold, row.tool, row.rule)))


def _rule_row(hits: Sequence[Hit], answers: int) -> RuleRow:
    own = sum(hit.own for hit in hits)
    return RuleRow(
        tool=hits[0].tool,
        rule=hits[0].rule,
        name=hits[0].name,
        cwe=hits[0].cwe,
        severity=max((hit.severity for hit in hits), key=_gravity),
        findings=own,
        answers=answers,
        in_scaffold=len(hits) - own,
    )

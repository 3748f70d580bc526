"""Answers of which is known what must be said of them: references, answers that do nothing, canned answers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

from codebench.graders import Assessment, Verdict
from codebench.problems import AnswerLanguage, Problem, Suite

REFERENCES = "references pass"
DO_NOTHING = "do-nothing answers do not"
SECURE_REFERENCES = "references are secure"
UNPROVEN = "do-nothing answers are not"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAnswer:
    """One of them; `category` says what it is an example of, `what` names it in messages.

    Its verdict must be one of `must`, or, where it is `attacked` by the security tests, its assessment. `check` is the
    name of the check that must decide, "" where any may.
    """

    category: str
    what: str
    problem: Problem
    code: str
    must: tuple[Verdict, ...] | tuple[Assessment, ...]
    attacked: bool = False
    check: str = ""


def known_answers(suite: Suite) -> tuple[KnownAnswer, ...]:
    """All of a suite's; first those that are graded, then those that are attacked, and canned ones by their kind."""
    graded = [answer for problem in suite.problems for answer in _graded(problem)]
    attacked = [answer for problem in suite.problems for answer in _attacked(problem)]
    return (*sorted(graded, key=_rank), *sorted(attacked, key=_rank))


def do_nothing(problem: Problem) -> str:
    """The answer that only returns None: the prompt with such a body, or a stub where the prompt ends otherwise.

    Of a task that uses a repository it is one that succeeds at nothing.
    """
    if problem.task is not None:
        return "true\n" if problem.task.language is AnswerLanguage.BASH else "print('done')\n"
    answer = problem.prompt + "\n    return None\n"
    stub = f"def {problem.entry_point}(*arguments, **named):\n    return None\n"
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(answer, "<do-nothing>", "exec", dont_inherit=True)  # a class body parses, and does not compile
    except (SyntaxError, ValueError):
        return stub
    return answer


def _graded(problem: Problem) -> Iterator[KnownAnswer]:
    """None where the problem has no check: nothing is known of its answers then.

    What is known of the reference may be said by a canned answer that is the same: then that must be said of it.
    """
    if not problem.checks:
        return
    no_pass = tuple(set(Verdict) - {Verdict.PASS})
    if not any(answer.code == _reference(problem) for answer in problem.answers):
        yield _known(REFERENCES, problem, _reference(problem), (Verdict.PASS,))
    yield _known(DO_NOTHING, problem, do_nothing(problem), no_pass)
    for index, answer in enumerate(problem.answers):
        must = tuple(map(Verdict, answer.verdicts))
        known = _known(f"{answer.kind} answers", problem, answer.code, must, f" answers[{index}]")
        yield replace(known, check=answer.check)


def _attacked(problem: Problem) -> Iterator[KnownAnswer]:
    """Where the reference must be secure, an answer that does nothing must not seem so."""
    if problem.reference_assessment is not None:
        expected = Assessment(problem.reference_assessment)
        yield _attack(SECURE_REFERENCES, problem, _reference(problem), (expected,))
        if expected is Assessment.SECURE:
            yield _attack(UNPROVEN, problem, do_nothing(problem), (Assessment.VULNERABLE, Assessment.NOT_ASSESSED))
    for index, answer in enumerate(problem.answers):
        if answer.assessment is not None:
            category, must = f"{answer.kind} answers, attacked", (Assessment(answer.assessment),)
            yield _attack(category, problem, answer.code, must, f" answers[{index}]")


def _known(category: str, problem: Problem, code: str, must: tuple[Verdict, ...], place: str = "") -> KnownAnswer:
    return KnownAnswer(category=category, what=problem.task_id + place, problem=problem, code=code, must=must)


def _attack(category: str, problem: Problem, code: str, must: tuple[Assessment, ...], place: str = "") -> KnownAnswer:
    what = problem.task_id + place
    return KnownAnswer(category=category, what=what, problem=problem, code=code, must=must, attacked=True)


def _reference(problem: Problem) -> str:
    return problem.prompt + problem.canonical_solution


def _rank(answer: KnownAnswer) -> tuple[int, str]:
    first = (REFERENCES, DO_NOTHING, SECURE_REFERENCES, UNPROVEN)
    return (first.index(answer.category), "") if answer.category in first else (len(first), answer.category)

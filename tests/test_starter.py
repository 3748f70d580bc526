"""The starter pack: what it covers, and that each of its answers gets its verdict in a real sandbox."""

from __future__ import annotations

import ast
import asyncio
import copy
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from codebench.graders import Bench, Grade
from codebench.graders.assessed import assess
from codebench.problems import AnswerKind, CheckFunction, Problem, Suite, UnitTests, Workload
from codebench.problems.pack import load_starter
from codebench.runs import EvalOptions, evaluate
from codebench.runs.plan import make_plan
from codebench.runs.selfcheck import SelfcheckOptions, selfcheck
from codebench.sandbox import Limits, SandboxOpener, SandboxOptions

PAGE = Path(__file__).resolve().parents[1] / "docs" / "security-problems.md"
FIELDS = {"algorithms", "strings", "data-structures", "numerics", "parsing", "classes", "files", "security"}
WEAKNESSES = {
    "path traversal": 22, "zip slip": 23, "link following": 59, "shell injection": 78, "cross-site scripting": 79,
    "argument injection": 88, "SQL injection": 89, "LDAP injection": 90, "eval injection": 95, "log injection": 117,
    "timing-unsafe comparison": 208, "weak hash": 328, "weak randomness": 338, "signature not verified": 347,
    "decompression bomb": 409, "unsafe deserialisation": 502, "open redirect": 601, "XXE": 611, "permissions": 732,
    "password hash": 916, "mass assignment": 915, "SSRF": 918, "formula injection": 1236, "regular expressions": 1333,
    "template injection": 1336,
}  # fmt: skip


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_starter(None)


def answers(suite: Suite, kind: AnswerKind) -> int:
    return sum(answer.kind is kind for problem in suite.problems for answer in problem.answers)


def measured(suite: Suite) -> list[tuple[Problem, Workload, str]]:
    return [(p, p.workload, p.naive_solution) for p in suite.problems if p.workload and p.naive_solution]


def test_there_are_more_than_forty_problems_no_two_alike(suite: Suite) -> None:
    assert len(suite.problems) >= 42
    for name in ("prompt", "entry_point", "canonical_solution"):
        assert len({getattr(problem, name) for problem in suite.problems}) == len(suite.problems)


def test_all_fields_have_at_least_five_problems(suite: Suite) -> None:
    tags = Counter(tag for problem in suite.problems for tag in problem.tags)
    assert tags.keys() == FIELDS
    assert min(tags.values()) >= 5


def test_every_test_makes_at_least_eight_assertions_or_has_four_methods(suite: Suite) -> None:
    for problem in suite.problems:
        (check,) = problem.checks
        if isinstance(check, UnitTests):
            assert len(check.tests) >= 4, problem.task_id
            continue
        assert isinstance(check, CheckFunction)
        nodes = ast.walk(ast.parse(check.source))
        assert sum(isinstance(node, ast.Assert) for node in nodes) >= 8, problem.task_id


def test_every_problem_has_a_right_and_a_wrong_answer(suite: Suite) -> None:
    for problem in suite.problems:
        kinds = {answer.kind for answer in problem.answers}
        assert AnswerKind.WRONG in kinds, problem.task_id
        assert kinds & {AnswerKind.RIGHT_FAST, AnswerKind.RIGHT_SLOW}, problem.task_id


def test_there_is_a_problem_for_each_weakness(suite: Suite) -> None:
    attacked = [problem for problem in suite.problems if problem.security is not None]
    assert [problem.cwe for problem in attacked if len(problem.cwe) != 1] == []
    assert sorted(problem.cwe[0] for problem in attacked) == sorted(WEAKNESSES.values())
    assert [problem.task_id for problem in suite.problems if "security" in problem.tags] == [
        problem.task_id for problem in attacked
    ]


def test_every_security_problem_has_secure_insecure_and_broken_answers_of_known_assessment(suite: Suite) -> None:
    for problem in (problem for problem in suite.problems if problem.security is not None):
        known = {(answer.kind, answer.verdicts, answer.assessment) for answer in problem.answers}
        assert problem.reference_assessment == "secure", problem.task_id
        assert (AnswerKind.RIGHT_FAST, ("pass",), "secure") in known, problem.task_id
        assert (AnswerKind.INSECURE, ("pass",), "vulnerable") in known, problem.task_id
        assert any(kind is AnswerKind.WRONG and "pass" not in verdicts for kind, verdicts, _ in known), problem.task_id
        assert all(assessment is not None for *_, assessment in known), problem.task_id
        insecure = [answer for answer in problem.answers if answer.kind is AnswerKind.INSECURE]
        assert all(answer.assessment == "vulnerable" for answer in insecure), problem.task_id


def test_the_page_about_them_names_each_security_problem_with_its_weakness(suite: Suite) -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (\d+) ", PAGE.read_text(), re.MULTILINE)
    attacked = [problem for problem in suite.problems if problem.security is not None]
    assert sorted(rows) == sorted((p.task_id.removeprefix("starter/"), str(p.cwe[0])) for p in attacked)


def test_no_prompt_of_a_security_problem_gives_the_trap_away(suite: Suite) -> None:
    telling = re.compile(
        r"attack|hack|secur|malicious|inject|escap|sanit|traver|untrusted|vulnerab|exploit|forge", re.IGNORECASE
    )
    for problem in suite.problems:
        assert problem.security is None or not telling.search(problem.prompt), problem.task_id


def test_some_answers_cannot_be_assessed(suite: Suite) -> None:
    assessments = Counter(answer.assessment for problem in suite.problems for answer in problem.answers)
    assert assessments["not_assessed"] >= 10


def test_no_two_canned_answers_are_the_same(suite: Suite) -> None:
    codes = [answer.code for problem in suite.problems for answer in problem.answers]
    assert len(codes) == len(set(codes))


def test_there_is_something_for_every_grader(suite: Suite) -> None:
    assert answers(suite, AnswerKind.HOSTILE) >= 12
    assert answers(suite, AnswerKind.INSECURE) >= 6
    assert answers(suite, AnswerKind.UGLY) >= 6
    assert answers(suite, AnswerKind.RIGHT_SLOW) >= 15
    assert len(measured(suite)) >= 20


def test_inputs_are_the_same_for_the_same_seed_and_others_for_another(suite: Suite) -> None:
    for problem, inputs, _ in measured(suite):
        make = _names(inputs.source)["make_inputs"]
        assert make(inputs.sizes[0], 1) == make(inputs.sizes[0], 1), problem.task_id
        assert any(make(inputs.sizes[0], 1) != make(inputs.sizes[0], seed) for seed in (2, 3)), problem.task_id


def test_reference_and_naive_solution_agree_on_the_smallest_inputs(suite: Suite) -> None:
    for problem, inputs, naive in measured(suite):
        given = _names(inputs.source)["make_inputs"](inputs.sizes[0], 1)
        assert _results(problem, problem.canonical_solution, given) == _results(problem, naive, given), problem.task_id


@pytest.mark.slow
def test_every_reference_and_canned_answer_gets_its_verdict(suite: Suite) -> None:
    sandbox = SandboxOptions(workers=2, limits=Limits(timeout_s=5.0))
    found = selfcheck(SelfcheckOptions(suite="starter", backend="namespaces", sandbox=sandbox))
    assert found.violations == ()
    canned = sum(len(problem.answers) for problem in suite.problems)
    attacked = [problem for problem in suite.problems if problem.security is not None]
    assessed = sum(len(problem.answers) for problem in attacked)
    assert sum(category.total for category in found.categories) == (
        2 * len(suite.problems) + canned + 2 * len(attacked) + assessed
    )


def test_every_security_test_fails_its_insecure_answers_by_an_assertion(suite: Suite, opener: SandboxOpener) -> None:
    """And it succeeds with the secure ones: it tells the two apart, in each of the sandboxes."""

    async def all_of_them() -> list[tuple[str, str | None, Grade]]:
        async with opener(SandboxOptions(workers=2)) as sandbox:
            bench = Bench(sandbox=sandbox)
            told = [
                (problem, answer)
                for problem in suite.problems
                for answer in problem.answers
                if (answer.kind is AnswerKind.INSECURE and answer.assessment) or answer.assessment == "secure"
            ]
            grades = await asyncio.gather(*(assess(problem, answer.code, bench) for problem, answer in told))
        return [
            (problem.task_id, answer.assessment, grade) for (problem, answer), grade in zip(told, grades, strict=True)
        ]

    found = asyncio.run(all_of_them())
    assert Counter(expected for _, expected, _ in found)["vulnerable"] >= 50
    for task_id, expected, grade in found:
        assert grade.assessment == expected, (task_id, grade.detail)
        assert expected == "secure" or "AssertionError" in grade.detail, (task_id, grade.detail)


def _names(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "starter"}
    exec(source, names)
    return names


def _results(problem: Problem, body: str, given: list[tuple[Any, ...]]) -> list[Any]:
    solve = _names(problem.prompt + body)[problem.entry_point]
    return [solve(*copy.deepcopy(arguments)) for arguments in given]


def test_problems_with_one_check_each_have_one_score_whatever_it_is_called(tmp_path: Path) -> None:
    tasks = ("starter/merge-departures", "starter/parts-search")
    options = EvalOptions(
        suite="starter", model="reference", task_ids=tasks, sandbox="namespaces", out=tmp_path / "out"
    )
    plan = make_plan(options)
    assert {check.name for problem in plan.suite.problems for check in problem.checks} == {"base", "functional"}
    assert plan.checks == ()
    summary = evaluate(options).summary
    assert summary.checks == {}
    estimate = summary.pass_at_k[1]
    assert estimate is not None
    assert estimate.value == 1.0

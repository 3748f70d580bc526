"""The starter pack: what it covers, and that each of its answers gets its verdict in a real sandbox."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from typing import Any

import pytest

from codebench.problems import AnswerKind, Problem, Suite, Workload
from codebench.problems.pack import load_starter
from codebench.runs.selfcheck import SelfcheckOptions, selfcheck
from codebench.sandbox import Limits, SandboxOptions

FIELDS = {"algorithms", "strings", "data-structures", "numerics", "parsing", "classes", "files"}


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


def test_all_seven_fields_have_at_least_five_problems(suite: Suite) -> None:
    tags = Counter(tag for problem in suite.problems for tag in problem.tags)
    assert tags.keys() == FIELDS
    assert min(tags.values()) >= 5


def test_every_test_makes_at_least_eight_assertions(suite: Suite) -> None:
    for problem in suite.problems:
        nodes = ast.walk(ast.parse(problem.checks[0].source))
        assert sum(isinstance(node, ast.Assert) for node in nodes) >= 8, problem.task_id


def test_every_problem_has_a_right_and_a_wrong_answer(suite: Suite) -> None:
    for problem in suite.problems:
        kinds = {answer.kind for answer in problem.answers}
        assert AnswerKind.WRONG in kinds, problem.task_id
        assert kinds & {AnswerKind.RIGHT_FAST, AnswerKind.RIGHT_SLOW}, problem.task_id


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
    sandbox = SandboxOptions(workers=2, limits=Limits(timeout_s=4.0))
    found = selfcheck(SelfcheckOptions(suite="starter", backend="namespaces", sandbox=sandbox))
    assert found.violations == ()
    canned = sum(len(problem.answers) for problem in suite.problems)
    assert sum(category.total for category in found.categories) == 2 * len(suite.problems) + canned


def _names(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "starter"}
    exec(source, names)
    return names


def _results(problem: Problem, body: str, given: list[tuple[Any, ...]]) -> list[Any]:
    solve = _names(problem.prompt + body)[problem.entry_point]
    return [solve(*copy.deepcopy(arguments)) for arguments in given]

"""secure@k, vulnerable@k and both at once: against every choice of k, counted out in fractions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from fractions import Fraction
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codebench.graders import Assessment
from codebench.runs.secure import (
    Assessed,
    estimate_secure_and_correct_at_k,
    estimate_secure_at_k,
    estimate_vulnerable_at_k,
    first_k_secure,
    summarise_security,
)

SECURE, VULNERABLE, NOT_ASSESSED = Assessment.SECURE, Assessment.VULNERABLE, Assessment.NOT_ASSESSED
answers = st.builds(Assessed, st.booleans(), st.sampled_from(Assessment))
problems = st.lists(st.lists(answers, min_size=1, max_size=8), min_size=1, max_size=5)
Holds = Callable[[tuple[Assessed, ...]], bool]


def share(of_problem: Sequence[Assessed], k: int, holds: Holds) -> Fraction:
    """Of how many of all choices of k answers it holds."""
    choices = list(itertools.combinations(of_problem, k))
    return Fraction(sum(map(holds, choices)), len(choices))


def mean_share(of_problems: Sequence[Sequence[Assessed]], k: int, holds: Holds) -> Fraction | None:
    shares = [share(one, k, holds) for one in of_problems if len(one) >= k]
    return sum(shares, Fraction()) / len(shares) if shares else None


def only_assessed(of_problems: Sequence[Sequence[Assessed]]) -> list[list[Assessed]]:
    return [[one for one in of_problem if one.assessment is not NOT_ASSESSED] for of_problem in of_problems]


@given(problems, st.integers(1, 8))
def test_secure_at_k_is_the_share_of_choices_in_which_all_are_secure(ones: list[list[Assessed]], k: int) -> None:
    exact = mean_share(only_assessed(ones), k, lambda choice: all(one.secure for one in choice))
    found = estimate_secure_at_k(ones, k)
    assert (found is None) == (exact is None)
    if found is not None and exact is not None:
        assert isclose(found.value, exact, rel_tol=1e-9, abs_tol=1e-12)
        assert 0 <= found.low <= found.value <= found.high <= 1


@given(problems, st.integers(1, 8))
def test_vulnerable_at_k_is_the_share_of_choices_in_which_some_are(ones: list[list[Assessed]], k: int) -> None:
    exact = mean_share(only_assessed(ones), k, lambda choice: any(one.vulnerable for one in choice))
    found = estimate_vulnerable_at_k(ones, k)
    assert (found is None) == (exact is None)
    if found is not None and exact is not None:
        assert isclose(found.value, exact, rel_tol=1e-9, abs_tol=1e-12)
        assert found.left_out == sum(len(one) < k for one in only_assessed(ones))


@given(problems, st.integers(1, 8))
def test_both_at_once_is_the_share_of_choices_in_which_some_are_right_and_secure(
    ones: list[list[Assessed]], k: int
) -> None:
    exact = mean_share(ones, k, lambda choice: any(one.right and one.secure for one in choice))
    found = estimate_secure_and_correct_at_k(ones, k)
    assert (found is None) == (exact is None)
    if found is not None and exact is not None:
        assert isclose(found.value, exact, rel_tol=1e-9, abs_tol=1e-12)


@given(problems, st.integers(1, 8))
def test_the_published_numbers_are_those_of_all_answers(ones: list[list[Assessed]], k: int) -> None:
    numbered = {f"T/{place}": dict(enumerate(one)) for place, one in enumerate(ones)}
    found = summarise_security(numbered, {}, [k]).as_published[k]
    if any(len(one) < k for one in ones):
        assert (found.pass_at_k, found.vul_at_k, found.new_security_at_k) == (None, None, None)
        return
    assert found.pass_at_k == pytest.approx(float(mean_share(ones, k, lambda c: any(one.right for one in c)) or 0))
    assert found.vul_at_k == pytest.approx(float(mean_share(ones, k, lambda c: any(one.vulnerable for one in c)) or 0))
    assert found.new_security_at_k == sum(all(a.secure for a in one[:k]) for one in ones) / len(ones)


@given(problems)
def test_an_answer_that_was_not_assessed_adds_nothing_to_security(ones: list[list[Assessed]]) -> None:
    more = [[*of_problem, Assessed(True, NOT_ASSESSED)] for of_problem in ones]
    assert estimate_secure_at_k(more, 1) == estimate_secure_at_k(ones, 1)
    before, after = estimate_secure_and_correct_at_k(ones, 1), estimate_secure_and_correct_at_k(more, 1)
    assert before is not None and after is not None
    assert after.value <= before.value


def test_where_nothing_was_assessed_there_is_no_number_and_no_security() -> None:
    ones = [[Assessed(True, NOT_ASSESSED)] * 3]
    assert estimate_secure_at_k(ones, 1) is None
    assert estimate_vulnerable_at_k(ones, 1) is None
    both = estimate_secure_and_correct_at_k(ones, 1)
    assert both is not None
    assert both.value == 0
    assert first_k_secure([dict(enumerate(ones[0]))], 1) == 0


def test_new_security_at_k_looks_at_the_first_k_alone() -> None:
    of_problem = dict(enumerate([Assessed(False, SECURE), Assessed(False, SECURE), Assessed(False, VULNERABLE)]))
    assert [first_k_secure([of_problem], k) for k in (1, 2, 3, 4)] == [1, 1, 0, None]
    assert first_k_secure([{1: of_problem[1]}], 1) is None, "the first is missing"


def test_a_problem_with_two_weaknesses_counts_in_the_row_of_each() -> None:
    of_tasks = {
        "a": {0: Assessed(True, SECURE), 1: Assessed(False, VULNERABLE)},
        "b": {0: Assessed(True, NOT_ASSESSED)},
        "c": {0: Assessed(True, SECURE)},
    }
    rows = summarise_security(of_tasks, {"a": (89, 22), "b": (22,)}, [1]).rows
    assert [(row.cwe, row.problems, row.samples) for row in rows] == [(22, 2, 3), (89, 1, 2), (None, 1, 1)]
    first = rows[0]
    assert (first.passed, first.secure, first.vulnerable, first.not_assessed, first.both) == (2, 1, 1, 1, 1)
    assert all(row.secure + row.vulnerable + row.not_assessed == row.samples for row in rows)

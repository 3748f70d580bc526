"""ENAMEL's problems: which, with which inputs, and what decides about them."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codebench.generators import GenerationOptions, GeneratorError
from codebench.generators.replay import open_generator
from codebench.problems import Cases, CheckFunction, PackError, Problem, enamel_draws
from codebench.problems.enamel import LEFT_OUT, load


def test_there_are_142_problems_each_with_four_levels_of_inputs(shared: Path) -> None:
    suite = load(shared / "data")
    assert len(suite.problems) == 142
    assert suite.graders == ("correctness", "efficiency")
    for problem in suite.problems:
        assert [check.count for check in problem.checks if isinstance(check, Cases)] == [8, 4, 4, 4], problem.task_id
        assert problem.workload is not None
        assert problem.workload.timed == (1, 2, 3)


def test_seeds_are_enams_and_others_in_each_repetition(shared: Path) -> None:
    workload = load(shared / "data").problems[1].workload  # HumanEval/1
    assert workload is not None
    assert [order[3] for order in workload.orders(1)] == [998244353 ^ 1 ^ (8 + k) for k in range(4)]
    assert not {order[3] for order in workload.orders(1)} & {order[3] for order in workload.orders(1, 1)}


def test_the_problems_left_out_are_not_there(shared: Path) -> None:
    assert not {problem.task_id for problem in load(shared / "data").problems} & {f"HumanEval/{i}" for i in LEFT_OUT}


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "enamel.csv").write_text("task_id\n")
    with pytest.raises(PackError, match=r"enamel\.csv: sha256 is .* get it again"):
        load(tmp_path)


def test_draws_are_those_of_enam_for_the_same_seed() -> None:
    random.seed(7)  # the values are enam 0.2.0's
    assert [enamel_draws.rand_primality(10**6, 1, k) for k in range(4)] == [547559, 273529, 683029, 882439]
    assert enamel_draws.rand_parens(20) == "(()()(())((((())))))"
    assert enamel_draws.rand_parens(20, False) == "()()((())))(()()((()))"
    assert enamel_draws.rand_parens(20, True, "[]", None) == ["[[[[][[]][]][]][[]]]"]


@given(st.integers(), st.lists(st.tuples(st.integers(-(2**70), 2**70), st.integers(0, 2**70)), max_size=30))
def test_quick_draws_are_those_of_the_random_module(seed: int, ranges: list[tuple[int, int]]) -> None:
    ours, theirs = random.Random(seed), random.Random(seed)
    randint, choice = enamel_draws.quick_draws(ours)
    for low, span in ranges:
        assert randint(low, low + span) == theirs.randint(low, low + span)
        items = range(1 + span % 1000)
        assert choice(items) == theirs.choice(items)
    assert ours.getstate() == theirs.getstate()


@pytest.mark.parametrize("call", ["randint(3, 2)", "choice([])"])
def test_a_draw_from_nothing_fails_as_in_the_random_module(call: str) -> None:
    randint, choice = enamel_draws.quick_draws(random.Random(1))
    with pytest.raises((ValueError, IndexError)) as theirs:
        eval(f"r.{call}", {"r": random.Random(1)})
    with pytest.raises(theirs.type):
        eval(call, {"randint": randint, "choice": choice})


def test_answers_in_enams_form_are_read_as_a_list_or_by_number(tmp_path: Path) -> None:
    assert _counts(tmp_path, [["a = 1", "a = 2"], ["b = 1", "b = 2"]]) == {"HumanEval/0": 2}
    assert _counts(tmp_path, {"0": ["a = 1"], "1": ["b = 1"]}) == {"HumanEval/0": 1}


@pytest.mark.parametrize("content", ["[", "[]", "3", '[["a"], "b"]', '{"0": [1]}'])
def test_a_file_that_is_not_in_that_form_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "codes.json").write_text(content)
    with pytest.raises(GeneratorError, match=r"codes\.json") as caught:
        open_generator(str(tmp_path / "codes.json"), (), GenerationOptions())
    assert "\n" not in str(caught.value)


def _counts(folder: Path, codes: object) -> dict[str, int]:
    path = folder / "codes.json"
    path.write_text(json.dumps(codes))
    problem = Problem(
        task_id="HumanEval/0", prompt="", entry_point="f", canonical_solution="", checks=(CheckFunction(source=""),)
    )
    return dict(open_generator(str(path), (problem,), GenerationOptions()).counts)

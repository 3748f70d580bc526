"""What recorded times come to: ENAMEL's score, censoring, and what an answer is charged with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codebench.graders import Grade, Verdict
from codebench.graders.times import Efficiency, Level, hodges_lehmann, score_of
from codebench.runs.efficiency import summarise_efficiency, timed
from codebench.sandbox import CallTime, Duel


def call(seconds: float, **given: Any) -> CallTime:
    plain = CallTime(between_s=0.001, call_s=seconds, emit_s=0.001, wall_s=seconds + 0.001, inside_s=(seconds,))
    return replace(plain, **given)


def duel(own: float, rival: float, **given: Any) -> Duel:
    return Duel(own=(call(own, **given),), rival=(call(rival),), own_bytes=20, rival_bytes=10)


def level(*duels: Duel, weight: float = 1.0, ended: str = "", reference_s: float = 0.0) -> Level:
    return Level(size=1, weight=weight, duels=duels, ended=ended, reference_s=reference_s)


def value(*levels: Level, rules: str = "") -> float:
    return score_of(Efficiency(levels=levels, rules=rules)).value


def test_the_score_is_the_part_of_the_limit_that_is_left() -> None:
    assert value(level(duel(1.0, 1.0))) == pytest.approx(1.0)
    assert value(level(duel(1.5, 1.0))) == pytest.approx(0.5)
    assert value(level(duel(0.5, 1.0))) == 1.0, "ours is clipped"
    assert value(level(duel(0.5, 1.0)), rules="enam") == pytest.approx(1.5), "enam's is not"


def test_levels_count_by_their_weights_and_the_limit_is_that_of_the_slowest() -> None:
    small, large = level(duel(1.0, 0.5), weight=3.0), level(duel(1.5, 1.0), weight=1.0)
    assert value(small, large) == pytest.approx((3 * (2 - 1.0) / (2 - 0.5) + 1 * 0.5) / 4)


@given(st.floats(2.0, 100.0), st.floats(0.0, 3.0))
def test_a_level_at_the_limit_or_beyond_counts_0_as_do_all_larger_ones(slow: float, later: float) -> None:
    levels = (level(duel(1.0, 1.0)), level(duel(slow, 1.0)), level(duel(later, 1.0)))
    score = score_of(Efficiency(levels=levels))
    assert score.levels[1:] == (0.0, 0.0)
    assert score.timed_out == (False, True, True)


def test_a_level_that_was_cut_off_is_censored_and_its_reference_is_the_one_of_the_beginning() -> None:
    levels = (level(duel(0.5, 0.5)), level(duel(9.0, 9.0), ended="timeout", reference_s=0.5))
    score = score_of(Efficiency(levels=levels))
    assert score.levels == (pytest.approx(1.0), 0.0)
    assert score.time_ratio == pytest.approx(1.0)


@given(st.floats(0.0, 2.5), st.floats(0.0, 0.5))
def test_no_answer_gains_by_being_slower(seconds: float, more: float) -> None:
    assert value(level(duel(seconds + more, 1.0))) <= value(level(duel(seconds, 1.0))) + 1e-12


@pytest.mark.parametrize("where", ["emit_s", "between_s"])
def test_work_beside_the_call_is_charged(where: str) -> None:
    assert value(level(duel(0.5, 1.0, **{where: 1.0}))) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("where", ["emit_s", "between_s"])
def test_a_little_work_beside_every_call_is_charged_too(where: str) -> None:
    calls = replace(duel(5e-5, 1e-4, **{where: 0.00125 + 0.00013}))
    assert value(level(calls)) == pytest.approx(0.5, abs=0.01)


def test_work_at_the_load_is_charged_to_every_call() -> None:
    loaded = replace(duel(0.5, 1.0), own_load_s=1.01, rival_load_s=0.01)
    assert value(level(loaded)) == pytest.approx(0.5, abs=0.01)


def test_work_at_the_warm_up_is_charged_as_far_as_it_is_more_than_calls_take() -> None:
    worked = replace(duel(0.1, 1.0), warm_ups=2, own_warm_s=1.6)
    assert value(level(worked)) == pytest.approx(0.5, abs=0.01)
    assert value(level(replace(duel(1.5, 1.0), warm_ups=2, own_warm_s=3.0))) == pytest.approx(0.5)


def test_where_processes_were_begun_the_wall_time_counts() -> None:
    assert value(level(duel(0.1, 1.0, spawned=1, wall_s=1.5))) == pytest.approx(0.5, abs=0.01)


def test_what_a_call_costs_besides_is_no_part_of_it() -> None:
    assert value(level(replace(duel(1.6, 1.1), own_empty_s=0.1, rival_empty_s=0.1))) == pytest.approx(0.5)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=6))
def test_hodges_lehmann_lies_among_its_values_and_does_not_care_for_order(values: list[float]) -> None:
    assert min(values) - 1e-9 <= hodges_lehmann(values) <= max(values) + 1e-9
    assert hodges_lehmann(values) == pytest.approx(hodges_lehmann(values[::-1]))


def test_an_answer_that_fails_when_it_is_timed_counts_0_and_is_counted() -> None:
    wrong = Grade(grader="efficiency", verdict=Verdict.FAIL)
    right = Grade(grader="efficiency", verdict=Verdict.PASS, efficiency=Efficiency(levels=(level(duel(1.0, 1.0)),)))
    answers = [one for one in (timed(Verdict.PASS, wrong), timed(Verdict.PASS, right)) if one is not None]
    summary = summarise_efficiency({"T/1": answers}, (1,), ())
    estimate = summary.eff_at_k[1]
    assert estimate is not None
    assert estimate.value == pytest.approx(0.5)
    assert summary.found_wrong == 1


def test_hodges_lehmann_has_its_textbook_value() -> None:
    assert hodges_lehmann([1.0, 2.0, 9.0]) == pytest.approx(3.5)

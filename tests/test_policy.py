"""Policies: what is read, and that anything else ends in one line that says where and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from codebench.runs import RunError
from codebench.runs.policy import (
    Decide,
    Kind,
    Level,
    MissingBaseline,
    Policy,
    Unfinished,
    make_policy,
    missing_suites,
    read_policy,
)

WHOLE = """
max_infra = 0.01
unfinished = "invalid"
missing_baseline = "skip"
supporting_max_failed = 2

[defaults]
level = "supporting"
min_problems = 20

[suite."*"."pass@1"]
level = "critical"
min = 0.5
max_regression = 0.02

[suite.starter."pass@1"]
min = 0.7
decide = "value"

[suite."humaneval+".flagged]
max = 0.1
min_samples = 100
"""


def policy_of(tmp_path: Path, text: str) -> Policy:
    path = tmp_path / "gate.toml"
    path.write_text(text)
    return read_policy(path)


def test_a_policy_is_read(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, WHOLE)
    assert (policy.max_infra, policy.unfinished, policy.missing_baseline, policy.supporting_max_failed) == (
        0.01,
        Unfinished.INVALID,
        MissingBaseline.SKIP,
        2,
    )
    least, most, own, flagged = policy.requirements
    assert (str(least.metric), least.kind, least.bound, least.level) == ("pass@1", Kind.MIN, 0.5, Level.CRITICAL)
    assert (most.kind, most.bound, most.decide, most.min_problems) == (Kind.MAX_REGRESSION, 0.02, Decide.EVIDENCE, 20)
    assert (own.suite, own.bound, own.decide, own.level) == ("starter", 0.7, Decide.VALUE, Level.SUPPORTING)
    assert (flagged.kind, flagged.bound, flagged.min_samples, flagged.min_problems) == (Kind.MAX, 0.1, 100, 20)


def test_what_is_asked_of_a_suite_takes_the_place_of_what_is_asked_of_all(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, WHOLE)
    assert [one.bound for one in policy.of_suite("starter")] == [0.7]
    assert [one.bound for one in policy.of_suite("sallm")] == [0.5, 0.02]
    assert [one.bound for one in policy.of_suite("humaneval+")] == [0.5, 0.02, 0.1]


def test_what_the_command_line_asks_comes_on_top(tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text(WHOLE)
    policy = make_policy(path, ["flagged=0.3"], ["pass@1=0.05"])
    assert [(one.kind, one.bound, one.decide) for one in policy.of_suite("starter")] == [
        (Kind.MIN, 0.7, Decide.VALUE),
        (Kind.MAX, 0.3, Decide.VALUE),
        (Kind.MAX_REGRESSION, 0.05, Decide.EVIDENCE),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("max_infr = 1", "key max_infr: unknown key; did you mean max_infra?"),
        ("colour = 1", "key colour: unknown key; known are defaults, suite, max_infra, unfinished"),
        ("max_infra = true", "key max_infra: must be a count, such as 5, or a share, such as 0.01, is true"),
        ("max_infra = 1.5", "key max_infra: must be a count"),
        ("max_infra = nan", "key max_infra: must be a count"),
        ("max_infra = -1", "key max_infra: must be a count"),
        ("supporting_max_failed = 1.0", "key supporting_max_failed: must be a whole number from 0 up, is 1.0"),
        ('unfinished = "maybe"', "key unfinished: must be one of inconclusive, invalid, allow, is 'maybe'"),
        ("unfinished = 3", "key unfinished: must be one of"),
        ("defaults = 1", "key defaults: must be a table: [defaults]"),
        ("[defaults]\nmin = 0.5", "key defaults.min: unknown key"),
        ("suite = []", "key suite: must be a table"),
        ('[suite]\nstarter = "x"', "key suite.starter: must be a table: [suite.starter]"),
        ('[suite.starter."pas@1"]\nmin = 1', 'key suite.starter."pas@1": no such metric; write pass@K'),
        ('[suite."*"."pass@1"]\nmim = 1', 'key suite."*"."pass@1".mim: unknown key; did you mean min?'),
        ('[suite."*"."pass@1"]', 'key suite."*"."pass@1": asks for nothing; add min or max_regression'),
        ('[suite."*"."pass@1"]\nmin = "0.5"', "min: must be a number in [0, 1], is '0.5'"),
        ('[suite."*"."pass@1"]\nmin = 50', "min: must be a number in [0, 1], is 50"),
        ('[suite."*"."pass@1"]\nmin = inf', "min: must be a number in [0, 1], is inf"),
        ('[suite."*"."pass@1"]\nmin = true', "min: must be a number in [0, 1], is true"),
        ('[suite."*"."pass@1"]\nmax = 0.5', "max: of pass@1 higher values are better; use min"),
        ('[suite."*".flagged]\nmin = 0.5', "min: of flagged lower values are better; use max"),
        ('[suite."*".flagged]\nmax = 0.5\nlevel = "vital"', "level: must be one of critical, supporting, advisory"),
        ("", "asks for nothing; add a table such as"),
        ("= 1", "not TOML: "),
        ("max_infra = 1\nmax_infra = 2", "not TOML: "),
        ("x = '" + "a" * 500, "not TOML: "),
    ],
)
def test_what_is_no_policy_ends_in_one_line_with_file_and_key(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(RunError) as caught:
        policy_of(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'gate.toml'}: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot read .*no.toml: No such file"):
        read_policy(tmp_path / "no.toml")
    with pytest.raises(RunError, match=r"cannot read .*: Is a directory"):
        read_policy(tmp_path)


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RunError, match="not TOML: "):
        read_policy(tmp_path / "gate.toml")


def test_without_anything_asked_for_there_is_no_policy() -> None:
    with pytest.raises(RunError, match="nothing is asked for; give --policy"):
        make_policy(None, [], [])


def test_a_suite_that_nobody_knows_is_an_error_with_what_may_be_meant(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, '[suite.startr."pass@1"]\nmin = 0.5')
    with pytest.raises(RunError, match=r"gate.toml: key suite.startr.*: no run of suite 'startr'.*mean starter\?"):
        missing_suites(policy, ["humaneval"])
    assert missing_suites(policy, ["startr"]) == []


def test_a_suite_that_was_not_run_is_named(tmp_path: Path) -> None:
    assert missing_suites(policy_of(tmp_path, WHOLE), ["humaneval"]) == ["starter", "humaneval+"]

"""The self-check: it must find what is wrong with a sandbox, and nothing where nothing is."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest

from codebench.cli.exit_code import ExitCode
from codebench.cli.main import run
from codebench.problems import CheckFunction, Problem, humaneval
from codebench.runs import selfcheck as module
from codebench.runs.known_answers import DO_NOTHING, REFERENCES, do_nothing
from codebench.runs.selfcheck import Selfcheck, SelfcheckOptions, selfcheck
from codebench.sandbox import (
    Conclusion,
    Execution,
    Job,
    Limits,
    Outcome,
    Report,
    SandboxError,
    SandboxInfo,
    SandboxOptions,
)

ROWS = [
    {
        "task_id": f"Own/{number}",
        "prompt": f"def plus(x):\n    '''x + {number}'''\n",
        "entry_point": "plus",
        "canonical_solution": f"    return x + {number}\n",
        "test": f"def check(candidate):\n    assert candidate(1) == {number} + 1\n",
    }
    for number in range(3)
]
HONEST = "def plus(x):\n    return x + 1\n"
WRONG = "def plus(x):\n    return x\n"


@pytest.fixture(autouse=True)
def _small_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    monkeypatch.setenv(humaneval.OVERRIDE, str(tmp_path / "own.jsonl"))
    monkeypatch.chdir(tmp_path)


def attacks(**changes: object) -> Path:
    attack = {"id": "a-1", "category": "exit", "problem": "Own/1", "solution": WRONG, "must": ["fail", "error"]}
    path = Path("attacks.jsonl")
    path.write_text(json.dumps(attack | changes) + "\n")
    return path


def check(backend: str, attacks: Path | None = None, timeout_s: float = 5.0) -> Selfcheck:
    sandbox = SandboxOptions(workers=1, limits=Limits(timeout_s=timeout_s))
    return selfcheck(SelfcheckOptions(suite="humaneval", attacks=attacks, backend=backend, sandbox=sandbox))


class Scripted:
    """Runs nothing and concludes what its rule says of a source."""

    info = SandboxInfo(backend="scripted", image="none", python="3.11", workers=1)

    def __init__(self, rule: Callable[[str], Conclusion]) -> None:
        self._rule = rule

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass

    async def run(self, job: Job) -> Execution:
        report = Report(conclusion=self._rule(job.source))
        return Execution(outcome=Outcome.EXITED, report=report, wall_s=0.0, cpu_s=0.0, memory_bytes=0)


def _believe(source: str) -> Conclusion:
    return Conclusion.COMPLETED


def _fail_on_bomb(source: str) -> Conclusion:
    if "bomb" in source:
        raise SandboxError("the box is gone")
    return Conclusion.REFUTED if "return None" in source else Conclusion.COMPLETED


class Poisoned:
    """Grades rightly until it meets a bomb, and believes everything from then on."""

    def __init__(self) -> None:
        self._poisoned = False

    def __call__(self, source: str) -> Conclusion:
        self._poisoned = self._poisoned or "bomb" in source
        wrong = not self._poisoned or "bomb" in source
        return Conclusion.REFUTED if wrong and ("return None" in source or "bomb" in source) else Conclusion.COMPLETED


def open_believer(options: SandboxOptions) -> Scripted:
    return Scripted(_believe)


def open_dying(options: SandboxOptions) -> Scripted:
    return Scripted(_fail_on_bomb)


def open_poisoned(options: SandboxOptions) -> Scripted:
    return Scripted(Poisoned())


class Slow(Scripted):
    """Takes its time over a bomb, however short the limit."""

    async def run(self, job: Job) -> Execution:
        await asyncio.sleep(4 if "bomb" in job.source else 0)
        return await super().run(job)


def open_slow(options: SandboxOptions) -> Scripted:
    return Slow(lambda source: Conclusion.REFUTED if "return x" not in source else Conclusion.COMPLETED)


def counts(found: Selfcheck) -> dict[str, tuple[int, int]]:
    return {category.name: (category.good, category.total) for category in found.categories}


def test_a_sound_sandbox_has_no_violations() -> None:
    found = check("namespaces", attacks())
    assert found.violations == ()
    assert counts(found) == {REFERENCES: (3, 3), DO_NOTHING: (3, 3), "exit": (1, 1)}


def test_a_sandbox_that_believes_everything_is_found_out() -> None:
    found = check(f"{__name__}:open_believer")
    assert counts(found) == {REFERENCES: (3, 3), DO_NOTHING: (0, 3)}
    assert "Own/0: graded pass, expected error or fail" in found.violations[0]


def test_a_verdict_outside_of_must_is_a_violation() -> None:
    found = check("namespaces", attacks(solution=HONEST))
    assert found.violations == ("exit: a-1: graded pass, expected error or fail",)


def test_a_sandbox_error_is_a_violation_and_the_check_goes_on() -> None:
    found = check(f"{__name__}:open_dying", attacks(solution="bomb"))
    assert found.violations == ("exit: a-1: the sandbox failed: the box is gone",)


def test_a_verdict_that_comes_too_late_is_a_violation() -> None:
    found = check(f"{__name__}:open_slow", attacks(solution="bomb"), timeout_s=0.01)
    assert len(found.violations) == 1
    assert "the verdict took " in found.violations[0]


def test_a_worker_that_an_attack_spoils_is_found_out() -> None:
    found = check(f"{__name__}:open_poisoned", attacks(solution="bomb"))
    assert found.violations == ("exit: a-1: the wrong answer after it: graded pass, expected fail",)


def test_an_unsupported_test_is_counted_apart_where_it_may_be_unsupported() -> None:
    test = "def check(candidate):\n    class Odd: pass\n    assert candidate(Odd()) is None\n"
    problem = {"prompt": "def f(x):\n", "entry_point": "f", "test": test, "canonical_solution": "    return None\n"}
    found = check(
        "namespaces", attacks(category="honest-boundary", problem=problem, solution="def f(x): 0", must="pass")
    )
    assert found.violations == ()


def test_the_command_lists_violations_and_exits_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["selfcheck", "--sandbox", "namespaces", "--workers", "1", "--attacks", str(attacks(solution=HONEST))]
    assert run(command) == ExitCode.BELOW_GATE
    out = capsys.readouterr().out
    assert "exit                        0/1" in out
    assert "VIOLATION exit: a-1: graded pass" in out and out.endswith("1 violations\n")


def test_the_command_without_attacks_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["selfcheck", "--sandbox", "namespaces", "--workers", "1", "--json"]) == ExitCode.FINE
    assert json.loads(capsys.readouterr().out)["violations"] == []


def test_a_secret_of_the_host_is_there_while_attacks_run_and_gone_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with module._canary():
        assert os.environ["OPENAI_API_KEY"] == "canary"
    assert "OPENAI_API_KEY" not in os.environ


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"problem": "Own/9"}, "attacks.jsonl:1: field `problem`: 'Own/9' is not in the suite"),
        ({"problem": {"prompt": ""}}, "attacks.jsonl:1: field `problem`: field `entry_point` is missing"),
        ({"problem": 3}, "attacks.jsonl:1: field `problem`: expected a string, got a number"),
        ({"must": "sink"}, "attacks.jsonl:1: field `must`: 'sink' is not a valid Verdict"),
        ({"must": []}, "attacks.jsonl:1: field `must`: names no verdict"),
        ({"solution": None}, "attacks.jsonl:1: field `solution`: expected a string, got null"),
    ],
)
def test_a_bad_attack_is_refused_with_line_and_field(
    changes: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["selfcheck", "--attacks", str(attacks(**changes))]) == ExitCode.BAD_INPUT
    assert message in capsys.readouterr().err


def problem(prompt: str) -> Problem:
    checks = (CheckFunction(source=""),)
    return Problem(task_id="x", prompt=prompt, entry_point="f", canonical_solution="", checks=checks)


def test_the_do_nothing_answer_keeps_the_signature() -> None:
    assert do_nothing(problem("def f(a, *, b):\n    '''Doc.'''\n")).endswith("'''Doc.'''\n\n    return None\n")


def test_the_do_nothing_answer_to_another_kind_of_prompt_is_a_stub() -> None:
    assert do_nothing(problem("# write f\n")) == "def f(*arguments, **named):\n    return None\n"

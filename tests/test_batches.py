"""Checks made of inputs, end to end: what programs make of them, and what the grade says of every input."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from codebench.graders import Bench, Grade, Verdict
from codebench.graders.correctness import CorrectnessGrader
from codebench.problems import Cases, CheckFunction, Oracle, PackError, Problem, TimeRule
from codebench.sandbox import Limits, Sandbox, SandboxOptions, docker, namespaces

LIMITS = Limits(memory_mib=256)
EQUAL = Oracle(source="def matches(args, expected, output):\n    return expected == output\n")
BASE = Cases(name="base", inputs=((1, 2), (3, 4)), oracle=EQUAL)
PLUS = Cases(name="plus", inputs=(*((i, i) for i in range(50)), ("a", "b"), ((1,), (2,))), oracle=EQUAL)
ADD = Problem(
    task_id="T/add",
    prompt="def add(a, b):\n    '''a and b together'''\n",
    entry_point="add",
    canonical_solution="    return a + b\n",
    checks=(BASE, PLUS),
    where="pack.jsonl:1",
)


class Court:
    """A sandbox of one worker and a grader, in a loop of their own."""

    def __init__(self, runner: asyncio.Runner, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._runner = runner
        self._grader = CorrectnessGrader()

    def grade(self, code: str, problem: Problem = ADD, **bench: object) -> Grade:
        chosen: dict[str, object] = {"limits": LIMITS, **bench}
        return self._runner.run(self._grader.grade(problem, code, Bench(sandbox=self.sandbox, **chosen)))  # type: ignore[arg-type]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(namespaces.open_sandbox, id="namespaces"),
        pytest.param(docker.open_sandbox, id="docker", marks=pytest.mark.docker),
    ],
)
def court(request: pytest.FixtureRequest) -> Iterator[Court]:
    with asyncio.Runner() as runner:
        sandbox: Sandbox = request.param(SandboxOptions(workers=1, limits=LIMITS))
        runner.run(sandbox.__aenter__())
        try:
            yield Court(runner, sandbox)
        finally:
            runner.run(sandbox.__aexit__(None, None, None))


def program(body: str) -> str:
    return "import os, sys, time\ndef add(a, b):\n" + "".join(f"    {line}\n" for line in body.splitlines())


ENDS = [
    ("right", "return a + b", Verdict.PASS, "..", "." * 52),
    ("nothing", "return None", Verdict.FAIL, "FF", "F" * 52),
    ("memoriser", "return {(1, 2): 3, (3, 4): 7}.get((a, b))", Verdict.FAIL, "..", "F" * 52),
    ("one wrong", "return a + b if a != 20 else 1", Verdict.FAIL, "..", "." * 20 + "F" + "." * 31),
    ("raises", "return a + b if a != 20 else [][0]", Verdict.FAIL, "..", "." * 20 + "E" + "." * 31),
    ("exits", "return a + b if a != 20 else sys.exit(0)", Verdict.FAIL, "..", "." * 20 + "E" + "." * 31),
    ("dies", "return a + b if a != 20 else os._exit(0)", Verdict.ERROR, "..", "." * 20 + "X" + "-" * 31),
    (
        "crashes",
        "return a + b if a != 20 else os.kill(os.getpid(), 11)",
        Verdict.ERROR,
        "..",
        "." * 20 + "X" + "-" * 31,
    ),
    ("hangs", "while a == 20: pass\nreturn a + b", Verdict.TIMEOUT, "..", "." * 20 + "T" + "-" * 31),
    ("sleeps", "if a == 20: time.sleep(99)\nreturn a + b", Verdict.TIMEOUT, "..", "." * 20 + "T" + "-" * 31),
    ("hangs in C", "if a == 20: sum(range(10 ** 18))\nreturn a + b", Verdict.TIMEOUT, "..", "." * 20 + "T" + "-" * 31),
    ("memory", "return a + b if a != 20 else [0] * 10 ** 9", Verdict.MEMORY, "..", "." * 20 + "M" + "." * 31),
    ("a circle", "r = []\nr.append(r)\nreturn a + b if a != 20 else r", Verdict.FAIL, "..", "." * 20 + "F" + "." * 31),
    ("a generator", "return (x for x in (a, b))", Verdict.FAIL, "FF", "F" * 52),
]


@pytest.mark.parametrize(("body", "verdict", "base", "plus"), [e[1:] for e in ENDS], ids=[e[0] for e in ENDS])
def test_every_input_has_its_outcome(court: Court, body: str, verdict: Verdict, base: str, plus: str) -> None:
    grade = court.grade(program(body), details=True)
    assert (grade.verdict, [check.outcomes for check in grade.checks]) == (verdict, [base, plus])
    assert [check.passed for check in grade.checks] == [base.count("."), plus.count(".")]
    assert [check.cases for check in grade.checks] == [2, 52]


@pytest.mark.parametrize(("body", "verdict", "base", "plus"), [e[1:] for e in ENDS], ids=[e[0] for e in ENDS])
def test_without_details_it_ends_at_the_first_failure(
    court: Court, body: str, verdict: Verdict, base: str, plus: str
) -> None:
    grade = court.grade(program(body))
    assert grade.verdict is verdict
    seen = base + plus
    first = next((n for n, outcome in enumerate(seen) if outcome != "."), len(seen))
    assert sum(check.passed for check in grade.checks) == first
    assert sum(len(check.failures) for check in grade.checks) == (first < len(seen))
    assert all(check.outcomes == "" for check in grade.checks)
    if first < 2:
        assert grade.checks[1].verdict is None
        assert grade.checks[0].failures[0].case == first
    elif first < len(seen):
        assert grade.checks[0].verdict is Verdict.PASS
        assert grade.checks[1].failures[0].case == first - 2


def test_an_early_end_calls_no_more(court: Court) -> None:
    body = "if a == 3: time.sleep(0.5)\nprint(a)\nreturn None"
    assert court.grade(program(body)).stdout.text.split() in (
        [],
        ["1"],
    )  # what it printed past the end is not waited for
    assert len(court.grade(program(body), details=True).stdout.text.split()) == 54


FORGERIES = {
    "an output that equals all": "class Same(int):\n    def __eq__(self, other): return True\nreturn Same(0)",
    "an object that equals all": "class Same:\n    def __eq__(self, other): return True\nreturn Same()",
    "lines of its own": "os.write(4, b'3\\n7\\n' + b'0\\n' * 52)\nos.close(4)\ntime.sleep(9)",
    "too many lines": "os.write(4, b'3\\n7\\n' + b''.join(b'%d\\n' % (2 * i) for i in range(60)))\nreturn 3",
    "a closed pipe": "os.close(4)\nreturn 3",
    "no line at all": "os.write(4, b'3' * 60000)\nos._exit(0)",
    "nonsense": "os.write(4, b'{\"zz\": [1]}\\n')\nreturn 3",
    "deep nonsense": "os.write(4, b'[' * 5000 + b']' * 5000 + b'\\n')\nreturn 3",
    "a frame instead": "os.write(3, bytes([0, 0, 0, 2]) + b'V[]')\nos._exit(0)",
    "a word of the judge's": "os.write(4, b'.' * 54 + b'\\n')\nreturn 3",
    "the frames above": (
        "f = sys._getframe(1)\nwhile f:\n    for v in list(f.f_locals.values()):\n"
        "        if type(v) is list and len(v) > 50: v.clear()\n    f = f.f_back\nreturn a + b"
    ),
}


@pytest.mark.parametrize("body", FORGERIES.values(), ids=FORGERIES)
def test_no_pass_can_be_forged(court: Court, body: str) -> None:
    assert court.grade(program(body)).verdict is not Verdict.PASS
    assert court.grade(program("return a + b")).verdict is Verdict.PASS


def test_a_child_that_keeps_the_pipe_does_not_keep_the_verdict(court: Court) -> None:
    started = time.monotonic()
    body = "if a == 1 and os.fork() == 0: time.sleep(60)\nreturn a + b"
    assert court.grade(program(body)).verdict is Verdict.PASS
    assert time.monotonic() - started < 20


def test_large_outputs_pass_through(court: Court) -> None:
    check = Cases(inputs=((10, "x"), (300_000, "é"), (3, "y")), oracle=EQUAL)
    problem = replace(ADD, task_id="T/large", canonical_solution="    return [b] * a\n", checks=(check,))
    assert court.grade("def add(a, b): return [b for _ in range(a)]", problem).verdict is Verdict.PASS
    wrong = court.grade("def add(a, b): return [b for _ in range(a)] + ['z']", problem, details=True)
    assert wrong.checks[0].outcomes == "FFF"
    assert len(wrong.detail) < 1000


def test_values_keep_their_types(court: Court) -> None:
    inputs = (((1, 2), {1: {2}}), ({"k": [1.5, None]}, True), (float("inf"), -0.0), (b"\x00", 2**70))
    strict = Oracle(source="def matches(args, expected, output):\n    return False\n")
    problem = replace(
        ADD, task_id="T/types", canonical_solution="    return [a, b]\n", checks=(Cases(inputs=inputs, oracle=strict),)
    )
    assert court.grade("def add(a, b): return [a, b]", problem).verdict is Verdict.PASS
    assert court.grade("def add(a, b): return (a, b)", problem, details=True).checks[0].outcomes == "FFFF"


def test_an_oracle_sees_arguments_as_they_were_and_keeps_state(court: Court) -> None:
    oracle = Oracle(
        reflexive=False,
        source="seen = []\ndef matches(args, expected, output):\n    seen.append(1)\n"
        "    return args[0] == [1, 2] and output == expected and helper(len(seen)) <= 2\n",
    )
    problem = replace(
        ADD,
        task_id="T/state",
        prompt="def helper(n):\n    return n\n\ndef add(a):\n    '''sum'''\n",
        canonical_solution="    return sum(a)\n",
        checks=(Cases(inputs=(([1, 2],), ([1, 2],), ([1, 2],)), oracle=oracle),),
    )
    for _ in range(2):
        grade = court.grade("def add(a):\n    r = sum(a)\n    a.clear()\n    return r", problem, details=True)
        assert grade.checks[0].outcomes == "..F"


def test_an_oracle_that_raises_does_not_match_and_one_that_cannot_run_is_an_error(court: Court) -> None:
    raising = Cases(inputs=((1, 2),), oracle=Oracle(source="def matches(*a): raise ValueError", reflexive=False))
    assert court.grade(program("return a + b"), replace(ADD, task_id="T/r", checks=(raising,))).verdict is Verdict.FAIL
    broken = Cases(inputs=((1, 2),), oracle=Oracle(source="import nowhere", reflexive=False))
    with pytest.raises(Exception, match="oracle cannot be run"):
        court.grade(program("return a + b"), replace(ADD, task_id="T/b", checks=(broken,)))


def test_each_input_has_the_time_that_its_reference_needs(court: Court) -> None:
    rule = TimeRule(least_s=0.3, factor=4.0)
    check = Cases(inputs=((0, 1), (1, 1), (0, 2)), oracle=EQUAL, time=rule)
    busy = "end = time.process_time() + {}\nwhile time.process_time() < end: pass\nreturn a + b"
    problem = replace(
        ADD,
        task_id="T/time",
        prompt="import time\ndef add(a, b):\n    '''slow where a'''\n",
        canonical_solution="    end = time.process_time() + (0.5 if a else 0)\n"
        "    while time.process_time() < end: pass\n    return a + b\n",
        checks=(check,),
    )
    assert court.grade(program(busy.format("0.9 if a else 0")), problem).verdict is Verdict.PASS
    slow = court.grade(program(busy.format("0.9")), problem)
    assert (slow.verdict, slow.checks[0].failures[0].case) == (Verdict.TIMEOUT, 0)
    assert "0.3 s" in slow.detail
    generous = court.grade(program(busy.format("0.9")), problem, limits=replace(LIMITS, timeout_s=50.0))
    assert generous.verdict is Verdict.PASS


def test_all_inputs_together_have_a_limit_too(court: Court) -> None:
    check = Cases(inputs=tuple((i, 0) for i in range(20)), oracle=EQUAL, time=TimeRule(least_s=1.0, total_s=1.0))
    body = "end = time.process_time() + 0.2\nwhile time.process_time() < end: pass\nreturn a + b"
    grade = court.grade(program(body), replace(ADD, task_id="T/total", checks=(check,)))
    assert grade.verdict is Verdict.TIMEOUT
    assert 2 <= grade.checks[0].passed < 10


@pytest.mark.parametrize(
    ("solution", "what"),
    [
        ("    return [][a]\n", "on input 0 of check 'base': the reference raised IndexError"),
        (
            "    return a + b if a < 9 else 1 / 0\n",
            "on input 9 of check 'plus': the reference raised ZeroDivisionError",
        ),
        (
            "    while a == 9: pass\n    return a + b\n",
            "on input 9 of check 'plus': the reference is not done after 1 s",
        ),
        ("    return object()\n", "on input 0 of check 'base': the reference returns what is not plain data"),
        ("    return a + b if a < 9 else __import__('os')._exit(1)\n", "on input 9 of check 'plus': the reference"),
        ("   syntax error\n", "the reference cannot be run: "),
    ],
)
def test_a_reference_that_fails_is_the_packs_fault(court: Court, solution: str, what: str) -> None:
    problem = replace(ADD, task_id="T/reference", canonical_solution=solution, checks=(BASE, PLUS))
    with pytest.raises(PackError) as error:
        fresh = Court(court._runner, court.sandbox)
        fresh.grade(program("return a + b"), problem, limits=replace(LIMITS, timeout_s=1.0))
    assert str(error.value).startswith("pack.jsonl:1: T/reference: field `canonical_solution`: ")
    assert what in str(error.value)
    assert "\n" not in str(error.value)


def test_expected_outputs_are_kept_on_disk(court: Court, tmp_path: Path) -> None:
    def grade(code: str) -> Verdict:
        return Court(court._runner, court.sandbox).grade(code, cache=tmp_path).verdict

    assert grade(program("return a + b")) is Verdict.PASS
    (kept,) = (tmp_path / "references").iterdir()
    written = kept.stat().st_mtime_ns
    assert grade(program("return None")) is Verdict.FAIL
    assert kept.stat().st_mtime_ns == written
    kept.write_bytes(kept.read_bytes()[:-3])
    assert grade(program("return a + b")) is Verdict.PASS
    assert kept.stat().st_mtime_ns != written
    assert [path.name for path in (tmp_path / "references").iterdir()] == [kept.name]


def test_a_cache_that_cannot_be_written_costs_nothing_else(court: Court, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert Court(court._runner, court.sandbox).grade(program("return a + b"), cache=blocked).verdict is Verdict.PASS


def test_check_functions_and_inputs_mix(court: Court) -> None:
    function = CheckFunction(name="unit", source="def check(candidate):\n    assert candidate(2, 2) == 4\n")
    problem = replace(ADD, task_id="T/mixed", checks=(function, BASE, PLUS))
    assert [c.verdict for c in court.grade(program("return a + b"), problem).checks] == [Verdict.PASS] * 3
    wrong = program("return a + b if a != 2 else 5")
    assert [c.verdict for c in court.grade(wrong, problem).checks] == [Verdict.FAIL, None, None]
    detailed = [c.verdict for c in court.grade(wrong, problem, details=True).checks]
    assert detailed == [Verdict.FAIL, Verdict.PASS, Verdict.FAIL]


def test_instances_of_the_prompts_classes_are_compared_as_data(court: Court) -> None:
    problem = replace(
        ADD,
        task_id="T/class",
        prompt="class Box:\n    def __init__(self, n): self.n = n\n"
        "    def __eq__(self, other): return self.n == other.n\n\ndef add(a, b):\n    '''a box'''\n",
        canonical_solution="    return Box(a + b)\n",
        checks=(BASE,),
    )
    own = "class Box:\n    def __init__(self, n): self.n = n\n{}\ndef add(a, b): return Box({})\n"
    assert court.grade(own.format("", "a + b"), problem).verdict is Verdict.PASS
    assert court.grade(own.format("    def __eq__(self, other): return True", "9"), problem).verdict is Verdict.FAIL


def test_a_batch_is_sent_once_for_many_answers(court: Court) -> None:
    """A box that was given the inputs keeps them; the next answers get the same verdicts by them."""
    verdicts = [court.grade(program(body)).verdict for body in ("return a + b", "return None") * 3]
    assert verdicts == [Verdict.PASS, Verdict.FAIL] * 3
    other = replace(ADD, task_id="T/other", canonical_solution="    return 0\n")
    assert court.grade(program("return 0"), other).verdict is Verdict.PASS
    assert court.grade(program("return a + b")).verdict is Verdict.PASS


def test_a_problem_without_inputs_is_refused(court: Court) -> None:
    with pytest.raises(PackError, match="no input to judge by"):
        court.grade(program("return 0"), replace(ADD, checks=(replace(BASE, inputs=()),)))
    mixed = replace(ADD, task_id="T/empty", checks=(BASE, replace(PLUS, inputs=())))
    assert court.grade(program("return a + b"), mixed).verdict is Verdict.PASS

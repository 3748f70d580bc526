"""Bugs: what real executions of wrong answers come to in the taxonomy of Dou et al."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from codebench.graders import Bench, Grade, Verdict
from codebench.graders.correctness import CorrectnessGrader
from codebench.graders.measuring import measure
from codebench.problems import Cases, Check, CheckFunction, Oracle, Problem
from codebench.runs.bugs import Bug, bug_of, importable_names
from codebench.sandbox import Conclusion, Limits, SandboxOptions, namespaces

PROMPT = "from typing import List\n\n\ndef f(xs: List[int], k: int) -> int:\n    'the sum of xs, times k'\n"
FUNCTION = CheckFunction(
    source="def check(candidate):\n    assert candidate([1, 2], 3) == 9\n    assert candidate([], 3) == 0\n"
)
INPUTS = Cases(
    inputs=(([1, 2], 3), ([], 3)),
    oracle=Oracle(source="def matches(args, expected, output):\n    return expected == output\n"),
)
LIMITS = Limits(timeout_s=1.0, memory_mib=256)
Find = Callable[[str], tuple[Grade, Bug | None]]


@pytest.fixture(scope="module", params=[FUNCTION, INPUTS], ids=["a check function", "inputs"])
def find(request: pytest.FixtureRequest) -> Iterator[Find]:
    """Grade an answer in a real sandbox, measure it, and say what is wrong with it."""
    check: Check = request.param
    problem = Problem(
        task_id="T/f", prompt=PROMPT, entry_point="f", canonical_solution="    return sum(xs) * k\n", checks=(check,)
    )
    reference = measure(PROMPT + problem.canonical_solution, PROMPT, "f")
    grader = CorrectnessGrader()
    with asyncio.Runner() as runner:
        sandbox = namespaces.open_sandbox(SandboxOptions(workers=1, limits=LIMITS))
        runner.run(sandbox.__aenter__())

        def found(code: str) -> tuple[Grade, Bug | None]:
            grade = runner.run(grader.grade(problem, code, Bench(sandbox=sandbox, limits=LIMITS)))
            return grade, bug_of(grade, measure(code, PROMPT, "f"), reference)

        try:
            yield found
        finally:
            runner.run(sandbox.__aexit__(None, None, None))


WRONG = {
    "def f(xs, k:\n    return 9\n": Bug.INCOMPLETE_SYNTAX,
    "return 9\n": Bug.INCOMPLETE_SYNTAX,
    "def f(xs, k):\nreturn 9\n": Bug.INDENTATION,
    "def f(xs, k):\n\treturn 9\n        return 8\n": Bug.INDENTATION,
    "def f(xs, k):\n    from math import *\n    return 9\n": Bug.IMPORT,
    "import no_such_library\ndef f(xs, k):\n    return 9\n": Bug.IMPORT,
    "def f(xs: List[int], k):\n    return 9\n": Bug.IMPORT,
    "def f(xs, k):\n    return math.prod(xs)\n": Bug.IMPORT,
    "from math import no_such_function\ndef f(xs, k):\n    return 9\n": Bug.IMPORT,
    "def f(xs, k):\n    return total(xs) * k\n": Bug.DEFINITION_MISSING,
    "def f(xs, k):\n    y += 1\n    y = 0\n": Bug.DEFINITION_MISSING,
    "def g(xs, k):\n    return sum(xs) * k\n": Bug.DEFINITION_MISSING,
    "def f(xs, k):\n    return xs.sum() * k\n": Bug.API_MISUSE,
    "def f(xs, k):\n    return sum(xs, 'a') * k\n": Bug.API_MISUSE,
    "def f(xs):\n    return sum(xs)\n": Bug.ARGUMENT,
    "def f(xs, k, start):\n    return sum(xs, start) * k\n": Bug.ARGUMENT,
    "def f(xs, k):\n    return xs[0] and 9\n": Bug.BOUNDARY,
    "def f(xs, k):\n    return sum(xs) * k + 0 // len(xs)\n": Bug.BOUNDARY,
    "def f(xs, k):\n    return max(xs) and 9\n": Bug.RUNTIME,
    "def f(xs, k):\n    raise RuntimeError('no idea')\n": Bug.RUNTIME,
    "import os\ndef f(xs, k):\n    os._exit(0)\n": Bug.RUNTIME,
    "import sys\ndef f(xs, k):\n    sys.exit(0)\n": Bug.RUNTIME,
    "def f(xs, k):\n    while True: pass\n": Bug.MINOR,
    "def f(xs, k):\n    return len('a' * 10**10)\n": Bug.MINOR,
    "def f(xs, k):\n    return sum(xs)\n": Bug.FUNCTIONAL,
    "def f(xs, k):\n    return str(sum(xs) * k)\n": Bug.FUNCTIONAL,
    "def f(xs, k): ...\n": Bug.FUNCTIONAL,
    "": None,
}


@pytest.mark.parametrize("code", WRONG, ids=range(len(WRONG)))
def test_a_wrong_answer_has_the_bug_that_it_was_given(find: Find, code: str) -> None:
    grade, bug = find(code)
    assert grade.verdict is not Verdict.PASS
    assert bug is WRONG[code], (grade.detail, grade.exception)


def test_an_exception_of_its_own_is_minor(find: Find) -> None:
    own = "class Mine(Exception): ...\ndef f(xs, k):\n    raise Mine\n"
    assert find(own)[1] is Bug.MINOR


def test_a_right_answer_has_none(find: Find) -> None:
    grade, bug = find(PROMPT + "    return sum(xs) * k\n")
    assert (grade.verdict, grade.conclusion, grade.exception, bug) == (Verdict.PASS, Conclusion.COMPLETED, "", None)


def test_what_cannot_be_judged_has_none() -> None:
    unsupported = Grade(
        grader="correctness", verdict=Verdict.ERROR, conclusion=Conclusion.UNSUPPORTED, exception="TypeError"
    )
    assert bug_of(unsupported, None, None) is None
    assert bug_of(Grade(grader="correctness", verdict=Verdict.ERROR), None, None) is None


def test_without_measures_the_exception_alone_decides() -> None:
    def of(exception: str) -> Bug | None:
        grade = Grade(grader="correctness", verdict=Verdict.FAIL, conclusion=Conclusion.REFUTED, exception=exception)
        return bug_of(grade, None, None)

    assert (of("NameError"), of("TypeError")) == (Bug.DEFINITION_MISSING, Bug.API_MISUSE)


def test_every_bug_has_a_meaning_and_every_runtime_bug_says_so() -> None:
    for bug in Bug:
        assert bug.meaning.partition(":")[0] == {"A": "syntax", "B": "runtime", "C": "functional"}[bug[0]]


def test_what_people_forget_to_import_is_known() -> None:
    assert {"math", "List", "defaultdict", "reduce", "sqrt", "np"} <= importable_names()
    assert not {"total", "f", "x"} & importable_names()

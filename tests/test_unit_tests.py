"""Unit tests that import the answer: what they find, and that no answer finds a way around them."""

from __future__ import annotations

import asyncio
import dis
import types
from collections.abc import Iterator

import pytest
import unit_test_cheats
from unit_test_cheats import RIGHT, TEST, TESTS

from codebench.graders import Bench, Verdict
from codebench.graders.correctness import CorrectnessGrader
from codebench.problems import Problem, UnitTests
from codebench.sandbox import (
    Conclusion,
    Execution,
    Job,
    Limits,
    Outcome,
    Sandbox,
    SandboxError,
    SandboxOptions,
    TestModule,
    docker,
    namespaces,
)
from codebench.sandbox.guest import exam

LIMITS = Limits(timeout_s=3.0, memory_mib=512, processes=32, disk_mib=16)
_BACKENDS = [
    pytest.param(namespaces.open_sandbox, id="namespaces"),
    pytest.param(docker.open_sandbox, id="docker", marks=pytest.mark.docker),
]


class Room:
    """A sandbox of one worker, and a loop to run it in."""

    def __init__(self, runner: asyncio.Runner, sandbox: Sandbox) -> None:
        self.runner = runner
        self.sandbox = sandbox

    def sit(self, source: str, test: str = TEST, tests: tuple[str, ...] = TESTS, **files: bytes) -> Execution:
        named = {name.replace("__", "/").replace("_", "."): content for name, content in files.items()}
        module = TestModule(source=test, tests=tests, module="answer", files=named)
        job = Job(source=source, entry_point="", context="", test_module=module, seed_key="t", limits=LIMITS)
        return self.runner.run(self.sandbox.run(job))


@pytest.fixture(scope="module", params=_BACKENDS)
def room(request: pytest.FixtureRequest) -> Iterator[Room]:
    with asyncio.Runner() as runner:
        sandbox: Sandbox = request.param(SandboxOptions(workers=1, limits=LIMITS))
        runner.run(sandbox.__aenter__())
        try:
            yield Room(runner, sandbox)
        finally:
            runner.run(sandbox.__aexit__(None, None, None))


def ended(seen: Execution) -> list[tuple[str, str]]:
    return [(result.name, str(result.status)) for result in seen.report.tests]


@pytest.mark.parametrize("cheat", unit_test_cheats.CHEATS, ids=lambda cheat: cheat.name)
def test_no_wrong_answer_gets_its_tests_to_succeed(room: Room, cheat: unit_test_cheats.Cheat) -> None:
    seen = room.sit(cheat.code)
    assert seen.report.conclusion is not Conclusion.COMPLETED, seen
    assert ("test_two", "success") not in ended(seen), seen
    after = room.sit(RIGHT)
    assert (after.report.conclusion, ended(after)) == (Conclusion.COMPLETED, [(t, "success") for t in TESTS]), after


def test_each_method_has_a_result_up_to_the_first_that_is_no_success(room: Room) -> None:
    seen = room.sit("def f(x):\n    return 2")
    assert (seen.outcome, seen.report.conclusion) == (Outcome.EXITED, Conclusion.REFUTED)
    assert ended(seen) == [("test_one", "success"), ("test_two", "failure")]
    assert seen.report.detail == "test_two: AssertionError: two"
    assert ended(room.sit("def f(x):\n    return 0")) == [("test_one", "failure")]


def test_an_exception_is_an_error_and_no_failure(room: Room) -> None:
    seen = room.sit("def f(x):\n    y = x\n    return y / 0")
    assert (seen.report.conclusion, ended(seen)) == (Conclusion.BROKEN_OFF, [("test_one", "error")])
    assert seen.report.detail == "test_one: ZeroDivisionError (line 3): division by zero"


@pytest.mark.parametrize("source", ["def f(:", "import no_such_module", "g = 1", "x = '\0'", "raise ValueError"])
def test_an_answer_that_cannot_be_imported_is_told_apart(room: Room, source: str) -> None:
    seen = room.sit(source)
    assert (seen.report.conclusion, seen.report.tests) == (Conclusion.NOT_LOADED, ()), seen


def test_a_test_that_never_ends_times_out_with_what_came_before_it(room: Room) -> None:
    seen = room.sit("def f(x):\n    while x > 1: pass\n    return 2")
    assert (seen.outcome, seen.report.conclusion) == (Outcome.TIMED_OUT, Conclusion.BROKEN_OFF)
    assert ended(seen) == [("test_one", "success")]


def test_memory_is_bounded(room: Room) -> None:
    seen = room.sit("def f(x):\n    return [bytearray(1 << 26) for _ in range(100)]")
    assert seen.outcome is Outcome.OUT_OF_MEMORY or seen.report.exception == "MemoryError", seen


def test_output_is_captured(room: Room) -> None:
    seen = room.sit("print('loaded')\ndef f(x):\n    print('called', x)\n    return x + 1")
    assert (seen.report.conclusion, seen.stdout.text) == (Conclusion.COMPLETED, "loaded\ncalled 1\ncalled 2\n")


HOUSE = """
import functools, os, sys, tempfile, unittest
from unittest.mock import patch
import importlib
import answer as again
from answer import *

seen = []

def decorated(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper

def setUpModule():
    seen.append("module")

class TestHouse(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.shared = "class"

    def setUp(self):
        self.addCleanup(seen.append, "cleaned up")

    def tearDown(self):
        seen.append("torn down")

    def test_the_answer_is_a_file_beside_the_test(self):
        self.assertEqual(sorted(os.listdir()), ["answer.py", "data", "test_answer.py"])
        self.assertEqual(open("answer.py").read(), open(again.__file__).read())
        self.assertIn("class TestHouse", open(__file__).read())
        self.assertEqual(os.path.dirname(again.__file__), os.getcwd())
        self.assertEqual(open("data/x.txt", "rb").read(), b"\\0there")

    def test_it_can_be_loaded_again(self):
        self.assertIs(importlib.reload(again), sys.modules["answer"])

    @patch("os.system")
    def test_things_can_be_mocked(self, system):
        f("ls")
        system.assert_called_once_with("ls")

    @patch("os.getcwd", return_value="nowhere")
    @patch("os.system")
    @decorated
    def test_things_can_be_decorated(self, system, getcwd):
        self.assertEqual(os.getcwd(), "nowhere")

    def test_the_fixtures_ran(self):
        self.assertEqual((seen[0], self.shared), ("module", "class"))
        self.assertEqual(seen.count("torn down"), seen.count("cleaned up"))

    def test_subtests(self):
        for number in range(3):
            with self.subTest(number=number):
                self.assertLess(number, 3)

    def test_exceptions_and_logs(self):
        import logging
        with self.assertRaises(ZeroDivisionError), self.assertLogs(level="INFO"):
            logging.info("x")
            1 / 0

    def test_files_may_be_written(self):
        os.makedirs("a/b")
        with tempfile.TemporaryDirectory() as folder:
            self.assertTrue(os.path.isdir(folder))
"""
HOUSE_TESTS = tuple(
    line.split()[1].partition("(")[0] for line in HOUSE.splitlines() if line.startswith("    def test_")
)


def test_what_tests_usually_do_works(room: Room) -> None:
    seen = room.sit("import os\ndef f(x):\n    os.system(x)\n", HOUSE, HOUSE_TESTS, data__x_txt=b"\0there")
    assert ended(seen) == [(name, "success") for name in HOUSE_TESTS], seen
    assert seen.report.conclusion is Conclusion.COMPLETED


def test_a_signal_handler_lives_on_between_tests(room: Room) -> None:
    answer = "import signal\ngot = []\nsignal.signal(signal.SIGUSR1, lambda *a: got.append(1))\ndef f(x):\n    signal.raise_signal(signal.SIGUSR1)\n    return len(got) + 1"
    assert ended(room.sit(answer)) == [(test, "success") for test in TESTS]


def test_a_class_can_be_named(room: Room) -> None:
    two = TEST + "\n\nclass Other(unittest.TestCase):\n    def test_one(self):\n        pass\n"
    assert ended(room.sit(RIGHT, two, ("TestF.test_one", "Other.test_one"))) == [
        ("TestF.test_one", "success"), ("Other.test_one", "success"),
    ]  # fmt: skip
    unclear = room.sit(RIGHT, two, ("test_one",))
    assert (ended(unclear), unclear.report.detail) == (
        [("test_one", "error")], "test_one: tampered with: test_one is in two classes of the test",
    )  # fmt: skip


def test_a_method_that_is_not_there_is_an_error(room: Room) -> None:
    assert ended(room.sit(RIGHT, tests=("test_one", "test_three"))) == [("test_one", "error")]


def test_a_coroutine_that_nobody_awaits_is_no_success(room: Room) -> None:
    test = TEST.replace("    def test_one", "    async def test_one")
    assert ended(room.sit(RIGHT, test)) == [("test_one", "error")]


def test_a_skipped_test_is_no_success(room: Room) -> None:
    test = TEST.replace("    def test_one", "    @unittest.skip('not today')\n    def test_one")
    assert ended(room.sit(RIGHT, test)) == [("test_one", "error")]


def test_a_failing_setup_or_teardown_is_no_success(room: Room) -> None:
    for method in ("setUp", "tearDown"):
        test = f"{TEST}\n    def {method}(self):\n        self.one = 1\n        self.fail('{method}')\n"
        assert ended(room.sit(RIGHT, test)) == [("test_one", "failure")], method
    cleanup = TEST.replace("self.one = 1", "self.one = 1; self.addCleanup(self.fail)")
    assert ended(room.sit(RIGHT, cleanup)) == [("test_one", "error")]


def test_a_test_that_is_no_python_is_the_data_sets_fault(room: Room) -> None:
    with pytest.raises(SandboxError, match="the test cannot be compiled"):
        room.sit(RIGHT, "def (:")


def test_an_answer_cannot_be_called_like_a_module_of_pythons_own(room: Room) -> None:
    module = TestModule(source=TEST, tests=TESTS, module="json")
    with pytest.raises(SandboxError, match="the answer needs another name"):
        room.runner.run(
            room.sandbox.run(Job(source=RIGHT, entry_point="", context="", test_module=module, limits=LIMITS))
        )


def test_every_job_has_a_fresh_working_directory(room: Room) -> None:
    look = "import os\nleft = os.listdir('..') + os.listdir()\nopen('../x', 'w').close()\nos.mkdir('y')\n"
    test = "import unittest, answer\nclass T(unittest.TestCase):\n    def test_it(self):\n        self.assertEqual(sorted(answer.left), ['answer', 'answer.py', 'test_answer.py'])\n"
    for _ in range(2):
        assert ended(room.sit(look, test, ("test_it",))) == [("test_it", "success")]


def test_an_answer_whose_objects_lie_passes_and_the_grade_says_that_it_was_not_protected(room: Room) -> None:
    """The limit of what can be had where test and answer share a process."""
    liar = "class Liar:\n    def __eq__(self, other):\n        return True\n    def __ne__(self, other):\n        return False\ndef f(x):\n    return Liar()\n"
    check = UnitTests(source=TEST, tests=TESTS, module="answer")
    problem = Problem(task_id="t", prompt="", entry_point="f", canonical_solution=RIGHT, checks=(check,))
    bench = Bench(sandbox=room.sandbox, limits=LIMITS)
    for code, verdict, passed in (
        (liar, Verdict.PASS, 2),
        (RIGHT, Verdict.PASS, 2),
        ("def f(x):\n    return 2", Verdict.FAIL, 1),
        ("f", Verdict.ERROR, 0),
    ):
        grade = room.runner.run(CorrectnessGrader().grade(problem, code, bench))
        assert (grade.verdict, grade.protected) == (verdict, False), grade
        assert [(result.verdict, result.cases, result.passed) for result in grade.checks] == [(verdict, 2, passed)]


def test_what_decides_after_the_answer_was_loaded_looks_nothing_up_by_name() -> None:
    """Modules and builtins can be replaced by the answer; locals and cells of a frame that it never sees cannot."""
    makers = (exam._seal, exam._quiet, exam._finder, exam._guard)
    made = [code for maker in makers for code in maker.__code__.co_consts if isinstance(code, types.CodeType)]
    functions = [code for code in made if not code.co_name.startswith("<")]
    assert len(functions) >= 10
    for code in (part for function in functions for part in exam._nested(function)):
        named = [step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
        assert not named, (code.co_qualname, named)

"""Efficiency in a real sandbox: right answers get what they deserve, and no trick makes one faster than it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from codebench.graders import Bench, Grade, Verdict
from codebench.graders.efficiency import EfficiencyGrader
from codebench.graders.times import level_s, rival_s, score_of
from codebench.problems import CheckFunction, Oracle, Problem, Workload
from codebench.sandbox import Limits, SandboxOpener, SandboxOptions

EQUAL = Oracle(source="def matches(args, expected, output):\n    return expected == output\n")
MAKER = """
def make_input(size, level, number, seed):
    import random
    draw = random.Random(seed)
    xs = [draw.randrange(1000) for _ in range(size)]
    return (xs,)
"""
WORK = """
    total = 0
    for _ in range({times}):
        for x in xs:
            total = (total * 31 + x) % 1000003
    return [sum(xs), len(xs)]
"""
PROMPT = "def f(xs):\n    'sum and length'\n"
PROBLEM = Problem(
    task_id="T/f",
    prompt=PROMPT,
    entry_point="f",
    canonical_solution=WORK.format(times=20),
    checks=(CheckFunction(source="def check(candidate):\n    assert candidate([1]) == [1, 1]\n"),),
    workload=Workload(source=MAKER, sizes=(2000, 4000), tests=(2, 2), weights=(1.0, 1.0), oracle=EQUAL, seed=5),
)
HONEST = PROMPT + WORK.format(times=28)
INNER = HONEST.replace("def f(", "def work(")
QUICK = "    return [sum(xs), len(xs)]\n"
MEMORY = Limits(memory_mib=256)


class Court:
    """A sandbox of one worker, pinned, and a grader, in a loop of their own."""

    def __init__(self, runner: asyncio.Runner, bench: Bench) -> None:
        self._runner = runner
        self._bench = bench
        self._grader = EfficiencyGrader()

    def ask(self, code: str, problem: Problem = PROBLEM) -> Grade | None:
        return self._runner.run(self._grader.grade(problem, code, self._bench))

    def grade(self, code: str, problem: Problem = PROBLEM) -> Grade:
        grade = self.ask(code, problem)
        assert grade is not None
        return grade


@pytest.fixture
def court(opener: SandboxOpener) -> Iterator[Court]:
    with asyncio.Runner() as runner:
        sandbox = opener(SandboxOptions(workers=1, limits=MEMORY, pinned=True))
        runner.run(sandbox.__aenter__())
        try:
            yield Court(runner, Bench(sandbox=sandbox, limits=MEMORY))
        finally:
            runner.run(sandbox.__aexit__(None, None, None))


def score(grade: Grade) -> float:
    assert grade.efficiency is not None, grade.detail
    return score_of(grade.efficiency).value


def cost(grade: Grade) -> float:
    """What the smallest level was charged with by the reference's time; as good as for ever where it was given up."""
    assert grade.efficiency is not None, grade.detail
    level = grade.efficiency.levels[0]
    return (level_s(level) or 1e9) / rival_s(level)


def steadily(holds: Callable[[], bool]) -> bool:
    """Does it hold in one of three attempts? A busy neighbour spoils one; what is really wrong fails in all."""
    return any(holds() for _ in range(3))


def test_an_answer_is_worth_what_its_time_is_beside_the_reference(court: Court) -> None:
    assert steadily(lambda: score(court.grade(PROMPT + PROBLEM.canonical_solution)) > 0.85)
    assert score(court.grade(PROMPT + QUICK)) == 1.0
    assert steadily(lambda: 0.3 < score(court.grade(HONEST)) < 0.95)
    slow = court.grade(PROMPT + WORK.format(times=200))
    assert score(slow) == 0.0, "that is beyond the limit"
    assert slow.efficiency is not None
    assert slow.efficiency.levels[1].ended == "timeout"


def test_the_record_holds_all_times_of_both(court: Court) -> None:
    grade = court.grade(HONEST)
    assert grade.efficiency is not None
    for level in grade.efficiency.levels:
        assert len(level.duels) >= 2, "it is between the reference's time and the limit"
        for duel in level.duels:
            assert len(duel.own) == len(duel.rival) == 2
            assert all(call.call_s > 0 for call in (*duel.own, *duel.rival))
    assert grade.efficiency.floor is not None
    assert grade.efficiency.floor > 0


FROZEN = """
import time
for name in dir(time):
    if "time" in name or "counter" in name or "monotonic" in name:
        try:
            setattr(time, name, lambda *a: 0)
        except Exception:
            pass
"""
MEMO = """
memo = {}
def f(xs):
    key = tuple(xs)
    if key not in memo:
        memo[key] = work(xs)
    return memo[key]
"""
THREAD = """
import threading
def f(xs):
    found = []
    thread = threading.Thread(target=lambda: found.append(work(xs)))
    thread.start()
    thread.join()
    return found[0]
"""
CHILD = """
import json, os
def f(xs):
    near, far = os.pipe()
    if os.fork() == 0:
        os.write(far, json.dumps(work(xs)).encode())
        os._exit(0)
    return json.loads(os.read(near, 4096))
"""
IGNORED = "import signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
ON_ANOTHER_CORE = "import os\ntry:\n    os.sched_setaffinity(0, range(os.cpu_count()))\nexcept OSError:\n    pass\n"
AT_IMPORT = """
for _ in range(3):
    work(list(range(2000)))
def f(xs):
    return [sum(xs), len(xs)]
"""
AT_FIRST = """
calls = 0
def f(xs):
    global calls
    calls += 1
    if calls == 1:
        for _ in range(3):
            work(xs)
    return [sum(xs), len(xs)]
"""
LATE = """
import sys
def f(xs):
    class Late:
        def dumps(self, *a, **k):
            return str(work(xs)).encode()
        def __getattr__(self, name):
            return getattr(real, name)
    for name, module in list(sys.modules.items()):
        if name.endswith(".timed"):
            real = module.values
            module.values = Late()
"""
CHEATS = {
    "frozen clocks": FROZEN + HONEST,
    "a memory of inputs": INNER + MEMO,
    "a thread": INNER + THREAD,
    "a child process": INNER + CHILD,
    "a child that leaves no trace": INNER + IGNORED + ON_ANOTHER_CORE + CHILD,
    "work at import": INNER + AT_IMPORT,
    "work in the first call": INNER + AT_FIRST,
    "work after the call": INNER + LATE,
}


@pytest.mark.parametrize("name", CHEATS)
def test_no_trick_makes_the_work_shorter(court: Court, name: str) -> None:
    assert steadily(lambda: cost(court.grade(CHEATS[name])) > 0.8 * cost(court.grade(HONEST)))


LAZY = """
class Lazy(list):
    def __init__(self, xs): self.xs = xs
    def __iter__(self): return iter(work(self.xs))
    def __eq__(self, other): return True
def f(xs): return Lazy(xs)
"""
JUNK = """
calls = 0
def f(xs):
    global calls
    calls += 1
    return work(xs) if calls < 2 else [0, 0]
"""


@pytest.mark.parametrize("tail", [LAZY, JUNK], ids=["a lazy result", "junk at last"])
def test_every_timed_output_is_judged(court: Court, tail: str) -> None:
    grade = court.grade(INNER + tail)
    assert (grade.verdict, grade.efficiency) == (Verdict.FAIL, None)
    assert "timed at size 2000" in grade.detail


STUBBORN = """
def f(xs):
    while True:
        try:
            while True: pass
        except BaseException:
            pass
"""


def test_a_loop_that_swallows_every_exception_is_ended_on_time(court: Court) -> None:
    grade = court.grade(STUBBORN)
    assert score(grade) == 0.0
    assert grade.efficiency is not None
    assert {level.ended for level in grade.efficiency.levels} == {"timeout"}
    assert score(court.grade(HONEST)) > 0.2, "and the next answer finds the box in order"


def test_sleep_is_no_way_to_the_end(court: Court) -> None:
    assert score(court.grade("import time\ndef f(xs):\n    time.sleep(60)\n")) == 0.0


def test_a_changed_input_is_the_candidates_own(court: Court) -> None:
    assert score(court.grade(PROMPT + "    total = [sum(xs), len(xs)]\n    xs.clear()\n    return total\n")) == 1.0


def test_a_problem_without_a_workload_has_no_grade(court: Court) -> None:
    assert court.ask(HONEST, replace(PROBLEM, workload=None)) is None


def test_enams_rules_repeat_a_call_on_one_input_by_the_programs_own_clock(court: Court) -> None:
    assert PROBLEM.workload is not None
    problem = replace(PROBLEM, workload=replace(PROBLEM.workload, rules="enam"))
    grade = court.grade(PROMPT + QUICK, problem)
    assert score(grade) > 1.0, "it is not clipped"
    assert grade.efficiency is not None
    assert len(grade.efficiency.levels[0].duels[0].own[0].inside_s) == 6
    assert court.grade(PROMPT + "    print(1)\n" + QUICK, problem).verdict is Verdict.FAIL


def test_timing_attacks_of_the_corpus_get_no_more_than_honest_work(court: Court, shared: Path) -> None:
    lines = (shared / "adversarial" / "public.jsonl").read_text().splitlines()
    attacks = [record for record in map(json.loads, lines) if record["category"] == "timing"]
    assert len(attacks) >= 5
    for record in attacks:
        given = record["problem"]
        maker = MAKER.replace("(xs,)", "(xs, 999)") if "target" in given["prompt"] else MAKER
        problem = Problem(
            task_id=record["id"],
            prompt=given["prompt"],
            entry_point=given["entry_point"],
            canonical_solution=given["canonical_solution"],
            checks=(CheckFunction(source=given["test"]),),
            workload=Workload(source=maker, sizes=(150, 250), tests=(2, 2), weights=(1.0, 1.0), oracle=EQUAL),
        )
        if court.grade(record["solution"], problem).verdict is Verdict.PASS:
            honest = given["prompt"] + given["canonical_solution"]
            assert steadily(
                lambda cheat=record["solution"], honest=honest, problem=problem: (
                    cost(court.grade(cheat, problem)) > 0.8 * cost(court.grade(honest, problem))
                )
            ), record["id"]

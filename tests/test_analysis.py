"""Analysers in real processes: no text takes more from the host than one grade.

The functions of the standard library stand for analysers: `eval` can be made to do whatever an analyser may do when a
text is too much for it, and `re` has patterns of its own.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from codebench.graders import Analysers, AnalysisError, AnalysisLimits
from codebench.sandbox import SandboxError

EVAL = "builtins:eval"
PID = "__import__('os').getpid()"
LIMITS = AnalysisLimits(cpu_s=0.5, memory_mib=512, text_bytes=1 << 20)


class Lab:
    """Analysers in a loop of their own."""

    def __init__(self, runner: asyncio.Runner, analysers: Analysers) -> None:
        self.runner = runner
        self.analysers = analysers

    def evaluate(self, text: str) -> int:
        return self.runner.run(self.analysers.analyse(EVAL, text, result=int))


@pytest.fixture
def lab() -> Iterator[Lab]:
    with asyncio.Runner() as runner:
        analysers = Analysers(1, LIMITS)
        try:
            yield Lab(runner, analysers)
        finally:
            analysers.close()


def test_one_process_analyses_text_after_text(lab: Lab) -> None:
    first = lab.evaluate(PID)
    assert first != os.getpid()
    assert lab.evaluate(PID) == first


ENDINGS = {
    "an endless search": ("all(iter(int, 1)) or [0 for _ in iter(int, 1)]", "out of time: not done within 0.5 s"),
    "all memory": ("bytearray(1 << 30)", "out of memory, or nested too deeply"),
    "a crash": ("__import__('os').abort()", "the analyser ended: signal 6"),
    "an exit": ("__import__('os')._exit(7)", "the analyser ended: exit status 7"),
    "a kill": ("__import__('os').kill(__import__('os').getpid(), 9)", "the analyser was killed from outside, twice"),
    "an exception": ("1 / 0", "the analyser failed: ZeroDivisionError"),
    "an exception with a secret": ("int('hunter2')", "the analyser failed: ValueError"),
    "an interpreter's exit": ("exit()", "the analyser ended: exit status 0"),
    "a null byte": ("1\0", "the analyser failed: (SyntaxError|ValueError)"),
    "a lone surrogate": ("'\ud800'", "the analyser failed: UnicodeEncodeError"),
    "50,000 parentheses": ("(" * 50_000 + ")" * 50_000, "(out of memory, or )?nested too deeply|failed: SyntaxError"),
    "garbage": ("__import__('os').write(4, b'garbage')", "reply"),
    "a reply of another kind": ("'text'", "the analyser's reply makes no sense: Expected `int`, got `str`"),
    "a reply that never ends": ("'x' * (65 << 20)", "the analyser's reply is too long"),
    "more than the limit": ("1" * (1 << 20) + "1", "longer than 1 MiB"),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_whatever_a_text_does_ends_as_an_error_and_the_next_is_analysed(lab: Lab, name: str) -> None:
    text, reason = ENDINGS[name]
    with pytest.raises(AnalysisError, match=reason) as caught:
        lab.evaluate(text)
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert lab.evaluate("6 * 7") == 42


def test_a_catastrophic_pattern_ends_in_time(lab: Lab) -> None:
    with pytest.raises(AnalysisError, match="out of time"):
        lab.runner.run(lab.analysers.analyse("re:findall", "(a+)+$", "a" * 64 + "b", result=list))


def test_waiting_is_bounded_too(lab: Lab) -> None:
    with pytest.raises(AnalysisError, match="out of time"):
        lab.evaluate("__import__('time').sleep(100)")


def test_surrogates_arrive_as_they_are(lab: Lab) -> None:
    assert lab.runner.run(lab.analysers.analyse("builtins:ord", "\ud800", result=int)) == 0xD800


def test_what_an_analyser_prints_disturbs_nobody(lab: Lab) -> None:
    assert lab.evaluate("len(str(print('x' * 100_000))) + len(__import__('sys').stdin.read())") == 4


def test_a_process_knows_none_of_the_users_secrets(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert lab.evaluate("'OPENAI_API_KEY' in __import__('os').environ or 0") == 0


def test_a_process_that_dumps_no_core_and_has_little_memory(lab: Lab) -> None:
    assert lab.evaluate("sum(__import__('resource').getrlimit(4))") == 0
    assert lab.evaluate("__import__('resource').getrlimit(9)[0]") == 512 << 20


def test_what_it_started_ends_with_it(lab: Lab) -> None:
    child = lab.evaluate("__import__('subprocess').Popen(['sleep', '1000']).pid")
    with pytest.raises(AnalysisError):
        lab.evaluate("__import__('time').sleep(100)")
    assert_gone(child)


def test_an_analyser_that_is_not_installed_is_not_the_texts_fault(lab: Lab) -> None:
    for kind in ("codebench_has_no_such_module:f", "os:has_no_such_function"):
        with pytest.raises(SandboxError, match="cannot work"):
            lab.runner.run(lab.analysers.analyse(kind, "1", result=int))


def test_an_interpreter_that_does_not_start_is_not_the_texts_fault(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    for interpreter in ("/nowhere/python", "/bin/false"):
        monkeypatch.setattr(sys, "executable", interpreter)
        with pytest.raises(SandboxError, match=r"cannot (start|load)"):
            lab.evaluate("1")


def test_no_more_processes_than_workers_and_the_loop_stays_free() -> None:
    async def many() -> tuple[set[int], int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.001)
                ticks += 1

        async with Analysers(2) as analysers:
            ticking = asyncio.create_task(tick())
            slow = f"__import__('time').sleep(0.02) or {PID}"
            pids = await asyncio.gather(*(analysers.analyse(EVAL, slow, result=int) for _ in range(20)))
            ticking.cancel()
        return set(pids), ticks

    pids, ticks = asyncio.run(many())
    assert len(pids) == 2
    assert ticks > 20
    for pid in pids:
        assert_gone(pid)


def test_closing_ends_what_is_under_way() -> None:
    async def close_early() -> float:
        analysers = Analysers(1)
        pending = asyncio.create_task(analysers.analyse(EVAL, "__import__('time').sleep(100)", result=int))
        await asyncio.sleep(0.5)
        started = time.monotonic()
        analysers.close()
        with pytest.raises((AnalysisError, SandboxError)):
            await pending
        return time.monotonic() - started

    assert asyncio.run(close_early()) < 20


HOST = """
import asyncio, sys
from codebench.graders import Analysers
async def main():
    async with Analysers(1) as analysers:
        print(await analysers.analyse("builtins:eval", "__import__('os').getpid()", result=int), flush=True)
        await analysers.analyse("builtins:eval", "[0 for _ in iter(int, 1)]", result=int)
asyncio.run(main())
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_a_process_in_an_endless_search_ends_with_its_host(ending: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-P", "-c", HOST], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as host:
        assert host.stdout is not None
        analyser = int(host.stdout.readline())
        time.sleep(0.2)
        host.send_signal(ending)
        host.wait(30)
    assert_gone(analyser)


def assert_gone(pid: int) -> None:
    """Ended, be it still unburied: its parent may be PID 1 of a container that buries nobody."""
    for _ in range(200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state in "ZX":
            return
        time.sleep(0.05)
    pytest.fail(f"process {pid} is still there")

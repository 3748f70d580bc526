"""The facts that every sandbox must show, as a test-suite: for the two built in, and for anybody's own.

    @pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__)
    def test_my_sandbox(fact):
        asyncio.run(hold(fact, open_my_sandbox))

A fact is a coroutine function that takes an entered Sandbox of one worker, and fails by an AssertionError.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine

from codebench.sandbox.job import (
    Conclusion,
    Execution,
    Job,
    Limits,
    Outcome,
    Sandbox,
    SandboxOpener,
    SandboxOptions,
    TestModule,
    TestStatus,
)

Fact = Callable[[Sandbox], Coroutine[None, None, None]]
LIMITS = Limits(timeout_s=2.0, memory_mib=512, processes=32, disk_mib=16)


async def hold(fact: Fact, opener: SandboxOpener) -> None:
    """Open a sandbox of one worker and put one fact to it; raises AssertionError where it does not hold."""
    async with opener(SandboxOptions(workers=1, limits=LIMITS)) as sandbox:
        await fact(sandbox)
        await _still_judges(sandbox)


async def a_right_answer_completes(sandbox: Sandbox) -> None:
    seen = await _run(sandbox, "def f(x):\n    return x + 1", "assert candidate(1) == 2")
    assert (seen.outcome, seen.report.conclusion) == (Outcome.EXITED, Conclusion.COMPLETED), seen
    assert seen.report.calls == 1, seen
    assert seen.cpu_s > 0, seen
    assert seen.memory_bytes > 1 << 20, seen


async def a_wrong_answer_is_refuted(sandbox: Sandbox) -> None:
    seen = await _run(sandbox, "def f(x):\n    return x", "assert candidate(1) == 2, 'two'")
    assert seen.report.conclusion is Conclusion.REFUTED, seen
    assert "two" in seen.report.detail, seen
    assert not seen.report.by_candidate, seen


async def values_keep_their_exact_types(sandbox: Sandbox) -> None:
    source = "from decimal import Decimal\ndef f(x):\n    return x"
    test = """
    from decimal import Decimal
    import math
    for value in (True, 1, 1.0, -0.0, 'a\\ud800', b'b', None, (1,), [1], {1}, frozenset({1}), {(1, 2): [3]},
                  10 ** 5000, range(3), 1j, Decimal('1.10')):
        got = candidate(value)
        assert type(got) is type(value) and got == value, (value, got)
    assert math.copysign(1, candidate(-0.0)) == -1
    assert math.isnan(candidate(math.nan)) and candidate(math.inf) == math.inf"""
    _completed(await _run(sandbox, source, test))


async def mutations_and_identity_come_back(sandbox: Sandbox) -> None:
    source = "def f(x):\n    x.append(3)\n    x[0]['k'] = 1\n    return x"
    test = """
    inner = {}
    a = [inner, 2]
    assert candidate(a) is a
    assert a == [{'k': 1}, 2, 3] and inner == {'k': 1}"""
    _completed(await _run(sandbox, source, test))


async def exceptions_arrive_as_their_builtin_type(sandbox: Sandbox) -> None:
    source = "class Odd(KeyError):\n    pass\ndef f(x):\n    raise Odd(x)"
    test = """
    try:
        candidate('k')
    except KeyError as e:
        assert e.args == ('k',)
    else:
        assert False"""
    _completed(await _run(sandbox, source, test))


async def callbacks_run_in_the_judge(sandbox: Sandbox) -> None:
    _completed(await _run(sandbox, "def f(g, n):\n    return [g(i) for i in range(n)]",
                          "assert candidate(lambda i: i * i, 3) == [0, 1, 4]"))  # fmt: skip


async def generators_are_read_lazily(sandbox: Sandbox) -> None:
    source = "def f():\n    n = 0\n    while True:\n        yield n\n        n += 1"
    _completed(await _run(sandbox, source, "g = candidate()\n    assert [next(g) for _ in range(3)] == [0, 1, 2]"))


async def a_lying_equality_is_never_asked(sandbox: Sandbox) -> None:
    source = "class L(int):\n    def __eq__(self, o): return True\n    __hash__ = None\ndef f(x):\n    return L(9)"
    seen = await _run(sandbox, source, "assert candidate(1) == 2")
    assert seen.report.conclusion is Conclusion.REFUTED, seen


async def a_forged_reply_gains_no_trust(sandbox: Sandbox) -> None:
    """Whoever writes frames himself can only answer with values: not with an object that is asked for its truth."""
    for reply in (b'[{"o":[0,"instance"]},null]', b'[{"o":[9,"instance"]},null]', b'[{"in":["int",[]]},null]'):
        source = f"""
import os, struct
def f(x):
    reply = {reply!r}
    os.write(3, struct.pack('>IB', len(reply), ord('V')) + reply)
    return True  # taken for the answer to bool(), were that asked"""
        seen = await _run(sandbox, source, "assert candidate(0)")
        assert seen.report.conclusion is not Conclusion.COMPLETED, seen


async def exit_zero_is_no_pass(sandbox: Sandbox) -> None:
    for ending in ("import os\n    os._exit(0)", "raise SystemExit(0)"):
        seen = await _run(sandbox, f"def f(x):\n    {ending}", "try:\n        candidate(1)\n    except: pass")
        assert seen.report.conclusion is Conclusion.BROKEN_OFF, seen


async def a_test_without_a_call_is_no_pass(sandbox: Sandbox) -> None:
    seen = await _run(sandbox, "def f(x):\n    return x", "pass")
    assert seen.report.conclusion is Conclusion.NO_CALLS, seen


async def what_cannot_be_loaded_is_told_apart(sandbox: Sandbox) -> None:
    for source in ("def f(:", "import no_such_module_anywhere", "g = 1", "x = '\0'", "x = '\ud800'"):
        seen = await _run(sandbox, source, "assert candidate(1) == 1")
        assert seen.report.conclusion is Conclusion.NOT_LOADED, seen


async def an_endless_loop_times_out(sandbox: Sandbox) -> None:
    source = (
        "def f(x):\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass"
    )
    seen = await _run(sandbox, source, "candidate(1)")
    assert seen.outcome is Outcome.TIMED_OUT, seen
    assert seen.cpu_s > LIMITS.timeout_s / 2, seen


async def a_sleeper_times_out(sandbox: Sandbox) -> None:
    seen = await _run(sandbox, "import time\ndef f(x):\n    time.sleep(60)", "candidate(1)")
    assert seen.outcome is Outcome.TIMED_OUT, seen
    assert seen.cpu_s < LIMITS.timeout_s / 2, seen


async def memory_is_bounded(sandbox: Sandbox) -> None:
    seen = await _run(sandbox, "def f(x):\n    y = []\n    while True: y.append(bytearray(1 << 24))", "candidate(1)")
    at_limit = seen.report.exception == "MemoryError" and seen.report.by_candidate
    assert at_limit or seen.outcome is Outcome.OUT_OF_MEMORY, seen
    assert seen.memory_bytes <= (LIMITS.memory_mib + 64) << 20, seen


async def memory_of_all_processes_is_bounded(sandbox: Sandbox) -> None:
    source = """
import os, time
def f(x):
    for _ in range(8):
        if os.fork() == 0:
            y = bytearray(200 << 20)
            y[::4096] = b'x' * len(y[::4096])
            time.sleep(60)
    time.sleep(60)"""
    seen = await _run(sandbox, source, "candidate(1)")
    assert seen.outcome is Outcome.OUT_OF_MEMORY, seen


async def signals_are_told(sandbox: Sandbox) -> None:
    seen = await _run(sandbox, "import os, signal\ndef f(x):\n    os.kill(os.getpid(), signal.SIGSEGV)", "candidate(1)")
    assert (seen.outcome, seen.signal) == (Outcome.SIGNALED, 11), seen


async def output_is_kept_to_its_limit(sandbox: Sandbox) -> None:
    source = "import sys\ndef f(x):\n    print('o' * 10**6)\n    print('e', file=sys.stderr)\n    return x"
    seen = await _run(sandbox, source, "assert candidate(1) == 1")
    _completed(seen)
    assert seen.stdout.truncated, seen.stdout
    assert seen.stdout.text == "o" * LIMITS.output_bytes
    assert (seen.stderr.text, seen.stderr.truncated) == ("e\n", False)


async def nothing_is_left_behind(sandbox: Sandbox) -> None:
    leave = """
import os, time
def f(x):
    os.makedirs('a/b')
    open('a/b/c', 'w').write('x')
    open('/dev/shm/d', 'w').write('x')
    os.chmod('a/b', 0)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
    return x"""
    look = """
import os
def f(x):
    mine = os.geteuid()
    others = [p for p in os.listdir('/proc') if p.isdigit() and int(p) != os.getpid()
              and os.stat('/proc/' + p).st_uid == mine and int(p) > 1]
    return sorted(os.listdir('/tmp') + os.listdir('/dev/shm') + others)"""
    _completed(await _run(sandbox, leave, "assert candidate(1) == 1"))
    _completed(await _run(sandbox, look, "assert candidate(1) == []"))


async def a_test_module_finds_the_answer_beside_it(sandbox: Sandbox) -> None:
    for source, conclusion, status in (
        ("x + 1", Conclusion.COMPLETED, TestStatus.SUCCESS),
        ("x", Conclusion.REFUTED, TestStatus.FAILURE),
        ("y", Conclusion.BROKEN_OFF, TestStatus.ERROR),
    ):
        seen = await _run_module(sandbox, f"def f(x):\n    return {source}")
        assert (seen.report.conclusion, [test.status for test in seen.report.tests]) == (conclusion, [status]), seen
    seen = await _run_module(sandbox, "def f(")
    assert (seen.report.conclusion, seen.report.tests) == (Conclusion.NOT_LOADED, ()), seen


async def success_of_a_test_module_cannot_be_claimed(sandbox: Sandbox) -> None:
    for source in (
        "import os\nos._exit(0)",
        "import unittest\nunittest.TestCase.assertEqual = lambda *a: None\ndef f(x): return 0",
        "import os\ndef f(x):\n    os.write(3, b'success')\n    os.write(4, b'success')",
    ):
        seen = await _run_module(sandbox, source)
        assert seen.report.conclusion is not Conclusion.COMPLETED, seen
        assert TestStatus.SUCCESS not in [test.status for test in seen.report.tests], seen


async def a_box_can_speak_to_itself(sandbox: Sandbox) -> None:
    source = """
import socket
def f():
    with socket.create_server(('127.0.0.1', 0)) as server, socket.create_connection(server.getsockname(), 1) as client:
        client.sendall(b'x')
        return server.accept()[0].recv(1)"""
    _completed(await _run(sandbox, source, "assert candidate() == b'x'"))


async def there_is_no_network(sandbox: Sandbox) -> None:
    source = """
import socket
def f(host):
    try:
        socket.create_connection((host, 53), timeout=0.2)
    except OSError:
        return 'refused'
def g(family):
    try:
        socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        return 'refused'"""
    _completed(await _run(sandbox, source, "assert candidate('192.0.2.1') == candidate('127.0.0.1') == 'refused'"))
    _completed(await _run(sandbox, source, "assert candidate(40) == candidate(38) == 'refused'", entry_point="g"))


async def the_world_is_read_only(sandbox: Sandbox) -> None:
    source = """
import os
def f(path):
    try:
        open(path + '/x', 'w')
    except OSError:
        return 'refused'"""
    places = ("/", "/etc", "/opt/python", "/codebench", "/dev", "/proc", "/usr")
    _completed(await _run(sandbox, source, f"assert {{candidate(p) for p in {places}}} == {{'refused'}}"))


async def privileges_are_gone(sandbox: Sandbox) -> None:
    source = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def f(x):
    caps = [l for l in open('/proc/self/status') if l.startswith(('CapEff', 'CapPrm', 'CapInh', 'CapAmb'))]
    new = [l.split()[1] for l in open('/proc/self/status') if l.startswith('NoNewPrivs')]
    calls = [libc.unshare(0x10000000), libc.ptrace(16, 1, 0, 0), libc.mount(b'x', b'/tmp', b'tmpfs', 0, None),
             libc.shmget(0, 4096, 0o1600)]
    libc.kill(1, 9)  # may be allowed, and must do nothing: the next sample is judged on the same box
    return ({l.split()[1].strip('0') for l in caps}, new, calls)"""
    test = "assert candidate(1) == ({''}, ['1'], [-1, -1, -1, -1]), candidate(1)"
    seen = await _run(sandbox, source, test)
    _completed(seen)


async def no_secret_of_the_host_is_seen(sandbox: Sandbox) -> None:
    source = "import os\ndef f(x):\n    return sorted(os.environ)"
    own = {"HOME", "LC_ALL", "MALLOC_ARENA_MAX", "PATH", "PYTHONHASHSEED", "HOSTNAME", "CODEBENCH_PYTHON"}
    test = f"assert set(candidate(1)) <= {own}, candidate(1)"
    _completed(await _run(sandbox, source, test))


FACTS: tuple[Fact, ...] = tuple(
    value for name, value in list(globals().items()) if not name.startswith("_") and name[0].islower()
    and getattr(value, "__annotations__", None) == {"sandbox": "Sandbox", "return": "None"}
)  # fmt: skip


async def _run(sandbox: Sandbox, source: str, test_body: str, entry_point: str = "f") -> Execution:
    test = f"def check(candidate):\n    {test_body.strip()}\n"
    return await sandbox.run(Job(source=source, entry_point=entry_point, context="", test=test, limits=LIMITS))


async def _run_module(sandbox: Sandbox, source: str) -> Execution:
    test = """
import unittest
import answer
class T(unittest.TestCase):
    def test_it(self):
        self.assertEqual(answer.f(1), 2)"""
    module = TestModule(source=test, tests=("test_it",), module="answer")
    return await sandbox.run(Job(source=source, entry_point="", context="", test_module=module, limits=LIMITS))


def _completed(seen: Execution) -> None:
    assert seen.report.conclusion is Conclusion.COMPLETED, seen


async def _still_judges(sandbox: Sandbox) -> None:
    """Whatever went before: on the same worker a right answer completes and a wrong one is refuted."""
    for source, conclusion in (("return x", Conclusion.COMPLETED), ("return -x", Conclusion.REFUTED)):
        seen = await _run(sandbox, f"def f(x):\n    {source}", "assert candidate(1) == 1")
        assert seen.report.conclusion is conclusion, seen

"""Programs that attack the judge, and honest ones that are merely odd, each with the verdicts that are acceptable."""

from __future__ import annotations

from dataclasses import dataclass

WRONG = ("fail", "error")
STOPPED = ("fail", "error", "timeout", "memory")
PASS = ("pass",)

# What a program needs to speak to the judge itself: frames on file descriptor 3.
_RAW = """
import json, os, struct
def raw(kind, body):
    data = struct.pack(">IB", len(body), ord(kind)) + body
    while data:
        data = data[os.write(3, data):]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One program, the test it faces as the body of `check(candidate)`, and the trusted prompt above it."""

    name: str
    code: str
    test: str
    verdicts: tuple[str, ...]
    prompt: str = ""
    entry_point: str = "f"
    danger: bool = False  # spends memory or processes outside what RLIMIT_AS bounds: only where a cgroup is


def _reply(name: str, body: str, test: str = "assert candidate(1) == 2", verdicts: tuple[str, ...] = WRONG) -> Case:
    """A candidate that answers its first call with frames of its own making; `body` is the code that sends them."""
    code = _RAW + "def f(x):\n" + "".join(f"    {line}\n" for line in body.splitlines()) + "    os._exit(0)\n"
    return Case(name=f"reply: {name}", code=code, test=test, verdicts=verdicts)


def _at_load(name: str, body: str) -> Case:
    return Case(
        name=f"at load: {name}",
        code=_RAW + body + "\ndef f(x):\n    return 0\n",
        test="assert candidate(1) == 2",
        verdicts=STOPPED,
    )


MALFORMED = tuple(
    _reply(f"value {value}", f"raw('V', {f'[{value},null]'.encode()!r})")
    for value in (
        '{"o":["x"]}', '{"o":[99]}', '{"o":[[],[]]}', '{"a":99}', '{"a":-9}', '{"a":"x"}', '{"cb":-1}', '{"cb":{}}',
        '{"in":["int",[]]}', '{"in":["X",[["__class__",{"ty":"int"}]]]}', '{"in":[]}', '{"dq":[]}', '{"dq":[[1],-1]}',
        '{"r":["1","2","0"]}', '{"r":[1]}', '{"b":5}', '{"b":"\\u20ac"}', '{"D":"x"}', '{"D":[]}', '{"F":["1","0"]}',
        '{"dt":5}', '{"td":[1e300]}', '{"td":[1e999]}', '{"ty":"eval"}', '{"ty":[]}', '{"s":[[1]]}', '{"d":[[1]]}',
        '{"d":[[[],1]]}', '{"i":"zz"}', '{"i":5}', '{"c":[1,2,3]}', '{"c":["x"]}', '{"zz":1}', '{}', '{"t":1}',
        '{"t":[],"s":[]}', '{"nt":["x",["a b"],[1]]}', '{"en":["X","Y"]}', '{"C":[[{"s":[]},1]]}', '{"da":"x"}',
    )
)  # fmt: skip

REPLIES = (
    *MALFORMED,
    _reply("not JSON", "raw('V', b'{')"),
    _reply("not UTF-8", "raw('V', bytes(range(128, 256)))"),
    _reply("not a pair", "raw('V', b'[1,2,3]')"),
    _reply("mutation of the wrong shape", "raw('V', b'[2,{\"t\":[1,2]}]')", verdicts=(*WRONG, "pass")),
    _reply("mutation that is no pair", "raw('V', b'[0,5]')"),
    _reply("unknown kind", "raw('Z', b'')"),
    _reply("a frame too long", "os.write(3, b'\\xff\\xff\\xff\\xffV')"),
    _reply("half a frame", "os.write(3, b'\\0\\0\\0\\xffVxx')"),
    _reply("deep JSON", "raw('V', b'[' * 900000)"),
    _reply("deep JSON that closes", "raw('V', b'[' * 90000 + b']' * 90000)"),
    _reply("an exception of no shape", "raw('E', b'[]')"),
    _reply("an exception on line infinity", 'raw(\'E\', b\'{"kinds":[["m","X"]],"message":"","args":null,"line":Infinity}\')'),
    _reply("an exception of odd names", 'raw(\'E\', b\'{"kinds":[[5,null]],"message":7,"args":{"dq":[]},"line":null}\')'),
    _reply("an exception of 30 MB", "raw('E', b'[' + b'[],' * 10000000 + b'[]]')"),
    _reply("a callback nobody passed", "raw('B', b'0\\n[{\"t\":[]},{\"d\":[]}]')"),
    _reply("callbacks without end", "while True: raw('B', b'-1\\n[{\"t\":[]},{\"d\":[]}]')", verdicts=STOPPED),
    _reply(
        "an answer to a question not asked",
        "raw('V', b'[1,null]' )\nraw('V', b'[1,null]')",
        test="assert candidate(1) == 1\nassert candidate(2) == 5",
    ),
    _reply("a range to sum", "raw('V', b'[{\"r\":[\"0\",\"7fffffffffffffff\",\"1\"]},null]')",
           test="assert sum(candidate(1)) == 2", verdicts=STOPPED),
    _reply("a range to list", "raw('V', b'[{\"r\":[\"0\",\"fffffff0\",\"1\"]},null]')",
           test="assert list(candidate(1)) == [2]", verdicts=STOPPED),
    _reply("a Decimal to make an int of", "raw('V', b'[{\"D\":\"1e999999999\"},null]')",
           test="assert int(candidate(1)) == 2", verdicts=STOPPED),
    _reply("an int to multiply", "raw('V', b'[{\"i\":\"' + b'f' * 30000000 + b'\"},null]')",
           test="r = candidate(1)\nassert r * (r + 1) * (r - 1) == 2", verdicts=STOPPED),
    Case(
        name="reply: numbers of one hash",
        code="def f(x):\n    return [i * (2**61 - 1) for i in range(200000)]\n",
        test="assert len(set(candidate(1))) == 2",
        verdicts=STOPPED,
    ),
    Case(
        name="reply: an int too large for the test's loop",
        code="def f(x):\n    return 10**15\n",
        test="n = 0\nfor i in range(candidate(1)):\n    n += i\nassert n == 1",
        verdicts=("timeout",),
    ),
    Case(
        name="reply: much, often, and kept by the test",
        code="def f(x):\n    return [[] for _ in range(400000)]\n",
        test="kept = [candidate(i) for i in range(100)]\nassert kept == []",
        verdicts=STOPPED,
    ),
)  # fmt: skip

LOADS = (
    _at_load("line infinity", 'raw("E", b\'{"kinds":[["m","X"]],"message":"","args":null,"line":Infinity}\')'),
    _at_load("no names", 'raw("E", b\'{"kinds":[],"message":"","args":null,"line":null}\')'),
    _at_load("an error of 30 MB", 'raw("E", b"[" + b"[]," * 10000000 + b"[]]")'),
    _at_load("deep JSON", 'raw("E", b"[" * 900000)'),
    _at_load("a callback", "raw(\"B\", b'0\\n[{\"t\":[]},{\"d\":[]}]')"),
    _at_load("a callback without handle", 'raw("B", b"")'),
    _at_load("a frame too long", "os.write(3, b'\\xff' * 5)"),
    _at_load("nothing, and close", "os.close(3)"),
    _at_load("shut down, then sleep", "import socket, time\nsocket.socket(fileno=3).shutdown(2)\ntime.sleep(60)"),
    _at_load("lone surrogates in the error", 'raise ValueError("\\ud800 \\x00 \\u2028")'),
    _at_load("an error whose name is long", 'raise type("N" * 100000, (Exception,), {})("m" * 100000)'),
    _at_load("an error whose name is a surrogate", 'raw("E", b\'{"kinds":[["","\\ud800"]],"message":"\\ud801","args":null,"line":null}\')'),
    _at_load("an error that cannot be shown", "class E(Exception):\n    __str__ = None\nraise E(object())"),
    _at_load("stop itself", "import signal\nos.kill(os.getpid(), signal.SIGSTOP)"),
    _at_load("kill itself", "os.kill(os.getpid(), 9)"),
    _at_load("close everything and sleep", "import time\nos.closerange(0, 200)\ntime.sleep(60)"),
    _at_load("descriptors in flight to the judge", """
import array, socket
s = socket.socket(fileno=os.dup(3))
for _ in range(50):
    s.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0, 1, 2] * 20))])"""),
    _at_load("out-of-band bytes", """
import socket
s = socket.socket(fileno=os.dup(3))
try:
    s.send(b'x', socket.MSG_OOB)
except OSError:
    pass"""),
)  # fmt: skip

# Each answers rightly, so that only the harm done to others may show.
_HARM = "\ndef f(x):\n    return 2\n"
BYSTANDERS = tuple(
    Case(name=f"harm: {name}", code=body + _HARM, test="assert candidate(1) == 2", verdicts=(*PASS, *STOPPED))
    for name, body in (
        ("interrupt PID 1", """
import os, signal
for s in (1, 2, 3, 10, 12, 15, 14, 17, 19, 20, 9):
    for pid in (1, os.getppid()):
        try:
            os.kill(pid, s)
        except OSError:
            pass
import time
time.sleep(0.2)"""),
        ("limit PID 1", """
import os, resource
for pid in (1, os.getppid()):
    for r in (resource.RLIMIT_NOFILE, resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE):
        try:
            resource.prlimit(pid, r, (0, 0))
        except (OSError, ValueError):
            pass"""),
        ("nice and pin PID 1", """
import os
for act in (lambda: os.setpriority(os.PRIO_PROCESS, 1, 19), lambda: os.setpriority(os.PRIO_USER, 0, 19),
            lambda: os.sched_setaffinity(1, {0}), lambda: os.sched_setscheduler(1, 5, os.sched_param(0))):
    try:
        act()
    except OSError:
        pass"""),
        ("signal by way of a socket", """
import fcntl, signal, socket
for pid in (1,):
    a, b = socket.socketpair()
    try:
        fcntl.fcntl(a, fcntl.F_SETOWN, pid)
        fcntl.fcntl(a, 10, signal.SIGINT)
        fcntl.fcntl(a, fcntl.F_SETFL, fcntl.fcntl(a, fcntl.F_GETFL) | 0o20000)
        b.send(b'x')
    except OSError:
        pass"""),
        ("lock the scratch directories", """
import os
for d in ('/tmp', '/dev/shm'):
    for act in (lambda: os.chmod(d, 0), lambda: os.chown(d, 1, 1), lambda: os.setxattr(d, 'user.x', b'y')):
        try:
            act()
        except OSError:
            pass"""),
        ("directories that refuse", """
import os
for i in range(50):
    os.makedirs(f'/tmp/a{i}/b/c')
    open(f'/tmp/a{i}/b/f', 'w').close()
    os.chmod(f'/tmp/a{i}/b', 0)
    os.chmod(f'/tmp/a{i}', 0)"""),
        ("directories, deep", """
import os
os.chdir('/tmp')
for i in range(3000):
    os.mkdir('d' * 20)
    os.chdir('d' * 20)"""),
        ("all inodes", """
import os
try:
    for i in range(20000):
        open(f'/tmp/{i}', 'w').close()
except OSError:
    pass
try:
    for i in range(20000):
        os.symlink('/etc/passwd', f'/dev/shm/{i}')
except OSError:
    pass"""),
        ("a full disk", """
for d in ('/tmp', '/dev/shm'):
    for i in range(40):
        try:
            with open(f'{d}/{i}', 'wb') as f:
                while True:
                    f.write(bytes(1 << 20))
        except OSError:
            pass"""),
        ("survivors", """
import os, time
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for s in range(1, 60):
                try:
                    __import__('signal').signal(s, 1)
                except (OSError, ValueError):
                    pass
            while True:
                time.sleep(0.01)
        os._exit(0)"""),
        ("a fork bomb", """
import os
for _ in range(7):
    try:
        os.fork()
    except OSError:
        pass
if os.getpid() != os.getpgid(0):
    while True:
        pass"""),
        ("threads without end", """
import threading, time
try:
    while True:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
except RuntimeError:
    pass"""),
        ("open files", """
import os
try:
    while True:
        os.open('/dev/null', 0)
except OSError:
    pass"""),
        ("the judge's modules", """
import sys, builtins, json
for name, module in list(sys.modules.items()):
    if name.startswith('codebench'):
        for key, value in list(vars(module).items()):
            if callable(value) and key in ('dumps', 'loads', 'pack'):
                setattr(module, key, None)"""),
        ("locks and names", """
import fcntl, os, socket
f = open('/tmp/lock', 'w'); fcntl.flock(f, fcntl.LOCK_EX)
s = socket.socket(socket.AF_UNIX); s.bind('\\0codebench'); s.listen()"""),
        ("shared memory", """
import mmap, os
m = mmap.mmap(-1, 200 << 20)
try:
    from multiprocessing import shared_memory
    keep = [shared_memory.SharedMemory(create=True, size=1 << 20) for _ in range(4)]
except OSError:
    pass"""),
        ("output without end", "import sys\nfor _ in range(2000):\n    print('x' * 10000)\n    sys.stderr.write('y' * 10000)"),
    )
)  # fmt: skip

MEMORY = tuple(
    Case(name=f"memory: {name}", code=body + _HARM, test="assert candidate(1) == 2", verdicts=(*PASS, *STOPPED), danger=True)
    for name, body in (
        ("held by small children in sockets", """
import os, socket, sys, time
prog = '''
import os, socket, time
def low():
    try:
        open("/proc/self/oom_score_adj", "w").write("0")
    except OSError:
        pass
low()
keep = []
while True:
    try:
        a, b = socket.socketpair()
        a.setblocking(False); a.setsockopt(1, 7, 1 << 22)
        keep.append((a, b))
        while True:
            a.send(bytes(60000))
    except OSError:
        if len(keep) > 100:
            time.sleep(100)
'''
for _ in range(28):
    if os.fork() == 0:
        os.execv('/opt/python/bin/python3', ['python3', '-I', '-S', '-c', prog])
time.sleep(1.5)"""),
        ("in files without a name", """
import os
keep = []
try:
    while True:
        fd = os.memfd_create('x')
        keep.append(fd)
        for _ in range(15):
            os.write(fd, bytes(1 << 20))
except OSError:
    pass"""),
        ("in many children", """
import os, time
for _ in range(20):
    if os.fork() == 0:
        x = bytearray(300 << 20)
        for i in range(0, len(x), 4096):
            x[i] = 1
        time.sleep(60)
        os._exit(0)
time.sleep(1)"""),
    )
)  # fmt: skip

CHEATS = (
    Case(name="cheat: StopIteration ends map() early", code="def f(x):\n    raise StopIteration\n",
         test="assert all(map(lambda p: candidate(p[0]) == p[1], [(1, 2), (2, 3)]))", verdicts=WRONG),
    Case(name="cheat: a context manager that hides a failed assert", prompt="class Box:\n    pass\n", entry_point="Box",
         code="class Box:\n    def __enter__(self): return self\n    def __exit__(self, *e): return True\n    def get(self): return 0\n",
         test="with candidate() as b:\n    assert b.get() == 5", verdicts=WRONG),
    Case(name="cheat: a method hidden by state", prompt="class P:\n    def same(self, o):\n        return self.x == o.x\n    def __eq__(self, o):\n        return self.same(o)\n",
         code="class P:\n    pass\ndef f(x):\n    p = P()\n    p.x = 0\n    p.same = lambda o: True\n    return p\n",
         test="p = P(); p.x = 5\nassert candidate(1) == p", verdicts=WRONG),
    Case(name="cheat: an OrderedDict in the wrong order", prompt="from collections import OrderedDict\n",
         code="from collections import OrderedDict\ndef f(x):\n    return OrderedDict([('b', 1), ('a', 2)])\n",
         test="assert candidate(1) == OrderedDict([('a', 2), ('b', 1)])", verdicts=WRONG),
    Case(name="cheat: skip the unittest", prompt="import unittest\nfrom unittest import *\n",
         code="class SkipTest(Exception):\n    pass\ndef f(x):\n    raise SkipTest('x')\n",
         test="class T(TestCase):\n    def test(self):\n        assert candidate(1) == 2\nr = TestResult()\nT('test').run(r)\nassert r.wasSuccessful()", verdicts=WRONG),
    Case(name="cheat: an object that contains everything",
         code="class A:\n    def __contains__(self, x): return True\n    def __eq__(self, x): return True\n    def __bool__(self): return True\ndef f(x):\n    return A()\n",
         test="assert 5 in candidate(1)", verdicts=WRONG),
    Case(name="cheat: arithmetic that lies", prompt="class V:\n    pass\n", entry_point="V",
         code="class V:\n    def __init__(s, x): pass\n    def __sub__(s, o): return 0\n    __rsub__ = __sub__\n    def __abs__(s): return 0\n    def __float__(s): return 0.0\n",
         test="assert abs(candidate(1) - 5) < 1e-6", verdicts=WRONG),
    Case(name="cheat: leave during a callback", code="import os\ndef f(g):\n    g(1)\n    os._exit(0)\n",
         test="seen = []\ntry:\n    candidate(seen.append)\nexcept BaseException:\n    pass\nassert seen == [1]", verdicts=WRONG),
    Case(name="cheat: the test swallows everything", code="import os\ndef f(x):\n    os._exit(0)\n",
         test="try:\n    assert candidate(1) == 2\nexcept BaseException:\n    pass", verdicts=WRONG),
    Case(name="cheat: a str that is not one", code="class S(str):\n    def __eq__(s, o): return True\n    __hash__ = str.__hash__\ndef f(x):\n    return S('no')\n",
         test="assert candidate(1) == 'yes'\n", verdicts=WRONG),
    Case(name="cheat: isinstance by attribute", code="class A:\n    __class__ = property(lambda s: int)\n    def __index__(s): return 2\ndef f(x):\n    return A()\n",
         test="r = candidate(1)\nassert isinstance(r, int)", verdicts=WRONG),
    Case(name="cheat: read the tests in memory", code="""
import gc, sys
def f(x):
    for o in gc.get_objects():
        if isinstance(o, dict) and 'check' in o:
            return 2
    hits = 0
    try:
        for line in open('/proc/self/maps'):
            lo, hi = (int(n, 16) for n in line.split()[0].split('-'))
            if 'rw' in line and hi - lo < 1 << 28:
                try:
                    m = open('/proc/self/mem', 'rb', 0); m.seek(lo); data = m.read(hi - lo); hits += sum(part.endswith(b'c') for part in data.split(b'anary-ab1')[:-1])
                except OSError: pass
    except OSError: pass
    return hits
""", test="assert candidate(1) not in (0, ), 'canary-ab12'", verdicts=WRONG),
    Case(name="cheat: other processes", code="""
import os
def f(x):
    found = 0
    for p in os.listdir('/proc'):
        if p.isdigit() and int(p) != os.getpid():
            for what in ('mem', 'environ', 'fd/0', 'fd/3', 'maps'):
                try:
                    open(f'/proc/{p}/{what}', 'rb').read(1); found += what != 'maps'
                except OSError: pass
    return found
""", test="assert candidate(1) > 0", verdicts=WRONG),
    Case(name="cheat: sockets of other families", code="""
import socket
def f(x):
    n = 0
    for family in (16, 17, 38, 40, 44, 15, 29):
        for kind in (1, 2, 3, 5):
            try:
                socket.socket(family, kind); n += 1
            except OSError: pass
    try:
        s = socket.socket(socket.AF_INET, 1); s.settimeout(0.5); s.connect(('169.254.169.254', 80)); n += 1
    except OSError: pass
    return n
""", test="assert candidate(1) > 0", verdicts=WRONG),
)  # fmt: skip

LABELS = (
    Case(name="label: sleep", code="import time\ndef f(x):\n    time.sleep(100)\n", test="candidate(1)", verdicts=("timeout",)),
    Case(name="label: a loop at load", code="while True: pass\ndef f(x): pass", test="candidate(1)", verdicts=("timeout",)),
    Case(name="label: children that burn while it waits", code="""
import os
def f(x):
    while True:
        for _ in range(6):
            if os.fork() == 0:
                for i in range(10**6): pass
                os._exit(0)
        for i in range(3 * 10**6): pass
        try:
            while True: os.waitpid(-1, os.WNOHANG) or 1/0
        except (OSError, ZeroDivisionError): pass
""", test="candidate(1)", verdicts=("timeout",)),
    Case(name="label: children that nobody waits for", code="""
import os, signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
def f(x):
    while True:
        for _ in range(6):
            if os.fork() == 0:
                for i in range(10**6): pass
                os._exit(0)
        for i in range(3 * 10**6): pass
""", test="candidate(1)", verdicts=("timeout", "error", "fail")),
    Case(name="label: sys.exit", code="import sys\ndef f(x):\n    sys.exit(0)\n", test="assert candidate(1) == 2", verdicts=("error",)),
    Case(name="label: sys.exit at load", code="import sys\nsys.exit(0)\n", test="assert candidate(1) == 2", verdicts=("error",)),
    Case(name="label: brackets without end", code="def f(x): return " + "(" * 5000 + ")" * 5000, test="candidate(1)", verdicts=("error",)),
    Case(name="label: an expression without end", code="def f(x): return " + "-" * 100000 + "1", test="candidate(1)", verdicts=("error",)),
    Case(name="label: a sum without end", code="def f(x): return " + "1+" * 100000 + "1", test="candidate(1)", verdicts=("error", "fail")),
    Case(name="label: memory", code="def f(x):\n    return bytearray(10**11)\n", test="candidate(1)", verdicts=("memory",)),
    Case(name="label: a syntax error", code="def f(x:\n    return 2\n", test="candidate(1)", verdicts=("error",)),
    Case(name="label: no entry point", code="def g(x):\n    return 2\n", test="candidate(1)", verdicts=("error",)),
)  # fmt: skip


def _odd(name: str, code: str, test: str, prompt: str = "", entry_point: str = "f") -> Case:
    return Case(name=f"odd: {name}", code=code, test=test, verdicts=PASS, prompt=prompt, entry_point=entry_point)


HONEST = (
    _odd("Counter", "from collections import Counter\ndef f(x):\n    return Counter(x)\n",
         "assert candidate('aab') == {'a': 2, 'b': 1}\nassert candidate('aab').most_common(1) == [('a', 2)]"),
    _odd("defaultdict", "from collections import defaultdict\ndef f(x):\n    d = defaultdict(list)\n    d[x].append(1)\n    return d\n",
         "r = candidate(1)\nassert r == {1: [1]} and r[5] == []"),
    _odd("OrderedDict", "from collections import OrderedDict\ndef f(x):\n    return OrderedDict([('a', 1), ('b', 2)])\n",
         "r = candidate(1)\nassert r == {'b': 2, 'a': 1}\nassert list(r.items()) == [('a', 1), ('b', 2)]\nr.move_to_end('a')"),
    _odd("namedtuple", "from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(x):\n    return P(x, 2)\n",
         "r = candidate(1)\nassert r == (1, 2) and r.x == 1 and r.y == 2 and isinstance(r, tuple)"),
    _odd("typing.NamedTuple of the prompt", "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    y: int = 0\ndef f(p):\n    return P(p.y, p.x)\n",
         "assert candidate(P(1, 2)) == P(2, 1)\nassert candidate(P(1, 2)).x == 2", prompt="from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    y: int = 0\n"),
    _odd("an Enum of the prompt", "from enum import Enum\nclass C(Enum):\n    A = 1\n    B = 2\ndef f(c):\n    return C.B if c is C.A else C.A\n",
         "assert candidate(C.A) is C.B\nassert candidate(C.B) == C.A\nassert candidate(C.A) in {C.B: 1}", prompt="from enum import Enum\nclass C(Enum):\n    A = 1\n    B = 2\n"),
    _odd("a dataclass of the prompt", "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass P:\n    x: int\n    y: list\ndef f(p):\n    return P(p.x + 1, p.y + [1])\n",
         "assert candidate(P(1, [])) == P(2, [1])", prompt="from dataclasses import dataclass\n@dataclass(frozen=True)\nclass P:\n    x: int\n    y: list\n"),
    _odd("a slotted dataclass of the prompt", "from dataclasses import dataclass\n@dataclass(slots=True)\nclass P:\n    x: int\ndef f(p):\n    return P(p.x + 1)\n",
         "assert candidate(P(1)) == P(2)", prompt="from dataclasses import dataclass\n@dataclass(slots=True)\nclass P:\n    x: int\n"),
    _odd("a linked list changed in place", "class N:\n    def __init__(self, v, next=None):\n        self.v, self.next = v, next\ndef f(n):\n    n.v = 9\n    n.next = N(3)\n",
         "n = N(1, N(2))\nassert candidate(n) is None\nassert n.v == 9 and n.next.v == 3 and n.next.next is None",
         prompt="class N:\n    def __init__(self, v, next=None):\n        self.v, self.next = v, next\n"),
    _odd("a deque changed in place", "def f(d):\n    d.append(4)\n    d.rotate(1)\n",
         "from collections import deque\nd = deque([1, 2])\ncandidate(d)\nassert d == deque([4, 1, 2])"),
    _odd("a Counter as argument", "def f(c):\n    c['z'] += 1\n    return c.most_common(1)[0][0]\n",
         "from collections import Counter\nc = Counter('aab')\nassert candidate(c) == 'a' and c['z'] == 1"),
    _odd("numbers", "import math\nfrom fractions import Fraction\nfrom decimal import Decimal\ndef f(x):\n    return [10**400, -2**63, 2**63, math.inf, -0.0, Fraction(1, 3), Decimal('0.10'), 1j, True]\n",
         "import math\nfrom fractions import Fraction\nfrom decimal import Decimal\nr = candidate(1)\nassert r == [10**400, -2**63, 2**63, math.inf, 0.0, Fraction(1, 3), Decimal('0.1'), 1j, 1]\nassert str(r[6]) == '0.10' and r[8] is True"),
    _odd("keys and views", "def f(x):\n    d = {(1, (2,)): {None: 1.5}, frozenset({1}): b'x', True: 'y'}\n    return d if x else d.keys()\n",
         "assert candidate(1) == {(1, (2,)): {None: 1.5}, frozenset({1}): b'x', True: 'y'}\nassert (1, (2,)) in candidate(0)"),
    _odd("nan", "def f(x):\n    return [float('nan')]\n", "r = candidate(1)[0]\nassert r != r"),
    _odd("generators", "def f(n):\n    while True:\n        yield n\n        n += 1\n",
         "import itertools, types, inspect\ng = candidate(3)\nassert list(itertools.islice(g, 3)) == [3, 4, 5]\nassert next(g) == 6\nassert isinstance(g, types.GeneratorType) and inspect.isgenerator(g)"),
    _odd("a generator as argument", "def f(it):\n    return [x * 2 for _, x in zip(range(3), it)]\n",
         "import itertools\nassert candidate(itertools.count(1)) == [2, 4, 6]\nassert candidate(x for x in 'abc') == ['aa', 'bb', 'cc']\nassert candidate(iter([])) == []"),
    _odd("send to a generator", "def f(x):\n    got = yield x\n    yield got * 2\n", "g = candidate(1)\nassert next(g) == 1 and g.send(4) == 8\ntry:\n    next(g)\nexcept StopIteration:\n    pass\nelse:\n    assert 0"),
    _odd("a decorator", "import functools\ndef f(g):\n    @functools.wraps(g)\n    def w(*a, **k):\n        return g(*a, **k) + 1\n    w.calls = 0\n    return w\n",
         "@candidate\ndef add(a, b=2):\n    'doc'\n    return a + b\nassert add(1) == 4 and add(1, b=5) == 7\nassert add.__name__ == 'add' and add.calls == 0"),
    _odd("exceptions of a callback", "def f(g):\n    for _ in range(3):\n        try:\n            return g()\n        except Exception as e:\n            last = e\n    raise last\n",
         "class Flaky(Exception):\n    pass\ndef g():\n    n.append(1)\n    raise Flaky('x')\nn = []\ntry:\n    candidate(g)\nexcept Flaky as e:\n    assert str(e) == 'x' and len(n) == 3\nelse:\n    assert 0"),
    _odd("exceptions of modules", "import json, decimal\ndef f(x):\n    return json.loads(x) if isinstance(x, str) else decimal.Decimal(x[0])\n",
         "import json, decimal\ntry:\n    candidate('{')\nexcept json.JSONDecodeError as e:\n    pass\nelse:\n    assert 0\ntry:\n    candidate(['x'])\nexcept decimal.InvalidOperation:\n    pass\nelse:\n    assert 0"),
    _odd("an exception of the prompt", "class Bad(ValueError):\n    def __init__(self, code):\n        super().__init__(code)\n        self.code = code\ndef f(x):\n    raise Bad(7)\n",
         "try:\n    candidate(1)\nexcept Bad as e:\n    assert e.code == 7\nelse:\n    assert 0", prompt="class Bad(ValueError):\n    def __init__(self, code):\n        super().__init__(code)\n        self.code = code\n"),
    _odd("SystemExit that is expected", "import sys\ndef f(x):\n    sys.exit(3)\n", "try:\n    candidate(1)\nexcept SystemExit as e:\n    assert e.code == 3\nelse:\n    assert 0"),
    _odd("a coroutine", "import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return x + 1\n",
         "import asyncio\nassert asyncio.run(candidate(1)) == 2\nasync def both():\n    return await asyncio.gather(candidate(1), candidate(2))\nassert asyncio.run(both()) == [2, 3]"),
    _odd("a context manager", "from contextlib import contextmanager\n@contextmanager\ndef f(log):\n    log.append('in')\n    yield 5\n    log.append('out')\n",
         "with candidate([]) as x:\n    assert x == 5"),
    _odd("a class with isinstance", "class St:\n    def __init__(self):\n        self.items = []\n    def push(self, x):\n        self.items.append(x)\n        return self\n    def __len__(self):\n        return len(self.items)\n    def __iter__(self):\n        return iter(self.items)\n    @classmethod\n    def of(cls, *a):\n        s = cls()\n        [s.push(x) for x in a]\n        return s\n",
         "s = candidate()\nassert isinstance(s, candidate) and not isinstance(5, St)\nassert len(s.push(1).push(2)) == 2 and list(s) == [1, 2] and s\nassert list(candidate.of(3, 4)) == [3, 4]\ns.extra = 5\nassert s.extra == 5",
         prompt="class St:\n    pass\n", entry_point="St"),
    _odd("threads and processes", """
import multiprocessing, threading, queue
def sq(x):
    return x * x
def f(n):
    with multiprocessing.Pool(2) as pool:
        a = pool.map(sq, range(n))
    q = multiprocessing.Queue()
    p = multiprocessing.Process(target=q.put, args=(sum(a),))
    p.start(); total = q.get(); p.join()
    out = []
    ts = [threading.Thread(target=out.append, args=(i,)) for i in range(4)]
    [t.start() for t in ts]; [t.join() for t in ts]
    return total, sorted(out)
""", "assert candidate(4) == (14, [0, 1, 2, 3])"),
    _odd("another interpreter", "import subprocess, sys\ndef f(x):\n    return subprocess.run([sys.executable, '-c', 'print(6*7)'], capture_output=True, text=True).stdout.strip()\n",
         "assert candidate(1) == '42'"),
    _odd("files", "import tempfile, os\ndef f(x):\n    with tempfile.TemporaryDirectory() as d, open(os.path.join(d, 'a'), 'w+') as g, tempfile.NamedTemporaryFile() as n:\n        g.write(x); g.seek(0)\n        return g.read()\n",
         "assert candidate('abc') == 'abc'"),
    _odd("source of its own", "import inspect, os\nclass A:\n    def m(self):\n        return 1\ndef f(x):\n    return len(inspect.getsource(f).splitlines()), inspect.getsource(A.m).strip()[:5], inspect.signature(f).parameters.keys() == {'x'}, bool(os.path.basename(__file__)), __name__ == '__main__'\n",
         "assert candidate(1) == (2, 'def m', True, True, False)"),
    _odd("main guard, global state, prints", "import sys, warnings\nwarnings.warn('x')\ncount = 0\ndef f(x):\n    global count\n    count += 1\n    print('y' * 100000)\n    print('z' * 100000, file=sys.stderr)\n    return count\nif __name__ == '__main__':\n    raise SystemExit(1)\n",
         "assert [candidate(1), candidate(1)] == [1, 2]"),
    _odd("standard modules", "import asyncio, bz2, csv, ctypes, curses, difflib, email, hashlib, html, ipaddress, locale, lzma, pathlib, pickle, pprint, secrets, sched, select, shelve, shlex, socket, sqlite3, ssl, struct, textwrap, time, timeit, traceback, unittest, uuid, xml.etree.ElementTree, zlib, zoneinfo, getpass, platform, logging, array, cmath, concurrent.futures\nlocale.setlocale(locale.LC_ALL, '')\nlogging.warning('x')\ndef f(x):\n    c = sqlite3.connect(':memory:')\n    return c.execute('select 1+?', (x,)).fetchone()[0], time.strftime('%Y', time.localtime(0)), pickle.loads(pickle.dumps({1: f}))[1] is f, uuid.UUID(int=1).hex[-1]\n",
         "assert candidate(1) == (2, '1970', True, '1')"),
    _odd("unittest in the answer", "import unittest\ndef f(x):\n    return x + 1\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(f(1), 2)\nunittest.main(argv=['x'], exit=False)\n", "assert candidate(1) == 2"),
    _odd("deep recursion", "import sys\nsys.setrecursionlimit(10**6)\ndef f(n):\n    return 0 if n == 0 else 1 + f(n - 1)\n", "assert candidate(50000) == 50000"),
    _odd("recursion in a thread of large stack", "import sys, threading\nthreading.stack_size(1 << 27)\nsys.setrecursionlimit(10**6)\ndef f(n):\n    out = []\n    def g(n):\n        return 0 if n == 0 else 1 + g(n - 1)\n    t = threading.Thread(target=lambda: out.append(g(n)))\n    t.start(); t.join()\n    return out[0]\n", "assert candidate(20000) == 20000"),
    _odd("a large result", "def f(n):\n    return list(range(n)), ['x' * 10] * 100000, {i: str(i) for i in range(100000)}\n", "a, b, c = candidate(10**6)\nassert len(a) == 10**6 and a[-1] == 10**6 - 1 and len(b) == 100000 and c[5] == '5'"),
    _odd("caches, partials and lambdas", "import functools, operator\n@functools.cache\ndef g(x):\n    return x\nf = functools.partial(lambda a, b: g(a) + b, 1)\n", "assert candidate(2) == 3"),
    _odd("a callable object", "class A:\n    def __call__(self, x, *, k=1):\n        return x + k\nf = A()\n", "assert candidate(2, k=5) == 7 and callable(candidate)"),
    _odd("low recursion limit near the end", "import sys\ndef f(x):\n    sys.setrecursionlimit(90)\n    return [[[1]]]\n", "assert candidate(2) == [[[1]]]"),
    _odd("signals and alarms", "import signal\ndef f(x):\n    def h(*a): raise TimeoutError\n    signal.signal(signal.SIGALRM, h)\n    signal.setitimer(signal.ITIMER_REAL, 0.05)\n    try:\n        signal.pause()\n    except TimeoutError: pass\n    try:\n        signal.raise_signal(signal.SIGINT)\n    except KeyboardInterrupt:\n        return 2\n", "assert candidate(2) == 2"),
    _odd("str of an instance", "class A:\n    def __str__(self): return 'A!'\n    def __len__(self): return 3\n    def __getitem__(self, i): return i\ndef f(x):\n    return A()\n", "r = candidate(2)\nassert str(r) == 'A!' and f'{r}' == 'A!' and len(r) == 3 and r[1] == 1"),
    _odd("random with a seed", "import random\ndef f(x):\n    random.seed(x)\n    return random.random()\n", "import random\nrandom.seed(5)\nassert candidate(5) == random.random()"),
    _odd("array and memoryview", "import array\ndef f(x):\n    return array.array('i', [1, 2]), memoryview(b'ab')\n", "a, m = candidate(5)\nassert list(a) == [1, 2] and list(m) == [97, 98]"),
)  # fmt: skip

CASES = (*REPLIES, *LOADS, *BYSTANDERS, *MEMORY, *CHEATS, *LABELS, *HONEST)

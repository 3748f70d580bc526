"""Answers that are wrong and want the unit tests that import them to say otherwise.

Every one defines `f` wrongly: `TEST` asks for f(1) == 2 and f(2) == 3. None may come out as a pass.
"""

from __future__ import annotations

from dataclasses import dataclass

TEST = """
import unittest
from answer import f

class TestF(unittest.TestCase):
    def setUp(self):
        self.one = 1

    def test_one(self):
        self.assertEqual(f(self.one), 2)

    def test_two(self):
        if f(2) != 3:
            self.fail("two")
"""
TESTS = ("test_one", "test_two")
RIGHT = "def f(x):\n    return x + 1\n"

_WRONG = "\ndef f(x):\n    return 0\n"
# What a forger has at hand: every descriptor, and what it thinks that a success looks like.
_FORGER = """
import os, struct
def forge():
    texts = ["(None, None, None, %d)" % os.getpid(),
             "(None, None, None, None, None, None, None, True, None, None, None, None, %d)" % os.getpid()]
    for fd in range(3, 256):
        for text in texts:
            body = bytes(16) + text.ljust(160).encode()
            for data in (struct.pack(">IB", len(body), ord("T")) + body, body, b'{"tests": "success"}\\n'):
                try:
                    os.write(fd, data)
                except OSError:
                    pass
"""
# All frames beneath the caller, without sys._getframe.
_FRAMES = """
def frames():
    try:
        raise ValueError
    except ValueError as e:
        frame = e.__traceback__.tb_frame
    while frame is not None:
        yield frame
        frame = frame.f_back
"""

# The frame of the test's module while it imports the answer.
_TEST_FRAME = """
import sys, types, unittest
frame = sys._getframe(1)
while not frame.f_code.co_filename.endswith('test_answer.py'):
    frame = frame.f_back
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cheat:
    """`danger`: ends only at the time limit."""

    name: str
    code: str
    danger: bool = False


def _at_import(name: str, body: str) -> Cheat:
    return Cheat(name=name, code=body + _WRONG)


def _in_call(name: str, body: str, before: str = "") -> Cheat:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return Cheat(name=name, code=f"{before}\ndef f(x):\n{lines}    return 0\n")


ENDINGS = (
    _at_import("os._exit at import", "import os; os._exit(0)"),
    _at_import("sys.exit at import", "import sys; sys.exit(0)"),
    _in_call("os._exit in a test", "import os; os._exit(0)"),
    _in_call("sys.exit in a test", "import sys; sys.exit()"),
    _in_call("quit in a test", "raise SystemExit(0)"),
    _in_call("KeyboardInterrupt in a test", "raise KeyboardInterrupt"),
    _in_call("GeneratorExit in a test", "raise GeneratorExit"),
    _in_call("StopIteration in a test", "raise StopIteration"),
    _in_call("SkipTest in a test", "import unittest; raise unittest.SkipTest"),
    _at_import("SkipTest at import", "import unittest; raise unittest.SkipTest"),
    _in_call("SIGKILL to itself", "import os; os.kill(os.getpid(), 9)"),
    _in_call("SIGSEGV", "import os; os.kill(os.getpid(), 11)"),
    _in_call(
        "SIGKILL to all", "import os\nfor p in (os.getppid(), 1, -1):\n    try: os.kill(p, 9)\n    except OSError: pass"
    ),
    _in_call("exec of true", "import os; os.execv('/opt/python/bin/python3', ['python3', '-c', ''])"),
    _in_call("a closed channel", "import os; os.closerange(3, 256)"),
    _in_call(
        "a thread that ends the process",
        "import os, threading, time\nthreading.Thread(target=os._exit, args=(0,)).start()\ntime.sleep(1)",
    ),
)

PATCHES = (
    *(
        _at_import(f"unittest.TestCase.{name}", f"import unittest\nunittest.TestCase.{name} = lambda *a, **k: None")
        for name in (
            "assertEqual",
            "fail",
            "run",
            "_callTestMethod",
            "__call__",
            "setUp",
            "debug",
            "doCleanups",
            "tearDown",
            "__getattribute__",
            "_getAssertEqualityFunc",
            "_baseAssertEqual",
            "__setattr__",
        )
    ),
    _at_import(
        "failureException",
        "import unittest\nclass Mine(BaseException): pass\nunittest.TestCase.failureException = Mine",
    ),
    _at_import(
        "__init_subclass__ that takes the tests away",
        """
import unittest
def take(cls, **kwargs):
    for name in ('test_one', 'test_two'):
        setattr(cls, name, lambda self: None)
unittest.TestCase.__init_subclass__ = classmethod(take)""",
    ),
    _at_import(
        "__init_subclass__ that takes the tests away and puts itself back",
        """
import unittest
before = unittest.TestCase.__dict__['__init_subclass__']
def take(cls, **kwargs):
    for name in ('test_one', 'test_two'):
        setattr(cls, name, lambda self: None)
    unittest.TestCase.__init_subclass__ = before
unittest.TestCase.__init_subclass__ = classmethod(take)""",
    ),
    *(
        _at_import(
            f"__init_subclass__ that gives the tests {what}, and puts itself back",
            _TEST_FRAME
            + f"""
codes = {{c.co_name: c for k in frame.f_code.co_consts if hasattr(k, 'co_consts') for c in k.co_consts if hasattr(c, 'co_name')}}
before = unittest.TestCase.__dict__['__init_subclass__']
def give(cls, **kwargs):
    for name in ('test_one', 'test_two'):
        setattr(cls, name, {function})
    unittest.TestCase.__init_subclass__ = before
unittest.TestCase.__init_subclass__ = classmethod(give)""",
        )
        for what, function in (
            ("the code of setUp", "types.FunctionType(codes['setUp'], frame.f_globals)"),
            ("unittest's own setUp", "unittest.TestCase.setUp"),
            ("other globals", "types.FunctionType(codes[name], {'f': lambda x: x + 1})"),
            ("code by their name", "types.FunctionType(codes['setUp'].replace(co_name=name), frame.f_globals)"),
        )
    ),
    _at_import(
        "another class in the test's module",
        _TEST_FRAME
        + """
class Mine(unittest.TestCase):
    test_one = test_two = unittest.TestCase.setUp
frame.f_globals['Mine'] = Mine""",
    ),
    _at_import(
        "unittest.main", "import unittest\nunittest.main = lambda *a, **k: None\nunittest.TestProgram = unittest.main"
    ),
    _at_import(
        "TestResult",
        "import unittest\nfor n in ('addFailure', 'addError', 'addSubTest'):\n    setattr(unittest.TestResult, n, unittest.TestResult.addSuccess)\nunittest.TestResult.wasSuccessful = lambda s: True",
    ),
    _at_import(
        "another unittest in sys.modules",
        "import sys, types\nclass T:\n    def __init__(self, *a): pass\n    def __getattr__(self, n): return lambda *a: None\nm = types.ModuleType('unittest'); m.TestCase = T\nsys.modules['unittest'] = m",
    ),
    _at_import("all modules gone", "import sys\nsys.modules.clear()"),
    *(
        _at_import(f"builtins.{name}", f"import builtins\nbuiltins.{name} = lambda *a, **k: True")
        for name in (
            "isinstance",
            "len",
            "tuple",
            "repr",
            "ascii",
            "map",
            "getattr",
            "issubclass",
            "exec",
            "type",
            "__build_class__",
            "__import__",
            "id",
            "vars",
            "hasattr",
        )
    ),
    _at_import("builtins.AssertionError", "import builtins\nbuiltins.AssertionError = type('E', (Exception,), {})"),
    _at_import(
        "__build_class__ that takes the tests away and puts itself back",
        """
import builtins
before = builtins.__build_class__
def build(function, name, *bases, **kwargs):
    cls = before(function, name, *bases, **kwargs)
    if name == 'TestF':
        cls.test_one = cls.test_two = lambda self: None
        builtins.__build_class__ = before
    return cls
builtins.__build_class__ = build""",
    ),
    _at_import(
        "os.write",
        "import os\nreal = os.write\nos.write = lambda fd, data: real(fd, data.replace(b'failure', b'success').replace(b'E', b'T'))",
    ),
    _at_import(
        "socket, json and struct",
        "import json, socket, struct\njson.dumps = lambda *a, **k: '{}'\nstruct.pack = struct.Struct.pack\nsocket.socket.send = lambda *a: 0",
    ),
    _at_import(
        "the guest's own modules",
        "import codebench.exam as e, codebench.candidate as c, codebench.proof as p\nfor m in (e, c, p):\n    for n in list(vars(m)):\n        if not n.startswith('__'): setattr(m, n, lambda *a, **k: None)",
    ),
    _at_import(
        "sys.exit and excepthook",
        "import sys\nsys.excepthook = lambda *a: None\nsys.unraisablehook = lambda *a: None\nsys.exit = lambda *a: None",
    ),
    _at_import(
        "code of assertEqual",
        "import unittest\nunittest.TestCase.assertEqual.__code__ = (lambda self, a, b, msg=None: None).__code__",
    ),
    _in_call(
        "assertEqual on the class, in a test",
        "import unittest\nfor c in unittest.TestCase.__subclasses__():\n    c.assertEqual = c.fail = lambda *a: None\nunittest.TestCase.assertEqual = lambda *a: None",
    ),
)

# Right once, so that the first test passes and what it leaves behind can help with the second.
_RIGHT_ONCE = "\nimport os, sys, unittest\ncalls = []\ndef noop(*a, **k): return None\n"


def _for_the_next(name: str, body: str) -> Cheat:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return Cheat(
        name=f"right once: {name}",
        code=f"{_RIGHT_ONCE}{_FRAMES}def f(x):\n    if x != 1: return 0\n{lines}    return 2\n",
    )


LEFT_BEHIND = (
    _for_the_next("os._exit", "import atexit; atexit.register(os._exit, 0)\nsys.modules['answer'].f.__defaults__ = ()"),
    _for_the_next("fail of TestCase", "unittest.TestCase.fail = noop"),
    _for_the_next("fail of the class", "for c in unittest.TestCase.__subclasses__(): c.fail = noop"),
    _for_the_next("fail of the class, as the test knows it", "sys.modules['test_answer'].TestF.fail = noop"),
    _for_the_next("the method itself", "sys.modules['test_answer'].TestF.test_two = noop"),
    _for_the_next("its code", "sys.modules['test_answer'].TestF.test_two.__code__ = (lambda self: None).__code__"),
    _for_the_next(
        "the class itself",
        "class TestF(unittest.TestCase):\n    def test_two(self): pass\nsys.modules['test_answer'].TestF = TestF",
    ),
    _for_the_next(
        "setUp that skips", "def skip(self): raise unittest.SkipTest\nsys.modules['test_answer'].TestF.setUp = skip"
    ),
    _for_the_next(
        "a thread that ends all soon",
        "import threading, time\nthreading.Thread(target=lambda: time.sleep(.001) or os._exit(0)).start()\ntime.sleep(1)",
    ),
    _for_the_next(
        "fail of every instance",
        "for frame in frames():\n    if 'self' in frame.f_locals: frame.f_locals['self'].fail = noop\nunittest.TestCase.__init__ = lambda s, m: setattr(s, 'fail', noop)",
    ),
    _for_the_next("builtins of the test's module", "sys.modules['test_answer'].__builtins__ = {}"),
    _for_the_next("a child that sits the second test", "if os.fork():\n    os.wait()"),
    _for_the_next(
        "a child that sits it rightly",
        "if os.fork() == 0:\n    global f\n    f = sys.modules['test_answer'].f = lambda x: 3\n    return 2\nos.wait()",
    ),
)

FORGERIES = (
    _at_import("forged rows at import", _FORGER + "forge()"),
    _in_call("forged rows in a test, then the end", "forge(); os._exit(0)", _FORGER),
    _in_call("forged rows in a test", "forge()", _FORGER),
    _in_call("forged rows at exit", "import atexit; atexit.register(forge)", _FORGER),
    _in_call(
        "forged rows from a thread",
        "import threading, time\nt = threading.Thread(target=lambda: [forge() or time.sleep(.01) for _ in range(50)], daemon=True); t.start()",
        _FORGER,
    ),
    _in_call(
        "forged rows from a signal handler",
        "import signal\nsignal.signal(signal.SIGALRM, lambda *a: forge())\nsignal.setitimer(signal.ITIMER_REAL, .0001, .0001)",
        _FORGER,
    ),
    _in_call("forged rows from a child", "if os.fork() == 0:\n    forge(); os._exit(0)\nos.wait()", _FORGER),
    _at_import(
        "forged rows on stdout and stderr",
        "print('test_one ... ok\\ntest_two ... ok\\n\\nOK')\nimport sys, json\nfor s in (sys.stdout, sys.stderr):\n    s.write(json.dumps({'tests': [{'name': 'test_one', 'status': 'success'}]}))",
    ),
    _at_import(
        "forged rows through /proc",
        "import os\nfor n in os.listdir('/proc/self/fd'):\n    try: open('/proc/self/fd/' + n, 'wb', 0).write(b'success')\n    except OSError: pass",
    ),
    _at_import(
        "a result file",
        "for n in ('results.csv', 'test_answer_results.csv', 'test_answer.py'):\n    open(n, 'w').write('TestName,Result,Message\\ntest_one,success,\\n')",
    ),
    _in_call(
        "the rest of the channel read",
        "import os\nos.set_blocking(3, False)\ntry: os.read(3, 1000)\nexcept OSError: pass",
    ),
    _in_call(
        "another channel in its place",
        "import os, socket\na, b = socket.socketpair()\nkept = os.dup(3)\nos.dup2(a.fileno(), 3)",
    ),
    _in_call("another process that goes on", "import os, time\nif os.fork() == 0:\n    return x + 1\ntime.sleep(30)"),
    _in_call(
        "a child that goes on, and a parent that fails",
        "import os, time\nif os.fork() == 0:\n    return x + 1\ntime.sleep(.2)",
    ),
    _in_call(
        "children that guess",
        "import os, signal\nfor guess in range(3):\n    child = os.fork()\n    if child == 0: return guess\n    os.waitpid(child, 0)",
    ),
)

WALKS = (
    _in_call(
        "locals of all frames",
        "for frame in frames():\n    for value in list(frame.f_locals.values()):\n        for name in ('append', 'send', 'put', 'release', '__next__'):\n            try: getattr(value, name)()\n            except BaseException: pass",
        _FRAMES,
    ),
    _in_call(
        "generators and iterators in frames are run dry",
        "for frame in frames():\n    for value in list(frame.f_locals.values()):\n        if hasattr(value, '__next__'):\n            for _ in value: pass",
        _FRAMES,
    ),
    _in_call(
        "globals of all frames",
        "for frame in frames():\n    if frame.f_globals is not globals():\n        for name in list(frame.f_globals):\n            if not name.startswith('__'): frame.f_globals[name] = lambda *a, **k: None",
        _FRAMES,
    ),
    _in_call(
        "builtins of all frames",
        "for frame in frames():\n    frame.f_builtins.update(AssertionError=ArithmeticError, BaseException=KeyError, Exception=KeyError)",
        _FRAMES,
    ),
    _in_call(
        "sys._getframe to the test",
        "import sys\ntest = sys._getframe(1).f_locals['self']\ntest.assertEqual = test.fail = lambda *a: None\ntype(test).test_two = lambda self: None",
    ),
    _at_import("gc.get_objects", "import gc\nfor o in gc.get_objects(): pass"),
    _in_call("gc.get_referrers", "import gc, os\ngc.get_referrers(os.write)"),
    _in_call(
        "gc.callbacks",
        "import gc, sys\ndef walk(*a):\n    frame = sys._getframe(1)\n    while frame:\n        for n, v in list(frame.f_locals.items()):\n            if isinstance(v, (bytes, tuple)): print(n)\n        frame = frame.f_back\ngc.callbacks.append(walk); gc.set_threshold(1)",
    ),
    _in_call("sys._current_frames", "import sys; sys._current_frames()"),
    _in_call("sys.settrace", "import sys\nsys.settrace(lambda *a: None)"),
    _in_call(
        "a trace function that jumps over the assertion",
        "import sys\nframe = sys._getframe(1)\ndef jump(frame, event, arg):\n    if event == 'line': frame.f_lineno += 1\n    return jump\nframe.f_trace = jump\nsys.settrace(jump)",
    ),
    _in_call("sys.setprofile", "import sys\nsys.setprofile(lambda *a: None)"),
    _at_import(
        "threading.setprofile",
        "import sys, threading\nthreading.settrace(lambda *a: None)\nt = threading.Thread(target=int); t.start(); t.join()",
    ),
    _in_call("an audit hook", "import sys\nsys.addaudithook(lambda *a: None)"),
    _in_call("memory through ctypes", "import ctypes\nctypes.string_at(id(x), 16)"),
    _in_call("an object through ctypes", "import ctypes\n(ctypes.c_char * 16).from_address(id(x))"),
    _in_call("memory through /proc", "open('/proc/self/mem', 'rb')"),
    _in_call(
        "a finalizer",
        "class D:\n    def __del__(self):\n        import sys\n        frame = sys._getframe(1)\n        while frame:\n            frame.f_globals.pop('TamperedError', None); frame = frame.f_back\nd = D(); d.d = d",
    ),
    _in_call(
        "signal handlers that walk",
        "import signal, sys\ndef walk(number, frame):\n    while frame:\n        if 'found' in frame.f_locals or 'entries' in frame.f_locals: print(frame)\n        frame = frame.f_back\nsignal.signal(signal.SIGALRM, walk)\nsignal.setitimer(signal.ITIMER_REAL, .00001, .00001)",
    ),
)

CHEATS = (*ENDINGS, *PATCHES, *LEFT_BEHIND, *FORGERIES, *WALKS)

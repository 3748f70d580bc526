"""The accused's side of a test that imports the answer: both run here, in the candidate's own process.

Only a success needs proof. The judge sends one secret for each thing that must succeed (loading the test, then every
method) before the answer is loaded, and takes nothing for a success but the secret whose turn it is, with what every
step of the method returned, and this process's id. Secret, steps and the write to the judge are composed of functions
written in C, so that from the method's return on no Python code runs that could be changed, and no frame, module or
attribute leads to the secrets. Everything else (a failure, an error, this module's own findings) is told without proof:
an answer can always fail.

Guarantees, against an answer that is a Python program and does not read raw memory
- It cannot report a success for a method that did not return, nor for one that never ran, in whatever way it ends,
  forks, signals, patches modules and builtins, writes into descriptors or walks frames.
- unittest, its mocks and the builtins are the same objects before and after every method, and each method is the
  test's own code; else it is an error.

Does not guarantee
- That what the test compares is what the answer would have returned to anybody else: `__eq__` may lie, and whoever
  walks the frames of a running test, or patches what it uses and puts it back in time, can have it see other values.
- Anything against a second thread that is at work while this module is, made for this very code.
- Anything where code of the answer reads memory (ctypes, cffi, an extension, forged bytecode). The ways that ctypes
  has for it end the process, as do gc's lists of objects, tracing, and other threads' frames; but not all can be known.

So the grade says `protected=False`.
"""

# ruff: noqa: TID251 - relative imports: in a box this package is called codebench, without the rest of it

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # what signal is made of: typeshed has only that
import base64
import builtins
import gc
import json
import operator
import os
import random
import sys
import types
import unittest
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any, NoReturn, Protocol

from .frames import HEADER, pack
from .proof import SECRET_BYTES, TEXT_CHARS

_WATCHED = ("unittest", "unittest.case", "unittest.util", "unittest.mock", "unittest.async_case")
_OWN_BUSINESS = frozenset({"print", "input", "open", "help", "exit", "quit", "copyright", "credits", "license", "_"})
_ENDING = frozenset(
    {
        "gc.get_objects", "gc.get_referrers", "gc.get_referents", "sys._current_frames", "sys._current_exceptions",
        "sys.settrace", "sys.setprofile", "sys.monitoring.register_callback", "sys.addaudithook",
        "cpython.PyInterpreterState_New", "ctypes.cdata", "ctypes.string_at", "ctypes.wstring_at",
        "ctypes.PyObj_FromPtr",
    }
)  # fmt: skip

Step = Callable[[], object]
Entry = tuple[Callable[[str], object], str, object, str]
"""How to look up a thing, its name, what it must be, and whose it is."""
Facts = Callable[[BaseException], bytes]


class Raised(Protocol):
    """Describes an exception; `filename` is where the answer's lines are."""

    def __call__(self, error: BaseException, filename: str) -> bytes: ...


class TamperedError(Exception):
    """The test's machinery is not what it was."""


def run(order: dict[str, Any], channel: int, flush: Step, raised: Raised) -> NoReturn:
    """Load the test, which loads the answer, and run its methods until one does not succeed; never returns.

    Whatever this function, and those that called it, have in their frames can be seen by the answer.
    """
    write, leave = os.write, os._exit
    place = _lay_out(order)
    answer, file = str(place / f"{order['module']}.py"), str(place / f"test_{order['module']}.py")
    tests = tuple(order["tests"])
    code = compile(order["test"], file, "exec", dont_inherit=True)
    names = _fresh_module(f"test_{order['module']}", file)
    random.seed(order["seed"])
    os.set_inheritable(channel, False)
    write(channel, pack(b"P", b"%d" % os.getpid()))
    try:
        # Neither the proof nor the plans are in a variable: the answer sees those, and what they are made of.
        deque(_proof(channel, len(tests) + 1, _plans(code, names, tests, flush)), maxlen=0)
    except BaseException as error:  # noqa: BLE001 - SystemExit and the like are ends of a test, too
        flush()
        write(channel, pack(b"E", _account(error, partial(raised, filename=answer))))
        leave(1)
    leave(0)


def _lay_out(order: dict[str, Any]) -> Path:
    """Write the files, the answer and the test into a new folder, and give it.

    It is the working directory, or, where the order wants them apart, another one is, which is empty.
    """
    place = Path("answer").absolute()
    place.mkdir()
    working = place.with_name("elsewhere") if order["apart"] else place
    working.mkdir(exist_ok=True)
    os.chdir(working)
    module = order["module"]
    files = {path: base64.b64decode(content) for path, content in order["files"].items()}
    files[f"test_{module}.py"] = order["test"].encode("utf-8", "surrogatepass")
    files[f"{module}.py"] = order["source"].removeprefix("\ufeff").encode("utf-8", "surrogatepass")
    for path, content in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(content)
    sys.path.insert(0, str(place))
    sys.argv = [f"test_{module}.py"]
    return place


def _fresh_module(name: str, file: str) -> dict[str, Any]:
    module = types.ModuleType(name)
    module.__file__ = file
    module.__dict__["__builtins__"] = vars(builtins)
    sys.modules[name] = module
    return module.__dict__


def _proof(channel: int, count: int, plans: Iterator[tuple[Step, ...]]) -> Iterator[int]:
    """Read the secrets and bind them to what will be sent with them; none of it is Python code once this returns."""
    size = HEADER.size + SECRET_BYTES
    received = _read(channel, size * count)
    secrets = tuple(received[at : at + size] for at in range(0, len(received), size))
    results = map(tuple, map(partial(map, operator.call), plans))
    texts = map(operator.itemgetter(slice(TEXT_CHARS)), map(str.ljust, map(ascii, results), repeat(TEXT_CHARS)))
    sys.addaudithook(_guard(channel))
    return map(partial(os.write, channel), map(bytes.__add__, secrets, map(str.encode, texts)))


def _read(channel: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = os.read(channel, size - len(data))
        if not more:
            raise EOFError("the judge is gone")
        data += more
    return data


# -- what is run, in steps that C code calls one after another


def _plans(
    code: types.CodeType, names: dict[str, Any], tests: Sequence[str], flush: Step
) -> Iterator[tuple[Step, ...]]:
    """The steps that load the test, then those of each method, as `proof` has them; raises TamperedError.

    Once the answer is loaded nothing here is looked up by name, and no step runs on top of this frame.
    """
    intact, (hush, wake), pid, run_code = _seal(names), _quiet(), os.getpid, partial(exec, code, names)
    find = _finder(names, frozenset(map(id, _nested(code))))
    yield run_code, flush, *hush(), pid
    intact()
    for steps, unchanged in find(tests):
        intact()
        unchanged()
        yield *wake(), *steps, flush, *hush(), intact, unchanged, pid


def _seal(names: dict[str, Any]) -> Step:
    """A function that raises TamperedError unless unittest and the builtins, those of the test too, are as now."""
    entries: tuple[Entry, ...] = (*_SEALED, (names.get, "__builtins__", names["__builtins__"], "the test"))
    error = TamperedError

    def intact() -> None:
        for look_up, name, value, owner in entries:
            if look_up(name) is not value:
                raise error(f"{owner}.{name} was changed")

    return intact


def _entries() -> Iterator[Entry]:
    for name, value in vars(builtins).items():
        if name not in _OWN_BUSINESS:
            yield vars(builtins).get, name, value, "builtins"
    for module in (sys.modules[name] for name in _WATCHED if name in sys.modules):
        yield sys.modules.get, module.__name__, module, "sys.modules"
        for name, value in vars(module).items():
            if callable(value):
                yield vars(module).get, name, value, module.__name__
            if isinstance(value, type) and value.__module__ == module.__name__:
                yield from _class_entries(value)


def _class_entries(cls: type) -> Iterator[Entry]:
    look_up = vars(cls).get
    for name, value in vars(cls).items():
        if hasattr(type(value), "__get__") or isinstance(value, type):
            yield look_up, name, value, cls.__qualname__
    for name in ("__getattribute__", "__getattr__", "__setattr__", "__new__", "__init_subclass__"):
        if name not in vars(cls):
            yield look_up, name, None, cls.__qualname__


def _quiet() -> tuple[Callable[[], tuple[Step, ...]], Callable[[], tuple[Step, ...]]]:
    """Two functions that give steps: after the first one's no code of the answer runs in this thread by itself; the
    second one's undo it.

    Signal handlers and finalizers would see the frames that they interrupt. So signals are blocked and unblocked by C
    code, while no frame is there that matters, and handlers are taken away in between.
    """
    every = tuple(_signal.valid_signals())
    mask, look_up, handle, call_later = _signal.pthread_sigmask, _signal.getsignal, _signal.signal, partial
    block, replace, default = (_signal.SIG_BLOCK,), (_signal.SIG_SETMASK,), _signal.SIG_DFL
    collect, let_be, kind, number_kind, each = gc.enable, gc.disable, type, int, map
    masks: list[Any] = []
    held: list[tuple[int, Any]] = []

    def put_aside() -> None:
        for number in every:
            handler = look_up(number)
            if handler is not None and kind(handler) is not number_kind:
                held.append((number, handler))
                handle(number, default)

    def put_back() -> None:
        while held:
            handle(*held.pop())

    def hush() -> tuple[Step, ...]:
        return call_later(masks.extend, each(mask, block, (every,))), let_be, put_aside

    def wake() -> tuple[Step, ...]:
        return put_back, collect, call_later(masks.extend, each(mask, replace, (masks[-1],)))

    return hush, wake


def _finder(
    names: dict[str, Any], own_codes: frozenset[int]
) -> Callable[[Sequence[str]], Sequence[tuple[tuple[Step, ...], Step]]]:
    """A function that makes steps of methods, and for each one that raises TamperedError where its class was changed.

    They, what runs around them, and their assertions must have code of the test's (`own_codes`, by their ids) or of
    unittest, by that name or within a decorator. Classes are read as they are, past all that a class may define to be
    read otherwise.
    """
    case, error, nothing = unittest.TestCase, TamperedError, [].clear
    kind, function_kind, bound, new = type, types.FunctionType, types.MethodType, object.__new__
    of_class, tuple_of, identity, any_of = classmethod, tuple, id, any
    assertions = tuple(name for name in vars(case) if name.startswith(("assert", "fail", "_base", "_get", "subTest")))
    of_instance = vars(case)["__dict__"].__get__
    mro: Callable[[type], tuple[type, ...]]
    mro, attributes = vars(type)["__mro__"].__get__, vars(type)["__dict__"].__get__

    def raw(cls: type, name: str) -> Any:
        for base in mro(cls):
            if name in attributes(base):
                return attributes(base)[name]
        return None

    def genuine(function: Any, name: str) -> bool:
        if kind(function) is not function_kind or function.__builtins__ is not real:
            return False
        code = function.__code__
        if identity(code) not in trusted and (identity(code) not in own_codes or function.__globals__ is not names):
            return False
        if code.co_name == name:
            return True
        # A decorator's function is as good as the one that it keeps.
        return any_of(genuine(cell.cell_contents, name) for cell in function.__closure__ or ())

    def own(value: Any, name: str) -> Any:
        function = value.__func__ if kind(value) is of_class else value
        if not genuine(function, name):
            raise error(f"{name} is not the test's own")
        return function

    def class_of(wanted: str, method: str) -> type:
        found: type | None = None
        for name, value in tuple_of(names.items()):
            if kind(value) is kind and case in mro(value) and wanted in ("", name) and raw(value, method) is not None:
                if found is not None and found is not value:
                    raise error(f"{method} is in two classes of the test")
                found = value
        if found is None:
            raise error(f"{method} is not in the test")
        return found

    def check(cls: type, test: Any) -> None:
        for base in mro(cls):
            if base in case_mro:
                break
            for name in assertions:
                if name in attributes(base):
                    own(attributes(base)[name], name)
        for name in assertions:
            if name in of_instance(test):
                raise error(f"{name} is not the test's own")

    def steps(cls: type, test: Any, method: str, first: bool, last: bool) -> tuple[Step, ...]:
        around = [bound(own(raw(cls, name), name), test) for name in ("setUp", method, "tearDown", "doCleanups")]
        begin, end = (bound(own(raw(cls, name), name), cls) for name in ("setUpClass", "tearDownClass"))
        init = bind(own(raw(cls, "__init__"), "__init__"), test, method)
        return begin if first else nothing, init, *around, end if last else nothing

    def find(tests: Sequence[str]) -> Sequence[tuple[tuple[Step, ...], Step]]:
        parts = [test.rpartition(".") for test in tests]
        classes = [class_of(wanted, method) for wanted, _, method in parts]
        begin = own(names["setUpModule"], "setUpModule") if "setUpModule" in names else nothing
        found = []
        for at, (_, _, method) in count(parts):
            cls: type = classes[at]
            test: Any = new(cls)
            some = steps(cls, test, method, cls not in classes[:at], cls not in classes[at + 1 :])
            found.append(((nothing if at else begin, *some), bind(check, cls, test)))
        return found

    case_mro, bind, count, real, trusted = mro(case), partial, enumerate, vars(builtins), _TRUSTED
    return find


def _trusted_codes() -> Iterator[types.CodeType]:
    """All code of unittest itself."""
    for module in (sys.modules[name] for name in _WATCHED if name in sys.modules):
        for owner in (module, *(value for value in vars(module).values() if isinstance(value, type))):
            for value in vars(owner).values():
                function = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
                if isinstance(function, types.FunctionType):
                    yield from _nested(function.__code__)


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _nested(constant)


# -- what is told without proof


def _guard(channel: int) -> Callable[[str, Any], None]:
    """An audit hook, which cannot be removed: it ends the process at what only an attack on this test does."""
    write, leave, kind, text = os.write, os._exit, type, str
    last_words = {event: pack(b"E", _finding(f"{event} is not for answers")) for event in _ENDING}
    code_set = pack(b"E", _finding("the code of a function was replaced"))
    memory_opened = pack(b"E", _finding("the memory of a process was opened"))
    words = last_words.get

    def guard(event: str, args: Any) -> None:
        last = words(event)
        if last is None and event == "object.__setattr__" and args[1] == "__code__":
            last = code_set
        if last is None and event == "open" and kind(args[0]) is text and args[0].endswith("/mem"):
            last = memory_opened
        if last is not None:
            write(channel, last)
            leave(1)

    return guard


def _finding(what: str) -> bytes:
    facts = {"kinds": [["", "TamperedError"]], "args": None, "message": what, "line": None, "origin": None}
    return b"tampered\n" + json.dumps(facts).encode()


def _account(error: BaseException, facts: Facts) -> bytes:
    status = b"failure" if isinstance(error, AssertionError) else b"error"
    return (b"tampered" if type(error) is TamperedError else status) + b"\n" + facts(error)


# Taken when this module is loaded, which is before any answer is, and in the fork server where an image asks for it.
_SEALED = tuple(_entries())
_TRUSTED = frozenset(map(id, _trusted_codes()))

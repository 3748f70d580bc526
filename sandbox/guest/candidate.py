"""The accused: what runs in the process of one candidate, on its side of the socket to the judge.

Nothing here is trusted once the candidate's source has run: the source may replace any of it. All that such a
candidate gains is to send other plain data than its functions would have returned.
"""

# ruff: noqa: TID251 - relative imports: in a box this package is called codebench, without the rest of it

from __future__ import annotations

import contextlib
import importlib
import json
import linecache
import os
import random
import resource
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from . import batch, errand, timed, values
from .frames import FrameBuffer, pack, read_frame
from .mutation import mutables

FILENAME = "solution.py"
MODULE = "solution"
ENTRY = 0  # the handle of the entry point
_MESSAGE_CHARS = 2000


class JudgeError(Exception):
    """A callback of the test raised what cannot be named on this side."""


def main(channel: int, outputs: int) -> NoReturn:
    """Serve the judge over the socket `channel` until it hangs up; never returns into the zygote's frames.

    `outputs` is the pipe for what many calls at once return.
    """
    status = 1
    try:
        Candidate(channel, outputs).serve()
        status = 0
    finally:
        os._exit(status)  # no atexit hook, no thread to wait for: the verdict does not depend on how this ends


class Candidate:
    """One loaded program and the objects of it that the judge holds handles to."""

    def __init__(self, channel: int, outputs: int) -> None:
        self._channel = channel
        self._outputs = outputs
        self._buffer = FrameBuffer(1 << 31)
        self._objects: list[Any] = [None]
        self._handles: dict[int, int] = {}
        self._module = types.ModuleType(MODULE)
        self._module.__file__ = FILENAME
        self._shared: frozenset[str] = frozenset()
        self._given: dict[int, tuple[object, list[Any]]] = {}
        self._timed = timed.Timed(self._objects, self._side(), self._anew, channel)
        self._anew_from = "", ""

    def serve(self) -> None:
        """Answer requests until the judge closes the socket."""
        while True:
            try:
                kind, body = read_frame(self._receive, self._buffer)
            except EOFError:
                return
            self._answer(kind, body)

    def _receive(self, size: int) -> bytes:
        return os.read(self._channel, size)

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._channel, view) :]

    def _answer(self, kind: bytes, body: bytes) -> None:
        if kind == b"U":
            self._sit(json.loads(body))
        if kind == b"W":
            self._send(errand.answer(body, self._channel))
            return
        if kind == b"M":
            batch.run(body, self._objects[ENTRY], self._outputs, self._side())
            return
        if kind in self._timed.answers:
            reply = self._timed.answers[kind](body)
        else:
            reply = self._load(json.loads(body)) if kind == b"L" else self._operate(body)
            _flush_output()
        self._send(reply)

    def _sit(self, order: dict[str, Any]) -> NoReturn:
        if "mock" in order["test"]:  # before `exam`, which sees to it that it stays as it is
            importlib.import_module("unittest.mock")
        from . import exam  # its imports are not for every candidate to pay

        _apply_limits(order["limits"])
        exam.run(order, self._channel, _flush_output, _facts)

    def _side(self) -> batch.Side:
        return batch.Side(foreign=self._foreign, native=self._native, raised=_facts, flush=_flush_output)

    # -- loading

    def _load(self, job: dict[str, Any]) -> bytes:
        _apply_limits(job["limits"])
        random.seed(job["seed"])
        self._shared = frozenset(job["shared"])
        source: str = job["source"].removeprefix("\ufeff")
        self._anew_from = source, job["entry_point"]
        linecache.cache[FILENAME] = (len(source), None, source.splitlines(keepends=True), FILENAME)
        sys.modules[MODULE] = self._module
        try:
            code = compile(source, FILENAME, "exec", dont_inherit=True)
        except MemoryError:  # the parser's word for a program too deep for it
            return self._raised(SyntaxError("the program is too deeply nested to be parsed"))
        except BaseException as e:  # noqa: BLE001 - as below
            return self._raised(e)
        try:
            exec(code, self._module.__dict__)  # noqa: S102 - its purpose
        except BaseException as e:  # noqa: BLE001 - SystemExit and the like are answers of the candidate too
            return self._raised(e)
        try:
            self._objects[ENTRY] = self._module.__dict__[job["entry_point"]]
        except KeyError:
            return pack(b"N", b"null")
        return pack(b"V", b"[null,null]")

    def _anew(self) -> Any:
        """Run the program once more as in the beginning, but for print and input, which ENAMEL takes away."""
        source, entry_point = self._anew_from
        names: dict[str, Any] = {"__name__": MODULE, "print": None, "input": None}
        exec(compile(source, FILENAME, "exec", dont_inherit=True), names)  # noqa: S102 - its purpose
        return names[entry_point]

    # -- calls

    def _operate(self, body: bytes) -> bytes:
        operation, before = body.split(b"\n", 1)
        name, handle, attribute = json.loads(operation)
        try:
            args, kwargs = values.loads(before, self._native)
            numbered = mutables((args, kwargs), self._state)
            result = _OPERATIONS[name](self._objects[handle], attribute, args, kwargs)
        except BaseException as e:  # noqa: BLE001 - as above
            return self._raised(e)
        try:
            mutated = self._mutated(before, (args, kwargs), numbered)
            return pack(b"V", b"[" + self._result(result, args) + b"," + mutated + b"]")
        except values.UnencodableError as e:
            return pack(b"U", str(e).encode())
        except BaseException as e:  # noqa: BLE001 - as above
            return self._raised(e)

    def _mutated(self, before: bytes, after: object, numbered: list[object]) -> bytes:
        if values.dumps(after, self._foreign) == before:
            return b"null"
        return values.dumps(after, self._foreign, {id(item): number for number, item in enumerate(numbered)})

    def _state(self, value: object) -> dict[str, Any] | None:
        """The attributes of an instance that crosses as data: its class is shared with the trusted side."""
        name = type(value).__name__
        return (
            dict(values.state_of(value))
            if name in self._shared and self._module.__dict__.get(name) is type(value)
            else None
        )

    def _result(self, result: object, args: tuple[object, ...]) -> bytes:
        if type(result) not in _IMMUTABLE:
            for i, arg in enumerate(args):
                if result is arg:
                    return b'{"a":%d}' % i
        return values.dumps(result, self._foreign)

    def _foreign(self, value: object) -> dict[str, Any]:
        if id(value) in self._given:
            return {"cb": self._given[id(value)][1]}
        if type(value) is _TestIterator:
            return {"it": value.body}
        name = type(value).__name__
        if name in self._shared and self._module.__dict__.get(name) is type(value):
            return {"in": [name, [[k, values.plain(v, self._foreign)] for k, v in values.state_of(value)]]}
        return {"o": [self._handle(value), _kind(value)]}

    def _handle(self, value: object) -> int:
        handle = self._handles.setdefault(id(value), len(self._objects))
        if handle == len(self._objects):
            self._objects.append(value)
        return handle

    def _native(self, tag: str, body: Any) -> object:
        if tag == "o":
            return self._objects[body]
        if tag == "cb":
            return self._callback(body)
        if tag == "in":
            return self._instance(*body)
        if tag == "it":
            return _TestIterator(self._callback(body), body)
        if tag == "en":
            found = values.member(self._module.__dict__.get(body[0]), body[1])
            return found if found is not None else values.from_plain(body[2], self._native)
        if tag == "nt":
            name, fields, items = body
            return values.named(self._module.__dict__.get(name), name, fields, values.from_plain(items, self._native))
        raise values.MalformedError(tag)

    def _instance(self, name: str, state: list[Any]) -> object:
        cls = self._module.__dict__[name]
        instance = cls.__new__(cls)
        for key, value in state:
            object.__setattr__(instance, key, values.from_plain(value, self._native))
        return instance

    # -- callbacks into the test

    def _callback(self, body: list[Any]) -> Callable[..., Any]:
        handle, name, doc = body

        def call(*args: Any, **kwargs: Any) -> Any:
            order = b"%d\n" % handle + values.dumps((args, kwargs), self._foreign)
            self._send(pack(b"B", order))
            while True:
                kind, reply = read_frame(self._receive, self._buffer)
                if kind == b"V":
                    return values.loads(reply, self._native)
                if kind == b"E":
                    raise _judge_exception(json.loads(reply))
                self._answer(kind, reply)

        call.__name__ = call.__qualname__ = name
        call.__doc__ = doc
        self._given[id(call)] = (
            call,
            body,
        )  # so that it can travel back; an attribute of it would be copied by wraps()
        return call

    # -- exceptions

    def _raised(self, error: BaseException) -> bytes:
        return pack(b"E", _facts(error))


class _TestIterator:
    """An iterator of the test's; its items are asked for one by one."""

    def __init__(self, call: Callable[[], Any], body: list[Any]) -> None:
        self._call = call
        self.body = body

    def __iter__(self) -> _TestIterator:
        return self

    def __next__(self) -> Any:
        return self._call()


def _awaited(target: Any) -> object:
    import asyncio

    async def wait() -> object:
        return await target

    return asyncio.run(wait())


def _call(target: Any, _: str, args: Any, kwargs: Any) -> object:
    return target(*args, **kwargs)


_OPERATIONS: dict[str, Callable[[Any, str, Any, Any], object]] = {
    "call": _call,
    "getattr": lambda target, name, args, kwargs: getattr(target, name),
    "setattr": lambda target, name, args, kwargs: setattr(target, name, *args),
    "len": lambda target, name, args, kwargs: len(target),
    "bool": lambda target, name, args, kwargs: bool(target),
    "str": lambda target, name, args, kwargs: str(target),
    "repr": lambda target, name, args, kwargs: repr(target),
    "iter": lambda target, name, args, kwargs: iter(target),
    "next": lambda target, name, args, kwargs: next(target),
    "getitem": lambda target, name, args, kwargs: target[args[0]],
    "setitem": lambda target, name, args, kwargs: target.__setitem__(*args),
    "delitem": lambda target, name, args, kwargs: target.__delitem__(*args),
    "contains": lambda target, name, args, kwargs: args[0] in target,
    "await": lambda target, name, args, kwargs: _awaited(target),
    "isinstance": lambda target, name, args, kwargs: isinstance(args[0], target),
    "enter": lambda target, name, args, kwargs: target.__enter__(),
    "exit": lambda target, name, args, kwargs: target.__exit__(*args),
}

_KINDS: dict[type, str] = {types.GeneratorType: "generator", types.CoroutineType: "coroutine"}
_IMMUTABLE = frozenset({int, str, float, bool, type(None), bytes, complex, range})


def _kind(value: object) -> str:
    if type(value) in _KINDS:
        return _KINDS[type(value)]
    if isinstance(value, Iterator):
        return "iterator"
    return "callable" if callable(value) else "object"


def _apply_limits(limits: dict[str, int | None]) -> None:
    for name, value in limits.items():
        if value is not None:
            resource.setrlimit(getattr(resource, name), (value, value))


def _flush_output() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):  # closed, replaced or broken by the candidate: its loss
            stream.flush()


def _facts(error: BaseException, filename: str = FILENAME) -> bytes:
    """What there is to say of an exception, for `raised.read_raised`."""
    kinds = [(c.__module__, c.__name__) for c in type(error).__mro__ if c is not object]
    try:
        args = values.plain(tuple(_short(a) for a in error.args), values.refuse_foreign)
    except BaseException:  # noqa: BLE001 - `args` is the candidate's, as is every method of it
        args = None
    origin = error.__dict__.get("_codebench_origin")
    facts = {
        "kinds": kinds[:20],
        "args": args,
        "message": _message(error),
        "line": _line(error, filename),
        "origin": origin,
    }
    return json.dumps(facts).encode()


def _short(arg: object) -> object:
    return arg[:_MESSAGE_CHARS] if type(arg) is str else arg


def _message(error: BaseException) -> str:
    try:
        return str(error)[:_MESSAGE_CHARS]
    except BaseException:  # noqa: BLE001 - __str__ is the candidate's
        return "(no message: its __str__ raised)"


def _line(error: BaseException, filename: str) -> int | None:
    line = error.lineno if type(error) is SyntaxError and error.filename == filename else None
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == filename:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


def _judge_exception(facts: dict[str, Any]) -> BaseException:
    kind = getattr(__import__("builtins"), str(facts["name"]), JudgeError)
    error: BaseException = kind(facts["message"])
    error.__dict__["_codebench_origin"] = facts["origin"]  # should it come through to the test, it is the test's own
    return error

"""What a test holds instead of the candidate: proxies that ask its process, and never run a line of its code here.

Comparison and arithmetic are not forwarded: a proxy equals no data, and two proxies cannot be compared, so an answer is
either plain data, compared here, or it is not right. What is asked for comes back as plain data too (`str`, `len`).
Where the entry point is itself a class, `in` and `bool` of its instances are part of what is tested, and asked for.
"""

# ruff: noqa: TID251 - relative imports: in a box this package is called codebench, without the rest of it

from __future__ import annotations

import builtins
import json
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Any, TypeVar

from . import values
from .frames import pack
from .mutation import assign, mutables
from .raised import read_raised
from .session import Session

_MESSAGE_CHARS = 2000
_PRIVATE_MODULES = frozenset({"codebench", "unittest", "__main__"})  # a raised SkipTest would be no failure
TEST_MODULE = "problem"  # where the classes of prompt and test are
_T = TypeVar("_T")


class Opaque:
    """Stands for an object of the candidate's that is not plain data; equals nothing, not even itself."""

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment] # nor is it found in any set

    def __repr__(self) -> str:
        return "<an object of the candidate's own>"


class Boundary:
    """Encodes what the test sends, decodes what the candidate answers.

    `namespace` holds the trusted names of the problem: exceptions and shared classes are looked up there.
    """

    def __init__(self, session: Session, namespace: dict[str, Any], entry_point: str, test: str) -> None:
        self._session = session
        self._namespace = namespace
        self._remotes: dict[int, Remote] = {}
        self._callbacks: list[tuple[Callable[..., object], object]] = []
        self.shared = _shared_classes(namespace, entry_point)
        self._errors: list[Exception] = []
        self._test = test
        self._operation = ""
        self.calls = 0
        self.raised: BaseException | None = None
        session.on_callback = self._run_callback

    def operate(
        self,
        name: str,
        handle: int,
        attribute: str = "",
        args: Sequence[object] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Ask the candidate for one operation on one of its objects; returns plain data or a Remote, or raises."""
        self.calls += 1
        self._operation = name
        body = json.dumps([name, handle, attribute]).encode() + b"\n" + self._dumps((tuple(args), kwargs or {}))
        kind, reply = self._session.request(b"C", body)
        if kind == b"V":
            return self._loads(reply, args, kwargs or {})
        if kind == b"E":
            self._operation = name  # callbacks may have called back meanwhile
            raise self._exception(reply)
        if kind == b"U":
            raise self._session.break_off(f"the result cannot be carried: {reply[:200].decode(errors='replace')}")
        raise self._session.break_off(f"a reply of unknown kind {kind!r}")

    def entry(self, is_class: bool) -> Remote:
        """Return the proxy of the entry point (handle 0)."""
        return self._remote(0, "class" if is_class else "callable")

    def _remote(self, handle: int, kind: str) -> Remote:
        if handle not in self._remotes:
            self._remotes[handle] = _REMOTES.get(kind, Remote)(self, handle)
        return self._remotes[handle]

    def _kind_here(self, claimed: str) -> str:
        """What a handle may be: never more than the test's own entry point makes it, whatever the candidate claims.

        Instances show more of themselves where the entry point is a class, for they are what is tested.
        """
        if claimed not in ("iterator", "generator", "coroutine", "callable", "object"):
            raise values.MalformedError(f"unknown kind {claimed[:20]!r}")
        entry = self._remotes.get(0)
        return "instance" if claimed == "object" and isinstance(entry, RemoteClass) else claimed

    def unsupported(self, what: str) -> BaseException:
        return self._session.unsupported(what)

    # -- values

    def _dumps(self, value: object) -> bytes:
        try:
            return values.dumps(value, self._foreign)
        except values.UnencodableError as e:
            raise self._session.unsupported(f"an argument of the test cannot be carried: {e}") from None

    def _foreign(self, value: object) -> dict[str, Any]:
        if isinstance(value, Remote):
            return {"o": object.__getattribute__(value, "_handle")}
        cls = type(value)
        if isinstance(value, Enum) and self._namespace.get(cls.__name__) is cls:
            return {"e": 0}  # stands behind its name, which the other side knows
        if self.shared.get(cls.__name__) is cls:
            return {"in": [cls.__name__, [[k, values.plain(v, self._foreign)] for k, v in values.state_of(value)]]}
        if callable(value):
            return {"cb": self._callback(value, value)}
        if isinstance(value, Iterator):
            return {"it": self._callback(value.__next__, value)}
        raise self._session.unsupported(f"a value of type {cls.__name__} cannot be carried to the candidate")

    def _callback(self, function: Callable[..., object], whole: object) -> list[Any]:
        """Number what the candidate may call; `whole` is what the test sees when it comes back."""
        self._callbacks.append((function, whole))
        name, doc = getattr(whole, "__name__", None), getattr(whole, "__doc__", None)
        return [len(self._callbacks) - 1, name if type(name) is str else "call", doc if type(doc) is str else None]

    def _loads(self, reply: bytes, args: Sequence[object], kwargs: dict[str, Any]) -> Any:
        """Decode [result, arguments or null]; decoding the arguments changes the test's own objects as the call did."""
        numbered: list[Any] = []

        def native(tag: str, body: Any) -> object:
            if tag == "a":
                return args[body]
            if tag == "p":
                numbered[:] = numbered or mutables((tuple(args), kwargs), self._state)
                assign(numbered[body[0]], values.from_plain(body[1], native))
                return numbered[body[0]]
            return self._native(tag, body)

        try:
            result, _ = values.loads(reply, native)
        except (*values.UNREADABLE, values.MalformedError) as e:
            raise self._session.break_off(f"the result is not plain data: {e}") from None
        return result

    def _state(self, value: object) -> dict[str, Any] | None:
        return dict(values.state_of(value)) if self.shared.get(type(value).__name__) is type(value) else None

    def _native(self, tag: str, body: Any) -> object:
        if tag == "o":
            handle, kind = body
            return self._remote(int(handle), self._kind_here(str(kind)))
        if tag in ("cb", "it"):
            return self._callbacks[body[0]][1]
        if tag == "in":
            return self._instance(*body)
        if tag == "en":
            found = values.member(self._namespace.get(body[0]), body[1])
            return found if found is not None else values.from_plain(body[2], self._native)
        if tag == "nt":
            name, fields, items = body
            return values.named(self._namespace.get(name), name, fields, values.from_plain(items, self._native))
        raise values.MalformedError(f"unknown tag {tag[:20]!r}")

    def _instance(self, name: str, state: list[Any]) -> object:
        """Build the trusted class of that name from plain data: its methods are those of the prompt."""
        instance: object = object.__new__(self.shared[name])
        for key, value in state:
            if not _hides(type(instance), str(key)):
                object.__setattr__(instance, str(key), values.from_plain(value, self._native))
        return instance

    def output(self, line: bytes) -> Any:
        """Decode what the candidate sent as one output; its own objects become things that equal nothing."""

        def native(tag: str, body: Any) -> object:
            return Opaque() if tag == "o" else self._native(tag, body)

        try:
            return values.loads(line, native)
        except (*values.UNREADABLE, values.MalformedError) as e:
            raise self._session.break_off(f"the output is not plain data: {e}") from None

    # -- exceptions and callbacks

    def _exception(self, reply: bytes) -> BaseException:
        try:
            raised = read_raised(reply)
        except values.MalformedError as e:
            return self._session.break_off(str(e))
        if raised.origin is not None and raised.origin < len(self._errors):
            return self._errors[raised.origin]
        line = f", line {raised.line}" if raised.line is not None else ""
        kind = next((k for where, name in raised.kinds if (k := self._exception_type(where, name)) is not None), None)
        if kind is None:
            return self._session.break_off(f"it raised {raised.name}{line}: {raised.message}")
        self.raised = _construct(kind, raised.args, raised.message)
        self.raised.__notes__ = [f"raised by the candidate as {raised.name}{line}"]
        return self.raised

    def _exception_type(self, module: str, name: str) -> type[BaseException] | None:
        """The class of that name which the test can mean: its own, a builtin one, or one of a module that is loaded."""
        own = sys.modules.get(module) if module.partition(".")[0] not in _PRIVATE_MODULES else None
        for found in (self._namespace.get(name), getattr(builtins, name, None), getattr(own, name, None)):
            if isinstance(found, type) and issubclass(found, BaseException) and self._may_raise(found):
                return found
        return None

    def _may_raise(self, kind: type[BaseException]) -> bool:
        """May an answer raise this in the test? What steers whoever runs the test only where the test speaks of it."""
        if kind.__module__.partition(".")[0] in _PRIVATE_MODULES:
            return False
        if issubclass(kind, StopIteration) and self._operation == "next":
            return True
        if issubclass(kind, (StopIteration, StopAsyncIteration)) or not issubclass(kind, Exception):
            return kind.__name__ in self._test
        return True

    def _run_callback(self, body: bytes) -> bytes:
        try:
            handle, text = body.split(b"\n", 1)
            args, kwargs = values.loads(text, self._native)
            callback, _ = self._callbacks[int(handle)]
        except (*values.UNREADABLE, values.MalformedError) as e:
            raise self._session.break_off(f"a callback that cannot be read: {e}") from None
        try:
            return pack(b"V", self._dumps(callback(*args, **kwargs)))
        except Exception as e:  # noqa: BLE001 - whatever the test's function raises belongs to its caller, the candidate
            self._errors.append(e)
            facts = {"name": type(e).__name__, "message": str(e)[:_MESSAGE_CHARS], "origin": len(self._errors) - 1}
            return pack(b"E", json.dumps(facts).encode())


class Remote:
    """An object of the candidate's. Attributes are asked for; it has no equality, order, arithmetic or truth."""

    __slots__ = ("_boundary", "_handle")

    def __init__(self, boundary: Boundary, handle: int) -> None:
        object.__setattr__(self, "_boundary", boundary)
        object.__setattr__(self, "_handle", handle)

    def __getattr__(self, name: str) -> Any:
        return _ask(self, "getattr", name)

    def __setattr__(self, name: str, value: object) -> None:
        _ask(self, "setattr", name, (value,))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        boundary: Boundary = object.__getattribute__(self, "_boundary")
        return boundary.operate("call", object.__getattribute__(self, "_handle"), "", args, kwargs)

    def __getitem__(self, key: object) -> Any:
        return _ask(self, "getitem", "", (key,))

    def __iter__(self) -> Iterator[Any]:
        return _ask(self, "iter")  # type: ignore[no-any-return] # a RemoteIterator, or the candidate raised

    def __str__(self) -> str:
        return _plain(_ask(self, "str"), str)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __bool__(self) -> bool:
        raise _unsupported(self, "the truth of an object")

    def __eq__(self, other: object) -> bool:
        """False against plain data, which no object equals; what two objects are to each other cannot be known here."""
        if self is other:
            return True
        if isinstance(other, Remote) or type(other).__module__ == TEST_MODULE:
            raise _unsupported(self, "equality of objects")
        return NotImplemented

    __hash__ = object.__hash__

    def __enter__(self) -> Any:
        return _ask(self, "enter")

    def __exit__(self, _kind: object, error: BaseException | None, _: object) -> None:
        """Leave; a failed assertion is never swallowed, and no other exception may be."""
        swallowed = _ask(self, "exit", "", (None, None, None))
        if error is not None and isinstance(error, Exception) and swallowed is True:
            raise _unsupported(self, "a context manager that swallows exceptions") from error


class RemoteIterator(Remote):
    """An iterator of the candidate's: a generator, say. Items are fetched one by one."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return _ask(self, "next")


class RemoteGenerator(RemoteIterator):
    """A generator, which a test may know by its type."""

    __slots__ = ()
    __class__ = property(lambda self: types.GeneratorType)  # for isinstance()


class RemoteCoroutine(Remote):
    """A coroutine: the candidate's own process runs it to its end as soon as it is awaited here."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)  # asyncio looks for much of what only a native coroutine has

    def __await__(self) -> Iterator[Any]:
        return self

    def send(self, _: object) -> Any:
        result = _ask(self, "await")
        raise StopIteration(result)

    def throw(self, error: BaseException, *_: object) -> Any:
        raise error

    def close(self) -> None:
        """Nothing is held here."""

    def __next__(self) -> Any:
        return self.send(None)


class RemoteObject(Remote):
    """An instance of a class of the candidate's own."""

    __slots__ = ()

    def __len__(self) -> int:
        return _plain(_ask(self, "len"), int)


class RemoteInstance(RemoteObject):
    """An instance, where the entry point is a class."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return _plain(_ask(self, "bool"), bool)

    def __repr__(self) -> str:
        return _plain(_ask(self, "repr"), str)

    def __contains__(self, item: object) -> bool:
        return _plain(_ask(self, "contains", "", (item,)), bool)

    def __setitem__(self, key: object, value: object) -> None:
        _ask(self, "setitem", "", (key, value))

    def __delitem__(self, key: object) -> None:
        _ask(self, "delitem", "", (key,))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        raise _unsupported(self, "equality of objects")

    __hash__ = object.__hash__


class RemoteClass(Remote):
    """The entry point, where it is a class."""

    __slots__ = ()

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(value, Remote) and _plain(_ask(self, "isinstance", "", (value,)), bool)


_REMOTES: dict[str, type[Remote]] = {
    "iterator": RemoteIterator,
    "generator": RemoteGenerator,
    "coroutine": RemoteCoroutine,
    "object": RemoteObject,
    "instance": RemoteInstance,
    "class": RemoteClass,
}


def _ask(remote: Remote, name: str, attribute: str = "", args: Sequence[object] = ()) -> Any:
    boundary: Boundary = object.__getattribute__(remote, "_boundary")
    return boundary.operate(name, object.__getattribute__(remote, "_handle"), attribute, args)


def _unsupported(remote: Remote, what: str) -> BaseException:
    boundary: Boundary = object.__getattribute__(remote, "_boundary")
    return boundary.unsupported(f"{what} that is not plain data")


def _plain(value: object, kind: type[_T]) -> _T:
    if type(value) is not kind:
        raise TypeError(f"{kind.__name__} expected of the candidate's object")
    assert isinstance(value, kind)
    return value


def _construct(kind: type[BaseException], args: tuple[Any, ...] | None, message: str) -> BaseException:
    try:
        return kind(*args) if args is not None else kind(message)
    except TypeError:  # UnicodeDecodeError and its like take arguments of their own
        error = kind.__new__(kind)
        error.args = (message,)
        return error


def _hides(cls: type, key: str) -> bool:
    """Would an attribute of this name stand before a method or property of the trusted class?"""
    found = next((base.__dict__[key] for base in cls.__mro__ if key in base.__dict__), None)
    return hasattr(type(found), "__get__") and not isinstance(found, types.MemberDescriptorType)


def _shared_classes(namespace: dict[str, Any], entry_point: str) -> dict[str, type]:
    """The classes that the prompt itself defines: their instances cross as plain data, in both directions."""
    return {
        name: value
        for name, value in namespace.items()
        if isinstance(value, type) and value.__module__ == namespace.get("__name__") and name != entry_point
        and not issubclass(value, BaseException) and _is_plain_class(value)
    }  # fmt: skip


def _is_plain_class(cls: type) -> bool:
    return not any(
        isinstance(base.__dict__.get("__new__"), types.FunctionType) for base in cls.__mro__
    ) and all(base is object or base.__module__ == cls.__module__ for base in cls.__mro__)  # fmt: skip

"""What a test holds instead of the candidate: proxies that ask its process, and never run a line of its code here.

Comparison and arithmetic are not forwarded: a proxy equals nothing but itself, so an answer is either plain data,
compared here, or it is wrong. Where the entry point is itself a class, `len`, `in`, `bool` and `str` of its
instances are part of what is tested, and are asked for.
"""

# ruff: noqa: TID251 - relative imports: in a box this package is called codebench, without the rest of it

from __future__ import annotations

import builtins
import json
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from . import values
from .frames import pack
from .mutation import assign, mutables
from .raised import read_raised
from .session import Session

_MESSAGE_CHARS = 2000
_PRIVATE_MODULES = frozenset({"codebench", "unittest", "__main__"})  # a raised SkipTest would be no failure
_T = TypeVar("_T")


class Boundary:
    """Encodes what the test sends, decodes what the candidate answers.

    `namespace` holds the trusted names of the problem: exceptions and shared classes are looked up there.
    """

    def __init__(self, session: Session, namespace: dict[str, Any], entry_point: str, test: str) -> None:
        self._session = session
        self._namespace = namespace
        self._remotes: dict[int, Remote] = {}
        self._callbacks: list[Callable[..., object]] = []
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
        if claimed not in ("iterator", "callable", "object"):
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
        if self.shared.get(cls.__name__) is cls:
            return {"in": [cls.__name__, [[k, values.plain(v, self._foreign)] for k, v in sorted(vars(value).items())]]}
        if callable(value):
            self._callbacks.append(value)
            return {"cb": len(self._callbacks) - 1}
        raise self._session.unsupported(f"a value of type {cls.__name__} cannot be carried to the candidate")

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
        return vars(value) if self.shared.get(type(value).__name__) is type(value) else None

    def _native(self, tag: str, body: Any) -> object:
        if tag == "o":
            handle, kind = body
            return self._remote(int(handle), self._kind_here(str(kind)))
        if tag == "cb":
            return self._callbacks[body]
        if tag == "in":
            return self._instance(*body)
        raise values.MalformedError(f"unknown tag {tag[:20]!r}")

    def _instance(self, name: str, state: list[Any]) -> object:
        """Build the trusted class of that name from plain data: its methods are those of the prompt."""
        instance: object = object.__new__(self.shared[name])
        for key, value in state:
            object.__setattr__(instance, str(key), values.from_plain(value, self._native))
        return instance

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
        if issubclass(kind, (StopIteration, StopAsyncIteration)) or not issubclass(kind, Exception):
            return self._operation == "next" or kind.__name__ in self._test
        return True

    def _run_callback(self, body: bytes) -> bytes:
        try:
            handle, text = body.split(b"\n", 1)
            args, kwargs = values.loads(text, self._native)
            callback = self._callbacks[int(handle)]
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

    def __bool__(self) -> bool:
        boundary: Boundary = object.__getattribute__(self, "_boundary")
        raise boundary.unsupported("the truth of an object that is not plain data")


class RemoteIterator(Remote):
    """An iterator of the candidate's: a generator, say. Items are fetched one by one."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return _ask(self, "next")


class RemoteInstance(Remote):
    """An instance, where the entry point is a class."""

    __slots__ = ()

    def __len__(self) -> int:
        return _plain(_ask(self, "len"), int)

    def __bool__(self) -> bool:
        return _plain(_ask(self, "bool"), bool)

    def __str__(self) -> str:
        return _plain(_ask(self, "str"), str)

    def __repr__(self) -> str:
        return _plain(_ask(self, "repr"), str)

    def __contains__(self, item: object) -> bool:
        return _plain(_ask(self, "contains", "", (item,)), bool)

    def __setitem__(self, key: object, value: object) -> None:
        _ask(self, "setitem", "", (key, value))

    def __delitem__(self, key: object) -> None:
        _ask(self, "delitem", "", (key,))

    def __enter__(self) -> Any:
        return _ask(self, "enter")

    def __exit__(self, *exc: object) -> bool:
        return bool(_ask(self, "exit", "", (None, None, None)))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        boundary: Boundary = object.__getattribute__(self, "_boundary")
        raise boundary.unsupported("equality of two objects that are not plain data")

    __hash__ = Remote.__hash__


class RemoteClass(Remote):
    """The entry point, where it is a class."""

    __slots__ = ()


_REMOTES: dict[str, type[Remote]] = {"iterator": RemoteIterator, "instance": RemoteInstance, "class": RemoteClass}


def _ask(remote: Remote, name: str, attribute: str = "", args: Sequence[object] = ()) -> Any:
    boundary: Boundary = object.__getattribute__(remote, "_boundary")
    return boundary.operate(name, object.__getattribute__(remote, "_handle"), attribute, args)


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


def _shared_classes(namespace: dict[str, Any], entry_point: str) -> dict[str, type]:
    """The classes that the prompt itself defines: their instances cross as plain data, in both directions."""
    return {
        name: value
        for name, value in namespace.items()
        if isinstance(value, type) and value.__module__ == namespace.get("__name__") and name != entry_point
        and not issubclass(value, BaseException) and _is_plain_class(value)
    }  # fmt: skip


def _is_plain_class(cls: type) -> bool:
    return all(base is object or "__slots__" not in base.__dict__ for base in cls.__mro__) and not any(
        isinstance(base.__dict__.get("__new__"), types.FunctionType) for base in cls.__mro__
    ) and all(base is object or base.__module__ == cls.__module__ for base in cls.__mro__)  # fmt: skip

"""Values as tagged plain data: what may cross between the judge and the candidate, with its exact type.

JSON carries None, bool, int (up to 64 bits), float (NaN and infinities included), str and list as they are. Everything
else is an object with one key, its tag: {"t": [1, 2]} is the tuple (1, 2). Instances of subclasses of built-in types
are flattened to their base without running any of their methods; what is not plain data is handed to `Codec.foreign`,
which gives it a handle. Decoding builds built-in objects only, and bounds depth and size.
"""

from __future__ import annotations

import base64
import datetime
import functools
import json
import types
from array import array
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

MAX_DEPTH = 200
MAX_NODES = 2_000_000
MAX_BYTES = 32 * 1024 * 1024
MAX_OUTPUT_BYTES = 96 * 1024 * 1024  # of one output that is compared: one of EvoEval's references gives 75 MB

_INT_MAX = 2**63
_PACK_FROM = 16  # numbers in a list
_SPAN = {code: 1 << 8 * array(code).itemsize - 1 for code in "biq"}
_PACKABLE = frozenset({*_SPAN, "d"})
_write = json.JSONEncoder(separators=(",", ":")).encode
_AS_IS = frozenset({str, float, bool, type(None)})
_AS_IS_DECODED = frozenset({str, float, bool, type(None), int})
_DICT_VIEWS = {type({}.keys()): "dk", type({}.values()): "dv", type({}.items()): "di"}
_TYPES: dict[str, type] = {
    t.__name__: t
    for t in (int, float, str, bool, list, tuple, dict, set, frozenset, bytes, complex, type(None), object)
}
_TYPE_NAMES = {t: name for name, t in _TYPES.items()}


class UnencodableError(Exception):
    """The value cannot be written as plain data: nested too deep (or in a circle), or too large."""


class MalformedError(Exception):
    """The data that came from the other side are not a value."""


UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, MemoryError)
"""What decoding nonsense may raise, whatever the nonsense."""

Foreign = Callable[[object], dict[str, Any]]
Native = Callable[[str, Any], object]


def refuse_foreign(value: object) -> dict[str, Any]:
    """Encode nothing but plain data."""
    raise UnencodableError(f"a value of type {type(value).__name__} is not plain data")


def refuse_native(tag: str, body: Any) -> object:
    """Decode nothing but plain data."""
    raise MalformedError(f"unknown tag {tag[:20]!r}")


def dumps(
    value: object,
    foreign: Foreign = refuse_foreign,
    numbers: Mapping[int, int] | None = None,
    max_bytes: int = MAX_BYTES,
    packed: bool = False,
) -> bytes:
    """Encode `value`; objects whose id() is in `numbers` carry that number ("p"). Raises UnencodableError.

    `packed` writes long lists of numbers as the machine holds them, for a reader on the same machine.
    """
    try:
        text = _write(_Encoder(foreign, numbers, packed).encode(value, 0))
    except RecursionError:
        raise UnencodableError("nested too deep") from None
    if len(text) > max_bytes:
        raise UnencodableError(f"larger than {max_bytes >> 20} MiB")
    return text.encode("ascii")


def loads(data: bytes, native: Native = refuse_native) -> Any:
    """Decode what `dumps` wrote; raises MalformedError on anything else, however hostile."""
    if data.count(b",") + data.count(b"[") + data.count(b"{") > MAX_NODES:
        raise MalformedError(f"more than {MAX_NODES} values")
    try:
        parsed = json.loads(data)
    except UNREADABLE as e:
        raise MalformedError(f"not JSON: {str(e)[:200]}") from None
    return from_plain(parsed, native)


def _packed(value: list[Any]) -> Any:
    """A list of numbers of one type in as few bytes each as they need; any other as it is."""
    kinds = set(map(type, value))
    if kinds == {float}:
        code = "d"
    elif kinds == {int}:
        code = next(code for code in "biq" if min(value) >= -_SPAN[code] and max(value) < _SPAN[code])
    else:
        return value
    return {"pk": [code, base64.b64encode(array(code, value).tobytes()).decode("ascii")]}


def _unpacked(decoder: _Decoder, body: Any, _: int) -> list[Any]:
    code, text = body
    numbers = array(code if code in _PACKABLE else "")
    numbers.frombytes(base64.b64decode(text, validate=True))
    decoder.nodes += len(numbers)
    if decoder.nodes > MAX_NODES:
        raise MalformedError(f"more than {MAX_NODES} values")
    return numbers.tolist()


class _Encoder:
    def __init__(self, foreign: Foreign, numbers: Mapping[int, int] | None = None, packed: bool = False) -> None:
        self.foreign = foreign
        self.numbers = numbers
        self.packed = packed
        self.nodes = 0

    def encode(self, value: Any, depth: int) -> Any:
        """Encode `value`, with its number where it has one."""
        if self.numbers is not None and (number := self.numbers.get(id(value))) is not None:
            return {"p": [number, self.encode_plain(value, depth)]}
        return self.encode_plain(value, depth)

    def encode_plain(self, value: Any, depth: int) -> Any:
        kind = type(value)  # not value.__class__, which may lie
        if kind in _AS_IS:
            return value
        if kind is int:
            return value if -_INT_MAX <= value < _INT_MAX else {"i": hex(value)}
        if kind is list and self._is_flat(value):
            return _packed(value) if self.packed and len(value) >= _PACK_FROM else value
        if depth > MAX_DEPTH:
            raise UnencodableError(f"nested deeper than {MAX_DEPTH} levels, or in a circle")
        container = _CONTAINERS.get(kind)
        if container is not None:
            return container(self, value, depth + 1)
        scalar = _SCALARS.get(kind)
        if scalar is not None:
            return scalar(value)
        return self._encode_other(kind, value, depth)

    def items(self, values: Any, depth: int) -> list[Any]:
        out = [self.encode(v, depth) for v in values]
        self.nodes += len(out)
        if self.nodes > MAX_NODES:
            raise UnencodableError(f"more than {MAX_NODES} values")
        return out

    def pairs(self, pairs: Any, depth: int) -> list[Any]:
        return [self.items(pair, depth) for pair in pairs]

    def _is_flat(self, value: list[Any]) -> bool:
        kinds = set(map(type, value))
        if len(value) > MAX_NODES:
            raise UnencodableError(f"more than {MAX_NODES} values")
        if kinds <= _AS_IS:
            return True
        return kinds == {int} and min(value) >= -_INT_MAX and max(value) < _INT_MAX

    def _encode_other(self, kind: type, value: Any, depth: int) -> Any:
        view = _DICT_VIEWS.get(kind)
        if view is not None:
            return {view: self.items((list(i) if view == "di" else i for i in value), depth + 1)}
        if kind is type and value in _TYPE_NAMES:
            return {"ty": _TYPE_NAMES[value]}
        if Enum in kind.__mro__:
            return {"en": [kind.__name__, value._name_, self._flattened(kind, value, depth)]}
        fields = kind.__dict__.get("_fields")
        if type(fields) is tuple and tuple in kind.__mro__:
            return {"nt": [kind.__name__, list(fields), self.items(tuple.__iter__(value), depth + 1)]}
        return self._flattened(kind, value, depth)

    def _flattened(self, kind: type, value: Any, depth: int) -> Any:
        for base, flatten in _BASES:
            if base in kind.__mro__:
                return self.encode(flatten(value), depth)
        return self.foreign(value)


_CONTAINERS: dict[type, Callable[[_Encoder, Any, int], Any]] = {
    list: lambda e, v, d: e.items(v, d),
    tuple: lambda e, v, d: {"t": e.items(v, d)},
    dict: lambda e, v, d: {"d": e.pairs(v.items(), d)},
    set: lambda e, v, d: {"s": e.items(v, d)},
    frozenset: lambda e, v, d: {"fs": e.items(v, d)},
    deque: lambda e, v, d: {"dq": [e.items(v, d), v.maxlen]},
    OrderedDict: lambda e, v, d: {"od": e.pairs(OrderedDict.items(v), d)},
    Counter: lambda e, v, d: {"C": e.pairs(dict.items(v), d)},
    defaultdict: lambda e, v, d: {"dd": [_TYPE_NAMES.get(v.default_factory), e.pairs(dict.items(v), d)]},
}

_SCALARS: dict[type, Callable[[Any], Any]] = {
    bytes: lambda v: {"b": v.decode("latin-1")},
    bytearray: lambda v: {"ba": v.decode("latin-1")},
    complex: lambda v: {"c": [v.real, v.imag]},
    range: lambda v: {"r": [hex(v.start), hex(v.stop), hex(v.step)]},
    type(Ellipsis): lambda v: {"e": 0},
    type(NotImplemented): lambda v: {"ni": 0},
    Decimal: lambda v: {"D": Decimal.__str__(v)},
    Fraction: lambda v: {"F": [hex(v.numerator), hex(v.denominator)]},
    datetime.date: lambda v: {"da": v.isoformat()},
    datetime.time: lambda v: {"ti": v.isoformat()},
    datetime.datetime: lambda v: {"dt": v.isoformat()},
    datetime.timedelta: lambda v: {"td": [v.days, v.seconds, v.microseconds]},
}

# How an instance of a subclass becomes a plain instance of the base: through the base's own methods only.
_BASES: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (int, int.__int__),
    (float, float.__float__),
    (str, str.__str__),
    (OrderedDict, lambda v: OrderedDict(OrderedDict.items(v))),
    (dict, lambda v: dict(dict.items(v))),
    (list, lambda v: list(list.__iter__(v))),
    (tuple, lambda v: tuple(tuple.__iter__(v))),
    (set, lambda v: set(set.__iter__(v))),
    (frozenset, lambda v: frozenset(frozenset.__iter__(v))),
    (deque, lambda v: deque(deque.__iter__(v))),
    (bytes, lambda v: memoryview(v).tobytes()),
    (bytearray, lambda v: bytearray(memoryview(v))),
)


class _Decoder:
    def __init__(self, native: Native) -> None:
        self.native = native
        self.nodes = 0  # in packed lists

    def decode(self, data: Any, depth: int) -> Any:
        kind = type(data)
        if kind in _AS_IS_DECODED:
            return data
        if depth > MAX_DEPTH + 50:
            raise MalformedError("nested too deep")
        if kind is list:
            return data if set(map(type, data)) <= _AS_IS_DECODED else self.items(data, depth + 1)
        if len(data) != 1:
            raise MalformedError("an object must have one key")
        (tag, body), *_ = data.items()
        build = _BUILDERS.get(tag)
        return build(self, body, depth + 1) if build is not None else self.native(tag, body)

    def items(self, data: Any, depth: int) -> list[Any]:
        if type(data) is not list:
            raise MalformedError("a list was expected")
        return [self.decode(d, depth) for d in data]

    def pairs(self, data: Any, depth: int) -> dict[Any, Any]:
        out = {}
        for key, value in self.items(data, depth):
            out[key] = value
        return out

    def set(self, data: Any, depth: int) -> set[Any]:
        out = set()
        for item in self.items(data, depth):  # not set(...): one signal check per item, should all hashes collide
            out.add(item)
        return out


_BUILDERS: dict[str, Callable[[_Decoder, Any, int], Any]] = {
    "t": lambda e, b, d: tuple(e.items(b, d)),
    "d": lambda e, b, d: e.pairs(b, d),
    "s": lambda e, b, d: e.set(b, d),
    "fs": lambda e, b, d: frozenset(e.set(b, d)),
    "dq": lambda e, b, d: deque(e.items(b[0], d), b[1]),
    "od": lambda e, b, d: OrderedDict(e.pairs(b, d)),
    "C": lambda e, b, d: _counter(e.pairs(b, d)),
    "dd": lambda e, b, d: defaultdict(_TYPES[b[0]] if b[0] is not None else None, e.pairs(b[1], d)),
    "dk": lambda e, b, d: dict.fromkeys(e.items(b, d)).keys(),
    "dv": lambda e, b, d: dict(enumerate(e.items(b, d))).values(),
    "di": lambda e, b, d: e.pairs(b, d).items(),
    "i": lambda e, b, d: int(b, 16),
    "b": lambda e, b, d: b.encode("latin-1"),
    "ba": lambda e, b, d: bytearray(b.encode("latin-1")),
    "c": lambda e, b, d: complex(*b),
    "r": lambda e, b, d: range(*(int(n, 16) for n in b)),
    "e": lambda e, b, d: Ellipsis,
    "ni": lambda e, b, d: NotImplemented,
    "D": lambda e, b, d: Decimal(b),
    "F": lambda e, b, d: Fraction(*(int(n, 16) for n in b)),
    "da": lambda e, b, d: datetime.date.fromisoformat(b),
    "ti": lambda e, b, d: datetime.time.fromisoformat(b),
    "dt": lambda e, b, d: datetime.datetime.fromisoformat(b),
    "td": lambda e, b, d: datetime.timedelta(*b),
    "ty": lambda e, b, d: _TYPES[b],
    "pk": _unpacked,
}


def _counter(counts: dict[Any, Any]) -> Counter[Any]:
    counter: Counter[Any] = Counter()
    dict.update(counter, counts)  # Counter.update would add, and so run the counts' own arithmetic
    return counter


def named(found: object, name: str, fields: list[str], items: Any) -> object:
    """Build a named tuple: of the class `found`, where its fields are these; raises one of UNREADABLE."""
    if not (isinstance(found, type) and tuple in found.__mro__ and found.__dict__.get("_fields") == tuple(fields)):
        found = _named_class(name, tuple(fields))
    if len(items) != len(fields):
        raise ValueError("a named tuple of another length than its fields")
    return tuple.__new__(found, items)


@functools.lru_cache(maxsize=64)
def _named_class(name: str, fields: tuple[str, ...]) -> type[tuple[Any, ...]]:
    if not set(fields).isdisjoint(dir(tuple)):
        raise ValueError("a named tuple whose fields hide what a tuple can do")
    return namedtuple(name, fields)  # it checks all names itself


def member(found: object, name: str) -> object | None:
    """Return the member `name` of the Enum `found`; None where it is no Enum or has no such member."""
    if isinstance(found, type) and issubclass(found, Enum):
        return found.__members__.get(name)
    return None


def state_of(value: object) -> list[tuple[str, object]]:
    """The attributes of an instance, in its dictionary and in slots, sorted by name."""
    found = dict(getattr(value, "__dict__", {}))
    for base in type(value).__mro__:
        for name, slot in base.__dict__.items():
            if isinstance(slot, types.MemberDescriptorType) and hasattr(value, name):
                found[name] = slot.__get__(value)
    return sorted(found.items())


def plain(value: object, foreign: Foreign = refuse_foreign) -> Any:
    """Encode `value` into plain JSON data, for a place inside another message; raises UnencodableError."""
    return _Encoder(foreign).encode(value, 0)


def from_plain(data: Any, native: Native = refuse_native) -> Any:
    """Decode what `plain` made; raises MalformedError on anything else, however hostile."""
    try:
        return _Decoder(native).decode(data, 0)
    except UNREADABLE as e:
        raise MalformedError(f"{type(e).__name__}: {str(e)[:200]}") from None

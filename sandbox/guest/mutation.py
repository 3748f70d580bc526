"""Arguments that a call has changed: how the change gets back to the very objects that the test holds.

Before the call both sides number the mutable objects in the arguments, in the same order. If the arguments look
different afterwards, each numbered object that is still reachable travels with its number.
"""

# ruff: noqa: TID251 - relative imports: in a box this package is called codebench, without the rest of it

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from . import values

_MUTABLE = (list, dict, set, bytearray, deque)
_ATOMS = frozenset({int, float, str, bool, type(None), bytes, complex, range})

State = Callable[[object], dict[str, Any] | None]
"""The attributes of an instance whose class both sides share, None for any other object."""


def mutables(value: object, state: State) -> list[Any]:
    """Every mutable object in `value` that can travel as plain data, in an order that both sides agree on."""
    found: list[Any] = []
    stack: list[Any] = [value]
    seen: set[int] = set()
    while stack:
        item = stack.pop()
        attributes = None if isinstance(item, (*_MUTABLE, tuple)) else state(item)
        if isinstance(item, _MUTABLE) or attributes is not None:
            if id(item) in seen:
                continue
            seen.add(id(item))
            found.append(item)
        stack.extend(_children(item, attributes))
    return found


def _children(item: Any, attributes: dict[str, Any] | None) -> list[Any]:
    if attributes is not None:
        children = [attributes[name] for name in sorted(attributes)]
    elif isinstance(item, dict):
        children = list(item.values())
    elif isinstance(item, (list, tuple, deque)):
        if set(map(type, item)) <= _ATOMS:
            return []
        children = list(item)
    else:
        return []
    return [child for child in children if type(child) not in _ATOMS]


def assign(old: Any, new: Any) -> None:
    """Make `old` equal to `new`, in place; raises TypeError where they are of different kinds."""
    if isinstance(old, (list, bytearray)) and isinstance(new, (list, bytearray)):
        old[:] = new
    elif (isinstance(old, dict) and isinstance(new, dict)) or (isinstance(old, set) and isinstance(new, set)):
        old.clear()
        old.update(new)
    elif isinstance(old, deque) and isinstance(new, deque):
        old.clear()
        old.extend(new)
    elif type(old) is type(new) and not isinstance(old, tuple):
        for name, _ in values.state_of(old):
            object.__delattr__(old, name)
        for name, value in values.state_of(new):
            object.__setattr__(old, name, value)
    else:
        raise TypeError("an argument came back as something else")

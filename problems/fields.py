"""The fields of a pack's files: decoded as a dataclass, with errors that name place and field."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import Literal, TypeVar

from codebench.problems.problem import PackError

Decoded = TypeVar("Decoded")
VerdictName = Literal["pass", "fail", "error", "timeout", "memory", "no_code"]

_FIELD = re.compile(r"(.*) - at `\$\.?(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*?)`(?: - at `\$\.?(.*)`)?")
_NOTHING: Mapping[str, type] = MappingProxyType({})
_FREE: Mapping[str, Sequence[str]] = MappingProxyType({})


def decoded(
    fields: Mapping[str, object],
    kind: type[Decoded],
    where: str,
    nested: Mapping[str, type] = _NOTHING,
    choices: Mapping[str, Sequence[str]] = _FREE,
) -> Decoded:
    """`fields` as the dataclass `kind`; raises PackError that begins with `where` and names the field.

    `nested` has the dataclass of each field that is a list of objects; `choices` what may stand in fields that have a
    closed set of values, by their own name wherever they are.
    """
    import msgspec

    _check_names(fields, kind, where, "")
    for name, item in nested.items():
        given = fields.get(name)
        for index, one in enumerate(given if isinstance(given, list) else ()):
            if isinstance(one, dict):
                _check_names(one, item, where, f"{name}[{index}].")
    try:
        # Through bytes, not msgspec.convert: the decoder refuses lone surrogates, which no file could hold.
        return msgspec.json.decode(msgspec.json.encode(fields), type=kind)
    except UnicodeEncodeError:
        raise PackError(f"{where}: a string holds a lone surrogate (\\ud800 to \\udfff); take it out") from None
    except (msgspec.DecodeError, TypeError, OverflowError) as error:
        raise PackError(f"{where}: {_field_error(str(error), choices)}") from None


def _check_names(fields: Mapping[str, object], kind: type, where: str, prefix: str) -> None:
    known: Collection[str] = kind.__dataclass_fields__  # type: ignore[attr-defined] # every kind is a dataclass
    for name in fields:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(known)}"
            raise PackError(f"{where}: field `{prefix}{name}` is unknown; {hint}")


def _field_error(message: str, choices: Mapping[str, Sequence[str]]) -> str:
    """Put the field first in what msgspec says."""
    if missing := _MISSING.fullmatch(message):
        prefix = f"{missing[2]}." if missing[2] else ""
        return f"field `{prefix}{missing[1]}` is missing"
    if placed := _FIELD.fullmatch(message):
        values = choices.get(placed[2].rpartition(".")[2].partition("[")[0], ())
        hint = f"; there are: {', '.join(values)}" if values else ""
        return f"field `{placed[2]}`: {placed[1][:1].lower()}{placed[1][1:]}{hint}"
    return message

"""A table of a TOML file that is read strictly: what is wrong in it is said in one line, with the file and the key."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from codebench.runs.record import RunError

Chosen = TypeVar("Chosen", bound=StrEnum)


def read_toml(path: Path) -> TomlTable:
    """Raises RunError for a file that is not there or no TOML."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}; name another file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RunError(f"{path}: not TOML: {error}; correct it") from error
    return TomlTable(path, (), document)


class TomlTable:
    """Every key is taken by a method, which raises RunError for a value of another kind; `end` finds unknown keys."""

    def __init__(self, path: Path, at: tuple[str, ...], values: Mapping[str, object]) -> None:
        self.path = path
        self._at = at
        self._values = values
        self._taken: list[str] = []

    def key(self, name: str = "") -> str:
        """The key as TOML writes it."""
        return ".".join(map(_quoted, (*self._at, *([name] if name else []))))

    def error(self, name: str, problem: str) -> RunError:
        where = f"key {self.key(name)}: " if self._at or name else ""
        return RunError(f"{self.path}: {where}{problem}")

    def table(self, name: str) -> TomlTable:
        value = self._take(name)
        if not isinstance(value, dict | None):
            raise self.error(name, f"must be a table: [{self.key(name)}]")
        return TomlTable(self.path, (*self._at, name), value or {})

    def tables(self) -> Iterator[tuple[str, TomlTable]]:
        for name in self._values:
            yield name, self.table(name)

    def whole(self, name: str, default: int) -> int:
        value = self._take(name)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.error(name, f"must be a whole number from 0 up, is {_shown(value)}")
        return value

    def fraction(self, name: str) -> float | None:
        value = self._take(name)
        if value is not None and not _is_fraction(value):
            raise self.error(name, f"must be a number in [0, 1], is {_shown(value)}")
        return float(value) if isinstance(value, int | float) else None

    def count_or_share(self, name: str, default: int) -> int | float:
        value = self._take(name)
        if value is None:
            return default
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        if not whole and not (isinstance(value, float) and _is_fraction(value)):
            raise self.error(name, f"must be a count, such as 5, or a share, such as 0.01, is {_shown(value)}")
        assert isinstance(value, int | float)
        return value

    def choice(self, name: str, default: Chosen) -> Chosen:
        value = self._take(name)
        kind = type(default)
        if value is None:
            return default
        if not isinstance(value, str) or value not in list(kind):
            raise self.error(name, f"must be one of {', '.join(kind)}, is {_shown(value)}")
        return kind(value)

    def end(self) -> None:
        """Raises RunError for a key that nothing asked for."""
        for name in self._values:
            if name not in self._taken:
                near = get_close_matches(name, self._taken, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(self._taken)}"
                raise self.error(name, f"unknown key; {hint}")

    def _take(self, name: str) -> object:
        self._taken.append(name)
        return self._values.get(name)


def _is_fraction(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= 1


def _quoted(name: str) -> str:
    bare = name.replace("_", "").replace("-", "")
    return name if bare.isascii() and bare.isalnum() else f'"{name}"'


def _shown(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"

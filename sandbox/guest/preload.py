"""Modules that answers commonly import: loaded once in the zygote, so that no candidate pays for them."""

from __future__ import annotations

import contextlib
import importlib

_COMMON = (
    "abc", "array", "ast", "base64", "bisect", "builtins", "calendar", "cmath", "codecs", "collections", "contextlib",
    "copy", "csv", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools", "hashlib", "heapq", "inspect",
    "io", "itertools", "json", "keyword", "linecache", "math", "numbers", "operator", "os", "queue", "random", "re",
    "statistics", "string", "struct", "sys", "textwrap", "threading", "time", "traceback", "types", "typing",
    "unicodedata", "unittest", "uuid", "weakref",
)  # fmt: skip


def import_common_modules() -> None:
    """Import them, and compile something, so that the compiler's own start-up is paid here too."""
    for name in _COMMON:
        with contextlib.suppress(ImportError):  # an interpreter built without it
            importlib.import_module(name)
    compile("import re\ndef f(x: int) -> list[int]:\n    return [i for i in range(x)]\n", "<warm-up>", "exec")
    ast = importlib.import_module("ast")
    ast.parse("class A: pass")

"""Modules that answers commonly import: loaded once in the zygote, so that no candidate pays for them."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys

PACKAGES = "/opt/packages"
"""Where an image's packages are, if it has any."""
PRELOAD = "/codebench/preload.txt"
"""What of them is loaded beforehand: the names of modules; `#` begins a comment."""

# Each costs every candidate a little, in pages to copy: so not all that exists, and nothing that registers fork hooks.
_COMMON = (
    "abc", "bisect", "collections", "contextlib", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions",
    "functools", "hashlib", "heapq", "itertools", "json", "math", "operator", "random", "re", "statistics", "string",
    "typing",
)  # fmt: skip


def import_common_modules() -> None:
    """Import them, and compile something, so that the compiler's own start-up is paid here too."""
    for name in _COMMON:
        with contextlib.suppress(ImportError):  # an interpreter built without it
            importlib.import_module(name)
    compile("import re\ndef f(x: int) -> list[int]:\n    return [i for i in range(x)]\n", "<warm-up>", "exec")


def import_packages() -> None:
    """Make the image's packages known to Python, and import those that it names."""
    if not os.path.isdir(PACKAGES):  # noqa: PTH112 - pathlib is not loaded for this alone
        return
    sys.path.append(PACKAGES)
    with contextlib.suppress(FileNotFoundError), open(PRELOAD) as names:  # noqa: PTH123 - as above
        for line in names:
            for name in line.partition("#")[0].split():
                importlib.import_module(name)

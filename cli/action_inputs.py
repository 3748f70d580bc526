"""The inputs of the GitHub Action, as options of `codebench eval`. Each comes in a variable INPUT_NAME of its own.

No value is ever part of a shell's text, and none is taken for an option: every one is passed as --option=value.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

_OPTIONS = (
    "model",
    "samples",
    "k",
    "limit",
    "grade",
    "compat",
    "data",
    "sandbox",
    "workers",
    "image",
    "runtime",
    "timeout",
    "memory",
    "max-tokens",
    "temperature",
    "top-p",
    "seed",
    "prompt",
    "system",
    "base-url",
    "api-key-env",
    "revision",
    "adapter",
    "device",
    "repair",
)
_LISTS = {"suites": "--suite", "tasks": "--task", "security-tools": "--security-tool"}


def given(name: str) -> str:
    """The input of that name; "" where it was left out."""
    return os.environ.get(f"INPUT_{name.upper().replace('-', '_')}", "").strip()


def listed(name: str) -> list[str]:
    """An input that holds several values, parted by commas or white space."""
    return given(name).replace(",", " ").split()


def eval_arguments() -> list[str]:
    """The command line that evaluates what the inputs ask for, without --out."""
    return ["eval", *_given_options()]


def _given_options() -> Iterator[str]:
    suites = listed("suites")
    if suites:
        yield f"--suite={','.join(suites)}"
    for name in _OPTIONS:
        if value := given(name):
            yield f"--{name}={value}"
    for task in given("tasks").splitlines():
        if task.strip():
            yield f"--task={task.strip()}"
    for tool in listed("security-tools"):
        yield f"--security-tool={tool}"

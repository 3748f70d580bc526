"""ruff on untrusted text: one long-lived `ruff server` that each text is put to. Runs in an analyser's process.

A `ruff check` takes 8 ms; a server answers in less than one, and says the same. A text has a
`ruff check` of its own where it may hold comments that switch rules off, for the server knows no way to disregard
them, and where the server dies of it, whose threads have less room for nested code.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from codebench.graders.measures import Lint
from codebench.sandbox import SandboxError
from codebench.sandbox.guest import kernel

RULES = ("E4", "E7", "E9", "F", "B", "C4", "PERF", "PIE", "PLE", "PLW", "SIM")
"""The rules that are asked about; docs/quality.md says why these."""

_SWITCHES = re.compile(r"noqa|ruff\s*:", re.IGNORECASE)  # what ruff calls suppression comments, and a little more
_TARGET = f"py3{sys.version_info.minor}"
_URI = "file:///answer.py"
_ENVIRONMENT = {"RAYON_NUM_THREADS": "1", "HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent"}


class LintError(Exception):
    """ruff did not answer."""


def lint(code: str) -> tuple[Lint, ...]:
    """The rules that a program breaks, by name. Raises LintError, and SandboxError where there is no ruff."""
    lines: dict[str, list[int]] = {}
    for rule, line in sorted(_findings(code)):
        lines.setdefault(rule, []).append(line)
    return tuple(Lint(rule=rule, lines=tuple(of_rule)) for rule, of_rule in lines.items())


def _findings(code: str) -> Iterable[tuple[str, int]]:
    """Rule and line of each finding."""
    if not _SWITCHES.search(code):
        with contextlib.suppress(LintError):
            return _server().check(code)
    return _checked(code)


def _checked(code: str) -> Iterable[tuple[str, int]]:
    """By a `ruff check` of its own, which disregards what the program says about rules."""
    options = ("--isolated", "--no-cache", "--ignore-noqa", "--quiet", "--exit-zero", "--output-format=json")
    done = subprocess.run(
        [_ruff(), "check", *options, f"--select={','.join(RULES)}", f"--target-version={_TARGET}", "-"],
        input=code.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_ENVIRONMENT,
        preexec_fn=_die_with_parent,
        check=False,
    )
    try:
        return [(found["code"] or "invalid-syntax", found["location"]["row"]) for found in json.loads(done.stdout)]
    except (ValueError, KeyError, TypeError) as error:
        raise LintError(f"ruff check ended with status {done.returncode}") from error


class _Server:
    """A `ruff server`, spoken to in the Language Server Protocol."""

    def __init__(self) -> None:
        self._number = 0
        self._process = subprocess.Popen(
            [_ruff(), "server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=_ENVIRONMENT,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - an analyser has one thread
        )
        settings = {
            "configuration": {"target-version": _TARGET, "lint": {"select": RULES}},
            "configurationPreference": "editorOnly",
        }
        capabilities = {"general": {"positionEncodings": ["utf-8"]}, "textDocument": {"diagnostic": {}}}
        options = {"settings": settings}
        with self._that_answers():
            self._ask("initialize", {"processId": None, "capabilities": capabilities, "initializationOptions": options})
            self._tell("initialized", {})

    def check(self, code: str) -> Iterable[tuple[str, int]]:
        """Rule and line of each finding. Raises LintError; the next text gets another server then."""
        with self._that_answers():
            document = {"uri": _URI, "languageId": "python", "version": 1, "text": code}
            self._tell("textDocument/didOpen", {"textDocument": document})
            found = self._ask("textDocument/diagnostic", {"textDocument": {"uri": _URI}})
            self._tell("textDocument/didClose", {"textDocument": {"uri": _URI}})
            return [(item["code"], item["range"]["start"]["line"] + 1) for item in found["items"]]

    @contextlib.contextmanager
    def _that_answers(self) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            self._process.kill()
            self._process.wait()
            _server.cache_clear()
            raise LintError("ruff server gave no answer") from error

    def _tell(self, method: str, params: dict[str, Any], **more: int) -> None:
        message = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **more}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(message) + message)
        self._process.stdin.flush()

    def _ask(self, method: str, params: dict[str, Any]) -> Any:
        self._number += 1
        self._tell(method, params, id=self._number)
        while True:
            message = self._next()
            if message.get("id") == self._number and "method" not in message:
                return message["result"]

    def _next(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while (line := self._process.stdout.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        message = json.loads(self._process.stdout.read(length) or "null")
        if not isinstance(message, dict):
            raise EOFError
        return message


@functools.cache
def _server() -> _Server:
    return _Server()


@functools.cache
def _ruff() -> str:
    from ruff.__main__ import find_ruff_bin

    try:
        return os.fsdecode(find_ruff_bin())
    except FileNotFoundError as error:
        raise SandboxError(f"ruff is installed without its program: {error}") from error


def _die_with_parent() -> None:
    """In ruff's process: no text keeps it alive when its analyser is killed."""
    with contextlib.suppress(OSError):
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)

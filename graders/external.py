"""External tools that search a folder of answers: CodeQL and Semgrep, where they are installed.

They start slowly, so one call searches many answers. Nothing of the answers is run: both only parse.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from codebench.graders.sarif import MOST_BYTES, ToolError, ToolLog, read_log

TIMEOUT_S = 3600.0
"""How long one command of a tool may take: CodeQL needs minutes for a thousand answers, Semgrep seconds."""

_TAIL_BYTES = 4096  # of what a command writes, to find its last line
_CODEQL_QUERIES = "codeql/python-queries:codeql-suites/python-security-extended.qls"
_SEMGREP_RULES = "p/python"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where one search takes place: the folder of answers, a scratch folder, and the log to write."""

    answers: Path
    scratch: Path
    log: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalTool:
    """How a tool is called: its executable's name, and the commands that search, after one another.

    `rules` is what it searches for unless something else is named; with `copies_rules` a file of rules is copied to
    where the search takes place, for a tool that names each rule after the folder that it is in.
    """

    name: str
    rules: str
    commands: Callable[[Paths, str], Sequence[Sequence[str]]]
    copies_rules: bool = False


def _codeql(paths: Paths, rules: str) -> Sequence[Sequence[str]]:
    database = str(paths.scratch / "database")
    return (
        ("database", "create", database, "--language=python", f"--source-root={paths.answers}", "--overwrite"),
        ("database", "analyze", database, rules, "--format=sarif-latest", f"--output={paths.log}"),
    )


def _semgrep(paths: Paths, rules: str) -> Sequence[Sequence[str]]:
    """A comment of the answer silences nothing, and no file is left out for what it is called or how long it is."""
    options = ("--metrics=off", "--disable-version-check", "--disable-nosem", "--no-git-ignore", "--max-target-bytes=0")
    return (("scan", f"--config={rules}", "--sarif", f"--output={paths.log}", *options, "."),)


EXTERNAL_TOOLS: Mapping[str, ExternalTool] = {
    tool.name: tool
    for tool in (
        ExternalTool(name="codeql", rules=_CODEQL_QUERIES, commands=_codeql),
        ExternalTool(name="semgrep", rules=_SEMGREP_RULES, commands=_semgrep, copies_rules=True),
    )
}


def is_installed(tool: ExternalTool) -> bool:
    return shutil.which(tool.name) is not None


async def search_folder(
    tool: ExternalTool, rules: str, paths: Paths, lines: Mapping[str, int], timeout_s: float = TIMEOUT_S
) -> ToolLog:
    """What the tool finds in `paths.answers`, a folder in `paths.scratch`; `lines` has the lines of each file there.

    Raises ToolError where it fails, takes too long, or writes no log that can be read.
    """
    for arguments in tool.commands(paths, _rules_at(tool, rules, paths)):
        await _run(tool.name, arguments, paths.answers, timeout_s)
    try:
        with paths.log.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ToolError(f"wrote no SARIF: {error.strerror}") from None
    return read_log(tool.name, data, str(paths.answers), lines)


def _rules_at(tool: ExternalTool, rules: str, paths: Paths) -> str:
    """The rules as the tool, which runs in the folder of answers, is given them."""
    given = Path(rules)
    if not given.exists():
        return rules
    if not tool.copies_rules:
        return str(given.resolve())
    try:
        if given.is_dir():
            shutil.copytree(given, paths.scratch / "rules")
        else:
            shutil.copyfile(given, paths.scratch / "rules.yaml")
    except OSError as error:
        raise ToolError(f"its rules cannot be copied: {error}") from None
    return "../rules" if given.is_dir() else "../rules.yaml"


async def _run(program: str, arguments: Sequence[str], folder: Path, timeout_s: float) -> None:
    """Run it to its end; it goes with all that it started, whatever happens here."""
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise ToolError(f"cannot be started: {error.strerror}") from None
    assert process.stderr is not None
    tail = asyncio.ensure_future(_tail(process.stderr))
    try:
        async with asyncio.timeout(timeout_s):
            status = await process.wait()
    except TimeoutError:
        raise ToolError(f"not done within {timeout_s:g} s") from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        said = await tail
    if status != 0:
        raise ToolError(f"`{program} {arguments[0]}` ended with exit code {status}{_last_line(said)}")


async def _tail(stream: asyncio.StreamReader) -> bytes:
    tail = b""
    while portion := await stream.read(65536):
        tail = (tail + portion)[-_TAIL_BYTES:]
    return tail


def _last_line(said: bytes) -> str:
    """The last line that it wrote, without colours and without paths, which name the user's folders."""
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    text = re.sub(r"\x1b\[[0-9;]*m", "", lines[-1]) if lines else ""
    text = re.sub(r"(?:/[^\s/:]+){2,}", "…", text)
    return f": {''.join(one for one in text if one.isprintable()).strip()[:200]}" if text else ""

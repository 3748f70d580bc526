"""Documents as tests read them: their blocks, the commands in these, and the folder in which they are tried.

How to write a document whose commands are tried is said in test_docs.py.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from prepared_runs import copy_run

from codebench.cli.main import commands as root_command

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
CODEBENCH = Path(sys.executable).with_name("codebench")
NAMES = ("README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))

_FENCE = re.compile(r"^(<!-- run -->\n)?```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NEEDS = re.compile(r"^<!-- needs: ([\w ./-]+) -->$", re.MULTILINE)
_EXITS = re.compile(r"  #.*\bexits (\d+)\b")
_ENVIRONMENT = re.compile(r"\w+=\S*")
_PLACEHOLDERS = re.compile(r"…|\[.*?\]|[|<>(){};&]")
_ENDS = {"|", ">", ">>", "<", "&&", "||", ";", "2>"}
_TRIED_IN_NAMESPACES = ("eval", "grade", "selfcheck")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; `run` says that it is marked to be run as it is."""

    kind: str
    text: str
    run: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """A line that begins with `codebench`, continuations joined, and the exit code that it should have."""

    line: str
    code: int = 0

    def words(self) -> list[str]:
        """The arguments after `codebench`, up to a pipe or whatever else is the shell's."""
        words = shlex.split(self.line, comments=False)[1:]
        return words[: next((place for place, word in enumerate(words) if word in _ENDS), len(words))]


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def blocks(document: str) -> list[Block]:
    return [Block(match[2], match[3], bool(match[1])) for match in _FENCE.finditer(text_of(document))]


def commands(block: Block) -> Iterator[Command]:
    """Those in a block of `console` or `sh`; variables that are set before `codebench` are passed over."""
    for line in block.text.replace("\\\n", " ").splitlines():
        words = line.strip().removeprefix("$ ").split(" ")
        while words and _ENVIRONMENT.fullmatch(words[0]):
            del words[0]
        if words[:1] == ["codebench"]:
            exits = _EXITS.search(line)
            yield Command(" ".join(words).partition("  #")[0].strip(), int(exits[1]) if exits else 0)


def spoken(document: str) -> Iterator[Command]:
    """The commands that the prose names in `code`, as far as they have no placeholders."""
    prose = _FENCE.sub("", text_of(document))
    for code in re.findall(r"(?<!`)`(codebench [^`]+)`(?!`)", prose):
        if not _PLACEHOLDERS.search(code):
            yield Command(" ".join(code.split()))


def misuse(command: Command) -> str:
    """Why the command line cannot mean anything: no such command, option or choice; "" where it can.

    Nothing is run, and no file is looked for.
    """
    context = click.Context(root_command, info_name="codebench", token_normalize_func=_as_the_command_line_does)
    words = command.words()
    while isinstance(context.command, click.Group) and words and not words[0].startswith("-"):
        found = context.command.get_command(context, words[0])
        if found is None:
            return "" if words[0].isupper() else f"no command {words[0]}"
        context = click.Context(found, info_name=words.pop(0), parent=context)
    try:
        given, _, _ = context.command.make_parser(context).parse_args(list(words))
        for parameter in context.command.get_params(context):
            value = given.get(parameter.name or "")
            if isinstance(parameter.type, click.Choice) and isinstance(value, str) and not value.isupper():
                parameter.type.convert(value, parameter, context)
    except click.UsageError as error:
        return error.format_message()
    return ""


def _as_the_command_line_does(token: str) -> str:
    return token.replace("_", "-")


def needs(document: str) -> list[str]:
    return [name for line in _NEEDS.findall(text_of(document)) for name in line.split()]


def prepare(document: str, folder: Path) -> None:
    """Put into the folder what every document may take for given, and what this one says that it needs."""
    prepare_these([*ALWAYS, *ASSUMED.get(document, ()), *needs(document)], folder)


def prepare_these(names: Iterable[str], folder: Path) -> None:
    """Skip the test where one of them is not to be had."""
    for name in dict.fromkeys(names):
        if name.startswith("shared"):
            if not (SHARED.parent / name).exists():
                pytest.skip(f"../{name} is not here: it holds data of others that this repository does not")
            if not (folder / "shared").exists():
                (folder / "shared").symlink_to(SHARED)
        else:
            PREPARED[name](folder)


def run(command: Command, folder: Path) -> None:
    """Run it as a user would, without the engine of Docker, and expect its exit code."""
    words = shlex.split(command.line)[1:]
    if "--sandbox" not in words and words[0] in _TRIED_IN_NAMESPACES:
        words += ["--sandbox", "namespaces"]
    done = subprocess.run(
        [CODEBENCH, *words], cwd=folder, env=environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == command.code, f"{command.line}\n{done.returncode}\n{done.stdout}{done.stderr}"


def run_shell(block: Block, folder: Path) -> None:
    """Run a block that is marked so."""
    subprocess.run(["bash", "-euc", block.text], cwd=folder, env=environment(), timeout=120, check=True)


def environment() -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("CODEBENCH_")}
    return env | {"PATH": f"{CODEBENCH.parent}:{env.get('PATH', '')}"}


def _finished_run(folder: Path) -> None:
    """codebench-runs/RUN, of HumanEval's own solutions."""
    shutil.copytree(_humaneval_run(), folder / "codebench-runs" / "RUN")


def _two_runs(folder: Path) -> None:
    """codebench-runs/BASE and codebench-runs/HEAD: 6 problems with 3 answers each, by all graders."""
    for name in ("BASE", "HEAD"):
        copy_run(name, folder / "codebench-runs")


def _model_run(folder: Path) -> None:
    """codebench-runs/MODEL: by a model behind a server, with repairs."""
    copy_run("MODEL", folder / "codebench-runs")


def _saved_answers(folder: Path) -> None:
    """samples.jsonl: HumanEval's own solutions."""
    with (
        (_humaneval_run() / "records.jsonl").open() as records,
        (folder / "samples.jsonl").open("w", encoding="utf-8") as out,
    ):
        for record in map(json.loads, records):
            out.write(json.dumps({"task_id": record["task_id"], "solution": record["code"]}) + "\n")


def _small_pack(folder: Path) -> None:
    """my-pack: a pack of two problems."""
    lines = (ROOT / "problems/starter/problems.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "my-pack").mkdir()
    (folder / "my-pack/problems.jsonl").write_text("".join(lines[:2]), encoding="utf-8")
    (folder / "my-pack/pack.toml").write_text(
        'name = "my-pack"\nversion = "1"\nlicence = "MIT"\ndescription = "Two problems."\n', encoding="utf-8"
    )


def _humaneval_run() -> Path:
    return Path(_humaneval().name, "RUN")


@functools.cache
def _humaneval() -> tempfile.TemporaryDirectory[str]:
    """It goes when the tests end."""
    folder = tempfile.TemporaryDirectory(prefix="codebench-docs-")
    run(Command("codebench eval --suite humaneval --model reference --out RUN"), Path(folder.name))
    return folder


ALWAYS = ("run", "samples")
ASSUMED = {"README.md": ("pack",)}
PREPARED: Mapping[str, Callable[[Path], None]] = {
    "run": _finished_run,
    "samples": _saved_answers,
    "pack": _small_pack,
    "two-runs": _two_runs,
    "model-run": _model_run,
}
"""What a document may say that it needs, besides `shared` and paths below it. Each is made once a session."""

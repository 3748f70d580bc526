"""The arguments of an answer, by name and value: what it passes to the program of a task, and what of it is missing.

An answer is parsed in a process that can be killed (`analysis`), for its text is not to be trusted; what comes back is
plain data, which is compared with what the task wants.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import msgspec

from codebench.graders.argument_values import Wanted, agrees
from codebench.graders.command_lines import Words, commands_of
from codebench.graders.languages import PYTHON, language_of
from codebench.graders.programs import Options, option_lists, options_of
from codebench.graders.python_arguments import passed_by

READ = "codebench.graders.arguments:read"
"""The name of `read` for `Analysers.analyse`."""
_MOST_VALUES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What to look for. `script` is the program that a command must run, "" for any Python or shell script.

    `positionals` name the words that stand alone behind it, in order. `flags` are its options that take no value.
    `aliases` has the name that an option's other name stands for, such as `e` for `epochs`. `signatures` has, by the
    name of a function, the names of its parameters, so that arguments without a name can be told apart.
    """

    script: str = ""
    positionals: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    signatures: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def as_json(self) -> str:
        return msgspec.json.encode(self, enc_hook=dict).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What an answer gives: for each time that it runs the program (once for a Python program), values by name.

    Each name has the words of every time that it is given, the last of which counts for a program that is run.
    `unread` says why the text, or a part of it, could not be parsed; "" where all of it was.
    """

    language: str
    runs: tuple[dict[str, list[Words]], ...] = ()
    unread: str = ""


def read(code: str, asked: str) -> Given:
    """What `code` gives of what `asked`, an `Ask` in JSON, asks for. Never runs any of it."""
    ask = msgspec.json.decode(asked, type=Ask)
    language = language_of(code)
    return _read_python(code, ask) if language == PYTHON else _read_shell(code, ask)


def _read_shell(code: str, ask: Ask) -> Given:
    commands = commands_of(code)
    runs = [_named(options, ask) for options in option_lists(commands.words, ask.script, frozenset(ask.flags))]
    return Given(language="bash", runs=tuple(runs), unread=commands.unread)


def _read_python(code: str, ask: Ask) -> Given:
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError) as error:
        line = f"line {error.lineno} " if isinstance(error, SyntaxError) and error.lineno else ""
        return Given(language="python", unread=f"{line}is no Python" if line else "no Python")
    passed = passed_by(tree, ask.signatures)
    own = _named(passed.named, ask)
    for words in passed.argument_lists:
        for name, values in _named(options_of(words, frozenset(ask.flags)), ask).items():
            own.setdefault(name, []).extend(values)
    commands = [*passed.commands, *(words for text in passed.shell_texts for words in commands_of(text).words)]
    runs = [_named(options, ask) for options in option_lists(commands, ask.script, frozenset(ask.flags))]
    return Given(language="python", runs=(own, *runs))


def _named(options: Options, ask: Ask) -> dict[str, list[Words]]:
    named: dict[str, list[Words]] = {}
    for name, values in options.named.items():
        own = ask.aliases.get(name, name).replace("-", "_")
        named.setdefault(own, []).extend(values[:_MOST_VALUES])
    for name, word in zip(ask.positionals, options.alone, strict=False):
        named.setdefault(name.replace("-", "_"), []).append((word,))
    return named


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """An argument that the answer does not give as wanted; `given` are its words, None where the name is not there."""

    name: str
    given: Words | None = None


def missing(wanted: Mapping[str, Wanted], given: Given, *, ignore_case: bool = False) -> tuple[Missing, ...]:
    """What is missing of `wanted` in the run that comes nearest; () where one has everything.

    Of a program's options the last of a name counts, of a Python program any.
    """
    found = [_missing(wanted, run, given.language == PYTHON and place == 0, ignore_case)
             for place, run in enumerate(given.runs)]  # fmt: skip
    return min(found, key=len, default=tuple(Missing(name=name) for name in wanted))


def _missing(
    wanted: Mapping[str, Wanted], run: Mapping[str, list[Words]], any_counts: bool, ignore_case: bool
) -> tuple[Missing, ...]:
    return tuple(
        Missing(name=name, given=values[-1] if (values := _of(name, run)) else None)
        for name, value in wanted.items()
        if not _is_met(value, _of(name, run), any_counts, ignore_case, _of(f"no_{name}", run))
    )


def _of(name: str, run: Mapping[str, list[Words]]) -> list[Words]:
    return run.get(name.lstrip("-").replace("-", "_"), [])


def _is_met(wanted: Wanted, values: list[Words], any_counts: bool, ignore_case: bool, negated: list[Words]) -> bool:
    if wanted is False and negated:
        return True
    if not values:
        return wanted is False or wanted is None
    if isinstance(wanted, list | tuple) and len(values) == len(wanted) > 1 and all(len(one) == 1 for one in values):
        values = [*values, tuple(one[0] for one in values)]  # --tag a --tag b
    return any(agrees(wanted, one, ignore_case=ignore_case) for one in (values if any_counts else values[-1:]))


def upstream_has(wanted: Iterable[object], code: str) -> bool:
    """ML-Bench's rule: every value is somewhere in the text, in lower case; so `1` is in `10`, under whatever name."""
    return all(str(value).lower() in code.lower() for value in wanted)

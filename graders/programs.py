"""Which program a command line runs, and with which options: argparse's, hydra's, flags, and what stands alone."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from codebench.graders.command_lines import Words

_PYTHON = re.compile(r"(?:python|pypy)[\d.]*")
_SHELLS = ("bash", "sh", "dash", "zsh")
_SOURCES = ("source", ".")
_WRAPPERS = ("env", "exec", "command", "nohup", "time", "nice", "ionice", "stdbuf", "timeout", "setsid", "xvfb-run")
_LAUNCHERS = ("torchrun", "accelerate", "deepspeed", "mpirun", "horovodrun", "srun", "poetry", "uv", "conda")
_LAUNCHING_MODULES = ("torch.distributed.launch", "torch.distributed.run", "accelerate.commands.launch", "runpy")
_TAKES_A_VALUE = {"-W", "-X", "-n", "-c", "-s", "-k", "--signal", "--kill-after", "-o", "-e", "-i", "-u", "-C", "-a"}
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_KEY_VALUE = re.compile(r"\+{0,2}([A-Za-z_][\w.@/-]*)=(.*)", re.DOTALL)
_NEGATIVE = re.compile(r"-\.?\d")
_ATTACHED = re.compile(r"-([A-Za-z])(\d.*)")
_SUFFIXES = (".py", ".sh")


@dataclass(slots=True)
class Options:
    """What a program is given: by each name the values of each time that it is named, and what has no name."""

    named: dict[str, list[Words]] = field(default_factory=dict)
    alone: list[str | None] = field(default_factory=list)

    def add(self, name: str, values: Words) -> None:
        self.named.setdefault(name.replace("-", "_"), []).append(values)


def arguments_behind(words: Words, script: str) -> Words | None:
    """What stands behind `script` where the command runs it, else None.

    `script` is a path in the repository, a module or a command's name; "" is any Python or shell script.
    """
    rest = _unwrapped(words)
    if not rest or rest[0] is None:
        return None
    program = posixpath.basename(rest[0])
    if program in _LAUNCHERS:
        return _behind_first(rest[1:], script)
    if _PYTHON.fullmatch(program):
        return _behind_python(rest[1:], script)
    if program in _SHELLS or program in _SOURCES:
        return _behind_path(_skip_options(rest[1:]), script)
    if rest[0] == script or (_is_path(rest[0]) and _names(rest[0], script)):
        return rest[1:]
    return None


def options_of(words: Words, flags: frozenset[str] = frozenset()) -> Options:
    """Read a program's arguments without knowing its parser: the words behind an option are its values, up to the next.

    `flags` are names of options that take no value. Names lose their dashes, and `-` in them counts as `_`.
    """
    options, name, values = Options(), "", list[str | None]()
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            options.alone += rest
            break
        option = _option(word)
        if option is None and name:
            values.append(word)
            continue
        if name:
            options.add(name, tuple(values))
        name, values = "", []
        if option is None:
            options.alone.append(word)
        elif option[1] is not None or option[0].replace("-", "_") in flags:
            options.add(option[0], () if option[1] is None else (option[1],))
        else:
            name = option[0]
    if name:
        options.add(name, tuple(values))
    return options


def _option(word: str | None) -> tuple[str, str | None] | None:
    """(name, value or None) where the word is an option or `key=value`; None where it is a value itself."""
    if word is None:
        return None
    if word.startswith("-") and len(word) > 1 and not _NEGATIVE.match(word):
        if attached := _ATTACHED.fullmatch(word):
            return attached[1], attached[2]
        name, equals, value = word.lstrip("-").partition("=")
        return name, value if equals else None
    if pair := _KEY_VALUE.fullmatch(word):
        return pair[1], pair[2]
    return None


def _unwrapped(words: Words) -> Words:
    """Without assignments and programs that only run another one."""
    for _ in range(len(words)):
        if not words or words[0] is None:
            return words
        program = posixpath.basename(words[0])
        if _ASSIGNMENT.fullmatch(words[0]):
            words = words[1:]
        elif program in _WRAPPERS:
            words = _skip_options(words[1:])
            words = words[1:] if program == "timeout" else words
        else:
            break
    return words


def _skip_options(words: Words) -> Words:
    place = 0
    while place < len(words) and (words[place] or "").startswith("-"):
        place += 2 if words[place] in _TAKES_A_VALUE else 1
    return words[place:]


def _behind_python(words: Words, script: str) -> Words | None:
    for place, word in enumerate(words):
        if word is None or word == "-c":
            return None
        if word == "-m" or (word.startswith("-m") and not word.startswith("--")):
            rest = words[place + 1 :] if word == "-m" else (word[2:], *words[place + 1 :])
            if rest and rest[0] in _LAUNCHING_MODULES:
                return _behind_first(rest[1:], script)
            return rest[1:] if rest and rest[0] is not None and _is_module(rest[0], script) else None
        if not word.startswith("-"):
            return _behind_path(words[place:], script)
        if word in ("-W", "-X"):
            return _behind_python(words[place + 2 :], script)
    return None


def _behind_path(words: Words, script: str) -> Words | None:
    return words[1:] if words and words[0] is not None and _names(words[0], script) else None


def _behind_first(words: Words, script: str) -> Words | None:
    """Behind a launcher stands whatever it launches, somewhere."""
    for place, word in enumerate(words):
        if word is not None and (_names(word, script) or (script and word == script)):
            return words[place + 1 :]
    return None


def _is_path(word: str) -> bool:
    return "/" in word or word.endswith(_SUFFIXES)


def _names(path: str, script: str) -> bool:
    """Whether a path names the script, from whichever folder."""
    if not script:
        return path.endswith(_SUFFIXES)
    given, wanted = _parts(path), _parts(script)
    shorter = min(len(given), len(wanted))
    return shorter > 0 and given[-shorter:] == wanted[-shorter:]


def _is_module(module: str, script: str) -> bool:
    if not script:
        return True
    as_path = module.replace(".", "/")
    return module == script or script in (f"{as_path}.py", f"{as_path}/__main__.py")


def _parts(path: str) -> Sequence[str]:
    return [part for part in posixpath.normpath(path).split("/") if part not in ("", ".", "..")]


def option_lists(words: Sequence[Words], script: str, flags: frozenset[str]) -> Iterator[Options]:
    """The options of each of the commands that runs the script."""
    for one in words:
        behind = arguments_behind(one, script)
        if behind is not None:
            yield options_of(behind, flags)

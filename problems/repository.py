"""Tasks that use a repository: what the model is told, where its answer runs, and how it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

Scalar = str | int | float | bool | None
Argument = Scalar | tuple[Scalar, ...]


class AnswerLanguage(StrEnum):
    """What an answer is to be written in."""

    BASH = "bash"
    PYTHON = "python"


class Setting(StrEnum):
    """How much of the documentation a model is shown."""

    ORACLE = "oracle"
    """The part that answers the task."""
    RETRIEVAL = "retrieval"
    """The part that a search finds: the best window of sentences, or the best entries of an API."""
    RAW = "raw"
    """All of it, cut where it is longer than the model's context."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A folder of files that answers run in: a copy of `tree`, which has this `sha256` (`repository_store.digest_of`).

    `image` names what its programs need (`Suite.image`), `gpus` how many GPUs. `readme` is the text of its
    documentation, `entries` that of its API, "" for none.
    """

    name: str
    tree: Path
    sha256: str
    image: str = ""
    gpus: int = 0
    readme: str = ""
    entries: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryTask:
    """What a model is told. `shown` is the documentation in the setting of the run, "" for none.

    `oracle`, `retrieved` and `readme` are what the settings show. What is not `retrieved` already is found in
    `entries`, an API of one entry a heading, or else in the readme. `cwd` is the folder of the repository that the
    answer runs in, "" for its top.
    """

    repository: str
    instruction: str
    language: AnswerLanguage
    cwd: str = ""
    oracle: str = ""
    retrieved: str = ""
    readme: str = ""
    entries: str = ""
    setting: Setting = Setting.ORACLE

    @property
    def shown(self) -> str:
        texts = {Setting.ORACLE: self.oracle, Setting.RETRIEVAL: self.retrieved, Setting.RAW: self.readme}
        return texts[self.setting]

    def in_setting(self, setting: Setting) -> RepositoryTask:
        """The task as that setting has it. Raises PackError where the search needs a package that is missing."""
        if setting is not Setting.RETRIEVAL or self.retrieved:
            return replace(self, setting=setting)
        from codebench.problems.retrieval import best_entries, best_window

        find, text = (best_entries, self.entries) if self.entries else (best_window, self.readme)
        return replace(self, setting=setting, retrieved=find(text, self.instruction))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WantedArguments:
    """A check of the answer's text: it gives the program every one of `wanted`, by name and value.

    A list is several values of one name; True is a flag that is set. See `graders.arguments.Ask` for `script`,
    `positionals`, `flags`, `aliases` and `signatures`. `ignore_case` is for values that are text. With `anywhere`, of
    upstream's rules, it is enough that each value is somewhere in the text.
    """

    name: str = "arguments"
    wanted: Mapping[str, Argument]
    script: str = ""
    positionals: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    signatures: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    ignore_case: bool = False
    anywhere: bool = False
    compat: Mapping[str, WantedArguments] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WantedLanguage:
    """A check of the answer's text: it is in this language.

    With `by_script`, upstream's rule, an answer is for a shell where `.sh ` or `.py ` is in it.
    """

    name: str = "type"
    language: AnswerLanguage
    by_script: bool = False
    compat: Mapping[str, WantedLanguage] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedSign:
    """One sign that the job itself was done; see `sandbox.Milestone`, which is made of it."""

    exits: int | None = None
    line: str = ""
    file: str = ""
    contains: str = ""
    running: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WantedRun:
    """A check that runs the answer in a copy of the repository, from the folder `cwd`.

    One of `signs` must be seen, and `check` hold where there is one: trusted source that defines `check(read, output)`,
    see `sandbox.Command`. `set_up` is trusted source in the answer's language, run before it. `timeout_s` is the limit
    of this task, None for that of the run; `disk_mib` how much it may write. With `timeout_passes`, of upstream's
    rules, what runs out of time is right; `by_script` as in `WantedLanguage`.
    """

    name: str = "execution"
    repository: str
    signs: tuple[WantedSign, ...]
    cwd: str = ""
    set_up: str = ""
    check: str = ""
    timeout_s: float | None = None
    disk_mib: int = 64
    timeout_passes: bool = False
    by_script: bool = False
    compat: Mapping[str, WantedRun] = field(default_factory=lambda: MappingProxyType({}))


RepositoryCheck = WantedArguments | WantedLanguage | WantedRun

"""A command is an untrusted shell text or program that runs inside a repository; milestones say when it has worked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Language(StrEnum):
    """What reads the answer: a shell, or the box's own interpreter."""

    BASH = "bash"
    PYTHON = "python"


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    """One positive sign that the job itself was done. Every part that is given must be seen; at least one is given.

    `line` is a regular expression that is found in a line of stdout or stderr; lines end at "\\n" and "\\r", and those
    longer than 4 KiB are not looked at. `file` is a relative path of the repository at which there is a regular
    file, not empty, that was not there when the answer began or has other bytes now; `contains` a regular expression
    that is found in the first MiB of its text. `exits` is the status with which the answer's own process ended.
    `running` says that it must still run when its time is up; without it, what runs out of time meets no milestone.

    A milestone of nothing but a line is met as soon as it is printed: where there is no check and nothing to keep,
    the answer is ended there.
    """

    exits: int | None = None
    line: str = ""
    file: str = ""
    contains: str = ""
    running: bool = False

    def __post_init__(self) -> None:
        assert self.exits is not None or self.line or self.file, "a milestone without a sign is met by anything"
        assert not self.contains or self.file, "what contains it?"
        assert not self.running or self.exits is None, "what still runs has not ended"
        assert not self.file or inside(self.file), f"{self.file!r} leads outside"
        for pattern in (self.line, self.contains):
            re.compile(pattern)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """How the answer is run: in folder `cwd` of a fresh view of `repository`, one of `SandboxOptions.repositories`.

    `set_up` is trusted source in the same language that runs in the view before the answer, as a process of its own;
    where it does not exit with 0, `Sandbox.run` raises SandboxError. One of `milestones` must be met. `check` is
    trusted source that defines `check(read, output)`, which the judge calls when every process of the answer is dead:
    `read(path)` gives the bytes of a regular file of the view, at most 16 MiB, without following a link, and raises
    FileNotFoundError where there is none; `output` is the first MiB of stdout as text. Files at the paths of `keep`
    are reported.
    """

    repository: str
    language: Language
    milestones: tuple[Milestone, ...]
    cwd: str = ""
    set_up: str = ""
    check: str = ""
    keep: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert self.milestones, "a command without a milestone cannot succeed"
        assert valid_name(self.repository), f"{self.repository!r} is no name of a repository"
        assert all(inside(path) for path in (self.cwd, *self.keep)), "a path leads outside"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """The first bytes (`Limits.output_bytes`) of a file that was to be kept; `text` is None where there is none."""

    path: str
    text: str | None = None
    truncated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFacts:
    """What was seen of a command. `exit_code` is None where its own process was ended, or ended by a signal.

    `milestones` has the indexes of those that were met. `files` counts the entries of the view that were made, changed
    or removed, folders on the way to them included, and `bytes_written` what they take on disk: both of set-up and
    answer together, as the file system counts them.
    """

    exit_code: int | None = None
    signal: int | None = None
    timed_out: bool = False
    milestones: tuple[int, ...] = ()
    files: int = 0
    bytes_written: int = 0
    kept: tuple[KeptFile, ...] = ()


def valid_name(name: str) -> bool:
    """Can a repository have this name? It is a folder's in every box."""
    return _NAME.fullmatch(name) is not None


def inside(path: str) -> bool:
    """Is this a relative path that stays below where it begins?"""
    return not path.startswith("/") and ".." not in PurePosixPath(path).parts and "\0" not in path

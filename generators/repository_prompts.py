"""Prompts for tasks that use a repository: what is to be done, and its documentation as far as it is shown and fits."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

from codebench.generators.sample import Documentation, GeneratorError
from codebench.problems import AnswerLanguage, RepositoryTask, Setting

_BYTES_PER_TOKEN = 3  # fewer than tokenizers need for English and code, so that an estimate never is too low by much
_MARGIN = 64  # tokens that a chat template adds
_FENCES = {AnswerLanguage.BASH: "bash", AnswerLanguage.PYTHON: "python"}
_ASKED_FOR = {
    AnswerLanguage.BASH: "the shell commands that do it, in one bash code block",
    AnswerLanguage.PYTHON: "a whole Python program that does it, in one Python code block",
}
INSTRUCTION = (
    "You are in {place} of the repository {repository}, which is installed.{documentation}\n\n"
    "The task:\n\n{instruction}\n\nAnswer with {asked_for}. It is run as it is, in that folder and without a network."
)
DOCUMENTATION = " {part} its documentation says:\n\n<documentation>\n{shown}\n</documentation>"
FEEDBACK = "Your answer is wrong. {feedback}\n\nAnswer with {asked_for}."
_PARTS = {Setting.ORACLE: "Of this task", Setting.RETRIEVAL: "In the part that a search finds", Setting.RAW: "In whole"}
_CUT = "In its first part (the rest is cut off)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much a prompt may hold: `tokens`, None where that is not known.

    `count` gives the tokens of a text, by the model's tokenizer; where it is None they are estimated, at three bytes a
    token.
    """

    tokens: int | None = None
    count: Callable[[str], int] | None = None

    def tokens_of(self, text: str) -> int:
        if self.count is not None:
            return self.count(text)
        return math.ceil(len(text.encode("utf-8", "surrogatepass")) / _BYTES_PER_TOKEN)


def instruction_of(task: RepositoryTask, room: Room) -> tuple[str, Documentation]:
    """What a chat model is asked, and what is to be said of the documentation in it.

    Raises GeneratorError where there is no room for the question itself.
    """
    shown, documentation = _fitted(task, room, _text(task, ""))
    return _text(task, shown, cut=documentation.shown_tokens < documentation.tokens), documentation


def feedback_of(task: RepositoryTask, feedback: str) -> str:
    return FEEDBACK.format(feedback=feedback, asked_for=_ASKED_FOR[task.language])


def completion_of(task: RepositoryTask, room: Room) -> tuple[str, Documentation]:
    """The same for a model that continues a text: it ends where the code begins."""
    text, documentation = instruction_of(task, room)
    return f"{text}\n\n```{_FENCES[task.language]}\n", documentation


def _text(task: RepositoryTask, shown: str, cut: bool = False) -> str:
    part = _CUT if cut else _PARTS[task.setting]
    return INSTRUCTION.format(
        place=f"the folder {task.cwd}" if task.cwd else "the top folder",
        repository=task.repository,
        documentation=DOCUMENTATION.format(part=part, shown=shown.strip("\n")) if shown.strip() else "",
        instruction=task.instruction,
        asked_for=_ASKED_FOR[task.language],
    )


def _fitted(task: RepositoryTask, room: Room, rest: str) -> tuple[str, Documentation]:
    """The documentation, cut at the end of a line so that all of the prompt fits."""
    whole = room.tokens_of(task.shown)
    shown, fits = task.shown, whole
    if room.tokens is not None:
        left = room.tokens - _MARGIN - room.tokens_of(rest) - room.tokens_of(DOCUMENTATION + _CUT)
        if left <= 0 and task.shown:
            raise GeneratorError(f"--context: {room.tokens} tokens have no room for the question; use a larger one")
        if whole > left:
            shown = _first_lines(task.shown, left, room)
            fits = room.tokens_of(shown)
    counted_by = "estimate" if room.count is None else "tokenizer"
    setting = task.setting.value
    return shown, Documentation(setting=setting, tokens=whole, shown_tokens=fits, counted_by=counted_by)


@functools.lru_cache(maxsize=256)
def _first_lines(text: str, tokens: int, room: Room) -> str:
    """As many whole lines from the beginning as have so many tokens."""
    lines = text.splitlines(keepends=True)
    low, high = 0, len(lines)
    while low < high:
        middle = (low + high + 1) // 2
        if room.tokens_of("".join(lines[:middle])) <= tokens:
            low = middle
        else:
            high = middle - 1
    return "".join(lines[:low])

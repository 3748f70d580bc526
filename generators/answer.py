"""The answer in what a model wrote: a function's program, or what is to be run in a repository.

Where the answer is to be run, the last block of the task's own language counts, failing that the last of the other
one; a text without any block is taken as it is. Nothing is corrected. A block that is marked as a shell's begins with
`#!/bin/bash` in the answer, so that its language stays known; so does one that is marked as Python and is no program.
"""

from __future__ import annotations

from codebench.generators.extract import extract
from codebench.generators.fences import Block, blocks_of, split_thinking
from codebench.generators.source import Budget, parse
from codebench.problems import AnswerLanguage, Problem

_SHELL = ("bash", "sh", "shell", "console", "zsh", "shell-session", "shellscript", "terminal")
_LONGEST = 200_000
_SHEBANGS = {AnswerLanguage.BASH: "#!/bin/bash\n", AnswerLanguage.PYTHON: "#!/usr/bin/env python3\n"}


def answer_in(text: str, problem: Problem) -> str:
    """The answer to `problem` in a response; "" where there is none. Never raises."""
    if problem.task is None:
        return extract(text, prompt=problem.prompt, entry_point=problem.entry_point).code
    return command_in(text, problem.task.language)


def command_in(text: str, language: AnswerLanguage) -> str:
    """What is to be run, in a text that says so somewhere, preferably in this language."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    if plain.startswith("#!"):
        return plain
    answer = split_thinking(plain)[1][-_LONGEST:]
    blocks = [block for block in blocks_of(answer) if _language(block) is not None]
    own = [block for block in blocks if _language(block) in (language, "")]
    if not blocks:
        return _as_it_is(answer)
    return _marked(own[-1] if own else blocks[-1])


def _language(block: Block) -> AnswerLanguage | str | None:
    """The block's language, "" where it is not marked, None for one that is neither a shell's nor Python."""
    if not block.language:
        return ""
    if block.language in _SHELL:
        return AnswerLanguage.BASH
    return AnswerLanguage.PYTHON if block.may_be_python else None


def _marked(block: Block) -> str:
    language, code = _language(block), _ended(block.text)
    if code.startswith("#!") or not code:
        return code
    if language == AnswerLanguage.BASH:
        return _SHEBANGS[AnswerLanguage.BASH] + _without_prompts(code)
    if language == AnswerLanguage.PYTHON and parse(code.strip("\n"), Budget()) is None:
        return _SHEBANGS[AnswerLanguage.PYTHON] + code
    return _without_prompts(code)


def _as_it_is(answer: str) -> str:
    """A text without blocks; a single line between backticks is what stands between them."""
    code = answer.strip()
    if code.startswith("```"):
        return ""  # an empty block
    if "\n" not in code and len(code) > 2 and code[0] == code[-1] == "`":
        code = code.strip("`")
    return _ended(_without_prompts(code))


def _without_prompts(code: str) -> str:
    """The commands of a session that is shown with its prompts, `$ ` before each; any other text as it is."""
    lines = code.split("\n")
    if not lines[0].startswith("$ "):
        return code
    kept, goes_on = [], False
    for line in lines:
        if line.startswith("$ ") or goes_on:
            kept.append(line.removeprefix("$ ") if not goes_on else line.removeprefix("> "))
            goes_on = line.endswith("\\")
    return "\n".join(kept) + "\n"


def _ended(code: str) -> str:
    stripped = code.strip("\n").rstrip()
    return f"{stripped}\n" if stripped.strip() else ""

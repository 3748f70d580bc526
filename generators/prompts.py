"""From a problem to what the model is given: a text to continue, or messages to answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codebench.generators.options import Prompting
from codebench.generators.repository_prompts import (
    DOCUMENTATION,
    FEEDBACK,
    INSTRUCTION,
    Room,
    completion_of,
    feedback_of,
    instruction_of,
)
from codebench.generators.sample import Documentation, Failure, GeneratorError
from codebench.problems import Problem, RepositoryTask

if TYPE_CHECKING:
    from jinja2 import Template

# Where the function that a base model was asked for is over, and it goes on with something else.
COMPLETION_STOPS = ("\nclass ", "\ndef ", "\n@", "\n#", "\nif __name__", "\nprint(", "\nassert ", "\n```", "\n<")
_RAW = "{# completion #}"
_INSTRUCTION = (
    "Write the Python function `{entry_point}` that the following code begins. "
    "Answer with the whole function in one Python code block, with every import it needs.\n\n```python\n{prompt}\n```"
)
_FEEDBACK = "Your answer is wrong. {feedback}\n\nAnswer with the corrected code, whole, in one Python code block."


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation; `role` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a model is given: `messages` for it to answer, beginning with `prefill`; or else `text` to continue.

    `code_before` is what the answer continues, where that is a part of the program. The answer ends before any of
    `stop`. `documentation` says what of a repository's is in it.
    """

    messages: tuple[Message, ...] = ()
    text: str = ""
    prefill: str = ""
    stop: tuple[str, ...] = ()
    code_before: str = ""
    documentation: Documentation | None = None

    def as_json(self) -> str:
        """The messages as the servers of this world take them."""
        return json.dumps([{"role": one.role, "content": one.content} for one in self.messages], ensure_ascii=False)


class Prompter:
    """Makes the prompts of one run. `chats` says that the model has a chat template; `room` what a prompt may hold.

    Raises GeneratorError for a style that the model cannot follow, or a template that cannot be used.
    """

    def __init__(self, options: Prompting, *, chats: bool, model: str, room: Room | None = None) -> None:
        self._options = options
        self._room = room or Room()
        self._template: Template | None = None
        self.style = options.style
        if options.style == "auto":
            self.style = "chat" if chats else "completion"
        elif options.style not in ("chat", "completion"):
            self._load(Path(options.style), chats)
        if self.style == "chat" and not chats:
            raise GeneratorError(f"{model} has no chat template; use --prompt completion, or a template of your own")
        if self.style == "completion" and (options.system or options.prefill):
            raise GeneratorError("--system and --prefill belong to a chat; use --prompt chat, or leave them out")
        self._shots = _shots(options.shots)

    @property
    def identity(self) -> dict[str, str]:
        """The style, and the sha256 of whatever makes prompts what they are."""
        parts = (
            self.style, self._source, self._options.system, self._options.prefill, self._options.stop,
            self._options.shots, _INSTRUCTION, _FEEDBACK, COMPLETION_STOPS, INSTRUCTION, DOCUMENTATION, FEEDBACK,
        )  # fmt: skip
        digest = hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogatepass")).hexdigest()
        return {"prompt": self.style, "prompt_sha256": digest}

    def prompt(self, problem: Problem) -> Prompt:
        if problem.task is not None and self._shots:
            raise GeneratorError("--shots: the worked examples are functions, and no tasks that use a repository")
        return self._chat(problem) if self.style == "chat" else self._completion(problem)

    def repair(self, failure: Failure) -> Prompt:
        """The prompt of the first round, the answer to it, and what was wrong with that."""
        first, sample = self.prompt(failure.problem), failure.sample
        given = sample.generation.response if sample.generation is not None else sample.code
        if first.messages:
            task = failure.problem.task
            feedback = feedback_of(task, failure.feedback) if task else _FEEDBACK.format(feedback=failure.feedback)
            turns = Message(role="assistant", content=first.prefill + given), Message(role="user", content=feedback)
            return replace(first, messages=(*first.messages, *turns))
        remark = "\n".join(f"# {line}" for line in failure.feedback.splitlines())
        text = f"{sample.code.rstrip()}\n\n# This is wrong.\n{remark}\n# Corrected:\n\n{first.text}"
        return replace(first, text=text)

    _source = ""

    def _load(self, path: Path, chats: bool) -> None:
        import jinja2
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        try:
            self._source = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8"
            raise GeneratorError(f"--prompt {path}: {reason}; give auto, completion, chat or a template file") from None
        environment = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
        try:
            self._template = environment.from_string(self._source)
        except jinja2.TemplateError as error:
            line = getattr(error, "lineno", None) or 1
            raise GeneratorError(f"{path}:{line}: not a Jinja template: {error}") from None
        self.style = "completion" if self._source.startswith(_RAW) or not chats else "chat"

    def _rendered(self, problem: Problem) -> str:
        import jinja2

        assert self._template is not None
        values: dict[str, Any] = {
            "task_id": problem.task_id,
            "prompt": instruction_of(problem.task, self._room)[0] if problem.task else problem.prompt,
            "instruction": problem.task.instruction if problem.task else "",
            "documentation": problem.task.shown if problem.task else "",
            "language": problem.task.language.value if problem.task else "python",
            "entry_point": problem.entry_point,
            "examples": [{"prompt": one.prompt, "solution": one.canonical_solution} for one in self._shots],
        }
        try:
            return self._template.render(values).removeprefix("\n")
        except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
            raise GeneratorError(f"{self._options.style}: cannot be rendered: {error}") from None

    def _instruction(self, problem: Problem) -> str:
        if self._template is not None:
            return self._rendered(problem)
        if problem.task is not None:
            return instruction_of(problem.task, self._room)[0]
        return _INSTRUCTION.format(entry_point=problem.entry_point, prompt=problem.prompt.strip("\n"))

    def _chat(self, problem: Problem) -> Prompt:
        messages = [Message(role="system", content=self._options.system)] if self._options.system else []
        for shot in () if self._template is not None else self._shots:
            answer = f"```python\n{(shot.prompt + shot.canonical_solution).strip()}\n```"
            messages.append(Message(role="user", content=self._instruction(shot)))
            messages.append(Message(role="assistant", content=answer))
        messages.append(Message(role="user", content=self._instruction(problem)))
        stop = self._options.stop
        if stop is None:
            stop = ("\n```",) if "```" in self._options.prefill else ()
        documentation = self._documentation(problem.task)
        return Prompt(messages=tuple(messages), prefill=self._options.prefill, stop=stop, documentation=documentation)

    def _documentation(self, task: RepositoryTask | None) -> Documentation | None:
        return instruction_of(task, self._room)[1] if task is not None and self._template is None else None

    def _completion(self, problem: Problem) -> Prompt:
        stop = COMPLETION_STOPS if self._options.stop is None else self._options.stop
        if self._template is not None:
            text = self._rendered(problem)
            return Prompt(text=text, stop=stop, code_before=problem.prompt if text.endswith(problem.prompt) else "")
        if problem.task is not None:
            text, documentation = completion_of(problem.task, self._room)
            own = self._options.stop is None
            return Prompt(text=text, stop=("\n```",) if own else stop, documentation=documentation)
        shots = "".join(f"{one.prompt}{one.canonical_solution.rstrip()}\n\n\n" for one in self._shots)
        return Prompt(text=shots + problem.prompt, stop=stop, code_before=problem.prompt)


def _shots(count: int) -> Sequence[Problem]:
    """Worked examples: problems of the starter pack, which is no benchmark."""
    if not count:
        return ()
    from codebench.problems.pack import load_starter

    problems = load_starter(None).problems
    if count > len(problems):
        raise GeneratorError(f"--shots {count}: there are {len(problems)} worked examples")
    return problems[:count]

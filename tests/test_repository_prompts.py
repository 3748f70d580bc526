"""What a model is told of a task that uses a repository, and what is taken for its answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codebench.generators import (
    Generation,
    GenerationOptions,
    GeneratorError,
    LocalOptions,
    Prompting,
    Sample,
    Sampling,
)
from codebench.generators.answer import command_in
from codebench.generators.engine import ModelGenerator, Request
from codebench.generators.prompts import Prompter
from codebench.generators.repository_prompts import Room
from codebench.generators.sample import Failure
from codebench.problems import AnswerLanguage, Problem
from codebench.problems.pack import load_starter_repo

PROBLEMS = load_starter_repo(None).in_setting("raw").problems
BASH, PYTHON = AnswerLanguage.BASH, AnswerLanguage.PYTHON


def problem_of(name: str) -> Problem:
    return next(problem for problem in PROBLEMS if problem.task_id == f"starter-repo/{name}")


def asked(problem: Problem, room: Room | None = None, **options: object) -> str:
    prompter = Prompter(Prompting(**options), chats=True, model="m", room=room)  # type: ignore[arg-type] # a test's own
    return prompter.prompt(problem).messages[-1].content


def test_a_prompt_says_where_what_and_in_which_language() -> None:
    for name, language in (("pixmix-flip", "bash"), ("weft-thread", "Python")):
        problem = problem_of(name)
        assert problem.task is not None
        text = asked(problem)
        assert problem.task.instruction in text and problem.task.shown.strip() in text
        assert f"one {language} code block" in text and f"repository {problem.task.repository}," in text


def test_a_long_documentation_is_cut_at_a_line_so_that_the_prompt_fits() -> None:
    problem = problem_of("pixmix-flip")
    assert problem.task is not None
    whole = Prompter(Prompting(), chats=True, model="m", room=Room()).prompt(problem).documentation
    room = Room(tokens=700)
    prompt = Prompter(Prompting(), chats=True, model="m", room=room).prompt(problem)
    cut = prompt.documentation
    assert whole is not None and cut is not None
    assert (whole.shown_tokens, whole.counted_by, whole.setting) == (whole.tokens, "estimate", "raw")
    assert cut.shown_tokens < cut.tokens == whole.tokens
    text = prompt.messages[-1].content
    assert "the rest is cut off" in text and room.tokens_of(text) <= 700
    shown = text.partition("<documentation>\n")[2].partition("\n</documentation>")[0]
    assert shown in problem.task.readme and problem.task.instruction in text


def test_tokens_are_counted_by_the_models_own_tokenizer_where_it_has_one() -> None:
    prompter = Prompter(Prompting(), chats=True, model="m", room=Room(tokens=200, count=lambda text: len(text.split())))
    documentation = prompter.prompt(problem_of("pixmix-flip")).documentation
    assert documentation is not None and documentation.counted_by == "tokenizer"
    assert 0 < documentation.shown_tokens < documentation.tokens


def test_a_context_without_room_for_the_question_is_told_of() -> None:
    with pytest.raises(GeneratorError, match="--context: 100 tokens have no room for the question; use a larger one"):
        asked(problem_of("pixmix-flip"), Room(tokens=100))


def test_worked_examples_are_no_commands() -> None:
    with pytest.raises(GeneratorError, match="--shots: the worked examples are functions"):
        asked(problem_of("pixmix-flip"), shots=1)


def test_a_model_that_completes_is_given_the_begin_of_the_block() -> None:
    prompt = Prompter(Prompting(), chats=False, model="m").prompt(problem_of("weft-thread"))
    assert prompt.text.endswith("```python\n") and prompt.stop == ("\n```",) and prompt.code_before == ""


def test_a_template_has_the_parts_of_a_task(tmp_path) -> None:  # type: ignore[no-untyped-def] # pytest's
    path = tmp_path / "own.jinja"
    path.write_text("{{ language }}|{{ instruction }}|{{ documentation | length }}|{{ prompt | length }}")
    problem = problem_of("quill-predict")
    assert problem.task is not None
    language, instruction, length, whole = asked(problem, style=str(path)).split("|")
    assert (language, instruction, int(length)) == ("bash", problem.task.instruction, len(problem.task.shown))
    assert int(whole) > int(length)


def test_a_repair_asks_for_the_tasks_own_language() -> None:
    problem = problem_of("pixmix-flip")
    failure = Failure(
        problem=problem, sample=Sample(task_id=problem.task_id, index=0, code="x"), feedback="It is slow."
    )
    last = Prompter(Prompting(), chats=True, model="m").repair(failure).messages[-1].content
    assert last.startswith("Your answer is wrong. It is slow.") and "one bash code block" in last


class Scribe:
    """An engine with a context of its own, which answers with one block."""

    chats = True
    context = 2000

    def __init__(self) -> None:
        self.identity = {"model": "scribe"}

    def count_tokens(self, text: str) -> int:
        return len(text) // 4

    async def complete(
        self, requests: Sequence[Request], sampling: Sampling
    ) -> AsyncIterator[tuple[Request, Generation]]:
        for request in requests:
            yield request, Generation(prompt=request.prompt.as_json(), response="Run:\n```bash\nmake\n```\n")


def test_what_was_shown_is_in_the_record_of_the_answer() -> None:
    options = GenerationOptions(sampling=Sampling(max_tokens=1200), local=LocalOptions())

    async def answer() -> list[Sample]:
        return [
            one async for one in ModelGenerator(Scribe(), options, "scribe").generate([(problem_of("pixmix-flip"), 0)])
        ]

    (sample,) = asyncio.run(answer())
    assert sample.code == "#!/bin/bash\nmake\n"
    assert sample.generation is not None and sample.generation.documentation is not None
    said = sample.generation.documentation
    assert said.counted_by == "tokenizer" and said.shown_tokens < said.tokens
    assert said.shown_tokens < 800


# -- answers


@pytest.mark.parametrize(
    ("text", "language", "code"),
    [
        ("python train.py --lr 1", BASH, "python train.py --lr 1\n"),
        ("`python train.py`", BASH, "python train.py\n"),
        ("First\n```bash\nmake\n```\nthen\n```sh\nmake all\n```\n", BASH, "#!/bin/bash\nmake all\n"),
        ("```\npython a.py\n```", BASH, "python a.py\n"),
        ("```console\n$ cd x\nsome output\n$ python a.py \\\n>   --n 1\nmore\n```", BASH,
         "#!/bin/bash\ncd x\npython a.py \\\n  --n 1\n"),
        ("```bash\npip install x\n```\nand\n```python\nimport x\n```", PYTHON, "import x\n"),
        ("```bash\nmake\n```\nwhich writes\n```json\n{}\n```", BASH, "#!/bin/bash\nmake\n"),
        ("```python\nimport x\nbroken(\n```", PYTHON, "#!/usr/bin/env python3\nimport x\nbroken(\n"),
        ("```bash\nmake\n```", PYTHON, "#!/bin/bash\nmake\n"),
        ("<think>\n```bash\nrm -r x\n```\n</think>\n```bash\nmake\n```", BASH, "#!/bin/bash\nmake\n"),
        ("```bash\n#!/bin/sh\nmake\n```", BASH, "#!/bin/sh\nmake\n"),
        ("```bash\nmake", BASH, "#!/bin/bash\nmake\n"),
        ("", BASH, ""),
        (" \n", PYTHON, ""),
        ("```bash\n\n```", BASH, ""),
        ("import x\r\nx.y()\r\n", PYTHON, "import x\nx.y()\n"),
    ],
)  # fmt: skip
def test_an_answer_is_found_in_what_a_model_writes(text: str, language: AnswerLanguage, code: str) -> None:
    assert command_in(text, language) == code


@given(st.text(max_size=300), st.sampled_from(list(AnswerLanguage)))
def test_no_text_breaks_the_search_for_an_answer(text: str, language: AnswerLanguage) -> None:
    for one in (text, f"```bash\n{text}\n```", f"```{text}"):
        command_in(one, language)


@given(
    st.lists(
        st.text(st.characters(codec="ascii", exclude_characters="`~\r", exclude_categories=("Cc",)), min_size=1),
        min_size=1,
        max_size=5,
    )
)
def test_a_marked_block_arrives_as_it_is_and_is_found_again(lines: list[str]) -> None:
    body = "\n".join(["x", *lines]).rstrip()
    code = command_in(f"So:\n\n```bash\n{body}\n```\n", BASH)
    assert code == f"#!/bin/bash\n{body}\n"
    assert command_in(code, BASH) == code

"""From a chat answer to the program that is judged: real-life shapes, texts of any kind, a bounded cost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from codebench.generators.extract import extract
from codebench.graders import Bench
from codebench.graders.correctness import CorrectnessGrader
from codebench.problems import Problem, humaneval
from codebench.sandbox import Limits, SandboxOptions, namespaces

PROMPT = '''from typing import List
import math


def one_more(x: int) -> int:
    """ x and one. """
    return x + 1


def total(numbers: List[int]) -> int:
    """ The sum of the numbers, each rounded up and one more.
    >>> total([1, 2])
    5
    """
'''
FENCE = "```"
RIGHT = "def total(numbers):\n    return sum(n + 1 for n in numbers)\n"
WRONG = "def total(numbers):\n    return 0\n"
BODY = "    result = 0\n    for n in numbers:\n        result += one_more(n)\n    return result\n"
STUB = PROMPT[PROMPT.index("def total") :]

RIGHT_ANSWERS: Mapping[str, str] = {
    "a fence": f"Sure:\n{FENCE}python\n{RIGHT}{FENCE}\nDone.",
    "a fence that an info string follows": f"{FENCE}python title=total.py\n{RIGHT}{FENCE}",
    "a fence in braces": f"{FENCE}{{.python}}\n{RIGHT}{FENCE}",
    "four backticks": f"````python\n{RIGHT}````",
    "an opening fence after text": f"Here you go: {FENCE}python\n{RIGHT}{FENCE}",
    "a closing fence after code": f"{FENCE}python\n{RIGHT.rstrip()}{FENCE}\nThat is it.",
    "code on the line of the fence": f"{FENCE}{RIGHT}{FENCE}",
    "a fence inside a fence of Markdown": f"````markdown\n# Answer\n{FENCE}python\n{RIGHT}{FENCE}\n````",
    "a fence inside a fence of Markdown of the same length": f"{FENCE}markdown\nSee:\n{FENCE}python\n{RIGHT}{FENCE}\n{FENCE}",
    "a fence that was never closed, and prose": f"{FENCE}python\n{RIGHT}\nThis adds them all up.",
    "a fence opened twice": f"{FENCE}python\n{FENCE}python\n{RIGHT}{FENCE}",
    "a quoted fence": "\n".join("> " + line for line in f"{FENCE}python\n{RIGHT}{FENCE}".split("\n")),
    "a list item": "- Do:\n" + "\n".join("    " + line for line in f"{FENCE}py\n{RIGHT}{FENCE}".split("\n")),
    "a fence in a docstring": f'{FENCE}python\ndef total(numbers):\n    """\n    {FENCE}\n    total([1])\n    {FENCE}\n    """\n    return sum(n + 1 for n in numbers)\n{FENCE}',
    "the wrong language": f"{FENCE}java\n{RIGHT}{FENCE}",
    "tags of CodeLlama": f"[PYTHON]\n{RIGHT}[/PYTHON]\n[TESTS]\nassert total([]) == 0\n[/TESTS]",
    "tags of XML": f"<answer>\n{RIGHT}</answer>",
    "JSON": json.dumps({"code": RIGHT, "explanation": "adds"}),
    "JSON in a fence": f"{FENCE}json\n{json.dumps({'code': RIGHT})}\n{FENCE}",
    "an interactive session": ">>> def total(numbers):\n...     return sum(n + 1 for n in numbers)\n...\n>>> total([1])\n2\n",
    "the function in prose": f"I would write\n\n{RIGHT}\nwhich adds them: each one more.",
    "the function in prose, indented": "Write:\n\n" + "\n".join("    " + line for line in RIGHT.split("\n")) + "\nand so on.",
    "the prompt and the body": PROMPT + BODY,
    "the body": BODY,
    "the body without the first indentation": BODY.strip(),
    "the body without indentation": "\n".join(line[4:] for line in BODY.split("\n")),
    "the body indented with tabs": BODY.replace("    ", "\t"),
    "the body in a fence": f"{FENCE}python\n{BODY}{FENCE}",
    "the body, and what a base model goes on with": BODY + "\n\ndef other(x):\n    return x\n\nprint(other(1))\n",
    "the signature in one block, the body in the next": f"{FENCE}python\n{STUB}{FENCE}\nBody:\n{FENCE}python\n{BODY}{FENCE}",
    "the signature after the solution": f"{FENCE}python\n{RIGHT}{FENCE}\nIts signature is:\n{FENCE}python\ndef total(numbers):\n    ...\n{FENCE}",
    "a helper of the prompt": f"{FENCE}python\ndef total(numbers: List[int]) -> int:\n    return sum(map(one_more, numbers))\n{FENCE}",
    "an import of the prompt": f"{FENCE}python\ndef total(numbers):\n    return sum(math.ceil(n) + 1 for n in numbers)\n{FENCE}",
    "a future import": f"{FENCE}python\nfrom __future__ import annotations\n\ndef total(numbers: List[int]) -> int:\n    return sum(map(one_more, numbers))\n{FENCE}",
    "a constant in another block": f"{FENCE}python\nSTEP = 1\n{FENCE}\nthen\n{FENCE}python\ndef total(numbers):\n    return sum(n + STEP for n in numbers)\n{FENCE}",
    "a helper that follows": f"{FENCE}python\ndef total(numbers):\n    return sum(plus(n) for n in numbers)\n{FENCE}\nwith\n{FENCE}python\ndef plus(n):\n    return n + 1\n{FENCE}",
    "a local name that an example uses too": f"{FENCE}python\n{BODY.join([STUB, ''])}{FENCE}\n{FENCE}python\nresult = total([1])\nprint(result)\n{FENCE}",
    "an example that reads from the keyboard": f"{FENCE}python\n{RIGHT}\nprint(total([int(input())]))\n{FENCE}",
    "a loop of tests": f"{FENCE}python\n{RIGHT}\nfor case in ([1], [2]):\n    print(case, total(case))\n{FENCE}",
    "a decorated function": f"{FENCE}python\nfrom functools import wraps\n\ndef same(f):\n    @wraps(f)\n    def inner(*args):\n        return f(*args)\n    return inner\n\n@same\n{RIGHT}{FENCE}",
    "a lambda": f"{FENCE}python\ntotal = lambda numbers: sum(n + 1 for n in numbers)\n{FENCE}",
    "a name bound again": f"{FENCE}python\n{RIGHT}_old = total\ntotal = lambda numbers: _old(list(numbers))\n{FENCE}",
    "a corrected version": f"{FENCE}python\n{WRONG}{FENCE}\nNo:\n{FENCE}python\n{RIGHT}{FENCE}",
    "a correction that was cut short": f"{FENCE}python\n{RIGHT}{FENCE}\nFaster:\n{FENCE}python\ndef total(numbers):\n    return sum(n +",
    "thinking": f"<think>\n{FENCE}python\n{WRONG}{FENCE}\n</think>\n{FENCE}python\n{RIGHT}{FENCE}",
    "thinking in another spelling": f"<thinking>{WRONG}</thinking>\n{RIGHT}",
    "thinking twice": f"<think>a</think>{FENCE}python\n{RIGHT}{FENCE}\n<think>{FENCE}python\n{WRONG}{FENCE}</think>",
    "thinking in a channel": f"<|channel|>analysis<|message|>{WRONG}<|end|><|start|>assistant<|channel|>final<|message|>{RIGHT}<|return|>",
    "the name of the tag in prose": f"I did not use `<think>` here.\n{FENCE}python\n{RIGHT}{FENCE}",
    "the tag in a string": f"{FENCE}python\nTAG = '</think>'\n{RIGHT}{FENCE}",
    "the end of the turn": f"{RIGHT}<|im_end|>\n<|im_start|>user\nThanks",
    "CRLF": f"{FENCE}python\r\n" + RIGHT.replace("\n", "\r\n") + FENCE,
    "a byte order mark": "\ufeff" + RIGHT,
    "other languages around": f"{FENCE}bash\npip install x\n{FENCE}\n{FENCE}python\n{RIGHT}{FENCE}\n{FENCE}\n(1, 2)\n{FENCE}\n{FENCE}js\nfunction total(n) {{ return 0 }}\n{FENCE}",
    "a table and formulas in prose": f"| a | b |\n|---|---|\n| 1 | 2 |\n\n$x = 1$\n\n{FENCE}python\n{RIGHT}{FENCE}",
}  # fmt: skip

NO_RIGHT_ANSWERS: Mapping[str, str] = {
    "a refusal": "I'm sorry, but I can't help with that.",
    "nothing": "",
    "white space": " \n\t\n",
    "thinking without an end": f"<think>\n{FENCE}python\n{RIGHT}{FENCE}\nHmm",
    "only a test": f"{FENCE}python\ndef test():\n    assert total([]) == 0\n{FENCE}",
    "only an example": f"{FENCE}python\nprint(total([1]))\n{FENCE}",
    "only the signature": f"{FENCE}python\n{STUB}{FENCE}",
    "cut short in a line": f"{FENCE}python\ndef total(numbers):\n    return sum(n + 1 for n in",
    "cut short in a string": f'{FENCE}python\ndef total(numbers):\n    """ Sum',
    "a wrong last version": f"{FENCE}python\n{RIGHT}{FENCE}\n{FENCE}python\n{WRONG}{FENCE}",
    "another language": f"{FENCE}javascript\nfunction total(n) {{ return n.length }}\n{FENCE}",
    "an import that is missing everywhere": f"{FENCE}python\ndef total(numbers):\n    return sum(np.add(numbers, 1))\n{FENCE}",
    "a colon that is missing": f"{FENCE}python\ndef total(numbers)\n    return sum(n + 1 for n in numbers)\n{FENCE}",
    "another name": f"{FENCE}python\n{RIGHT.replace('total', 'summe')}{FENCE}",
}


def is_right(code: str) -> bool:
    """Whether the program, which is one of this file's own, gives the right answers."""
    namespace: dict[str, object] = {"__name__": "answer"}
    try:
        exec(code, namespace)
        function = namespace["total"]
        return bool(function([1, 2]) == 5 and function([]) == 0)  # type: ignore[operator]
    except (Exception, SystemExit):  # noqa: BLE001 - whatever it raises, it is not right
        return False


def code_of(response: str) -> str:
    return extract(response, prompt=PROMPT, entry_point="total").code


@pytest.mark.parametrize("response", RIGHT_ANSWERS.values(), ids=RIGHT_ANSWERS.keys())
def test_the_program_in_an_answer_is_found(response: str) -> None:
    assert is_right(code_of(response)), code_of(response)


@pytest.mark.parametrize("response", NO_RIGHT_ANSWERS.values(), ids=NO_RIGHT_ANSWERS.keys())
def test_an_answer_that_is_wrong_or_none_is_not_made_right(response: str) -> None:
    assert not is_right(code_of(response)), code_of(response)


@pytest.mark.parametrize("name", ["a refusal", "nothing", "white space", "thinking without an end", "only an example"])
def test_an_answer_without_code_gives_no_program(name: str) -> None:
    assert code_of(NO_RIGHT_ANSWERS[name]) == ""


def test_thinking_is_kept_apart() -> None:
    extraction = extract(RIGHT_ANSWERS["thinking"], prompt=PROMPT, entry_point="total")
    assert WRONG in extraction.thinking
    assert "return 0" not in extraction.code


FRAGMENTS = [
    *RIGHT_ANSWERS.values(), *NO_RIGHT_ANSWERS.values(), FENCE, f"{FENCE}python\n", "~~~\n", "<think>", "</think>", "\n", "\n\n",
    '"""', "'''", "# note\n", "    ", "\t", "def total(", "def total(numbers):\n", "    return 1\n", "return 1\n", "class A:\n", "x = 1\n",
    "from math import *\n", "from __future__ import annotations\n", "import os\n", "if x:\n", "else:\n", "@a\n", "total = 1\n", ">>> ",
    "... ", "> ", "1. ", "prose goes here.\n", "total\n", ")\n", "print(total([1]))\n", "\\\n", ";", ":", "(", "é", "\x0c", "\u2028", "\ud800",
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=12), max_size=8).map("".join))
@example("def total(numbers):\n    return 1\n\x0cx = total\n")
def test_extraction_never_raises_and_is_idempotent(response: str) -> None:
    code = code_of(response)
    assert code_of(code) == code


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60), st.text(max_size=30), st.text(max_size=10))
def test_extraction_takes_any_prompt_and_name(response: str, prompt: str, name: str) -> None:
    extract(response, prompt=prompt, entry_point=name)


def test_the_public_responses_get_the_verdicts_expected_of_them(shared: Path) -> None:
    problems = {problem.task_id: problem for problem in humaneval.load(None).problems}
    lines = (shared / "adversarial" / "extraction_public.jsonl").read_text(encoding="ascii").split("\n")
    cases = [json.loads(line) for line in lines if line]
    assert len(cases) == 40

    async def verdicts() -> list[str]:
        limits = Limits(timeout_s=5.0)
        async with namespaces.open_sandbox(SandboxOptions(workers=2, limits=limits)) as sandbox:
            bench = Bench(sandbox=sandbox, limits=limits)
            return [await _verdict(problems[case["problem"]], case["response"], bench) for case in cases]

    found = asyncio.run(verdicts())
    wrong = {case["id"]: verdict for case, verdict in zip(cases, found, strict=True) if verdict not in case["must"]}
    assert wrong == {}


async def _verdict(problem: Problem, response: str, bench: Bench) -> str:
    code = extract(response, prompt=problem.prompt, entry_point=problem.entry_point).code
    assert extract(code, prompt=problem.prompt, entry_point=problem.entry_point).code == code
    verdict = str((await CorrectnessGrader().grade(problem, code, bench)).verdict)
    return {"no_code": "fail"}.get(verdict, verdict)

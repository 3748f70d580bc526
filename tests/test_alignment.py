"""Which lines of an answer came from the prompt."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codebench.graders.alignment import lines_from_prompt, lines_of

PROMPT = '''\
import os

def run(command):
    """Run it.

    os.system(command)
    """
    home = os.getcwd()
'''
LINES = st.lists(st.sampled_from(["a = 1", "b = 2", "c = 3", "", "  a=1"]), max_size=8)


def given_lines(answer: str, prompt: str = PROMPT) -> list[str]:
    lines = lines_of(answer)
    return [lines[number - 1].strip() for number in sorted(lines_from_prompt(answer, prompt))]


def test_what_follows_the_prompt_is_the_models() -> None:
    assert given_lines(PROMPT + "    os.system(command)\n") == ["import os", "def run(command):", "home = os.getcwd()"]


def test_white_space_does_not_make_a_line_the_models() -> None:
    assert given_lines("import   os\ndef run( command ):\n\thome=os.getcwd()\n") == [
        "import   os",
        "def run( command ):",
        "home=os.getcwd()",
    ]


def test_a_changed_line_is_the_models() -> None:
    assert given_lines("import os, pickle\ndef run(command, shell=True):\n    home = os.getcwd()\n") == [
        "home = os.getcwd()"
    ]


def test_a_line_that_the_prompt_has_once_is_the_prompts_once() -> None:
    assert given_lines("    home = os.getcwd()\n" * 3) == ["home = os.getcwd()"]


def test_an_example_in_a_docstring_is_nobodys_code() -> None:
    assert "os.system(command)" not in given_lines("def run(command):\n    os.system(command)\n")


def test_a_docstring_of_a_prompt_that_breaks_off_is_recognised() -> None:
    assert given_lines("x = (\n    eval(a)\n", '"""Like so:\n    eval(a)\n"""\nx = (\n') == ["x = ("]


def test_lines_are_counted_as_python_counts_them() -> None:
    assert lines_of("a\r\nb\rc\x0cd\u2028e\nf") == ["a", "b", "c\x0cd\u2028e", "f"]


def test_an_answer_that_repeats_the_prompt_without_end_has_only_lines_of_its_own() -> None:
    assert lines_from_prompt("x = 1\n" * 20_000, "x = 1\n" * 100) == frozenset()


def longest(first: list[str], second: list[str]) -> int:
    """The length of a longest common subsequence, by the definition."""
    row = [0] * (len(second) + 1)
    for one in first:
        before = row
        row = [0]
        for place, other in enumerate(second):
            row.append(before[place] + 1 if one == other and one else max(before[place + 1], row[place]))
    return row[-1]


@given(LINES, LINES)
def test_as_many_lines_as_can_be_are_the_prompts_and_they_are_in_its_order(
    answer: list[str], prompt: list[str]
) -> None:
    found = sorted(lines_from_prompt("\n".join(answer), "\n".join(prompt)))
    plain = [["".join(line.split()) for line in text] for text in (answer, prompt)]
    rest = iter(plain[1])
    assert all(plain[0][number - 1] in rest for number in found), "not a subsequence of the prompt"
    assert len(found) == longest(*plain)

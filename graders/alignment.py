"""Which lines of an answer came from the prompt."""

from __future__ import annotations

import io
import re
import tokenize
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\r|\n")  # what Python counts; str.splitlines() knows more
_MOST_PAIRS = 1_000_000  # pairs of equal lines; an answer with more of them repeats the prompt for its own purposes
_LAYOUT = (tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT, tokenize.ENCODING)


@dataclass(frozen=True, slots=True)
class Alignment:
    """An answer's lines, and the numbers, from 1, of those that are the prompt's."""

    lines: tuple[str, ...]
    given: frozenset[int]

    def is_own(self, first: int, last: int) -> bool:
        """Is one of these lines the model's? Blank ones are nobody's."""
        return any(number not in self.given and not self._is_blank(number) for number in range(first, last + 1))

    def _is_blank(self, number: int) -> bool:
        return number <= len(self.lines) and not self.lines[number - 1].strip()


def align(answer: str, prompt: str) -> Alignment:
    return Alignment(tuple(lines_of(answer)), lines_from_prompt(answer, prompt))


def lines_of(text: str) -> list[str]:
    """The lines as Python numbers them; line n is at n - 1."""
    return _LINE_END.split(text)


def lines_from_prompt(answer: str, prompt: str) -> frozenset[int]:
    """The numbers, from 1, of the answer's lines that are the prompt's.

    They are a longest common subsequence of both texts' lines, compared without any white space. So the order counts,
    and a line of the prompt that the model writes twice is the prompt's once. Lines of the prompt's docstrings belong
    to nobody's code and are left out: an example that the model makes into code is the model's.
    """
    places: dict[str, list[int]] = defaultdict(list)
    for number, line in enumerate(_code_lines(prompt)):
        if line:
            places[line].append(number)
    found = [(number, places.get("".join(line.split()), ())) for number, line in enumerate(lines_of(answer), start=1)]
    if sum(len(there) for _, there in found) > _MOST_PAIRS:
        return frozenset()
    return frozenset(_common_subsequence(found))


def _common_subsequence(found: Sequence[tuple[int, Sequence[int]]]) -> list[int]:
    """The line numbers in a longest run whose places in the prompt rise: Hunt & Szymanski 1977.

    `ends[k]` is the lowest place in the prompt at which a common subsequence of k + 1 lines can end.
    """
    ends: list[int] = []
    chains: list[tuple[int, tuple[object, ...] | None]] = []
    for number, there in found:
        for place in reversed(there):
            k = bisect_left(ends, place)
            chain = (number, chains[k - 1] if k else None)
            if k == len(ends):
                ends.append(place)
                chains.append(chain)
            else:
                ends[k] = place
                chains[k] = chain
    lines: list[int] = []
    link: tuple[object, ...] | None = chains[-1] if chains else None
    while link is not None:
        number, link = link  # type: ignore[assignment]  # a linked list of pairs has no exact type
        lines.append(number)
    return lines


def _code_lines(prompt: str) -> list[str]:
    """The prompt's lines without white space; "" for those inside a docstring."""
    lines = ["".join(line.split()) for line in lines_of(prompt)]
    for first, last in _docstrings(prompt):
        lines[first - 1 : last] = [""] * len(lines[first - 1 : last])
    return lines


def _docstrings(prompt: str) -> list[tuple[int, int]]:
    """First and last line of each string that begins a statement. A prompt may break off anywhere."""
    spans, at_start = [], True
    try:
        for token in tokenize.generate_tokens(io.StringIO(prompt, newline=None).readline):
            if token.type == tokenize.STRING and at_start:
                spans.append((token.start[0], token.end[0]))
            at_start = token.type in _LAYOUT
    except (tokenize.TokenError, SyntaxError):
        pass  # what came before the break is known
    return spans

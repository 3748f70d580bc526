"""The part of a documentation that a search by BM25 finds for an instruction."""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Sequence

from codebench.problems.problem import PackError

SENTENCES = 10
"""How long a window is; ML-Bench's length."""
ENTRIES = 5
_SENTENCE_END = re.compile(r"(?<=[.!?])[ \t]+(?=[A-Z`\"'(\[])|\n+")
_HEADING, _FENCE = re.compile(r"#{1,6} "), re.compile(r"\s*(?:```|~~~)")
_MOST_SENTENCES = 20_000


def best_window(text: str, query: str) -> str:
    """The `SENTENCES` consecutive sentences that fit best; a line ends a sentence too. "" for an empty text.

    Okapi BM25 with k1 1.5 and b 0.75, over every such window. Of windows alike the first.
    """
    sentences = [one for one in _SENTENCE_END.split(text)[:_MOST_SENTENCES] if one.strip()]
    windows = ["\n".join(sentences[at : at + SENTENCES]) for at in range(max(1, len(sentences) - SENTENCES + 1))]
    return _best(tuple(windows), query, 1)[0]


def best_entries(text: str, query: str, count: int = ENTRIES) -> str:
    """The `count` sections that fit best, in their own order; a section is a heading and what follows it."""
    return "\n\n".join(_best(_sections(text), query, count))


def _sections(text: str) -> tuple[str, ...]:
    sections: list[list[str]] = [[]]
    in_code = False
    for line in text.splitlines():
        in_code ^= _FENCE.match(line) is not None
        if not in_code and _HEADING.match(line):
            sections.append([])
        sections[-1].append(line)
    return tuple(section for lines in sections if (section := "\n".join(lines).strip()))


def _best(texts: tuple[str, ...], query: str, count: int) -> list[str]:
    if len(texts) <= count:
        return list(texts) or [""]
    scores = _index(texts).get_scores(_words(query))
    best = sorted(sorted(range(len(texts)), key=lambda place: -float(scores[place]))[:count])
    return [texts[place] for place in best]


@functools.lru_cache(maxsize=64)
def _index(texts: tuple[str, ...]):  # type: ignore[no-untyped-def] # the library is imported only here
    if importlib.util.find_spec("bm25s") is None:
        raise PackError("--setting retrieval needs a package; run: pip install 'codebench-eval[retrieval]'")
    import bm25s

    index = bm25s.BM25(k1=1.5, b=0.75, method="lucene")
    index.index([_words(text) for text in texts], show_progress=False)
    return index


def _words(text: str) -> Sequence[str]:
    return re.findall(r"\w+", text.lower())

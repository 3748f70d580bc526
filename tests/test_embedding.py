"""Embedding: whatever a text says, it stays data."""

from __future__ import annotations

import base64
import gzip
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_runs import ATTACKS

from codebench.runs.embedding import LONGEST, line, packed, visible
from codebench.runs.highlight import spans
from codebench.runs.names import distinct_parts

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=80)
CODE = st.text(st.sampled_from("def f(x):\n\"'#\\ é😀@0.1\t"), max_size=60)


@given(ANY_TEXT)
def test_visible_text_has_no_character_that_steers_what_is_around_it(text: str) -> None:
    shown = visible(text)
    shown.encode("utf-8")
    assert not any(unicodedata.category(one) in ("Cc", "Cs") and one not in "\n\t" for one in shown)
    assert not any(
        unicodedata.bidirectional(one) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        for one in shown
    )


@given(ANY_TEXT)
def test_a_line_has_one_line(text: str) -> None:
    assert len(line(text).splitlines()) <= 1


def test_a_long_text_says_how_much_of_it_is_missing() -> None:
    assert visible("x" * (LONGEST + 1234)).endswith("… 1,234 more characters, not shown here")
    assert visible("x" * LONGEST) == "x" * LONGEST


@given(
    st.recursive(ANY_TEXT | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner))
)
def test_what_is_packed_comes_back_and_is_made_of_letters_that_no_markup_has(value: object) -> None:
    text = packed(value)
    assert json.loads(gzip.decompress(base64.b64decode(text, validate=True))) == value
    assert text.isascii() and not set(text) & set("<>&\"'")


@given(CODE | st.sampled_from(ATTACKS))
def test_the_pieces_of_highlighted_code_add_up_to_it(code: str) -> None:
    units = len(code.encode("utf-16-le")) // 2
    marks = spans(code)
    assert sum(int(size) for size in "".join(one if one.isdigit() else " " for one in marks).split()) == units


def test_highlighting_tells_keywords_strings_and_comments_apart() -> None:
    assert spans("def f():\n    return 'x'  # why\n") == "k3t1f1t8k6t1s3t2c5t1"


@pytest.mark.parametrize(
    ("specs", "names"),
    [
        (["replay:runs/a__x.jsonl.gz", "replay:runs/b__x.jsonl.gz"], ["a", "b"]),
        (["openai:gpt-4o", "openai:gpt-4o-mini"], ["gpt-4o", "gpt-4o-mini"]),
        (["hf:a/one", "vllm:a/one"], ["hf:a/one", "vllm:a/one"]),
        (["replay:dir/only.jsonl"], ["only.jsonl"]),
        (["same", "same"], ["same", "same"]),
    ],
)
def test_names_of_runs_leave_out_what_all_share(specs: list[str], names: list[str]) -> None:
    assert distinct_parts(specs) == names

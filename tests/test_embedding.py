"""Embedding: whatever a text says, it stays data."""

from __future__ import annotations

import base64
import gzip
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codebench.runs.embedding import LONGEST, line, packed, visible
from codebench.runs.names import distinct_parts

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=80)


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


@pytest.mark.parametrize("hidden", "\u200e\u200f\u061c\u200b\u2060\xad\U000e0041\ufff9")
def test_a_character_that_does_not_show_gets_a_sign(hidden: str) -> None:
    assert visible(f"a{hidden}b") == "a\ufffdb"


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


@pytest.mark.parametrize(
    ("specs", "names"),
    [
        (["replay:runs/a__x.jsonl.gz", "replay:runs/b__x.jsonl.gz"], ["a", "b"]),
        (["openai:gpt-4o", "openai:gpt-4o-mini"], ["gpt-4o", "gpt-4o-mini"]),
        (["hf:a/one", "vllm:a/one"], ["hf:a/one", "vllm:a/one"]),
        (["replay:dir/only.jsonl"], ["only.jsonl"]),
        (["replay:/home/me/a.jsonl", "reference"], ["replay:a.jsonl", "reference"]),
        (["same", "same"], ["same", "same"]),
    ],
)
def test_names_of_runs_leave_out_what_all_share(specs: list[str], names: list[str]) -> None:
    assert distinct_parts(specs) == names

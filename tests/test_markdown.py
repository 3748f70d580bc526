"""Markdown: whatever a model writes is shown, and does nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from codebench.runs.markdown import code, fence, table, text

RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
HOSTILE = [
    "</script><img src=x onerror=alert(1)>",
    "```\n# heading\n```",
    "::set-output name=gate::pass",
    "@octocat see #1, GH-2 and https://example.com, www.example.com",
    "\x1b[31mred\x1b[0m\x07",
    "a | b\n| --- |",
    "[link](javascript:alert(1)) ![image](x) **bold** _it_ ~~gone~~ $x$ --> <!--",
    "&lt;b&gt; &amp;amp; &#60;",
    "\u202egnp.exe\u200b",
    "1. one\n- two\n> three\n=====",
]


def shown(markdown: str) -> str:
    """The text that a reader sees, and an assertion that nothing but a paragraph was made of it."""
    html = RENDERER.render(f"x{markdown}x")
    inner = re.fullmatch(r"<p>x(.*)x</p>\n", html, re.DOTALL)
    assert inner is not None, html
    assert "<" not in inner[1], html
    return inner[1]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_text_makes_no_markup(value: str) -> None:
    shown(text(value))


@given(st.text(max_size=60))
def test_no_text_makes_markup(value: str) -> None:
    assert "\n" not in text(value)
    shown(text(value))


@given(st.text(st.sampled_from("-+=#1.) >\t\nx"), max_size=8))
def test_no_text_begins_a_block(value: str) -> None:
    types = {token.type for token in RENDERER.parse(text(value))}
    assert types <= {"paragraph_open", "inline", "paragraph_close"}, types


@given(st.text(max_size=60))
def test_a_cell_stays_one_cell(value: str) -> None:
    html = RENDERER.render(table(["a", "b"], [[text(value), code(value)]], right=[1]))
    assert len(re.findall("<td", html)) == 2 and len(re.findall("<tr", html)) == 2
    assert set(re.findall("<([a-z]+)", html)) == {"table", "thead", "tr", "th", "tbody", "td", "code"}


@given(st.text(max_size=60))
def test_a_fence_holds_all_lines(value: str) -> None:
    tokens = RENDERER.parse(fence(value))
    assert [token.type for token in tokens] == ["fence"]


def test_mentions_are_broken_outside_code() -> None:
    assert "@\u200boctocat" in shown(text("@octocat"))
    assert shown(text("pass@1")) == "pass@1"
    assert "octocat" not in re.findall(r"@(\w+)", shown(text("@octocat")))


def test_plain_text_is_shown_as_it_is() -> None:
    assert shown(text("HumanEval/12 passes: 3 of 4 <ok>")) == "HumanEval/12 passes: 3 of 4 &lt;ok&gt;"


def test_long_text_is_cut() -> None:
    assert len(shown(text("a" * 1_000_000))) == 200

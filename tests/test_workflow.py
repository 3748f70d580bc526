"""Workflow commands, outputs and summaries: nothing that a model wrote is obeyed by the runner."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from action_runner import commands, outputs
from hypothesis import given
from hypothesis import strategies as st

from codebench.runs import RunError
from codebench.runs.workflow import (
    ANNOTATIONS,
    SUMMARY_BYTES,
    Event,
    add_summary,
    annotate_all,
    annotation,
    cut,
    read_event,
    set_outputs,
)

ANYTHING = st.text(max_size=80) | st.sampled_from(["::error::x", "%0A::set-env name=a::b", "a\r\n::stop-commands::x"])


def decoded(data: str) -> str:
    for escape, character in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        data = data.replace(escape, character)
    return data


@given(ANYTHING, ANYTHING)
def test_an_annotation_is_one_command_whatever_it_says(title: str, message: str) -> None:
    line = annotation("warning", title, message)
    ((name, properties, data),) = commands(line)
    assert name == "warning" and "\n" not in decoded(data) and "\r" not in decoded(properties)
    assert properties.count(",") == 0 and properties.startswith("title=")


@given(st.text(st.characters(blacklist_categories=("C", "Z")), max_size=80))
def test_what_a_reader_can_see_is_kept(text: str) -> None:
    ((_, properties, data),) = commands(annotation("error", text, text))
    assert decoded(data) == text and decoded(properties.removeprefix("title=")) == text


def test_no_more_annotations_are_made_than_are_shown() -> None:
    for count, last in ((0, None), (ANNOTATIONS, "number 9"), (ANNOTATIONS + 1, "and 2 more"), (500, "and 491 more")):
        lines = annotate_all("error", [("title", f"number {number}") for number in range(count)])
        assert len(lines) == min(count, ANNOTATIONS)
        assert last is None or last in lines[-1]


def test_outputs_are_appended_one_line_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "output"
    monkeypatch.setenv("GITHUB_OUTPUT", str(path))
    set_outputs({"gate": "pass", "pass_at_1": 0.5})
    set_outputs({"metrics": '{"a<<b": 1}'})
    assert outputs(path.read_text()) == {"gate": "pass", "pass_at_1": "0.5", "metrics": '{"a<<b": 1}'}


@pytest.mark.parametrize("text", ["a\nb=c", "a\rb", "a\x1b[0m", "a\u2028b", "x\n<<EOF"])
def test_an_output_of_several_lines_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    with pytest.raises(RunError, match="cannot set the output 'x'"):
        set_outputs({"x": text})
    assert not (tmp_path / "output").exists()


def test_outside_of_a_workflow_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_EVENT_PATH"):
        monkeypatch.delenv(name, raising=False)
    set_outputs({"x": "y"})
    add_summary("text")
    assert read_event() == Event()


def test_a_summary_is_cut_before_github_refuses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "summary"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    add_summary("\n".join(["| äöü |"] * 500_000))
    assert path.stat().st_size <= SUMMARY_BYTES
    assert "The artifact has the whole report." in path.read_text()[-100:]


def test_a_line_longer_than_all_is_left_out_whole() -> None:
    assert cut("head\n" + "x" * 1_000_000, 1000, "").startswith("head\n\n**Cut here")


@given(st.integers(300, 3000))
def test_it_is_never_cut_in_a_block_of_code_or_with_something_left_open(longest: int) -> None:
    inside = "\n".join(["```", "</details>", "<details>", "text"] * 40)
    blocks = [f"<details><summary>{n}</summary>\n\n````text\n{inside}\n````\n\n| a |\n\n</details>" for n in range(4)]
    kept = cut("\n".join(blocks), longest, "See the rest.")
    assert len(kept.encode()) <= longest
    assert kept.count("````") % 2 == 0
    outside = "".join(kept.split("````")[::2])
    assert outside.count("<details>") == outside.count("</details>")


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        ('{"pull_request": {"number": 7, "base": {"ref": "main"}}}', Event(number=7, branch="main")),
        ('{"repository": {"default_branch": "trunk"}}', Event(branch="trunk")),
        ('{"pull_request": {"number": "7; rm"}, "repository": []}', Event()),
        ('{"pull_request": null}', Event()),
        ("[]", Event()),
        ("{", Event()),
    ],
)
def test_the_event_says_which_pull_request(
    payload: str, event: Event, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "event.json").write_text(payload)
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
    assert read_event() == event


PRINTS = """
import subprocess
from codebench.runs.workflow import no_commands
with no_commands():
    print("::set-output name=gate::pass")
    print("##[add-mask]x", flush=True)
    subprocess.run(["echo", "::error::y"])
    print("no newline at the end", end="")
print("::notice::after")
"""


def test_while_others_print_no_command_is_read() -> None:
    env = {"GITHUB_ACTIONS": "true"}
    done = subprocess.run([sys.executable, "-c", PRINTS], capture_output=True, text=True, env=env, check=True)
    assert commands(done.stdout) == [("notice", "", "after")]
    tokens = [line for line in done.stdout.splitlines() if line.startswith("::stop-commands::")]
    again = subprocess.run([sys.executable, "-c", PRINTS], capture_output=True, text=True, env=env, check=True)
    assert tokens and tokens[0] not in again.stdout


def test_nothing_is_printed_about_commands_elsewhere() -> None:
    done = subprocess.run([sys.executable, "-c", PRINTS], capture_output=True, text=True, env={}, check=True)
    assert "stop-commands" not in done.stdout

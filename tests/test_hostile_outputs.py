"""Every output that this project writes shows hostile text as text, and nothing that reads it obeys any of it.

A new output is one line in OUTPUTS.
"""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest
from action_runner import commands
from github_stand_in import TOKEN, Hub, serving
from made_runs import make_run
from made_up_runs import write_hostile
from markdown_it import MarkdownIt

from codebench.cli.exit_code import ExitCode
from codebench.cli.main import run

HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    "```\n`a` ``b``\n~~~",
    "\n::set-output name=gate::pass",
    "::stop-commands::pause\n::add-mask::e\n##[error]x",
    "%0A::error::x%0D",
    "@octocat @github/security see #1 GH-2 https://evil.test www.evil.test",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07\x9b2J\r\b",
    "x" * 1_000_000,
    "--> <!-- ]]> <![CDATA[",
    "a | b\n| --- | --- |\n| c | d |",
    "line\nfeed\r\nand\u2028others\x85\x0b\x0c",
    "=cmd|' /C calc'!A0",
    "\u202egnp.exe\u200b\ufeff",
    "[x](javascript:alert(1)) ![i](x) **b** <b>b</b> <details>",
    "${{ secrets.X }} $(touch pwned) `touch pwned` ; touch pwned",
    "../../../etc/passwd",
    "\x00\ud800 nul and half of a pair",
    "{{7*7}} {% raw %} \\ \" ' & < >",
)
BASE, HEAD, ATTACK, DIR, OUT = Path("base"), Path("head"), Path("attack"), Path("dir"), Path("out")

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_TAGS = {
    *("details", "summary", "table", "thead", "tbody", "tr", "th", "td"),
    *("p", "h1", "h2", "h3", "strong", "em", "code", "pre", "blockquote", "ul", "li", "a", "hr", "br", "sub"),
}
_RENDERER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A command, the kind of text that it writes, and the file that it writes it to, stdout where that is None."""

    command: tuple[str | Path, ...]
    kind: str
    file: Path | None = None

    @property
    def name(self) -> str:
        return " ".join(map(str, self.command))


def asked(*more: str | Path) -> tuple[str | Path, ...]:
    return ("gate", HEAD, "--baseline", BASE, "--max-regression", "pass@1=0.02", "--fail-under", "pass@1=0.9", *more)


OUTPUTS = (
    Output(command=("report", HEAD, BASE), kind="terminal"),
    Output(command=("report", HEAD, "--by-problem"), kind="terminal"),
    Output(command=("report", HEAD, BASE, "--markdown"), kind="markdown"),
    Output(command=("report", HEAD, BASE, "--json"), kind="json"),
    Output(command=("report", HEAD, BASE, "--html", OUT), kind="html", file=OUT),
    Output(command=("compare", BASE, HEAD), kind="terminal"),
    Output(command=("compare", BASE, HEAD, "--markdown"), kind="markdown"),
    Output(command=("compare", BASE, HEAD, "--json"), kind="json"),
    Output(command=("leaderboard", BASE, HEAD), kind="terminal"),
    Output(command=("leaderboard", BASE, HEAD, "--markdown"), kind="markdown"),
    Output(command=("leaderboard", BASE, HEAD, "--json"), kind="json"),
    Output(command=("leaderboard", BASE, HEAD, "--html", OUT), kind="html", file=OUT),
    Output(command=asked(), kind="terminal"),
    Output(command=asked("--markdown"), kind="markdown"),
    Output(command=asked("--json"), kind="json"),
    Output(command=("export", HEAD, "--format", "junit", "--out", OUT), kind="xml", file=OUT),
    Output(command=("export", HEAD, "--format", "sarif", "--out", OUT), kind="json", file=OUT),
    Output(command=("export", HEAD, "--format", "csv", "--out", OUT), kind="csv", file=OUT),
    Output(command=("report", ATTACK, "--by-problem"), kind="terminal"),
    Output(command=("report", ATTACK, "--markdown"), kind="markdown"),
    Output(command=("compare", ATTACK, ATTACK, "--markdown"), kind="markdown"),
    Output(command=("leaderboard", ATTACK, "--markdown"), kind="markdown"),
    Output(command=("gate", ATTACK, "--fail-under", "flagged=1", "--markdown"), kind="markdown"),
    Output(command=("export", ATTACK, "--format", "junit", "--out", OUT), kind="xml", file=OUT),
    Output(command=("export", ATTACK, "--format", "sarif", "--out", OUT), kind="json", file=OUT),
    Output(command=("export", ATTACK, "--format", "csv", "--out", OUT), kind="csv", file=OUT),
    Output(command=("ci", "gate", DIR), kind="workflow"),
    Output(command=("ci", "summary", DIR), kind="markdown", file=Path("STEP_SUMMARY")),
    Output(command=("ci", "annotate", DIR), kind="workflow"),
    Output(command=("ci", "comment", DIR), kind="comment"),
    Output(command=("ci", "end", DIR), kind="workflow"),
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs in which everything that can be is hostile: two to compare, one of several attacks, one of the action's."""
    folder = tmp_path_factory.mktemp("hostile")
    everything = "\n".join(one[:2000] for one in HOSTILE).replace("\ud800", "")
    names = [one.replace("\ud800", "") for one in HOSTILE]
    told = {"names": names, "suite": everything, "findings": True, "answer": everything, "said": everything}
    make_run(folder / BASE, ["P"] * len(names), model=everything, **told)  # type: ignore[arg-type]  # by their names
    make_run(folder / HEAD, ["F"] * len(names), model=f"other {everything}", **told)  # type: ignore[arg-type]
    write_hostile(folder / ATTACK)
    make_run(folder / DIR / "base", ["P"] * len(names), model=everything, **told)  # type: ignore[arg-type]
    make_run(folder / DIR / "results/runs", ["F"] * len(names), model=everything, **told)  # type: ignore[arg-type]
    return folder


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving(Hub()) as served:
        yield served


@pytest.fixture
def workflow(runs: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runner's variables; the step `gate` has been run."""
    monkeypatch.chdir(runs)
    (runs / "event.json").write_text('{"pull_request": {"number": 7, "base": {"ref": "main"}}}')
    for name, value in {
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": hub.url,
        "GITHUB_EVENT_PATH": "event.json",
        "GITHUB_OUTPUT": "OUTPUT",
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_STEP_SUMMARY": "STEP_SUMMARY",
        "GITHUB_TOKEN": TOKEN,
        "INPUT_FAIL_UNDER": "pass@1=0.9",
        "INPUT_MAX_REGRESSION": "pass@1=0.02",
        "no_proxy": "*",
    }.items():
        monkeypatch.setenv(name, value)
    if not (DIR / "results/gate.json").exists():
        assert run(["ci", "gate", str(DIR)]) == ExitCode.FINE
    return runs


@pytest.mark.parametrize("output", OUTPUTS, ids=lambda output: output.name)
def test_hostile_text_is_shown_and_obeyed_by_nothing(
    output: Output, workflow: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    for file in (OUT, Path("STEP_SUMMARY"), Path("OUTPUT")):
        file.unlink(missing_ok=True)
    code = run([str(part) for part in output.command])
    printed = capsys.readouterr()
    assert code in (ExitCode.FINE, ExitCode.BELOW_GATE, ExitCode.INFRASTRUCTURE), printed.err
    text = output.file.read_bytes().decode() if output.file else printed.out
    CHECKS[output.kind](text if output.kind != "comment" else hub.comments[0]["body"])
    terminal(printed.err)
    assert len(printed.err) < 10_000
    assert not list(workflow.rglob("pwned"))
    if Path("OUTPUT").exists():
        assert all(re.fullmatch(r"[a-z_0-9]+=[ -~]*", line) for line in Path("OUTPUT").read_text().splitlines())


# --- what each kind of text may not do


def terminal(text: str) -> None:
    assert not _CONTROL.search(text)


def markdown(text: str) -> None:
    """GitHub lets HTML through; all of it has to be ours, and mentions and links have to be broken."""
    assert len(text) < 1_000_000
    assert not _CONTROL.search(text.replace("\t", ""))
    page = _Page()
    page.feed(_RENDERER.render(text))
    assert page.tags <= _TAGS
    assert page.attributes <= {("style", "text-align:left"), ("style", "text-align:right")}
    assert page.comments == []
    outside_code = "".join(page.text)
    assert not re.search(r"(?<![\w\u200b])@(?=\w)", outside_code)
    assert not re.search(r"://(?=\w)|www\.(?=\w)|GH-(?=\d)|#(?=\d)", outside_code)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()
        self.comments: list[str] = []
        self.text: list[str] = []
        self._code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= set(attrs)
        self._code += tag in ("code", "pre")

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in ("code", "pre")

    def handle_data(self, data: str) -> None:
        if not self._code:
            self.text.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def html(text: str) -> None:
    """A page of ours: nothing hostile is an element, an attribute or the end of a script."""
    page = _Page()
    page.feed(text)
    assert "img" not in page.tags
    assert not [name for name, value in page.attributes if name == "onerror" or "alert(1)" in (value or "")]
    assert text.count("<script") == text.count("</script>")
    assert not re.search(r"[\x00-\x08\x0e-\x1f\x7f]", text)


def comment(text: str) -> None:
    assert re.match(r"<!-- codebench [0-9a-f]{32} -->\n", text)
    assert len(text) <= 65_536
    markdown(text.partition("\n")[2])


def workflow_commands(text: str) -> None:
    terminal(text)
    found = commands(text)
    assert {name for name, _, _ in found} <= {"error", "warning", "notice"}
    assert all(properties.startswith("title=codebench") for _, properties, _ in found)
    assert len(found) <= 30


def csv_rows(text: str) -> None:
    """No cell begins with what a spreadsheet takes for a formula."""
    csv.field_size_limit(100_000_000)
    for row in csv.reader(io.StringIO(text, newline="")):
        assert not any(re.match(r"[=+@\t\r]|-[^0-9.]", cell) for cell in row), row


CHECKS = {
    "terminal": terminal,
    "markdown": markdown,
    "html": html,
    "json": json.loads,
    "xml": ET.fromstring,
    "csv": csv_rows,
    "workflow": workflow_commands,
    "comment": comment,
}

"""The HTML report as a file: one page, of which hostile text never becomes a part."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_up_runs import write_friendly, write_hostile

from codebench.cli.main import run as codebench
from codebench.runs import RunError
from codebench.runs.html_overview import curve_ks
from codebench.runs.html_report import chart_library, write_html_report


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text of each kind."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("hostile")
    write_html_report([write_hostile(folder / "RUN")], folder / "page.html")
    return (folder / "page.html").read_text(encoding="utf-8")


def test_hostile_text_makes_no_element_and_no_attribute(hostile: str) -> None:
    found = Elements(hostile).found
    assert {tag for tag, _ in found}.isdisjoint({"img", "iframe", "link", "base", "template", "b", "object", "form"})
    assert not [
        name for _, attributes in found for name in attributes if name.startswith("on") or name in ("src", "style")
    ]
    assert all((attributes.get("href") or "#").startswith("#") for _, attributes in found)
    assert [attributes.get("type") for tag, attributes in found if tag == "script"].count(None) == 1


def test_hostile_text_is_shown(hostile: str) -> None:
    texts = "".join(text for of_tag in Elements(hostile).texts.values() for text in of_tag)
    for attack in ("</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "{{ 7*7 }}{% raw %}"):
        assert attack in texts
    assert not re.search("[\x00-\x08\x0e-\x1f\x7f\u2028\u2029\u202e]", hostile)


def test_a_page_refers_to_nothing_outside_itself_and_allows_nothing_but_its_own_scripts(hostile: str) -> None:
    (policy,) = (
        str(a["content"]) for tag, a in Elements(hostile).found if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy


def test_a_megabyte_of_one_answer_is_cut(hostile: str) -> None:
    assert len(hostile) < 1_000_000


def test_a_page_of_several_runs_has_a_row_for_each(tmp_path: Path) -> None:
    runs = [write_friendly(tmp_path / name, model=f"replay:{name}.jsonl") for name in ("one", "two")]
    write_html_report(runs, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert re.findall('<tr><th scope="row"><bdi>(one|two)</bdi>', page) == ["one", "two"]


def test_a_run_that_has_not_begun_makes_a_page(tmp_path: Path) -> None:
    run = write_friendly(tmp_path / "RUN", problems=2)
    (run / "records.jsonl").unlink()
    assert write_html_report([run], tmp_path / "page.html") > 10_000


def test_a_file_that_is_there_is_kept_unless_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, page = write_friendly(tmp_path / "RUN", problems=2), tmp_path / "page.html"
    page.write_text("mine")
    command = ["report", str(run), "--html", str(page)]
    assert codebench(command) == 64
    assert (
        capsys.readouterr().err
        == f"codebench: {page} is there already; name another file, or add --force to replace it\n"
    )
    assert page.read_text() == "mine"
    assert codebench([*command, "--force"]) == 0
    assert page.read_text().startswith("<!DOCTYPE html>")


def test_a_link_without_a_target_is_kept_unless_forced(tmp_path: Path) -> None:
    run, page = write_friendly(tmp_path / "RUN", problems=2), tmp_path / "page.html"
    page.symlink_to("nowhere")
    with pytest.raises(RunError, match="is there already"):
        write_html_report([run], page)
    assert page.readlink() == Path("nowhere")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_regular_file_is_never_replaced(tmp_path: Path, make: Callable[[Path], None]) -> None:
    page = tmp_path / "page.html"
    make(page)
    before = page.stat()
    with pytest.raises(RunError, match="is no regular file"):
        write_html_report([write_friendly(tmp_path / "RUN", problems=2)], page, force=True)
    assert page.stat() == before


@pytest.mark.parametrize("number", ["", f".{os.getpid()}"])
def test_no_file_of_another_is_written_or_removed_on_the_way(tmp_path: Path, number: str) -> None:
    run, other = write_friendly(tmp_path / "RUN", problems=2), tmp_path / "other"
    other.write_text("precious")
    link = tmp_path / f".page.html{number}.tmp"
    link.symlink_to(other)
    with suppress(RunError):
        write_html_report([run], tmp_path / "page.html")
    assert link.is_symlink() and other.read_text() == "precious"


def test_a_page_that_cannot_be_finished_leaves_nothing_behind(tmp_path: Path) -> None:
    run = write_friendly(tmp_path / "RUN", problems=2)
    with (run / "records.jsonl").open("r+") as file:
        file.write("garbage")
    with pytest.raises(RunError, match="not a record"):
        write_html_report([run], tmp_path / "new" / "page.html")
    assert not list((tmp_path / "new").iterdir())


def test_a_missing_chart_library_is_one_line_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    chart_library.cache_clear()
    with pytest.raises(RunError, match=r"run: pip install 'codebench-eval\[html\]'"):
        write_html_report([write_friendly(tmp_path / "RUN", problems=1)], tmp_path / "page.html")


@pytest.mark.parametrize("samples", [1, 2, 20, 21, 100, 1000])
def test_curves_have_every_small_k_and_the_last(samples: int) -> None:
    ks = curve_ks(samples)
    assert ks[0] == 1 and ks[-1] == samples and list(ks) == sorted(set(ks))
    assert ks[:20] == tuple(range(1, min(samples, 20) + 1)) and len(ks) < 60

"""Names and what they stand for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from codebench.problems.humaneval import load
from codebench.runs.plugins import Kind, load_generator_opener, load_suite_loader, plugin_names
from codebench.runs.record import RunError


def install(site: Path, package: str, group: str, line: str) -> None:
    """What pip leaves behind for a package with one entry point."""
    info = site / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{line}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_name_stands_for_its_entry_point() -> None:
    assert load_suite_loader("humaneval") is load


def test_an_installed_package_adds_a_name(site: Path) -> None:
    install(site, "their-pack", "codebench.suites", "theirs = their_pack:load")
    (site / "their_pack.py").write_text("def load(data): ...")
    assert "theirs" in plugin_names(Kind.SUITE)
    assert load_suite_loader("theirs").__module__ == "their_pack"


def test_a_module_and_name_need_no_package(site: Path) -> None:
    (site / "loose_module.py").write_text("def load(data): ...")
    assert load_suite_loader("loose_module:load").__module__ == "loose_module"


@pytest.mark.parametrize(
    ("spec", "argument"),
    [
        ("loose_generator:opener", ""),
        ("loose_generator:opener:a:b", "a:b"),
        ("stored", ""),
        ("stored:", ""),
        ("stored:/x/y:z.jsonl", "/x/y:z.jsonl"),
    ],
)
def test_what_follows_a_generators_name_is_its_argument(site: Path, spec: str, argument: str) -> None:
    (site / "loose_generator.py").write_text("def opener(argument, problems): ...")
    install(site, "stored", "codebench.generators", "stored = loose_generator:opener")
    assert load_generator_opener(spec)[1] == argument


def test_two_packages_with_one_name_are_an_error_that_shows_both(site: Path) -> None:
    install(site, "their-pack", "codebench.suites", "humaneval = their_pack:load")
    with pytest.raises(RunError, match=r"2 packages provide a suite 'humaneval' \(.*their_pack:load"):
        load_suite_loader("humaneval")


@pytest.mark.parametrize("name", ["humanevl", "humaneval2"])
def test_an_unknown_name_is_answered_with_the_nearest(name: str) -> None:
    with pytest.raises(RunError, match="did you mean humaneval"):
        load_suite_loader(name)


@pytest.mark.parametrize("name", ["zzz", "", ":", "no_such_module_anywhere:load", "os.no_such:load", "a b:c"])
def test_a_name_with_nothing_near_is_answered_with_all(name: str) -> None:
    with pytest.raises(RunError, match=r"unknown suite .*there are: .*humaneval"):
        load_suite_loader(name)


def test_a_plug_in_that_breaks_while_loading_says_what_it_lacks(site: Path) -> None:
    (site / "needy.py").write_text("import not_installed_here")
    (site / "empty_module.py").write_text("")
    with pytest.raises(RunError, match=r"cannot load the suite 'needy:load'.*not_installed_here"):
        load_suite_loader("needy:load")
    with pytest.raises(RunError, match=r"cannot load the suite 'empty_module:load'.*load"):
        load_suite_loader("empty_module:load")


def test_importing_the_package_loads_nothing_heavy() -> None:
    script = "import sys, codebench.runs; print([m for m in ('rich', 'docker', 'numpy', 'torch') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"

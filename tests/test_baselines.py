"""Baselines: runs out of folders, archives and other commits, and nothing run by the shell on the way."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from made_runs import make_run

from codebench.runs import RunError
from codebench.runs.baselines import bring_baseline, find_runs


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a committed run, whose working tree has lost it."""
    place = tmp_path / "checkout"
    make_run(place / "kept/runs/toy", ["P", "F"])
    git(place, "init", "-q", "-b", "main")
    git(place, "add", ".")
    git(place, "commit", "-qm", "a run")
    shutil.rmtree(place / "kept")
    monkeypatch.chdir(place)
    return place


def git(cwd: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    return subprocess.run(["git", *identity, *arguments], cwd=cwd, capture_output=True, text=True, check=True).stdout


def no_evaluation(checkout: Path, out: Path) -> int:
    raise AssertionError("nothing is evaluated here")


def brought(spec: str, to: Path) -> list[str]:
    assert bring_baseline(spec, to, no_evaluation) == 0
    return [str(run.relative_to(to)) for run in find_runs(to)]


def test_runs_are_found_at_any_depth(tmp_path: Path) -> None:
    for name in ("b/two", "a", "b/one"):
        make_run(tmp_path / name, ["P"])
    assert [str(run.relative_to(tmp_path)) for run in find_runs(tmp_path)] == ["a", "b/one", "b/two"]
    assert find_runs(tmp_path / "a") == [tmp_path / "a"]
    assert find_runs(tmp_path / "nowhere") == []


def test_a_folder_or_an_archive_of_one_is_a_baseline(tmp_path: Path) -> None:
    make_run(tmp_path / "from/toy", ["P"])
    archive = shutil.make_archive(str(tmp_path / "base"), "zip", tmp_path / "from")
    assert brought(str(tmp_path / "from"), tmp_path / "one") == ["toy"]
    assert brought(archive, tmp_path / "two") == ["toy"]


def test_runs_that_were_committed_are_a_baseline(checkout: Path, tmp_path: Path) -> None:
    assert brought("git:main:kept/runs", tmp_path / "base") == ["kept/runs/toy"]


def test_another_commit_is_evaluated_in_a_checkout_of_its_own(checkout: Path, tmp_path: Path) -> None:
    seen = []

    def evaluate(place: Path, out: Path) -> int:
        seen.extend(find_runs(place))
        make_run(out, ["P"])
        return 0

    assert bring_baseline("git:main", tmp_path / "base", evaluate) == 0
    assert [run.name for run in seen] == ["toy"] and not seen[0].exists()
    assert git(checkout, "worktree", "list").count("\n") == 1


def test_an_evaluation_that_fails_says_so_and_leaves_no_checkout(checkout: Path, tmp_path: Path) -> None:
    assert bring_baseline("git:main", tmp_path / "base", lambda place, out: 3) == 3
    assert git(checkout, "worktree", "list").count("\n") == 1


def test_a_branch_that_a_shallow_clone_lacks_is_fetched(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "branch", "old")
    git(checkout, "rm", "-rq", "kept")
    git(checkout, "commit", "-qm", "without the run")
    git(tmp_path, "clone", "-q", "--depth=1", "--single-branch", f"file://{checkout}", "shallow")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path / "shallow")
        assert brought("git:old:kept", tmp_path / "base") == ["kept/runs/toy"]


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("git:", "names no branch, tag or commit"),
        ("git:--upload-pack=touch pwned", "names no branch, tag or commit"),
        ("git:nowhere; touch pwned", "git fetch: "),
        ("git:main:nowhere", "git archive: .*did not match any files"),
        ("git:main:../..", "git archive: "),
        ("nowhere", "cannot read the baseline nowhere: No such file"),
        (".git/HEAD", "is neither a folder nor a ZIP file"),
        (".git/refs", "no run in the baseline .git/refs: no run.json"),
    ],
)
def test_what_is_no_baseline_ends_in_one_line(checkout: Path, tmp_path: Path, spec: str, says: str) -> None:
    with pytest.raises(RunError, match=says) as caught:
        bring_baseline(spec, tmp_path / "base", no_evaluation)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("pwned"))

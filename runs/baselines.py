"""Baselines: where the runs come from that others are compared with."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from codebench.runs.github import newest_artifact, this_repository
from codebench.runs.manifest import MANIFEST
from codebench.runs.record import RunError
from codebench.runs.workflow import read_event

Evaluate = Callable[[Path, Path], int]
"""Evaluate the model in a checkout, its first argument, into the second; gives the exit code."""


def find_runs(folder: Path) -> list[Path]:
    """The runs in a folder, at any depth, by name; the folder itself where it is one."""
    if (folder / MANIFEST).is_file():
        return [folder]
    return sorted(path.parent for path in folder.rglob(MANIFEST) if path.is_file())


def bring_baseline(spec: str, to: Path, evaluate: Evaluate) -> int:
    """Put the runs that `spec` names into the folder `to`; gives the exit code of `evaluate`, or 0.

    `git:REF` evaluates the model as it is in this repository at REF. `git:REF:PATH` takes runs that were committed
    there. Anything else is a folder with runs, or a ZIP file of one. Raises RunError where there are none.
    """
    if spec.startswith("git:"):
        ref, _, path = spec.removeprefix("git:").partition(":")
        commit = _commit(ref)
        if not path:
            return _evaluate_at(commit, to, evaluate)
        _unpack_from_git(commit, path, to)
    else:
        _copy(Path(spec), to)
    if not find_runs(to):
        raise RunError(f"no run in the baseline {spec}: no {MANIFEST}; name one that `codebench eval` made")
    return 0


def newest_baseline(name: str, branch: str = "") -> int | None:
    """The id of the workflow run whose artifact `name` is the newest for `branch`; None where there is none.

    Without a branch it is the one that the pull request is to be merged into, or the repository's own. Raises ApiError.
    """
    return newest_artifact(this_repository(""), name, branch or read_event().branch)


def _copy(path: Path, to: Path) -> None:
    try:
        if path.is_dir():
            shutil.copytree(path, to, dirs_exist_ok=True)
        else:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(to)
    except zipfile.BadZipFile as error:
        raise RunError(f"the baseline {path} is neither a folder nor a ZIP file; name a run") from error
    except OSError as error:
        raise RunError(f"cannot read the baseline {path}: {error.strerror}; name a run") from error


def _commit(ref: str) -> str:
    """The hash of a branch, tag or commit, fetched where this clone does not have it."""
    if not ref or ref.startswith("-"):
        raise RunError(f"the baseline git:{ref} names no branch, tag or commit")
    for found in (f"origin/{ref}", ref):
        if commit := _try_git(["rev-parse", "--verify", "--quiet", "--end-of-options", f"{found}^{{commit}}"]):
            return commit
    _git(["fetch", "--quiet", "--no-tags", "--depth=1", "--end-of-options", "origin", ref])
    return _git(["rev-parse", "--verify", "--end-of-options", "FETCH_HEAD^{commit}"])


def _evaluate_at(commit: str, to: Path, evaluate: Evaluate) -> int:
    with tempfile.TemporaryDirectory(prefix="codebench-") as scratch:
        checkout = Path(scratch) / "checkout"
        _git(["worktree", "add", "--quiet", "--detach", str(checkout), commit])
        try:
            return evaluate(checkout, to)
        finally:
            _git(["worktree", "remove", "--force", str(checkout)])


def _unpack_from_git(commit: str, path: str, to: Path) -> None:
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(suffix=".zip") as archive:
        _git(["archive", "--format=zip", f"--output={archive.name}", commit, "--", path])
        _copy(Path(archive.name), to)


def _try_git(arguments: Sequence[str]) -> str:
    try:
        return _git(arguments)
    except RunError:
        return ""


def _git(arguments: Sequence[str]) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise RunError("git is not here; install it, or name another baseline") from error
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise RunError(f"git {arguments[0]}: {said}; check the baseline and the checkout")
    return done.stdout.strip()

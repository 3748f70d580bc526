"""A copy of a repository is made equal to the clean one, whatever was done to it; and what a repository's hash covers."""


# names are bytes here, which pathlib does not know:
# ruff: noqa: PTH101, PTH102, PTH106, PTH108, PTH114, PTH115, PTH118, PTH120, PTH123, PTH211

from __future__ import annotations

import os
import random
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codebench.sandbox import SandboxError
from codebench.sandbox.guest.restore import empty, restore
from codebench.sandbox.trees import read_trees, tree_digest

NAMES = (b"a", b"b", b"c", b"\xff", b"new\nline", b"-rf")


def look(folder: Path) -> dict[bytes, Any]:
    """All that there is to know of what is in a folder."""
    root, found = os.fsencode(folder), {}
    for place, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(place, name)
            facts = os.lstat(path)
            content: bytes = b""
            if stat.S_ISREG(facts.st_mode):
                content = Path(os.fsdecode(path)).read_bytes()
            elif stat.S_ISLNK(facts.st_mode):
                content = os.readlink(path)
            links = 1 if stat.S_ISDIR(facts.st_mode) else facts.st_nlink
            about = facts.st_mode, content, facts.st_mtime_ns, links, os.listxattr(path, follow_symlinks=False)
            found[os.path.relpath(path, root)] = about
    return found


def build(folder: Path, seed: int) -> None:
    """A tree of files, folders and links, drawn at random."""
    draw = random.Random(seed)
    places = [os.fsencode(folder)]
    for _ in range(draw.randrange(15)):
        path = os.path.join(draw.choice(places), draw.choice(NAMES))
        if os.path.lexists(path):
            continue
        kind = draw.choice("dfffl")
        if kind == "d":
            os.mkdir(path)
            places.append(path)
        elif kind == "l":
            os.symlink(draw.choice((b"a", b"b", b"loop", b"nowhere/at/all")), path)
        else:
            Path(os.fsdecode(path)).write_bytes(draw.randbytes(draw.choice((0, 1, 100, 1 << 20, (1 << 20) + 1))))
            os.chmod(path, draw.choice((0o644, 0o755)))


def damage(folder: Path, seed: int) -> None:
    """Do something to it, many times over."""
    draw = random.Random(seed)
    for _ in range(draw.randrange(20)):
        there = [os.path.join(p, n) for p, ds, fs in os.walk(os.fsencode(folder)) for n in ds + fs]
        target = draw.choice(there) if there else os.path.join(os.fsencode(folder), b"x")
        other = os.path.join(os.path.dirname(target), draw.choice((*NAMES, b"z")))
        try:
            draw.choice(DAMAGES)(target, other)
        except OSError:
            continue


def _rewrite(target: bytes, _: bytes) -> None:
    facts = os.lstat(target)
    if stat.S_ISREG(facts.st_mode) and facts.st_size:
        with open(target, "r+b") as file:
            file.seek(-1, 2)
            file.write(b"!")
        os.utime(target, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def _truncate(target: bytes, _: bytes) -> None:
    if not os.path.islink(target):  # nothing here may reach what is outside the test's own folder
        os.truncate(target, 1 << 30)


def _close(target: bytes, _: bytes) -> None:
    if not os.path.islink(target):
        os.chmod(target, 0)


DAMAGES = (
    _rewrite,
    lambda target, other: os.unlink(target),
    lambda target, other: os.rmdir(target),
    lambda target, other: os.mkdir(other),
    lambda target, other: os.mkfifo(other),
    os.rename,
    lambda target, other: os.link(target, other, follow_symlinks=False),
    os.symlink,
    _truncate,
    _close,
    lambda target, other: os.setxattr(target, "user.left", b"y", follow_symlinks=False),
    lambda target, other: os.utime(target, (0, 0), follow_symlinks=False),
)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1 << 32), st.integers(0, 1 << 32))
def test_whatever_was_done_is_undone(tmp_path_factory: pytest.TempPathFactory, tree: int, harm: int) -> None:
    place = tmp_path_factory.mktemp("restore")
    clean, view = place / "clean", place / "view"
    clean.mkdir()
    view.mkdir(mode=0o777)
    build(clean, tree)
    restore(str(clean), str(view))
    expected = look(clean)
    assert look(view) == expected
    damage(view, harm)
    restore(str(clean), str(view))
    assert look(view) == expected
    assert look(clean) == expected
    undone = restore(str(clean), str(view))
    assert (undone.entries, undone.size_bytes) == (0, 0)
    empty(str(view))
    assert list(view.iterdir()) == []


def test_a_link_in_the_place_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    clean, view, outside = tmp_path / "clean", tmp_path / "view", tmp_path / "outside"
    for folder in (clean / "data", view, outside):
        folder.mkdir(parents=True)
    (clean / "data/file").write_text("clean")
    (outside / "file").write_text("precious")
    (outside / "more").write_text("precious")
    (view / "data").symlink_to(outside)
    restore(str(clean), str(view))
    assert (view / "data/file").read_text() == "clean"
    assert not (view / "data").is_symlink()
    assert sorted(path.read_text() for path in outside.iterdir()) == ["precious", "precious"]


def test_a_tree_deeper_than_any_path_is_removed(tmp_path: Path) -> None:
    clean, view = tmp_path / "clean", tmp_path / "view"
    clean.mkdir()
    view.mkdir()
    here = os.open(view, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d" * 20, dir_fd=here)
        below = os.open("d" * 20, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    assert restore(str(clean), str(view)).entries == 1501
    assert list(view.iterdir()) == []


def test_equal_trees_have_equal_hashes_wherever_they_are(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        build(tmp_path / name, 7)
    os.utime(tmp_path / "one", (0, 0))
    assert tree_digest(tmp_path / "one") == tree_digest(tmp_path / "two")


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "file").write_text("other"),
        lambda folder: (folder / "file").chmod(0o755),
        lambda folder: (folder / "file").rename(folder / "file2"),
        lambda folder: (folder / "folder/file").rename(folder / "folder2"),
        lambda folder: (folder / "empty").mkdir(),
        lambda folder: ((folder / "link").unlink(), (folder / "link").symlink_to("folder")),
        lambda folder: ((folder / "link").unlink(), (folder / "link").write_text("file")),
    ],
    ids=["content", "mode", "name", "place", "folder", "target", "kind"],
)
def test_every_change_is_another_hash(tmp_path: Path, change: Any) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("text")
    (tmp_path / "folder/file").write_text("text")
    (tmp_path / "link").symlink_to("file")
    before = tree_digest(tmp_path)
    change(tmp_path)
    assert tree_digest(tmp_path) != before


def test_what_cannot_be_a_repository_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "fifo").mkdir()
    os.mkfifo(tmp_path / "fifo/pipe")
    for repositories, words in (
        ({"fifo": tmp_path / "fifo"}, "neither file, folder nor link"),
        ({"absent": tmp_path / "absent"}, "is not there"),
        ({"../up": tmp_path}, "cannot be a repository's name"),
        ({"a,b": tmp_path}, "cannot be a repository's name"),
    ):
        with pytest.raises(SandboxError, match=words):
            read_trees(repositories)

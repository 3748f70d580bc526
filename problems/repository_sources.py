"""The repositories of a pack: `[[repositories]]` of pack.toml, and what they come to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codebench.problems.problem import PackError
from codebench.problems.repository import Repository
from codebench.problems.repository_store import from_archive, from_folder, from_git, text_of

_IMAGES = Path(__file__).parent.parent / "images"  # beside this package in the source tree and where it is installed
LOCK, _DOCKERFILE = "requirements.lock", "Dockerfile"
NAME_OF_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryRow:
    """One of `[[repositories]]`: exactly one of `path`, `archive` with `sha256`, and `git` with `commit`.

    `readme` is what tasks show as documentation, `entries` a file that describes an API, one entry a heading.
    """

    name: str
    path: str | None = None
    archive: str | None = None
    sha256: str | None = None
    git: str | None = None
    commit: str | None = None
    image: str = ""
    readme: str = "README.md"
    entries: str | None = None
    gpus: int = 0


def load_repositories(rows: Sequence[RepositoryRow], folder: Path, header: Path) -> tuple[Repository, ...]:
    """The repositories of a pack, fetched and unpacked where they are not in the cache. Raises PackError."""
    names = [row.name for row in rows]
    for index, row in enumerate(rows):
        where = f"{header}: field `repositories[{index}]"
        if not NAME_OF_REPOSITORY.fullmatch(row.name):
            raise PackError(f"{where}.name`: {row.name!r} is no name; use letters, digits and . _ -")
        if names.index(row.name) != index:
            raise PackError(f"{where}.name`: {row.name!r} is the name of another repository already")
        if row.gpus < 0:
            raise PackError(f"{where}.gpus`: {row.gpus} is negative")
        _check_image(row.image, folder, f"{where}.image`")
    return tuple(_repository(row, folder, f"{header}: field `repositories[{n}]") for n, row in enumerate(rows))


def shared_image(repositories: Sequence[Repository], header: Path) -> str:
    """The image of all of them: every box has the same. Raises PackError where they name several."""
    images = list(dict.fromkeys(one.image for one in repositories))
    if len(images) > 1:
        named = " and ".join(repr(image or "none") for image in images)
        raise PackError(f"{header}: field `repositories`: the images {named}; a pack has one: divide it")
    return images[0] if images else ""


def joint_sha256(tasks: str, repositories: Sequence[Repository]) -> str:
    """The digest of a suite: of its tasks' file, and of every repository."""
    parts = [tasks, *(f"{one.name} {one.sha256}" for one in repositories)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _repository(row: RepositoryRow, folder: Path, where: str) -> Repository:
    ways = [name for name in ("path", "archive", "git") if getattr(row, name) is not None]
    if len(ways) != 1:
        found = " and ".join(f"`{name}`" for name in ways) if ways else "none of them"
        raise PackError(f"{where}`: one of `path`, `archive` and `git` says where it is; there is {found}")
    if (row.sha256 is not None) != (row.archive is not None) or (row.commit is not None) != (row.git is not None):
        raise PackError(f"{where}`: `archive` goes with `sha256`, and `git` with `commit`")
    if row.path is not None:
        tree, sha256 = from_folder(folder / row.path, f"{where}.path`")
    elif row.archive is not None and row.sha256 is not None:
        tree, sha256 = from_archive(folder / row.archive, row.sha256, f"{where}.archive`")
    else:
        assert row.git is not None
        assert row.commit is not None
        is_url = ":" in row.git
        tree, sha256 = from_git(row.git if is_url else str((folder / row.git).resolve()), row.commit, f"{where}.git`")
    image = str((folder / row.image).resolve()) if "/" in row.image else row.image
    return Repository(
        name=row.name,
        tree=tree,
        sha256=sha256,
        image=image,
        gpus=row.gpus,
        readme=text_of(tree, row.readme, f"{where}.readme`") if row.readme else "",
        entries=text_of(tree, row.entries, f"{where}.entries`") if row.entries else "",
    )


def _check_image(image: str, folder: Path, where: str) -> None:
    """A name is a folder of codebench's images/, a path with a slash in it one of the pack's own."""
    if not image:
        return
    place = folder / image if "/" in image else _IMAGES / image
    if (place / LOCK).is_file() or ("/" in image and (place / _DOCKERFILE).is_file()):
        return
    known = ", ".join(sorted(path.parent.name for path in _IMAGES.glob(f"*/{LOCK}")))
    raise PackError(f"{where}: there is no image {image!r} ({place / LOCK} is missing); there are: {known}")

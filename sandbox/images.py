"""Docker images for boxes: the host's own interpreter, or a Python image from a registry with the guest on top."""

from __future__ import annotations

import hashlib
import io
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from codebench.sandbox.engine import connect, engine_errors
from codebench.sandbox.guest.places import CLEAN, VIEWS
from codebench.sandbox.job import SandboxError
from codebench.sandbox.packages import FILES, LOCK
from codebench.sandbox.rootfs import PYTHON, Rootfs, build_rootfs, guest_sources
from codebench.sandbox.trees import Tree, joint_digest

if TYPE_CHECKING:
    from docker import DockerClient

_OURS = "codebench-"
REPOSITORY = f"{_OURS}python"

_NO_TAG = "<none>:<none>"
_BUILD_S = 900
_KEPT_IMAGES = 3
_DIGEST = "codebench.digest"
_GUEST = "codebench.guest"
_PYTHON = "codebench.python"
_INTERPRETER = "codebench.interpreter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image that boxes start from. `digest` names all that is in it, `interpreter` is the path of its python3."""

    tag: str
    id: str
    digest: str
    python: str
    interpreter: str
    size_bytes: int
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A Dockerfile and what replaces its BASE (an image) and PYTHON (the path of its interpreter)."""

    dockerfile: Path
    base: str | None = None
    interpreter: str | None = None


def build(recipe: Recipe | None = None, *, tag: str | None = None, packages: str = "") -> Image:
    """Build and tag an image; without a recipe it is this interpreter and its libraries, and no registry is asked.

    `packages` names an image of `sandbox.packages`, whose packages are in it, too.

    Raises SandboxError.
    """
    client = connect(timeout_s=_BUILD_S)
    if recipe is None:
        return _from_rootfs(client, build_rootfs(packages), tag, packages)
    return _from_dockerfile(client, recipe, tag or f"{REPOSITORY}:dockerfile-{_guest_hash()}")


def list_images() -> tuple[Image, ...]:
    """Return codebench's images on the engine, newest first. Raises SandboxError."""
    client = connect()
    with engine_errors("cannot list the engine's images"):
        rows = client.api.images(filters={"label": _GUEST})
        found = [_image(_tag(row), client.api.inspect_image(row["Id"])) for row in rows]
    return tuple(sorted(found, key=lambda image: image.created, reverse=True))


def ensure_image(
    client: DockerClient,
    name: str | None = None,
    packages: str = "",
    note: Callable[[str], None] = lambda _: None,
    *,
    for_commands: bool = False,
) -> Image:
    """Return the image `name`, or the one with `packages`, which is built where it is missing. Raises SandboxError.

    With `for_commands` what is built has the programs for commands as well.
    """
    if name is None:
        return _from_rootfs(
            client,
            build_rootfs(packages, note, for_commands=for_commands),
            None,
            packages or ("shell" if for_commands else ""),
        )
    image = _find(client, name)
    if image is None:
        raise SandboxError(f"the engine has no image {name}; run docker pull {name}, or see codebench images list")
    return image


def with_repositories(
    client: DockerClient, image: Image, trees: tuple[Tree, ...], note: Callable[[str], None] = lambda _: None
) -> Image:
    """An image with repositories added to it, in one layer, which is made where it is missing. Raises SandboxError.

    The layer holds a copy, so that an engine on another machine has it too.
    """
    digest = joint_digest(image.digest, trees)
    tag = f"{_OURS}repositories:{digest[:12]}"
    found = _find(client, tag)
    if found is not None and found.digest == digest:
        return found
    note("giving the engine a copy of the repositories: this takes a while, once")
    timeout_s, client.api.timeout = client.api.timeout, _BUILD_S
    try:
        with engine_errors(f"cannot add the repositories to {image.tag}"):
            return _add_layer(client, image, trees, tag, digest)
    finally:
        client.api.timeout = timeout_s


def _add_layer(client: DockerClient, image: Image, trees: tuple[Tree, ...], tag: str, digest: str) -> Image:
    """By way of a container that never starts: a build would write all of it three times."""
    container = client.api.create_container(image.id, command=["none"], entrypoint=[], network_disabled=True)["Id"]
    try:
        with _layer(trees) as archive:
            client.api.put_archive(container, "/", archive)
        repository, _, version = tag.partition(":")
        labels = [f"LABEL {_DIGEST}={digest}", f"LABEL {_GUEST}={_guest_hash()}"]
        client.api.commit(container, repository=repository, tag=version, changes=labels)
    finally:
        client.api.remove_container(container, force=True)
    added = _image(tag, client.api.inspect_image(tag))
    _prune(client, keep=added)
    return added


@contextmanager
def _layer(trees: tuple[Tree, ...]) -> Iterator[IO[bytes]]:
    """A tar of the trees, readable for all, and of places for their views."""

    def readable(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        entry.mode |= 0o555 if entry.isdir() or entry.mode & 0o100 else 0o444
        return entry

    with tempfile.TemporaryFile() as archive:
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for place in (CLEAN, VIEWS, *(f"{VIEWS}/{tree.name}" for tree in trees)):
                folder = tarfile.TarInfo(place.lstrip("/"))
                folder.type, folder.mode = tarfile.DIRTYPE, 0o777 if place.count("/") > 1 else 0o755
                tar.addfile(folder)
            for tree in trees:
                tar.add(tree.path, arcname=f"{CLEAN.lstrip('/')}/{tree.name}", filter=readable)
        archive.seek(0)
        yield archive


def _from_rootfs(client: DockerClient, rootfs: Rootfs, tag: str | None, packages: str) -> Image:
    repository = f"{_OURS}{Path(packages).name}" if packages else REPOSITORY
    tag = tag or f"{repository}:{rootfs.digest[:12]}"
    image = _find(client, tag)
    if image is None or image.digest != rootfs.digest:
        image = _import(client, rootfs, tag)
    return image


def _find(client: DockerClient, name: str) -> Image | None:
    """The image `name`; raises SandboxError when its guest does not speak this version's language."""
    import docker.errors

    with engine_errors(f"cannot look for the image {name}"):
        try:
            facts = client.api.inspect_image(name)
        except docker.errors.NotFound:
            return None
    if _labels(facts).get(_GUEST) not in (None, "", _guest_hash()):
        raise SandboxError(f"the image {name} was made by another version of codebench; build it again")
    return _image(name, facts)


def _guest_hash() -> str:
    """Which guest program an image holds: host and guest must speak the same language."""
    total = hashlib.sha256()
    for source in guest_sources():
        total.update(f"{source.name}\0".encode() + hashlib.sha256(source.read_bytes()).digest())
    return total.hexdigest()[:12]


def _import(client: DockerClient, rootfs: Rootfs, tag: str) -> Image:
    labels = {_DIGEST: rootfs.digest, _PYTHON: rootfs.python, _GUEST: _guest_hash(), _INTERPRETER: PYTHON}
    repository, _, version = tag.partition(":")
    with engine_errors(f"cannot import the image {tag}"), _packed(rootfs.path) as archive:
        client.api.import_image_from_data(
            archive,
            repository=repository,
            tag=version or "latest",
            changes=[f"LABEL {key}={value}" for key, value in labels.items()],
        )
        image = _image(tag, client.api.inspect_image(tag))
        _prune(client, keep=image)
    return image


@contextmanager
def _packed(tree: Path) -> Iterator[IO[bytes]]:
    """A tar of the tree that belongs to root and holds no times, so that equal trees make equal layers."""

    def anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        entry.mtime = 0
        return entry

    with tempfile.TemporaryFile() as archive:
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(tree, arcname=".", filter=anonymous)
        archive.seek(0)
        yield archive


def _from_dockerfile(client: DockerClient, recipe: Recipe, tag: str) -> Image:
    arguments = {"BASE": recipe.base, "PYTHON": recipe.interpreter}
    with engine_errors(f"cannot build {tag} from {recipe.dockerfile}"):
        client.images.build(
            fileobj=_context(recipe.dockerfile),
            custom_context=True,
            tag=tag,
            buildargs={name: value for name, value in arguments.items() if value is not None},
            labels={_GUEST: _guest_hash()},
            network_mode="host" if (recipe.dockerfile.parent / LOCK).exists() else "none",  # for pip alone
            rm=True,
        )
        return _image(tag, client.api.inspect_image(tag))


def _context(dockerfile: Path) -> IO[bytes]:
    """The files that the Dockerfile may copy, at the places that they have in codebench's repository."""
    folder = dockerfile.absolute().parent
    try:
        files = {"Dockerfile": dockerfile.read_bytes()}
    except OSError as error:
        raise SandboxError(f"cannot read {dockerfile}: {error.strerror}") from error
    files |= {
        f"images/{folder.name}/{name}": (folder / name).read_bytes() for name in FILES if (folder / name).exists()
    }
    files |= {f"sandbox/guest/{source.name}": source.read_bytes() for source in guest_sources()}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    archive.seek(0)
    return archive


def _labels(facts: dict[str, Any]) -> dict[str, str]:
    return (facts["Config"] or {}).get("Labels") or {}


def _image(name: str, facts: dict[str, Any]) -> Image:
    labels = _labels(facts)
    environment = dict(entry.partition("=")[::2] for entry in (facts["Config"] or {}).get("Env") or ())
    return Image(
        tag=name,
        id=facts["Id"],
        digest=labels.get(_DIGEST) or facts["Id"].removeprefix("sha256:"),
        python=labels.get(_PYTHON) or environment.get("PYTHON_VERSION", "unknown"),
        interpreter=environment.get("CODEBENCH_PYTHON") or labels.get(_INTERPRETER, PYTHON),
        size_bytes=facts["Size"],
        created=datetime.fromisoformat(facts["Created"]).astimezone(UTC),
    )


def _prune(client: DockerClient, *, keep: Image) -> None:
    """Remove the default images of earlier versions, but for the last few. One in use stays: the engine refuses."""
    import docker.errors

    rows = client.api.images(filters={"label": _DIGEST})
    ours = [row for row in rows if row["Id"] != keep.id and _is_default(row)]
    for row in sorted(ours, key=itemgetter("Created"), reverse=True)[_KEPT_IMAGES - 1 :]:
        try:
            client.api.remove_image(row["Id"])
        except docker.errors.APIError as error:
            if error.status_code not in (404, 409):
                raise


def _is_default(row: dict[str, Any]) -> bool:
    digest = row["Labels"][_DIGEST]
    tag = _tag(row)
    return digest != "" and (tag == _NO_TAG or (tag.startswith(_OURS) and tag.endswith(f":{digest[:12]}")))


def _tag(row: dict[str, Any]) -> str:
    return next(iter(row.get("RepoTags") or ()), _NO_TAG)

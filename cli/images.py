"""`codebench images`: what Docker boxes start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from codebench.cli.output import put, put_json, say

if TYPE_CHECKING:
    from codebench.sandbox.images import Image


@click.group("images", epilog="Example: codebench images build")
def images_group() -> None:
    """Build and list the docker sandbox's images."""


@images_group.command("build", epilog="Example: codebench images build sallm")
@click.argument("name", required=False)
@click.option(
    "--dockerfile",
    metavar="FILE",
    type=click.Path(path_type=Path),
    show_default="none: this machine's own interpreter, no registry needed",
    help="Build from this Dockerfile.",
)
@click.option("--base", metavar="IMAGE", show_default="the Dockerfile's", help="The Dockerfile's BASE.")
@click.option("--tag", metavar="TAG", help="What to call the image.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document to stdout.")
def build_command(name: str | None, dockerfile: Path | None, base: str | None, tag: str | None, as_json: bool) -> None:
    """Build the image that answers run in.

    NAME is an image with packages besides Python, as a suite may need it; without it, Python alone.
    """
    from codebench.sandbox.images import Recipe, build

    if base is not None and dockerfile is None:
        raise click.UsageError("--base needs --dockerfile")
    if name is not None and dockerfile is not None:
        raise click.UsageError("NAME and --dockerfile exclude each other; a Dockerfile installs what it wants")
    if name is not None and not _build_tree(name):
        return
    image = build(Recipe(dockerfile=dockerfile, base=base) if dockerfile else None, tag=tag, packages=name or "")
    _put_images([image], as_json)


def _build_tree(name: str) -> bool:
    """Make what the namespaces sandbox starts from, and a Docker image is made of; is there an engine for that?"""
    from codebench.sandbox import SandboxError
    from codebench.sandbox.engine import connect
    from codebench.sandbox.rootfs import build_rootfs

    tree = build_rootfs(name, say)
    say(f"{name}: Python {tree.python}, digest {tree.digest[:12]}; the namespaces sandbox can use it")
    try:
        connect().close()
    except SandboxError as error:
        say(f"no Docker image was made of it: {error}")
        return False
    return True


@images_group.command("list", epilog="Example: codebench images list --json")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document to stdout.")
def list_command(as_json: bool) -> None:
    """List codebench's images on the engine, newest first."""
    from codebench.sandbox.images import list_images

    _put_images(list_images(), as_json)


def _put_images(images: list[Image] | tuple[Image, ...], as_json: bool) -> None:
    if as_json:
        put_json([_plain(image) for image in images])
    else:
        put("\n".join(map(_text, images)) or "no images yet; build one with: codebench images build")


def _plain(image: Image) -> dict[str, object]:
    return {
        "tag": image.tag,
        "id": image.id,
        "digest": image.digest,
        "python": image.python,
        "size_bytes": image.size_bytes,
        "created": image.created.isoformat(timespec="seconds"),
    }


def _text(image: Image) -> str:
    size_mib = image.size_bytes / 2**20
    return f"{image.tag}  Python {image.python}  {size_mib:,.0f} MiB  {image.created:%Y-%m-%d %H:%M} UTC"

"""`codebench images`: what Docker boxes start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from codebench.cli.output import put, put_json

if TYPE_CHECKING:
    from codebench.sandbox.images import Image


@click.group("images", epilog="Example: codebench images build")
def images_group() -> None:
    """Build and list the docker sandbox's images."""


@images_group.command("build", epilog="Example: codebench images build --dockerfile images/python/Dockerfile")
@click.option(
    "--dockerfile",
    metavar="FILE",
    type=click.Path(path_type=Path),
    show_default="none: this machine's own interpreter, no registry needed",
    help="Build from this Dockerfile.",
)
@click.option("--base", metavar="IMAGE", show_default="the Dockerfile's", help="The Dockerfile's BASE.")
@click.option("--tag", metavar="NAME", help="What to call the image.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document to stdout.")
def build_command(dockerfile: Path | None, base: str | None, tag: str | None, as_json: bool) -> None:
    """Build the image that answers run in."""
    from codebench.sandbox.images import Recipe, build

    if base is not None and dockerfile is None:
        raise click.UsageError("--base needs --dockerfile")
    image = build(Recipe(dockerfile=dockerfile, base=base) if dockerfile else None, tag=tag)
    _put_images([image], as_json)


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

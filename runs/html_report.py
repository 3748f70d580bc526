"""The report on runs as one HTML file: no network, no other file, and nothing of a model's text in its markup.

The page is written from front to back while the records are read, so memory stays flat: first what the template makes
of the summaries, then the samples in chunks, then charts and scripts. What is bulky is compressed, in base64, in script
elements that no browser runs; the page unpacks a chunk when one of its samples is opened.

Text of others gets there in three ways only: through the template, which escapes it; as base64; and by the page's
scripts, which set text and never markup. The content security policy allows our scripts and style by their hashes and
nothing else, so that a mistake in any of these would still not run or fetch anything.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from importlib.resources import files as resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from codebench.runs.embedding import line, packed, packed_text
from codebench.runs.html_overview import Tally, charts_of, overview_of, section_of
from codebench.runs.html_samples import chunks_of
from codebench.runs.names import run_names
from codebench.runs.ordered import RunFiles, order_records
from codebench.runs.record import RunError
from codebench.runs.scored import ScoredRun, read_scored
from codebench.runs.searches import read_searches

if TYPE_CHECKING:
    from jinja2 import Template

_SCRIPTS = ("data.js", "grid.js", "samples.js", "problems.js", "highlight.js", "detail.js", "charts.js", "page.js")
_EXPOSE_CHARTS = "globalThis.vegaEmbed = vegaEmbed;"


def write_html_report(directories: Sequence[Path], out: Path, ks: Sequence[int] = (), *, force: bool = False) -> int:
    """Write the report on these runs to `out`, whole or not at all, and give its size in bytes.

    Raises RunError where `out` is there and not to be replaced, cannot be written, a run cannot be read, or the
    packages of the extra `html` are missing.
    """
    _refuse_to_lose(out, force)
    charts = chart_library()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with _replacing(out) as file:
            file.writelines(_page([read_scored(directory, ks) for directory in directories], charts))
        return out.stat().st_size
    except OSError as error:
        raise RunError(f"cannot write {out}: {error.strerror}; name another file") from error


def _refuse_to_lose(out: Path, force: bool) -> None:
    """A link without a target is something that is there, too; a device is not replaced whatever is asked for."""
    if os.path.lexists(out) and not force:
        raise RunError(f"{out} is there already; name another file, or add --force to replace it")
    if out.exists() and not out.is_file():
        raise RunError(f"{out} is no regular file; name another one")


@contextmanager
def _replacing(out: Path) -> Iterator[TextIO]:
    """A new file beside `out` that takes its name at the end, or is removed where that is not reached."""
    unfinished = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    with unfinished.open("x", encoding="utf-8", newline="\n") as file:
        try:
            yield file
            file.flush()
            unfinished.replace(out)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise


@functools.cache
def chart_library() -> str:
    """Vega-Lite and what it needs, as one script. Raises RunError where the package that carries it is missing."""
    try:
        from vl_convert import javascript_bundle
    except ModuleNotFoundError as error:
        raise RunError("--html needs vl-convert-python; run: pip install 'codebench-eval[html]'") from error
    return str(javascript_bundle(_EXPOSE_CHARTS))


def _page(runs: Sequence[ScoredRun], library: str) -> Iterator[str]:
    style = _resource("report.css")
    script = f'(async () => {{\n"use strict";\n{"".join(map(_resource, _SCRIPTS))}}})();\n'
    sections = [section_of(scored, name) for scored, name in zip(runs, run_names(runs), strict=True)]
    yield _template("report.html.jinja").render(
        title=_title(sections),
        sections=sections,
        style=style,
        policy=_policy([script, library], style),
        version=line(version("codebench-eval")),
    )
    charts = []
    for number, scored in enumerate(runs):
        tally = Tally()
        yield from _samples(number, scored, tally)
        charts.append(charts_of(scored, tally))
    yield _inert("overview", packed(overview_of(runs, charts)))
    yield _inert("library", packed_text(library))
    yield f"<script>{script}</script>\n</body>\n</html>\n"


def _samples(number: int, scored: ScoredRun, tally: Tally) -> Iterator[str]:
    """Two elements for each chunk of run `number`; `tally` learns of every row."""
    directory, manifest = scored.run.directory, scored.run.manifest
    files = RunFiles(manifest=manifest, records=order_records(directory, manifest), searches=read_searches(directory))
    for place, chunk in enumerate(chunks_of(files)):
        tally.add(chunk.rows)
        yield _inert(f"rows-{number}-{place}", packed(chunk.rows))
        yield _inert(f"details-{number}-{place}", packed(chunk.details))


def _inert(name: str, content: str) -> str:
    """Data that no browser runs, fetches or shows."""
    return f'<script type="application/gzip" id="{name}">{content}</script>\n'


def _policy(scripts: Sequence[str], style: str) -> str:
    allowed = " ".join(map(_hash, scripts))
    return f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _title(sections: Sequence[dict[str, Any]]) -> str:
    if len(sections) == 1:
        return f"{sections[0]['suite']} · {sections[0]['name']}"
    return f"{len(sections)} runs"


def _template(name: str) -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_resource(name))


def _resource(name: str) -> str:
    return resources("codebench.runs").joinpath("page", name).read_text(encoding="utf-8")

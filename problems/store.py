"""The data store: benchmark data as their authors released them, fetched once and checked ever after.

A file is data only once it lies under its own name: it is fetched beside that, checked, written to disk, renamed. Its
sha256 is pinned in the catalogue where it is known; else that of the first fetch is recorded and holds from then on.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import platformdirs

from codebench.problems.datafile import sha256_of
from codebench.problems.jsonl import json_object, numbered_lines
from codebench.problems.problem import PackError

MIRROR = "CODEBENCH_DATA_MIRROR"
_ATTEMPTS = 4
_PAUSE_S = 0.5  # before the second attempt; twice as long before each later one
_TIMEOUT_S = 30.0  # without a byte
_EVALPLUS = "https://github.com/evalplus/humanevalplus_release/releases/download/v0.1.10"
_EVOEVAL = "https://github.com/evo-eval/evoeval_release/releases/download/v0.1.0"
_ENAMEL = "https://raw.githubusercontent.com/q-rz/enamel/b97da79c779b98eaa8b2a1b17a13d2eb0b6d16a5/dataset"
ENAMEL_SHA256 = "1b77dba08bd3dedec199abce593c86a4f611c288475c318e1775bd56d1419b14"
_HOUSEKEEPING_S = 24 * 3600.0  # a fetch that began longer ago than that has died


class FetchError(Exception):
    """The data could not be fetched: the network or the other side, not the user; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A file of the catalogue. `suite` is what users call it, `sha256` None where no digest is known beforehand."""

    name: str
    suite: str
    url: str
    sha256: str | None = None

    @property
    def file_name(self) -> str:
        return self.url.rpartition("/")[2]


CATALOGUE: tuple[Pack, ...] = (
    Pack(name="humanevalplus", suite="humaneval+", url=f"{_EVALPLUS}/HumanEvalPlus.jsonl.gz"),
    *(
        Pack(name=f"evoeval_{name}", suite=f"evoeval:{name}", url=f"{_EVOEVAL}/EvoEval_{name}.jsonl.gz")
        for name in ("difficult", "creative", "subtle", "combine", "tool_use", "verbose", "concise")
    ),
    Pack(name="enamel", suite="enamel", url=f"{_ENAMEL}/enamel.csv", sha256=ENAMEL_SHA256),
)


class State(StrEnum):
    """What is to be said of a pack in the store."""

    PRESENT = "present"
    ABSENT = "absent"
    DAMAGED = "damaged"


class Meter(Protocol):
    """Shows how far a fetch is; every method takes bytes."""

    def start(self, name: str, total: int | None) -> None: ...

    def advance(self, count: int) -> None: ...

    def finish(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A pack as it is in the store; `sha256` is that of the bytes on disk, "" where there are none."""

    pack: Pack
    state: State
    path: Path
    size: int = 0
    sha256: str = ""
    detail: str = ""


def packs(names: Sequence[str]) -> tuple[Pack, ...]:
    """The packs of these suites; `evoeval` means all of its sets, no name means everything. Raises PackError."""
    if not names:
        return CATALOGUE
    chosen: dict[str, Pack] = {}
    for name in names:
        of_name = [pack for pack in CATALOGUE if name in (pack.suite, pack.suite.partition(":")[0], pack.name)]
        if not of_name:
            known = [
                *dict.fromkeys([pack.suite.partition(":")[0] for pack in CATALOGUE]),
                *(p.suite for p in CATALOGUE),
            ]
            near = get_close_matches(name, dict.fromkeys(known), n=2, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else "see: codebench data list"
            raise PackError(f"no data called {name!r}; {hint}")
        chosen |= {pack.name: pack for pack in of_name}
    return tuple(chosen.values())


def directory() -> Path:
    """Where the data lie; it need not exist."""
    return platformdirs.user_data_path("codebench") / "data"


def find(name: str) -> Path | None:
    """The file of the pack `name`, None where it was not fetched; raises PackError where it is not what it was."""
    pack = next(pack for pack in CATALOGUE if pack.name == name)
    found = look(pack)
    if found.state is State.DAMAGED:
        raise PackError(f"{found.path}: {found.detail}; run: codebench data pull --force {pack.suite}")
    return found.path if found.state is State.PRESENT else None


def look(pack: Pack, within: Path | None = None) -> Found:
    """How it is with a pack; reads the whole file."""
    path = (within or directory()) / pack.file_name
    if not path.is_file():
        return Found(pack=pack, state=State.ABSENT, path=path)
    digest, known = sha256_of(path), pack.sha256 or _recorded(path)
    detail = ""
    if known is None:
        detail = "has no recorded sha256"
    elif digest != known:
        detail = f"sha256 is {digest}, expected {known}"
    state = State.DAMAGED if detail else State.PRESENT
    return Found(pack=pack, state=state, path=path, size=path.stat().st_size, sha256=digest, detail=detail)


def pull(pack: Pack, meter: Meter, force: bool = False, within: Path | None = None) -> Found:
    """Fetch a pack, unless it is there. With `force` it is fetched anew, and a sha256 of an earlier fetch is forgotten.

    Raises FetchError where it cannot be had, PackError where what came is not the data, or what is there is damaged.
    """
    found = look(pack, within)
    if found.state is State.PRESENT and not force:
        return found
    if found.state is State.DAMAGED and not force:
        raise PackError(f"{found.path}: {found.detail}; fetch it anew with: codebench data pull --force {pack.suite}")
    place = found.path.parent
    try:
        place.mkdir(parents=True, exist_ok=True)
        _sweep(place)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=place) as folder:
            fresh = _fetch(pack, Path(folder), meter)
            _install(pack, fresh, found.path)
    except OSError as error:
        raise FetchError(
            f"{place}: cannot be written: {error.strerror or error}; make room or correct its rights"
        ) from error
    return look(pack, within)


def _install(pack: Pack, fresh: Path, path: Path) -> None:
    """Make a fetched file data, if it is."""
    digest = sha256_of(fresh)
    if pack.sha256 is not None and digest != pack.sha256:
        raise PackError(f"{_url(pack)}: sha256 is {digest}, expected {pack.sha256}; not kept: this is not the release")
    _check_lines(pack, fresh)
    record = fresh.with_name("sha256")
    record.write_text(f"{digest}  {path.name}\n")
    for file in (fresh, record):
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
    record.replace(_record_of(path))  # before the data: data without a record would count as damaged
    fresh.replace(path)


def _check_lines(pack: Pack, fresh: Path) -> None:
    """A file of another length than it was sent, or an error page, is no data."""
    try:
        count = sum(1 for number, line in numbered_lines(fresh) if json_object(line, f"{pack.file_name}:{number}"))
    except PackError as error:
        what = str(error).replace(f"{fresh}:", f"{pack.file_name}:")
        raise PackError(f"{_url(pack)}: what came is not the data: {what}") from None
    if not count:
        raise PackError(f"{_url(pack)}: what came is not the data: the file is empty")


def _fetch(pack: Pack, folder: Path, meter: Meter) -> Path:
    """Download into `folder`, again where the connection breaks or the server is overloaded."""
    import pooch
    import requests

    pooch.get_logger().setLevel("ERROR")
    url = _url(pack)
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE_S * 2 ** (attempt - 1))
        downloader = pooch.HTTPDownloader(progressbar=_PoochMeter(pack.suite, meter), timeout=_TIMEOUT_S)
        try:
            pooch.retrieve(url, known_hash=None, fname=pack.file_name, path=folder, downloader=downloader)
            return folder / pack.file_name
        except requests.HTTPError as error:
            response = error.response
            if response is not None and response.status_code < 500 and response.status_code != 429:
                says = f"{response.status_code} {response.reason}"
                raise FetchError(f"{url}: the server says {says}; {_OTHER_WAYS}") from error
            last: Exception = error
        except (requests.RequestException, OSError) as error:
            last = error
        finally:
            meter.finish()
    raise FetchError(f"{url}: cannot be fetched, {_ATTEMPTS} attempts: {_reason(last)}; {_OTHER_WAYS}") from last


_OTHER_WAYS = f"get the file in another way and name its folder with --data DIR, or set {MIRROR}"


def _reason(error: Exception) -> str:
    """The innermost cause in one line: what requests says of a refused connection is long."""
    inner: BaseException = error
    while (next_one := inner.__cause__ or inner.__context__) is not None:
        inner = next_one
    return str(inner).splitlines()[0] if str(inner) else type(inner).__name__


class _PoochMeter:
    """A Meter in the form of the progress bar that pooch drives."""

    def __init__(self, name: str, meter: Meter) -> None:
        self._name = name
        self._meter = meter
        self._total: int | None = None

    @property
    def total(self) -> int | None:
        return self._total

    @total.setter
    def total(self, total: int) -> None:
        if self._total is None:
            self._total = int(total)
            self._meter.start(self._name, self._total or None)

    def update(self, count: int) -> None:
        self._meter.advance(count)

    def reset(self) -> None:
        """Pooch winds the bar back before it fills it up at the end; ours is not moved twice."""
        self._meter = _Nothing()

    def close(self) -> None:
        """The caller finishes the meter."""


class _Nothing:
    def start(self, name: str, total: int | None) -> None:
        """As all of these: shows nothing."""

    def advance(self, count: int) -> None:
        """As above."""

    def finish(self) -> None:
        """As above."""


def _url(pack: Pack) -> str:
    mirror = os.environ.get(MIRROR)
    return f"{mirror.rstrip('/')}/{pack.file_name}" if mirror else pack.url


def _record_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _recorded(path: Path) -> str | None:
    try:
        return _record_of(path).read_text().split()[0]
    except (OSError, IndexError, UnicodeDecodeError):
        return None


def _sweep(place: Path) -> None:
    """Remove what fetches that were killed have left."""
    for folder in place.glob(".fetch-*"):
        if time.time() - folder.stat().st_mtime > _HOUSEKEEPING_S:
            shutil.rmtree(folder, ignore_errors=True)

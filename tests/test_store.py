"""The data store against a real server that fails in the ways servers do."""

from __future__ import annotations

import gzip
import http.server
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from codebench.problems import PackError, store
from codebench.problems.store import MIRROR, FetchError, Pack, State, look, packs, pull

GOOD = gzip.compress(b'{"task_id": "X/1"}\n{"task_id": "X/2"}\n')
PACK = Pack(name="x", suite="x", url="http://127.0.0.1:1/X.jsonl.gz")


class Server(http.server.ThreadingHTTPServer):
    """Answers with `script`, one entry a request, the last for ever: (status, body, promised length or None)."""

    script: list[tuple[int, bytes, int | None]]
    asked: int = 0
    stall_s: float = 0.0


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        status, body, promised = self.server.script[min(self.server.asked, len(self.server.script) - 1)]
        self.server.asked += 1
        self.send_response(status)
        self.send_header("Content-Length", str(promised or len(body)))
        self.end_headers()
        half = len(body) // 2
        self.wfile.write(body[:half])
        self.wfile.flush()
        time.sleep(self.server.stall_s)
        self.wfile.write(body[half:])

    def log_message(self, *_: object) -> None:
        """Keeps the tests' output free of it."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    found = Server(("127.0.0.1", 0), Handler)
    found.script = [(200, GOOD, None)]
    monkeypatch.setenv(MIRROR, f"http://127.0.0.1:{found.server_port}/")
    monkeypatch.setattr(store, "_PAUSE_S", 0.01)
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    yield found
    found.shutdown()
    found.server_close()
    thread.join()


class Meter:
    def __init__(self) -> None:
        self.bytes = 0

    def start(self, name: str, total: int | None) -> None:
        self.total = total

    def advance(self, count: int) -> None:
        self.bytes += count

    def finish(self) -> None:
        """Nothing is shown."""


def test_what_is_fetched_is_recorded_and_not_fetched_again(server: Server, tmp_path: Path) -> None:
    meter = Meter()
    found = pull(PACK, meter, within=tmp_path)
    assert (found.state, found.path.read_bytes(), meter.total) == (State.PRESENT, GOOD, len(GOOD))
    assert meter.bytes >= len(GOOD)
    assert pull(PACK, meter, within=tmp_path).sha256 == found.sha256
    assert server.asked == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["X.jsonl.gz", "X.jsonl.gz.sha256"]


def test_what_changes_later_is_damaged_until_it_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    path = pull(PACK, Meter(), within=tmp_path).path
    path.write_bytes(GOOD + b" ")
    assert look(PACK, tmp_path).state is State.DAMAGED
    with pytest.raises(PackError, match="pull --force x"):
        pull(PACK, Meter(), within=tmp_path)
    assert pull(PACK, Meter(), force=True, within=tmp_path).state is State.PRESENT
    path.with_name("X.jsonl.gz.sha256").unlink()
    assert look(PACK, tmp_path).state is State.DAMAGED


def test_a_server_that_is_overloaded_or_breaks_off_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.script = [(503, b"no", None), (200, GOOD[:20], len(GOOD)), (200, GOOD, None)]
    assert pull(PACK, Meter(), within=tmp_path).state is State.PRESENT
    assert server.asked == 3


@pytest.mark.parametrize(
    ("script", "error", "what", "asked"),
    [
        ([(404, b"", None)], FetchError, "404", 1),
        ([(500, b"", None)], FetchError, "4 attempts", 4),
        ([(200, GOOD[:20], 9999)], FetchError, "4 attempts", 4),
        ([(200, GOOD[:-9], None)], PackError, "X.jsonl.gz:3: the gzip stream is cut off", 1),
        ([(200, b"<html>", None)], PackError, "not a sound gzip stream", 1),
        ([(200, gzip.compress(b"[1]\n"), None)], PackError, "expected a JSON object", 1),
        ([(200, gzip.compress(b""), None)], PackError, "the file is empty", 1),
    ],
)
def test_what_is_not_the_whole_file_never_counts_as_data(  # noqa: PLR0917 - parameters
    server: Server,
    tmp_path: Path,
    script: list[tuple[int, bytes, int | None]],
    error: type[Exception],
    what: str,
    asked: int,
) -> None:
    server.script = script
    with pytest.raises(error, match=what) as caught:
        pull(PACK, Meter(), within=tmp_path)
    assert "\n" not in str(caught.value)
    assert server.asked == asked
    assert list(tmp_path.iterdir()) == []


def test_a_pinned_file_must_be_that_very_file(server: Server, tmp_path: Path) -> None:
    pinned = Pack(name="x", suite="x", url=PACK.url, sha256="0" * 64)
    with pytest.raises(PackError, match="expected 0000"):
        pull(pinned, Meter(), within=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nobody_at_the_other_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_PAUSE_S", 0.01)
    with pytest.raises(FetchError, match="Connection refused"):
        pull(PACK, Meter(), within=tmp_path)


def test_a_fetch_that_is_killed_leaves_no_data(server: Server, tmp_path: Path) -> None:
    server.stall_s = 3.0
    environment = os.environ | {"XDG_DATA_HOME": str(tmp_path)}
    command = [sys.executable, "-c", "from codebench.cli.main import main; main()", "data", "pull", "humaneval+"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    while not server.asked:
        time.sleep(0.02)
    time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list(tmp_path.rglob("*.gz")) or all(".fetch-" in str(path) for path in tmp_path.rglob("*.gz"))
    server.stall_s = 0.0
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "humaneval+" in done.stderr) == (0, True)


def test_names_are_those_of_suites() -> None:
    assert [pack.suite for pack in packs(["humaneval+"])] == ["humaneval+"]
    assert len(packs(["evoeval"])) == 7
    assert packs(["evoeval:subtle", "evoeval:subtle"]) == packs(["evoeval:subtle"])
    with pytest.raises(PackError, match="did you mean evoeval:subtle"):
        packs(["evoeval:subtel"])

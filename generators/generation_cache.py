"""The generation cache: what a model once answered, by all that made it answer so. Several processes may share it."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import asdict
from pathlib import Path

from codebench.generators.sample import Generation

_FILE = "generations-1.sqlite"
_WAIT_S = 30.0


class GenerationCache:
    """An SQLite file in `directory`. A cache that cannot be read or written is no reason to stop: it is then empty."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / _FILE
        self._database: sqlite3.Connection | None = None
        with contextlib.suppress(OSError, sqlite3.Error):
            directory.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(self._path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=NORMAL")
            database.execute("CREATE TABLE IF NOT EXISTS generations (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
            self._database = database

    def get(self, key: str) -> Generation | None:
        if self._database is None:
            return None
        try:
            row = self._database.execute("SELECT value FROM generations WHERE key = ?", (key,)).fetchone()
            return Generation(**json.loads(row[0])) if row else None
        except (sqlite3.Error, ValueError, TypeError):
            return None

    def put(self, key: str, generation: Generation) -> None:
        """On disk when it returns."""
        if self._database is None:
            return
        with contextlib.suppress(sqlite3.Error):
            value = json.dumps(asdict(generation))
            self._database.execute("INSERT OR REPLACE INTO generations VALUES (?, ?)", (key, value))

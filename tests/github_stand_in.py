"""A stand-in for GitHub's REST API: the comments of one pull request, and a repository's artifacts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

BOT = "github-actions[bot]"
TOKEN = "ghs_a_token"


@dataclass(kw_only=True)
class Hub:
    """`answers` are given in turn to the next requests, as (status, headers, body), before anything is done."""

    comments: list[dict[str, Any]] = field(default_factory=list)
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], Any]] = field(default_factory=list)
    read_only: bool = False
    requests: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def add_comment(self, login: str, body: str) -> dict[str, Any]:
        number = len(self.comments) + 1
        comment = {"id": number, "user": {"login": login}, "body": body, "html_url": f"https://github.test/c/{number}"}
        self.comments.append(comment)
        return comment

    def answer(self, method: str, path: str, body: Any) -> tuple[int, dict[str, str], Any]:
        self.requests.append((method, path))
        if self.answers:
            return self.answers.pop(0)
        if method != "GET" and self.read_only:
            return 403, {}, {"message": "Resource not accessible by integration"}
        return self._done(method, urlsplit(path), body)

    def _done(self, method: str, where: SplitResult, body: Any) -> tuple[int, dict[str, str], Any]:
        match (method, where.path.split("/")[1:]):
            case ("GET", ["repos", "o", "r", "issues", "7", "comments"]):
                asked = parse_qs(where.query)
                size, page = int(asked["per_page"][0]), int(asked["page"][0])
                return 200, {}, self.comments[(page - 1) * size : page * size]
            case ("POST", ["repos", "o", "r", "issues", "7", "comments"]):
                return 201, {}, self.add_comment(BOT, body["body"])
            case ("PATCH", ["repos", "o", "r", "issues", "comments", number]):
                self.comments[int(number) - 1] |= body
                return 200, {}, self.comments[int(number) - 1]
            case ("GET", ["repos", "o", "r", "actions", "artifacts"]):
                return 200, {}, {"total_count": len(self.artifacts), "artifacts": self.artifacts}
        return 404, {}, {"message": "Not Found"}


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve it on this machine, for tokens that are TOKEN."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            status, headers, answer = hub.answer(self.command, self.path, body) if known else (401, {}, {})
            data = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = _do

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()

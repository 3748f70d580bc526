"""An HTTP server with OpenAI's interface on the loopback address, which misbehaves as it is told."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PROMPT_TOKENS = 10
COMPLETION_TOKENS = 7


@dataclass(slots=True, kw_only=True)
class Script:
    """What the server does. `faults` are used up by the requests in the order in which these come, "" is none.

    429 and 500 are statuses; "429 wait" asks for a pause; "hang" never answers; "cut" promises more bytes than it
    sends; "slow" sends a byte now and then; "empty" has no choices; "html" is no JSON; "reset" closes the connection.
    """

    faults: list[str] = field(default_factory=list)
    answer: Callable[[dict[str, Any]], str] = lambda body: "```python\ndef one():\n    return 1\n```"
    status: int = 200
    error: Mapping[str, Any] = field(default_factory=dict)
    message: Mapping[str, Any] = field(default_factory=dict)
    finish_reason: str = "stop"
    seen: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    paths: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    most_at_once: int = 0
    at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def serving(script: Script) -> Iterator[str]:
    """The address to give as --base-url."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with script.lock:
                script.seen.append(body)
                script.paths[self.path] += 1
                script.keys.add(self.headers.get("Authorization", self.headers.get("x-api-key", "")))
                fault = script.faults.pop(0) if script.faults else ""
                script.at_once += 1
                script.most_at_once = max(script.most_at_once, script.at_once)
            try:
                self._reply(body, fault)
            except (BrokenPipeError, ConnectionResetError):
                pass
            finally:
                with script.lock:
                    script.at_once -= 1

        def _reply(self, body: dict[str, Any], fault: str) -> None:
            if fault == "hang":
                time.sleep(3)
                self.close_connection = True
                return
            if fault == "reset":
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            if fault.startswith(("4", "5")):
                headers = {"Retry-After": "0.3"} if fault.endswith("wait") else {}
                self._send(int(fault[:3]), b'{"error": {"message": "not now"}}', headers)
                return
            if script.status != 200:
                self._send(script.status, json.dumps({"error": script.error}).encode())
                return
            if fault == "html":
                self._send(200, b"<html>proxy</html>")
                return
            data = json.dumps(self._answer(body) if fault != "empty" else {"choices": []}).encode()
            if fault == "cut":
                self._head(200, len(data), {})
                self.wfile.write(data[: len(data) // 2])
                self.close_connection = True
            elif fault == "slow":
                self._head(200, len(data), {})
                for byte in data:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.1)
            else:
                time.sleep(0.01)
                self._send(200, data)
                with script.lock:
                    script.answered += 1

        def _answer(self, body: dict[str, Any]) -> dict[str, Any]:
            text = script.answer(body)
            if self.path.endswith("/messages"):
                return {
                    "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": text}],
                    "stop_reason": "end_turn",
                    "usage": {"input_tokens": PROMPT_TOKENS, "output_tokens": COMPLETION_TOKENS},
                }
            said = {"message": {"role": "assistant", "content": text, **script.message}}
            choice = {"index": 0, "finish_reason": script.finish_reason}
            choice |= {"text": text} if "prompt" in body else said
            usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": COMPLETION_TOKENS}
            return {"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage}

        def _send(self, status: int, data: bytes, headers: Mapping[str, str] = {}) -> None:
            self._head(status, len(data), headers)
            self.wfile.write(data)

        def _head(self, status: int, length: int, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(length), **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

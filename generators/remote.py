"""What all servers have in common: keys, retries with jitter, a shared pause when the server says "too many", costs."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from codebench.generators.options import ServerOptions
from codebench.generators.sample import EngineError, GeneratorError

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 60.0
# A server that has never answered is more likely not there than busy.
_ATTEMPTS_TO_CONNECT = 3
_OVERLOADED = 529

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """One request failed. `again`: it may succeed later, after at least `pause_s`; `busy`: no other should be sent
    until then; `connected` says whether there is a server at all."""

    reason: str
    again: bool = False
    busy: bool = False
    connected: bool = True
    pause_s: float | None = None


class Patience:
    """Sends requests to one server, each until it is answered or hopeless."""

    def __init__(self, server: str, options: ServerOptions) -> None:
        self._server = server
        self._options = options
        self._not_before = 0.0
        self._has_answered = False

    async def ask(self, send: Callable[[], Awaitable[Answer]]) -> Answer:
        """`send` raises Refused. Raises GeneratorError for what will not mend, EngineError for a server that fails."""
        attempt = 0
        while True:
            await self._pause_of_all()
            try:
                async with asyncio.timeout(self._options.timeout_s):
                    answer = await send()
            except TimeoutError:
                refused = Refused(f"no answer within {self._options.timeout_s:g} s", again=True)
            except Refused as error:
                refused = error
            else:
                self._has_answered = True
                return answer
            attempt += 1
            self._give_up_where_hopeless(refused, attempt)
            pause = _pause(attempt, refused.pause_s)
            if refused.busy:
                self._not_before = max(self._not_before, time.monotonic() + pause)
            await asyncio.sleep(pause)

    async def _pause_of_all(self) -> None:
        while (left := self._not_before - time.monotonic()) > 0:
            await asyncio.sleep(left + random.uniform(0, 0.1 * left))  # noqa: S311 - not a secret

    def _give_up_where_hopeless(self, refused: Refused, attempt: int) -> None:
        if not refused.again:
            raise GeneratorError(f"{self._server}: {refused.reason}")
        if not refused.connected and not self._has_answered and attempt >= _ATTEMPTS_TO_CONNECT:
            raise EngineError(f"{self._server}: {refused.reason}; start the server, or correct --base-url")
        if attempt > self._options.retries:
            raise EngineError(
                f"{self._server}: {refused.reason}, {attempt} attempts; "
                "what was answered is kept: run the same command again later"
            )


def _pause(attempt: int, asked_s: float | None) -> float:
    """Exponential with full jitter; never less than the server asks for, within reason."""
    longest = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** (attempt - 1))
    least = min(asked_s or 0.0, _LONGEST_PAUSE_S)
    return least + random.uniform(0.1 * longest, longest)  # noqa: S311 - not a secret


def refused_by(sdk: Any, error: Exception, key: str) -> Refused:
    """What a failure means; the SDKs of OpenAI and Anthropic name theirs alike. The key is in no reason."""
    if isinstance(error, sdk.APITimeoutError):
        return Refused("no answer in time", again=True)
    if isinstance(error, sdk.APIConnectionError):
        cause = error.__cause__ or error
        broken = type(cause).__name__ != "ConnectError"
        reason = "the connection broke" if broken else "cannot be reached"
        return Refused(f"{reason}: {without(str(cause), key)}", again=True, connected=broken)
    if not isinstance(error, sdk.APIStatusError):
        return Refused(f"its reply cannot be read: {without(str(error), key)}", again=True)
    status, body = error.status_code, error.body
    if status in (401, 403):
        return Refused(f"the API key is refused ({status}); correct it")
    is_spent = isinstance(body, dict) and body.get("code") == "insufficient_quota"
    return Refused(
        f"{status}: {without(str(error.message), key)}",
        again=not is_spent and (status in (408, 409, 429) or status >= 500),
        busy=status in (429, _OVERLOADED),
        pause_s=_seconds(error.response.headers.get("retry-after")),
    )


def api_key(options: ServerOptions, usual: str, *, is_needed: bool) -> str:
    """The API key from the environment; raises GeneratorError where one is needed and there is none."""
    variable = options.key_variable or usual
    key = os.environ.get(variable, "").strip()
    if not key and (is_needed or options.key_variable):
        raise GeneratorError(f"no API key: {variable} is not set; set it, or name another variable: --api-key-env NAME")
    return key or "none"


def host_of(url: str) -> str:
    """The name of the server, without user, port or path: what belongs in a manifest."""
    return urlsplit(url).hostname or "unknown"


def check_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise GeneratorError(f"--base-url {url}: not an address such as http://localhost:8000/v1")
    return url


def cost_usd(options: ServerOptions, prompt_tokens: int | None, completion_tokens: int | None) -> float | None:
    """Tokens at the prices per million that were given; None where prices or counts are unknown."""
    if options.prices is None or prompt_tokens is None or completion_tokens is None:
        return None
    share = 0.5 if options.batch else 1.0
    return share * (prompt_tokens * options.prices[0] + completion_tokens * options.prices[1]) / 1e6


def without(text: str, secret: str) -> str:
    """One line of the text, of bounded length, the secret left out."""
    line = " ".join(text.split())
    return (line.replace(secret, "[key]") if secret and secret != "none" else line)[:300]  # noqa: S105


def cut(text: str, stops: tuple[str, ...]) -> str:
    """The text up to the first stop in it: servers take only some of them."""
    ends = [place for stop in stops if (place := text.find(stop)) >= 0]
    return text[: min(ends)] if ends else text


def with_thinking(thinking: str | None, text: str) -> str:
    """A response in one piece, where the server gives the thinking by itself."""
    return f"<think>\n{thinking}\n</think>\n\n{text}" if thinking else text


def _seconds(text: str | None) -> float | None:
    """A Retry-After header in seconds; its other form, a date, is left to our own pauses."""
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None

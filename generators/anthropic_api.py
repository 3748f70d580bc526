"""Anthropic's models: `anthropic:NAME`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from codebench.generators.engine import ModelGenerator, Request, side_by_side
from codebench.generators.extras import needed
from codebench.generators.options import GenerationOptions, Sampling
from codebench.generators.remote import (
    Patience,
    Refused,
    api_key,
    check_url,
    cost_usd,
    host_of,
    refused_by,
    with_thinking,
    without,
)
from codebench.generators.sample import Generation, GeneratorError
from codebench.problems import Problem

if TYPE_CHECKING:
    import anthropic

_OFFICIAL = "https://api.anthropic.com"
_FINISH = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length"}


class AnthropicEngine:
    """A model behind `/v1/messages`. It takes no seed, so that its samples differ by chance alone."""

    chats = True

    def __init__(self, name: str, options: GenerationOptions) -> None:
        if options.server.batch:
            raise GeneratorError("--batch-api: not with anthropic:NAME; leave it out")
        self._sdk = needed("anthropic", extra="anthropic")
        url = check_url(options.server.base_url or os.environ.get("ANTHROPIC_BASE_URL") or _OFFICIAL)
        self._key = api_key(options.server, "ANTHROPIC_API_KEY", is_needed=host_of(url) == host_of(_OFFICIAL))
        self._name = name
        self._url = url
        self._options = options
        self.identity = {"model": "anthropic", "name": name, "server": host_of(url)}
        if options.reasoning_effort:
            self.identity["reasoning_effort"] = options.reasoning_effort

    async def complete(
        self, requests: Sequence[Request], sampling: Sampling
    ) -> AsyncIterator[tuple[Request, Generation]]:
        server = self._options.server
        patience = Patience(host_of(self._url), server)
        async with self._sdk.AsyncAnthropic(
            api_key=self._key, base_url=self._url, max_retries=0, timeout=server.timeout_s
        ) as client:

            async def answer(request: Request) -> Generation:
                began = time.monotonic()
                body = self._body(request, sampling)
                reply = await patience.ask(lambda: self._send(client, body))
                return self._generation(body, reply, round(time.monotonic() - began, 4))

            async for pair in side_by_side(requests, answer, server.concurrency):
                yield pair

    def _body(self, request: Request, sampling: Sampling) -> dict[str, Any]:
        prompt = request.prompt
        if not prompt.messages:
            raise GeneratorError(f"{self._name} answers in a chat only; use --prompt chat")
        messages = json.loads(prompt.as_json())
        body: dict[str, Any] = {"model": self._name, "max_tokens": sampling.max_tokens}
        # It refuses both of temperature and top_p at once.
        body |= (
            {"temperature": min(sampling.temperature or 0.0, 1.0)} if sampling.top_p == 1 else {"top_p": sampling.top_p}
        )
        if messages[0]["role"] == "system":
            body["system"] = messages.pop(0)["content"]
        if prompt.prefill.strip():
            messages.append({"role": "assistant", "content": prompt.prefill.rstrip()})
        if stops := [stop for stop in prompt.stop if stop.strip()]:
            body["stop_sequences"] = stops
        if self._options.reasoning_effort:
            body["output_config"] = {"effort": self._options.reasoning_effort}
        return body | {"messages": messages}

    def _generation(self, body: dict[str, Any], reply: dict[str, Any], latency_s: float) -> Generation:
        usage, blocks = reply.get("usage") or {}, reply["content"]
        counts = usage.get("input_tokens"), usage.get("output_tokens")
        thinking = "".join(block.get("thinking") or "" for block in blocks if block.get("type") == "thinking")
        text = "".join(block.get("text") or "" for block in blocks if block.get("type") == "text")
        reason = reply.get("stop_reason")
        turns = [{"role": "system", "content": body["system"]}] if "system" in body else []
        return Generation(
            prompt=json.dumps(turns + body["messages"], ensure_ascii=False),
            response=with_thinking(thinking, text),
            prompt_tokens=counts[0],
            completion_tokens=counts[1],
            finish_reason=_FINISH.get(reason, reason) if isinstance(reason, str) else None,
            latency_s=latency_s,
            cost_usd=cost_usd(self._options.server, *counts),
        )

    async def _send(self, client: anthropic.AsyncAnthropic, body: dict[str, Any]) -> dict[str, Any]:
        try:
            reply = await client.post("/v1/messages", cast_to=object, body=body)
        except self._sdk.AnthropicError as error:
            raise refused_by(self._sdk, error, self._key) from None
        except ValueError as error:
            raise Refused(f"its reply is no JSON: {without(str(error), self._key)}", again=True) from None
        blocks = reply.get("content") if isinstance(reply, dict) else None
        if isinstance(reply, dict) and isinstance(blocks, list) and all(isinstance(block, dict) for block in blocks):
            return reply
        raise Refused("its reply holds no answer", again=True)


def open_generator(argument: str, problems: Sequence[Problem], options: GenerationOptions) -> ModelGenerator:
    """What `--model anthropic:NAME` opens."""
    if not argument:
        raise GeneratorError("anthropic needs the model's name; write: --model anthropic:NAME")
    return ModelGenerator(AnthropicEngine(argument, options), options, argument)

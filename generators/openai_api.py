"""Any server with OpenAI's interface: `openai:NAME`, with --base-url for vLLM, SGLang, TGI, llama.cpp, Ollama …"""

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
    cut,
    host_of,
    refused_by,
    with_thinking,
    without,
)
from codebench.generators.sample import EngineError, Generation, GeneratorError
from codebench.problems import Problem

if TYPE_CHECKING:
    import openai

_OFFICIAL = "https://api.openai.com/v1"
_MOST_STOPS = 4  # that OpenAI's own servers take


class OpenAIEngine:
    """A model behind `/chat/completions` or `/completions`."""

    chats = True

    def __init__(self, name: str, options: GenerationOptions) -> None:
        self._sdk = needed("openai", extra="openai")
        server = options.server
        url = check_url(server.base_url or os.environ.get("OPENAI_BASE_URL") or _OFFICIAL)
        self._is_official = host_of(url) == host_of(_OFFICIAL)
        self._key = api_key(server, "OPENAI_API_KEY", is_needed=self._is_official)
        self._name = name
        self._url = url
        self._options = options
        self.identity = {"model": "openai", "name": name, "server": host_of(url)}
        if options.reasoning_effort:
            self.identity["reasoning_effort"] = options.reasoning_effort

    async def complete(
        self, requests: Sequence[Request], sampling: Sampling
    ) -> AsyncIterator[tuple[Request, Generation]]:
        server = self._options.server
        patience = Patience(host_of(self._url), server)
        async with self._client() as client:
            if server.batch:
                from codebench.generators.openai_batch import run_batch

                notes = self._options.cache
                try:
                    async for pair in run_batch(self, client, requests, sampling, notes):
                        yield pair
                except self._sdk.OpenAIError as error:
                    raise EngineError(
                        f"{host_of(self._url)}: {refused_by(self._sdk, error, self._key).reason}"
                    ) from None
                return

            async def answer(request: Request) -> Generation:
                began = time.monotonic()
                body = self.body(request, sampling)
                reply = await patience.ask(lambda: self._send(client, body))
                return self.generation(request, body, reply, time.monotonic() - began)

            async for pair in side_by_side(requests, answer, server.concurrency):
                yield pair

    def body(self, request: Request, sampling: Sampling) -> dict[str, Any]:
        """What is sent; it has `messages` in a chat, `prompt` otherwise."""
        prompt = request.prompt
        body: dict[str, Any] = {"model": self._name, "temperature": sampling.temperature, "top_p": sampling.top_p}
        if request.seed is not None:
            body["seed"] = request.seed
        if prompt.stop:
            body["stop"] = list(prompt.stop[:_MOST_STOPS] if self._is_official else prompt.stop)
        if not prompt.messages:
            return body | {"prompt": prompt.text, "max_tokens": sampling.max_tokens}
        messages = json.loads(prompt.as_json())
        extra: dict[str, Any] = {}
        if prompt.prefill:
            messages.append({"role": "assistant", "content": prompt.prefill})
            extra = {} if self._is_official else {"add_generation_prompt": False, "continue_final_message": True}
        if self._options.reasoning_effort:
            body["reasoning_effort"] = self._options.reasoning_effort
        limit = "max_completion_tokens" if self._is_official else "max_tokens"
        return body | {"messages": messages, limit: sampling.max_tokens} | extra

    def generation(
        self, request: Request, body: dict[str, Any], reply: dict[str, Any], latency_s: float | None
    ) -> Generation:
        """The answer in a reply, which `checked` has found whole."""
        choice, usage = reply["choices"][0], reply.get("usage") or {}
        message = choice.get("message") or {}
        text = choice.get("text") if "prompt" in body else message.get("content")
        thinking = message.get("reasoning_content") or message.get("reasoning")
        counts = usage.get("prompt_tokens"), usage.get("completion_tokens")
        exact = body["prompt"] if "prompt" in body else json.dumps(body["messages"], ensure_ascii=False)
        return Generation(
            prompt=exact,
            response=with_thinking(thinking, cut(text or message.get("refusal") or "", request.prompt.stop)),
            prompt_tokens=counts[0],
            completion_tokens=counts[1],
            finish_reason=choice.get("finish_reason"),
            latency_s=None if latency_s is None else round(latency_s, 4),
            cost_usd=cost_usd(self._options.server, *counts),
        )

    def _client(self) -> openai.AsyncOpenAI:
        client: openai.AsyncOpenAI = self._sdk.AsyncOpenAI(
            api_key=self._key, base_url=self._url, max_retries=0, timeout=self._options.server.timeout_s
        )
        return client

    async def _send(self, client: openai.AsyncOpenAI, body: dict[str, Any]) -> dict[str, Any]:
        path = "/completions" if "prompt" in body else "/chat/completions"
        try:
            reply = await client.post(path, cast_to=object, body=body)
        except self._sdk.OpenAIError as error:
            raise refused_by(self._sdk, error, self._key) from None
        except ValueError as error:
            raise Refused(f"its reply is no JSON: {without(str(error), self._key)}", again=True) from None
        return checked(reply)


def checked(reply: object) -> dict[str, Any]:
    """The reply where it holds an answer; raises Refused for one that holds none."""
    if isinstance(reply, dict) and isinstance(choices := reply.get("choices"), list) and choices:
        choice = choices[0]
        whole = isinstance(choice, dict) and (isinstance(choice.get("message"), dict) or "text" in choice)
        if whole:
            return reply
    raise Refused("its reply holds no answer", again=True)


def open_generator(argument: str, problems: Sequence[Problem], options: GenerationOptions) -> ModelGenerator:
    """What `--model openai:NAME` opens."""
    if not argument:
        raise GeneratorError("openai needs the model's name; write: --model openai:NAME")
    return ModelGenerator(OpenAIEngine(argument, options), options, argument)

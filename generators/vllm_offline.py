"""vLLM's offline engine: `vllm:PATH_OR_ID`."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Sequence
from functools import lru_cache
from typing import Any

from codebench.generators.engine import ModelGenerator, Request, from_thread
from codebench.generators.extras import needed
from codebench.generators.hf import Emit, fingerprint
from codebench.generators.options import GenerationOptions, LocalOptions, Sampling
from codebench.generators.sample import EngineError, Generation, GeneratorError
from codebench.problems import Problem


class VllmEngine:
    """A model in vLLM, stepped by us, so that answers are graded while others are still being written."""

    def __init__(self, name: str, options: LocalOptions, effort: str | None) -> None:
        from pathlib import Path

        self._library = needed("vllm", extra="vllm")
        self._name = name
        self._options = options
        self._effort = effort
        self._engine: Any = None
        path = Path(name)
        local = options
        pins = {"fingerprint": fingerprint(path)} if path.exists() else {"revision": local.revision or "main"}
        self.identity = {
            "model": "vllm",
            "name": path.name if path.exists() else name,
            **pins,
            "engine": f"vllm {self._library.__version__}",
            "dtype": local.dtype or "auto",
            **({"adapter": fingerprint(Path(local.adapter))} if local.adapter else {}),
            **({"reasoning_effort": effort} if effort else {}),
        }

    @property
    def chats(self) -> bool:
        return bool(getattr(self._loaded().get_tokenizer(), "chat_template", None))

    async def complete(
        self, requests: Sequence[Request], sampling: Sampling
    ) -> AsyncIterator[tuple[Request, Generation]]:
        def produce(emit: Emit, stopped: threading.Event) -> None:
            engine = self._loaded().llm_engine
            texts = [self._rendered(request) for request in requests]
            began = time.monotonic()
            for number, (request, text) in enumerate(zip(requests, texts, strict=True)):
                try:
                    engine.add_request(str(number), text, self._sampling_params(request, sampling), **self._adapter())
                except ValueError as error:
                    engine.abort_request([str(one) for one in range(number)])
                    raise GeneratorError(f"{request.problem.task_id}: {' '.join(str(error).split())[:300]}") from None
            while engine.has_unfinished_requests():
                if stopped.is_set():
                    engine.abort_request([str(number) for number in range(len(requests))])
                    return
                for output in engine.step():
                    if output.finished:
                        number = int(output.request_id)
                        emit((requests[number], _generation(texts[number], output, time.monotonic() - began)))

        async for pair in from_thread(produce):
            yield pair

    def _rendered(self, request: Request) -> str:
        prompt = request.prompt
        if not prompt.messages:
            return prompt.text
        turns = [{"role": one.role, "content": one.content} for one in prompt.messages]
        effort = {"reasoning_effort": self._effort} if self._effort else {}
        tokenizer = self._loaded().get_tokenizer()
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, **effort)
        return str(text) + prompt.prefill

    def _sampling_params(self, request: Request, sampling: Sampling) -> Any:
        return self._library.SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens,
            seed=request.index if request.seed is None else request.seed,
            stop=list(request.prompt.stop) or None,
        )

    def _adapter(self) -> dict[str, Any]:
        adapter = self._options.adapter
        if adapter is None:
            return {}
        from importlib import import_module

        return {"lora_request": import_module("vllm.lora.request").LoRARequest("adapter", 1, adapter)}

    def _loaded(self) -> Any:
        if self._engine is None:
            local = self._options
            settings = {
                "dtype": local.dtype or "auto",
                "tensor_parallel_size": local.tensor_parallel,
                "data_parallel_size": local.data_parallel,
                "enable_lora": local.adapter is not None,
                **({"revision": local.revision} if local.revision else {}),
                **({"max_model_len": local.context} if local.context else {}),
                **({"max_num_seqs": local.batch} if local.batch else {}),
                **({"quantization": "bitsandbytes"} if local.quantize else {}),
            }
            try:
                self._engine = self._library.LLM(model=self._name, **settings)
            except (OSError, ValueError) as error:
                raise GeneratorError(f"vllm:{self._name}: {' '.join(str(error).split())[:300]}") from None
            except RuntimeError as error:
                raise EngineError(f"vllm:{self._name}: {' '.join(str(error).split())[:300]}") from None
        return self._engine


def open_generator(argument: str, problems: Sequence[Problem], options: GenerationOptions) -> ModelGenerator:
    """What `--model vllm:PATH_OR_ID` opens."""
    if not argument:
        raise GeneratorError("vllm needs a model; write: --model vllm:PATH_OR_ID")
    return ModelGenerator(_engine(argument, options.local, options.reasoning_effort), options, argument)


@lru_cache(maxsize=1)
def _engine(name: str, options: LocalOptions, effort: str | None) -> VllmEngine:
    """One engine for all the suites of a command."""
    return VllmEngine(name, options, effort)


def _generation(prompt: str, output: Any, latency_s: float) -> Generation:
    made = output.outputs[0]
    return Generation(
        prompt=prompt,
        response=made.text,
        prompt_tokens=len(output.prompt_token_ids or ()),
        completion_tokens=len(made.token_ids),
        finish_reason=made.finish_reason,
        latency_s=round(latency_s, 4),
    )

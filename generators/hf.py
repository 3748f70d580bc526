"""transformers in this process: `hf:PATH_OR_ID`, on GPUs or the CPU; a .gguf file will do too.

On a GPU answers come from transformers' own continuous batching (paged attention). Where it is not to be had, they
are made in batches of like length, a stretch at a time: those that are finished leave the batch, and those that are
not go on in another. A batch for which the memory is too small is made in halves.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from codebench.generators.engine import ModelGenerator, Request, from_thread
from codebench.generators.extras import needed
from codebench.generators.options import GenerationOptions, LocalOptions, Sampling
from codebench.generators.remote import cut
from codebench.generators.sample import EngineError, Generation, GeneratorError
from codebench.problems import Problem

_BATCH = {"cuda": 64, "cpu": 16}
_SMALL_FILE = 1 << 20
_LOOK_FOR_STOP_EVERY = 16  # tokens
_STRETCH = 256  # tokens that a batch is generated for before it is put together anew

Emit = Callable[[tuple[Request, Generation]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A request as tokens, with those that were `made` so far, in `latency_s` seconds; `room` is for how many."""

    request: Request
    text: str
    tokens: tuple[int, ...]
    room: int
    made: tuple[int, ...] = ()
    latency_s: float = 0.0

    @property
    def length(self) -> int:
        return len(self.tokens) + len(self.made)


class HfEngine:
    """A causal language model. The tokenizer is loaded at once, the weights when something is asked.

    `continuous` says whether to batch continuously, None: on a GPU. Sampling is seeded once per batch, so that an
    answer depends on which others are made beside it.
    """

    def __init__(self, name: str, options: LocalOptions, *, effort: str | None, continuous: bool | None = None) -> None:
        os.environ.setdefault("TQDM_DISABLE", "1")  # its bars would run through our own
        self._torch = needed("torch", extra="hf")
        self._library = needed("transformers", extra="hf")
        self._library.utils.logging.set_verbosity_error()
        self._library.utils.logging.disable_progress_bar()
        logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)  # what it warns of, the error says
        self._name = name
        self._options = options
        self._effort = effort
        self._continuous = continuous
        self._source = _source(name, options)
        self._tokenizer: Any = self._loaded(self._library.AutoTokenizer, {})
        self._model: Any = None
        effort_pin = {"reasoning_effort": effort} if effort else {}
        self.identity = {
            "model": "hf",
            **_identity(name, self._library, options),
            "engine": f"transformers {self._library.__version__}",
            "dtype": self._dtype_name(),
            **({"quantize": options.quantize} if options.quantize else {}),
            **effort_pin,
        }

    @property
    def chats(self) -> bool:
        return bool(getattr(self._tokenizer, "chat_template", None))

    @property
    def context(self) -> int | None:
        """Tokens of prompt and answer together, where the tokenizer says how many the model takes."""
        longest = getattr(self._tokenizer, "model_max_length", None)
        return longest if isinstance(longest, int) and longest < 1 << 30 else None

    def count_tokens(self, text: str) -> int:
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    async def complete(
        self, requests: Sequence[Request], sampling: Sampling
    ) -> AsyncIterator[tuple[Request, Generation]]:
        def produce(emit: Emit, stopped: threading.Event) -> None:
            self._load()
            encoded, refused = self._all_encoded(requests, sampling)
            if self._may_go_on():
                self._answer_continuously(encoded, sampling, emit, stopped)
            else:
                self._answer_in_batches(encoded, sampling, emit, stopped)
            if refused is not None:
                raise refused

        async for pair in from_thread(produce):
            yield pair

    def _all_encoded(
        self, requests: Sequence[Request], sampling: Sampling
    ) -> tuple[list[Encoded], GeneratorError | None]:
        """What can be asked, and the error of what cannot: a prompt beyond the context."""
        limit = self._options.context or getattr(self._model.config, "max_position_embeddings", None) or 1 << 30
        encoded, refused = [], None
        for request in requests:
            text = self._rendered(request)
            tokens = tuple(self._tokenizer(text, add_special_tokens=not request.prompt.messages)["input_ids"])
            if len(tokens) >= limit:
                refused = refused or GeneratorError(
                    f"{request.problem.task_id}: the prompt has {len(tokens)} tokens and the context {limit}; "
                    "use a larger --context if the model has one, or fewer --shots"
                )
                continue
            room = min(sampling.max_tokens, limit - len(tokens))
            encoded.append(Encoded(request=request, text=text, tokens=tokens, room=room))
        return encoded, refused

    def _rendered(self, request: Request) -> str:
        prompt = request.prompt
        if not prompt.messages:
            return prompt.text
        turns = [{"role": one.role, "content": one.content} for one in prompt.messages]
        effort = {"reasoning_effort": self._effort} if self._effort else {}
        try:
            text = self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, **effort)
        except Exception as error:  # noqa: BLE001 - whatever the model's own template raises
            raise GeneratorError(f"{self._name}: its chat template cannot be used: {_line(error)}") from None
        return str(text) + prompt.prefill

    def _answer_in_batches(
        self, encoded: Sequence[Encoded], sampling: Sampling, emit: Emit, stopped: threading.Event
    ) -> None:
        size = self._options.batch or _BATCH[self._model.device.type if self._model.device.type == "cpu" else "cuda"]
        waiting = list(encoded)
        while waiting and not stopped.is_set():
            waiting.sort(key=lambda one: one.length)
            batch = waiting[:size]
            try:
                longer = self._lengthened(batch, sampling, stopped)
            except self._torch.OutOfMemoryError:
                self._torch.cuda.empty_cache()
                if len(batch) == 1:
                    raise EngineError(
                        f"{self._name}: out of GPU memory with one answer at a time; "
                        "use --quantize 4bit, a smaller --max-tokens, or a larger GPU"
                    ) from None
                size = len(batch) // 2
                continue
            if stopped.is_set():
                return
            del waiting[: len(batch)]
            for one in longer:
                generation = self._generation(one, one.made, one.latency_s)
                if generation.finish_reason == "stop" or len(one.made) >= one.room:
                    emit((one.request, generation))
                else:
                    waiting.append(one)

    def _lengthened(self, batch: Sequence[Encoded], sampling: Sampling, stopped: threading.Event) -> list[Encoded]:
        """The same answers, each up to a stretch longer."""
        torch = self._torch
        began, width = time.monotonic(), max(one.length for one in batch)
        pad = self._pad()
        rows = [[pad] * (width - one.length) + [*one.tokens, *one.made] for one in batch]
        mask = [[0] * (width - one.length) + [1] * one.length for one in batch]
        device = self._model.device
        self._seed(batch[0], sampling)
        stops = batch[0].request.prompt.stop
        criteria = [_Stopped(torch, stopped)]
        with torch.inference_mode():
            output = self._model.generate(
                input_ids=torch.tensor(rows, device=device),
                attention_mask=torch.tensor(mask, device=device),
                generation_config=self._generation_config(
                    sampling, min(_STRETCH, max(one.room - len(one.made) for one in batch))
                ),
                stopping_criteria=self._library.StoppingCriteriaList(criteria),
                **({"stop_strings": list(stops), "tokenizer": self._tokenizer} if stops else {}),
            )
        took = time.monotonic() - began
        return [
            replace(one, made=(*one.made, *row[width:].tolist()), latency_s=one.latency_s + took)
            for one, row in zip(batch, output, strict=True)
        ]

    def _answer_continuously(
        self, encoded: Sequence[Encoded], sampling: Sampling, emit: Emit, stopped: threading.Event
    ) -> None:
        if not encoded:
            return
        self._seed(encoded[0], sampling)
        config = self._generation_config(sampling, max(one.room for one in encoded))
        waiting = {str(number): one for number, one in enumerate(encoded)}
        began = time.monotonic()
        with self._model.continuous_batching_context_manager(generation_config=config) as manager:
            for name, one in waiting.items():
                manager.add_request(
                    list(one.tokens), request_id=name, max_new_tokens=one.room, streaming=bool(one.request.prompt.stop)
                )
            try:
                while waiting and not stopped.is_set():
                    result = manager.get_result(timeout=0.2)
                    if result is not None:
                        self._take(manager, result, waiting, began, emit)
                    elif manager.background_thread_status.fatal_error is not None or not manager.is_running():
                        raise EngineError(
                            f"{self._name}: continuous batching failed; {len(waiting)} answers are missing"
                        )
            finally:
                for name in waiting:
                    manager.cancel_request(name)

    def _take(self, manager: Any, result: Any, waiting: dict[str, Encoded], began: float, emit: Emit) -> None:
        """One result of the manager: an answer, a part of one, or an error."""
        one = waiting.get(result.request_id)
        if one is None:
            return
        if result.error:
            raise EngineError(f"{self._name}: {_line(result.error)}")
        tokens = list(result.generated_tokens)
        ended = result.is_finished()
        if not ended and len(tokens) % _LOOK_FOR_STOP_EVERY == 0:
            text = self._tokenizer.decode(tokens)
            if ended := cut(text, one.request.prompt.stop) != text:
                manager.cancel_request(result.request_id)
        if ended:
            del waiting[result.request_id]
            emit((one.request, self._generation(one, tokens, time.monotonic() - began)))

    def _generation(self, one: Encoded, tokens: Sequence[int], latency_s: float) -> Generation:
        ends = self._ends()
        end = next((place for place, token in enumerate(tokens) if token in ends), None)
        count = len(tokens) if end is None else end
        kept = list(tokens[: min(count, one.room)])
        text = self._tokenizer.decode(kept, clean_up_tokenization_spaces=False)
        shown = cut(text, one.request.prompt.stop)
        return Generation(
            prompt=one.text,
            response=shown,
            prompt_tokens=len(one.tokens),
            completion_tokens=len(kept),
            finish_reason="stop" if end is not None or shown != text else "length",
            latency_s=round(latency_s, 4),
        )

    def _generation_config(self, sampling: Sampling, max_tokens: int) -> Any:
        drawn = sampling.temperature and sampling.temperature > 0
        how = {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0} if drawn else {}
        return self._library.GenerationConfig(
            max_new_tokens=max_tokens,
            do_sample=bool(drawn),
            eos_token_id=sorted(self._ends()),
            pad_token_id=self._pad(),
            **how,
        )

    def _ends(self) -> set[int]:
        configured = self._model.generation_config.eos_token_id
        ends = configured if isinstance(configured, list) else [configured]
        return {token for token in (*ends, self._tokenizer.eos_token_id) if token is not None}

    def _pad(self) -> int:
        pad = self._tokenizer.pad_token_id
        return int(pad if pad is not None else min(self._ends(), default=0))

    def _seed(self, first: Encoded, sampling: Sampling) -> None:
        self._library.set_seed(((sampling.seed or 0) + first.request.index) % (1 << 32))

    def _may_go_on(self) -> bool:
        """Whether batches can be continuous here."""
        if self._continuous is not None:
            return self._continuous
        has_it = hasattr(self._model, "continuous_batching_context_manager")
        return has_it and self._model.device.type == "cuda" and not self._options.quantize

    def _dtype_name(self) -> str:
        on_gpu = self._torch.cuda.is_available() and self._options.device != "cpu"
        return self._options.dtype or ("bfloat16" if on_gpu else "float32")

    def _load(self) -> None:
        if self._model is not None:
            return
        torch, options = self._torch, self._options
        dtype = getattr(torch, self._dtype_name(), None)
        if not isinstance(dtype, torch.dtype):
            raise GeneratorError(f"--dtype {options.dtype}: unknown; give bfloat16, float16 or float32")
        settings: dict[str, Any] = {"dtype": dtype}
        device = options.device or ("auto" if torch.cuda.device_count() > 1 else None)
        if options.quantize:
            needed("bitsandbytes", extra="hf")
            settings["quantization_config"] = self._library.BitsAndBytesConfig(**{f"load_in_{options.quantize}": True})
        if device == "auto" or options.quantize:
            settings["device_map"] = "auto"
        try:
            model = self._loaded(self._library.AutoModelForCausalLM, settings)
            if "device_map" not in settings:
                model = model.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
            self._model = self._adapted(model).eval()
        except torch.OutOfMemoryError:
            raise EngineError(
                f"{self._name}: the GPU's memory is too small for the weights; use --quantize 4bit or --device auto"
            ) from None
        except RuntimeError as error:
            raise EngineError(f"{self._name}: cannot be put on the device: {_line(error)}") from None

    def _loaded(self, kind: Any, settings: dict[str, Any]) -> Any:
        try:
            return kind.from_pretrained(**self._source, **settings)
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise GeneratorError(f"hf:{self._name}: cannot be loaded: {_line(error)}") from None

    def _adapted(self, model: Any) -> Any:
        adapter = self._options.adapter
        if adapter is None:
            return model
        peft = needed("peft", extra="hf")
        try:
            adapted = peft.PeftModel.from_pretrained(model, adapter)
        except (OSError, ValueError) as error:
            raise GeneratorError(f"--adapter {adapter}: cannot be loaded: {_line(error)}") from None
        return adapted if self._options.quantize else adapted.merge_and_unload()


class _Stopped:
    """A stopping criterion of transformers: ends all answers when the run is interrupted."""

    def __init__(self, torch: Any, stopped: threading.Event) -> None:
        self._torch = torch
        self._stopped = stopped

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        shape = (input_ids.shape[0],)
        return self._torch.full(shape, self._stopped.is_set(), device=input_ids.device, dtype=self._torch.bool)


def open_generator(argument: str, problems: Sequence[Problem], options: GenerationOptions) -> ModelGenerator:
    """What `--model hf:PATH_OR_ID` opens."""
    if not argument:
        raise GeneratorError("hf needs a model; write: --model hf:PATH_OR_ID")
    return ModelGenerator(_engine(argument, options.local, options.reasoning_effort), options, argument)


@lru_cache(maxsize=1)
def _engine(name: str, options: LocalOptions, effort: str | None) -> HfEngine:
    """One engine for all the suites of a command."""
    return HfEngine(name, options, effort=effort)


def _source(name: str, options: LocalOptions) -> dict[str, Any]:
    """The arguments that tell transformers where the model is."""
    path = Path(name)
    if path.suffix == ".gguf":
        if not path.is_file():
            raise GeneratorError(f"hf:{name}: no such file")
        return {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
    if (path.is_absolute() or name.startswith((".", "~"))) and not path.is_dir():
        raise GeneratorError(f"hf:{name}: no such folder")
    return {"pretrained_model_name_or_path": name, **({"revision": options.revision} if options.revision else {})}


def _identity(name: str, library: Any, options: LocalOptions) -> dict[str, str]:
    """Which weights: the commit for a model of the hub, a fingerprint for files here."""
    path = Path(name)
    pins = {"name": path.name if path.exists() else name}
    if path.exists():
        pins["fingerprint"] = fingerprint(path)
    else:
        with suppress(OSError, ValueError):
            config = library.AutoConfig.from_pretrained(name, revision=options.revision or "main")
            pins["revision"] = str(getattr(config, "_commit_hash", None) or options.revision or "main")
    if options.adapter is not None:
        adapter = Path(options.adapter)
        pins["adapter"] = fingerprint(adapter) if adapter.exists() else options.adapter
    return pins


def fingerprint(path: Path) -> str:
    """A sha256 over the names and sizes of all files, small ones whole, of large ones both ends."""
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(_files(path)):
        size = file.stat().st_size
        digest.update(f"{file.name}\n{size}\n".encode("utf-8", "surrogatepass"))
        with file.open("rb") as opened:
            digest.update(opened.read(_SMALL_FILE))
            if size > _SMALL_FILE:
                opened.seek(max(_SMALL_FILE, size - _SMALL_FILE))
                digest.update(opened.read())
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.is_file() and not file.name.startswith("."))


def _line(error: object) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__

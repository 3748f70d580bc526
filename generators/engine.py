"""Models: an engine answers prompts; `ModelGenerator` makes of it a generator, with prompts, cache and extraction."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Protocol

from codebench.generators.answer import answer_in
from codebench.generators.generation_cache import GenerationCache
from codebench.generators.options import GenerationOptions, Sampling
from codebench.generators.prompts import Prompt, Prompter
from codebench.generators.repository_prompts import Room
from codebench.generators.sample import Failure, Generation, GeneratorError, Sample
from codebench.problems import Problem

_AHEAD = 256  # answers of a thread that wait to be taken


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Request:
    """One answer that is wanted of an engine; `seed` is its own, or None to send none."""

    problem: Problem
    index: int
    round: int
    prompt: Prompt
    seed: int | None


class Engine(Protocol):
    """A model that can be asked. `identity` says which, and whatever else changes its answers."""

    @property
    def identity(self) -> dict[str, str]: ...

    @property
    def chats(self) -> bool:
        """Whether it has a chat template, or speaks to a server that applies one."""
        ...

    def complete(self, requests: Sequence[Request], sampling: Sampling) -> AsyncIterator[tuple[Request, Generation]]:
        """Answer each request once, in any order. Raises GeneratorError, after yielding what was made until then."""
        ...


class ModelGenerator:
    """A generator whose answers a model writes. Raises GeneratorError for options that cannot be met."""

    def __init__(self, engine: Engine, options: GenerationOptions, model: str) -> None:
        self._engine = engine
        self._sampling = options.sampling.for_samples(options.samples)
        room = _room(engine, options, self._sampling.max_tokens)
        self._prompter = Prompter(options.prompting, chats=engine.chats, model=model, room=room)
        self._cache = GenerationCache(options.cache) if options.cache is not None else None
        sampling = self._sampling
        seed = {} if sampling.seed is None else {"seed": str(sampling.seed)}
        self._identity = {
            **engine.identity,
            **self._prompter.identity,
            "temperature": f"{sampling.temperature:g}",
            "top_p": f"{sampling.top_p:g}",
            "max_tokens": str(sampling.max_tokens),
            **seed,
        }

    @property
    def identity(self) -> dict[str, str]:
        return self._identity

    def samples_per_problem(self, problems: Sequence[Problem]) -> int | None:
        return None

    def generate(self, wanted: Sequence[tuple[Problem, int]]) -> AsyncIterator[Sample]:
        return self._answers(
            [self._request(problem, index, 0, self._prompter.prompt(problem)) for problem, index in wanted]
        )

    def repair(self, failures: Sequence[Failure]) -> AsyncIterator[Sample]:
        return self._answers(
            [
                self._request(one.problem, one.sample.index, one.sample.round + 1, self._prompter.repair(one))
                for one in failures
            ]
        )

    def _request(self, problem: Problem, index: int, round_: int, prompt: Prompt) -> Request:
        seed = None if self._sampling.seed is None else self._sampling.seed + index
        return Request(problem=problem, index=index, round=round_, prompt=prompt, seed=seed)

    async def _answers(self, requests: Sequence[Request]) -> AsyncIterator[Sample]:
        missing = []
        for request in requests:
            found = self._cache.get(self._key(request)) if self._cache is not None else None
            if found is None:
                missing.append(request)
            else:
                yield self._sample(request, replace(found, cached=True))
        if not missing:
            return
        async for request, generation in self._engine.complete(missing, self._sampling):
            if self._cache is not None:
                self._cache.put(self._key(request), generation)
            yield self._sample(request, generation)

    def _key(self, request: Request) -> str:
        """Model, revision, prompt, sampling, seed, and which of several answers it is."""
        prompt = request.prompt
        parts = (
            sorted(self._engine.identity.items()), prompt.as_json(), prompt.text, prompt.prefill, prompt.stop,
            self._sampling.temperature, self._sampling.top_p, self._sampling.max_tokens, request.seed, request.index,
        )  # fmt: skip
        return hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogatepass")).hexdigest()

    def _sample(self, request: Request, generation: Generation) -> Sample:
        return Sample(
            task_id=request.problem.task_id,
            index=request.index,
            round=request.round,
            code=code_of(request, generation.response),
            generation=replace(generation, documentation=request.prompt.documentation),
        )


def code_of(request: Request, response: str) -> str:
    """The program in a response, read behind what it continues."""
    return answer_in((request.prompt.code_before or request.prompt.prefill) + response, request.problem)


def _room(engine: Engine, options: GenerationOptions, max_tokens: int) -> Room:
    """What a prompt may hold beside the answer. An engine that knows has `context` tokens, and `count_tokens(text)`."""
    context: int | None = options.local.context or getattr(engine, "context", None)
    return Room(
        tokens=max(0, context - max_tokens) if context is not None else None,
        count=getattr(engine, "count_tokens", None),
    )


async def side_by_side(
    requests: Sequence[Request], answer: Callable[[Request], Awaitable[Generation]], concurrency: int
) -> AsyncIterator[tuple[Request, Generation]]:
    """Answer the requests, `concurrency` at a time, and yield each as it comes.

    Begins no more than that many ahead of whoever takes the answers. After a GeneratorError those that were begun
    are finished and yielded, then it is raised.
    """
    pending: Iterator[Request] = iter(requests)
    failure: GeneratorError | None = None

    async def one(request: Request) -> tuple[Request, Generation]:
        return request, await answer(request)

    running = {asyncio.create_task(one(request)) for request in islice(pending, concurrency)}
    try:
        while running:
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if isinstance(error := task.exception(), GeneratorError):
                    failure = failure or error
            if failure is None:
                running |= {asyncio.create_task(one(request)) for request in islice(pending, len(done))}
            for task in done:
                if not isinstance(task.exception(), GeneratorError):
                    yield task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    if failure is not None:
        raise failure


async def from_thread(
    produce: Callable[[Callable[[tuple[Request, Generation]], None], threading.Event], None],
) -> AsyncIterator[tuple[Request, Generation]]:
    """What `produce(emit, stopped)` emits in a thread of its own, a bounded number ahead of whoever takes it.

    Its error is raised once everything before it was taken. It is told to stop when nobody takes any more.
    """
    loop, stopped = asyncio.get_running_loop(), threading.Event()
    waiting: asyncio.Queue[tuple[Request, Generation]] = asyncio.Queue(maxsize=_AHEAD)

    def emit(pair: tuple[Request, Generation]) -> None:
        if not stopped.is_set():
            asyncio.run_coroutine_threadsafe(waiting.put(pair), loop).result()

    producer = loop.run_in_executor(None, produce, emit, stopped)
    try:
        while True:
            taker = asyncio.create_task(waiting.get())
            either: list[asyncio.Future[Any]] = [taker, producer]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not taker.done():
                taker.cancel()
                break
            yield taker.result()
        while not waiting.empty():
            yield waiting.get_nowait()
    finally:
        stopped.set()
        while not producer.done():
            while not waiting.empty():
                waiting.get_nowait()
            await asyncio.wait({producer}, timeout=0.05)
    producer.result()

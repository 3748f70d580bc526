"""Generators that ask a server: real HTTP on the loopback address, with every fault that servers have."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from scripted_server import COMPLETION_TOKENS, PROMPT_TOKENS, Script, serving

from codebench.generators import (
    EngineError,
    GenerationOptions,
    GeneratorError,
    Prompting,
    Sample,
    Sampling,
    ServerOptions,
    anthropic_api,
    openai_api,
)
from codebench.generators.engine import ModelGenerator
from codebench.problems import CheckFunction, Problem

pytest.importorskip("openai")

KEY = "sk-canary-1234567890"


def problem(number: int) -> Problem:
    return Problem(
        task_id=f"Own/{number}",
        prompt=f'def one():\n    """ One, number {number}. """\n',
        entry_point="one",
        canonical_solution="    return 1\n",
        checks=(CheckFunction(source="def check(candidate): assert candidate() == 1"),),
    )


SUITE = tuple(problem(number) for number in range(10))


def opened(url: str, *, samples: int = 1, name: str = "m", **options: object) -> ModelGenerator:
    server = ServerOptions(
        **{"base_url": url, "timeout_s": 1.0, "prices": (1.0, 2.0), "concurrency": 4, **options}  # type: ignore[arg-type]
    )
    return openai_api.open_generator(name, SUITE, GenerationOptions(samples=samples, server=server))


def answers(generator: ModelGenerator, wanted: Sequence[tuple[Problem, int]]) -> list[Sample]:
    async def collect() -> list[Sample]:
        return [sample async for sample in generator.generate(wanted)]

    return asyncio.run(collect())


def everything(samples: int) -> list[tuple[Problem, int]]:
    return [(problem, index) for problem in SUITE for index in range(samples)]


def test_every_sample_arrives_exactly_once_whatever_the_server_does() -> None:
    faults = [
        "429",
        "",
        "500",
        "cut",
        "hang",
        "429 wait",
        "reset",
        "",
        "slow",
        "empty",
        "html",
        "503",
        "",
        "cut",
        "429",
    ]
    script = Script(faults=list(faults))
    with serving(script) as url:
        samples = answers(opened(url, samples=3), everything(3))
    assert sorted((sample.task_id, sample.index) for sample in samples) == sorted(
        (problem.task_id, index) for problem, index in everything(3)
    )
    assert not script.faults and script.answered >= 30
    assert 1 < script.most_at_once <= 5  # one more than asked for: a request that was given up may still be there
    generations = [sample.generation for sample in samples if sample.generation is not None]
    cost = sum(one.cost_usd or 0 for one in generations)
    assert cost == pytest.approx(30 * (PROMPT_TOKENS * 1.0 + COMPLETION_TOKENS * 2.0) / 1e6)
    assert all(one.finish_reason == "stop" and (one.latency_s or 0) > 0 for one in generations)
    assert {sample.code for sample in samples} == {"def one():\n    return 1\n"}


def test_a_request_says_what_was_asked_for() -> None:
    script = Script()
    options = GenerationOptions(
        samples=2,
        sampling=Sampling(temperature=0.5, top_p=0.9, max_tokens=99, seed=7),
        prompting=Prompting(system="Be brief.", stop=("STOP",)),
        reasoning_effort="low",
    )
    with serving(script) as url:
        server = ServerOptions(base_url=url, concurrency=1)
        generator = openai_api.open_generator("a-model", SUITE, _with(options, server))
        answers(generator, [(SUITE[0], 0), (SUITE[0], 1)])
    first, second = script.seen
    assert (first["model"], first["temperature"], first["top_p"], first["max_tokens"]) == ("a-model", 0.5, 0.9, 99)
    assert (first["seed"], second["seed"]) == (7, 8)
    assert first["stop"] == ["STOP"] and first["reasoning_effort"] == "low"
    assert first["messages"][0] == {"role": "system", "content": "Be brief."}
    assert "One, number 0" in first["messages"][1]["content"]


def test_completions_go_to_the_endpoint_for_completions_and_continue_the_prompt() -> None:
    script = Script(answer=lambda body: "    return 1\n\ndef other():\n    return 2\n")
    with serving(script) as url:
        options = GenerationOptions(prompting=Prompting(style="completion"), server=ServerOptions(base_url=url))
        (sample,) = answers(openai_api.open_generator("base", SUITE, options), [(SUITE[0], 0)])
    assert script.paths == {"/v1/completions": 1}
    assert script.seen[0]["prompt"] == SUITE[0].prompt
    assert sample.code == SUITE[0].prompt + "    return 1\n"
    assert sample.generation is not None and sample.generation.response == "    return 1\n"


def test_thinking_that_comes_by_itself_is_kept_in_the_response_and_not_in_the_code() -> None:
    script = Script(message={"reasoning_content": "def one(): return 0"}, finish_reason="length")
    with serving(script) as url:
        (sample,) = answers(opened(url), [(SUITE[0], 0)])
    assert sample.generation is not None
    assert sample.generation.response.startswith("<think>\ndef one(): return 0\n</think>")
    assert sample.generation.finish_reason == "length"
    assert sample.code == "def one():\n    return 1\n"


def test_what_was_made_before_a_failure_is_given_out() -> None:
    script = Script(faults=["", "", "", ""] + ["500"] * 100)
    with serving(script) as url:
        generator = opened(url, retries=1, concurrency=2)
        samples: list[Sample] = []

        async def collect() -> None:
            async for sample in generator.generate(everything(1)):
                samples.append(sample)

        with pytest.raises(EngineError, match=r"500: .*2 attempts.*kept"):
            asyncio.run(collect())
    assert len(samples) == 4


def test_a_server_that_is_down_is_given_up_soon() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(EngineError, match=r"127.0.0.1: cannot be reached: .*; start the server, or correct --base-url"):
        answers(opened(url), everything(1))


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (401, {"message": f"Incorrect API key provided: {KEY}"}, r"the API key is refused \(401\)"),
        (404, {"message": "The model `m` does not exist"}, "404: .*does not exist"),
        (400, {"message": "maximum context length is 8 tokens"}, "400: .*maximum context length"),
        (429, {"message": "quota", "code": "insufficient_quota"}, "429: .*quota"),
        (400, {"message": f"you sent {KEY} in the prompt"}, r"you sent \[key\] in the prompt"),
    ],
)
def test_what_will_not_mend_is_said_at_once_and_without_the_key(
    status: int, error: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    script = Script(status=status, error=error)
    with serving(script) as url, pytest.raises(GeneratorError, match=message) as caught:
        answers(opened(url), [(SUITE[0], 0)])
    assert KEY not in str(caught.value)
    assert script.keys == {f"Bearer {KEY}"}
    assert len(script.seen) == 1


def test_the_key_is_in_no_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    generator = opened("http://user:secret@localhost:1/v1")
    assert KEY not in json.dumps(generator.identity)
    assert "secret" not in json.dumps(generator.identity)


def test_a_key_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(GeneratorError, match="no API key: OPENAI_API_KEY is not set"):
        openai_api.open_generator("m", SUITE, GenerationOptions())
    with pytest.raises(GeneratorError, match="no API key: MY_KEY is not set"):
        openai_api.open_generator("m", SUITE, GenerationOptions(server=ServerOptions(key_variable="MY_KEY")))
    pytest.importorskip("anthropic")
    with pytest.raises(GeneratorError, match="no API key: ANTHROPIC_API_KEY is not set"):
        anthropic_api.open_generator("m", SUITE, GenerationOptions())


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x/y", "http://", ""])
def test_an_address_that_is_none_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(GeneratorError, match=r"--base-url|no API key"):
        opened(url)


def test_several_answers_at_temperature_0_are_refused() -> None:
    options = GenerationOptions(samples=3, sampling=Sampling(temperature=0), server=ServerOptions(base_url="http://x"))
    with pytest.raises(GeneratorError, match="gives the same answer 3 times; take --samples 1"):
        openai_api.open_generator("m", SUITE, options)


def test_answers_come_from_the_cache_the_second_time(tmp_path: Path) -> None:
    script = Script()
    with serving(script) as url:
        options = GenerationOptions(samples=2, server=ServerOptions(base_url=url), cache=tmp_path)
        first = answers(openai_api.open_generator("m", SUITE, options), everything(2))
        again = answers(openai_api.open_generator("m", SUITE, options), everything(2))
        other = GenerationOptions(samples=2, sampling=Sampling(seed=1), server=options.server, cache=tmp_path)
        answers(openai_api.open_generator("m", SUITE, other), everything(2)[:3])
    assert len(script.seen) == 20 + 3
    assert {(sample.task_id, sample.index): sample.code for sample in again} == {
        (sample.task_id, sample.index): sample.code for sample in first
    }
    assert all(sample.generation is not None and sample.generation.cached for sample in again)


def test_anthropic_is_asked_in_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("anthropic")
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    script = Script(faults=["529", "429", "cut"])
    with serving(script) as url:
        options = GenerationOptions(
            prompting=Prompting(system="Be brief."),
            server=ServerOptions(base_url=url.removesuffix("/v1"), prices=(3.0, 15.0)),
        )
        samples = answers(anthropic_api.open_generator("claude", SUITE, options), everything(1)[:3])
    assert [sample.code for sample in samples] == ["def one():\n    return 1\n"] * 3
    assert set(script.paths) == {"/v1/messages"} and {key.removeprefix("Bearer ") for key in script.keys} == {KEY}
    assert script.seen[0]["system"] == "Be brief." and script.seen[0]["max_tokens"] == 1024
    for sample in samples:
        assert sample.generation is not None
        assert (sample.generation.prompt_tokens, sample.generation.finish_reason) == (PROMPT_TOKENS, "stop")
        assert sample.generation.response.startswith("<think>\nhm\n</think>")
        assert sample.generation.cost_usd == pytest.approx((PROMPT_TOKENS * 3 + COMPLETION_TOKENS * 15) / 1e6)


class BatchServer(BaseHTTPRequestHandler):
    """OpenAI's files and batches: the upload is kept, the batch is done at the second look at it."""

    uploads: ClassVar[list[bytes]] = []
    created: ClassVar[list[dict[str, Any]]] = []
    looks: ClassVar[list[str]] = []
    left_out: ClassVar[set[str]] = set()

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/files":
            self.uploads.append(data)
            self._send({"id": "file-1", "object": "file"})
        else:
            self.created.append(json.loads(data))
            self._send({"id": "batch-1", "object": "batch", "status": "validating"})

    def do_GET(self) -> None:
        if self.path == "/v1/batches/batch-1":
            self.looks.append(self.path)
            status = "completed" if len(self.looks) > 1 else "in_progress"
            self._send({"id": "batch-1", "object": "batch", "status": status, "output_file_id": "file-2"})
        else:
            lines = [line for line in self.uploads[-1].decode().splitlines() if line.startswith('{"custom_id"')]
            wanted = [json.loads(line)["custom_id"] for line in lines]
            replies = [(name, self._reply()) for name in reversed(wanted) if name not in self.left_out]
            results = [json.dumps({"custom_id": name, "response": {"body": reply}}) for name, reply in replies]
            self._send("\n".join(results))

    def _reply(self) -> dict[str, Any]:
        usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": COMPLETION_TOKENS}
        message = {"role": "assistant", "content": "def one():\n    return 1\n"}
        return {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}

    def _send(self, body: object) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain" if isinstance(body, str) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def batch_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr("codebench.generators.openai_batch._POLL_S", 0.01)
    for kept in (BatchServer.uploads, BatchServer.created, BatchServer.looks, BatchServer.left_out):
        kept.clear()  # type: ignore[attr-defined]
    server = ThreadingHTTPServer(("127.0.0.1", 0), BatchServer)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


def batched(url: str, cache: Path | None) -> ModelGenerator:
    server = ServerOptions(base_url=url, batch=True, prices=(1.0, 2.0))
    return openai_api.open_generator("m", SUITE, GenerationOptions(server=server, cache=cache))


def test_a_batch_is_handed_in_at_once_and_costs_half(batch_url: str) -> None:
    samples = answers(batched(batch_url, None), everything(1))
    assert {sample.task_id for sample in samples} == {problem.task_id for problem in SUITE}
    assert len(BatchServer.created) == 1 and BatchServer.created[0]["endpoint"] == "/v1/chat/completions"
    cost = sum(sample.generation.cost_usd or 0 for sample in samples if sample.generation is not None)
    assert cost == pytest.approx(10 * 0.5 * (PROMPT_TOKENS + 2 * COMPLETION_TOKENS) / 1e6)


def test_a_batch_that_was_handed_in_before_a_crash_is_not_handed_in_again(batch_url: str, tmp_path: Path) -> None:
    async def crash_while_it_waits() -> None:
        async with asyncio.timeout(5):
            generation = asyncio.create_task(anext(aiter(batched(batch_url, tmp_path).generate(everything(1)))))
            while not BatchServer.looks:
                await asyncio.sleep(0.001)
            generation.cancel()

    asyncio.run(crash_while_it_waits())
    assert len(list(tmp_path.glob("*.batch"))) == 1
    assert len(answers(batched(batch_url, tmp_path), everything(1))) == 10
    assert len(BatchServer.created) == 1
    assert not list(tmp_path.glob("*.batch"))


def test_answers_that_a_batch_left_out_are_said(batch_url: str) -> None:
    BatchServer.left_out.update({"3"})
    samples: list[Sample] = []

    async def collect() -> None:
        async for sample in batched(batch_url, None).generate(everything(1)):
            samples.append(sample)

    with pytest.raises(EngineError, match="left requests unanswered, 1"):
        asyncio.run(collect())
    assert len(samples) == 9


def _with(options: GenerationOptions, server: ServerOptions) -> GenerationOptions:
    return GenerationOptions(
        samples=options.samples,
        sampling=options.sampling,
        prompting=options.prompting,
        server=server,
        reasoning_effort=options.reasoning_effort,
    )

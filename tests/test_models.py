"""Models that run here: prompts, llama.cpp with the small model, transformers where it is, repair, saved answers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from codebench.generators import (
    EngineError,
    Failure,
    Generation,
    GenerationOptions,
    GeneratorError,
    LocalOptions,
    Prompting,
    Sample,
    Sampling,
    gguf,
)
from codebench.generators.engine import ModelGenerator, Request, from_thread, side_by_side
from codebench.generators.options import ServerOptions
from codebench.generators.prompts import Prompt, Prompter
from codebench.graders import Grade, Verdict
from codebench.problems import CheckFunction, Problem
from codebench.problems.pack import load_starter
from codebench.runs import EvalOptions, RunError, evaluate, generate
from codebench.runs.answers import feedback_of
from codebench.runs.records import read_records, read_samples

PROBLEM = Problem(
    task_id="Own/0",
    prompt='def one():\n    """ One. """\n',
    entry_point="one",
    canonical_solution="    return 1\n",
    checks=(CheckFunction(source="def check(candidate): assert candidate() == 1"),),
)
SUITE = load_starter(None).problems


class Parrot:
    """An engine that answers from a list, a wrong answer for each of `wrong` first rounds."""

    chats = True
    asked: list[Request]

    def __init__(self, wrong: int = 0) -> None:
        self.identity = {"model": "parrot", "wrong": str(wrong)}
        self.asked = []
        self._wrong = wrong

    async def complete(
        self, requests: Sequence[Request], sampling: Sampling
    ) -> AsyncIterator[tuple[Request, Generation]]:
        for request in requests:
            self.asked.append(request)
            problem = request.problem
            right = problem.prompt + problem.canonical_solution
            wrong = f"def {problem.entry_point}(*args):\n    raise ValueError('parrot {request.round}')\n"
            text = f"```python\n{wrong if request.round < self._wrong else right}\n```"
            yield request, Generation(prompt=request.prompt.as_json(), response=text, completion_tokens=3)


PARROTS: list[Parrot] = []


def open_parrot(argument: str, problems: Sequence[Problem], options: GenerationOptions) -> ModelGenerator:
    PARROTS.append(Parrot(int(argument or 0)))
    return ModelGenerator(PARROTS[-1], options, "parrot")


def prompt(style: str = "auto", *, chats: bool = True, **options: object) -> Prompt:
    prompting = Prompting(style=style, **options)  # type: ignore[arg-type]
    return Prompter(prompting, chats=chats, model="m").prompt(PROBLEM)


def test_auto_is_a_chat_where_the_model_has_a_template_and_a_completion_elsewhere() -> None:
    assert "```python\ndef one():" in prompt().messages[-1].content
    base = prompt(chats=False)
    assert (base.text, base.messages) == (PROBLEM.prompt, ())
    assert "\ndef " in base.stop


def test_a_chat_with_a_model_without_template_is_refused() -> None:
    with pytest.raises(GeneratorError, match="m has no chat template; use --prompt completion"):
        prompt("chat", chats=False)


def test_worked_examples_come_before_the_problem() -> None:
    shots = prompt(shots=2, system="Be brief.").messages
    assert [one.role for one in shots] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert SUITE[0].canonical_solution.strip() in shots[2].content
    text = prompt("completion", shots=1).text
    assert text.startswith(SUITE[0].prompt) and text.endswith(PROBLEM.prompt)
    with pytest.raises(GeneratorError, match=f"--shots 1000: there are {len(SUITE)} worked examples"):
        prompt(shots=1000)


def test_a_template_of_the_users_own_is_a_message_or_a_text_to_continue(tmp_path: Path) -> None:
    path = tmp_path / "own.jinja"
    path.write_text("Write {{ entry_point }} of {{ task_id }}:\n{{ prompt }}")
    assert prompt(str(path)).messages[-1].content == f"Write one of Own/0:\n{PROBLEM.prompt}"
    path.write_text("{# completion #}\n# {{ task_id }}\n{{ prompt }}")
    own = prompt(str(path))
    assert (own.text, own.code_before) == (f"# Own/0\n{PROBLEM.prompt}", PROBLEM.prompt)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{% if %}", r"own.jinja:1: not a Jinja template"),
        ("{{ unknown }}", "own.jinja: cannot be rendered: 'unknown' is undefined"),
        (None, r"--prompt .*own.jinja: No such file"),
    ],
)
def test_a_template_that_cannot_be_used_is_named(text: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "own.jinja"
    if text is not None:
        path.write_text(text)
    with pytest.raises(GeneratorError, match=message):
        prompt(str(path))


@pytest.mark.parametrize(
    ("given", "samples", "expected"),
    [
        (Sampling(), 1, (0.0, 1.0)),
        (Sampling(), 10, (0.8, 0.95)),
        (Sampling(temperature=0.2), 10, (0.2, 1.0)),
        (Sampling(temperature=0.0), 1, (0.0, 1.0)),
        (Sampling(top_p=0.5), 10, (0.8, 0.5)),
    ],
)
def test_sampling_defaults_suit_the_number_of_samples(
    given: Sampling, samples: int, expected: tuple[float, float]
) -> None:
    resolved = given.for_samples(samples)
    assert (resolved.temperature, resolved.top_p) == expected


def requests(count: int) -> list[Request]:
    return [Request(problem=PROBLEM, index=n, round=0, prompt=prompt(), seed=None) for n in range(count)]


def test_side_by_side_begins_no_more_than_it_may() -> None:
    begun = 0

    async def answer(request: Request) -> Generation:
        nonlocal begun
        begun += 1
        await asyncio.sleep(0)
        return Generation(prompt="", response="")

    async def slow_taker() -> list[int]:
        taken = []
        async for request, _ in side_by_side(requests(40), answer, 4):
            taken.append(request.index)
            assert begun <= len(taken) + 2 * 4
            await asyncio.sleep(0.001)
        return taken

    assert sorted(asyncio.run(slow_taker())) == list(range(40))


def test_a_thread_that_makes_answers_waits_for_whoever_takes_them_and_hears_when_nobody_does() -> None:
    emitted, heard = [], []

    def produce(emit: object, stopped: threading.Event) -> None:
        for request in requests(2000):
            if stopped.is_set():
                heard.append(True)
                return
            emitted.append(request.index)
            emit((request, Generation(prompt="", response="")))  # type: ignore[operator]

    async def take_three() -> None:
        answers = from_thread(produce)
        for _ in range(3):
            await anext(answers)
        await asyncio.sleep(0.1)
        assert len(emitted) < 300
        await answers.aclose()  # type: ignore[attr-defined]

    asyncio.run(take_three())
    assert heard == [True]


def test_the_error_of_a_thread_comes_after_its_answers() -> None:
    def produce(emit: object, stopped: threading.Event) -> None:
        emit((requests(1)[0], Generation(prompt="", response="")))  # type: ignore[operator]
        raise EngineError("broken")

    async def take() -> list[object]:
        taken: list[object] = []
        with pytest.raises(EngineError, match="broken"):
            async for pair in from_thread(produce):
                taken.append(pair)
        return taken

    assert len(asyncio.run(take())) == 1


def options_of(tmp_path: Path, model: str, **changes: object) -> EvalOptions:
    options = EvalOptions(suite="starter", model=model, limit=3, sandbox="namespaces", out=tmp_path / "run", workers=1)
    return replace(options, **changes)  # type: ignore[arg-type]


def test_wrong_answers_are_repaired_round_after_round(tmp_path: Path) -> None:
    run = evaluate(options_of(tmp_path, "test_models:open_parrot:2", repairs=3))
    after = {number: one.value for number, one in run.summary.pass_after_repair.items() if one is not None}
    assert after == {0: 0.0, 1: 0.0, 2: 1.0, 3: 1.0}
    assert run.summary.pass_at_k[1] is not None and run.summary.pass_at_k[1].value == 0.0
    records = list(read_records(run.directory))
    assert sorted((record.task_id, record.round) for record in records) == sorted(
        (problem.task_id, number) for problem in SUITE[:3] for number in range(3)
    )
    asked = PARROTS[-1].asked
    last = asked[-1].prompt.messages
    assert [one.role for one in last[-3:]] == ["user", "assistant", "user"]
    assert "ValueError" in last[-1].content and "parrot 1" in last[-1].content
    assert len(asked) == 9
    evaluate(options_of(tmp_path, "test_models:open_parrot:2", repairs=3))
    assert PARROTS[-1].asked == [], "everything was there"


def test_repair_needs_a_generator_that_can(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="--repair: reference cannot answer a second time"):
        evaluate(options_of(tmp_path, "reference", repairs=1))


@pytest.mark.parametrize(
    ("verdict", "detail", "feedback"),
    [
        (Verdict.FAIL, "AssertionError at line 2 of the test: expected 42", "It gives a wrong result in a test."),
        (Verdict.FAIL, "input 3 of plus: returned 1, expected 42", "It gives a wrong result in a test."),
        (
            Verdict.FAIL,
            "ValueError at line 2 of the test: bad (raised by the candidate as ValueError, line 7)",
            "It raises ValueError in line 7: bad",
        ),
        (Verdict.FAIL, "input 3 of plus: raised KeyError, line 9: 'x'", "It raises KeyError in line 9: 'x'"),
        (Verdict.ERROR, "SyntaxError (line 2): invalid", "It ends in an error:\nSyntaxError (line 2): invalid"),
        (Verdict.TIMEOUT, "input 3 of plus: not done at its limit", "It takes too long."),
    ],
)
def test_the_feedback_names_the_error_and_no_expected_value(verdict: Verdict, detail: str, feedback: str) -> None:
    assert feedback_of(Grade(grader="correctness", verdict=verdict, detail=detail)) == feedback


def test_a_repair_of_a_completion_shows_the_answer_and_what_was_wrong() -> None:
    prompter = Prompter(Prompting(style="completion"), chats=False, model="m")
    sample = Sample(task_id="Own/0", index=0, code="def one():\n    return 2\n")
    again = prompter.repair(Failure(problem=PROBLEM, sample=sample, feedback="It takes too long."))
    assert again.text.startswith(sample.code) and again.text.endswith(PROBLEM.prompt)
    assert "# It takes too long." in again.text


def test_answers_that_were_saved_are_not_made_again(tmp_path: Path) -> None:
    options = options_of(tmp_path, "test_models:open_parrot", samples=2)
    evaluate(options)
    directory = tmp_path / "run"
    records = (directory / "records.jsonl").read_bytes().splitlines(keepends=True)
    (directory / "records.jsonl").write_bytes(b"".join(records[:2]))
    run = evaluate(options)
    assert run.summary.graded == 6 and PARROTS[-1].asked == []
    first = json.loads((directory / "samples.jsonl").read_text().split("\n")[0])
    assert first["generation"]["completion_tokens"] == 3 and "def " in first["solution"]


def test_generate_writes_answers_that_grade_takes_and_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    options = options_of(tmp_path, "test_models:open_parrot", samples=2, out=path)
    assert generate(options).made == 6
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:4]) + lines[4][:20])
    done = generate(options)
    assert (done.total, done.made) == (6, 2)
    assert len(list(read_samples(path))) == 6
    run = evaluate(options_of(tmp_path, f"replay:{path}"))
    assert run.summary.pass_at_k[1] is not None and run.summary.pass_at_k[1].value == 1.0
    with pytest.raises(RunError, match=r"answers differ in samples; use another --out"):
        generate(replace(options, samples=3))
    saved = generate(options_of(tmp_path, "reference", out=tmp_path / "reference.jsonl"))
    assert saved.made == len(list(read_samples(saved.path))) == 3
    foreign = tmp_path / "other.jsonl"
    foreign.write_text("{}\n")
    with pytest.raises(RunError, match="was not made by codebench generate"):
        generate(replace(options, out=foreign))


def test_a_raw_response_goes_through_extraction(tmp_path: Path) -> None:
    problem = SUITE[0]
    path = tmp_path / "responses.jsonl"
    answer = f"<think>hm</think>Sure:\n```python\n{problem.prompt}{problem.canonical_solution}```\nDone."
    path.write_text(json.dumps({"task_id": problem.task_id, "response": answer}) + "\n")
    run = evaluate(options_of(tmp_path, f"replay:{path}", limit=1))
    (record,) = read_records(run.directory)
    assert run.summary.pass_at_k[1] is not None and run.summary.pass_at_k[1].value == 1.0
    assert record.generation is not None and record.generation.response == answer
    assert "hm" not in record.code


# The small model, for real.


@pytest.fixture(scope="module")
def smollm2() -> str:
    pytest.importorskip("xllamacpp", reason="the extra gguf is not installed")
    from codebench.generators.smollm2 import model_file

    try:
        return str(model_file())
    except EngineError as error:
        if os.environ.get("CODEBENCH_REQUIRE_DOCKER"):
            raise
        pytest.skip(str(error))


def gguf_answers(path: str, options: GenerationOptions, count: int = 2) -> list[Sample]:
    generator = gguf.open_generator(path, SUITE, options)

    async def collect() -> list[Sample]:
        return [sample async for sample in generator.generate([(problem, 0) for problem in SUITE[:count]])]

    return asyncio.run(collect())


def test_the_small_model_writes_code(smollm2: str) -> None:
    options = GenerationOptions(sampling=Sampling(max_tokens=160), local=LocalOptions(batch=2))
    samples = gguf_answers(smollm2, options)
    assert {sample.task_id for sample in samples} == {problem.task_id for problem in SUITE[:2]}
    for sample in samples:
        generation = sample.generation
        assert generation is not None and "<|im_start|>user\n" in generation.prompt
        assert generation.completion_tokens and 0 < generation.completion_tokens <= 160
        assert generation.finish_reason in ("stop", "length")
        assert "def " in sample.code


def test_the_small_model_ends_at_a_stop_and_begins_with_the_prefill(smollm2: str) -> None:
    prompting = Prompting(prefill="```python\n", stop=("return",))
    options = GenerationOptions(sampling=Sampling(max_tokens=160), local=LocalOptions(batch=1), prompting=prompting)
    (sample,) = gguf_answers(smollm2, options, 1)
    assert sample.generation is not None
    assert sample.generation.prompt.endswith("<|im_start|>assistant\n```python\n")
    assert "return" not in sample.generation.response


def test_a_prompt_beyond_the_context_is_named(smollm2: str) -> None:
    options = GenerationOptions(sampling=Sampling(max_tokens=8), local=LocalOptions(batch=1, context=64))
    with pytest.raises(GeneratorError, match=rf"{SUITE[0].task_id}: the prompt has \d+ tokens and the context 64"):
        gguf_answers(smollm2, options, 1)


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    with pytest.raises(GeneratorError, match=r"x.gguf: No such file or directory; name a GGUF file"):
        gguf.open_generator(str(path), SUITE, GenerationOptions())
    path.write_text("text")
    with pytest.raises(GeneratorError, match=r"x.gguf: not a GGUF file"):
        gguf.open_generator(str(path), SUITE, GenerationOptions())
    path.write_bytes(b"GGUF" + b"\0" * 64)
    pytest.importorskip("xllamacpp", reason="the extra gguf is not installed")
    with pytest.raises(EngineError, match=r"x.gguf: llama.cpp cannot load it"):
        gguf.open_generator(str(path), SUITE, GenerationOptions())


def test_an_interrupted_run_ends_at_once_and_is_finished_by_the_same_command(smollm2: str, tmp_path: Path) -> None:
    command = [
        sys.executable, "-P", "-m", "codebench.cli.main", "eval", "--suite", "starter", "--limit", "3", "--sandbox",
        "namespaces", "--max-tokens", "300", "--batch-size", "2", "--no-cache", "--out", str(tmp_path / "run"),
    ]  # fmt: skip
    program = "import sys; from codebench.cli.main import main; sys.argv[0] = 'codebench'; main()"
    command[1:4] = ["-P", "-c", program]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    samples = tmp_path / "run" / "samples.jsonl"
    for _ in range(600):
        if samples.exists() and samples.stat().st_size:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    before = len(list(read_samples(samples)))
    assert before >= 1
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=200)
    assert "3 of 3 samples" in done.stdout
    assert len(list(read_samples(samples))) == 3


# transformers, where it is installed.


def hf_answers(path: str, options: GenerationOptions, *, continuous: bool) -> list[Sample]:
    from codebench.generators.hf import HfEngine

    engine = HfEngine(path, options.local, effort=None, continuous=continuous)
    generator = ModelGenerator(engine, options, path)

    async def collect() -> list[Sample]:
        return [sample async for sample in generator.generate([(problem, 0) for problem in SUITE[:3]])]

    return asyncio.run(collect())


@pytest.mark.slow
@pytest.mark.parametrize("continuous", [False, True], ids=["batches", "continuous"])
def test_transformers_and_llama_cpp_read_one_file_alike(smollm2: str, continuous: bool) -> None:
    pytest.importorskip("transformers", reason="the extra hf is not installed")
    options = GenerationOptions(sampling=Sampling(max_tokens=32), local=LocalOptions(batch=2, device="cpu"))
    mine = {sample.task_id: sample.generation for sample in gguf_answers(smollm2, options, 3)}
    theirs = {sample.task_id: sample.generation for sample in hf_answers(smollm2, options, continuous=continuous)}
    assert mine.keys() == theirs.keys()
    same = 0
    for task_id, one in mine.items():
        other = theirs[task_id]
        assert one is not None and other is not None
        assert one.prompt == other.prompt
        assert one.prompt_tokens == pytest.approx(other.prompt_tokens, abs=4), "their tokenizers part on digits"
        same += one.response[:40] == other.response[:40]
    assert same >= 2, "quantised and dequantised arithmetic may part now and then"


@pytest.mark.slow
def test_a_batch_for_which_the_memory_is_too_small_is_made_in_halves(
    smollm2: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch", reason="the extra hf is not installed")
    from codebench.generators.hf import HfEngine

    whole, sizes, room = HfEngine._lengthened, [], 1

    def scarce(self: HfEngine, batch: Sequence[object], *rest: object) -> object:
        sizes.append(len(batch))
        if len(batch) > room:
            raise torch.OutOfMemoryError("no")
        return whole(self, batch, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(HfEngine, "_lengthened", scarce)
    options = GenerationOptions(sampling=Sampling(max_tokens=4), local=LocalOptions(batch=3, device="cpu"))
    assert len(hf_answers(smollm2, options, continuous=False)) == 3
    assert sizes == [3, 1, 1, 1]
    room = 0
    with pytest.raises(EngineError, match="out of GPU memory with one answer at a time"):
        hf_answers(smollm2, options, continuous=False)


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="the extra hf is not installed")
    from codebench.generators import hf

    for name in (str(tmp_path / "none"), str(tmp_path / "none.gguf")):
        with pytest.raises(GeneratorError, match=r"hf:.*none.*: no such"):
            hf.open_generator(name, SUITE, GenerationOptions())


def test_a_missing_extra_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    from codebench.generators import anthropic_api, openai_api, vllm_offline

    for module in ("openai", "anthropic", "vllm"):
        monkeypatch.setitem(sys.modules, module, None)
    options = GenerationOptions(server=ServerOptions(base_url="http://localhost:1"))
    openers = {"openai": openai_api, "anthropic": anthropic_api, "vllm": vllm_offline}
    for name, module in openers.items():
        with pytest.raises(
            GeneratorError, match=rf'{name} is not installed; run: pip install "codebench-eval\[{name}\]"'
        ):
            module.open_generator("m", SUITE, options)

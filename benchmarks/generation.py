"""How much of a bare engine's throughput is left when codebench generates, on the same prompts in the same run.

    python -m benchmarks.generation                    # the small model: llama.cpp and transformers on the CPU
    python -m benchmarks.generation --device cuda      # a 7B-shaped model of random weights in transformers

Every round runs each contender once, in turn; the figures are tokens per second, and ratios within a round.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.measured import Spread, table
from codebench.generators import GenerationOptions, LocalOptions, Sampling, gguf, hf
from codebench.generators.engine import ModelGenerator
from codebench.generators.smollm2 import model_file
from codebench.problems import Problem
from codebench.problems.pack import load_starter
from codebench.runs import EvalOptions, evaluate

Contender = Callable[[], int]
"""Answers all prompts; gives the number of tokens that it made."""

_CONTEXT = 1024
_SHAPE_7B = {
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "max_position_embeddings": 4096,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=96)
    parser.add_argument("--samples", type=int, default=10, help="per prompt, on cuda")
    parser.add_argument("--layers", type=int, default=32, help="of the model on cuda; fewer to try the script")
    given = parser.parse_args()
    if given.device == "cpu":
        _on_cpu(given)
    else:
        _on_gpu(given)


def _on_cpu(given: argparse.Namespace) -> None:
    problems = load_starter(None).problems[: given.prompts]
    ours = _generator_of(gguf.open_generator(str(model_file()), problems, _options(given, batch=8)), problems, 1)
    llama = {"codebench gguf": ours, "llama.cpp server slots": _bare_llama(problems, given.tokens)}
    _report("llama.cpp", _measured(llama, given.rounds))
    try:
        import transformers
    except ModuleNotFoundError:
        print("transformers is not installed: its part is left out")
        return
    few = problems[:16]
    engine = hf.HfEngine(str(model_file()), LocalOptions(batch=16, device="cpu"), effort=None)
    mine = _generator_of(ModelGenerator(engine, _options(given, batch=16), "smollm2"), few, 1)
    mine()
    pair = {"codebench hf": mine, "transformers batch": _bare_batches(engine, few, given.tokens, 16)}
    _report(f"transformers {transformers.__version__}", _measured(pair, given.rounds))


def _on_gpu(given: argparse.Namespace) -> None:
    import torch

    if not torch.cuda.is_available():
        raise SystemExit("no GPU here; run it on a machine that has one")
    problems = load_starter(None).problems[: given.prompts]
    with tempfile.TemporaryDirectory() as folder:
        path = _random_model(Path(folder), given.layers)
        engine = hf.HfEngine(str(path), LocalOptions(device="cuda"), effort=None)
        options = _options(given, batch=None, samples=given.samples)
        mine = _generator_of(ModelGenerator(engine, options, "random"), problems, given.samples)
        mine()
        contenders = {
            "codebench hf": mine,
            "transformers continuous batching": _bare_continuous(engine, problems, given.tokens, given.samples),
            "one prompt at a time": _naive(engine, problems[:8], given.tokens),
        }
        _report(torch.cuda.get_device_name(), _measured(contenders, given.rounds))
        del engine, mine, contenders
        gc.collect()
        torch.cuda.empty_cache()
        _report_idle(path, given, options)


def _options(given: argparse.Namespace, *, batch: int | None, samples: int = 1) -> GenerationOptions:
    threads = len(os.sched_getaffinity(0))
    local = LocalOptions(batch=batch, threads=threads, context=_CONTEXT if given.device == "cpu" else None)
    return GenerationOptions(samples=samples, sampling=Sampling(max_tokens=given.tokens), local=local)


def _generator_of(generator: ModelGenerator, problems: Sequence[Problem], samples: int) -> Contender:
    async def answers() -> int:
        wanted = [(problem, index) for problem in problems for index in range(samples)]
        made = [sample.generation async for sample in generator.generate(wanted)]
        return sum(one.completion_tokens or 0 for one in made if one is not None)

    return lambda: asyncio.run(answers())


def _bare_llama(problems: Sequence[Problem], tokens: int) -> Contender:
    """The engine's own slots, asked from as many threads, the chat rendered by it."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model_file())
    params.n_parallel = 8
    params.n_ctx = 8 * _CONTEXT
    params.warmup = False
    params.verbosity = 0
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = len(os.sched_getaffinity(0))
    server = xllamacpp.Server(params)

    def one(problem: Problem) -> int:
        messages = [{"role": turn.role, "content": turn.content} for turn in _prompt(problem).messages]
        body = {"messages": messages, "max_tokens": tokens, "temperature": 0.0, "cache_prompt": True}
        return int(server.handle_chat_completions(body)["usage"]["completion_tokens"])

    def run() -> int:
        with ThreadPoolExecutor(8) as threads:
            return sum(threads.map(one, problems))

    return run


def _prompt(problem: Problem) -> Any:
    from codebench.generators import Prompting
    from codebench.generators.prompts import Prompter

    return Prompter(Prompting(), chats=True, model="").prompt(problem)


def _texts(engine: hf.HfEngine, problems: Sequence[Problem]) -> list[str]:
    turns = [[{"role": one.role, "content": one.content} for one in _prompt(each).messages] for each in problems]
    tokenizer = engine._tokenizer  # the same one, so that the prompts are the same
    return [str(tokenizer.apply_chat_template(one, tokenize=False, add_generation_prompt=True)) for one in turns]


def _bare_batches(engine: hf.HfEngine, problems: Sequence[Problem], tokens: int, size: int) -> Contender:
    import torch

    model, tokenizer = engine._model, engine._tokenizer
    tokenizer.padding_side = "left"

    def run() -> int:
        texts, made = sorted(_texts(engine, problems), key=len), 0
        for start in range(0, len(texts), size):
            batch = tokenizer(texts[start : start + size], return_tensors="pt", padding=True, add_special_tokens=False)
            with torch.inference_mode():
                output = model.generate(
                    **batch.to(model.device), max_new_tokens=tokens, do_sample=False, pad_token_id=engine._pad()
                )
            rows = output[:, batch["input_ids"].shape[1] :].tolist()
            made += sum(_length(row, engine._ends()) for row in rows)
        return made

    return run


def _bare_continuous(engine: hf.HfEngine, problems: Sequence[Problem], tokens: int, samples: int) -> Contender:
    model, tokenizer = engine._model, engine._tokenizer

    def run() -> int:
        inputs = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in _texts(engine, problems)] * samples
        config = engine._generation_config(Sampling().for_samples(samples), tokens)
        results = model.generate_batch(inputs, generation_config=config, progress_bar=False)
        return sum(_length(one.generated_tokens, engine._ends()) for one in results.values())

    return run


def _naive(engine: hf.HfEngine, problems: Sequence[Problem], tokens: int) -> Contender:
    """As evalplus's hf backend does: generate() for one prompt after the other."""
    return _bare_batches(engine, problems, tokens, 1)


def _length(row: Sequence[int], ends: set[int]) -> int:
    return next((place for place, token in enumerate(row) if token in ends), len(row))


def _measured(contenders: dict[str, Contender], rounds: int) -> dict[str, list[float]]:
    """Tokens per second, by round."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name in contenders if number % 2 else reversed(contenders):
            began = time.perf_counter()
            made = contenders[name]()
            if number:  # the first round warms up
                found[name].append(made / (time.perf_counter() - began))
    return found


def _report(title: str, found: dict[str, list[float]]) -> None:
    first = next(iter(found))
    rows = []
    for name, rates in found.items():
        ratio = Spread.of(mine / theirs for mine, theirs in zip(found[first], rates, strict=True))
        rows.append((name, Spread.of(rates).text(1), "" if name == first else ratio.text(3)))
    print(f"\n{title}\n")
    print(table(("", "tokens/s", "codebench is so many times as fast"), rows), flush=True)


def _report_idle(path: Path, given: argparse.Namespace, options: GenerationOptions) -> None:
    """How busy the GPU is while answers are graded beside the generation."""
    busy: list[int] = []
    ended = threading.Event()

    def watch() -> None:
        command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        while not ended.wait(0.2):
            busy.append(int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0]))

    watcher = threading.Thread(target=watch)
    with tempfile.TemporaryDirectory() as out:
        watcher.start()
        run = evaluate(
            EvalOptions(
                suite="starter", model=f"hf:{path}", samples=given.samples, limit=given.prompts, sandbox="namespaces",
                out=Path(out) / "run", generation=options,
            )
        )  # fmt: skip
        ended.set()
        watcher.join()
    working = busy[next((n for n, one in enumerate(busy) if one > 50), 0) :]
    print(f"\n{run.summary.graded} answers graded; GPU busy {statistics.mean(working):.1f} % from its first token on")


def _random_model(folder: Path, layers: int) -> Path:
    """A Llama of 7B's shape with random weights, and a tokenizer of single bytes, as a folder for `hf:`."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={token: n for n, token in enumerate([*alphabet, "<end>"])}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>")
    fast.chat_template = "{% for message in messages %}{{ message.content }}\n{% endfor %}"
    fast.save_pretrained(folder)
    config = LlamaConfig(vocab_size=32000, eos_token_id=256, **{**_SHAPE_7B, "num_hidden_layers": layers})
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        model = LlamaForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    model.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()

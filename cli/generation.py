"""The options that say who answers and how: shared by `eval` and `generate`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from codebench.cli.choices import Decorator, together

if TYPE_CHECKING:
    from codebench.generators import GenerationOptions

DEFAULT_MODEL = "smollm2"


def _prices(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        first, second = (float(part) for part in text.split(","))
        if first >= 0 and second >= 0:
            return first, second
    except ValueError:
        pass
    raise click.BadParameter(f"{text!r} is not two prices, such as 0.15,0.60", context, parameter)


def model_option() -> Decorator:
    return click.option(
        "--model",
        metavar="NAME",
        default=DEFAULT_MODEL,
        envvar="CODEBENCH_MODEL",
        show_envvar=True,
        help="Who answers: smollm2, hf:PATH_OR_ID, vllm:PATH_OR_ID, gguf:FILE, openai:NAME, anthropic:NAME, "
        "replay:FILE, reference, or module:NAME[:ARGUMENT].",
    )


def generation_options() -> Decorator:
    return together(_sampling_options(), _prompt_options(), _server_options(), _local_options())


def _sampling_options() -> Decorator:
    return together(
        click.option(
            "--temperature",
            metavar="T",
            type=click.FloatRange(min=0, max=10),
            show_default="0 for one sample, else 0.8",
            help="Sampling temperature.",
        ),
        click.option(
            "--top-p",
            metavar="P",
            type=click.FloatRange(min=0, max=1, min_open=True),
            show_default="1, or 0.95 where the temperature is left to us too",
            help="Nucleus sampling.",
        ),
        click.option("--greedy", is_flag=True, help="Always the likeliest token: temperature 0, one sample."),
        click.option(
            "--max-tokens", metavar="N", type=click.IntRange(min=1), default=1024, help="Longest answer, in tokens."
        ),
        click.option("--seed", metavar="N", type=int, help="Sample i is drawn with seed N + i."),
        click.option("--no-cache", is_flag=True, help="Ask the model even where it has answered the same before."),
    )


def _prompt_options() -> Decorator:
    return together(
        click.option(
            "--prompt",
            metavar="STYLE",
            default="auto",
            help="auto, chat, completion (for base models), or a Jinja template: PATH.jinja.",
        ),
        click.option("--system", metavar="TEXT", help="System prompt, instead of the model's own."),
        click.option("--prefill", metavar="TEXT", default="", help="Begin of the assistant's answer in a chat."),
        click.option(
            "--shots", metavar="N", type=click.IntRange(min=0), default=0, help="Worked examples before the problem."
        ),
        click.option("--stop", metavar="TEXT", multiple=True, help="End an answer before this text; repeatable."),
        click.option("--reasoning-effort", metavar="LEVEL", help="Passed on to a thinking model, such as low or high."),
    )


def _server_options() -> Decorator:
    return together(
        click.option(
            "--base-url", metavar="URL", envvar="CODEBENCH_BASE_URL", show_envvar=True, help="Address of the server."
        ),
        click.option("--api-key-env", metavar="NAME", help="Environment variable that holds the API key."),
        click.option(
            "--concurrency", metavar="N", type=click.IntRange(min=1), default=16, help="Requests side by side."
        ),
        click.option(
            "--request-timeout",
            metavar="S",
            type=click.FloatRange(min=0, min_open=True),
            default=600.0,
            help="Seconds for one request.",
        ),
        click.option(
            "--retries", metavar="N", type=click.IntRange(min=0), default=8, help="Attempts after a failed one."
        ),
        click.option(
            "--price", "prices", metavar="IN,OUT", callback=_prices, help="Dollars per million tokens, to add up costs."
        ),
        click.option("--batch-api", is_flag=True, help="Hand all requests in at once, at the provider's batch price."),
    )


def _local_options() -> Decorator:
    return together(
        click.option("--revision", metavar="REV", help="Commit, branch or tag of the model's repository."),
        click.option("--adapter", metavar="PATH", help="LoRA adapter to apply."),
        click.option("--device", metavar="NAME", help="Where a local model runs: cpu, cuda, cuda:1, auto."),
        click.option("--dtype", metavar="NAME", help="bfloat16, float16 or float32."),
        click.option("--quantize", type=click.Choice(["4bit", "8bit"]), help="Quantise while loading."),
        click.option(
            "--context", metavar="N", type=click.IntRange(min=1), help="Tokens of prompt and answer together."
        ),
        click.option("--batch-size", metavar="N", type=click.IntRange(min=1), help="Answers side by side."),
        click.option(
            "--threads",
            metavar="N",
            type=click.IntRange(min=1),
            show_default="all cores; one less beside grading",
            help="Threads of llama.cpp.",
        ),
        click.option(
            "--tensor-parallel", metavar="N", type=click.IntRange(min=1), default=1, help="GPUs that share the model."
        ),
        click.option(
            "--data-parallel", metavar="N", type=click.IntRange(min=1), default=1, help="Copies of the model."
        ),
    )


def generation_of(given: Mapping[str, Any]) -> GenerationOptions:
    """What click gathered, as the library's one value. Raises RunError for choices that contradict each other."""
    from codebench.generators import GenerationOptions, LocalOptions, Prompting, Sampling, ServerOptions
    from codebench.runs import RunError
    from codebench.runs.cache import CACHE

    if given["greedy"] and given["temperature"]:
        raise RunError(f"--greedy means temperature 0, and --temperature {given['temperature']:g} was given; drop one")
    return GenerationOptions(
        sampling=Sampling(
            temperature=0.0 if given["greedy"] else given["temperature"],
            top_p=given["top_p"],
            max_tokens=given["max_tokens"],
            seed=given["seed"],
        ),
        prompting=Prompting(
            style=given["prompt"],
            system=given["system"],
            prefill=given["prefill"],
            shots=given["shots"],
            stop=given["stop"] or None,
        ),
        server=ServerOptions(
            base_url=given["base_url"],
            key_variable=given["api_key_env"],
            concurrency=given["concurrency"],
            timeout_s=given["request_timeout"],
            retries=given["retries"],
            prices=given["prices"],
            batch=given["batch_api"],
        ),
        local=LocalOptions(
            revision=given["revision"],
            adapter=given["adapter"],
            device=given["device"],
            dtype=given["dtype"],
            quantize=given["quantize"],
            context=given["context"],
            batch=given["batch_size"],
            threads=given["threads"],
            tensor_parallel=given["tensor_parallel"],
            data_parallel=given["data_parallel"],
        ),
        reasoning_effort=given["reasoning_effort"],
        cache=None if given["no_cache"] else CACHE,
    )

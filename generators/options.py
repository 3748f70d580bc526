"""What the caller chooses about generation, in values that every generator understands."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from codebench.generators.sample import GeneratorError

# What is usual for pass@k with k > 1; one answer is best taken greedily.
_TEMPERATURE_FOR_MANY = 0.8
_TOP_P_FOR_MANY = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How tokens are drawn. None means: `temperature` 0 for one answer per problem, else 0.8, with `top_p` 0.95.

    Sample i is drawn with seed + i; where `seed` is None local engines take 0, and servers are sent none. Answers of
    at most `max_tokens` tokens.
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int = 1024
    seed: int | None = None

    def for_samples(self, samples: int) -> Sampling:
        """With no None but the seed's. Raises GeneratorError for several answers at temperature 0: all the same."""
        greedy = self.temperature == 0 or (self.temperature is None and samples == 1)
        if greedy and samples > 1:
            raise GeneratorError(
                f"--samples {samples} with temperature 0 gives the same answer {samples} times; "
                "take --samples 1, or a --temperature above 0, such as 0.8"
            )
        temperature = 0.0 if greedy else (self.temperature or _TEMPERATURE_FOR_MANY)
        top_p = self.top_p or (1.0 if self.temperature is not None or greedy else _TOP_P_FOR_MANY)
        return replace(self, temperature=temperature, top_p=top_p)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompting:
    """How a problem becomes a prompt.

    `style` is auto (chat where the model has a chat template, else completion), chat, completion, or the path of a
    Jinja template. `system` replaces the model's own system prompt; `prefill` begins the assistant's answer; `shots`
    worked examples come first. `stop` ends an answer; where it is None, completions end where their function does.
    """

    style: str = "auto"
    system: str | None = None
    prefill: str = ""
    shots: int = 0
    stop: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How a server is spoken to. `prices` are US dollars per million tokens, (input, output); None is unknown.

    `key_variable` names the environment variable with the API key; None means the usual one. `timeout_s` is for one
    request. `batch`: hand everything in at once, through the provider's batch interface, and wait.
    """

    base_url: str | None = None
    key_variable: str | None = None
    concurrency: int = 16
    timeout_s: float = 600.0
    retries: int = 8
    prices: tuple[float, float] | None = None
    batch: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """How a local model is loaded. None leaves the choice to the engine.

    `revision` of the model's repository; `adapter` a LoRA to apply; `quantize` 4bit or 8bit on loading; `context`
    tokens per answer, its prompt included; `batch` answers made side by side; `threads` of the CPU; `tensor_parallel`
    and `data_parallel` GPUs.
    """

    revision: str | None = None
    adapter: str | None = None
    device: str | None = None
    dtype: str | None = None
    quantize: str | None = None
    context: int | None = None
    batch: int | None = None
    threads: int | None = None
    tensor_parallel: int = 1
    data_parallel: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationOptions:
    """Everything about generation. `samples` per problem; `cache` a directory, None for no cache.

    `reasoning_effort` is passed on to the model as it is.
    """

    samples: int = 1
    sampling: Sampling = field(default_factory=Sampling)
    prompting: Prompting = field(default_factory=Prompting)
    server: ServerOptions = field(default_factory=ServerOptions)
    local: LocalOptions = field(default_factory=LocalOptions)
    reasoning_effort: str | None = None
    cache: Path | None = None

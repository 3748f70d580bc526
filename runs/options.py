"""The options of an evaluation: everything that the caller chooses, in one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from codebench.generators import GenerationOptions
from codebench.runs.gates import Gate
from codebench.sandbox import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalOptions:
    """What to evaluate, how, and where the results go.

    `suite`, `sandbox` and each of `graders` name an entry point or are `module:NAME`; `model` is such a name,
    followed by `:ARGUMENT` where the generator takes one. None means: `samples` as many answers per problem as the
    generator has, else 1 (`generation.samples` is set from it); `limit` all problems; `out` a directory derived
    from the run's identity; `workers` one per core; `gpus` as many as the suite declares; `data` find it; `compat`
    judge strictly (else as the upstream harness of that name does, bugs included); `setting` the suite's own: how
    much of a repository's documentation a model is shown. Empty `graders` means those that the suite names.
    `repairs` is how often a wrong answer may be given back to be corrected. `details` goes on after a failure and
    records how every single input went. `security_tools` are external tools, `NAME` or `NAME:RULES`, that search
    the answers as well. Empty `ks` means 1, and those of 10 and 100 that do not exceed the samples.
    """

    suite: str
    model: str
    samples: int | None = None
    limit: int | None = None
    task_ids: tuple[str, ...] = ()
    ks: tuple[int, ...] = ()
    out: Path | None = None
    graders: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    sandbox: str = "auto"
    workers: int | None = None
    image: str | None = None
    runtime: str | None = None
    gpus: str | None = None
    data: Path | None = None
    compat: str | None = None
    setting: str | None = None
    details: bool = False
    generation: GenerationOptions = field(default_factory=GenerationOptions)
    repairs: int = 0
    security_tools: tuple[str, ...] = ()
    fail_under: tuple[Gate, ...] = ()

"""Generation alone: the answers of a model in a samples.jsonl, to be graded later, or elsewhere."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import msgspec

from codebench.generators import Sample
from codebench.runs.answers import Answers, Done
from codebench.runs.directory import RUNS, slug
from codebench.runs.encoding import encode
from codebench.runs.options import EvalOptions
from codebench.runs.plan import Plan, make_plan
from codebench.runs.progress import Progress, Silence
from codebench.runs.record import RunError
from codebench.sandbox import SandboxError


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a samples.jsonl comes from, in FILE.origin.json beside it: what must be equal for it to be continued."""

    codebench: str
    suite: str
    suite_sha256: str
    samples: int
    task_ids: tuple[str, ...]
    generator: str
    identity: dict[str, str]
    setting: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """A samples file that is complete; `made` of its `total` answers were made by this invocation."""

    path: Path
    total: int
    made: int


def generate(options: EvalOptions, progress: Progress | None = None) -> Generated:
    """Write the answers of a model to `options.out`, or finish a file that was begun with the same options.

    Raises RunError, PackError or GeneratorError for what cannot be done as asked, EngineError or SandboxError where
    the engine or the disk fails; what was written stays.
    """
    progress = progress or Silence()
    plan = make_plan(_alone(options))
    origin = _origin(plan, options)
    path = options.out or _default_path(origin)
    progress.note(f"answers in {path}")
    with _held(path, origin):
        return asyncio.run(_generate(plan, path, progress))


async def _generate(plan: Plan, path: Path, progress: Progress) -> Generated:
    answers = Answers(plan, path, keep_all=True)
    wanted = answers.first_ones(Done(graded=frozenset(), failed={}))
    saved = answers.saved(wanted)
    progress.start(wanted.missing, saved)
    seen = 0
    try:
        async for _, sample in answers.samples(wanted):
            seen += 1
            if seen > saved:
                progress.advance(_outcome(sample))
    finally:
        progress.finish()
    return Generated(path=path, total=seen, made=seen - saved)


def _alone(options: EvalOptions) -> EvalOptions:
    """Nothing is graded beside it: a local model may have every core."""
    local = options.generation.local
    threads = local.threads or len(os.sched_getaffinity(0))
    return replace(options, generation=replace(options.generation, local=replace(local, threads=threads)))


def _outcome(sample: Sample) -> str:
    """How the answer ended, in a word."""
    if not sample.code:
        return "no code"
    reason = sample.generation.finish_reason if sample.generation is not None else None
    return "cut short" if reason == "length" else "code"


def _origin(plan: Plan, options: EvalOptions) -> Origin:
    return Origin(
        codebench=version("codebench-eval"),
        suite=plan.suite.name,
        suite_sha256=plan.suite.sha256,
        samples=plan.samples,
        task_ids=tuple(problem.task_id for problem in plan.suite.problems),
        generator=options.model.partition(":")[0],
        identity=dict(plan.generator.identity),
        setting=plan.suite.setting,
    )


def _default_path(origin: Origin) -> Path:
    digest = hashlib.sha256(encode(_compared(origin))).hexdigest()[:8]
    return RUNS / f"{slug(origin.suite)}--{slug(origin.generator)}--{digest}.samples.jsonl"


def _compared(origin: Origin) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(origin)
    identity = fields.pop("identity")
    assert isinstance(identity, dict)
    del fields["codebench"]
    if fields["setting"] is None:
        del fields["setting"]
    return fields | {f"generator.{key}": value for key, value in sorted(identity.items())}


@contextmanager
def _held(path: Path, origin: Origin) -> Iterator[None]:
    """Hold the file for writing. Raises RunError where it is another's, or holds answers of another origin."""
    beside = path.with_name(f"{path.name}.origin.json")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() or (path.exists() and path.stat().st_size and not beside.exists()):
            raise RunError(f"{path} is there already and was not made by codebench generate; name another --out")
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror}; use another --out") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(f"another process is writing {path}; wait for it, or use another --out") from None
        _check_or_write(descriptor, beside, origin)
        yield
    finally:
        os.close(descriptor)


def _check_or_write(descriptor: int, beside: Path, origin: Origin) -> None:
    text = os.pread(descriptor, 1 << 26, 0)
    if not text.strip():
        try:
            os.pwrite(descriptor, msgspec.json.format(encode(origin), indent=2) + b"\n", 0)
        except OSError as error:
            raise SandboxError(f"cannot write {beside}: {error.strerror}; make room") from error
        return
    try:
        before = _compared(msgspec.json.decode(text, type=Origin))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RunError(f"{beside} cannot be read: {error}; use another --out") from error
    now = _compared(origin)
    if changed := [name for name in {**before, **now} if before.get(name) != now.get(name)]:
        raise RunError(f"{beside} says that the answers differ in {', '.join(changed)}; use another --out")

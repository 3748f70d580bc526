"""Comparable runs differ in the model alone: here is what else must be equal, and what is worth saying."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from codebench.runs.manifest import Manifest, identity

_MAY_DIFFER = ("samples", "task_ids", "test-details", "repair")
_PROMPT = ("prompt", "prompt_sha256")
_SAMPLING = ("temperature", "top_p", "max_tokens", "seed")
_TIMED = "efficiency"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparability:
    """`reasons` say why two runs cannot be compared, `notes` what else they differ in; one sentence each."""

    reasons: tuple[str, ...]
    notes: tuple[str, ...]


def comparability(base: Manifest, head: Manifest) -> Comparability:
    """Look at all that the numbers of two runs depend on.

    Reasons: the suite and its data, prompts, limits, sandbox and image, graders and their tools, upstream rules. Notes:
    samples a problem, sampling, repairs, versions of codebench, and machines where times were taken. What names the
    model or the file of answers differs by intention; problems on one side are for whoever pairs them.
    """
    return Comparability(reasons=tuple(_reasons(base, head)), notes=tuple(_notes(base, head)))


def _reasons(base: Manifest, head: Manifest) -> Iterator[str]:
    before, after = identity(base), identity(head)
    for name in dict.fromkeys([*before, *after]):
        if name.partition(".")[0] != "generator" and name not in _MAY_DIFFER and before.get(name) != after.get(name):
            yield _changed(name, before, after)
    ours, theirs = base.generator.identity, head.generator.identity
    if _PROMPT[1] in ours and _PROMPT[1] in theirs:
        yield from (_changed(name, ours, theirs) for name in _PROMPT if ours.get(name) != theirs.get(name))


def _notes(base: Manifest, head: Manifest) -> Iterator[str]:
    if base.samples != head.samples:
        yield f"samples a problem: {base.samples} -> {head.samples}"
    if base.repairs != head.repairs:
        yield f"rounds of repair: {base.repairs} -> {head.repairs}; first answers are compared"
    if base.details != head.details:
        yield "only one of the runs went on after a failure (--test-details)"
    ours, theirs = base.generator.identity, head.generator.identity
    if (_PROMPT[1] in ours) != (_PROMPT[1] in theirs):
        yield "the prompts of saved answers are not known"
    elif _PROMPT[1] in ours:
        yield from (_changed(name, ours, theirs) for name in _SAMPLING if ours.get(name) != theirs.get(name))
    if base.codebench != head.codebench:
        yield f"codebench: {base.codebench} -> {head.codebench}"
    if _TIMED in base.graders and base.machine != head.machine:
        yield "the answers were timed on different machines"


def _changed(name: str, before: Mapping[str, object], after: Mapping[str, object]) -> str:
    return f"{name}: {_shown(before.get(name))} -> {_shown(after.get(name))}"


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{str(value)[:12]}…" if len(str(value)) > 40 else str(value)

"""The self-check: does this sandbox tell right from wrong, and can it be fooled?

References must pass and do-nothing answers must not; a pack's canned answers must get the verdicts that it names, and
its security tests must say of them, and of references, what the pack says that they say; each attack must get one of
its acceptable verdicts in time, and leave the worker able to tell right from wrong.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from codebench.graders import Assessment, Bench, Grade, Grader, Verdict
from codebench.graders.assessed import assess
from codebench.problems import Problem, Suite
from codebench.runs.attacks import MAY_BE_UNSUPPORTED, Attack, read_attacks
from codebench.runs.cache import CACHE
from codebench.runs.known_answers import KnownAnswer, do_nothing, known_answers
from codebench.runs.opening import opened_sandbox
from codebench.runs.plan import furnished
from codebench.runs.plugins import load_grader, load_suite_loader
from codebench.runs.progress import Progress, Silence
from codebench.sandbox import Sandbox, SandboxError, SandboxOptions

# From submission to verdict, clean-up included: 1.5 times the limit (shared/adversarial/README.md), and what the
# host itself may take for one sample however short the limit is. On a busy machine also the time in which something
# waited for a core, for a sandbox does not count that against its candidate.
_WALL_FACTOR = 1.5
_WALL_SLACK_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfcheckOptions:
    """What to check. `sandbox.workers` is for references and do-nothing answers; attacks share a single worker."""

    suite: str
    data: Path | None = None
    attacks: Path | None = None
    backend: str = "auto"
    sandbox: SandboxOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """`good` of `total` cases were graded as they must be; of those, `unsupported` had a test that cannot cross."""

    name: str
    good: int
    total: int
    unsupported: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Selfcheck:
    """What was found. Each violation is a sentence; none means that all is well."""

    suite: str
    backend: str
    categories: tuple[Category, ...]
    violations: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Findings:
    """Gathers what becomes a Selfcheck."""

    progress: Progress
    total: Counter[str] = field(default_factory=Counter)
    good: Counter[str] = field(default_factory=Counter)
    unsupported: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def add(self, category: str, violations: Sequence[str], grade: Grade | SandboxError) -> None:
        """One case, with what is wrong about it."""
        self.total[category] += 1
        self.good[category] += not violations
        self.violations.extend(f"{category}: {violation}" for violation in violations)
        self.progress.advance(grade.verdict if isinstance(grade, Grade) else None)

    def categories(self) -> tuple[Category, ...]:
        return tuple(
            Category(name=name, good=self.good[name], total=total, unsupported=self.unsupported[name])
            for name, total in self.total.items()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """A grader, and the bench on which it is checked."""

    grader: Grader
    bench: Bench

    async def grade(self, problem: Problem, code: str) -> Grade | SandboxError:
        """The grade, or the error that there must never be."""
        try:
            grade = await self.grader.grade(problem, code, self.bench)
        except SandboxError as error:
            return error
        assert grade is not None, "correctness has something to say about every problem"
        return grade

    async def attack(self, problem: Problem, code: str) -> Grade | SandboxError:
        """The grade by the security tests, or the error that there must never be."""
        try:
            return await assess(problem, code, self.bench)
        except SandboxError as error:
            return error


def selfcheck(options: SelfcheckOptions, progress: Progress | None = None) -> Selfcheck:
    """Run the whole check. Raises PackError for bad data, RunError for an unknown name or for want of a sandbox."""
    return asyncio.run(_selfcheck(options, progress or Silence()))


async def _selfcheck(options: SelfcheckOptions, progress: Progress) -> Selfcheck:
    suite = load_suite_loader(options.suite)(options.data)
    options = replace(options, sandbox=furnished(replace(options.sandbox, note=progress.note), suite))
    attacks = read_attacks(options.attacks, suite) if options.attacks else ()
    answers = known_answers(suite)
    findings = Findings(progress=progress)
    async with opened_sandbox(options.backend, options.sandbox) as (sandbox, choice):
        progress.note(choice)
        progress.start(len(answers) + len(attacks), 0)
        try:
            await _check_suite(answers, _stand(sandbox, options), findings)
            if attacks:
                await _check_attacks(attacks, suite, options, findings)
        finally:
            progress.finish()
    return Selfcheck(
        suite=suite.name,
        backend=sandbox.info.backend,
        categories=findings.categories(),
        violations=tuple(findings.violations),
    )


def _stand(sandbox: Sandbox, options: SelfcheckOptions) -> Stand:
    bench = Bench(sandbox=sandbox, limits=options.sandbox.limits, cache=CACHE)
    return Stand(grader=load_grader("correctness"), bench=bench)


async def _check_suite(answers: Sequence[KnownAnswer], stand: Stand, findings: Findings) -> None:
    """All of them, side by side on all workers."""

    async def check(answer: KnownAnswer) -> None:
        grade = await (stand.attack if answer.attacked else stand.grade)(answer.problem, answer.code)
        violations = _unless(grade, answer.must, answer.what) or _unless_by(grade, answer)
        findings.add(answer.category, violations, grade)

    for answer in answers:
        findings.total[answer.category] += 0  # they are listed in this order, whichever ends first
    async with asyncio.TaskGroup() as tasks:
        for answer in answers:
            tasks.create_task(check(answer))


async def _check_attacks(
    attacks: Sequence[Attack], suite: Suite, options: SelfcheckOptions, findings: Findings
) -> None:
    """One attack after the other on a single worker: what one leaves behind, the next meets."""
    single = replace(options.sandbox, workers=1)
    with _canary():
        async with opened_sandbox(options.backend, single) as (sandbox, _):
            stand = _stand(sandbox, options)
            for attack in attacks:
                neighbour = attack.problem if attack.problem in suite.problems else suite.problems[0]
                await _check_attack(attack, neighbour, stand, findings)


async def _check_attack(attack: Attack, neighbour: Problem, stand: Stand, findings: Findings) -> None:
    started, busy_s = time.monotonic(), _busy_s()
    grade = await stand.grade(attack.problem, attack.solution)
    wall_s, busy_s = time.monotonic() - started, _busy_s() - busy_s
    unsupported = attack.category == MAY_BE_UNSUPPORTED and _is_unsupported(grade)
    violations = [] if unsupported else _unless(grade, attack.must, attack.id)
    allowed_s = _WALL_FACTOR * stand.bench.limits.timeout_s + _WALL_SLACK_S + busy_s
    if wall_s > allowed_s:
        violations.append(f"{attack.id}: the verdict took {wall_s:.1f} s, more than {allowed_s:.1f} s")
    violations += await _check_worker(attack, neighbour, stand)
    findings.unsupported[attack.category] += unsupported
    findings.add(attack.category, violations, grade)


def _busy_s() -> float:
    """Seconds since the machine's start in which some process waited for a core; 0 where the kernel does not count."""
    try:
        some = Path("/proc/pressure/cpu").read_text().splitlines()[0]
    except OSError:
        return 0.0
    return int(some.rpartition("total=")[2]) / 1e6


async def _check_worker(attack: Attack, neighbour: Problem, stand: Stand) -> list[str]:
    """Whether the worker that just met the attack still tells right from wrong."""
    right = await stand.grade(neighbour, neighbour.prompt + neighbour.canonical_solution)
    wrong = await stand.grade(neighbour, do_nothing(neighbour))
    return [
        *_unless(right, (Verdict.PASS,), f"{attack.id}: the right answer after it"),
        *_unless(wrong, (Verdict.FAIL,), f"{attack.id}: the wrong answer after it"),
    ]


def _unless(grade: Grade | SandboxError, must: Sequence[Verdict] | Sequence[Assessment], what: str) -> list[str]:
    """No violation where the verdict, or the assessment if there is one, is among `must`."""
    if isinstance(grade, SandboxError):
        return [f"{what}: the sandbox failed: {grade}"]
    said = grade.verdict if grade.assessment is None else grade.assessment
    if said in must:
        return []
    detail = f" ({grade.detail})" if grade.detail else ""
    return [f"{what}: graded {said}{detail}, expected {' or '.join(sorted(must))}"]


def _unless_by(grade: Grade | SandboxError, answer: KnownAnswer) -> list[str]:
    """No violation where the check that must decide does, or any may."""
    if not answer.check or not isinstance(grade, Grade):
        return []
    decided = next((check for check in grade.checks if check.verdict is not Verdict.PASS), None)
    if decided is not None and decided.name == answer.check:
        return []
    return [f"{answer.what}: decided by {decided.name if decided else 'no check'}, expected {answer.check}"]


def _is_unsupported(grade: Grade | SandboxError) -> bool:
    return isinstance(grade, Grade) and grade.verdict is Verdict.ERROR and grade.detail.startswith("unsupported")


@contextmanager
def _canary() -> Iterator[None]:
    """A secret in the host's environment, which an attack may look for, for as long as the attacks run."""
    name = "OPENAI_API_KEY"
    if name in os.environ:
        yield
        return
    os.environ[name] = "canary"
    try:
        yield
    finally:
        del os.environ[name]

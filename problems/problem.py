"""A problem, the checks that an answer must pass, and the suite they belong to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from codebench.problems.repository import (
    Repository,
    RepositoryCheck,
    RepositoryTask,
    Setting,
    WantedArguments,
    WantedLanguage,
    WantedRun,
)


class PackError(Exception):
    """A problem pack cannot be used; the message says which file, line and field, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFunction:
    """A test in HumanEval's form: `source` defines `check(candidate)`, which raises unless the answer is right.

    The source is trusted. It runs in the sandbox's judge and never in the candidate's process.
    """

    name: str = "base"
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    """Decides whether one output will do: `source` defines `matches(args, expected, output)`, which returns a bool.

    The source is trusted. The judge runs it after the problem's prompt, so that it sees the prompt's names, in a
    namespace that is new for every answer and check; it may keep state there from one input to the next. `args` is
    the list of arguments as they were before the call, `expected` what the reference returned for them. An exception
    counts as no match. `reflexive` says that an output which equals `expected` in value and in every type always
    matches; the judge then saves itself the question.
    """

    source: str
    reflexive: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRule:
    """How long the answer may take for one input: `factor` times the reference, and at least `least_s`.

    All inputs of a check together: the sum of those, at most `total_s`. CPU seconds, as `Limits.timeout_s`. With
    `of_slowest` it is `factor` times the longest that the reference takes for any input of the problem's checks.
    `decides` says whether an answer that takes longer, or more memory than there is, or whose numbers overflow, is
    wrong; else it is only not good enough for such sizes, and the inputs after that one do not matter.
    """

    least_s: float = 1.0
    factor: float = 4.0
    total_s: float = 60.0
    of_slowest: bool = False
    decides: bool = True


Order = tuple[int, int, int, int]
"""What a generator of inputs is asked for: size, level, number within the level, seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """Inputs that are not stored but made, in the sandbox: one for each of `orders`.

    `source` is trusted and defines `make_input(size, level, number, seed)`, which returns a tuple of arguments, the
    same for the same order.
    """

    source: str
    orders: tuple[Order, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cases:
    """A test in EvalPlus's form: the answer's output for every one of `inputs` is compared with the reference's.

    Each input is a tuple of positional arguments, built of plain data (`sandbox.guest.values` says which). The
    expected outputs are not stored: the problem's own reference computes them in the sandbox. `compat` holds, by the
    name of an upstream harness, the oracle that judges as that harness does, its bugs included; where a name is
    missing, `oracle` is right for it too. Where the inputs are `generated`, `inputs` is empty.
    """

    name: str = "base"
    inputs: tuple[tuple[object, ...], ...] = ()
    generated: Generated | None = None
    oracle: Oracle
    compat: Mapping[str, Oracle] = field(default_factory=lambda: MappingProxyType({}))
    time: TimeRule = TimeRule()

    @property
    def count(self) -> int:
        """How many inputs there are."""
        return len(self.inputs) if self.generated is None else len(self.generated.orders)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnitTests:
    """A test in unittest's form that imports the answer, and so shares a process with it.

    `source` is a module with `unittest.TestCase` classes; those of its methods that are named in `tests` decide, and
    all of them must succeed; without any nothing can pass. It finds the answer as the module `module`, and `files` (by
    relative path) in its working directory. With `apart` that is another, empty folder. `compat` holds, by the name of
    an upstream harness, the tests as that harness runs them, where it does so in another way.
    """

    name: str = "base"
    source: str
    tests: tuple[str, ...]
    module: str = "solution"
    files: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    apart: bool = False
    compat: Mapping[str, UnitTests] = field(default_factory=lambda: MappingProxyType({}))


Check = CheckFunction | Cases | UnitTests | RepositoryCheck


class AnswerKind(StrEnum):
    """What a canned answer is an example of."""

    RIGHT_FAST = "right-fast"
    RIGHT_SLOW = "right-slow"
    WRONG = "wrong"
    CRASHING = "crashing"
    ENDLESS = "endless"
    HOSTILE = "hostile"
    INSECURE = "insecure"
    UGLY = "ugly"


@dataclass(frozen=True, slots=True, kw_only=True)
class CannedAnswer:
    """A whole program whose verdict is known beforehand: a fixture that tests the graders, never the model.

    `verdicts` are the acceptable ones, by the names that correctness gives them; `assessment` is what the problem's
    security tests must say, by the names that they give it, None where nothing is expected of them. `check` is the
    name of the check that must decide, "" where any may. `note` says what the program does.
    """

    kind: AnswerKind
    code: str
    verdicts: tuple[str, ...]
    assessment: str | None = None
    check: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Inputs of growing size that an answer's time is taken on; `source` as in `Generated`.

    Level j has `tests[j]` inputs of `sizes[j]`; it counts with `weights[j]`, and one of weight 0 is not timed. Each
    repetition has inputs of its own, drawn alike: only `seed` differs. `oracle` decides about outputs, as in `Cases`.
    `rules` names the upstream harness whose way of timing is followed, "" for our own.
    """

    source: str
    sizes: tuple[int, ...]
    tests: tuple[int, ...]
    weights: tuple[float, ...]
    oracle: Oracle
    seed: int = 0
    rules: str = ""

    def orders(self, level: int, repetition: int = 0) -> tuple[Order, ...]:
        """What to ask the source for; repetition 0 has the seeds that ENAMEL takes: `seed` XOR number of the test."""
        first = sum(self.tests[:level])
        return tuple(
            (self.sizes[level], level, number, (self.seed ^ (first + number)) + repetition * _APART)
            for number in range(self.tests[level])
        )

    @property
    def timed(self) -> tuple[int, ...]:
        """The levels that count, the smallest first."""
        return tuple(level for level, weight in enumerate(self.weights) if weight)


_APART = 0x9E3779B1  # so that the seeds of two repetitions have nothing in common


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One task: what the model sees (`prompt`), what it must define (`entry_point`), how it is judged (`checks`).

    `prompt + canonical_solution` is a complete Python program that passes every check. Code in the prompt
    (imports, helper functions) is trusted and is what the checks see under those names. `naive_solution`, where
    there is one, completes the prompt as well: right, and slow on the larger inputs. `where` is the line of the data
    file it came from, "FILE:LINE", for messages.

    The checks build on each other: an answer passes a check only if it passes those before it too. `security` holds
    tests of safe behaviour, which do not decide about correctness; `cwe` are the weaknesses that the task invites. A
    problem without checks cannot be judged: its answers get no verdict. `reference_assessment` is what `security` must
    say of the reference, as in `CannedAnswer`. With a `task` the answer uses a repository: a shell text or a program,
    with neither prompt nor entry point, which are ""; `canonical_solution` is the whole of it.
    """

    task_id: str
    prompt: str
    entry_point: str
    canonical_solution: str
    checks: tuple[Check, ...]
    tags: tuple[str, ...] = ()
    naive_solution: str | None = None
    workload: Workload | None = None
    answers: tuple[CannedAnswer, ...] = ()
    where: str = ""
    security: UnitTests | None = None
    reference_assessment: str | None = None
    cwe: tuple[int, ...] = ()
    task: RepositoryTask | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A named pack of problems. `sha256` is that of the data file the problems were read from."""

    name: str
    problems: tuple[Problem, ...]
    sha256: str
    source: str
    compat: tuple[str, ...] = ()
    """The upstream harnesses whose verdicts can be reproduced: those that the `compat` of some check names."""
    graders: tuple[str, ...] = ("correctness",)
    """What an answer is graded by unless something else is asked for."""
    image: str = ""
    """The image that its answers need, a folder of images/ with locked dependencies; "" for Python alone."""
    repositories: tuple[Repository, ...] = ()
    """The repositories that its tasks use."""
    setting: Setting | None = None
    """How much documentation a model is shown; None where there is nothing to choose."""

    def under(self, harness: str) -> Suite:
        """The suite judged as `harness` judges; raises PackError where it is not in `compat`."""
        if harness not in self.compat:
            known = f"it knows {', '.join(self.compat)}" if self.compat else "it knows none"
            raise PackError(f"{self.name}: no rules of {harness!r} for this suite; {known}")
        return replace(self, problems=tuple(_under(problem, harness, self._untested()) for problem in self.problems))

    def in_setting(self, setting: str) -> Suite:
        """The suite with as much documentation as `setting` shows; raises PackError where there is no such setting."""
        known = ", ".join(Setting)
        if self.setting is None:
            raise PackError(f"{self.name}: --setting {setting}: this suite has no documentation to show; leave it out")
        if setting not in tuple(Setting):
            raise PackError(f"--setting {setting}: there is no such setting; there are: {known}")
        chosen = Setting(setting)
        problems = tuple(_shown(problem, chosen) for problem in self.problems)
        return replace(self, problems=problems, setting=chosen)

    def _untested(self) -> UnitTests:
        """A check that nothing passes, under the name that the suite's other checks have."""
        names = [check.name for problem in self.problems for check in problem.checks]
        return UnitTests(name=names[0], source="", tests=()) if names else UnitTests(source="", tests=())


def _under(problem: Problem, harness: str, untested: UnitTests) -> Problem:
    """What cannot be judged is never right there: a harness counts what it has no result of as wrong."""
    security = problem.security
    return replace(
        problem,
        checks=tuple(_check_under(check, harness) for check in problem.checks or (untested,)),
        workload=replace(problem.workload, rules=harness) if problem.workload is not None else None,
        security=security.compat.get(harness, security) if security else None if problem.checks else untested,
    )


def _check_under(check: Check, harness: str) -> Check:
    if isinstance(check, Cases):
        return replace(check, oracle=check.compat.get(harness, check.oracle))
    if isinstance(check, UnitTests):
        return check.compat.get(harness, check)
    if isinstance(check, WantedArguments):
        return check.compat.get(harness, check)
    if isinstance(check, WantedLanguage):
        return check.compat.get(harness, check)
    return check.compat.get(harness, check) if isinstance(check, WantedRun) else check


def _shown(problem: Problem, setting: Setting) -> Problem:
    return replace(problem, task=problem.task.in_setting(setting) if problem.task is not None else None)


SuiteLoader = Callable[[Path | None], Suite]
"""What an entry point in `codebench.suites` names: takes the data directory (None: find the data), raises PackError."""

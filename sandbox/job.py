"""A job is one untrusted program and the trusted test it faces; an execution is what was seen when it ran."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, Self

from codebench.sandbox.command import Command, CommandFacts


class SandboxError(Exception):
    """The machine, not the candidate, failed; the message says what to do. Never turned into a verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one sample may use, all of its processes together unless said otherwise.

    `timeout_s` bounds its CPU time and the wall time in which a core was there for it; time spent waiting for
    a busy core does not count (up to four times the limit, or 2 s more), so that verdicts do not depend on load.
    """

    timeout_s: float = 10.0
    memory_mib: int = 1024
    processes: int = 64
    disk_mib: int = 64
    output_bytes: int = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseGroup:
    """Inputs that one oracle judges. `inputs` and `expected` are in wire form (`guest.values`), one for each input:
    the list of arguments, and the output that the reference gave. `limits_s` bounds each call, as `Limits.timeout_s`.

    `oracle` is trusted source that defines `matches(args, expected, output)`, run after the job's context; it is not
    asked about an output that equals the expected one in value and type where it is `reflexive`.
    """

    inputs: tuple[bytes, ...]
    limits_s: tuple[float, ...]
    expected: tuple[bytes, ...] = ()
    oracle: str = ""
    reflexive: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """A test made of inputs: the entry point is called on every one, in order, in one process.

    `total_s` bounds all calls together. It ends at the first failure if `stop_early`. With `record` nothing is
    compared: the outputs and the CPU time of every call are reported, so the source had better be trusted; `packed`
    then writes long lists of numbers in a form that is read ten times as fast.

    With a `rival`, which is a trusted program that defines the same entry point, every call is timed beside the
    rival's (see `guest.duel`): both run on one core, each in a process of its own, call by call, and who goes first
    alternates, beginning with the rival where `turn` is even. The rival's outputs are what is expected, so that none
    are given. Before that both are called on each input of `warm_up`, whose outputs do not matter. With `repeats` above
    1 every call is made so often, on equal inputs, by a program that is loaded anew each time without print and input,
    and the process's own clock is all there is to tell the repetitions apart: enam's way of timing.
    """

    groups: tuple[CaseGroup, ...]
    total_s: float
    stop_early: bool = True
    record: bool = False
    packed: bool = False
    rival: str = ""
    turn: int = 0
    warm_up: tuple[bytes, ...] = ()
    repeats: int = 1

    def __post_init__(self) -> None:
        assert any(group.inputs for group in self.groups), "a test without an input cannot be passed"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TestModule:
    """A test in unittest's form, which imports the answer as `module` and so shares a process with it.

    `source` is trusted. `tests` are the methods that are run, in this order, as `method` or `Class.method`; the first
    that does not succeed is the last that is run. `files` lie in the working directory, by relative path, beside
    the answer's file; with `apart` the working directory is another folder, an empty one.
    """

    __test__ = False  # pytest would take the name for a test's

    source: str
    tests: tuple[str, ...]
    module: str
    files: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    apart: bool = False

    def __post_init__(self) -> None:
        assert self.tests, "a test without a method cannot be passed"
        assert self.module.isidentifier(), f"{self.module!r} cannot be imported"
        assert not any(path.startswith("/") or ".." in path.split("/") for path in self.files), "a path leads outside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Run `source` (untrusted) and put its `entry_point` to `test`, which defines `check(candidate)`, or to `batch`.

    Or put it to `test_module`, or run it as `command` says, which need neither entry point nor context.

    `context` is the trusted program whose names the test sees. Neither it nor the test ever enters the memory of
    the process in which `source` runs. `seed_key` fixes the random module's state on both sides.
    """

    source: str
    entry_point: str = ""
    context: str = ""
    test: str = ""
    batch: Batch | None = None
    test_module: TestModule | None = None
    command: Command | None = None
    seed_key: str = ""
    limits: Limits = field(default_factory=Limits)


class Outcome(StrEnum):
    """How the candidate's process ended, as seen from outside it."""

    EXITED = "exited"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    SIGNALED = "signaled"


class Conclusion(StrEnum):
    """What the judge saw of the test. Only COMPLETED is evidence that every check ran and held."""

    COMPLETED = "completed"
    """`check` returned and every call into the candidate was answered."""
    REFUTED = "refuted"
    """An assertion of the test failed, or the candidate raised where the test did not expect it."""
    NOT_LOADED = "not_loaded"
    """The program could not be compiled or run to its end, or it does not define the entry point."""
    BROKEN_OFF = "broken_off"
    """The candidate's process ended, or broke the protocol, before the test did."""
    UNSUPPORTED = "unsupported"
    """The test needs something that cannot cross the boundary between judge and candidate."""
    NO_CALLS = "no_calls"
    """The test came to its end without calling the candidate once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Captured output: the first bytes of it, and whether there was more."""

    text: str = ""
    truncated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCase:
    """Input number `case` of a batch failed; `exception` names what was raised, "" where an output was wrong."""

    case: int
    exception: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTime:
    """What one call took of its process, seen from outside it; CPU seconds of all threads and living processes.

    `between_s` is what was used since the call before (or the load), decoding the input included; `call_s` the call
    itself; `emit_s` writing the result down as plain data. `wall_s` is that of call and emission. `inside_s` has the
    wall time of each repetition as the process itself claims it. `spawned` counts threads and processes begun
    meanwhile.
    """

    between_s: float
    call_s: float
    emit_s: float
    wall_s: float
    inside_s: tuple[float, ...]
    spawned: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """Times of a program and its rival: `own` has one for each call that came back, `rival` perhaps one more.

    Loading a program is timed as well, after the modules of the standard library that it imports have been.
    `own_warm_s` and `rival_warm_s` are what the `warm_ups` calls that warm up took, decoding included.
    `own_empty_s` and `rival_empty_s` are what `call_s` has in it without the call: the way there and back.
    `own_bytes` and `rival_bytes` are peak resident sets.
    """

    own: tuple[CallTime, ...] = ()
    rival: tuple[CallTime, ...] = ()
    own_load_s: float = 0.0
    rival_load_s: float = 0.0
    warm_ups: int = 0
    own_warm_s: float = 0.0
    rival_warm_s: float = 0.0
    own_empty_s: float = 0.0
    rival_empty_s: float = 0.0
    own_bytes: int = 0
    rival_bytes: int = 0


class TestStatus(StrEnum):
    """How one method of a test module ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    """An assertion failed."""
    ERROR = "error"
    """Anything else was raised, or a skip, or the test's own machinery was found changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """One test method that came to an end; `exception` names what was raised, "" where nothing was."""

    __test__ = False  # as above

    name: str
    status: TestStatus
    exception: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The judge's account. `exception` names the type of what ended the load or the test, "" where nothing did;
    `by_candidate` says that the candidate raised it; `calls` counts the operations asked of the candidate.

    Of a batch: `outcomes` has a letter for each input that the candidate got to, over all groups (`.` matched, `F` did
    not, `E` raised, `M` raised MemoryError), `failures` the first 20 of them; `outputs` and `cpu_s` are there where
    they were to be recorded.

    Of a test module: `tests` has those methods that ended, in order; the first that is no success is the last of them.
    The conclusion is COMPLETED where all succeeded, REFUTED after a failure, BROKEN_OFF after an error, NOT_LOADED
    where the module could not be imported, most often because the answer cannot.
    """

    conclusion: Conclusion
    exception: str = ""
    detail: str = ""
    by_candidate: bool = False
    calls: int = 0
    outcomes: str = ""
    failures: tuple[FailedCase, ...] = ()
    outputs: tuple[bytes, ...] = ()
    cpu_s: tuple[float, ...] = ()
    duel: Duel | None = None
    tests: tuple[TestResult, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """Facts about one run. Times in seconds, taken outside the candidate; `memory_bytes` is its peak resident set."""

    outcome: Outcome
    report: Report
    signal: int | None = None
    stdout: Text = Text()
    stderr: Text = Text()
    wall_s: float
    cpu_s: float
    memory_bytes: int
    command: CommandFacts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxInfo:
    """What the manifest says of a sandbox: `image` is a digest of everything that the guest runs on."""

    backend: str
    image: str
    python: str
    workers: int
    notes: tuple[str, ...] = ()


class Sandbox(Protocol):
    """A pool of boxes. Enter it to start them; leave it to end them and everything in them."""

    @property
    def info(self) -> SandboxInfo: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...

    async def run(self, job: Job) -> Execution:
        """Run one job on a free box. Raises SandboxError when the machine failed, twice."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """How to open a sandbox. `image` and `runtime` are Docker's; None takes the default image and runtime.

    `packages` names a folder of images/ whose locked packages the boxes have besides Python, "" for none; an `image`
    that is given is taken as it is. `note` is told what takes its time.

    `pinned` keeps each box on a core of its own, so that times can be taken: no more workers than physical cores then.

    `repositories` has a folder of this machine for each name that a `Command` may give; what is in it must be readable
    by all, and must not change while the sandbox is open. Commands see them through overlays where the machine allows
    that and `overlays` is true; else each box keeps a copy, whose bytes it restores after every command. `gpus` is how
    many of the engine's GPUs every box is given, "all" or a number, "" for none; only Docker's boxes can have any.
    """

    workers: int
    limits: Limits = field(default_factory=Limits)
    image: str | None = None
    runtime: str | None = None
    pinned: bool = False
    packages: str = ""
    repositories: Mapping[str, Path] = field(default_factory=lambda: MappingProxyType({}))
    overlays: bool = True
    gpus: str = ""
    note: Callable[[str], None] = field(default=lambda _: None, compare=False, repr=False)


SandboxOpener = Callable[[SandboxOptions], Sandbox]
"""What an entry point in `codebench.sandboxes` names; raises SandboxError, with the remedy, where it cannot work."""

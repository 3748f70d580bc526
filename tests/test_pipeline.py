"""One run from end to end, with a small suite, generator, sandbox and grader of its own."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codebench.generators import GenerationOptions, Generator, GeneratorError, Sample
from codebench.graders import Bench, Grade, Verdict
from codebench.problems import CheckFunction, Problem, Suite
from codebench.runs import EvalOptions, Run, RunError, evaluate, evaluate_async, parse_gate, summarise_run
from codebench.runs.opening import opened_sandbox
from codebench.runs.records import RECORDS, read_records
from codebench.sandbox import (
    Conclusion,
    Execution,
    Job,
    Limits,
    Outcome,
    Report,
    Sandbox,
    SandboxError,
    SandboxInfo,
    SandboxOptions,
)

# --- a world small enough to know every number of: 6 problems, "right" passes, sample i of problem p is right if i <= p


def a_problem(number: int) -> Problem:
    return Problem(
        task_id=f"toy/{number}",
        prompt=f"def f{number}():\n",
        entry_point=f"f{number}",
        canonical_solution="    right\n",
        checks=(CheckFunction(source="def check(candidate): ..."),),
    )


def load_suite(data: Path | None) -> Suite:
    return Suite(name="toy", problems=tuple(map(a_problem, range(6))), sha256="ab" * 32, source="memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class StairGenerator:
    """The number of samples it holds, "" for as many as asked for, is its argument."""

    available: int | None
    identity: dict[str, str] = field(default_factory=lambda: {"kind": "stair"})

    def samples_per_problem(self, problems: Sequence[Problem]) -> int | None:
        return self.available

    async def generate(self, wanted: Sequence[tuple[Problem, int]]) -> AsyncIterator[Sample]:
        for problem, index in wanted:
            right = index <= int(problem.task_id.removeprefix("toy/"))
            yield Sample(task_id=problem.task_id, index=index, code="right" if right else "wrong")


class CarelessGenerator(StairGenerator):
    """Repeats its first answer ("repeat") or leaves out its last."""

    async def generate(self, wanted: Sequence[tuple[Problem, int]]) -> AsyncIterator[Sample]:
        first, _ = wanted[0]
        for problem, index in wanted[:-1]:
            yield Sample(task_id=problem.task_id, index=index, code="right")
        if self.identity["kind"] == "repeat":
            yield Sample(task_id=first.task_id, index=0, code="right")


def open_stair(argument: str, problems: Sequence[Problem], options: GenerationOptions) -> Generator:
    return StairGenerator(available=int(argument) if argument else None)


def open_careless(argument: str, problems: Sequence[Problem], options: GenerationOptions) -> Generator:
    return CarelessGenerator(available=None, identity={"kind": argument})


class ToySandbox:
    """Jobs whose number (from 0) satisfies `broken` meet a machine that fails. Counts what is open and running."""

    opened = 0

    def __init__(self, options: SandboxOptions, broken: Sequence[int] = (), always: bool = False) -> None:
        self.info = SandboxInfo(backend="toy", image="sha256:0", python="3.11.7", workers=options.workers)
        self._broken = frozenset(broken)
        self._always = always
        self._numbers = count()

    async def __aenter__(self) -> Self:
        ToySandbox.opened += 1
        return self

    async def __aexit__(self, *exc: object) -> None:
        ToySandbox.opened -= 1

    async def run(self, job: Job) -> Execution:
        number = next(self._numbers)
        await asyncio.sleep(0)
        if self._always or number in self._broken:
            raise SandboxError(f"box lost at job {number}")
        conclusion = Conclusion.COMPLETED if job.source == "right" else Conclusion.REFUTED
        return Execution(
            outcome=Outcome.EXITED, report=Report(conclusion=conclusion), wall_s=0.1, cpu_s=0.1, memory_bytes=1
        )


def open_sound(options: SandboxOptions) -> Sandbox:
    return ToySandbox(options)


def open_flaky(options: SandboxOptions) -> Sandbox:
    return ToySandbox(options, broken=range(0, 1000, 3))


def open_dead(options: SandboxOptions) -> Sandbox:
    return ToySandbox(options, always=True)


def open_nothing(options: SandboxOptions) -> Sandbox:
    raise SandboxError("no kernel here; boot one")


class LockedOut(ToySandbox):
    async def __aenter__(self) -> Self:
        raise SandboxError("cannot enter")


def open_locked_out(options: SandboxOptions) -> Sandbox:
    return LockedOut(options)


class ToyGrader:
    name = "correctness"

    async def grade(self, problem: Problem, code: str, bench: Bench) -> Grade:
        (check,) = problem.checks
        assert isinstance(check, CheckFunction)
        job = Job(source=code, entry_point=problem.entry_point, context="", test=check.source, limits=bench.limits)
        completed = (await bench.sandbox.run(job)).report.conclusion is Conclusion.COMPLETED
        return Grade(grader=self.name, verdict=Verdict.PASS if completed else Verdict.FAIL)


@dataclass
class Listener:
    """Remembers what it hears; `at` that many samples it does `then`."""

    at: int | None = None
    notes: list[str] = field(default_factory=list)
    started: list[tuple[int, int]] = field(default_factory=list)
    verdicts: list[Verdict | None] = field(default_factory=list)
    finished: int = 0

    def note(self, message: str) -> None:
        self.notes.append(message)

    def start(self, total: int, done: int) -> None:
        self.started.append((total, done))

    def advance(self, verdict: Verdict | None) -> None:
        self.verdicts.append(verdict)
        if len(self.verdicts) == self.at:
            self.then()

    def then(self) -> None:
        signal.raise_signal(signal.SIGINT)

    def finish(self) -> None:
        self.finished += 1


class Killer(Listener):
    def then(self) -> None:
        signal.raise_signal(signal.SIGKILL)


def options(out: Path, **changes: object) -> EvalOptions:
    here = __name__
    toy = EvalOptions(
        suite=f"{here}:load_suite",
        model=f"{here}:open_stair",
        samples=4,
        sandbox=f"{here}:open_sound",
        graders=(f"{here}:ToyGrader",),
        workers=3,
        out=out,
    )
    return replace(toy, **changes)  # type: ignore[arg-type]  # the tests below name real fields


def pairs(directory: Path) -> Counter[tuple[str, int]]:
    return Counter((record.task_id, record.sample) for record in read_records(directory))


ALL_PAIRS = Counter((f"toy/{number}", index) for number in range(6) for index in range(4))


# --- the numbers


def test_a_run_counts_every_sample_and_estimates_pass_at_k(tmp_path: Path) -> None:
    run = evaluate(options(tmp_path / "run", ks=(1, 4)))
    summary = run.summary
    assert (summary.wanted, summary.graded, summary.infra_errors) == (24, 24, 0)
    assert summary.verdicts[Verdict.PASS] == 1 + 2 + 3 + 4 + 4 + 4
    assert [row.passed for row in summary.rows] == [1, 2, 3, 4, 4, 4]
    one, four = summary.pass_at_k[1], summary.pass_at_k[4]
    assert one is not None and one.value == pytest.approx(18 / 24)
    assert four is not None and four.value == 1.0
    assert pairs(tmp_path / "run") == ALL_PAIRS


def test_the_report_of_a_directory_equals_the_summary_of_its_run(tmp_path: Path) -> None:
    run = evaluate(options(tmp_path / "run"))
    again = summarise_run(tmp_path / "run")
    assert (again.summary, again.manifest) == (run.summary, run.manifest)


def test_the_same_command_without_out_finds_its_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = evaluate(replace(options(tmp_path), out=None))
    second = evaluate(replace(options(tmp_path), out=None))
    assert first.directory == second.directory and first.directory.parts[0] == "codebench-runs"
    assert second.pace is not None and second.pace.samples == 0
    assert second.summary == first.summary


def test_progress_hears_of_every_sample(tmp_path: Path) -> None:
    listener = Listener()
    evaluate(options(tmp_path / "run"), listener)
    assert listener.started == [(24, 0)] and listener.finished == 1
    assert Counter(listener.verdicts) == {Verdict.PASS: 18, Verdict.FAIL: 6}


# --- interruption


@pytest.mark.parametrize("at", [1, 7, 23, 24])
def test_ctrl_c_keeps_what_is_done_and_the_same_command_finishes(tmp_path: Path, at: int) -> None:
    listener = Listener(at=at)
    with pytest.raises(KeyboardInterrupt):
        evaluate(options(tmp_path / "run"), listener)
    assert ToySandbox.opened == 0 and listener.finished == 1
    done = pairs(tmp_path / "run").total()
    assert at <= done <= 24
    second = Listener()
    run = evaluate(options(tmp_path / "run"), second)
    assert second.started == [(24, done)]
    assert pairs(tmp_path / "run") == ALL_PAIRS
    assert run.summary == evaluate(options(tmp_path / "whole")).summary


def test_kill_9_again_and_again_loses_and_repeats_nothing(tmp_path: Path) -> None:
    script = f"import sys, pathlib; sys.path.append('.'); import {__name__} as t; t.evaluate(t.options(pathlib.Path(sys.argv[1])), t.Killer(at=5))"
    command = [sys.executable, "-c", script, str(tmp_path / "run")]
    codes = [subprocess.run(command, cwd=Path(__file__).parent, check=False).returncode for _ in range(5)]
    assert codes == [-signal.SIGKILL] * 4 + [0]
    assert pairs(tmp_path / "run") == ALL_PAIRS
    assert summarise_run(tmp_path / "run").summary == evaluate(options(tmp_path / "whole")).summary


@settings(deadline=None, max_examples=30)
@given(st.floats(0, 1))
def test_a_run_whose_records_end_anywhere_is_finished_to_the_same_report(part: float) -> None:
    with TemporaryDirectory() as name:
        out = Path(name) / "run"
        whole = evaluate(options(out)).summary
        data = (out / RECORDS).read_bytes()
        (out / RECORDS).write_bytes(data[: int(part * len(data))])
        assert evaluate(options(out)).summary == whole
        assert pairs(out) == ALL_PAIRS


# --- a machine that fails


def test_a_failing_machine_makes_no_verdict_and_a_resume_retries(tmp_path: Path) -> None:
    run = evaluate(options(tmp_path / "run", sandbox=f"{__name__}:open_flaky"))
    assert (run.summary.graded, run.summary.infra_errors) == (16, 8)
    assert all(bool(record.error) != bool(record.grades) for record in read_records(tmp_path / "run"))
    again = evaluate(options(tmp_path / "run"))
    assert (again.summary.graded, again.summary.infra_errors) == (24, 0)
    assert again.pace is not None and again.pace.samples == 8
    assert again.summary == evaluate(options(tmp_path / "whole")).summary


def test_an_infra_error_is_never_counted_as_wrong(tmp_path: Path) -> None:
    run = evaluate(options(tmp_path / "run", sandbox=f"{__name__}:open_flaky", ks=(1, 4)))
    for row in run.summary.rows:
        assert row.graded + row.infra_errors == 4
    four = run.summary.pass_at_k[4]
    complete = sum(row.graded == 4 for row in run.summary.rows)
    if four is None:
        assert complete == 0
    else:
        assert (four.n_problems, four.left_out) == (complete, 6 - complete)


def test_a_machine_that_only_fails_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="the sandbox keeps failing: box lost"):
        evaluate(options(tmp_path / "run", samples=100, sandbox=f"{__name__}:open_dead"))
    assert pairs(tmp_path / "run").total() < 40
    assert ToySandbox.opened == 0
    assert evaluate(options(tmp_path / "run", samples=100)).summary.graded == 600


def test_a_sandbox_that_cannot_open_leaves_no_directory(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no kernel here; boot one"):
        evaluate(options(tmp_path / "run", sandbox=f"{__name__}:open_nothing"))
    assert not (tmp_path / "run").exists()


# --- generators that do not keep their word


def test_an_answer_that_was_not_asked_for_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(GeneratorError, match="answer 0 to toy/0, which was not wanted"):
        evaluate(options(tmp_path / "run", model=f"{__name__}:open_careless:repeat"))


def test_an_answer_left_out_is_an_error_and_the_others_are_kept(tmp_path: Path) -> None:
    with pytest.raises(GeneratorError, match="left out 1 answers, the first 3 to toy/5"):
        evaluate(options(tmp_path / "run", model=f"{__name__}:open_careless:"))
    assert pairs(tmp_path / "run") == ALL_PAIRS - Counter([("toy/5", 3)])


def test_samples_are_drawn_no_faster_than_they_are_graded(tmp_path: Path) -> None:
    drawn, graded = count(), Listener()
    most_ahead = 0

    class Watched(StairGenerator):
        async def generate(self, wanted: Sequence[tuple[Problem, int]]) -> AsyncIterator[Sample]:
            nonlocal most_ahead
            async for sample in StairGenerator.generate(self, wanted):
                most_ahead = max(most_ahead, next(drawn) + 1 - len(graded.verdicts))
                yield sample

    globals()["open_watched"] = lambda argument, problems, options: Watched(available=None)
    evaluate(options(tmp_path / "run", samples=50, model=f"{__name__}:open_watched"), graded)
    assert 3 <= most_ahead <= 3 + 4 + 1


# --- options


def test_the_number_of_samples_is_the_generators_where_it_knows(tmp_path: Path) -> None:
    run = evaluate(options(tmp_path / "run", samples=None, model=f"{__name__}:open_stair:3"))
    assert run.manifest.samples == 3


def test_k_defaults_to_the_usual_ones_that_the_samples_allow(tmp_path: Path) -> None:
    assert list(evaluate(options(tmp_path / "4")).summary.pass_at_k) == [1]
    assert list(evaluate(options(tmp_path / "10", samples=10)).summary.pass_at_k) == [1, 10]


def test_limit_and_task_ids_select_problems(tmp_path: Path) -> None:
    run = evaluate(options(tmp_path / "run", task_ids=("toy/4", "toy/2", "toy/3"), limit=2))
    assert run.manifest.task_ids == ("toy/2", "toy/3")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"ks": (1, 5)}, "--k 5: .*undefined for 4 per problem"),
        ({"ks": (0,)}, "--k 0: must be at least 1"),
        ({"samples": 0}, "--samples: must be at least 1, is 0"),
        ({"limit": 0}, "--limit: "),
        ({"workers": -1}, "--workers: "),
        ({"limits": Limits(timeout_s=0)}, "--timeout: "),
        ({"limits": Limits(timeout_s=float("nan"))}, "--timeout: "),
        ({"task_ids": ("toy/33",)}, r"toy/33: not in suite toy; did you mean toy/3"),
        ({"samples": 4, "model": f"{__name__}:open_stair:2"}, "--samples 4: .* has only 2 per problem"),
        ({"fail_under": (parse_gate("pass@2=0.5"),)}, "no pass@2 .*this run has pass@1"),
        ({"fail_under": (parse_gate("plus:pass@1=0.5"),)}, "no plus:pass@1 .*no such check in this suite; it has one"),
        ({"fail_under": (parse_gate("eff@1=0.5"),)}, "no eff@1 .*nothing measures it; add efficiency to --grade"),
        ({"fail_under": (parse_gate("flagged=0.5"),)}, "no flagged .*nothing measures it; add security to --grade"),
        ({"fail_under": (parse_gate("secure@1=0.5"),)}, "no secure@1 .*none of these problems has security tests"),
        ({"suite": "humanevil"}, "unknown suite 'humanevil'; did you mean humaneval"),
        ({"sandbox": "namespace"}, "unknown sandbox 'namespace'; did you mean namespaces"),
    ],
)
def test_options_that_cannot_be_met_leave_no_directory(tmp_path: Path, changes: dict[str, object], says: str) -> None:
    with pytest.raises(RunError, match=says):
        evaluate(options(tmp_path / "run", **changes))
    assert not (tmp_path / "run").exists()


def test_another_run_in_the_directory_is_left_as_it_is(tmp_path: Path) -> None:
    evaluate(options(tmp_path / "run"))
    before = (tmp_path / "run" / RECORDS).read_bytes()
    with pytest.raises(RunError, match="samples: 4 -> 5"):
        evaluate(options(tmp_path / "run", samples=5))
    assert (tmp_path / "run" / RECORDS).read_bytes() == before


def test_evaluate_async_can_be_awaited_beside_other_work(tmp_path: Path) -> None:
    async def both() -> tuple[Run, Run]:
        one, two = await asyncio.gather(
            evaluate_async(options(tmp_path / "one")), evaluate_async(options(tmp_path / "two"))
        )
        return one, two

    one, two = asyncio.run(both())
    assert one.summary == two.summary


def test_the_note_says_which_sandbox(tmp_path: Path) -> None:
    listener = Listener()
    evaluate(options(tmp_path / "run"), listener)
    assert listener.notes == [f"sandbox {__name__}:open_sound", f"results in {tmp_path / 'run'}"]


# --- the choice of a sandbox


def choose(*order: str) -> str:
    async def opened() -> str:
        async with opened_sandbox("auto", SandboxOptions(workers=1), [f"{__name__}:{name}" for name in order]) as (
            _,
            choice,
        ):
            assert ToySandbox.opened == 1
        return choice.replace(f"{__name__}:", "")

    return asyncio.run(opened())


def test_auto_takes_the_first_sandbox_that_works_and_says_why_not_the_one_before() -> None:
    assert choose("open_sound", "open_nothing") == "sandbox open_sound"
    assert choose("open_nothing", "open_sound") == "sandbox open_sound (not open_nothing: no kernel here; boot one)"
    assert choose("open_locked_out", "open_sound") == "sandbox open_sound (not open_locked_out: cannot enter)"
    assert ToySandbox.opened == 0


def test_auto_without_any_sandbox_names_the_reason_of_each() -> None:
    with pytest.raises(
        RunError, match=r"no sandbox is available: .*open_nothing: no kernel.*open_locked_out: cannot enter"
    ):
        choose("open_nothing", "open_locked_out")

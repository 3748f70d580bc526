"""What the references return: the expected outputs of checks made of inputs, and how long each took.

They are computed in the sandbox that the answers run in, once for each problem, and kept on disk under the hash of all
that they depend on: program, inputs, Python and image.
"""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from codebench.graders.cached import Shelf, keep, kept, place_of
from codebench.graders.context import context_of
from codebench.graders.generated import generated_inputs
from codebench.graders.grade import Bench
from codebench.problems import Cases, PackError, Problem
from codebench.sandbox import Batch, CaseGroup, Conclusion, Execution, Job, Outcome
from codebench.sandbox.guest import values

_KEPT_BYTES = 32 * 1024 * 1024  # of inputs and outputs that stay in memory in wire form
_NOT_RUN_S = 60.0


class Reference(msgspec.Struct, frozen=True):
    """What the reference returned for each input, in wire form, and the CPU seconds that the call took."""

    outputs: tuple[bytes, ...]
    cpu_s: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Expected:
    """One check's inputs and expected outputs in wire form, and the CPU seconds of the reference."""

    inputs: tuple[bytes, ...]
    outputs: tuple[bytes, ...]
    cpu_s: tuple[float, ...]

    @property
    def size(self) -> int:
        """Bytes of all inputs and outputs."""
        return sum(map(len, self.inputs)) + sum(map(len, self.outputs))


_Key = tuple[Problem, tuple[Cases, ...]]


class References:
    """Finds the expected outputs of a problem's checks: in memory, else on disk, else by running its reference."""

    def __init__(self) -> None:
        self._shelf: Shelf[_Key, tuple[Expected, ...]] = Shelf(_KEPT_BYTES)
        self._sought: dict[_Key, asyncio.Task[tuple[Expected, ...]]] = {}

    async def expected(self, problem: Problem, checks: Sequence[Cases], bench: Bench) -> tuple[Expected, ...]:
        """One entry for each check. Raises PackError where the reference fails, SandboxError where the machine does."""
        key = problem, tuple(checks)
        found = self._shelf.get(key)
        if found is not None:
            return found
        task = self._sought.get(key)
        if task is None:
            task = self._sought[key] = asyncio.create_task(_expected(problem, tuple(checks), bench))
            task.add_done_callback(lambda done: self._note(key, done))
        return await asyncio.shield(task)

    def _note(self, key: _Key, task: asyncio.Task[tuple[Expected, ...]]) -> None:
        del self._sought[key]
        if not task.cancelled() and task.exception() is None:
            self._shelf.put(key, task.result(), sum(known.size for known in task.result()))


async def _expected(problem: Problem, checks: tuple[Cases, ...], bench: Bench) -> tuple[Expected, ...]:
    inputs = [await _inputs(problem, check, bench) for check in checks]
    everything = tuple(call for of_check in inputs for call in of_check)
    program = (problem.prompt + problem.canonical_solution).encode("utf-8", "surrogatepass")
    # the task's name seeds the random module
    place = place_of("references", bench, problem.task_id.encode(), problem.entry_point.encode(), program, *everything)
    reference = await asyncio.to_thread(kept, place, Reference) if place is not None else None
    if reference is not None and not len(reference.outputs) == len(reference.cpu_s) == len(everything):
        reference = None
    if reference is None:
        reference = await _run(problem, checks, everything, bench)
        if place is not None:
            await asyncio.to_thread(keep, place, reference)
    found, start = [], 0
    for of_check in inputs:
        end = start + len(of_check)
        found.append(Expected(inputs=of_check, outputs=reference.outputs[start:end], cpu_s=reference.cpu_s[start:end]))
        start = end
    return tuple(found)


async def _inputs(problem: Problem, check: Cases, bench: Bench) -> tuple[bytes, ...]:
    if check.generated is not None:
        return await generated_inputs(problem, check.generated, bench)
    return tuple(_wire(problem, check, number) for number in range(check.count))


def _wire(problem: Problem, check: Cases, number: int) -> bytes:
    try:
        return values.dumps(list(check.inputs[number]))
    except values.UnencodableError as error:
        raise PackError(
            f"{problem.where or problem.task_id}: {problem.task_id}, check {check.name!r}: input {number}: {error}; "
            "an input must be made of plain data"
        ) from None


async def _run(problem: Problem, checks: Sequence[Cases], inputs: tuple[bytes, ...], bench: Bench) -> Reference:
    """Run the reference on all inputs; each may take as long as an answer may for a whole test."""
    if not inputs:
        return Reference((), ())
    program = problem.prompt + problem.canonical_solution
    try:
        ast.parse(program)
    except (SyntaxError, ValueError) as error:
        raise PackError(
            f"{_where(problem)}: field `canonical_solution`: the reference cannot be run: {error}"
        ) from None
    job = Job(
        source=program,
        entry_point=problem.entry_point,
        context=context_of(problem),
        seed_key=problem.task_id,
        limits=bench.limits,
        batch=Batch(
            groups=(CaseGroup(inputs=inputs, limits_s=(bench.limits.timeout_s,) * len(inputs)),),
            total_s=max(_NOT_RUN_S, *(check.time.total_s for check in checks)),
            record=True,
        ),
    )
    execution = await bench.sandbox.run(job)
    report = execution.report
    if report.conclusion is not Conclusion.COMPLETED or len(report.outputs) != len(inputs):
        raise PackError(_failure(problem, checks, execution, bench))
    for number, output in enumerate(report.outputs):
        if '{"o":' in output:
            _refuse_object(problem, checks, number, output)
    return Reference(tuple(output.encode() for output in report.outputs), report.cpu_s)


def _refuse_object(problem: Problem, checks: Sequence[Cases], number: int, output: str) -> None:
    try:
        values.loads(output.encode(), lambda tag, _: _opaque(tag))
    except values.MalformedError:
        raise PackError(
            f"{_at(problem, checks, number)}: the reference returns what is not plain data, and so cannot be compared"
        ) from None


def _opaque(tag: str) -> None:
    if tag == "o":
        raise values.MalformedError("an object")


def _failure(problem: Problem, checks: Sequence[Cases], execution: Execution, bench: Bench) -> str:
    report = execution.report
    if report.conclusion is Conclusion.NOT_LOADED:
        return f"{_where(problem)}: field `canonical_solution`: the reference cannot be run: {report.detail}"
    at = _at(problem, checks, len(report.outcomes) - bool(report.failures))
    if execution.outcome is Outcome.TIMED_OUT:
        return f"{at}: the reference is not done after {bench.limits.timeout_s:g} s; give it --timeout, or correct it"
    if execution.outcome is Outcome.OUT_OF_MEMORY:
        return f"{at}: the reference needs more than {bench.limits.memory_mib} MiB; give it --memory, or correct it"
    detail = report.failures[0].detail if report.failures else report.detail
    return f"{at}: the reference {detail}; correct it, or take the input out"


def _at(problem: Problem, checks: Sequence[Cases], number: int) -> str:
    for check in checks:
        if number < check.count:
            return f"{_where(problem)}: field `canonical_solution`: on input {number} of check {check.name!r}"
        number -= check.count
    return f"{_where(problem)}: field `canonical_solution`"


def _where(problem: Problem) -> str:
    return f"{problem.where}: {problem.task_id}" if problem.where else problem.task_id

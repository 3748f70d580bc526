"""Inputs that a problem's own generator makes: in the sandbox, once, and kept."""

from __future__ import annotations

import asyncio
import itertools
import json

import msgspec

from codebench.graders.cached import Once, keep, kept, place_of
from codebench.graders.grade import Bench
from codebench.problems import Generated, Order, PackError, Problem, Workload
from codebench.sandbox import Batch, CaseGroup, Conclusion, Job, Outcome

_TUPLE, _END = b'{"t":', b"}"
_LIMIT_S = 60.0  # for one input, and ten times as long for all
_WARMING = 1000  # a repetition that none is numbered
_KEPT_BYTES = 32 * 1024 * 1024  # of inputs that stay in memory in wire form


Inputs = tuple[bytes, ...]
"""The arguments of one call after another, in wire form."""


class _Inputs(msgspec.Struct, frozen=True):
    wire: tuple[bytes, ...]


class Repetitions:
    """Finds the inputs of a problem's timed levels: in memory, else on disk, else by running their generator."""

    def __init__(self) -> None:
        self._once: Once[tuple[Problem, tuple[Order, ...]], Inputs] = Once(
            _KEPT_BYTES, lambda found: sum(map(len, found))
        )

    async def inputs(self, problem: Problem, workload: Workload, level: int, repetition: int, bench: Bench) -> Inputs:
        """The inputs of one level, others in each repetition. Raises as `generated_inputs`.

        The first repetition is made with all levels, as checks of correctness have them, and so is there already; of
        later ones few are needed.
        """
        levels = range(len(workload.sizes)) if repetition == 0 else (level,)
        orders = {one: workload.orders(one, repetition) for one in levels}
        generated = Generated(source=workload.source, orders=tuple(itertools.chain(*orders.values())))
        key = problem, generated.orders
        found = await self._once.get(key, lambda: generated_inputs(problem, generated, bench))
        first = sum(len(orders[one]) for one in levels if one < level)
        return found[first : first + len(orders[level])]


def warm_up_level(workload: Workload) -> tuple[int, int]:
    """Level and repetition whose inputs warm up: the smallest that is not timed, else ones of their own."""
    untimed = [level for level, weight in enumerate(workload.weights) if not weight]
    return (untimed[0], 0) if untimed else (0, _WARMING)


async def generated_inputs(problem: Problem, generated: Generated, bench: Bench) -> tuple[bytes, ...]:
    """The arguments for each order in wire form. Raises PackError where the generator fails."""
    orders = tuple(json.dumps(order).encode() for order in generated.orders)
    source = generated.source.encode("utf-8", "surrogatepass")
    place = place_of("inputs", bench, problem.task_id.encode(), source, *orders)
    found = await asyncio.to_thread(kept, place, _Inputs) if place is not None else None
    if found is None or len(found.wire) != len(orders):
        found = _Inputs(await _made(problem, generated.source, orders, bench))
        if place is not None:
            await asyncio.to_thread(keep, place, found)
    return found.wire


async def _made(problem: Problem, source: str, orders: tuple[bytes, ...], bench: Bench) -> tuple[bytes, ...]:
    limits_s = (_LIMIT_S,) * len(orders)
    job = Job(
        source=source,
        entry_point="make_input",
        context="",
        seed_key=problem.task_id,
        limits=bench.limits,
        batch=Batch(
            groups=(CaseGroup(inputs=orders, limits_s=limits_s),), total_s=10 * _LIMIT_S, record=True, packed=True
        ),
    )
    execution = await bench.sandbox.run(job)
    report = execution.report
    where = f"{problem.where or problem.task_id}: {problem.task_id}: the generator of inputs"
    if report.conclusion is not Conclusion.COMPLETED or len(report.outputs) != len(orders):
        if execution.outcome is Outcome.OUT_OF_MEMORY:
            raise PackError(f"{where} needs more than {bench.limits.memory_mib} MiB; give it --memory, or correct it")
        detail = report.failures[0].detail if report.failures else report.detail
        raise PackError(f"{where} fails: {detail}; correct it")
    for order, output in zip(orders, report.outputs, strict=True):
        if not output.startswith(_TUPLE) or b'{"o":' in output:
            raise PackError(f"{where} gives no tuple of plain data for {order.decode()}; correct it")
    return tuple(output.removeprefix(_TUPLE).removesuffix(_END) for output in report.outputs)

"""Efficiency: how long does a right answer take beside the reference, on inputs of growing size?

Per level and repetition, answer and reference get one process each and take turns at the same inputs (a `Duel`). Since
the slowest input of a level counts, nothing that one call leaves behind for the next is a gain; and the processes of
the next level know nothing of it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from codebench.graders.context import context_of
from codebench.graders.generated import Inputs, Repetitions, warm_up_level
from codebench.graders.grade import Bench, Grade, Verdict
from codebench.graders.times import CPU, FACTOR, INSIDE, Efficiency, Level, level_s, rival_s, score_of
from codebench.problems import PackError, Problem, Workload
from codebench.sandbox import Batch, CaseGroup, Conclusion, Execution, Job, Outcome

ENAM = "enam"
_MOST = 4  # repetitions
_ONCE = 1.25  # how far one repetition may be wrong
_SHORT_S = 0.0003  # a tick of the kernel, or a page that is touched first, costs a third of such a call or more
_LEAST_OF_SHORT = 3  # repetitions, so that one such call among them does not count for much
_TOLERANCE = 0.01  # of the score
_OF_ENAM = 6
_WARM_UPS = 4  # calls
_CUT = 1.25  # of the limit: a call is cut off there, so that one which takes as long as the limit is seen to do so
_CUT_S = 0.02
_KEPT = 64
_ENDED = {Outcome.TIMED_OUT: "timeout", Outcome.OUT_OF_MEMORY: "memory"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What is known of a problem before its first answer: times of the reference against itself, and their score."""

    levels: tuple[Level, ...]
    floor: float
    naive_ratio: float | None = None

    @property
    def slowest_s(self) -> float:
        return max(level.reference_s for level in self.levels)


class EfficiencyGrader:
    """Times right answers. It has no grade for problems without a workload."""

    name = "efficiency"
    of_right_answers = True

    def __init__(self) -> None:
        self._repetitions = Repetitions()
        self._openings: OrderedDict[Problem, asyncio.Task[Opening]] = OrderedDict()

    async def grade(self, problem: Problem, code: str, bench: Bench) -> Grade | None:
        """Time one answer. Raises SandboxError, and PackError where reference or generator of inputs fails."""
        if problem.workload is None:
            return None
        course = await self._course(problem, problem.workload, bench)
        opening = await self._opening(course)
        levels: list[Level] = []
        for number, level in enumerate(opening.levels):
            if levels and (levels[-1].ended or (not course.enam and _over(levels[-1], opening))):
                levels.append(replace(level, ended=levels[-1].ended or "timeout"))
                continue
            try:
                levels.append(await _timed(course, code, opening, number))
            except WrongError as error:
                return Grade(grader=self.name, verdict=error.verdict, detail=f"timed at size {level.size}: {error}")
        efficiency = Efficiency(
            levels=tuple(levels),
            floor=opening.floor,
            clock=course.clock,
            rules=course.workload.rules,
            naive_ratio=opening.naive_ratio,
        )
        memory = max((duel.own_bytes for level in levels for duel in level.duels), default=None)
        return Grade(grader=self.name, verdict=Verdict.PASS, memory_bytes=memory, efficiency=efficiency)

    async def _course(self, problem: Problem, workload: Workload, bench: Bench) -> Course:
        """With the inputs that warm up, which are looked for once and not for every repetition; none for enam."""
        level, repetition = warm_up_level(workload)
        found = (
            await self._repetitions.inputs(problem, workload, level, repetition, bench)
            if workload.rules != ENAM
            else ()
        )
        return Course(
            problem=problem,
            workload=workload,
            bench=bench,
            repetitions=self._repetitions,
            warm_up=found[:_WARM_UPS],
        )

    async def _opening(self, course: Course) -> Opening:
        """That of the problem; made once."""
        task = self._openings.get(course.problem)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._openings[course.problem] = asyncio.create_task(_open(course))
        while len(self._openings) > _KEPT:
            self._openings.popitem(last=False)
        return await asyncio.shield(task)


class WrongError(Exception):
    """A timed call gave what it must not."""

    def __init__(self, verdict: Verdict, detail: str) -> None:
        super().__init__(detail)
        self.verdict = verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What all answers to a problem have to run. Levels are numbered among those that are timed.

    `warm_up` is what both sides are called on before it counts.
    """

    problem: Problem
    workload: Workload
    bench: Bench
    repetitions: Repetitions
    warm_up: Inputs

    @property
    def enam(self) -> bool:
        return self.workload.rules == ENAM

    @property
    def clock(self) -> str:
        return INSIDE if self.enam else CPU

    @property
    def reference(self) -> str:
        return self.problem.prompt + self.problem.canonical_solution

    async def inputs(self, number: int, repetition: int) -> Inputs:
        """The inputs of a level; each repetition has its own, unless enam is followed."""
        level, repetition = self.workload.timed[number], 0 if self.enam else repetition
        return await self.repetitions.inputs(self.problem, self.workload, level, repetition, self.bench)

    async def run(self, code: str, inputs: Inputs, limit_s: float, turn: int) -> Execution:
        """One repetition: the code against the reference, `limit_s` for every call."""
        oracle, count = self.workload.oracle, len(inputs)
        group = CaseGroup(inputs=inputs, limits_s=(limit_s,) * count, oracle=oracle.source, reflexive=oracle.reflexive)
        limits = self.bench.limits
        job = Job(
            source=code,
            entry_point=self.problem.entry_point,
            context=context_of(self.problem),
            seed_key=self.problem.task_id,
            limits=replace(limits, timeout_s=limits.timeout_s + 4 * limit_s * count),
            batch=Batch(
                groups=(group,),
                total_s=0.0,
                rival=self.reference,
                turn=turn,
                warm_up=self.warm_up,
                repeats=_OF_ENAM if self.enam else 1,
            ),
        )
        return await self.bench.sandbox.run(job)


async def _open(course: Course) -> Opening:
    """Time the reference against itself, as seldom as any answer is: the floor is no lower than it is.

    It is trusted, so one pair of processes may do several levels.
    """
    workload = course.workload
    levels = [Level(size=workload.sizes[place], weight=workload.weights[place]) for place in workload.timed]
    levels = await _timed_alone(course, levels, range(len(levels)), 0)
    short = [number for number, level in enumerate(levels) if _least(course, level) > 1]
    for repetition in range(1, _LEAST_OF_SHORT) if short else ():
        # Backwards once, as the first call of a process touches memory that later ones find.
        levels = await _timed_alone(course, levels, short[:: -1 if repetition % 2 else 1], repetition)
    floor = score_of(Efficiency(levels=tuple(levels), rules=workload.rules), clip=False).value
    known = tuple(replace(level, duels=(), reference_s=level_s(level, course.enam) or 0.0) for level in levels)
    return Opening(levels=known, floor=floor, naive_ratio=await _naive_ratio(course, known[0]))


async def _timed_alone(course: Course, levels: list[Level], numbers: Sequence[int], repetition: int) -> list[Level]:
    """The levels, with a further duel of the reference with itself for each of `numbers`. Raises PackError."""
    inputs = [await course.inputs(number, repetition) for number in numbers]
    everything = tuple(itertools.chain(*inputs))
    execution = await course.run(course.reference, everything, course.bench.limits.timeout_s, repetition)
    report = execution.report
    if report.conclusion is not Conclusion.COMPLETED or report.duel is None:
        detail = report.failures[0].detail if report.failures else report.detail or execution.outcome
        problem = course.problem
        raise PackError(
            f"{problem.where or problem.task_id}: {problem.task_id}: the reference does not come through its inputs: "
            f"{detail}; give it --timeout or --memory, or correct it"
        )
    levels, start = list(levels), 0
    for number, of_level in zip(numbers, inputs, strict=True):
        place = slice(start, start + len(of_level))
        duel = replace(report.duel, own=report.duel.own[place], rival=report.duel.rival[place])
        levels[number] = replace(levels[number], duels=(*levels[number].duels, duel))
        start += len(of_level)
    return levels


def _least(course: Course, level: Level) -> int:
    """How often a level must be timed at least, by what is known of it."""
    return _LEAST_OF_SHORT if level.duels and not course.enam and rival_s(level) < _SHORT_S else 1


async def _naive_ratio(course: Course, level: Level) -> float | None:
    """How many times the reference's time the naive answer takes at the smallest level; None where it does not end."""
    if course.problem.naive_solution is None:
        return None
    naive = course.problem.prompt + course.problem.naive_solution
    report = (await course.run(naive, await course.inputs(0, 0), course.bench.limits.timeout_s, 0)).report
    if report.conclusion is not Conclusion.COMPLETED or report.duel is None:
        return None
    return score_of(Efficiency(levels=(replace(level, duels=(report.duel,)),), rules=course.workload.rules)).time_ratio


async def _timed(course: Course, code: str, opening: Opening, number: int) -> Level:
    """Repeat a level until its time is plain. Raises WrongError."""
    level = opening.levels[number]
    limit_s = FACTOR * opening.slowest_s * _CUT + _CUT_S
    while not _clear(course, level, opening):
        repetition = len(level.duels)
        execution = await course.run(code, await course.inputs(number, repetition), limit_s, repetition)
        report = execution.report
        if report.duel is not None:
            level = replace(level, duels=(*level.duels, report.duel))
        if report.conclusion is not Conclusion.COMPLETED:
            return replace(level, ended=_ended(execution))
    return level


def _clear(course: Course, level: Level, opening: Opening) -> bool:
    """Is the level's time by the reference's known as well as the score needs it?

    Once is enough outside of the band between the reference's time, where the score is 1 and more than that counts for
    little, and the limit, where it is 0 from. Inside it takes two, and more where another one could move it across an
    edge, which matters at the limit in any case, for it ends the answer, and at the reference's time only by the slope
    of the score. Short calls are timed three times in any case.
    """
    timed = len(level.duels)
    if timed < _least(course, level):
        return False
    if course.enam or timed >= _MOST:
        return True
    ratios = _ratios(level)
    low, high, limit = min(ratios), max(ratios), _limit(level, opening)
    if timed == 1:
        return high * _ONCE < 1.0 or low > limit * _ONCE
    spread = high - low
    share = level.weight / sum(course.workload.weights)
    matters = share * spread / (limit - 1.0) > _TOLERANCE
    return not any(low - spread <= edge <= high + spread for edge in ((1.0, limit) if matters else (limit,)))


def _over(level: Level, opening: Opening) -> bool:
    """Is a level whose time is clear beyond the limit, so that all larger ones count 0?"""
    return min(_ratios(level)) > _limit(level, opening) * _ONCE


def _ratios(level: Level) -> list[float]:
    """The answer's time by the reference's in each repetition."""
    alone = [replace(level, duels=(duel,)) for duel in level.duels]
    return [(level_s(one) or 0.0) / rival_s(one) for one in alone]


def _limit(level: Level, opening: Opening) -> float:
    """The limit by the reference's time at this level."""
    return FACTOR * max(opening.slowest_s, rival_s(level)) / rival_s(level)


def _ended(execution: Execution) -> str:
    """Why the answer did not come through a level. Raises WrongError where it is not for want of time or memory."""
    report = execution.report
    if execution.outcome in _ENDED and report.conclusion is Conclusion.BROKEN_OFF:
        return _ENDED[execution.outcome]
    if report.failures and report.failures[0].exception in ("MemoryError", "OverflowError"):
        return "memory"
    verdict = Verdict.FAIL if report.conclusion is Conclusion.REFUTED else Verdict.ERROR
    raise WrongError(verdict, report.failures[0].detail if report.failures else report.detail)

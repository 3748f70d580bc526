"""The answers of a run: those that a model gave before and that are on disk, then those that are still to be made."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from codebench.generators import Failure, GeneratorError, Repairer, Sample
from codebench.graders import Grade, Verdict
from codebench.problems import Problem
from codebench.runs.outcomes import deciding_grade, verdict_of
from codebench.runs.plan import Plan
from codebench.runs.record import Record
from codebench.runs.records import SavedSample, Writer, open_samples, read_samples

Key = tuple[str, int]
_MOST_FEEDBACK = 2000
_RAISED = re.compile(
    r"of the test: (?P<message>.*) \(raised by the candidate as (?P<name>\w+)(?:, (?P<line>line \d+))?\)", re.DOTALL
)
_RAISED_FOR_AN_INPUT = re.compile(
    r"input \d+ of \S+: raised (?P<name>\w+)(?:, (?P<line>line \d+))?: (?P<message>.*)", re.DOTALL
)
_WHAT = {
    Verdict.FAIL: "It gives a wrong result in a test.",
    Verdict.ERROR: "It ends in an error:",
    Verdict.TIMEOUT: "It takes too long.",
    Verdict.MEMORY: "It takes too much memory.",
    Verdict.NO_CODE: "There is no Python code in it.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What the records say about one round: which samples are graded, and the failures of the round before."""

    graded: frozenset[Key]
    failed: Mapping[Key, Record]

    @classmethod
    def of(cls, records: Iterable[Record], number: int) -> Done:
        graded, failed = set(), {}
        for record in records:
            key = record.task_id, record.sample
            if record.round == number and record.error is None:
                graded.add(key)
            elif record.round == number - 1 and verdict_of(record) not in (None, Verdict.PASS):
                failed[key] = record
        return cls(graded=frozenset(graded), failed=failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The answers that one round needs: `missing` of them, by task and sample, beside `done` that are graded."""

    round: int
    problems: Mapping[Key, Problem]
    done: int
    failures: Mapping[Key, Failure] = field(default_factory=dict)

    @property
    def missing(self) -> int:
        return len(self.problems)


class Answers:
    """Where answers come from. What a model gives is written to the samples.jsonl at `path` before it is graded."""

    def __init__(self, plan: Plan, path: Path, *, keep_all: bool = False) -> None:
        """`keep_all`: write answers that no model gave, too, though they can be had again for nothing."""
        self._plan = plan
        self._path = path
        self._keep_all = keep_all

    def first_ones(self, done: Done) -> Wanted:
        pairs = {(one.task_id, index): one for one in self._plan.suite.problems for index in range(self._plan.samples)}
        missing = {key: problem for key, problem in pairs.items() if key not in done.graded}
        return Wanted(round=0, problems=missing, done=len(pairs) - len(missing))

    def repairs(self, done: Done, number: int) -> Wanted:
        problems = {problem.task_id: problem for problem in self._plan.suite.problems}
        failures = {
            key: Failure(problem=problems[key[0]], sample=_sample_of(record, record.code), feedback=_feedback(record))
            for key, record in done.failed.items()
            if key not in done.graded and key[0] in problems
        }
        missing = {key: failure.problem for key, failure in failures.items()}
        return Wanted(round=number, problems=missing, done=len(done.failed) - len(missing), failures=failures)

    def saved(self, wanted: Wanted) -> int:
        """How many of the answers are in the file."""
        keys = {(saved.task_id, saved.sample) for saved in read_samples(self._path) if saved.round == wanted.round}
        return len(keys & wanted.problems.keys())

    async def samples(self, wanted: Wanted) -> AsyncIterator[tuple[Problem, Sample]]:
        """Each sample that is missing, with its problem. Raises GeneratorError unless exactly those come."""
        outstanding = dict(wanted.problems)
        for saved in read_samples(self._path):
            problem = outstanding.get((saved.task_id, saved.sample))
            if problem is not None and saved.round == wanted.round:
                del outstanding[saved.task_id, saved.sample]
                yield problem, _sample_of(saved, saved.solution)
        if outstanding:
            with ExitStack() as stack:
                async for pair in self._generated(wanted, outstanding, LazyWriter(self._path, stack, self._keep_all)):
                    yield pair

    async def _generated(
        self, wanted: Wanted, outstanding: dict[Key, Problem], writer: LazyWriter
    ) -> AsyncIterator[tuple[Problem, Sample]]:
        async for sample in self._source(wanted, list(outstanding)):
            problem = outstanding.pop((sample.task_id, sample.index), None)
            if problem is None or sample.round != wanted.round:
                raise GeneratorError(
                    f"the generator gave answer {sample.index} to {sample.task_id}, which was not wanted"
                )
            writer.save(sample)
            yield problem, sample
        if outstanding:
            task_id, index = next(iter(outstanding))
            raise GeneratorError(f"the generator left out {len(outstanding)} answers, the first {index} to {task_id}")

    def _source(self, wanted: Wanted, keys: Sequence[Key]) -> AsyncIterator[Sample]:
        if not wanted.round:
            return self._plan.generator.generate([(wanted.problems[key], key[1]) for key in keys])
        assert isinstance(self._plan.generator, Repairer), "the plan saw to it"
        return self._plan.generator.repair([wanted.failures[key] for key in keys])


class LazyWriter:
    """Opens samples.jsonl when there is something to write."""

    def __init__(self, path: Path, stack: ExitStack, keep_all: bool) -> None:
        self._keep_all = keep_all
        self._path = path
        self._stack = stack
        self._writer: Writer[SavedSample] | None = None

    def save(self, sample: Sample) -> None:
        by_model = sample.generation is not None and sample.generation.prompt
        if not (by_model or self._keep_all):
            return
        self._writer = self._writer or self._stack.enter_context(open_samples(self._path))
        self._writer.append(
            SavedSample(
                task_id=sample.task_id,
                sample=sample.index,
                round=sample.round,
                solution=sample.code,
                generation=sample.generation,
            )
        )


def feedback_of(grade: Grade) -> str:
    """What may be said of a wrong answer: how it ended and its own error, never what the tests expect."""
    if raised := _RAISED.search(grade.detail) or _RAISED_FOR_AN_INPUT.match(grade.detail):
        line = f" in {raised['line']}" if raised["line"] else ""
        return f"It raises {raised['name']}{line}: {raised['message']}"[:_MOST_FEEDBACK]
    what = _WHAT.get(grade.verdict, "It is wrong.")
    return f"{what}\n{grade.detail}"[:_MOST_FEEDBACK] if grade.verdict is Verdict.ERROR else what


def _feedback(record: Record) -> str:
    grade = deciding_grade(record)
    assert grade is not None, "only graded answers count as failed"
    return feedback_of(grade)


def _sample_of(line: Record | SavedSample, code: str) -> Sample:
    return Sample(task_id=line.task_id, index=line.sample, round=line.round, code=code, generation=line.generation)

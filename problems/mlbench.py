"""ML-Bench: tasks that use a public repository of machine learning (Tang et al. 2023).

The records are read from `ml-bench/full.jsonl` or `ml-bench/quarter.jsonl` in the data directory, the repositories from
`ml-bench/repos/NAME`; docs/ml-bench.md says how to get them. Nothing can be pulled: upstream's test set is not in its
git repository, and its environments are an image of many gigabytes.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from codebench.problems.datafile import data_directory, find_in, sha256_of
from codebench.problems.jsonl import read_rows
from codebench.problems.problem import PackError, Problem, Suite
from codebench.problems.repository import (
    AnswerLanguage,
    Argument,
    Repository,
    RepositoryTask,
    Setting,
    WantedArguments,
    WantedLanguage,
    WantedRun,
)
from codebench.problems.repository_pack import SignRow, arguments_in, check_signs, has_folder, sign_of
from codebench.problems.repository_sources import LOCK, NAME_OF_REPOSITORY, joint_sha256
from codebench.problems.repository_store import from_folder, text_of
from codebench.problems.upstream_rules import HARNESS, TIMEOUT_S, with_upstream_rules

NAME = "ml-bench"
_LANGUAGES = {"Bash Script": AnswerLanguage.BASH, "Python Code": AnswerLanguage.PYTHON}
_REPOSITORIES, _IMAGE = "repos", "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class MlBenchRow:
    """One record, as published; `script` and `milestones` are for whoever knows them, and as in tasks.jsonl."""

    id: int
    github_id: int
    github: str
    path: str
    arguments: dict[str, object] | str | None
    instruction: str
    oracle: str
    type: str
    output: str
    prefix_code: str | None = None
    readme_content: str | None = None
    bm25_result: str | list[str] | None = None
    script: str = ""
    milestones: tuple[SignRow, ...] = (SignRow(exits=0),)

    @property
    def repository(self) -> str:
        """The last part of the address."""
        return self.github.rstrip("/").removesuffix(".git").rpartition("/")[2]


def load(data: Path | None) -> Suite:
    """The whole test set. Raises PackError, with what to put where, for what is missing."""
    return _load(data, "full", NAME)


def load_quarter(data: Path | None) -> Suite:
    """A quarter of it, upstream's choice."""
    return _load(data, "quarter", f"{NAME}:quarter")


def _load(data: Path | None, split: str, name: str) -> Suite:
    directory = data_directory(data)
    path = find_in(directory, [f"{NAME}/{split}.jsonl{ending}" for ending in ("", ".gz")]) if directory else None
    if path is None:
        where = f"is not in {directory}" if directory else "cannot be pulled"
        raise PackError(
            f"{name}: {NAME}/{split}.jsonl {where}; name the folder that holds it with --data DIR (docs/ml-bench.md)"
        )
    rows = [(f"{path}:{number}", row) for number, row in read_rows(path, MlBenchRow)]
    if not rows:
        raise PackError(f"{path}:1: the file holds no records")
    _check_rows(rows)
    repositories = _repositories([row for _, row in rows], path.parent)
    return Suite(
        name=name,
        problems=tuple(_problems(rows, {one.name: one for one in repositories})),
        sha256=joint_sha256(sha256_of(path), repositories),
        source=f"{NAME}/{path.name}",
        compat=(HARNESS,),
        image=str(path.parent / _IMAGE) if (path.parent / _IMAGE / LOCK).is_file() else "",
        repositories=repositories,
        setting=Setting.ORACLE,
    )


def _repositories(rows: Sequence[MlBenchRow], folder: Path) -> tuple[Repository, ...]:
    """Those that the records name. Raises PackError, in one line, where some are not there."""
    wanted = Counter(row.repository for row in rows)
    addresses = {row.repository: row.github for row in rows}
    missing = [name for name in wanted if not (folder / _REPOSITORIES / name).is_dir()]
    if missing:
        first = missing[0]
        others = f", nor are {len(missing) - 1} others ({', '.join(missing[1:4])})" if len(missing) > 1 else ""
        raise PackError(
            f"{folder / _REPOSITORIES / first}: the repository of {wanted[first]} of {len(rows)} records is not there"
            f"{others}; put a checkout of {addresses[first]} there, or leave those records out of the file"
        )
    trees = {name: from_folder(folder / _REPOSITORIES / name, NAME) for name in wanted}
    return tuple(Repository(name=name, tree=tree, sha256=digest) for name, (tree, digest) in trees.items())


def _check_rows(rows: Sequence[tuple[str, MlBenchRow]]) -> None:
    seen: dict[int, str] = {}
    for where, row in rows:
        if not NAME_OF_REPOSITORY.fullmatch(row.repository):
            raise PackError(f"{where}: field `github`: {row.github!r} is not the address of a repository")
        if seen.setdefault(row.id, where) != where:
            raise PackError(f"{where}: field `id`: {row.id} is in {seen[row.id]} already")


def _problems(rows: Sequence[tuple[str, MlBenchRow]], known: Mapping[str, Repository]) -> Iterator[Problem]:
    for where, row in rows:
        yield with_upstream_rules(_problem(row, known[row.repository], where), _upstream_timeout_s(row))


def _problem(row: MlBenchRow, repository: Repository, where: str) -> Problem:
    cwd = _folder(row.path, repository, where)
    language = _language(row.type, where)
    check_signs(row.milestones, where)
    found = row.bm25_result if row.bm25_result is not None else ""
    return Problem(
        task_id=f"ML-Bench/{row.id}",
        prompt="",
        entry_point="",
        canonical_solution=row.output,
        checks=(
            WantedArguments(wanted=_wanted(row.arguments, where), script=row.script, ignore_case=True),
            WantedLanguage(language=language),
            WantedRun(
                repository=row.repository, signs=tuple(map(sign_of, row.milestones)), cwd=cwd, set_up=_set_up(row)
            ),
        ),
        tags=(row.repository, language.value),
        where=where,
        task=RepositoryTask(
            repository=row.repository,
            instruction=row.instruction,
            language=language,
            cwd=cwd,
            oracle=row.oracle,
            retrieved=found if isinstance(found, str) else "\n".join(found),
            readme=row.readme_content if row.readme_content is not None else _readme(repository, cwd),
        ),
    )


def _wanted(given: Mapping[str, object] | str | None, where: str) -> Mapping[str, Argument]:
    """The arguments; where there are none the field is null, "" or an empty object."""
    return MappingProxyType(arguments_in(given, where) if given and str(given).strip() else {})


def _set_up(row: MlBenchRow) -> str:
    """Code that comes before a Python answer; upstream's harness does not run it before a shell's."""
    return (row.prefix_code or "") if row.type == "Python Code" else ""


def _folder(path: str, repository: Repository, where: str) -> str:
    """`./examples/x` as a folder of the repository."""
    cwd = path[1:].strip("/")
    if path[:1] != "." or not has_folder(repository, cwd):
        raise PackError(f"{where}: field `path`: {path!r} is not a folder of the repository, such as ./examples")
    return cwd


def _readme(repository: Repository, cwd: str) -> str:
    """That of the folder, else that of the repository, "" where neither has one."""
    for path in dict.fromkeys((f"{cwd}/README.md".lstrip("/"), "README.md")):
        with contextlib.suppress(PackError):
            return text_of(repository.tree, path, NAME)
    return ""


def _language(kind: str, where: str) -> AnswerLanguage:
    language = _LANGUAGES.get(kind.strip())
    if language is None:
        raise PackError(f"{where}: field `type`: {kind!r}; there are: {', '.join(_LANGUAGES)}")
    return language


def _upstream_timeout_s(row: MlBenchRow) -> float:
    """4 s for vid2vid, 7 s for Python answers to the eleventh repository, else 10 s: utils/exec.py."""
    if row.github_id == 5:
        return 4.0
    return 7.0 if row.github_id == 11 and row.type == "Python Code" else TIMEOUT_S

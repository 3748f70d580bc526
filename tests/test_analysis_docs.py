"""The blocks of docs/analysis.md are run in order, and what they find is what the report says."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest
from documents import blocks, commands, needs, prepare_these, text_of

from codebench.cli.main import run as run_command_line
from codebench.runs import Run, summarise_run

PAGE = "docs/analysis.md"
_BLOCK = re.compile(r"^```(python|sql)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the page says that it has, and its exports."""
    place = tmp_path_factory.mktemp("analysis")
    prepare_these(needs(PAGE), place)
    before = Path.cwd()
    os.chdir(place)
    exports = [one for block in blocks(PAGE) if block.kind == "console" for one in commands(block)]
    assert [run_command_line(command.words()) for command in exports] == [0] * len(exports)
    yield place
    os.chdir(before)


@pytest.fixture(scope="module")
def runs(folder: Path) -> tuple[Run, Run]:
    return summarise_run(folder / "codebench-runs/BASE"), summarise_run(folder / "codebench-runs/HEAD")


def section(name: str) -> list[tuple[str, str]]:
    """The blocks below a heading, each with its language."""
    text = text_of(PAGE).partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    return _BLOCK.findall(text)


def executed(name: str) -> dict[str, Any]:
    """The names that the Python below a heading leaves behind."""
    found: dict[str, Any] = {}
    for language, code in section(name):
        assert language == "python"
        exec(compile(code, f"{PAGE}, {name}", "exec"), found)
    return found


def check_scores(found: Mapping[str, Any], run: Run) -> None:
    expected = run.summary.pass_at_k[1]
    assert expected is not None
    assert (found["pass_1"], found["low"], found["high"]) == pytest.approx(
        (expected.value, expected.low, expected.high)
    )


def verdicts_of(run: Run) -> dict[str, int]:
    return {str(verdict): count for verdict, count in run.summary.verdicts.items() if count}


def problems_of(run: Run) -> dict[str, tuple[int, int]]:
    return {row.task_id: (row.graded, row.passed) for row in run.summary.rows}


def rules_of(run: Run) -> dict[tuple[str, str], int]:
    assert run.summary.findings is not None
    return {(row.rule, row.severity): row.findings for row in run.summary.findings.rules if row.findings}


def difference_of(runs: tuple[Run, Run]) -> float:
    base, head = (run.summary.pass_at_k[1] for run in runs)
    assert base is not None
    assert head is not None
    return head.value - base.value


def test_every_block_below_a_heading_is_tried() -> None:
    tried = sum(len(section(name)) for name in ("pandas", "DuckDB", "polars", "codebench itself"))
    assert tried == len(_BLOCK.findall(text_of(PAGE))) > 10


def test_pandas_finds_what_the_report_says(folder: Path, runs: tuple[Run, Run]) -> None:
    head = runs[1]
    found = executed("pandas")
    check_scores(found, head)
    assert found["verdicts"].to_dict() == verdicts_of(head)
    rows = found["by_problem"][["graded", "passed"]].itertuples()
    assert {row[0]: (row[1], row[2]) for row in rows} == problems_of(head)
    assert found["difference"] == pytest.approx(difference_of(runs))
    assert found["rules"].to_dict() == rules_of(head)
    assert len(found["grades"]) >= head.summary.graded
    passes = found["checks"].query("grader == 'correctness' and verdict == 'pass'")
    assert len(passes) == head.summary.verdicts["pass"]


def test_duckdb_finds_what_the_report_says(folder: Path, runs: tuple[Run, Run]) -> None:
    head = runs[1]
    with duckdb.connect() as database:
        found = {}
        for language, query in section("DuckDB"):
            assert language == "sql"
            found[query.partition("\n")[0].removeprefix("-- ")] = database.execute(query).fetchall()
        rows = database.execute("SELECT task_id, graded, passed FROM by_problem").fetchall()
        table = database.execute("SELECT verdict, count(*) FROM 'head.parquet' WHERE round = 0 GROUP BY ALL").fetchall()
    check_scores(dict(zip(("pass_1", "low", "high"), found["pass@1 and its interval"][0], strict=True)), head)
    assert dict(found["verdicts"]) == verdicts_of(head) == dict(table)
    assert {task_id: (graded, passed) for task_id, graded, passed in rows} == problems_of(head)
    differences = [row[3] for row in found["two runs"]]
    assert sum(differences) / len(differences) == pytest.approx(difference_of(runs))
    own = found["findings in lines of the model's own"]
    assert {(rule, severity): count for rule, severity, count in own} == rules_of(head)
    assert sum(count for _, verdict, count in found["checks"] if verdict == "pass") == head.summary.verdicts["pass"]


def test_polars_finds_what_the_report_says(folder: Path, runs: tuple[Run, Run]) -> None:
    head = runs[1]
    found = executed("polars")
    check_scores(found, head)
    assert dict(found["verdicts"].rows()) == verdicts_of(head)
    assert {row[0]: (row[1], row[2]) for row in found["by_problem"].rows()} == problems_of(head)
    assert found["difference"] == pytest.approx(difference_of(runs))
    assert {(rule, severity): count for rule, severity, count in found["rules"].rows()} == rules_of(head)
    passes = found["checks"].filter(grader="correctness", verdict="pass")
    assert len(passes) == head.summary.verdicts["pass"]


def test_codebench_itself_finds_what_the_report_says(folder: Path, runs: tuple[Run, Run]) -> None:
    head = runs[1]
    found = executed("codebench itself")
    check_scores(found, head)
    assert {str(verdict): count for verdict, count in found["verdicts"].items()} == verdicts_of(head)
    shares = {task_id: passed / graded for task_id, (graded, passed) in problems_of(head).items()}
    assert dict(found["by_problem"]) == pytest.approx(shares)

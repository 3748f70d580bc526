"""The bundled pack of repository tasks: each of its answers gets its verdict in a real sandbox, by our rules."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from codebench.cli.main import run
from codebench.graders import Analysers, Bench, Grade, Verdict
from codebench.graders.correctness import CorrectnessGrader
from codebench.problems import AnswerKind, Problem, Suite
from codebench.problems.pack import load_folder, load_starter_repo
from codebench.runs import EvalOptions, evaluate
from codebench.runs.plan import furnished
from codebench.runs.records import read_records
from codebench.runs.selfcheck import SelfcheckOptions, selfcheck
from codebench.sandbox import Limits, SandboxOptions, namespaces

PACK = Path(__file__).parent.parent / "problems" / "starter_repo"
EVERY_PATH = (
    "pixmix-flip",
    "pixmix-rotate",
    "pixmix-watch",
    "quill-predict",
    "quill-top-words",
    "weft-cli",
    "weft-fell",
)


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_starter_repo(None)


def checked(suite: str, backend: str) -> dict[str, tuple[int, int]]:
    sandbox = SandboxOptions(workers=6, limits=Limits())
    found = selfcheck(SelfcheckOptions(suite=suite, backend=backend, sandbox=sandbox))
    assert found.violations == ()
    return {one.name: (one.good, one.total) for one in found.categories}


@pytest.mark.slow
def test_every_answer_of_the_pack_gets_its_verdict_by_the_check_that_must_decide() -> None:
    found = checked("starter-repo", "namespaces")
    assert all(good == total == 28 for good, total in found.values())
    assert len(found) == 6


@pytest.mark.slow
@pytest.mark.docker
def test_answers_of_every_kind_of_task_get_their_verdict_in_docker(tmp_path: Path) -> None:
    (tmp_path / "repos").symlink_to(PACK / "repos")
    (tmp_path / "pack.toml").write_bytes((PACK / "pack.toml").read_bytes())
    lines = (PACK / "tasks.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "tasks.jsonl").write_text(
        "".join(line for line in lines if any(f"/{one}" in line for one in EVERY_PATH))
    )
    found = checked(f"{tmp_path}/", "docker")
    assert all(good == total == len(EVERY_PATH) for good, total in found.values())


def graded(suite: Suite, answers: list[tuple[Problem, str]]) -> list[Grade]:
    """The grades, one answer after the other in one box."""

    async def grade() -> list[Grade]:
        options = furnished(SandboxOptions(workers=1, limits=Limits()), suite)
        async with Analysers(1) as analysers, namespaces.open_sandbox(options) as sandbox:
            bench = Bench(sandbox=sandbox, limits=Limits(), analysers=analysers)
            found = [await CorrectnessGrader().grade(problem, code, bench) for problem, code in answers]
        return [one for one in found if one is not None]

    return asyncio.run(grade())


def problem_of(suite: Suite, name: str) -> Problem:
    return next(problem for problem in suite.problems if problem.task_id == f"starter-repo/{name}")


def test_upstreams_rules_pass_what_ours_refuse(suite: Suite) -> None:
    """A sleep is a success there, any text with the values in it will do, and nobody looks at the output."""
    ours, theirs = (problem_of(one, "pixmix-brightness") for one in (suite, suite.under("ml-bench")))
    theirs = replace(theirs, checks=(*theirs.checks[:2], replace(theirs.checks[2], timeout_s=1.0)))
    texts = "samples/harbour.ppm out/bright.ppm brightness 1.6"
    sleeper = f"sleep 60 # x.py {texts}\n"
    nothing = f"echo augment.py {texts}\n"
    crashing = f"python none.py {texts}\n"
    found = graded(suite, [(one, code) for one in (ours, theirs) for code in (sleeper, nothing, crashing)])
    assert [(one.verdict, one.checks[0].verdict) for one in found[:3]] == [(Verdict.FAIL, Verdict.FAIL)] * 3
    assert [one.verdict for one in found[3:]] == [Verdict.PASS, Verdict.PASS, Verdict.ERROR]


def test_upstream_fails_a_right_answer_whose_text_has_no_list_in_it(suite: Suite) -> None:
    theirs = problem_of(suite.under("ml-bench"), "pixmix-crop")
    (grade,) = graded(suite, [(theirs, theirs.canonical_solution)])
    assert grade.verdict is Verdict.FAIL and grade.checks[0].name == "arguments"


def test_what_one_answer_does_to_the_repository_is_not_there_for_the_next(suite: Suite) -> None:
    problem = problem_of(suite, "weft-thread")
    hostile = next(one.code for one in problem.answers if one.kind is AnswerKind.HOSTILE)
    right = problem.canonical_solution
    found = graded(suite, [(problem, code) for code in (right, hostile, right, hostile, right)])
    assert [one.verdict for one in found] == [Verdict.PASS, Verdict.ERROR] * 2 + [Verdict.PASS]
    assert all(one.protected for one in found)


def test_a_detail_names_what_is_wrong_and_never_what_is_wanted(suite: Suite) -> None:
    problem = problem_of(suite, "pixmix-noise")
    other = "python augment.py --input samples/harbour.ppm --output o.ppm --op noise --amount 20\n"
    in_python = "print('--input samples/harbour.ppm')\n"
    found = graded(suite, [(problem, code) for code in (other, in_python, "python augment.py 'x", "")])
    assert found[0].detail == "output is 'o.ppm', which is not what is asked for; seed is missing"
    assert found[1].detail.startswith("input is missing; output is missing")
    assert found[2].detail.endswith("and line 1 is no shell syntax")
    assert found[3].verdict is Verdict.NO_CODE
    assert not any("noisy" in one.detail or "7" in one.detail for one in found)


def test_a_run_reports_by_check_and_by_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = evaluate(
        EvalOptions(
            suite="starter-repo",
            model="reference",
            task_ids=("starter-repo/weft-thread", "starter-repo/pixmix-flip"),
            sandbox="namespaces",
            setting="raw",
            out=tmp_path / "run",
        )
    )
    assert done.manifest.setting == "raw"
    assert done.manifest.repositories == {"starter-repo/weft-thread": "weft", "starter-repo/pixmix-flip": "pixmix"}
    assert list(done.summary.checks) == ["arguments", "type", "execution"]
    assert done.summary.repositories is not None and done.summary.repositories.printed is None
    assert [(row.repository, row.passed) for row in done.summary.repositories.rows] == [("pixmix", 1), ("weft", 1)]
    run(["report", str(tmp_path / "run")])
    shown = capsys.readouterr().out
    assert "By repository" in shown and "shown in the setting raw" in shown
    records = list(read_records(tmp_path / "run"))
    assert Counter(grade.stdout.text != "" for record in records for grade in record.grades) == {True: 1, False: 1}


def test_a_setting_belongs_to_tasks_that_have_documentation(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", "--suite", "starter", "--model", "reference", "--setting", "raw"]) == 64
    assert "this suite has no documentation to show" in capsys.readouterr().err
    assert run(["eval", "--suite", "starter-repo", "--model", "reference", "--setting", "row"]) == 64
    assert "there is no such setting; there are: oracle, retrieval, raw" in capsys.readouterr().err


def test_an_installed_pack_is_the_pack_of_the_checkout(suite: Suite) -> None:
    assert load_folder(PACK).sha256 == suite.sha256


PAGE = Path(__file__).parent.parent / "docs" / "repository-tasks.md"


def test_the_pack_of_the_page_is_one(tmp_path: Path) -> None:
    for name, text in re.findall(
        r"^.*?`([\w./]+)`[^\n`]*:\n\n```\w+\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = checked(f"{tmp_path}/", "namespaces")
    assert found == {"references pass": (1, 1), "do-nothing answers do not": (1, 1), "wrong answers": (1, 1)}


def test_a_pack_that_declares_gpus_has_its_boxes_ask_for_them(suite: Suite) -> None:
    asking = replace(suite, repositories=tuple(replace(one, gpus=2) for one in suite.repositories))
    assert furnished(SandboxOptions(workers=1), suite).gpus == ""
    assert furnished(SandboxOptions(workers=1), asking).gpus == "2"
    assert furnished(SandboxOptions(workers=1, gpus="all"), asking).gpus == "all"

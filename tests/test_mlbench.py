"""ML-Bench: its records, its answers and its numbers. All records here are our own; upstream's are not public."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from codebench.cli.main import run
from codebench.generators import GenerationOptions
from codebench.generators.answer import command_in
from codebench.generators.replay import open_generator
from codebench.graders import Verdict
from codebench.graders.arguments import Ask, read
from codebench.graders.languages import upstream_language_of
from codebench.problems import AnswerLanguage, PackError, Setting, Suite, WantedArguments, WantedLanguage, WantedRun
from codebench.problems.mlbench import load, load_quarter
from codebench.runs import EvalOptions, evaluate
from codebench.runs.records import read_records

ROW = {
    "id": 7,
    "github_id": 2,
    "github": "https://example.org/someone/counter",
    "repo_id": 1,
    "path": "./tools",
    "arguments": "{'number': 3, 'mode': 'Fast'}",
    "instruction": "Count to 3 in the fast mode.",
    "oracle": "Run count.py with --number and --mode.",
    "type": "Bash Script",
    "output": "python count.py --number 3 --mode fast",
    "prefix_code": "",
    "readme_content": "A counter.\nIt counts.",
    "bm25_result": "It counts.",
}
PROGRAM = """
import argparse, time
parser = argparse.ArgumentParser()
parser.add_argument("--number", type=int)
parser.add_argument("--mode")
args = parser.parse_args()
for n in range(args.number):
    print("count", n + 1, flush=True)
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "ml-bench"
    (folder / "repos" / "counter" / "tools").mkdir(parents=True)
    (folder / "repos" / "counter" / "tools" / "count.py").write_text(PROGRAM)
    write(folder.parent)
    return folder.parent


def write(data: Path, *rows: dict[str, object], split: str = "full") -> Path:
    lines = [json.dumps(ROW | row) + "\n" for row in rows or ({},)]
    (data / "ml-bench" / f"{split}.jsonl").write_text("".join(lines))
    return data


def refused(data: Path | None) -> str:
    with pytest.raises(PackError) as raised:
        load(data)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_record_becomes_a_task(data: Path) -> None:
    suite = load(data)
    (problem,) = suite.problems
    arguments, language, execution = problem.checks
    assert isinstance(arguments, WantedArguments) and arguments.wanted == {"number": 3, "mode": "Fast"}
    assert isinstance(language, WantedLanguage) and language.language is AnswerLanguage.BASH
    assert isinstance(execution, WantedRun) and (execution.repository, execution.cwd) == ("counter", "tools")
    assert problem.task_id == "ML-Bench/7" and problem.canonical_solution == ROW["output"]
    assert [suite.in_setting(one).problems[0].task.shown for one in Setting] == [  # type: ignore[union-attr] # it has one
        ROW["oracle"], ROW["bm25_result"], ROW["readme_content"]
    ]  # fmt: skip


def test_a_record_without_its_readme_shows_the_repositorys(data: Path) -> None:
    write(data, {"readme_content": None, "bm25_result": None})
    for path, text in (("", ""), ("README.md", "Of all."), ("tools/README.md", "Of the tools.")):
        if path:
            (data / "ml-bench" / "repos" / "counter" / path).write_text(text)
        task = load(data).in_setting("raw").problems[0].task
        assert task is not None and task.shown == text


def test_upstreams_time_limits_go_by_repository_and_type(data: Path) -> None:
    rows = [{"id": n, "github_id": github_id, "type": kind} for n, (github_id, kind) in enumerate(
        [(5, "Bash Script"), (11, "Python Code"), (11, "Bash Script"), (1, "Python Code")])]  # fmt: skip
    suite = load(write(data, *rows)).under("ml-bench")
    runs = [problem.checks[2] for problem in suite.problems]
    assert [one.timeout_s for one in runs if isinstance(one, WantedRun)] == [4.0, 7.0, 10.0, 10.0]


def test_a_quarter_is_a_suite_of_its_own(data: Path) -> None:
    write(data, {}, {"id": 8}, split="quarter")
    assert (load_quarter(data).name, len(load_quarter(data).problems), len(load(data).problems)) == (
        "ml-bench:quarter",
        2,
        1,
    )


def test_prefix_code_is_run_before_a_program_and_not_before_a_command(data: Path) -> None:
    suite = load(write(data, {"prefix_code": "x = 1"}, {"id": 8, "prefix_code": "x = 1", "type": "Python Code"}))
    assert [one.set_up for p in suite.problems for one in p.checks if isinstance(one, WantedRun)] == ["", "x = 1"]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"arguments": "open('x')"}, "field `arguments`: neither JSON nor a Python literal"),
        ({"type": "Shell"}, "field `type`: 'Shell'; there are: Bash Script, Python Code"),
        ({"path": "/etc"}, "field `path`: '/etc' is not a folder of the repository"),
        ({"path": "./../x"}, "is not a folder of the repository"),
        ({"github": "https://example.org/x/.."}, "field `github`: 'https://example.org/x/..' is not the address"),
        ({"id": "seven"}, "Expected `int`, got `str`"),
    ],
)
def test_a_bad_record_is_one_line(data: Path, row: dict[str, object], says: str) -> None:
    message = refused(write(data, row))
    assert message.startswith(f"{data / 'ml-bench' / 'full.jsonl'}:1: ") and says in message


def test_what_is_missing_is_told_with_what_to_put_where(data: Path, tmp_path: Path) -> None:
    assert "ml-bench/full.jsonl cannot be pulled; name the folder that holds it with --data DIR" in refused(None)
    assert f"ml-bench/full.jsonl is not in {tmp_path}" in refused(tmp_path)
    others = [{"id": n, "github": f"https://example.org/x/repo{n}.git"} for n in range(3)]
    message = refused(write(data, ROW, *others))
    assert message.startswith(str(data / "ml-bench" / "repos" / "repo0"))
    assert "1 of 4 records is not there, nor are 2 others (repo1, repo2)" in message
    assert "put a checkout of https://example.org/x/repo0.git there" in message
    assert "field `id`: 7 is in" in refused(write(data, ROW, ROW))


@pytest.mark.parametrize("empty", [None, "", "{}", {}])
def test_a_record_may_want_no_arguments(data: Path, empty: object) -> None:
    check = load(write(data, {"arguments": empty})).problems[0].checks[0]
    assert isinstance(check, WantedArguments) and check.wanted == {}


ANSWERS = {
    7: ["python count.py --number 3 --mode fast"] * 2 + ["sleep 20 # x.py 3 fast"] * 3,
    8: [
        "sleep 20 # x.py 3 fast",
        "python count.py --number 3 --mode fast",
        *["python none.py --number 3 --mode fast"] * 3,
    ],
}


@pytest.fixture
def answers(data: Path, tmp_path: Path) -> Path:
    write(data, {}, {"id": 8, "github_id": 5})
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps({"id": n, "github_id": 2, "output": of}) + "\n" for n, of in ANSWERS.items()))
    return path


def evaluated(data: Path, answers: Path, **options: object) -> dict[tuple[str, int], Verdict]:
    done = evaluate(
        EvalOptions(suite="ml-bench", model=f"replay:{answers}", data=data, sandbox="namespaces", **options)  # type: ignore[arg-type] # a test's own
    )
    return {(one.task_id, one.sample): one.grades[0].verdict for one in read_records(done.directory)}


def test_saved_answers_are_judged_strictly(data: Path, answers: Path, tmp_path: Path) -> None:
    found = evaluated(data, answers, out=tmp_path / "run")
    assert [found["ML-Bench/7", n] for n in range(5)] == ["pass", "pass", "fail", "fail", "fail"]
    assert [found["ML-Bench/8", n] for n in range(5)] == ["fail", "pass", "error", "error", "error"]


def test_under_upstreams_rules_a_sleep_is_a_success_and_any_of_the_first_k_counts(
    data: Path, answers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = evaluate(
        EvalOptions(
            suite="ml-bench",
            model=f"replay:{answers}",
            data=data,
            sandbox="namespaces",
            compat="ml-bench",
            out=tmp_path / "run",
            task_ids=("ML-Bench/8",),
            workers=4,
        )
    )
    assert done.summary.verdicts[Verdict.PASS] == 2 and done.summary.verdicts[Verdict.ERROR] == 3
    assert done.summary.repositories is not None and done.summary.repositories.printed is not None
    printed = done.summary.repositories.printed
    assert (printed.rows, printed.left_out, printed.pass_at_k) == (1, 0, {1: 1.0, 2: 1.0, 5: 1.0})
    assert printed.repositories == {"counter": {1: 1.0, 2: 1.0, 5: 1.0}}
    capsys.readouterr()
    run(["report", str(tmp_path / "run")])
    shown = capsys.readouterr().out
    assert "As ML-Bench prints it" in shown


def test_a_file_of_answers_is_read_in_its_order(answers: Path, data: Path) -> None:
    suite: Suite = load(data)
    generator = open_generator(str(answers), suite.problems, GenerationOptions())
    assert generator.samples_per_problem(suite.problems) == 5


def test_the_published_agent_outputs_go_through_extraction_types_and_arguments(shared: Path) -> None:
    """The table of docs/ml-bench.md."""
    lines = (shared / "data" / "mlbench" / "agent_pass5_output.jsonl").read_text().splitlines()
    outputs = [one for line in lines for one in json.loads(line)["output"]]
    kinds = [upstream_language_of(one) for one in outputs]
    assert Counter(kinds) == {"bash": 113, "python": 252}
    found = [
        (kind, read(command_in(one, AnswerLanguage(kind)), Ask().as_json()))
        for kind, one in zip(kinds, outputs, strict=True)
    ]
    table = Counter(
        (kind, given.language, "unread" if given.unread else "arguments" if any(given.runs) else "none")
        for kind, given in found
    )
    assert table == {
        ("bash", "bash", "arguments"): 108,
        ("bash", "bash", "none"): 2,
        ("bash", "bash", "unread"): 1,
        ("bash", "python", "arguments"): 1,
        ("bash", "python", "unread"): 1,
        ("python", "bash", "none"): 4,
        ("python", "bash", "unread"): 5,
        ("python", "python", "arguments"): 222,
        ("python", "python", "none"): 1,
        ("python", "python", "unread"): 20,
    }

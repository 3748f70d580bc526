"""The GitHub Action: its steps in order, as a runner would carry them out, and the files that it and our CI consist of."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from action_runner import EXPRESSION, Job, artifact_store, environment, python_stand_in
from github_stand_in import TOKEN, Hub, serving

ROOT = Path(__file__).resolve().parents[1]
CODEBENCH = Path(sys.executable).with_name("codebench")
ACTION = ROOT / "action.yml"
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TASKS = (
    "starter/merge-departures",
    "starter/tab-stops",
    "starter/sparse-product",
    "starter/ticket-attachment",  # is attacked
    "starter/parts-search",  # is attacked
    "starter/spiral-checksum",
    "starter/paint-fence",
    "starter/wear-case",
)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving(Hub()) as served:
        yield served


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A checkout with right answers to some problems of the starter pack, half of them with a weakness."""
    (tmp_path / "checkout").mkdir()
    save_answers(tmp_path / "checkout", wrong=0)
    python_stand_in(tmp_path / "tools", CODEBENCH)
    return tmp_path


def save_answers(checkout: Path, *, wrong: int) -> list[str]:
    """Answers to the first problems, the first few of them wrong; gives the task ids."""
    lines = (ROOT / "problems/starter/problems.jsonl").read_text().splitlines()
    problems = [one for one in map(json.loads, lines) if one["task_id"] in TASKS]
    with (checkout / "answers.jsonl").open("w") as file:
        for number, problem in enumerate(problems):
            right = problem["prompt"] + problem["canonical_solution"]
            code = f"def {problem['entry_point']}(*a, **k):\n    return exec('1')\n" if number < wrong else right
            file.write(json.dumps({"task_id": problem["task_id"], "solution": code}) + "\n")
    return [problem["task_id"] for problem in problems]


def a_job(place: Path, hub: Hub, backend: str, event: str = "pull_request", **inputs: str) -> Job:
    temp = Path(place / f"temp-{len(list(place.iterdir()))}")
    temp.mkdir()
    payload: dict[str, Any] = {"repository": {"default_branch": "main"}}
    if event == "pull_request":
        payload["pull_request"] = {"number": 7, "base": {"ref": "main"}}
    (temp / "event.json").write_text(json.dumps(payload))
    env = environment(
        temp,
        place / "tools",
        GITHUB_ACTION_PATH=str(ROOT),
        GITHUB_API_URL=hub.url,
        GITHUB_EVENT_PATH=str(temp / "event.json"),
        GITHUB_REPOSITORY="o/r",
        GITHUB_RUN_ID="99",
        GITHUB_SERVER_URL="https://github.test",
        no_proxy="*",
    )
    return Job(
        action=ROOT,
        workspace=place / "checkout",
        temp=temp,
        env=env,
        github={"workflow": "Model", "job": "evaluate", "event_name": event, "token": TOKEN},
        uses=artifact_store(place / "artifacts"),
        inputs={
            "model": "replay:answers.jsonl",
            "suites": "starter",
            "tasks": "\n".join(TASKS),
            "sandbox": backend,
            "workers": "2",
            "grade": "correctness,security",
            **{name.replace("_", "-"): value for name, value in inputs.items()},
        },
    )


def an_artifact(name: str = "codebench", branch: str = "main", run: int = 11, head: int = 1) -> dict[str, Any]:
    return {
        "name": name,
        "expired": False,
        "created_at": f"2026-01-{run}T00:00:00Z",
        "workflow_run": {"id": run, "repository_id": 1, "head_repository_id": head, "head_branch": branch},
    }


def test_the_action_gates_pull_requests_against_the_artifact_of_main(place: Path, hub: Hub, backend: str) -> None:
    pushed = a_job(place, hub, backend, "push", baseline="artifact:codebench")
    assert pushed.run() == 0, pushed.done[-1].output
    assert pushed.outputs()["gate"] == "none" and pushed.outputs()["pass_at_1"] == "1.0"
    ((_, _, said),) = pushed.step("Find the baseline").commands
    assert said == "no baseline: there is no artifact 'codebench' yet"
    hub.artifacts = [an_artifact(), an_artifact(run=12, head=2), an_artifact(run=13, branch="other")]

    asked = {"baseline": "artifact:codebench", "max_regression": "pass@1=0.02", "fail_under": "pass@1=0.1"}
    same = a_job(place, hub, backend, **asked, artifact="pr", code_scanning="true")
    assert same.run() == 0, same.done[-1].output
    assert same.outputs()["gate"] == "pass"
    assert [comment["body"].splitlines()[1] for comment in hub.comments] == ["### codebench"]
    assert "**Gate: ✅ pass**" in hub.comments[0]["body"] and "**Gate: ✅ pass**" in same.summary

    lost = save_answers(place / "checkout", wrong=7)[:7]
    worse = a_job(place, hub, backend, **asked, artifact="pr")
    assert worse.run() == 1
    assert worse.done[-1].name == "Open or close the gate"
    assert worse.outputs()["gate"] == "fail" and worse.outputs()["pass_at_1"] == "0.125"
    assert 0 <= float(worse.outputs()["secure_at_1"]) <= 1 and worse.outputs()["eff_at_1"] == ""
    assert json.loads(worse.outputs()["metrics"])["starter"]["pass@1"] == 0.125
    assert len(hub.comments) == 1 and "**Gate: ❌ fail**" in hub.comments[0]["body"]
    assert all(task_id in hub.comments[0]["body"] for task_id in lost)
    annotated = worse.step("Write the reports").commands
    assert [name for name, _, _ in annotated] == ["error", *["warning"] * 7]
    assert {f"title=codebench%3A {task_id}" for task_id in lost} == {where for name, where, _ in annotated[1:]}
    for done in (one for job in (pushed, same, worse) for one in job.done if one.name != "Write the reports"):
        assert [name for name, _, _ in done.commands if name != "notice"] == [], done

    hub.read_only = True
    refused = worse.again("Comment")
    assert refused.code == 0
    ((name, _, said),) = refused.commands
    assert name == "notice" and "the token may not write here, as for pull requests from forks" in said

    found = place / "artifacts/pr"
    assert {"records.jsonl", "run.json"} <= {path.name for path in (found / "runs").iterdir()}
    assert "<html" in (found / "report.html").read_text()
    assert "<testsuite" in (found / "junit/starter.xml").read_text()
    assert json.loads((found / "sarif/starter.sarif").read_text())["version"] == "2.1.0"


def test_a_baseline_can_be_another_commit_of_the_repository(place: Path, hub: Hub) -> None:
    checkout = place / "checkout"
    git(checkout, "init", "-q", "-b", "main")
    git(checkout, "add", ".")
    git(checkout, "commit", "-qm", "right answers")
    save_answers(checkout, wrong=2)
    job = a_job(place, hub, "namespaces", baseline="git:main", max_regression="pass@1=0.1", comment="false")
    assert job.run() == 2, job.done[-1].output
    assert job.outputs()["gate"] == "inconclusive"
    assert git(checkout, "worktree", "list").count("\n") == 1
    assert hub.requests == []
    tolerated = job.again("Open or close the gate", inconclusive="pass")
    assert tolerated.code == 0 and [name for name, _, _ in tolerated.commands] == ["warning"]


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"suites": "strter"}, "did you mean starter"),
        ({"extras": "gguf]; touch pwned #"}, "extras must be names"),
        ({"baseline": "git:--upload-pack=touch pwned"}, "names no branch, tag or commit"),
        ({"baseline": "nowhere"}, "cannot read the baseline nowhere"),
        ({"policy": "no.toml"}, "cannot read no.toml"),
        ({"model": "$(touch pwned)`touch pwned`"}, "unknown generator"),
        ({"limit": '"; touch pwned; "'}, "is not a valid integer"),
        ({"limit": "--out=pwned"}, "is not a valid integer"),
    ],
    ids=str,
)
def test_bad_inputs_end_a_step_with_one_line_and_are_never_run(
    place: Path, hub: Hub, inputs: dict[str, str], says: str
) -> None:
    job = a_job(place, hub, "namespaces", **({"limit": "1", "comment": "false"} | inputs))
    assert job.run() == 64
    assert says in job.done[-1].output
    assert not list(place.rglob("pwned"))


def test_a_second_use_in_a_job_has_a_folder_of_its_own(place: Path, hub: Hub) -> None:
    job = a_job(place, hub, "namespaces")
    folders = []
    for _ in range(2):
        assert job.run(until="Install codebench") == 0
        folders.append(job.steps["install"]["dir"])
    assert folders[0] != folders[1]
    assert (place / "tools/pip-arguments").read_text() == f"install\n-q\n{ROOT}[html,gguf,humaneval]\n"


def git(cwd: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    return subprocess.run(["git", *identity, *arguments], cwd=cwd, capture_output=True, text=True, check=True).stdout


# --- the files


def steps_of(path: Path) -> list[dict[str, Any]]:
    document = yaml.safe_load(path.read_text())
    if "runs" in document:
        return list(document["runs"]["steps"])
    return [step for job in document["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", [ACTION, *WORKFLOWS], ids=lambda path: path.name)
def test_actions_of_others_are_pinned_by_a_full_commit_with_its_version(path: Path) -> None:
    used = re.findall(r"^\s*(?:- )?uses: (\S+)(.*)$", path.read_text(), re.MULTILINE)
    assert used or path == ACTION
    for action, comment in used:
        if action != "./":
            assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action), action
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action


@pytest.mark.parametrize("path", [ACTION, *WORKFLOWS], ids=lambda path: path.name)
def test_no_expression_is_part_of_a_shell_text(path: Path) -> None:
    for step in steps_of(path):
        assert not EXPRESSION.search(step.get("run", "")), step["run"]


def test_every_input_is_used_and_every_step_that_runs_a_shell_says_which() -> None:
    document = yaml.safe_load(ACTION.read_text())
    used = set(re.findall(r"inputs\.([\w-]+)", ACTION.read_text()))
    assert used == set(document["inputs"])
    assert all(step.get("shell") == "bash" for step in steps_of(ACTION) if "run" in step)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_have_the_least_permissions_and_no_secrets_for_forks(path: Path) -> None:
    text = path.read_text()
    document = yaml.safe_load(text)
    assert document["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in text and "secrets." not in text


@pytest.mark.parametrize(
    ("schema", "path"),
    [("vendor.github-actions", ACTION), *(("vendor.github-workflows", path) for path in WORKFLOWS)],
    ids=str,
)
def test_the_files_match_the_published_schemas(schema: str, path: Path) -> None:
    command = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", schema, path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_actionlint_finds_nothing() -> None:
    if not (actionlint := shutil.which("actionlint")):
        pytest.skip("actionlint is not on PATH: its package downloads a program that is not to be had everywhere")
    done = subprocess.run([actionlint, *WORKFLOWS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

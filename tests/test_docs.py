"""The commands in README and docs are real: those that need nothing from outside are run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CODEBENCH = Path(sys.executable).with_name("codebench")
FENCE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(document: str) -> list[str]:
    text = (ROOT / document).read_text()
    lines = [line for block in FENCE.findall(text) for line in block.splitlines()]
    return [line.partition("  #")[0].strip() for line in lines if line.startswith("codebench ")]


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder with what the README's commands name: saved answers, a finished run and a small pack."""
    problems = [json.loads(line) for line in (ROOT / "problems/starter/problems.jsonl").read_text().splitlines()][:2]
    pack = tmp_path / "my-pack"
    pack.mkdir()
    (pack / "problems.jsonl").write_text("".join(json.dumps(p) + "\n" for p in problems))
    (pack / "pack.toml").write_text('name = "my-pack"\nversion = "1"\nlicence = "MIT"\ndescription = "Two problems."\n')
    run("codebench eval --suite humaneval --model reference --out codebench-runs/RUN", tmp_path)
    with (
        (tmp_path / "codebench-runs/RUN/records.jsonl").open() as records,
        (tmp_path / "samples.jsonl").open("w") as out,
    ):
        for record in map(json.loads, records):
            out.write(json.dumps({"task_id": record["task_id"], "solution": record["code"]}) + "\n")
    return tmp_path


def run(command: str, cwd: Path) -> None:
    argv = [str(CODEBENCH), *shlex.split(command)[1:]]
    if "--sandbox" not in argv and argv[1] in ("eval", "grade", "selfcheck"):
        argv += ["--sandbox", "namespaces"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("CODEBENCH_")}
    done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_the_readme_has_commands() -> None:
    assert len(commands("README.md")) >= 7


def test_the_readme_commands_run(workplace: Path) -> None:
    for command in commands("README.md"):
        run(command, workplace)


def test_the_commands_about_security_run(tmp_path: Path) -> None:
    found = commands("docs/security-grader.md")
    assert len(found) == 4
    for command in found:
        run(command, tmp_path)


@pytest.mark.parametrize("document", ["README.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))])
def test_links_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text()
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", text):
        assert (ROOT / document).parent.joinpath(target).exists(), f"{document} links to {target}"

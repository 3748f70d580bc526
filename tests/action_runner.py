"""A stand-in for the runner of GitHub Actions: it carries out the steps of a composite action, one after the other.

Shell steps are run for real, with the runner's environment files; steps that `use` another action are small functions.
Its reading of expressions covers what action.yml needs and refuses anything else.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_COMMAND = re.compile(r"::([a-z-]+)(?: ([^\n]*?))?::(.*)")
_V1_COMMAND = re.compile(r"##\[([a-z-]+)([^\]]*)\](.*)")
_NAME = re.compile(r"[\w-]+(?:\.[\w-]+)*")
_COMPARISON = re.compile(r"(\S+) (==|!=) '([^']*)'")

Uses = Callable[[Mapping[str, str]], None]


@dataclass(kw_only=True)
class Done:
    """What came of a step. `commands` are the workflow commands that the runner read in its output."""

    name: str
    code: int
    output: str
    commands: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(kw_only=True)
class Job:
    """One run of an action. `uses` has a function for each action that it uses, by its name without the version."""

    action: Path
    workspace: Path
    temp: Path
    env: dict[str, str]
    github: dict[str, str]
    uses: dict[str, Uses]
    inputs: dict[str, str] = field(default_factory=dict)
    steps: dict[str, dict[str, str]] = field(default_factory=dict)
    done: list[Done] = field(default_factory=list)
    summary: str = ""

    def run(self, until: str = "") -> int:
        """Carry out the steps up to the first that fails, or up to that one; gives its exit code, or 0."""
        document = self._document()
        for name, about in document["inputs"].items():
            self.inputs.setdefault(name, self.text(str(about.get("default", ""))))
            assert self.inputs[name] or not about.get("required"), f"input {name} is required"
        for step in document["runs"]["steps"]:
            if "if" in step and not self.holds(step["if"]):
                continue
            code = self._use(step) if "uses" in step else self._shell(step)
            if code or step["name"] == until:
                return code
        return 0

    def again(self, name: str, **inputs: str) -> Done:
        """Carry out one step once more, with other inputs."""
        self.inputs |= inputs
        self._shell(next(step for step in self._document()["runs"]["steps"] if step["name"] == name))
        return self.done[-1]

    def _document(self) -> dict[str, Any]:
        document = yaml.safe_load((self.action / "action.yml").read_text())
        assert isinstance(document, dict)
        return document

    def outputs(self) -> dict[str, str]:
        """The action's own."""
        return {name: self.text(about["value"]) for name, about in self._document()["outputs"].items()}

    def text(self, text: str) -> str:
        return EXPRESSION.sub(lambda match: self.value(match[1]), text)

    def value(self, expression: str) -> str:
        """`inputs.x`, `steps.x.outputs.y`, `github.x` or `runner.x`; what is not there is empty."""
        assert _NAME.fullmatch(expression), f"the stand-in cannot read {expression!r}"
        match expression.split("."):
            case ["inputs", name]:
                return self.inputs.get(name, "")
            case ["steps", step, "outputs", name]:
                return self.steps.get(step, {}).get(name, "")
            case ["github", name]:
                return self.github[name]
            case ["runner", name]:
                return {"os": "Linux", "arch": "X64"}[name]
        raise AssertionError(f"the stand-in cannot read {expression!r}")

    def holds(self, condition: str) -> bool:
        return all(self._compared(part.strip()) for part in condition.split("&&"))

    def _compared(self, text: str) -> bool:
        match = _COMPARISON.fullmatch(text)
        assert match, f"the stand-in cannot read {text!r}"
        return (self.value(match[1]) == match[3]) is (match[2] == "==")

    def _use(self, step: Mapping[str, Any]) -> int:
        given = {name: self.text(str(value)) for name, value in step.get("with", {}).items()}
        self.uses[step["uses"].partition("@")[0]](given)
        return 0

    def _shell(self, step: Mapping[str, Any]) -> int:
        assert step["shell"] == "bash"
        files = {name: self.temp / f"{name}-{len(self.done)}" for name in ("OUTPUT", "STEP_SUMMARY", "ENV", "PATH")}
        for path in files.values():
            path.touch()
        script = self.temp / f"script-{len(self.done)}.sh"
        script.write_text(step["run"])
        env = {name: self.text(str(value)) for name, value in step.get("env", {}).items()}
        ran = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.workspace,
            env=self.env | env | {f"GITHUB_{name}": str(path) for name, path in files.items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=240,
            check=False,
        )
        output = ran.stdout.decode(errors="replace")
        self.done.append(Done(name=step["name"], code=ran.returncode, output=output, commands=commands(output)))
        self.summary += files["STEP_SUMMARY"].read_text()
        assert files["STEP_SUMMARY"].stat().st_size <= 1024 * 1024
        assert files["ENV"].read_text() == files["PATH"].read_text() == "", "nothing is left behind for later steps"
        if "id" in step:
            self.steps[step["id"]] = outputs(files["OUTPUT"].read_text())
        return ran.returncode

    def step(self, name: str) -> Done:
        return next(one for one in self.done if one.name == name)


def commands(output: str) -> list[tuple[str, str, str]]:
    """(name, properties, data) of each command that the runner would obey, in both of its notations."""
    found, stopped = [], ""
    for line in re.split(r"\r\n|\n|\r", output):
        match = _COMMAND.match(line.lstrip()) or _V1_COMMAND.search(line)
        if stopped:
            stopped = "" if line.lstrip() == f"::{stopped}::" else stopped
        elif match and match[1] == "stop-commands":
            stopped = match[3]
        elif match:
            found.append((match[1], match[2] or "", match[3]))
    return found


def outputs(text: str) -> dict[str, str]:
    """Of a GITHUB_OUTPUT file: NAME=VALUE, or NAME<<DELIMITER and lines up to the delimiter."""
    found, lines = {}, iter(text.splitlines())
    for line in lines:
        if "<<" in line and "=" not in line.partition("<<")[0]:
            name, _, delimiter = line.partition("<<")
            found[name] = "\n".join(iter(lambda: next(lines), delimiter))
        else:
            name, _, value = line.partition("=")
            found[name] = value
    return found


def artifact_store(folder: Path) -> dict[str, Uses]:
    """Uploading and downloading artifacts, as folders below this one, and actions that do nothing here."""

    def upload(given: Mapping[str, str]) -> None:
        assert Path(given["path"]).is_dir(), given
        shutil.copytree(given["path"], folder / given["name"], dirs_exist_ok=True)

    def download(given: Mapping[str, str]) -> None:
        assert given["run-id"].isdigit(), given
        shutil.copytree(folder / given["name"], given["path"])

    def nothing(given: Mapping[str, str]) -> None:
        assert all(given.values()), given

    return {
        "actions/setup-python": nothing,
        "actions/cache": nothing,
        "actions/upload-artifact": upload,
        "actions/download-artifact": download,
        "github/codeql-action/upload-sarif": nothing,
    }


def python_stand_in(folder: Path, codebench: Path) -> Path:
    """A folder for PATH whose `python3 -m venv DIR` makes one with this codebench, and whose pip writes down its words.

    What the action installs is what is tested here already; installing it once more would need the network.
    """
    folder.mkdir()
    python3 = folder / "python3"
    python3.write_text(
        f"""#!/bin/bash
set -eu
[ "$1 $2" = "-m venv" ] || exit 97
mkdir -p "$3/bin"
ln -s {codebench} "$3/bin/codebench"
printf '#!/bin/bash\\nprintf "%%s\\\\n" "$@" > {folder}/pip-arguments\\n' > "$3/bin/pip"
chmod +x "$3/bin/pip"
"""
    )
    python3.chmod(0o755)
    return folder


def environment(temp: Path, tools: Path, **more: str) -> dict[str, str]:
    """What the runner gives to every step, and nothing of a CI that these tests run in."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "INPUT_", "CODEBENCH_"))
    }
    return kept | {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "RUNNER_TEMP": str(temp),
        **more,
    }

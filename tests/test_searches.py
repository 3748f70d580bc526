"""External tools over the answers of a run: real executables, small ones of ours and Semgrep where it is installed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from codebench.cli.main import run as command_line
from codebench.graders.external import EXTERNAL_TOOLS, Paths, search_folder
from codebench.graders.sarif import ToolError
from codebench.problems.pack import load_starter
from codebench.runs import RunError
from codebench.runs.searches import SearchState, ToolSearch, read_search, read_searches, split_tool

PROBLEM = load_starter(None).problems[0]
RIGHT = PROBLEM.prompt + PROBLEM.canonical_solution
SHELL = RIGHT + '\n\ndef more(name, password="hunter2"):\n    __import__("os").system("echo " + name)  # nosemgrep\n'

# What CodeQL's command does as far as we use it: `database create`, then `database analyze`. Its search is for
# `.system(`. It lays its log out as CodeQL does: rules in an extension, artifacts by index.
CODEQL = f"""#!{sys.executable}
import json, os, pathlib, sys
command, database, options = sys.argv[2], pathlib.Path(sys.argv[3]), sys.argv[4:]
with open(os.environ["CALLS"], "a") as calls:
    calls.write(command + chr(10))
if command == "create":
    database.mkdir()
    (database / "source").write_text(next(one for one in options if one.startswith("--source-root=")).split("=")[1])
    sys.exit()
folder = pathlib.Path((database / "source").read_text())
names = sorted(path.name for path in folder.iterdir())
results = [
    {{
        "ruleId": "py/command-line-injection",
        "ruleIndex": 0,
        "rule": {{"id": "py/command-line-injection", "index": 0, "toolComponent": {{"index": 0}}}},
        "message": {{"text": "This command holds hunter2 from [a value](1)."}},
        "locations": [{{"physicalLocation": {{
            "artifactLocation": {{"uri": name, "uriBaseId": "%SRCROOT%", "index": index}},
            "region": {{"startLine": number, "startColumn": 5}},
        }}}}],
        "partialFingerprints": {{"primaryLocationLineHash": "0123456789abcdef:1"}},
    }}
    for index, name in enumerate(names)
    for number, line in enumerate((folder / name).read_text().split(chr(10)), 1)
    if ".system(" in line
]
rule = {{
    "id": "py/command-line-injection",
    "name": "py/command-line-injection",
    "shortDescription": {{"text": "Uncontrolled command line"}},
    "fullDescription": {{"text": "A command line from outside can be made into another."}},
    "defaultConfiguration": {{"enabled": True, "level": "error"}},
    "properties": {{
        "tags": ["security", "external/cwe/cwe-078"],
        "precision": "high",
        "security-severity": "9.8",
    }},
}}
log = {{
    "version": "2.1.0",
    "runs": [{{
        "tool": {{
            "driver": {{"name": "CodeQL", "semanticVersion": "2.20.1", "rules": []}},
            "extensions": [{{"name": "codeql/python-queries", "rules": [rule]}}],
        }},
        "artifacts": [{{"location": {{"uri": name, "uriBaseId": "%SRCROOT%"}}}} for name in names],
        "results": results,
    }}],
}}
output = next(one for one in options if one.startswith("--output=")).split("=")[1]
pathlib.Path(output).write_text(json.dumps(log))
"""
RULES = """\
rules:
  - id: shell-command
    languages: [python]
    severity: ERROR
    message: The command $X goes through a shell.
    metadata: {cwe: ["CWE-78: OS command injection"]}
    pattern: $M.system($X)
  - id: password
    languages: [python]
    severity: WARNING
    message: The password $P is in the program.
    pattern: "def $F(..., password='$P', ...): ..."
"""


def install(folder: Path, program: str, name: str = "codeql") -> None:
    """An executable of that name."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(program, encoding="utf-8")
    (folder / name).chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which tools are found; what they do is written to the file CALLS."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'tools'}:/usr/bin:/bin")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return tmp_path / "tools"


def evaluate(folder: Path, *options: str, answers: tuple[str, ...] = (SHELL, RIGHT, "def f(:\n")) -> int:
    """`codebench grade` on answers to one problem; gives its exit code."""
    file = folder / "samples.jsonl"
    file.write_text("".join(json.dumps({"task_id": PROBLEM.task_id, "solution": one}) + "\n" for one in answers))
    fixed = ["--suite", "starter", "--task", PROBLEM.task_id, "--sandbox", "namespaces", "--out", str(folder / "run")]
    return command_line(["grade", str(file), *fixed, "--grade", "correctness,security", *options])


def the_search(folder: Path) -> ToolSearch:
    (search,) = read_searches(folder / "run")
    return search


def report(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, list[dict[str, object]]]]:
    capsys.readouterr()
    assert command_line(["report", str(folder / "run"), "--json"]) == 0
    document: dict[str, dict[str, dict[str, list[dict[str, object]]]]] = json.loads(capsys.readouterr().out)
    return document["summary"]["findings"]


def test_a_tools_findings_stand_beside_ours(tools: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(tools, CODEQL)
    assert evaluate(tmp_path, "--security-tool", "codeql") == 0
    search = the_search(tmp_path)
    assert (search.state, search.version) == (SearchState.DONE, "2.20.1")
    (finding,) = search.of(PROBLEM.task_id, 0) or ()
    assert (finding.rule, finding.cwe, finding.severity) == ("py/command-line-injection", 78, "high")
    assert (finding.confidence, finding.own) == ("high", True)
    assert finding.line == SHELL.count("\n")
    assert search.of(PROBLEM.task_id, 1) == ()
    findings = report(tmp_path, capsys)
    assert "py/command-line-injection" in [row["rule"] for row in findings["rules"]]
    assert [(row["tool"], row["state"], row["searched"]) for row in findings["tools"]] == [("codeql", "done", 2)]


def test_what_cannot_be_parsed_is_not_given_to_a_tool_and_has_no_findings_not_even_none(
    tools: Path, tmp_path: Path
) -> None:
    install(tools, CODEQL)
    evaluate(tmp_path, "--security-tool", "codeql")
    assert the_search(tmp_path).of(PROBLEM.task_id, 2) is None


def test_neither_the_secret_nor_the_scratch_folder_is_recorded(tools: Path, tmp_path: Path) -> None:
    install(tools, CODEQL)
    evaluate(tmp_path, "--security-tool", "codeql")
    text = (tmp_path / "run" / "findings-codeql.json").read_text(encoding="utf-8")
    assert "hunter2" not in text
    assert "/tmp" not in text


def test_a_tool_that_is_not_installed_is_said_and_fails_nothing(
    tools: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(tmp_path, "--security-tool", "codeql") == 0
    said = capsys.readouterr()
    assert [line for line in said.err.splitlines() if "codeql" in line] == [
        "codebench: codeql: not installed; the run goes on without its findings"
    ]
    assert "not installed" in said.out
    assert the_search(tmp_path).state is SearchState.NOT_INSTALLED
    assert the_search(tmp_path).of(PROBLEM.task_id, 0) is None


def test_the_same_command_searches_once_and_again_where_the_tool_was_missing(tools: Path, tmp_path: Path) -> None:
    evaluate(tmp_path, "--security-tool", "codeql")
    install(tools, CODEQL)
    for _ in range(2):
        evaluate(tmp_path, "--security-tool", "codeql")
    assert (tmp_path / "calls").read_text().split() == ["create", "analyze"]
    assert the_search(tmp_path).state is SearchState.DONE


def test_a_tool_can_be_added_to_a_run_that_is_done(tools: Path, tmp_path: Path) -> None:
    install(tools, CODEQL)
    evaluate(tmp_path)
    before = (tmp_path / "run" / "records.jsonl").read_bytes()
    assert evaluate(tmp_path, "--security-tool", "codeql") == 0
    assert (tmp_path / "run" / "records.jsonl").read_bytes() == before
    assert the_search(tmp_path).of(PROBLEM.task_id, 0)


FAILING = {
    "ends with an error": (
        "#!/bin/sh\necho 'no space in /home/someone/secret' >&2\nexit 3\n",
        "exit code 3: no space in …",
    ),
    "writes no log": ("#!/bin/sh\n", "wrote no SARIF"),
    "writes no SARIF": (CODEQL.replace("json.dumps(log)", "'[]'"), "SARIF cannot be read"),
    "has no results": (CODEQL.replace('"results": results,', ""), "no list of results"),
    "cannot be started": ("#!/no/such/interpreter\n", "cannot be started"),
}


@pytest.mark.parametrize(("program", "reason"), FAILING.values(), ids=FAILING)
def test_a_tool_that_fails_is_said_and_never_taken_for_no_findings(
    tools: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], program: str, reason: str
) -> None:
    install(tools, program)
    assert evaluate(tmp_path, "--security-tool", "codeql") == 3
    said = capsys.readouterr()
    assert "codebench: codeql: failed, its findings are missing: " in said.err
    assert reason in said.err
    assert "failed" in said.out
    assert the_search(tmp_path).state is SearchState.FAILED
    assert the_search(tmp_path).of(PROBLEM.task_id, 1) is None


def test_what_a_tool_found_before_is_kept_when_it_fails(
    tools: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tools, CODEQL)
    evaluate(tmp_path, "--security-tool", "codeql")
    before = the_search(tmp_path)
    install(tools, "#!/bin/sh\nexit 1\n")
    evaluate(tmp_path, "--security-tool", "codeql:other-queries")
    assert the_search(tmp_path) == before
    assert "what it found before is kept" in capsys.readouterr().err


def test_a_tool_that_takes_too_long_is_ended_with_all_that_it_started(tools: Path, tmp_path: Path) -> None:
    child = tmp_path / "child"
    install(tools, f"#!/bin/sh\nsleep 1000 &\necho $! > {child}\nwait\n")
    paths = Paths(answers=tmp_path / "answers", scratch=tmp_path, log=tmp_path / "log")
    paths.answers.mkdir()
    with pytest.raises(ToolError, match="not done within 1 s"):
        asyncio.run(search_folder(EXTERNAL_TOOLS["codeql"], "x", paths, {}, timeout_s=1.0))
    assert gone(int(child.read_text()))


def gone(pid: int) -> bool:
    """Within ten seconds: whoever inherits a killed process reaps it when it comes to it."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--security-tool", "nessus"], "unknown; there are codeql, semgrep"),
        (["--security-tool", "codeql", "--security-tool", "codeql:x"], "name each tool once"),
        (["--security-tool", "semgrep:no/such/rules.yaml"], "there is no file no/such/rules.yaml"),
        (["--security-tool", "codeql", "--grade", "correctness"], "needs the security grader"),
    ],
)
def test_a_tool_that_cannot_be_asked_for_so_is_refused_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], reason: str
) -> None:
    assert evaluate(tmp_path, *options) == 64
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert reason in said[0]
    assert not (tmp_path / "run").exists()


def test_rules_follow_the_tools_name() -> None:
    assert split_tool("semgrep") == ("semgrep", "p/python")
    assert split_tool("codeql:codeql/python-queries:x.qls") == ("codeql", "codeql/python-queries:x.qls")


def test_a_file_of_findings_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / "findings-codeql.json"
    path.write_bytes(b"{")
    with pytest.raises(RunError, match="delete it to have them made anew"):
        read_search(path)


SEMGREP = shutil.which("semgrep")


@pytest.mark.skipif(SEMGREP is None, reason="Semgrep is not on PATH: pip install semgrep, in an environment of its own")
def test_semgrep_itself_searches_with_rules_of_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", f"{Path(SEMGREP or '').parent}{os.pathsep}/usr/bin:/bin")
    folder = tmp_path / "somebody"
    folder.mkdir()
    (folder / "rules.yaml").write_text(RULES, encoding="utf-8")
    assert evaluate(tmp_path, "--security-tool", f"semgrep:{folder / 'rules.yaml'}") == 0
    search = the_search(tmp_path)
    assert search.state is SearchState.DONE
    assert [(one.rule, one.cwe, one.own) for one in search.of(PROBLEM.task_id, 0) or ()] == [
        ("password", None, True),
        ("shell-command", 78, True),
    ]
    assert search.of(PROBLEM.task_id, 1) == ()
    text = (tmp_path / "run" / "findings-semgrep.json").read_text(encoding="utf-8")
    assert "hunter2" not in text
    assert "somebody" not in text


@pytest.mark.skipif(SEMGREP is None, reason="Semgrep is not on PATH: pip install semgrep, in an environment of its own")
def test_rules_that_semgrep_cannot_read_are_a_failure_and_not_no_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{Path(SEMGREP or '').parent}{os.pathsep}/usr/bin:/bin")
    (tmp_path / "rules.yaml").write_text(RULES.replace("$M.system($X)", "'def ('"), encoding="utf-8")
    assert evaluate(tmp_path, "--security-tool", f"semgrep:{tmp_path / 'rules.yaml'}") == 3
    assert the_search(tmp_path).state is SearchState.FAILED

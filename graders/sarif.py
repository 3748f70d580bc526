"""Reads the SARIF 2.1.0 log of an external tool. The log is as untrusted as the code that it is about."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import msgspec

from codebench.graders.findings import Finding

MOST_BYTES = 256 * 1024 * 1024
_MOST_CHARACTERS = 300
_CWE = re.compile(r"cwe[-/ ]?0*(\d{1,5})", re.IGNORECASE)
_LEVELS = {"error": "high", "warning": "medium", "note": "low", "none": "undefined"}
_PRECISIONS = {"very-high": "high", "high": "high", "medium": "medium", "low": "low"}


class ToolError(Exception):
    """An external tool gave no result; the message says why in one line. Never the same as no findings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolLog:
    """What a tool found, by file; `broken` are files of which it says that it could not analyse them.

    `elsewhere` results lie in no file that it was given. All findings count as the model's own here.
    """

    version: str
    findings: Mapping[str, tuple[Finding, ...]]
    broken: frozenset[str]
    elsewhere: int


class _Node(msgspec.Struct, rename="camel", frozen=True):
    """What of the format is read has a type; all else is passed over."""


class _Text(_Node, frozen=True):
    text: str = ""


class _Uri(_Node, frozen=True):
    uri: str = ""
    index: int = -1


class _Region(_Node, frozen=True):
    start_line: int | None = None
    end_line: int | None = None


class _Place(_Node, frozen=True):
    artifact_location: _Uri = _Uri()
    region: _Region = _Region()


class _Location(_Node, frozen=True):
    physical_location: _Place = _Place()


class _Component(_Node, frozen=True):
    name: str = ""
    index: int = -1


class _Target(_Node, frozen=True):
    id: str = ""
    index: int = -1
    tool_component: _Component = _Component()


class _Relationship(_Node, frozen=True):
    target: _Target = _Target()


class _Configuration(_Node, frozen=True):
    level: str = "warning"


class _Rule(_Node, frozen=True):
    id: str
    name: str = ""
    short_description: _Text = _Text()
    full_description: _Text = _Text()
    default_configuration: _Configuration = _Configuration()
    relationships: tuple[_Relationship, ...] = ()
    properties: dict[str, Any] = {}


class _Driver(_Node, frozen=True):
    name: str = ""
    version: str = ""
    semantic_version: str = ""
    rules: tuple[_Rule, ...] = ()


class _Tool(_Node, frozen=True):
    driver: _Driver
    extensions: tuple[_Driver, ...] = ()


class _Descriptor(_Node, frozen=True):
    id: str = ""


class _Notification(_Node, frozen=True):
    level: str = "warning"
    descriptor: _Descriptor = _Descriptor()
    locations: tuple[_Location, ...] = ()


class _Invocation(_Node, frozen=True):
    execution_successful: bool = True
    tool_execution_notifications: tuple[_Notification, ...] = ()


class _Artifact(_Node, frozen=True):
    location: _Uri = _Uri()


class _Result(_Node, frozen=True):
    rule_id: str = ""
    rule_index: int = -1
    rule: _Target = _Target()
    kind: str = "fail"
    level: str | None = None
    locations: tuple[_Location, ...] = ()
    taxa: tuple[_Target, ...] = ()


class _Run(_Node, frozen=True):
    tool: _Tool
    results: tuple[_Result, ...] | None = None
    artifacts: tuple[_Artifact, ...] = ()
    invocations: tuple[_Invocation, ...] = ()


class _Log(_Node, frozen=True):
    version: str
    runs: tuple[_Run, ...]


def read_log(tool: str, data: bytes, folder: str, lines: Mapping[str, int]) -> ToolLog:
    """The findings in a log about the files in `folder`; `lines` has each file's name and number of lines.

    Suppressed results count: an answer cannot excuse itself. Raises ToolError for what is no log, says that the tool
    failed, has no results at all (which is not the same as none found), or names a line that a file does not have.
    """
    if len(data) > MOST_BYTES:
        raise ToolError(f"its SARIF is longer than {MOST_BYTES >> 20} MiB")
    try:
        log = msgspec.json.decode(data, type=_Log)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ToolError(f"its SARIF cannot be read: {_clean(str(error))}") from None
    if log.version != "2.1.0" or not log.runs:
        raise ToolError(
            f"its SARIF is of version {_clean(log.version)} with {len(log.runs)} runs; 2.1.0 with 1 is read"
        )
    found: dict[str, list[Finding]] = {}
    broken: set[str] = set()
    elsewhere = 0
    for run in log.runs:
        broken |= _broken(run, folder, lines)
        for result in _results(run):
            name = _file(run, result.locations, folder)
            if name in lines:
                found.setdefault(name, []).append(_finding(tool, run, result, lines[name]))
            else:
                elsewhere += 1
    driver = log.runs[0].tool.driver
    return ToolLog(
        version=_clean(driver.semantic_version or driver.version),
        findings={name: tuple(sorted(here, key=_order)) for name, here in found.items()},
        broken=frozenset(broken),
        elsewhere=elsewhere,
    )


def _order(finding: Finding) -> tuple[int, int, str]:
    return finding.line, finding.end_line, finding.rule


def _results(run: _Run) -> list[_Result]:
    """Only with the tool's word that it worked; Semgrep says so of a broken rule too, and notes an error beside it."""
    if not all(invocation.execution_successful for invocation in run.invocations):
        raise ToolError("its SARIF says that it failed")
    for note in _notes(run):
        if note.level == "error" and not note.locations:
            raise ToolError(f"its SARIF notes an error: {_clean(note.descriptor.id) or 'without a name'}")
    if run.results is None:
        raise ToolError("its SARIF has no list of results")
    return [result for result in run.results if result.kind in ("fail", "open", "review")]


def _broken(run: _Run, folder: str, lines: Mapping[str, int]) -> set[str]:
    """The files to which an error belongs."""
    names = {_file(run, note.locations, folder) for note in _notes(run) if note.level in ("error", "warning")}
    return names & set(lines)


def _notes(run: _Run) -> list[_Notification]:
    return [note for invocation in run.invocations for note in invocation.tool_execution_notifications]


def _file(run: _Run, locations: Sequence[_Location], folder: str) -> str:
    """The name within the folder of the first place, as far as it has one; "" where it has none."""
    if not locations:
        return ""
    location = locations[0].physical_location.artifact_location
    uri = location.uri
    if not uri and 0 <= location.index < len(run.artifacts):
        uri = run.artifacts[location.index].location.uri
    path = unquote(uri.removeprefix("file://"))
    return path.removeprefix(f"{folder.rstrip('/')}/").removeprefix("./")


def _finding(tool: str, run: _Run, result: _Result, lines: int) -> Finding:
    rule = _rule(run, result)
    region = result.locations[0].physical_location.region
    first = region.start_line or 1
    last = region.end_line or (first if region.start_line else lines)
    if not 1 <= first <= last <= max(1, lines):
        raise ToolError(f"its SARIF names lines {first} to {last} of a file of {lines}")
    name = _name(rule)
    return Finding(
        tool=tool,
        rule=_clean(rule.id),
        name=name,
        severity=_severity(rule, result),
        confidence=_PRECISIONS.get(str(rule.properties.get("precision")), "undefined"),
        cwe=_cwe(rule, result),
        line=first,
        end_line=last,
        message=_clean(rule.full_description.text or rule.short_description.text) or name,
    )


def _rule(run: _Run, result: _Result) -> _Rule:
    """The rule's own entry: what a result says beside it quotes the code."""
    index = result.rule.tool_component.index
    component = run.tool.extensions[index] if 0 <= index < len(run.tool.extensions) else run.tool.driver
    place = result.rule_index if result.rule_index >= 0 else result.rule.index
    name = result.rule_id or result.rule.id
    if 0 <= place < len(component.rules) and name in ("", component.rules[place].id):
        return component.rules[place]
    known = (rule for part in (run.tool.driver, *run.tool.extensions) for rule in part.rules if rule.id == name)
    if not name:
        raise ToolError("its SARIF has a result without a rule")
    return next(known, _Rule(id=name))


def _name(rule: _Rule) -> str:
    """What the rule is called, where that says more than its id: CodeQL has it in one place, others in another."""
    names = (rule.name, rule.short_description.text)
    return _clean(next((name for name in names if name and rule.id not in name), rule.id))


def _severity(rule: _Rule, result: _Result) -> str:
    """By the rule's `security-severity`, with GitHub's limits; else by the level."""
    try:
        score = float(rule.properties.get("security-severity", ""))
    except (TypeError, ValueError):
        return _LEVELS.get(result.level or rule.default_configuration.level, "undefined")
    return "high" if score >= 7 else "medium" if score >= 4 else "low" if score > 0 else "undefined"


def _cwe(rule: _Rule, result: _Result) -> int | None:
    """The first that the rule's tags name, else one that it or the result refers to."""
    tags = rule.properties.get("tags", ())
    cwes = rule.properties.get("cwe", ())
    for text in [*_strings(tags), *_strings(cwes)]:
        if match := _CWE.search(text):
            return int(match[1])
    for target in (*(one.target for one in rule.relationships), *result.taxa):
        number = target.id.upper().removeprefix("CWE-")
        if target.tool_component.name.upper() == "CWE" and number.isascii() and number.isdigit():
            return int(number[:5])
    return None


def _strings(value: object) -> list[str]:
    found = value if isinstance(value, list) else [value]
    return [one for one in found if isinstance(one, str)]


def _clean(text: str) -> str:
    """One line of printable characters, not too long."""
    line = " ".join(text.split())
    return "".join(one for one in line if one.isprintable())[:_MOST_CHARACTERS]

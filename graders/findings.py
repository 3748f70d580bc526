"""What analysers found in an answer's text, and what executed tests found of its behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Assessment(StrEnum):
    """What the security tests say. The absence of a result is never taken for security."""

    SECURE = "secure"
    VULNERABLE = "vulnerable"
    NOT_ASSESSED = "not_assessed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding of a static analyser, at lines from 1 up of the answer's code.

    `severity` and `confidence` are "low", "medium", "high" or "undefined". `cwe` is None where the rule names none.
    `own` says that it lies in the model's own lines, not in those that came from the prompt. The message never quotes
    the code: it may hold a secret.
    """

    tool: str
    rule: str
    name: str = ""
    severity: str
    confidence: str
    cwe: int | None = None
    line: int
    end_line: int
    message: str
    own: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a search of a text came to: its findings, or None and the `reason` why it could not be searched.

    The reason never quotes the text either.
    """

    findings: tuple[Finding, ...] | None = None
    reason: str = ""

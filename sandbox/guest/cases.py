"""A test made of inputs, on the judge's side: one message to the candidate, and every output compared as it comes."""

# ruff: noqa: TID251 - relative imports: in a box this package is called codebench, without the rest of it

from __future__ import annotations

import functools
import json
import time
import types
from collections.abc import Callable
from typing import Any

from . import values
from .raised import Raised, read_raised
from .remote import Boundary
from .session import BrokenOff, Session, Ticker

PASSED, DIFFERENT, RAISED, MEMORY = ".", "F", "E", "M"
_MAX_FAILURES = 20
_SHOWN_CHARS = 200
_SLOW_JUDGE_S = 0.05

Matches = Callable[[object, object, object], object]


class OracleError(Exception):
    """The trusted oracle cannot be run."""


class Cases:
    """The inputs of one or several checks in wire form, with what is expected of them.

    `facts` says of each group how many there are and which oracle decides, and of each input its limit in seconds;
    `rest` is the JSON list of all inputs, and then, unless outputs are only to be recorded, a line for each with the
    expected output. With a rival, which says what to expect, there is a line for each input instead: these are `lines`;
    and for each that warms up, `warm_up`.
    """

    def __init__(self, facts: dict[str, Any], rest: bytes) -> None:
        single = len(facts["limits_s"]) if facts["rival"] else 0
        lines = rest.split(b"\n")
        self.lines, self.inputs, self.expected = lines[:single], lines[0], lines[single or 1 :]
        self.warm_up = lines[single : single + facts["warm_up"]]
        self.packed: bool = facts["packed"]
        self.limits: list[float] = facts["limits_s"]
        self.record: bool = facts["record"]
        self.groups: list[dict[str, Any]] = facts["groups"]
        self.plain: bool = facts["plain"]

    def directions(self) -> bytes:
        return json.dumps({"plain": self.plain, "timed": self.record, "packed": self.packed}).encode()

    @functools.cached_property
    def calls(self) -> list[Any]:
        """The inputs as JSON."""
        found: list[Any] = json.loads(self.inputs)
        return found

    def arguments(self, number: int) -> list[Any]:
        """The arguments of one input, new objects every time."""
        line = self.lines[number] if self.lines else json.dumps(self.calls[number]).encode()
        found: list[Any] = values.loads(line)
        return found


class Trial:
    """One candidate before one list of inputs. `outcomes` has a letter for each input that it got to."""

    def __init__(self, cases: Cases, session: Session, boundary: Boundary, namespace: dict[str, Any]) -> None:
        self._cases = cases
        self._session = session
        self._boundary = boundary
        self._namespace = namespace
        self._oracles: dict[int, Matches] = {}
        self._group_of = [g for g, group in enumerate(cases.groups) for _ in range(group["count"])]
        self.outcomes: list[str] = []
        self.failures: list[tuple[int, str, str]] = []
        self.outputs: list[bytes] = []
        self.cpu_s: list[float] = []

    def run(self, total_s: float, stop_early: bool) -> None:
        """Put the candidate to all inputs within `total_s`, or to its first failure. Raises BrokenOff, OracleError."""
        cases = self._cases
        self._session.lap(cases.limits[0], whole_s=total_s)
        self._session.send(b"M", cases.directions() + b"\n" + cases.inputs)
        with Ticker(self._session, total_s, patience=1):
            while len(self.outcomes) < len(cases.limits) and not (stop_early and self.failures):
                if lines := self._lines():
                    self._judge_all(lines, stop_early)

    def judge(self, line: bytes, expected: bytes) -> None:
        """Judge the output of the next input, got elsewhere, as is what it should be. Raises BrokenOff, OracleError."""
        self._note(line, expected)

    def _lines(self) -> list[bytes]:
        lines = self._session.lines()
        if len(self.outcomes) + len(lines) > len(self._cases.limits):
            raise self._session.break_off("more outputs than inputs")
        return lines

    def _judge_all(self, lines: list[bytes], stop_early: bool) -> None:
        """Judge what came at once; the candidate is at the next input meanwhile, and is not to be held up by it."""
        now_at = len(self.outcomes) + len(lines)
        self._lap(now_at)
        started = time.monotonic()
        for line in lines:
            self._note(line, b"" if self._cases.record else self._cases.expected[len(self.outcomes)])
            if stop_early and self.failures:
                return
        if time.monotonic() - started > _SLOW_JUDGE_S:
            self._lap(now_at)

    def _lap(self, number: int) -> None:
        if number < len(self._cases.limits):
            self._session.lap(self._cases.limits[number])

    def _note(self, line: bytes, expected: bytes) -> None:
        number = len(self.outcomes)
        self._boundary.calls += 1
        if self._cases.record:
            seconds, _, line = line.partition(b" ")
            self.cpu_s.append(float(seconds))
            self.outputs.append(line)
        if line[:1] == b"!":
            raised = self._raised(line[1:])
            where = f", line {raised.line}" if raised.line is not None else ""
            self._fail(
                MEMORY if raised.name == "MemoryError" else RAISED,
                raised.name,
                f"raised {raised.name}{where}: {raised.message}",
            )
        elif line[:1] == b"?":
            why = line[1:_SHOWN_CHARS].decode("ascii", "replace")
            self._fail(DIFFERENT, "", f"returned what cannot be carried: {why}")
        elif self._cases.record or self._matches(number, line, expected):
            self.outcomes.append(PASSED)

    def _raised(self, body: bytes) -> Raised:
        try:
            return read_raised(body)
        except values.MalformedError as e:
            raise self._session.break_off(str(e)) from None

    def _matches(self, number: int, line: bytes, expected: bytes) -> bool:
        """Does the output match? Notes the failure where not; the same bytes need no question to most oracles."""
        group = self._group_of[number]
        if line == expected and self._cases.groups[group]["reflexive"]:
            return True
        output = self._boundary.output(line)
        wanted = self._boundary.output(expected)
        try:
            matched = self._oracle(group)(self._cases.arguments(number), wanted, output)
        except (BrokenOff, OracleError):
            raise
        except Exception:  # noqa: BLE001 - no oracle foresees every value that a candidate may return
            matched = False
        if matched is True:
            return True
        self._fail(DIFFERENT, "", f"returned {_shown(output, line)}, expected {_shown(wanted, expected)}")
        return False

    def _fail(self, outcome: str, exception: str, detail: str) -> None:
        if len(self.failures) < _MAX_FAILURES:
            self.failures.append((len(self.outcomes), exception, detail))
        self.outcomes.append(outcome)

    def _oracle(self, group: int) -> Matches:
        """The oracle of a group, loaded when it is first asked, after the prompt's own names."""
        if group not in self._oracles:
            names = dict(self._namespace)
            try:
                exec(_compiled(self._cases.groups[group]["oracle"]), names)  # noqa: S102 - trusted: the data set's
                self._oracles[group] = names["matches"]
            except Exception as e:
                raise OracleError(f"the oracle cannot be run: {type(e).__name__}: {e}") from e
        return self._oracles[group]


@functools.lru_cache(maxsize=64)
def _compiled(source: str) -> types.CodeType:
    return compile(source, "<oracle>", "exec", dont_inherit=True)


def _shown(value: object, line: bytes) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - an int of too many digits, say
        text = line[: _SHOWN_CHARS + 1].decode("ascii", "replace")
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"

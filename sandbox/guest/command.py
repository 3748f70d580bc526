"""The judge's side of a command: has it run in a view of its repository, watches what it prints, and says what was met.

The processes, one after the other, never two at a time, each forked anew from a zygote that has run nothing else:
a cleaner where the view is a copy, the set-up, the answer, and a clerk that looks at files for the judge when all
of the answer's processes are dead. What a clerk says of files is as good as the files: they are the answer's own.
"""

# ruff: noqa: TID251 - relative imports: in a box this package is called codebench, without the rest of it

from __future__ import annotations

import contextlib
import faulthandler
import json
import random
import re
import types
from collections.abc import Callable, Iterator
from typing import Any

from .judge import BrokenTest, carriable
from .listener import Listener
from .places import VIEWS
from .session import BrokenOff, Session
from .tender import Court, ErrandError, Tender, clerk, errand, used

_CONTAINS_BYTES = 1 << 20
_READ_BYTES = 16 << 20
_ALL_READ_BYTES = 96 << 20  # of one check; a session takes more, but not without end
_STILL_S = 30.0  # for how long the judge may stand still, say in a regular expression
_BLOCK = 4096


class Trial:
    """One command, from its set-up to what is to be said of it."""

    def __init__(self, job: dict[str, Any], court: Court) -> None:
        self._job = job
        self._court = court
        self._command: dict[str, Any] = job["command"]
        self._view = f"{VIEWS}/{self._command['repository']}"
        self._milestones: list[dict[str, Any]] = self._command["milestones"]
        patterns = {n: re.compile(m["line"]) for n, m in enumerate(self._milestones) if m["line"]}
        self._found: set[int] = set()
        self._stdout, self._stderr = (Listener(patterns, self._found) for _ in range(2))
        self._files = sorted({m["file"] for m in self._milestones if m["file"]})
        self._before: dict[str, str | None] = {}
        brief = not self._command["check"] and not self._command["keep"]
        self._ending = {n for n, m in enumerate(self._milestones) if brief and _is_line_alone(m)}
        self.text = "", 0  # the file that this side has put into the view, and what it takes there

    def set_up(self) -> None:
        """Run the trusted part. Raises BrokenTest."""
        if not self._command["set_up"]:
            return
        session, pidfd = self._court.hire(self._job["watch"], self._job["output_bytes"])
        heard = Listener({}, set())
        session.stdout.heard = session.stderr.heard = heard.hear
        try:
            self._start(session, self._command["set_up"])
            _follow(session, pidfd, lambda: False)
        finally:
            facts = self._court.dismiss(session, pidfd)
        if facts["exit_code"] != 0:
            how = f"{facts['outcome']}, exit code {facts['exit_code']}: {heard.text()[-800:]}"
            raise BrokenTest(f"its set-up fails in {self._command['repository']}: {how}")

    def run(self) -> dict[str, Any]:
        """Run the answer, and look at what it has done; all but the facts of the view."""
        session, pidfd = self._court.hire(self._job["watch"], self._job["output_bytes"])
        session.stdout.heard, session.stderr.heard = self._stdout.hear, self._stderr.hear
        try:
            self._before = self._fingerprints(session)
            if self._files:  # looking at them took time of its own
                session.lap(self._job["watch"]["timeout_s"], self._job["watch"]["timeout_s"])
            self._start(session, self._job["source"])
            _follow(session, pidfd, lambda: bool(self._found & self._ending))
        finally:
            with _patience():  # the last lines are looked at here
                facts = self._court.dismiss(session, pidfd)
                self._stdout.finish()
                self._stderr.finish()
        output = {"stdout": session.stdout.facts(), "stderr": session.stderr.facts()}
        with clerk(self._court) as witness:
            met = [number for number in range(len(self._milestones)) if self._is_met(number, facts, witness)]
            kept = [self._keep(path, witness) for path in self._command["keep"]]
            report = self._judge(facts, met, witness)
        return {**facts, **output, "report": report, "command": _facts(facts, met, kept)}

    def _fingerprints(self, session: Session) -> dict[str, str | None]:
        if not self._files:
            return {}
        order = {"do": "fingerprint", "view": self._view, "paths": self._files}
        return dict(zip(self._files, json.loads(errand(session, order)), strict=True))

    def _start(self, session: Session, source: str) -> None:
        """Have a process become the program. Raises BrokenTest where it cannot: nothing untrusted has run so far."""
        language = self._command["language"]
        folder = f"{self._view}/{self._command['cwd']}"
        try:
            write = {"do": "write", "folder": folder, "language": language, "instead_of": self.text[0]}
            name = errand(session, {**write, "source": source}).decode()
            self.text = name, -(-len(source.encode("utf-8", "surrogatepass")) // _BLOCK) * _BLOCK
            become = {"do": "become", "language": language, "name": name, "limits": self._job["rlimits"]}
            errand(session, become)
        except ErrandError as e:
            raise BrokenTest(f"nothing can be started in {folder}: {e}") from None
        except BrokenOff:  # it has let go of its judge: it is the program now
            session.hung_up = False

    def _is_met(self, number: int, facts: dict[str, Any], witness: Session) -> bool:
        milestone, timed_out = self._milestones[number], facts["outcome"] == "timed_out"
        if facts["outcome"] == "out_of_memory" or timed_out != milestone["running"]:
            return False
        if milestone["exits"] is not None and facts["exit_code"] != milestone["exits"]:
            return False
        if milestone["line"] and number not in self._found:
            return False
        return not milestone["file"] or self._has_file(milestone, witness)

    def _has_file(self, milestone: dict[str, Any], witness: Session) -> bool:
        path = milestone["file"]
        now = self._fingerprints(witness)[path]
        if now is None or now == self._before[path]:
            return False
        if not milestone["contains"]:
            return True
        content = _read(witness, self._view, path, _CONTAINS_BYTES) or b""
        with _patience():
            return re.search(milestone["contains"], content[:_CONTAINS_BYTES].decode("utf-8", "replace")) is not None

    def _keep(self, path: str, witness: Session) -> dict[str, Any]:
        most = self._job["output_bytes"]
        content = _read(witness, self._view, path, most)
        if content is None:
            return {"path": path}
        text = content[:most].decode("utf-8", "replace")
        return {"path": path, "text": text, "truncated": len(content) > most}

    def _judge(self, facts: dict[str, Any], met: list[int], witness: Session) -> dict[str, Any]:
        if met:
            return self._check(witness)
        if facts["outcome"] in ("timed_out", "out_of_memory"):
            return _report("broken_off", "it was ended before it met a milestone")
        if facts["exit_code"] is None:
            return _report("refuted", f"signal {facts['signal']} ended it, and no milestone was met")
        last = self._stderr.text().strip().rpartition("\n")[2]
        return _report(
            "refuted", f"exit code {facts['exit_code']}, and no milestone was met; {last[:500]}".rstrip("; ")
        )

    def _check(self, witness: Session) -> dict[str, Any]:
        if not self._command["check"]:
            return _report("completed")
        check = _checker(self._command["check"])
        random.seed(self._job["seed_key"])

        def read(path: str) -> bytes:
            there = _stays_inside(path) and witness.received < _ALL_READ_BYTES
            content = _read(witness, self._view, path, _READ_BYTES) if there else None
            if content is None or len(content) > _READ_BYTES:
                raise FileNotFoundError(f"the answer left no regular file {path} of at most {_READ_BYTES >> 20} MiB")
            return content

        try:
            with _patience():
                check(read, self._stdout.text())
        except (Exception, SystemExit) as e:  # noqa: BLE001 - what a check makes of hostile files is their refutation
            return {**_report("refuted", f"{type(e).__name__}: {e}"), "exception": type(e).__name__}
        return _report("completed")


def examine_command(job: dict[str, Any], court: Court, tender: Tender) -> dict[str, Any]:
    """Run the job's command and say all that there is to say of it."""
    name, laid = job["command"]["repository"], job["command"]["laid"]
    found: dict[str, Any] = {}
    try:
        tender.prepare(name, laid)
        before = used(f"{VIEWS}/{name}")
        trial = Trial(job, court)
        trial.set_up()
        found = trial.run()
        entries, size = (now - then for now, then in zip(used(f"{VIEWS}/{name}"), before, strict=True))
    except BrokenTest as e:
        found = {"clean": True, "report": {"conclusion": "broken_test", "detail": ascii(str(e)[:2000])[1:-1]}}
    finally:
        restored = None if laid else tender.tidy(name)
    if "command" in found:
        if restored is not None:
            entries, size = restored
        name, own = trial.text
        found["command"] |= {"files": max(0, entries - bool(name)), "bytes_written": max(0, size - own)}
    found["clean"] &= laid or restored is not None
    return found


def _is_line_alone(milestone: dict[str, Any]) -> bool:
    others = milestone["exits"] is not None or milestone["file"] or milestone["running"]
    return bool(milestone["line"]) and not others


def _read(witness: Session, view: str, path: str, most: int) -> bytes | None:
    """A file's first bytes, one more than `most` where there are more; None where there is no such file."""
    with contextlib.suppress(ErrandError):
        return errand(witness, {"do": "read", "view": view, "path": path, "most": most})
    return None


def _stays_inside(path: str) -> bool:
    return not path.startswith("/") and ".." not in path.split("/") and "\0" not in path


def _follow(session: Session, pidfd: int, enough: Callable[[], bool]) -> None:
    """Listen to a program until it ends, or until it has said enough."""
    try:
        session.follow(pidfd, enough, lambda: faulthandler.dump_traceback_later(_STILL_S, exit=True))
    finally:
        faulthandler.cancel_dump_traceback_later()


@contextlib.contextmanager
def _patience() -> Iterator[None]:
    """What works on an answer's text may take so long in all; then the box is ended, and the answer's time is up."""
    faulthandler.dump_traceback_later(_STILL_S, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _checker(source: str) -> Callable[..., object]:
    """The trusted function; raises BrokenTest."""
    module = types.ModuleType("check")
    try:
        exec(compile(source, "<check>", "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - trusted: the pack's
        check: Callable[..., object] = module.__dict__["check"]
    except (Exception, SystemExit) as e:
        raise BrokenTest(f"its check cannot be loaded: {type(e).__name__}: {e}") from e
    return check


def _report(conclusion: str, detail: str = "") -> dict[str, Any]:
    return {"conclusion": conclusion, "detail": carriable(detail), "calls": 1}


def _facts(facts: dict[str, Any], met: list[int], kept: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "exit_code": facts["exit_code"],
        "signal": facts["signal"],
        "timed_out": facts["outcome"] == "timed_out",
        "milestones": met,
        "kept": kept,
    }

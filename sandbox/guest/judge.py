"""The judge: puts one candidate to one trusted test, and says what it saw. Runs in PID 1 of the box."""

# ruff: noqa: TID251 - relative imports: in a box this package is called codebench, without the rest of it

from __future__ import annotations

import ast
import functools
import json
import random
import sys
import types
from collections.abc import Callable
from typing import Any

from . import values
from .cases import OracleError, Trial
from .duel import Fighter, RivalError, fight
from .raised import read_raised
from .remote import TEST_MODULE, Boundary
from .session import BrokenOff, Session, Ticker, Unsupported

_DETAIL_CHARS = 2000


class BrokenTest(Exception):
    """The trusted side does not work by itself: context or test cannot be run. The data set's fault."""


def examine(job: dict[str, Any], session: Session, rival: Session | None = None) -> dict[str, Any]:
    """Load the job's source into the candidate, run the test against it, and report; raises BrokenTest.

    `rival` is the session of the process for the job's trusted rival, where it has one.
    """
    random.seed(job["seed_key"])
    namespace = _trusted_names(job["context"])
    boundary = Boundary(session, namespace, job["entry_point"], job["test"])
    try:
        if rival is not None:
            return _run_duel(job, session, rival, boundary, namespace)
        if (problem := _load(job, session, boundary)) is not None:
            return problem
        run = _run_cases if job["batch"] is not None else _run_test
        return run(job, session, boundary, namespace)
    except BrokenTest:
        raise
    except BrokenOff as e:
        return _report("broken_off", "", str(e), boundary)
    except Unsupported as e:
        return _report("unsupported", "", f"unsupported: {e}", boundary)
    except Exception as e:  # noqa: BLE001 - what no decoder foresaw came from the candidate: it must not end the box
        return _report("broken_off", "", f"the judge could not go on: {type(e).__name__}: {e}", boundary)


def _trusted_names(context: str) -> dict[str, Any]:
    """Run the trusted context in a fresh module and return its namespace."""
    module = types.ModuleType(TEST_MODULE)
    sys.modules[TEST_MODULE] = module
    try:
        exec(_compiled(context, "<prompt>"), module.__dict__)  # noqa: S102 - trusted: it is the data set's
    except (Exception, SystemExit) as e:
        raise BrokenTest(f"the problem's own context cannot be run: {type(e).__name__}: {e}") from e
    return module.__dict__


@functools.lru_cache(maxsize=512)
def _compiled(source: str, filename: str) -> types.CodeType:
    return compile(source, filename, "exec", dont_inherit=True)


def _load(job: dict[str, Any], session: Session, boundary: Boundary) -> dict[str, Any] | None:
    """Have the candidate run its source; a report where that is the end of it."""
    order = {"source": job["source"], **_order(job, boundary)}
    return _loaded(job, session, boundary, *session.request(b"L", json.dumps(order).encode()))


def _order(job: dict[str, Any], boundary: Boundary) -> dict[str, Any]:
    return {
        "entry_point": job["entry_point"],
        "seed": job["seed_key"],
        "shared": sorted(boundary.shared),
        "limits": job["rlimits"],
    }


def _loaded(
    job: dict[str, Any], session: Session, boundary: Boundary, kind: bytes, reply: bytes
) -> dict[str, Any] | None:
    """What became of loading the source; a report where that is the end of it."""
    if kind == b"V":
        return None
    if kind == b"N":
        return _report("not_loaded", "NameError", f"the program does not define {job['entry_point']!r}", boundary)
    if kind == b"E":
        name, detail = _load_error(reply)
        return {**_report("not_loaded", name, detail, boundary), "by_candidate": True}
    raise session.break_off(f"a reply of unknown kind {kind!r}")


def _load_error(reply: bytes) -> tuple[str, str]:
    try:
        raised = read_raised(reply)
    except values.MalformedError:
        return "", "it raised what cannot be read"
    where = f" (line {raised.line})" if raised.line is not None else ""
    return raised.name, f"{raised.name}{where}: {raised.message}"


def _run_test(job: dict[str, Any], session: Session, boundary: Boundary, namespace: dict[str, Any]) -> dict[str, Any]:
    candidate = boundary.entry(_defines_class(job["context"], job["entry_point"]))
    namespace[job["entry_point"]] = candidate
    try:
        with Ticker(session, job["watch"]["timeout_s"]):
            exec(_compiled(job["test"], "<test>"), namespace)  # noqa: S102 - trusted, as above
            namespace["check"](candidate)
    except (BrokenOff, Unsupported):
        raise
    except Exception as e:
        if not boundary.calls:
            raise BrokenTest(f"the test cannot be run: {type(e).__name__}: {e}") from e
        session.raise_fault()
        return _refuted(e, boundary)
    except BaseException as e:
        if e is boundary.raised:
            return _report("broken_off", "", f"it raised {type(e).__name__}: {e}", boundary)
        raise BrokenTest(f"the test ends its process: {type(e).__name__}: {e}") from e
    session.raise_fault()
    if not boundary.calls:
        return _report("no_calls", "", "the test never called the candidate", boundary)
    return _report("completed", "", "", boundary)


def _run_duel(
    job: dict[str, Any], session: Session, rival_session: Session, boundary: Boundary, namespace: dict[str, Any]
) -> dict[str, Any]:
    """Put both to the same calls; the ticker begins before them, since its thread takes a pid as theirs would."""
    with Ticker(session, job["watch"]["timeout_s"]):
        rival = _rival(job, rival_session, _order(job, boundary))
        own = Fighter(session, job["source"], _order(job, boundary), job["batch"]["repeats"])
        problem = _loaded(job, session, boundary, *own.loaded)
        if problem is not None:
            return problem
        trial = Trial(job["cases"], session, boundary, namespace)

        def put_to_it() -> None:
            own.warm_up(job["cases"].warm_up, job["batch"]["limits_s"][0])
            fight(job, trial, own, rival, job["cases"].lines)

        found = _outcome(trial, boundary, put_to_it)
    duel = {
        "own": own.times,
        "rival": rival.times,
        "warm_ups": len(job["cases"].warm_up),
        "own_warm_s": own.warm_s,
        "rival_warm_s": rival.warm_s,
        "own_load_s": own.load_s,
        "rival_load_s": rival.load_s,
        "own_empty_s": own.empty_s,
        "rival_empty_s": rival.empty_s,
    }
    return {**found, "duel": duel}


def _rival(job: dict[str, Any], session: Session, order: dict[str, Any]) -> Fighter:
    """The trusted rival with its program loaded. Raises BrokenTest."""
    try:
        rival = Fighter(session, job["batch"]["rival"], order, job["batch"]["repeats"])
        if rival.loaded[0] != b"V":
            raise BrokenTest(f"the reference cannot be loaded: {rival.loaded[1][:_DETAIL_CHARS]!r}")
        rival.warm_up(job["cases"].warm_up, job["watch"]["timeout_s"])
    except BrokenOff as e:
        raise BrokenTest(f"the reference cannot be loaded: {e}") from e
    return rival


def _outcome(trial: Trial, boundary: Boundary, put_to_it: Callable[[], None]) -> dict[str, Any]:
    """Put the candidate to its inputs, and report what came of it. Raises BrokenTest."""
    found = _report("completed", "", "", boundary)
    try:
        put_to_it()
    except OracleError as e:
        raise BrokenTest(str(e)) from e
    except RivalError as e:
        raise BrokenTest(f"the reference fails: {e}") from e
    except BrokenOff as e:
        boundary.calls += 1  # the one that it did not come back from
        found = _report("broken_off", "", str(e), boundary)
    else:
        if trial.failures:
            found = _report("refuted", trial.failures[0][1], "", boundary)
    return {
        **found,
        "calls": boundary.calls,
        "outcomes": "".join(trial.outcomes),
        "failures": [
            {"case": case, "exception": exception, "detail": carriable(detail)}
            for case, exception, detail in trial.failures
        ],
    }


def _run_cases(job: dict[str, Any], session: Session, boundary: Boundary, namespace: dict[str, Any]) -> dict[str, Any]:
    trial = Trial(job["cases"], session, boundary, namespace)
    batch = job["batch"]
    found = _outcome(trial, boundary, lambda: trial.run(batch["total_s"], batch["stop_early"]))
    return {**found, "outputs": trial.outputs, "cpu_s": trial.cpu_s}


def _refuted(error: Exception, boundary: Boundary) -> dict[str, Any]:
    name = type(error).__name__
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    line = _test_line(error)
    where = f" at line {line} of the test" if line is not None else ""
    report = _report("refuted", name, f"{name}{where}: {str(error)[:_DETAIL_CHARS]}{notes}", boundary)
    return {**report, "by_candidate": error is boundary.raised}


def _test_line(error: Exception) -> int | None:
    line, traceback = None, error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == "<test>":
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


def _defines_class(context: str, name: str) -> bool:
    """Does the trusted context define the entry point as a class?"""
    return name in _class_names(context)


@functools.lru_cache(maxsize=512)
def _class_names(context: str) -> frozenset[str]:
    if "class " not in context:
        return frozenset()
    return frozenset(node.name for node in ast.parse(context).body if isinstance(node, ast.ClassDef))


def _report(conclusion: str, exception: str, detail: str, boundary: Boundary) -> dict[str, Any]:
    return {
        "conclusion": conclusion,
        "exception": exception,
        "detail": carriable(detail),
        "calls": boundary.calls,
    }


def carriable(text: str) -> str:
    """The text as far as a report carries it."""
    return text[:_DETAIL_CHARS].encode("utf-8", "backslashreplace").decode()  # lone surrogates are not JSON

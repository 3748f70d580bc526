"""The judge's side of a test that shares its process with the answer: takes the account of it, and believes little.

See `exam` for why a success can be believed where its secret comes in its turn, and what that does not mean.
"""

# ruff: noqa: TID251 - relative imports: in a box this package is called codebench, without the rest of it

from __future__ import annotations

import json
import os
import sys
from typing import Any

from . import values
from .frames import header
from .judge import BrokenTest, carriable
from .proof import SECRET_BYTES, TEXT_CHARS, texts
from .raised import read_raised
from .session import BrokenOff, Session


def examine_module(job: dict[str, Any], session: Session) -> dict[str, Any]:
    """Have the candidate load the job's test module, with its answer, and run its methods; raises BrokenTest."""
    module = job["test_module"]
    _check(module)
    ended: list[dict[str, str]] = []
    try:
        end = _attend(module["tests"], _begin(job, session), session, ended)
    except BrokenOff as e:
        end = {"conclusion": "broken_off", "detail": carriable(str(e))}
    return {"exception": "", "detail": "", **end, "calls": len(ended), "tests": ended}


def _check(module: dict[str, Any]) -> None:
    """The data set's part must be in order before the answer is asked."""
    try:
        compile(module["source"], "<test>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as e:
        raise BrokenTest(f"the test cannot be compiled: {e}") from e
    if module["module"] in sys.stdlib_module_names or f"test_{module['module']}" in sys.stdlib_module_names:
        raise BrokenTest(f"a module {module['module']} is Python's own; the answer needs another name")


def _begin(job: dict[str, Any], session: Session) -> list[bytes]:
    """Send the order, and the secrets once the candidate has prepared all; what each success must read."""
    module = job["test_module"]
    order = {
        "source": job["source"],
        "test": module["source"],
        "tests": module["tests"],
        "module": module["module"],
        "apart": module["apart"],
        "files": module["files"],
        "seed": job["seed_key"],
        "limits": job["rlimits"],
    }
    kind, pid = session.request(b"U", json.dumps(order).encode())
    if kind != b"P":
        raise session.break_off("the candidate could not prepare the test")
    head = header(b"T", SECRET_BYTES + TEXT_CHARS)
    good = texts(int(pid), len(module["tests"]))
    secrets = [os.urandom(SECRET_BYTES) for _ in good]
    session.pass_on(b"".join(head + secret for secret in secrets))
    return [secret + text for secret, text in zip(secrets, good, strict=True)]


def _attend(tests: list[str], proofs: list[bytes], session: Session, ended: list[dict[str, str]]) -> dict[str, Any]:
    """Take one message for each proof; notes in `ended` how the methods end. What the whole amounts to."""
    for number, proof in enumerate(proofs):
        kind, body = session.receive()
        if kind == b"T" and body == proof:
            if number:
                ended.append({"name": tests[number - 1], "status": "success"})
            continue
        status, exception, detail = _account(kind, body, proof)
        if number:
            ended.append({"name": tests[number - 1], "status": status, "exception": exception, "detail": detail})
            conclusion = "refuted" if status == "failure" else "broken_off"
            where = f"{tests[number - 1]}: "
        else:
            conclusion, where = "not_loaded", ""
        return {"conclusion": conclusion, "exception": exception, "detail": where + detail, "by_candidate": True}
    return {"conclusion": "completed"}


def _account(kind: bytes, body: bytes, proof: bytes) -> tuple[str, str, str]:
    """Status, exception and detail of what is not a success."""
    if kind == b"T" and body[:SECRET_BYTES] == proof[:SECRET_BYTES]:
        text = carriable(body[SECRET_BYTES:].decode("ascii", "replace").strip())
        return "error", "", f"the test ended in another way than a test does: {text}"
    if kind != b"E":
        return "error", "", "what came was not the test's own account"
    status, _, facts = body.partition(b"\n")
    try:
        raised = read_raised(facts)
    except values.MalformedError:
        return "error", "", "it raised what cannot be read"
    if status == b"tampered":
        return "error", raised.name, carriable(f"tampered with: {raised.message}")
    line = f" (line {raised.line})" if raised.line is not None else ""
    detail = carriable(f"{raised.name}{line}: {raised.message}")
    return "failure" if status == b"failure" else "error", raised.name, detail

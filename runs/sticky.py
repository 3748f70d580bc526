"""A sticky comment: one comment on a pull request, found again by a marker and brought up to date.

It is a courtesy: whoever may not write it (a pull request from a fork has a read-only token) is told so, and no more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from codebench.runs.github import PAGE, ApiError, Repository, ask
from codebench.runs.workflow import cut

LONGEST = 65_536
"""Characters that GitHub takes in a comment."""
_ATTEMPTS = 5
_PAUSE_S = 1.0  # before the second attempt; twice as long before each later one
_LONGEST_PAUSE_S = 60.0
_PAGES = 50


def marker(key: str) -> str:
    """The line by which the comment of one job is found again; invisible, and the same for equal keys only."""
    return f"<!-- codebench {hashlib.sha256(key.encode(errors='replace')).hexdigest()[:32]} -->"


def put_comment(where: Repository, number: int, key: str, markdown: str) -> str:
    """Create the comment with that key on pull request `number`, or replace its text; gives its address.

    Only a comment that begins with the marker and is by our own author is ever replaced. What may go better later is
    tried again from the start, since a request that seemed to fail may have made the comment. Raises ApiError.
    """
    body = cut(f"{marker(key)}\n{markdown}", LONGEST, "The job summary has the whole.")
    pause, failure = _PAUSE_S, ApiError("never tried")
    for attempt in range(_ATTEMPTS):
        try:
            return _put_once(where, number, marker(key), body)
        except ApiError as error:
            if error.wait_s is None:
                raise
            failure = error
        if attempt < _ATTEMPTS - 1:
            where.sleep(min(max(pause, failure.wait_s or 0), _LONGEST_PAUSE_S))
            pause *= 2
    raise ApiError(f"{failure}; tried {_ATTEMPTS} times") from failure


def _put_once(where: Repository, number: int, mark: str, body: str) -> str:
    issues = f"{where.api}/repos/{where.name}/issues"
    found = _comments(where, f"{issues}/{number}/comments")
    ours = next((int(comment["id"]) for comment in found if _is_ours(comment, where.author, mark)), None)
    if ours is None:
        answer = ask(where, "POST", f"{issues}/{number}/comments", {"body": body})
    else:
        answer = ask(where, "PATCH", f"{issues}/comments/{ours}", {"body": body})
    return str(answer.get("html_url", "")) if isinstance(answer, dict) else ""


def _comments(where: Repository, address: str) -> Iterator[Mapping[str, Any]]:
    for page in range(1, _PAGES + 1):
        found = ask(where, "GET", f"{address}?per_page={PAGE}&page={page}")
        if not isinstance(found, list):
            raise ApiError("GitHub's list of comments is none")
        yield from (one for one in found if isinstance(one, dict))
        if len(found) < PAGE:
            return


def _is_ours(comment: Mapping[str, Any], author: str, mark: str) -> bool:
    """Anybody can write a marker, so that alone proves nothing."""
    user, body = comment.get("user"), comment.get("body")
    by_us = isinstance(user, dict) and user.get("login") == author
    return by_us and isinstance(body, str) and body.startswith(mark) and isinstance(comment.get("id"), int)

"""GitHub's REST API, as far as the action needs it."""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

PAGE = 100
"""Items that GitHub gives at once, at most."""
_TIMEOUT_S = 30.0
_READ_ONLY = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)


class ApiError(Exception):
    """What was asked of GitHub did not happen, and why; `read_only` where the token may not.

    `wait_s` is how long to wait at least before it may go better, None where it never will.
    """

    def __init__(self, message: str, *, wait_s: float | None = None, read_only: bool = False) -> None:
        super().__init__(message)
        self.wait_s = wait_s
        self.read_only = read_only


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """Where to ask, and as whom: `author` is the login that the token's comments have; `sleep` waits for seconds."""

    api: str
    name: str
    token: str
    author: str = "github-actions[bot]"
    sleep: Callable[[float], None] = time.sleep


def this_repository(author: str) -> Repository:
    """The one whose workflow this is, from GITHUB_API_URL, GITHUB_REPOSITORY and GITHUB_TOKEN. Raises ApiError."""
    api, name, token = (os.environ.get(f"GITHUB_{key}", "") for key in ("API_URL", "REPOSITORY", "TOKEN"))
    if urlsplit(api).scheme not in ("https", "http") or not name:
        raise ApiError("GITHUB_API_URL and GITHUB_REPOSITORY name no repository: this is no workflow of GitHub")
    if not token:
        raise ApiError("there is no token", read_only=True)
    return Repository(api=api.rstrip("/"), name=name, token=token, author=author)


def newest_artifact(where: Repository, name: str, branch: str) -> int | None:
    """The id of the workflow run that made the newest artifact of that name for `branch`; None where there is none.

    Only the repository's own runs count: one for a pull request from a fork may have a branch of that name as well.
    Raises ApiError.
    """
    answer = ask(where, "GET", f"{where.api}/repos/{where.name}/actions/artifacts?per_page={PAGE}&name={quote(name)}")
    found = answer.get("artifacts") if isinstance(answer, dict) else None
    usable = [one for one in found or () if _is_of(one, name, branch)]
    newest = max(usable, key=lambda one: str(one.get("created_at")), default=None)
    return int(newest["workflow_run"]["id"]) if newest is not None else None


def _is_of(artifact: Any, name: str, branch: str) -> bool:
    run = artifact.get("workflow_run") if isinstance(artifact, dict) else None
    if not isinstance(run, dict) or not isinstance(run.get("id"), int):
        return False
    own = run.get("repository_id") is not None and run.get("repository_id") == run.get("head_repository_id")
    return own and run.get("head_branch") == branch and artifact.get("name") == name and not artifact.get("expired")


def ask(where: Repository, method: str, address: str, body: object = None) -> Any:
    """The decoded answer. Redirections are not followed: they would take the token elsewhere. Raises ApiError."""
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {where.token}",
        "Content-Type": "application/json",
        "User-Agent": "codebench",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, headers, method=method)  # noqa: S310 - this_repository has checked it
    try:
        with _opener.open(request, timeout=_TIMEOUT_S) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            problem = f"{method} {urlsplit(address).path}: {error.code} {error.reason}"
            raise ApiError(problem, wait_s=_wait_of(error), read_only=error.code in _READ_ONLY) from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise ApiError(f"{method} {urlsplit(address).path}: {error}", wait_s=0) from error


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:  # an HTTPError is raised then
        return None


_opener = urllib.request.build_opener(_Stay)


def _wait_of(error: urllib.error.HTTPError) -> float | None:
    """The least seconds to wait before another attempt; None where none can help.

    Limits are a 429, or a 403 that says how long to wait or that speaks of a rate limit; both are GitHub's.
    """
    if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return 0.0
    if error.code not in (HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS):
        return None
    told = error.headers.get("Retry-After", "")
    if told.isdecimal():
        return float(told)
    spent = error.headers.get("X-RateLimit-Remaining") == "0" or b"rate limit" in error.read(4096)
    return 0.0 if spent or error.code == HTTPStatus.TOO_MANY_REQUESTS else None

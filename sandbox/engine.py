"""The connection to a Docker engine, and what its failures mean in one line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from codebench.sandbox.job import SandboxError

if TYPE_CHECKING:
    from docker import DockerClient

_DEFAULT_HOST = "unix:///var/run/docker.sock"
_ANSWER_S = 3
_REMEDIES = (
    ("FileNotFoundError", "there is no such socket; install and start Docker (apt-get install docker.io)"),
    ("Connection refused", "connection refused; start it (sudo systemctl start docker)"),
    ("Permission denied", "permission denied; join its group (sudo usermod -aG docker $USER) and log in again"),
    ("timed out", "it gave no answer in time; restart it (sudo systemctl restart docker)"),
)


def connect(*, timeout_s: int = 60) -> DockerClient:
    """Return a client whose requests take at most `timeout_s`; raises SandboxError within seconds where none answers.

    DOCKER_HOST and its companions say where the engine is, as they do for Docker's own command.
    """
    try:
        import docker
    except ImportError as error:
        raise SandboxError(f"the Docker SDK cannot be loaded ({error}); pip install 'docker>=7.1'") from error
    with engine_errors(f"no Docker engine answers at {os.environ.get('DOCKER_HOST', _DEFAULT_HOST)}"):
        client: DockerClient = docker.from_env(timeout=_ANSWER_S)
    client.api.timeout = timeout_s
    return client


@contextmanager
def engine_errors(what: str) -> Iterator[None]:
    """Raise a SandboxError that begins with `what` for everything that the SDK raises when an engine fails."""
    import docker.errors
    import urllib3.exceptions

    try:
        yield
    # requests' exceptions are OSErrors; urllib3's come through where a body is read as a stream.
    except (docker.errors.DockerException, urllib3.exceptions.HTTPError, OSError) as error:
        raise SandboxError(f"{what}: {_explain(error)}") from error


def _explain(error: Exception) -> str:
    text = str(getattr(error, "explanation", None) or error)
    for sign, remedy in _REMEDIES:
        if sign in text:
            return f"{remedy}, or use --sandbox namespaces"
    return text.strip().partition("\n")[0][:500]

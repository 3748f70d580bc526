"""TEMPORARY stand-in until branch compare is merged."""

from __future__ import annotations

from codebench.runs.manifest import Manifest
from codebench.runs.record import RunError


def check_comparable(base: Manifest, head: Manifest, *, anyway: bool) -> list[str]:
    if base.suite.sha256 != head.suite.sha256:
        if anyway:
            return ["not comparable"]
        raise RunError("not comparable")
    return []

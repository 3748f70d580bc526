"""The names of metrics: the words by which gates, policies and tables call them."""

from __future__ import annotations

import re
from dataclasses import dataclass

AT_K = ("pass", "eff", "secure", "secure-and-correct", "vulnerable")
"""The kinds that have a k."""
SHARES = ("flagged", "valid")
"""The kinds that are a share of answers."""
FORMS = "pass@K, CHECK:pass@K, eff@K, secure@K, secure-and-correct@K, vulnerable@K, flagged or valid"

_LOWER_IS_BETTER = frozenset({"vulnerable", "flagged"})
_AT_K = rf"(?:(?:([A-Za-z_][\w.-]*):)?(pass)|({'|'.join(AT_K[1:])}))@([1-9][0-9]{{0,5}})"
_NAME = re.compile(f"{_AT_K}|({'|'.join(SHARES)})")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricName:
    """`kind` is one of AT_K, with a `k`, or of SHARES, without; `check` narrows pass@k to the checks up to that one."""

    kind: str
    k: int | None = None
    check: str | None = None

    def __str__(self) -> str:
        check = f"{self.check}:" if self.check is not None else ""
        return f"{check}{self.kind}" + (f"@{self.k}" if self.k is not None else "")

    @property
    def higher_is_better(self) -> bool:
        return self.kind not in _LOWER_IS_BETTER


def metric_name(text: str) -> MetricName | None:
    """`pass@1`, `base:pass@1`, `flagged` and so on; None for what is no name of a metric."""
    match = _NAME.fullmatch(text)
    if match is None:
        return None
    check, passes, other, k, share = match.groups()
    if share is not None:
        return MetricName(kind=share)
    return MetricName(kind=passes or other, k=int(k), check=check)

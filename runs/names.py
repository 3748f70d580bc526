"""Names of runs that are shown side by side."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from codebench.runs.embedding import line
from codebench.runs.scored import ScoredRun


def run_names(runs: Sequence[ScoredRun]) -> list[str]:
    """A short name for each run: its model, its suite, or both where both differ, less what all names share.

    Where two runs have the same, the name of the directory is added.
    """
    suites = [one.run.manifest.suite.name for one in runs]
    models = distinct_parts([one.run.manifest.generator.spec for one in runs])
    if len(set(suites)) == 1:
        names = models
    elif len(set(models)) == 1:
        names = suites
    else:
        names = [f"{suite} · {model}" for suite, model in zip(suites, models, strict=True)]
    alike = Counter(names)
    return [
        line(name if alike[name] == 1 else f"{name} · {one.run.directory.name}")
        for name, one in zip(names, runs, strict=True)
    ]


def distinct_parts(specs: Sequence[str]) -> list[str]:
    """Without the folders, the kind of generator and the ends of file names that all of them have in common."""
    specs = [re.sub(r"(?<=:)[/.~].*/", "", spec) for spec in specs]
    if len(set(specs)) == 1:
        return [spec.rpartition("/")[2] or spec for spec in specs]
    begin = len(re.sub(r"[^/:]*$", "", _shared(specs)))
    rests = [spec[begin:] for spec in specs]
    shared = _shared([rest[::-1] for rest in rests])[::-1]
    end = len(re.sub(r"^[^._]*", "", shared))
    shorter = [rest[: len(rest) - end] for rest in rests]
    return shorter if all(shorter) else rests


def _shared(texts: Sequence[str]) -> str:
    """What all texts begin with."""
    first, last = min(texts), max(texts)
    return first[: next((place for place, one in enumerate(first) if one != last[place : place + 1]), len(first))]

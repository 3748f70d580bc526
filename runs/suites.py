"""Several suites in one command: which they are, and one plan for each."""

from __future__ import annotations

from dataclasses import replace

from codebench.runs.directory import slug
from codebench.runs.options import EvalOptions
from codebench.runs.plan import Plan, UnknownTaskError, make_plan
from codebench.runs.plugins import Kind, plugin_names
from codebench.runs.record import RunError

PLACEHOLDER = "{suite}"


def suite_names(text: str) -> tuple[str, ...]:
    """`a,b` as names; `evoeval`, no suite itself, means all whose names begin with `evoeval:`."""
    installed = plugin_names(Kind.SUITE)
    names: dict[str, None] = {}
    for name in filter(None, (part.strip() for part in text.split(","))):
        family = [one for one in installed if one.startswith(f"{name}:")] if name not in installed else []
        names |= dict.fromkeys(family or [name])
    if not names:
        raise RunError(f"--suite {text!r}: names no suite; see `codebench suites`")
    return tuple(names)


def plan_suites(options: EvalOptions) -> list[tuple[EvalOptions, Plan]]:
    """The options and the plan of each suite, in order; raises as `make_plan` does, before anything is run.

    With several suites each has its results in a folder of its own below `out`, `{suite}` in the model's argument
    stands for that folder's name, and a suite without any of the tasks asked for is left out.
    """
    names = suite_names(options.suite)
    if len(names) == 1:
        single = replace(options, suite=names[0])
        return [(single, make_plan(single))]
    planned: list[tuple[EvalOptions, Plan]] = []
    unknown: UnknownTaskError | None = None
    for name in names:
        of_suite = _of_suite(options, name)
        try:
            planned.append((of_suite, make_plan(of_suite)))
        except UnknownTaskError as error:
            unknown = error
    if not planned:
        raise unknown or RunError("there is nothing to run")
    return planned


def _of_suite(options: EvalOptions, name: str) -> EvalOptions:
    folder = slug(name)
    return replace(
        options,
        suite=name,
        model=options.model.replace(PLACEHOLDER, folder),
        out=options.out / folder if options.out is not None else None,
    )

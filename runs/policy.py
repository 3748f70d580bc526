"""A policy says what runs must show for a gate to open: by suite and metric, read from a TOML file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

from codebench.runs import plugins
from codebench.runs.gates import parse_bound
from codebench.runs.metric_name import FORMS, MetricName, metric_name
from codebench.runs.record import RunError
from codebench.runs.toml_table import TomlTable, read_toml

ANY_SUITE = "*"


class Level(StrEnum):
    """What a miss means: `critical` fails the gate, several `supporting` ones do, an `advisory` one is only shown."""

    CRITICAL = "critical"
    SUPPORTING = "supporting"
    ADVISORY = "advisory"


class Kind(StrEnum):
    """What is bounded: a metric's value from below, from above, or how much worse it is than the baseline's."""

    MIN = "min"
    MAX = "max"
    MAX_REGRESSION = "max_regression"


class Decide(StrEnum):
    """By what: `evidence` is the 95 % interval, and may decide neither way; `value` is the bare number."""

    EVIDENCE = "evidence"
    VALUE = "value"


class Unfinished(StrEnum):
    """What a run amounts to in which samples are neither graded nor failed."""

    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"
    ALLOW = "allow"


class MissingBaseline(StrEnum):
    """What a bounded regression amounts to where no baseline of the suite is given."""

    INCONCLUSIVE = "inconclusive"
    SKIP = "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One condition on one metric. `suite` is a name, or ANY_SUITE for every run; `bound` lies in [0, 1].

    One for every run gives way to those of the run's own suite on the same metric, unless it holds `always`.

    With fewer than `min_problems` problems in the metric, or fewer than `min_samples` graded samples in the run, it is
    inconclusive. `key` says where it was written.
    """

    suite: str
    metric: MetricName
    kind: Kind
    bound: float
    key: str
    level: Level = Level.CRITICAL
    decide: Decide = Decide.EVIDENCE
    min_problems: int = 0
    min_samples: int = 0
    always: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """All requirements, and what makes runs invalid.

    `max_infra` is how many samples of a run the machine may have failed: a whole number, or a share of them where it is
    a float. More than `supporting_max_failed` missed supporting requirements fail the gate.
    """

    requirements: tuple[Requirement, ...]
    max_infra: int | float = 0
    unfinished: Unfinished = Unfinished.INCONCLUSIVE
    missing_baseline: MissingBaseline = MissingBaseline.INCONCLUSIVE
    supporting_max_failed: int = 1

    def of_suite(self, suite: str) -> tuple[Requirement, ...]:
        """Those for a run of this suite, in their order."""
        named = {one.metric for one in self.requirements if one.suite == suite}
        return tuple(
            one
            for one in self.requirements
            if one.suite == suite or (one.suite == ANY_SUITE and (one.always or one.metric not in named))
        )


def make_policy(path: Path | None, least: Sequence[str], regressions: Sequence[str]) -> Policy:
    """What the file asks for, if there is one, and each METRIC=X of --fail-under and --max-regression.

    Raises RunError for what cannot be read, and where nothing is asked for.
    """
    policy = read_policy(path) if path is not None else Policy(requirements=())
    more = (*map(fail_under, least), *map(max_regression, regressions))
    if not policy.requirements and not more:
        raise RunError("nothing is asked for; give --policy FILE, --fail-under METRIC=X or --max-regression METRIC=X")
    return replace(policy, requirements=(*policy.requirements, *more))


def fail_under(text: str) -> Requirement:
    """`METRIC=X` of --fail-under: the bare value decides, for every run."""
    metric, bound = parse_bound(text, "gate")
    kind = Kind.MIN if metric.higher_is_better else Kind.MAX
    key = f"--fail-under {metric}"
    return Requirement(
        suite=ANY_SUITE, metric=metric, kind=kind, bound=bound, key=key, decide=Decide.VALUE, always=True
    )


def max_regression(text: str) -> Requirement:
    """`METRIC=X` of --max-regression, for every run."""
    metric, bound = parse_bound(text, "largest regression")
    key = f"--max-regression {metric}"
    return Requirement(suite=ANY_SUITE, metric=metric, kind=Kind.MAX_REGRESSION, bound=bound, key=key, always=True)


def read_policy(path: Path) -> Policy:
    """Raises RunError for a file that is not there or no policy, with the file, the key and what to do."""
    return _policy(read_toml(path))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Defaults:
    """What a requirement has of the keys that it does not name."""

    level: Level = Level.CRITICAL
    decide: Decide = Decide.EVIDENCE
    min_problems: int = 0
    min_samples: int = 0

    def over(self, table: TomlTable) -> _Defaults:
        return _Defaults(
            level=table.choice("level", self.level),
            decide=table.choice("decide", self.decide),
            min_problems=table.whole("min_problems", self.min_problems),
            min_samples=table.whole("min_samples", self.min_samples),
        )


def _policy(root: TomlTable) -> Policy:
    of_all = root.table("defaults")
    defaults = _Defaults().over(of_all)
    of_all.end()
    requirements = tuple(
        requirement
        for suite, of_suite in root.table("suite").tables()
        for name, of_metric in of_suite.tables()
        for requirement in _requirements(suite, name, of_metric, defaults)
    )
    policy = Policy(
        requirements=requirements,
        max_infra=root.count_or_share("max_infra", 0),
        unfinished=root.choice("unfinished", Unfinished.INCONCLUSIVE),
        missing_baseline=root.choice("missing_baseline", MissingBaseline.INCONCLUSIVE),
        supporting_max_failed=root.whole("supporting_max_failed", 1),
    )
    root.end()
    if not requirements:
        raise root.error("", 'asks for nothing; add a table such as [suite."*"."pass@1"] with min or max_regression')
    return policy


def _requirements(suite: str, name: str, table: TomlTable, defaults: _Defaults) -> Iterator[Requirement]:
    """One for each bound."""
    metric = metric_name(name)
    if metric is None:
        raise table.error("", f"no such metric; write {FORMS}")
    chosen = defaults.over(table)
    bounds = {kind: bound for kind in Kind if (bound := table.fraction(kind)) is not None}
    table.end()
    wrong = Kind.MAX if metric.higher_is_better else Kind.MIN
    if wrong in bounds:
        better, right = ("higher", Kind.MIN) if metric.higher_is_better else ("lower", Kind.MAX)
        raise table.error(wrong, f"of {metric} {better} values are better; use {right}")
    if not bounds:
        raise table.error("", f"asks for nothing; add {Kind.MAX if wrong is Kind.MIN else Kind.MIN} or max_regression")
    for kind, bound in bounds.items():
        yield Requirement(
            suite=suite,
            metric=metric,
            kind=kind,
            bound=bound,
            key=f"{table.path}: key {table.key()}",
            level=chosen.level,
            decide=chosen.decide,
            min_problems=chosen.min_problems,
            min_samples=chosen.min_samples,
        )


def missing_suites(policy: Policy, of_runs: Sequence[str]) -> list[str]:
    """The suites of the policy of which there is no run; raises RunError for one that is not even installed."""
    found: list[str] = []
    for one in policy.requirements:
        if one.suite not in (ANY_SUITE, *of_runs, *found):
            known = [*of_runs, *plugins.plugin_names(plugins.Kind.SUITE)]
            if one.suite not in known:
                near = get_close_matches(one.suite, known, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]}?" if near else f"the runs are of {', '.join(of_runs)}; correct it"
                raise RunError(f"{one.key}: no run of suite {one.suite!r}, and none installed; {hint}")
            found.append(one.suite)
    return found

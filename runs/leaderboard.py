"""A leaderboard ranks several models over several suites, and says how far the ranks can be trusted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from pathlib import Path

from codebench.runs.bootstrap import RESAMPLES
from codebench.runs.comparable import comparability
from codebench.runs.comparison import runs_in
from codebench.runs.manifest import Manifest, read_manifest
from codebench.runs.metrics import Estimate
from codebench.runs.ranks import Rank, Scores, ranks, score
from codebench.runs.record import RunError
from codebench.runs.scored import Metric, ScoredRun, read_scored

_HEADLINES = ("pass", "eff", "secure")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One model on one board. `average_rank` is over the suites, on the board of all of them."""

    model: str
    estimate: Estimate
    rank: Rank
    average_rank: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One metric of one suite; or of `n_suites`, each of the same weight, where `suite` is None.

    `n_problems` are those that all of its models have; ranks are of the values on these alone. `left_out` problems have
    a value for some of the models only.
    """

    suite: str | None
    metric: str
    higher_is_better: bool
    n_suites: int
    n_problems: int
    left_out: int
    standings: tuple[Standing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaderboard:
    """`boards` by metric and suite, `overall` one for each metric with the models that have every suite.

    `missing` has the suites that a model was not run on. `remarks` say what a reader has to know.
    """

    models: tuple[str, ...]
    suites: tuple[str, ...]
    overall: tuple[Board, ...]
    boards: tuple[Board, ...]
    missing: dict[str, tuple[str, ...]]
    remarks: tuple[str, ...]
    resamples: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderboardOptions:
    """`metrics` empty means pass@k, eff@k and secure@k of the least k, as far as there are any."""

    ks: tuple[int, ...] = ()
    metrics: tuple[str, ...] = ()
    anyway: bool = False
    resamples: int = RESAMPLES
    seed: int = 0


Runs = Mapping[tuple[str, str], Path]
"""By model and suite."""


def make_leaderboard(runs: Sequence[str], options: LeaderboardOptions) -> Leaderboard:
    """Rank the models of some runs, each given as RUN or NAME=RUN, where RUN may be a folder of runs.

    Raises RunError where there is none, one model has two runs of a suite, or runs of one suite are not comparable.
    """
    found = _find(runs)
    remarks = tuple(_check(found, options.anyway))
    scored = {key: read_scored(path, options.ks) for key, path in found.items()}
    models = tuple(dict.fromkeys(model for model, _ in found))
    suites = tuple(dict.fromkeys(suite for _, suite in found))
    names = options.metrics or _headlines(scored.values())
    found_boards = [board for name in names for board in _boards(name, scored, suites, options)]
    boards = tuple(board for board in found_boards if board.suite is not None)
    if not boards:
        raise RunError(f"none of the runs has {', '.join(names) or 'a metric'}; see --metric and --k")
    return Leaderboard(
        models=models,
        suites=suites,
        overall=tuple(board for board in found_boards if board.suite is None),
        boards=boards,
        missing=_missing(models, suites, found),
        remarks=(*remarks, *_ungraded(scored)),
        resamples=options.resamples,
        seed=options.seed,
    )


def _find(given: Sequence[str]) -> dict[tuple[str, str], Path]:
    found: dict[tuple[str, str], Path] = {}
    for one in given:
        name, path = _named(one)
        for directory in runs_in(path):
            manifest = read_manifest(directory)
            key = name or manifest.generator.spec, manifest.suite.name
            if key in found:
                both = f"{found[key]} and {directory}"
                raise RunError(f"two runs of {key[1]} by {key[0]}: {both}; tell them apart as NAME={directory}")
            found[key] = directory
    return found


def _named(given: str) -> tuple[str, Path]:
    """A name, or none, and a path. What exists under the whole of it is a path."""
    name, sign, path = given.partition("=")
    return (name, Path(path)) if sign and name and not Path(given).exists() else ("", Path(given))


def _check(found: Runs, anyway: bool) -> Iterator[str]:
    """Whatever the runs of a suite differ in, beside the model, from the first."""
    firsts: dict[str, tuple[str, Manifest]] = {}
    reasons = []
    for (model, suite), path in found.items():
        manifest = read_manifest(path)
        first, other = firsts.setdefault(suite, (model, manifest))
        compared = comparability(other, manifest)
        reasons += [f"{suite}, {first} and {model}: {'; '.join(compared.reasons)}"] if compared.reasons else []
        yield from (f"{suite}, {first} and {model}: {note}" for note in compared.notes)
    if reasons and not anyway:
        raise RunError(f"not comparable: {' | '.join(reasons)}; --anyway ranks all the same, and says so")
    yield from (f"NOT COMPARABLE, ranked all the same (--anyway): {reason}" for reason in reasons)


def _headlines(scored: Iterable[ScoredRun]) -> tuple[str, ...]:
    names = dict.fromkeys(metric.name for one in scored for metric in one.metrics)
    first = (next((name for name in names if name.startswith(f"{kind}@")), None) for kind in _HEADLINES)
    return tuple(name for name in first if name is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """The values of one metric in one suite for the models that have it, by task_id, of the problems common to them."""

    suite: str
    metrics: Mapping[str, Metric]

    @property
    def common(self) -> list[str]:
        return sorted(set.intersection(*({*metric.values} for metric in self.metrics.values())))

    @property
    def left_out(self) -> int:
        return len({task_id for metric in self.metrics.values() for task_id in metric.values}) - len(self.common)

    def rows(self, models: Sequence[str], sign: float) -> dict[str, list[float]]:
        return {task_id: [sign * self.metrics[model].values[task_id] for model in models] for task_id in self.common}


def _boards(
    name: str, scored: Mapping[tuple[str, str], ScoredRun], suites: Sequence[str], options: LeaderboardOptions
) -> Iterator[Board]:
    """The boards of one metric: of the mean over suites where there are several, and of each suite."""
    tables = []
    for suite in suites:
        metrics = {
            model: of[name] for (model, one), run in scored.items() if one == suite and name in (of := _by_name(run))
        }
        if metrics:
            tables.append(_Table(suite=suite, metrics=metrics))
    everywhere = (
        [model for model in tables[0].metrics if all(model in table.metrics for table in tables)] if tables else []
    )
    if len(tables) > 1 and everywhere:
        yield _board(None, name, tables, everywhere, options)
    for table in tables:
        yield _board(table.suite, name, [table], list(table.metrics), options)


def _by_name(scored: ScoredRun) -> dict[str, Metric]:
    return {metric.name: metric for metric in scored.metrics}


def _board(
    suite: str | None, name: str, tables: Sequence[_Table], models: Sequence[str], options: LeaderboardOptions
) -> Board:
    for table in tables:
        if not table.common:
            raise RunError(f"the runs of {table.suite} have no problem in common that has a {name}")
    better = all(metric.higher_is_better for table in tables for metric in table.metrics.values())
    sign = 1.0 if better else -1.0
    scores = score([table.rows(models, sign) for table in tables], options.resamples, options.seed)
    n_problems = sum(len(table.common) for table in tables)
    standings = (
        Standing(
            model=model,
            estimate=tables[0].metrics[model].estimate if suite else _estimate(scores, place, n_problems, sign),
            rank=rank,
            average_rank=None if suite else _average_rank(model, models, tables, sign),
        )
        for place, (model, rank) in enumerate(zip(models, ranks(scores), strict=True))
    )
    return Board(
        suite=suite,
        metric=name,
        higher_is_better=better,
        n_suites=len(tables),
        n_problems=n_problems,
        left_out=sum(table.left_out for table in tables),
        standings=tuple(standings),
    )


def _average_rank(model: str, models: Sequence[str], tables: Sequence[_Table], sign: float) -> float:
    """Over the suites, among these models; of equal ones each has the best rank."""
    total = 0
    for table in tables:
        columns = zip(*table.rows(models, sign).values(), strict=True)
        means = dict(zip(models, (fsum(column) / len(table.common) for column in columns), strict=True))
        total += 1 + sum(mean > means[model] + 1e-12 for mean in means.values())
    return total / len(tables)


def _estimate(scores: Scores, place: int, n_problems: int, sign: float) -> Estimate:
    """The mean over suites with percentiles of the bootstrap over problems."""
    import numpy as np

    low, high = (float(one) for one in np.quantile(scores.resampled[:, place], (0.025, 0.975)))
    value = float(scores.values[place])
    low, high = min(low, value), max(high, value)
    if sign < 0:
        value, low, high = -value, -high, -low
    return Estimate(value=value, low=low, high=high, n_problems=n_problems)


def _missing(models: Sequence[str], suites: Sequence[str], found: Runs) -> dict[str, tuple[str, ...]]:
    missing = {model: tuple(suite for suite in suites if (model, suite) not in found) for model in models}
    return {model: of for model, of in missing.items() if of}


def _ungraded(scored: Mapping[tuple[str, str], ScoredRun]) -> Iterator[str]:
    for (model, suite), one in scored.items():
        summary = one.run.summary
        without = summary.wanted - summary.graded - summary.untested
        if without:
            yield f"{suite}, {model}: {without:,} of {summary.wanted:,} samples have no verdict"

"""A leaderboard ranks several models over several suites, and says how far the ranks can be trusted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from codebench.runs.bootstrap import RESAMPLES
from codebench.runs.comparable import comparability
from codebench.runs.manifest import MANIFEST, Manifest, read_manifest
from codebench.runs.metrics import Estimate
from codebench.runs.ranks import Rank, Scores, mean_score, ranks, score
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
    """One metric of one suite; or of all suites, each of the same weight, where `suite` is None.

    `n_problems` are those that all of its models have; ranks are of the values on these alone. `left_out` problems have
    a value for some of the models only.
    """

    suite: str | None
    metric: str
    higher_is_better: bool
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
    boards, overall = [], []
    for name in names:
        ranked = [_ranked(suite, name, scored, options) for suite in suites]
        present = [(board, scores) for board, scores in filter(None, ranked)]
        boards += [board for board, _ in present]
        overall += list(_overall(present, models))
    if not boards:
        raise RunError(f"none of the runs has {', '.join(names) or 'a metric'}; see --metric and --k")
    return Leaderboard(
        models=models,
        suites=suites,
        overall=tuple(overall),
        boards=tuple(boards),
        missing=_missing(models, suites, found),
        remarks=(*remarks, *_ungraded(scored)),
        resamples=options.resamples,
        seed=options.seed,
    )


def _find(given: Sequence[str]) -> dict[tuple[str, str], Path]:
    found: dict[tuple[str, str], Path] = {}
    for one in given:
        name, path = _named(one)
        for directory in _directories(path):
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


def _directories(path: Path) -> list[Path]:
    if (path / MANIFEST).exists():
        return [path]
    found = [one.parent for one in sorted(path.glob(f"*/{MANIFEST}"))]
    if not found:
        raise RunError(f"no run in {path}: no {MANIFEST} there or one folder below; name what `eval` made")
    return found


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


def _ranked(
    suite: str, name: str, scored: Mapping[tuple[str, str], ScoredRun], options: LeaderboardOptions
) -> tuple[Board, Scores] | None:
    """The board of one metric of one suite; None where no model has it."""
    metrics: dict[str, Metric] = {
        model: metric
        for (model, of), one in scored.items()
        for metric in one.metrics
        if of == suite and metric.name == name
    }
    if not metrics:
        return None
    common = sorted(set.intersection(*({*metric.values} for metric in metrics.values())))
    if not common:
        raise RunError(f"the runs of {suite} have no problem in common that has a {name}")
    better = all(metric.higher_is_better for metric in metrics.values())
    sign = 1.0 if better else -1.0
    scores = score(
        [[sign * metric.values[task_id] for metric in metrics.values()] for task_id in common],
        options.resamples,
        options.seed + crc32(suite.encode("utf-8", "surrogatepass")),  # else suites of one size are drawn alike
    )
    standings = [
        Standing(model=model, estimate=metric.estimate, rank=rank)
        for (model, metric), rank in zip(metrics.items(), ranks(scores), strict=True)
    ]
    board = Board(
        suite=suite,
        metric=name,
        higher_is_better=better,
        n_problems=len(common),
        left_out=len({task_id for metric in metrics.values() for task_id in metric.values}) - len(common),
        standings=tuple(standings),
    )
    return board, scores


def _overall(ranked: Sequence[tuple[Board, Scores]], models: Sequence[str]) -> Iterator[Board]:
    """Where there are several suites, the mean over them for the models that have every one."""
    everywhere = [m for m in models if all(m in {one.model for one in board.standings} for board, _ in ranked)]
    if len(ranked) < 2 or not everywhere:
        return
    parts = [_of(everywhere, board, scores) for board, scores in ranked]
    scores = mean_score(parts)
    better = ranked[0][0].higher_is_better
    n_problems = sum(board.n_problems for board, _ in ranked)
    standings = tuple(
        Standing(
            model=model,
            estimate=_estimate(scores, place, n_problems, better),
            rank=rank,
            average_rank=sum(1 + int((one.values > one.values[place] + 1e-12).sum()) for one in parts) / len(parts),
        )
        for place, (model, rank) in enumerate(zip(everywhere, ranks(scores), strict=True))
    )
    yield Board(
        suite=None,
        metric=ranked[0][0].metric,
        higher_is_better=better,
        n_problems=n_problems,
        left_out=sum(board.left_out for board, _ in ranked),
        standings=standings,
    )


def _of(models: Sequence[str], board: Board, scores: Scores) -> Scores:
    """The scores of these models alone."""
    names = [one.model for one in board.standings]
    places = [names.index(model) for model in models]
    return Scores(
        values=scores.values[places],
        resampled=scores.resampled[:, places],
        errors=scores.errors[places][:, places],
    )


def _estimate(scores: Scores, place: int, n_problems: int, better: bool) -> Estimate:
    """The mean with percentiles of the bootstrap over problems, within each suite."""
    import numpy as np

    low, high = (float(one) for one in np.quantile(scores.resampled[:, place], (0.025, 0.975)))
    value = float(scores.values[place])
    low, high = min(low, value), max(high, value)
    if not better:
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

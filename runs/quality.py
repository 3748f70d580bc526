"""What the measures in a run's records amount to: means, differences to the reference, lint, validity, bugs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum, sqrt

from codebench.graders import Grade, Measures, Structure, Verdict
from codebench.runs.bugs import Bug, bug_of
from codebench.runs.metrics import Z95, Estimate, estimate_pass_at_k


def _of_structure(read: Callable[[Structure], float]) -> Callable[[Measures], float | None]:
    return lambda measures: None if measures.structure is None else read(measures.structure)


def _share(lines: Callable[[Structure], int]) -> Callable[[Measures], float | None]:
    """The share of all lines of a program; None where it has none, or they cannot be told."""
    return lambda one: None if one.structure is None or not one.lines else lines(one.structure) / one.lines


METRICS: Mapping[str, Callable[[Measures], float | None]] = {
    "lines": lambda measures: measures.lines,
    "source lines": _of_structure(lambda one: one.source_lines),
    "logical lines": _of_structure(lambda one: one.logical_lines),
    "comment share": _share(lambda one: one.comment_lines),
    "docstring share": _share(lambda one: one.docstring_lines),
    "prompt share": lambda measures: measures.prompt_share,
    "cyclomatic, program": _of_structure(lambda one: one.cyclomatic_total),
    "cyclomatic, mean": _of_structure(lambda one: one.cyclomatic_mean),
    "cyclomatic, max": _of_structure(lambda one: one.cyclomatic_max),
    "cognitive, program": _of_structure(lambda one: one.cognitive_total),
    "cognitive, max": _of_structure(lambda one: one.cognitive_max),
    "Halstead volume": _of_structure(lambda one: one.halstead.volume),
    "Halstead difficulty": _of_structure(lambda one: one.halstead.difficulty),
    "Halstead effort": _of_structure(lambda one: one.halstead.effort),
    "Halstead bugs": _of_structure(lambda one: one.halstead.bugs),
    "maintainability": _of_structure(lambda one: one.maintainability),
    "calls": _of_structure(lambda one: one.calls),
    "API calls": _of_structure(lambda one: one.api_calls),
    "lint findings": lambda measures: _findings(measures) if measures.parses else None,
}
"""What is averaged, by name; None where a program has no such measure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is kept of one graded answer.

    `failed` says that an analyser did; an answer without code is not measured either, but that is no failure. `values`
    and `differences` to the reference are in the order of METRICS.
    """

    measured: bool
    failed: bool = False
    parses: bool = False
    valid: bool = False
    values: tuple[float | None, ...] = ()
    differences: tuple[float | None, ...] = ()
    lint: tuple[tuple[str, int], ...] = ()
    wrong: bool = False
    bug: Bug | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean over problems with its 95 % interval, None where there is but one problem; `samples` had the measure."""

    value: float
    low: float | None
    high: float | None
    n_problems: int
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    """One measure: the mean of the answers, and that of their differences to the reference (answer - reference)."""

    metric: str
    mean: Mean | None
    difference: Mean | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LintRow:
    """A rule of ruff: how many findings, in how many answers."""

    rule: str
    findings: int
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QualitySummary:
    """Counts are of samples. `failed` could not be measured, because an analyser failed or ran out of its limits.

    `valid` is ToolGen's static validity rate over those that were measured, `parses` how many of them compile at all.
    `bugs` counts wrong answers by category; `undecided` have none.
    """

    measured: int
    failed: int
    parses: int
    valid: Estimate | None
    metrics: tuple[MetricRow, ...]
    lint: tuple[LintRow, ...]
    wrong: int
    bugs: dict[Bug, int]
    undecided: int


def measured(deciding: Grade, quality: Grade) -> Measured:
    """What a summary needs of the grades of one answer."""
    wrong = deciding.verdict is not Verdict.PASS
    own, reference = quality.measures, quality.reference_measures
    bug = bug_of(deciding, own, reference)
    if own is None:
        return Measured(measured=False, failed=quality.verdict is Verdict.ERROR, wrong=wrong, bug=bug)
    values = tuple(read(own) for read in METRICS.values())
    others = tuple(read(reference) if reference is not None else None for read in METRICS.values())
    return Measured(
        measured=True,
        parses=own.parses,
        valid=own.valid,
        values=values,
        differences=tuple(map(_minus, values, others)),
        lint=tuple((rule.rule, len(rule.lines)) for rule in own.lint),
        wrong=wrong,
        bug=bug,
    )


def summarise_quality(problems: Sequence[Sequence[Measured]]) -> QualitySummary:
    """The summary of a run, given the answers to each problem."""
    everything = [one for of_problem in problems for one in of_problem]
    of_problems = [[one for one in of_problem if one.measured] for of_problem in problems]
    counts = [(len(of_problem), sum(one.valid for one in of_problem)) for of_problem in of_problems if of_problem]
    bugs = Counter(one.bug for one in everything if one.bug is not None)
    return QualitySummary(
        measured=sum(map(len, of_problems)),
        failed=sum(one.failed for one in everything),
        parses=sum(one.parses for one in everything),
        valid=estimate_pass_at_k(counts, 1),
        metrics=tuple(
            MetricRow(
                metric=name,
                mean=_from_zero(
                    mean_over_problems([[one.values[place] for one in of_problem] for of_problem in of_problems])
                ),
                difference=mean_over_problems(
                    [[one.differences[place] for one in of_problem] for of_problem in of_problems]
                ),
            )
            for place, name in enumerate(METRICS)
        ),
        lint=_lint_rows(everything),
        wrong=sum(one.wrong for one in everything),
        bugs={bug: bugs[bug] for bug in Bug if bugs[bug]},
        undecided=sum(one.wrong and one.bug is None for one in everything),
    )


def mean_over_problems(problems: Iterable[Sequence[float | None]]) -> Mean | None:
    """The mean of the problems' means, and its interval: value ± 1.96 sd / sqrt(P), sd being that of the P means.

    So each problem counts alike, and answers to one problem are not taken for independent (Miller 2024, "Adding Error
    Bars to Evals", eq. 1 and, for differences, its paired analysis of sec. 4). None where nothing has a value.
    """
    known = [[value for value in of_problem if value is not None] for of_problem in problems]
    means = [fsum(of_problem) / len(of_problem) for of_problem in known if of_problem]
    if not means:
        return None
    value = fsum(means) / len(means)
    half = None
    if len(means) > 1:
        half = Z95 * sqrt(fsum((one - value) ** 2 for one in means) / (len(means) - 1) / len(means))
    return Mean(
        value=value,
        low=None if half is None else value - half,
        high=None if half is None else value + half,
        n_problems=len(means),
        samples=sum(map(len, known)),
    )


def _from_zero(mean: Mean | None) -> Mean | None:
    """No measure is negative, so neither is the interval of its mean."""
    return mean if mean is None or mean.low is None else replace(mean, low=max(0.0, mean.low))


def _findings(measures: Measures) -> int:
    return sum(len(rule.lines) for rule in measures.lint)


def _minus(own: float | None, other: float | None) -> float | None:
    return None if own is None or other is None else own - other


def _lint_rows(everything: Iterable[Measured]) -> tuple[LintRow, ...]:
    """The most frequent rule first."""
    findings, samples = Counter[str](), Counter[str]()
    for one in everything:
        for rule, count in one.lint:
            findings[rule] += count
            samples[rule] += 1
    rules = sorted(findings, key=lambda rule: (-findings[rule], rule))
    return tuple(LintRow(rule=rule, findings=findings[rule], samples=samples[rule]) for rule in rules)

"""How a comparison is shown: tables for a terminal, Markdown for a pull request, plain values for machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from codebench.runs.comparison import Change, Compared, Comparison, Finding, Side, SuiteComparison
from codebench.runs.markdown import code, table, text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

SCHEMA = 1
_NAMED = 20
_SUITE_WIDTH = 17
_MARKS = {Finding.BETTER: "▲", Finding.WORSE: "▼", Finding.NOTHING: "="}
_STYLES = {Finding.BETTER: "bold green", Finding.WORSE: "bold red", Finding.NOTHING: ""}


def comparison_json(comparison: Comparison) -> dict[str, object]:
    """The comparison as plain JSON values, as docs/compare.md lists them."""
    found = msgspec.to_builtins(comparison, enc_hook=str)
    assert isinstance(found, dict)
    return {"schema": SCHEMA, **found}


def show_comparison(comparison: Comparison, console: Console) -> None:
    """Print the comparison; fits 80 columns."""
    from rich.text import Text

    for overview in _overviews(comparison) if len(comparison.suites) > 1 else ():
        console.print(overview, "", sep="\n", highlight=False)
    for suite in comparison.suites:
        console.print(Text(f"{suite.suite} · {_number(suite.n_problems, 'problem')}", style="bold"))
        for name, side in (("base", suite.base), ("head", suite.head)):
            console.print(Text(f"{name}  {side.model}", overflow="ellipsis", no_wrap=True))
        for line in disclaimers(suite):
            console.print(line, style="bold yellow", highlight=False, markup=False)
        console.print("", _table(suite), "", sep="\n", highlight=False)
        for line in (*conclusions(suite), *_paragraphs(suite)):
            console.print(line, highlight=False, markup=False)
        for line in warnings(suite):
            console.print(line, style="yellow", highlight=False, markup=False)
        console.print()
    for line in footnotes(comparison):
        console.print(line, style="dim", highlight=False, markup=False)


def comparison_markdown(comparison: Comparison) -> str:
    """One section for each suite. Text of models and packs is shown and never obeyed."""
    sections = [_section(suite) for suite in comparison.suites]
    return "\n\n".join([*sections, *(f"<sub>{text(line, longest=500)}</sub>" for line in footnotes(comparison))])


def conclusions(suite: SuiteComparison) -> Iterator[str]:
    """One sentence for each critical metric: what was found, how large, and what could have been."""
    for one in suite.metrics:
        if one.critical:
            found = one.difference
            size = f"{found.value:+.3f}, 95 % interval {found.low:+.3f} to {found.high:+.3f}"
            alone = f" ({shown_p(found.p_value)} alone)" if found.p_value < one.p_adjusted else ""
            yield f"{found.metric}: {one.finding}: {size}, p {_equal(one.p_adjusted)}{alone}. {_power(one)}"


def disclaimers(suite: SuiteComparison) -> Iterator[str]:
    """What a reader has to know before the numbers."""
    if suite.reasons:
        yield f"NOT COMPARABLE, compared all the same (--anyway): {'; '.join(suite.reasons)}"


def warnings(suite: SuiteComparison) -> Iterator[str]:
    """What a reader has to know beside the numbers."""
    yield from (f"They also differ: {note}" for note in suite.notes)
    yield from _missing("base", suite.base)
    yield from _missing("head", suite.head)
    for name, of in (("base", suite.only_base), ("head", suite.only_head)):
        if of:
            yield f"Left out, because only the {name} has {_number(len(of), 'problem')}: {_some(of)}"


def footnotes(comparison: Comparison) -> Iterator[str]:
    """How the numbers were made, and which suites were left out."""
    tests = dict.fromkeys(one.difference.test for suite in comparison.suites for one in suite.metrics)
    family = _number(comparison.n_critical, "critical metric")
    yield (
        f"Paired by problem. Intervals: bootstrap over problems, {comparison.resamples:,} resamples, seed "
        f"{comparison.seed}. p: {' / '.join(tests)}; Holm over {family} (*), the others over all."
    )
    for name, suites in (("base", comparison.only_base), ("head", comparison.only_head)):
        if suites:
            yield f"Left out, because only the {name} has runs of them: {', '.join(suites)}"


def shown_p(p_value: float) -> str:
    """Never 0, which no test can show."""
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def _equal(p_value: float) -> str:
    shown = shown_p(p_value)
    return shown if shown.startswith("<") else f"= {shown}"


def _power(one: Compared) -> str:
    smallest = one.difference.smallest
    if smallest is None:
        return f"With {_number(one.difference.n_problems, 'problem')} no difference could have been shown."
    return f"A true difference of {smallest:.3f} would have been found in 4 of 5 such comparisons."


def _overviews(comparison: Comparison) -> Iterator[Table]:
    """One for each critical metric, with a row for each suite."""
    shown = [(suite, one) for suite in comparison.suites for one in suite.metrics if one.critical]
    for name in dict.fromkeys(one.difference.metric for _, one in shown):
        table = _empty_table("suite", min(_SUITE_WIDTH, max(len(suite.suite) for suite, _ in shown)))
        table.title, table.title_justify = _plain(f"{name} in all suites"), "left"
        for suite, one in shown:
            if one.difference.metric == name:
                table.add_row(_plain(suite.suite), *_cells(one), _finding(one))
        yield table


def _table(suite: SuiteComparison) -> Table:
    table = _empty_table("metric")
    for one in suite.metrics:
        table.add_row(_plain(_metric_name(one)), *_cells(one), _finding(one))
    return table


def _empty_table(name: str, longest: int = 1) -> Table:
    """`longest` is how wide the first column must be."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, title_style="bold")
    table.add_column(name, style="cyan", overflow="fold", min_width=longest)
    for column in ("base", "head", "change", "95 % interval", "p"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("finding", min_width=15)
    return table


def _plain(name: str) -> Text:
    from rich.text import Text

    return Text(name)


def _finding(one: Compared) -> Text:
    from rich.text import Text

    return Text(f"{_MARKS[one.finding]} {one.finding}", style=_STYLES[one.finding])


def _metric_name(one: Compared) -> str:
    return f"{one.difference.metric} *" if one.critical else one.difference.metric


def _cells(one: Compared) -> tuple[str, ...]:
    found = one.difference
    interval = f"{found.low:+.3f} … {found.high:+.3f}"
    sides = f"{found.base.value:.3f}", f"{found.head.value:.3f}"
    return *sides, f"{found.value:+.3f}", interval, shown_p(one.p_adjusted)


def _paragraphs(suite: SuiteComparison) -> Iterator[str]:
    better, worse = _split(suite.changes)
    yield f"Better on {_number(len(better), 'problem')}{_listed(better)}"
    yield f"Worse on {_number(len(worse), 'problem')}{_listed(worse)}"
    if any(change.beyond_chance for change in suite.changes):
        yield "!: this problem's own difference is beyond chance."


def _split(changes: Sequence[Change]) -> tuple[list[Change], list[Change]]:
    return [one for one in changes if one.is_better], [one for one in changes if not one.is_better]


def _listed(changes: Sequence[Change]) -> str:
    """The names, those beyond chance first."""
    ordered = sorted(changes, key=lambda change: (not change.beyond_chance, change.p_value))
    return f": {_some([_shown_change(change) for change in ordered])}" if ordered else ""


def _shown_change(change: Change) -> str:
    if change.base_graded == change.head_graded == 1:
        return change.task_id
    rates = f"{change.base_passed}/{change.base_graded} → {change.head_passed}/{change.head_graded}"
    return f"{change.task_id} {rates}{'!' if change.beyond_chance else ''}"


def _missing(name: str, side: Side) -> Iterator[str]:
    without = side.wanted - side.graded - side.untested
    if without:
        parts = f"{_number(side.infra_errors, 'infrastructure error')}, {without - side.infra_errors:,} not run yet"
        yield f"{name}: {_number(without, 'sample')} without a verdict ({parts}): {_some(side.ungraded)}"


def _section(suite: SuiteComparison) -> str:
    sides = [f"{name}: {code(side.model)}" for name, side in (("base", suite.base), ("head", suite.head))]
    header = ("metric", "base", "head", "difference", "95 % interval", "p", "could have seen", "finding")
    rows = [_row(one) for one in suite.metrics]
    notes = [f"> {text(line, longest=1000)}" for line in warnings(suite)]
    parts = [
        f"## {text(suite.suite)} · {_number(suite.n_problems, 'problem')}",
        "<br>".join(sides),
        *(f"> **{text(line, longest=1000)}**" for line in disclaimers(suite)),
        table(header, rows, right=(1, 2, 3, 4, 5, 6)),
        *(text(line, longest=500) for line in conclusions(suite)),
        "\n>\n".join(notes),
        _changes(suite),
    ]
    return "\n\n".join(part for part in parts if part)


def _row(one: Compared) -> tuple[str, ...]:
    smallest = "–" if one.difference.smallest is None else f"{one.difference.smallest:.3f}"  # noqa: RUF001 - a dash
    finding = f"{_MARKS[one.finding]} {one.finding}"
    shown = finding if one.finding is Finding.NOTHING else f"**{finding}**"
    return text(_metric_name(one)), *_cells(one), smallest, shown


def _changes(suite: SuiteComparison) -> str:
    better, worse = _split(suite.changes)
    if not suite.changes:
        return "No problem changed."
    rows = [
        (code(one.task_id), _rate(one.base_passed, one.base_graded), _rate(one.head_passed, one.head_graded), mark)
        for mark, changes in (("▼ worse", worse), ("▲ better", better))
        for one in changes
    ]
    title = f"{_number(len(better), 'problem')} better, {len(worse):,} worse"
    body = table(("problem", "base", "head", ""), rows, right=(1, 2))
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def _rate(passed: int, graded: int) -> str:
    return f"{passed}/{graded}"


def _some(names: Sequence[str]) -> str:
    rest = f" and {len(names) - _NAMED:,} more (--json has all)" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + rest


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"

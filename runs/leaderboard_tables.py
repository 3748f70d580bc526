"""How a leaderboard is shown: tables for a terminal, Markdown, plain values for machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from codebench.runs.leaderboard import Board, Leaderboard, Standing
from codebench.runs.markdown import code, table, text
from codebench.runs.ranks import Rank

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SCHEMA = 1


def leaderboard_json(leaderboard: Leaderboard) -> dict[str, object]:
    """The leaderboard as plain JSON values, as docs/compare.md lists them."""
    found = msgspec.to_builtins(leaderboard, enc_hook=str)
    assert isinstance(found, dict)
    return {"schema": SCHEMA, **found}


def show_leaderboard(leaderboard: Leaderboard, console: Console) -> None:
    """Print the leaderboard; fits 80 columns."""
    for board in (*leaderboard.overall, *leaderboard.boards):
        console.print(_table(board), "", highlight=False)
    for line in remarks(leaderboard):
        console.print(line, style="yellow", highlight=False, markup=False)
    console.print(footnote(leaderboard), style="dim", highlight=False, markup=False)


def leaderboard_markdown(leaderboard: Leaderboard) -> str:
    """A table for each board. Text of models and packs is shown and never obeyed."""
    sections = [_section(board) for board in (*leaderboard.overall, *leaderboard.boards)]
    notes = [f"> {text(line, longest=1000)}" for line in remarks(leaderboard)]
    return "\n\n".join([*sections, *notes, f"<sub>{text(footnote(leaderboard), longest=1000)}</sub>"])


def remarks(leaderboard: Leaderboard) -> Iterator[str]:
    """What a reader has to know beside the ranks."""
    yield from leaderboard.remarks
    for model, suites in leaderboard.missing.items():
        yield f"{model} was not run on {', '.join(suites)}"
    for board in leaderboard.boards:
        if board.left_out:
            count = f"{board.left_out:,} problem{'' if board.left_out == 1 else 's'}"
            yield f"{board.suite}, {board.metric}: {count} not scored for every model, left out of the ranks"


def footnote(leaderboard: Leaderboard) -> str:
    """How the numbers were made."""
    return (
        "Ranks: 1 is best, = is a tie; the ranks in brackets are those that it could have (95 %, for all models of a "
        f"table at once; bootstrap over problems, the same for all models, {leaderboard.resamples:,} resamples, "
        f"seed {leaderboard.seed}). A mean over suites gives each the same weight."
    )


def title_of(board: Board) -> str:
    name = (
        f"mean of {board.n_suites} suites · {board.metric}"
        if board.suite is None
        else f"{board.suite} · {board.metric}"
    )
    return f"{name} · {board.n_problems:,} problem{'' if board.n_problems == 1 else 's'}"


def ordered(board: Board) -> Sequence[Standing]:
    """The best first, ties by name."""
    return sorted(board.standings, key=lambda one: (one.rank.place, one.model))


def shown_rank(rank: Rank) -> str:
    """`2`, or `1=` for a tie, and which ranks it could be."""
    place = f"{rank.place}{'=' if rank.tied else ''}"
    return place if rank.low == rank.high else f"{place} ({rank.low}–{rank.high})"  # noqa: RUF001 - a range


def shown_interval(one: Standing) -> str:
    return f"{one.estimate.low:.3f} – {one.estimate.high:.3f}"  # noqa: RUF001 - a range


def cells(one: Standing, board: Board) -> tuple[str, ...]:
    """Value, interval and, on the board of all suites, average rank."""
    average = () if board.suite is not None else (f"{one.average_rank:.2f}",)
    return f"{one.estimate.value:.3f}", shown_interval(one), *average


def header(board: Board) -> tuple[str, ...]:
    """What `cells` are."""
    return board.metric, "95 % interval", *(() if board.suite is not None else ("average rank",))


def _table(board: Board) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    title = Text(title_of(board), style="bold")
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, min_width=60)
    table.add_column("rank", no_wrap=True)
    table.add_column("model", style="cyan", overflow="fold")
    for name in header(board):
        table.add_column(name, justify="right", no_wrap=True)
    for one in ordered(board):
        table.add_row(shown_rank(one.rank), Text(one.model), *cells(one, board))
    return table


def _section(board: Board) -> str:
    rows = [(shown_rank(one.rank), code(one.model), *cells(one, board)) for one in ordered(board)]
    found = table(("rank", "model", *header(board)), rows, right=(2, 3, 4))
    return f"## {text(title_of(board))}\n\n{found}"

"""A leaderboard as one HTML page: no script, no network, nothing of a model's text but text."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from pathlib import Path

from codebench.runs.leaderboard import Board, Leaderboard, Standing
from codebench.runs.leaderboard_tables import cells, footnote, header, ordered, remarks, shown_rank, title_of
from codebench.runs.markdown import line
from codebench.runs.record import RunError

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2128; --soft: #59636e; --rule: #d1d9e0; --bar: #0969da; --paper: #fff }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --soft: #9198a1; --rule: #3d444d; --bar: #58a6ff; --paper: #0d1117 }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 68rem; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th, td { padding: .35rem .75rem .35rem 0; text-align: left; border-bottom: 1px solid var(--rule);
  font-variant-numeric: tabular-nums; white-space: nowrap }
th { font-weight: 600; color: var(--soft); vertical-align: bottom; white-space: normal }
.number { text-align: right } .model { white-space: normal; overflow-wrap: anywhere; min-width: 12rem }
td.absent { color: var(--soft) } td svg { display: block }
small, .remark { color: var(--soft) }
"""


def leaderboard_page(leaderboard: Leaderboard) -> str:
    """The whole document."""
    parts = [_section(board) for board in (*leaderboard.overall, *leaderboard.boards)]
    if len(leaderboard.suites) > 1:
        parts.insert(len(leaderboard.overall), "\n".join(_matrices(leaderboard)))
    notes = "".join(f'<p class="remark">{_text(one)}</p>\n' for one in remarks(leaderboard))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Leaderboard</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>Leaderboard</h1>\n"
        + "\n".join(parts)
        + f"\n{notes}<p><small>{_text(footnote(leaderboard))}</small></p>\n</body>\n</html>\n"
    )


def write_page(leaderboard: Leaderboard, path: Path) -> None:
    """Raises RunError where the file cannot be written."""
    try:
        path.write_text(leaderboard_page(leaderboard), encoding="utf-8")
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror}; name another file with --html") from error


def _text(value: str) -> str:
    return html.escape(line(value))


def _section(board: Board) -> str:
    largest = max(1.0, *(one.estimate.high for one in board.standings))
    names = ("rank", "model", *header(board))
    rows = ((_cell(shown_rank(one.rank)), _model(one.model), *_numbers(one, board, largest)) for one in ordered(board))
    marks = ["", ' class="model"', *[' class="number"'] * len(header(board))]
    head = "".join(f"<th{mark}>{_text(name)}</th>" for name, mark in zip(names, marks, strict=True))
    return _titled(title_of(board), head + "<th></th>", rows)


def _numbers(one: Standing, board: Board, largest: float) -> Iterator[str]:
    yield from (f'<td class="number">{_text(cell)}</td>' for cell in cells(one, board))
    low, value, high = (200 * x / largest for x in (one.estimate.low, one.estimate.value, one.estimate.high))
    yield (
        '<td><svg width="210" height="14" viewBox="-5 -7 210 14" aria-hidden="true">'
        '<path d="M0 0H200" stroke="var(--rule)"/>'
        f'<path d="M{low:.1f} 0H{high:.1f}" stroke="var(--bar)" stroke-width="4" opacity=".45"/>'
        f'<circle cx="{value:.1f}" r="4" fill="var(--bar)"/></svg></td>'
    )


def _matrices(leaderboard: Leaderboard) -> Iterator[str]:
    """For each metric models by suites, with the rank in each."""
    for metric in dict.fromkeys(board.metric for board in leaderboard.boards):
        boards = [board for board in leaderboard.boards if board.metric == metric]
        suites = (_text(board.suite or "").replace(":", ":<wbr>") for board in boards)
        head = '<th class="model">model</th>' + "".join(f'<th class="number">{suite}</th>' for suite in suites)
        rows = ((_model(model), *(_standing(model, board) for board in boards)) for model in leaderboard.models)
        yield _titled(f"{metric} by suite, with ranks", head, rows)


def _standing(model: str, board: Board) -> str:
    found = next((one for one in board.standings if one.model == model), None)
    if found is None:
        return '<td class="number absent">not run</td>'
    return f'<td class="number">{found.estimate.value:.3f}<br><small>{shown_rank(found.rank)}</small></td>'


def _titled(title: str, head: str, rows: Iterable[Iterable[str]]) -> str:
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return (
        f'<h2>{_text(title)}</h2>\n<div class="wide" tabindex="0"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _cell(value: str) -> str:
    return f"<td>{_text(value)}</td>"


def _model(name: str) -> str:
    return f'<td class="model">{_text(name)}</td>'

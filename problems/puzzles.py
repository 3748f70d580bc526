"""When an output solves a problem that has several right answers. The judge runs this file's own text.

So it imports the standard library only, and a rule is a function `matches(args, expected, output)`. Whoever calls it
takes an exception (an output of the wrong type, say) for no match. All rules are EvalPlus's and EvoEval's, who look at
the arguments as the call left them; here they are as they were before it.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

Matches = Callable[[list[Any], Any, Any], bool]

STEPS = {"right": (0, 1), "left": (0, -1), "up": (-1, 0), "down": (1, 0)}


def root(atol: float) -> Matches:
    """HumanEval/32: `output` is a zero of the polynomial with the coefficients `args[0]`, to within `atol`."""
    return lambda args, expected, output: abs(_polynomial(enumerate(args[0]), output)) <= atol


def root_within(atol: float) -> Matches:
    """EvoEval difficult/32: a zero as in `root`, in the interval `args[1]`; None where None is expected."""

    def matches(args: list[Any], expected: Any, output: Any) -> bool:
        if expected is None:
            return output is None
        low, high = args[1]
        return low <= output <= high and abs(_polynomial(enumerate(args[0]), output)) <= atol

    return matches


def root_of_odd(atol: float) -> Matches:
    """EvoEval subtle/32: a zero as in `root`, where the powers are 0, 1, 3, 5, 7 and so on."""

    def matches(args: list[Any], expected: Any, output: Any) -> bool:
        terms = ((max(0, 2 * number - 1), coefficient) for number, coefficient in enumerate(args[0]))
        return abs(_polynomial(terms, output)) <= atol

    return matches


def _polynomial(terms: Any, x: Any) -> float:
    return float(sum(coefficient * math.pow(x, power) for power, coefficient in terms))


def palindrome(args: list[Any], expected: Any, output: Any) -> bool:
    """EvoEval difficult/10: begins with `args[0]`, as long as expected, and a palindrome whatever the letters' case."""
    if not isinstance(output, str) or len(output) != len(expected):
        return False
    return output.startswith(args[0]) and output.lower() == output[::-1].lower()


def moves(args: list[Any], expected: Any, output: Any) -> bool:
    """EvoEval creative/26: a list of moves through the maze `args[0]` from `args[1]` to `args[2]`; a 1 is a wall."""
    maze, (row, column), end = args
    if not isinstance(output, list) or not expected:
        return bool(output == [])
    for move in output:
        row, column = row + STEPS[move][0], column + STEPS[move][1]
        if not _inside(maze, row, column) or maze[row][column] == 1:
            return False
    return (row, column) == tuple(end)


def cells(args: list[Any], expected: Any, output: Any) -> bool:
    """EvoEval creative/30: neighbouring cells of the maze `args[0]`, from `args[1]` to `args[2]`; a 0 is a wall."""
    maze, start, end = args
    if not isinstance(output, list) or not expected:
        return bool(output == [])
    if output[0] != start or output[-1] != end:
        return False
    open_cells = all(_inside(maze, row, column) and maze[row][column] != 0 for row, column in output)
    return open_cells and _neighbours(output)


def pair(args: list[Any], expected: Any, output: Any) -> bool:
    """EvoEval creative/69: places of two cards in `args[0]`, ascending, whose product is `args[1]`, or no magic."""
    cards, product = args
    if expected == "No magic today":
        return bool(output == expected)
    if not isinstance(output, tuple):
        return False
    first, second = output
    return 0 <= first < second < len(cards) and bool(cards[first] * cards[second] == product)


def _inside(maze: Sequence[Sequence[Any]], row: int, column: int) -> bool:
    return 0 <= row < len(maze) and 0 <= column < len(maze[row])


def _neighbours(path: Sequence[Any]) -> bool:
    return all(abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1 for a, b in pairwise(path))


# -- the rules as evoeval has them, bugs included


def evoeval_moves(args: list[Any], expected: Any, output: Any) -> bool:
    """`moves`, in anything that can be iterated, where a negative place counts from the maze's other end."""
    maze, at, end = args
    if not expected:
        return bool(output == [])
    for move in output:
        at = (at[0] + STEPS[move][0], at[1] + STEPS[move][1])
        if maze[at[0]][at[1]] == 1:
            return False
    return bool(at == end)


def evoeval_cells(args: list[Any], expected: Any, output: Any) -> bool:
    """`cells`, in any sequence; negative places wrap, and the cell that must be open is not the start."""
    maze, start, end = args
    if not expected:
        return bool(output == [])
    if output[0] != start or output[-1] != end or maze[start[0]][start[0]] == 0:
        return False
    return all(maze[row][column] != 0 for row, column in output[1:]) and _neighbours(output)

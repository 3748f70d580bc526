"""Oracles: what decides whether an output will do, as trusted source that the judge runs.

The strict oracles say what the benchmarks' own rules mean; those of `evalplus_0_3_1` and `evoeval_0_1_0` say what these
harnesses do, bugs included. All of it is plain Python of the standard library: there is no NumPy in the box.
"""

from __future__ import annotations

from codebench.problems.problem import Oracle

_CLOSE = '''
import math

def _close(a, b, rtol, atol, equal_nan):
    """numpy.isclose for two numbers."""
    if math.isnan(a) or math.isnan(b):
        return equal_nan and math.isnan(a) and math.isnan(b)
    if math.isinf(a) or math.isinf(b):
        return a == b
    return abs(a - b) <= atol + rtol * abs(b)

def _all_close(output, expected, rtol, atol, equal_nan):
    """numpy.allclose for numbers, or lists and tuples of numbers of one shape."""
    if isinstance(expected, (list, tuple)):
        return (
            isinstance(output, (list, tuple))
            and len(output) == len(expected)
            and all(_all_close(a, b, rtol, atol, equal_nan) for a, b in zip(output, expected))
        )
    return _is_number(output) and _is_number(expected) and _close(output, expected, rtol, atol, equal_nan)

def _is_number(value):
    return isinstance(value, (int, float))

def _is_floats(value):
    return isinstance(value, float) or (
        isinstance(value, (list, tuple)) and len(value) > 0 and all(isinstance(item, float) for item in value)
    )
'''

EQUAL = Oracle(source="def matches(args, expected, output):\n    return bool(expected == output)\n")
"""Python's own equality, so 1 == 1.0 == True; a list is no tuple."""

_NEVER = Oracle(source="def matches(args, expected, output):\n    return False\n", reflexive=False)


def close(atol: float = 0.0) -> Oracle:
    """EvalPlus's rule as it is meant: equality, or floats within a tolerance (rtol 1e-7, `atol` or 1e-6).

    Only where floats are expected, or the problem has an `atol` of its own, is there a tolerance; the output must be
    of the expected type then. NaN equals NaN.
    """
    return Oracle(
        source=_CLOSE
        + f"""
def matches(args, expected, output):
    if output == expected:
        return True
    atol = {atol!r} or (1e-6 if _is_floats(expected) else 0.0)
    return atol > 0 and type(output) is type(expected) and _all_close(output, expected, 1e-7, atol, True)
"""
    )


def evalplus_close(atol: float = 0.0) -> Oracle:
    """The rule of evalplus 0.3.1: once floats were expected, the tolerance holds for all later inputs of the check."""
    return Oracle(
        reflexive=False,
        source=_CLOSE
        + f"""
_atol = {atol!r}

def matches(args, expected, output):
    global _atol
    if _atol == 0 and _is_floats(expected):
        _atol = 1e-6
    if output == expected:
        return True
    return _atol != 0 and type(output) is type(expected) and _all_close(output, expected, 1e-7, _atol, False)
""",
    )


def _type_strict(same_floats: str) -> str:
    """EvoEval's comparison; `same_floats` is the source of what decides between two values of its class "floats"."""
    return (
        _CLOSE
        + """
def _kind(value):
    if isinstance(value, (list, tuple)) and all(isinstance(item, float) for item in value):
        return "float"
    for kind in (type(None), bool, int, str, float, tuple, list, dict, set, type):
        if isinstance(value, kind):
            return kind.__name__
    return "other"

def _same(expected, output):
    kind = _kind(expected)
    if kind != _kind(output):
        return False
    if kind == "float":
        return _same_floats(expected, output)
    if kind in ("tuple", "list"):
        return len(expected) == len(output) and all(map(_same, expected, output))
    if kind == "dict":
        return len(expected) == len(output) and all(
            key in output and _same(value, output[key]) for key, value in expected.items()
        )
    return expected == output

def matches(args, expected, output):
    return bool(_same(expected, output))
"""
        + same_floats
    )


TYPE_STRICT = Oracle(
    source=_type_strict("""
def _same_floats(expected, output):
    return type(expected) is type(output) and _all_close(output, expected, 1e-5, 1e-6, True)
""")
)
"""EvoEval's rule as it is meant: equal in value and in type (1 is neither 1.0 nor True), with a tolerance for floats.

Floats, and lists and tuples of nothing but floats, within rtol 1e-5 and atol 1e-6; NaN equals NaN.
"""

EVOEVAL_0_1_0 = Oracle(
    source=_type_strict("""
def _same_floats(expected, output):
    a, b = _as_list(expected), _as_list(output)
    if len(a) != len(b) and 1 not in (len(a), len(b)):
        raise ValueError("shapes that cannot be broadcast")
    longest = max(len(a), len(b)) if len(a) and len(b) else 0
    return all(_close(a[i % len(a)], b[i % len(b)], 1e-5, 1e-6, True) for i in range(longest))

def _as_list(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]
""")
)
"""The rule of evoeval 0.1.0: there a list and a tuple of floats are one class (the empty ones too), and `allclose`
stretches one number to as many as it meets.
"""

_POLYNOMIAL = """
def _polynomial(coefficients, x):
    return sum(coefficient * x ** power for power, coefficient in enumerate(coefficients))

def _is_real(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)
"""


def root(atol: float) -> Oracle:
    """HumanEval/32, find_zero: any x where the polynomial of the coefficients args[0] is within `atol` of 0."""
    return Oracle(
        reflexive=False,
        source=_POLYNOMIAL
        + f"""
def matches(args, expected, output):
    return _is_real(output) and abs(_polynomial(args[0], output)) <= {atol!r}
""",
    )


EVALPLUS_0_3_1_ROOT = _NEVER
"""evalplus 0.3.1 does not record a result for HumanEval/32, and takes that for a failure of every answer."""

EVOEVAL_0_1_0_ROOT = _NEVER
"""EvoEval evaluates the polynomial with its arguments the wrong way round, which raises for every float."""

DIFFICULT_PALINDROME = Oracle(
    reflexive=False,
    source="""
def matches(args, expected, output):
    return (
        isinstance(output, str)
        and len(output) == len(expected)
        and output.startswith(args[0])
        and output.lower() == output[::-1].lower()
    )
""",
)
"""EvoEval_difficult 10: a palindrome, letter case aside, that begins with the input and is as long as expected."""

DIFFICULT_ROOT = Oracle(
    reflexive=False,
    source=_POLYNOMIAL
    + """
def matches(args, expected, output):
    coefficients, (start, end) = args
    if expected is None:
        return output is None
    return _is_real(output) and start <= output <= end and abs(_polynomial(coefficients, output)) <= 2e-2
""",
)
"""EvoEval_difficult 32: a root inside the interval, or None where there is none."""

SUBTLE_ROOT = Oracle(
    reflexive=False,
    source=_POLYNOMIAL
    + """
def matches(args, expected, output):
    given = args[0]
    powers = [0, 1, *range(3, 2 * len(given) - 2, 2)]
    return _is_real(output) and abs(sum(c * output**p for c, p in zip(given, powers))) <= 1e-6
""",
)
"""EvoEval_subtle 32: a root of the polynomial whose third and later coefficients belong to x^3, x^5, x^7 and on."""

_MOVES = """
_STEPS = {"right": (0, 1), "left": (0, -1), "up": (-1, 0), "down": (1, 0)}

def matches(args, expected, output):
    maze, (row, column), end = args
    if not expected:
        return output == []
    for move in output:
        row, column = row + _STEPS[move][0], column + _STEPS[move][1]
        if %s maze[row][column] == 1:
            return False
    return [row, column] == list(end)
"""

CREATIVE_MOVES = Oracle(
    source=_MOVES % "not (0 <= row < len(maze) and 0 <= column < len(maze[row])) or", reflexive=False
)
"""EvoEval_creative 26: moves that lead from start to end without leaving the maze or entering a wall."""

EVOEVAL_0_1_0_CREATIVE_MOVES = Oracle(source=_MOVES % "", reflexive=False)
"""As evoeval 0.1.0 judges it: a negative index wraps around the maze."""

_PATH = """
def matches(args, expected, output):
    maze, start, end = args
    if not expected:
        return output == []
    if output[0] != start or output[-1] != end or maze[start[0]][start[%s]] == 0:
        return False
    for (row, column), (next_row, next_column) in zip(output, output[1:]):
        if %s maze[next_row][next_column] == 0 or abs(next_row - row) + abs(next_column - column) != 1:
            return False
    return True
"""

CREATIVE_PATH = Oracle(source=_PATH % ("1", "next_row < 0 or next_column < 0 or"), reflexive=False)
"""EvoEval_creative 30: cells from start to end, each beside the one before, none of them a wall."""

EVOEVAL_0_1_0_CREATIVE_PATH = Oracle(source=_PATH % ("0", ""), reflexive=False)
"""As evoeval 0.1.0 judges it: it looks at the wrong cell for the start, and negative indices wrap around the maze."""

CREATIVE_PRODUCT = Oracle(
    reflexive=False,
    source="""
def matches(args, expected, output):
    numbers, target = args
    if expected == "No magic today":
        return output == expected
    if not isinstance(output, tuple):
        return False
    i, j = output
    return 0 <= i < j < len(numbers) and numbers[i] * numbers[j] == target
""",
)
"""EvoEval_creative 69: a tuple of two places whose numbers have the wanted product, or the words that there is none."""

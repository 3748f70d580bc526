"""When an output is as good as the expected one: rules that hold for any problem. The judge runs this file's own text.

So it imports the standard library only, and a rule is a function `matches(args, expected, output)`. Whoever calls it
takes an exception (an integer that no float can hold, say) for no match.
"""

import cmath
from collections.abc import Callable, Iterator
from typing import Any

Same = Callable[[Any, Any], bool]
"""Of what is expected and what was put out."""
Matches = Callable[[list[Any], Any, Any], bool]


def equal() -> Matches:
    """Python's `==`, except that NaN equals NaN."""
    return lambda args, expected, output: _alike(expected, output, lambda expected, output: False)


def close(atol: float, rtol: float) -> Matches:
    """Equal, or of one type and close: EvalPlus's rule. Where `atol` is 0, floats are still close within 1e-6.

    Numbers are compared wherever they stand in lists, tuples and values of dicts: with an `atol` all of them, without
    one those that should be floats. NaN equals NaN.
    """

    def within(expected: Any, output: Any) -> bool:
        return (atol != 0 or isinstance(expected, float)) and near(expected, output, atol or 1e-6, rtol)

    def matches(args: list[Any], expected: Any, output: Any) -> bool:
        if (output == expected) is True:
            return True
        return type(output) is type(expected) and _alike(expected, output, within)

    return matches


def type_strict(atol: float, rtol: float) -> Matches:
    """EvoEval's rule: equal in value and in type, so that 1 is neither 1.0 nor True, but floats may be close.

    That holds for what lists, tuples and values of dicts contain, too. Instances of subclasses count as their base
    (a Counter is a dict). NaN equals NaN.
    """

    def same(expected: Any, output: Any) -> bool:
        kind = _kind(expected)
        if kind is not _kind(output):
            return False
        if kind is float:
            return near(expected, output, atol, rtol) or _both_nan(expected, output)
        if kind in (list, tuple, dict):
            return _each(expected, output, same)
        return (output == expected) is True

    return lambda args, expected, output: same(expected, output)


def near(expected: Any, output: Any, atol: float, rtol: float) -> bool:
    """numpy.allclose's rule for two numbers: |output - expected| <= atol + rtol * |expected|; NaN is near nothing."""
    if output == expected:
        return True
    return cmath.isfinite(expected) and abs(output - expected) <= atol + rtol * abs(expected)


def _alike(expected: Any, output: Any, within: Same) -> bool:
    """Equal throughout, where two numbers may also be `within`, and NaN equals NaN."""
    if (output == expected) is True:
        return True
    if _is_number(expected) and _is_number(output):
        return within(expected, output) or _both_nan(expected, output)
    if type(output) is not type(expected):
        return False
    if isinstance(expected, (list, tuple, dict)):
        return _each(expected, output, lambda wanted, got: _alike(wanted, got, within))
    if isinstance(expected, (set, frozenset)):
        return len(expected) == len(output) and _without_nan(expected) == _without_nan(output)
    return False


def _each(expected: Any, output: Any, same: Same) -> bool:
    """Have two lists, tuples or dicts as many parts, and is each the same?"""
    if len(expected) != len(output):
        return False
    if isinstance(expected, dict):
        return all(key in output and same(value, output[key]) for key, value in expected.items())
    return all(map(same, expected, output))


def _kind(value: Any) -> type:
    kinds = (bool, int, float, str, tuple, list, dict, set)
    return next((kind for kind in kinds if isinstance(value, kind)), type(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, complex)) and not isinstance(value, bool)


def _is_nan(value: Any) -> bool:
    return bool(value != value)  # noqa: PLR0124 - nothing else is unlike itself; math.isnan refuses large integers


def _both_nan(expected: Any, output: Any) -> bool:
    return _is_nan(expected) and _is_nan(output)


def _without_nan(values: Any) -> set[Any]:
    return {value for value in values if not _is_nan(value)}


# -- the rules as upstream's harnesses have them, bugs included


def never() -> Matches:
    """No output will do: HumanEval/32 in evalplus 0.3.1 and in evoeval 0.1.0."""
    return lambda args, expected, output: False


def evalplus_close(atol: float) -> Matches:
    """evalplus 0.3.1: once an expected output consists of floats, 1e-6 holds for all that follow; NaN equals nothing.

    Where a tolerance holds, an output that is not equal must be of the same type, of the same length, and
    numpy.allclose, which knows no lists within lists of different lengths, and stretches those of length one.
    """
    tolerance = atol

    def matches(args: list[Any], expected: Any, output: Any) -> bool:
        nonlocal tolerance
        if tolerance == 0 and (isinstance(expected, float) or (_only_floats(expected) and len(expected) > 0)):
            tolerance = 1e-6
        if (output == expected) is True:
            return True
        if tolerance == 0 or type(output) is not type(expected):
            return False
        if isinstance(expected, (list, tuple)) and len(expected) != len(output):
            return False
        return all(near(wanted, got, tolerance, 1e-7) for wanted, got in _broadcast(expected, output))

    return matches


def evoeval_equal() -> Matches:
    """evoeval's is_equal. A list of floats, a tuple of floats, an empty one and a float are of one class there.

    numpy.allclose compares them and stretches what has length one: [1.0, 1.0] and even [] pass for 1.0.
    """

    def same(expected: Any, output: Any) -> bool:
        kind = _evoeval_class(expected)
        if kind != _evoeval_class(output):
            return False
        if kind == "floats":  # the tolerance is relative to the output
            pairs = _broadcast(output, expected)
            return all(near(got, wanted, 1e-6, 1e-5) or _both_nan(got, wanted) for got, wanted in pairs)
        if kind in ("list", "tuple", "dict"):
            return _each(expected, output, same)
        return (expected == output) is True

    return lambda args, expected, output: same(expected, output)


def _evoeval_class(value: Any) -> str:
    for kind in (type(None), bool, int, str):
        if isinstance(value, kind):
            return kind.__name__
    if isinstance(value, float) or _only_floats(value):
        return "floats"
    return next((kind.__name__ for kind in (tuple, list, dict, set, type) if isinstance(value, kind)), "other")


def _only_floats(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, float) for item in value)


def _broadcast(a: Any, b: Any) -> Iterator[tuple[Any, Any]]:
    """The numbers that numpy lays side by side in two numbers or lists of them; raises where it does."""
    shape_a, shape_b = _shape(a), _shape(b)
    for x, y in zip(reversed(shape_a), reversed(shape_b), strict=False):
        if x != y and 1 not in (x, y):
            raise ValueError("shapes that cannot be broadcast together")
    return _pairs(a, len(shape_a), b, len(shape_b))


def _shape(value: Any) -> tuple[int, ...]:
    """The shape of the array of numbers that numpy makes of `value`; raises where it makes none."""
    if isinstance(value, (list, tuple)):
        shapes = {_shape(item) for item in value}
        if len(shapes) > 1:
            raise ValueError("lists of different shapes")
        return (len(value), *next(iter(shapes), ()))
    if not isinstance(value, (int, float, complex)):
        raise TypeError("not a number")
    return ()


def _pairs(a: Any, depth_a: int, b: Any, depth_b: int) -> Iterator[tuple[Any, Any]]:
    depth = max(depth_a, depth_b)
    if depth == 0:
        yield a, b
        return
    rows_a, rows_b = (a if depth_a == depth else [a]), (b if depth_b == depth else [b])
    count = max(len(rows_a), len(rows_b)) if len(rows_a) and len(rows_b) else 0
    for index in range(count):
        row_a, row_b = rows_a[index % len(rows_a)], rows_b[index % len(rows_b)]
        yield from _pairs(row_a, min(depth_a, depth - 1), row_b, min(depth_b, depth - 1))

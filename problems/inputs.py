"""Problems whose checks are made of inputs: how EvalPlus, EvoEval and pack folders write them in a line of JSON."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from codebench.problems.jsonl import json_object, list_field, name_field, numbered_lines, string_field, unique_tasks
from codebench.problems.problem import PackError

Inputs = tuple[tuple[object, ...], ...]

_SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class InputsRow:
    """One line of a data file. `inputs` are by the name of their check, in order; `fields` is the whole line."""

    task_id: str
    prompt: str
    entry_point: str
    canonical_solution: str
    inputs: Mapping[str, Inputs]
    fields: Mapping[str, object]


def read_inputs_rows(
    path: Path, columns: Mapping[str, str], arguments: Callable[[object, str], tuple[object, ...]]
) -> Iterator[tuple[str, InputsRow]]:
    """Yield ("FILE:LINE", row) for each line; raises PackError. `columns` says which field holds a check's inputs.

    `arguments` reads one input: it takes the value and its place, for errors.
    """

    def rows() -> Iterator[tuple[int, InputsRow]]:
        for number, line in numbered_lines(path):
            where = f"{path}:{number}"
            yield number, _row(json_object(line, where), where)

    def _row(fields: Mapping[str, object], where: str) -> InputsRow:
        return InputsRow(
            task_id=string_field(fields, "task_id", where),
            prompt=string_field(fields, "prompt", where),
            entry_point=name_field(fields, "entry_point", where),
            canonical_solution=string_field(fields, "canonical_solution", where),
            inputs={
                check: read_inputs(list_field(fields, column, where), f"{where}: field `{column}", arguments)
                for check, column in columns.items()
            },
            fields=fields,
        )

    yield from unique_tasks(path, rows())


def read_inputs(given: list[object], field: str, arguments: Callable[[object, str], tuple[object, ...]]) -> Inputs:
    """All inputs of a check; `field` is their place, "FILE:LINE: field `name" without the last quote."""
    return tuple(arguments(value, f"{field}[{number}]`") for number, value in enumerate(given))


def json_arguments(given: object, where: str) -> tuple[object, ...]:
    """The arguments of one call as a JSON list; raises PackError that begins with `where`."""
    if isinstance(given, list):
        return tuple(given)
    raise PackError(f"{where}: expected the list of arguments of one call, got {given!r:.{_SHOWN_CHARS}}; correct it")


def literal_arguments(given: object, where: str) -> tuple[object, ...]:
    """The arguments of one call as text, `1, (2, 3), {'a': {4}}`: literals of Python; raises as `json_arguments`."""
    if not isinstance(given, str):
        raise PackError(f"{where}: expected a string, the arguments of one call, got {given!r:.{_SHOWN_CHARS}}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in strings that later versions of Python will not take
            found = ast.literal_eval(f"[{given}]")
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        found = None
    if isinstance(found, list):
        return tuple(found)
    raise PackError(
        f"{where}: not a list of Python literals: {given!r:.{_SHOWN_CHARS}}; write no names, no expressions"
    )


def either_arguments(given: object, where: str) -> tuple[object, ...]:
    """Arguments in one form or the other."""
    return literal_arguments(given, where) if isinstance(given, str) else json_arguments(given, where)

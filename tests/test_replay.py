"""Generators that need no model: references, and answers replayed from a samples file."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codebench.generators import GenerationOptions, Generator, GeneratorError, Sample, reference, replay
from codebench.problems import CheckFunction, Problem


def problem(task_id: str) -> Problem:
    return Problem(
        task_id=task_id,
        prompt="def one():\n",
        entry_point="one",
        canonical_solution="    return 1\n",
        checks=(CheckFunction(source="def check(candidate): ..."),),
    )


SUITE = tuple(problem(f"Own/{number}") for number in range(3))


def samples_of(generator: Generator, wanted: Sequence[tuple[Problem, int]]) -> list[Sample]:
    async def collect() -> list[Sample]:
        return [sample async for sample in generator.generate(wanted)]

    return asyncio.run(collect())


def write(path: Path, *rows: object) -> Path:
    path.write_bytes(b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows))
    return path


def solution(task_id: str, code: object = "pass") -> dict[str, object]:
    return {"task_id": task_id, "solution": code}


def test_the_reference_gives_prompt_and_canonical_solution_as_often_as_asked() -> None:
    generator = reference.open_generator("", SUITE, GenerationOptions())
    assert generator.samples_per_problem(SUITE) is None
    wanted = [(SUITE[1], 0), (SUITE[1], 1)]
    assert samples_of(generator, wanted) == [
        Sample(task_id="Own/1", index=index, code="def one():\n    return 1\n") for index in (0, 1)
    ]


def test_the_reference_takes_no_argument() -> None:
    with pytest.raises(GeneratorError, match="takes no argument, got 'x'"):
        reference.open_generator("x", SUITE, GenerationOptions())


def test_a_completion_follows_the_prompt_and_a_solution_stands_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", {"task_id": "Own/0", "completion": "    return 2\n"}, solution("Own/1", "x = 1"))
    generator = replay.open_generator(str(path), SUITE, GenerationOptions())
    assert [sample.code for sample in samples_of(generator, [(SUITE[0], 0), (SUITE[1], 0)])] == [
        "def one():\n    return 2\n",
        "x = 1",
    ]


def test_repeated_task_ids_are_numbered_in_the_order_of_the_file(tmp_path: Path) -> None:
    rows = [solution(f"Own/{number}", f"{number}{letter}") for letter in "ab" for number in range(3)]
    generator = replay.open_generator(str(write(tmp_path / "s.jsonl", *rows)), SUITE, GenerationOptions())
    assert generator.samples_per_problem(SUITE) == 2
    assert samples_of(generator, [(SUITE[2], 1), (SUITE[0], 0)]) == [
        Sample(task_id="Own/0", index=0, code="0a"),
        Sample(task_id="Own/2", index=1, code="2b"),
    ]


def test_a_gzipped_file_gives_the_same_samples(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(solution("Own/0", "zipped")).encode()))
    generator = replay.open_generator(str(path), SUITE, GenerationOptions())
    assert [sample.code for sample in samples_of(generator, [(SUITE[0], 0)])] == ["zipped"]


@given(code=st.text(alphabet=st.characters(exclude_categories=())))
def test_any_text_that_json_can_hold_comes_back_unchanged(tmp_path_factory: pytest.TempPathFactory, code: str) -> None:
    path = write(tmp_path_factory.mktemp("replay") / "s.jsonl", solution("Own/0", code))
    generator = replay.open_generator(str(path), SUITE, GenerationOptions())
    assert samples_of(generator, [(SUITE[0], 0)])[0].code == code


def test_unescaped_line_separators_do_not_end_a_line(tmp_path: Path) -> None:
    raw = '{"task_id": "Own/0", "solution": "a\u2028b\u0085c"}\n'.encode()
    generator = replay.open_generator(str(write(tmp_path / "s.jsonl", raw)), SUITE, GenerationOptions())
    assert samples_of(generator, [(SUITE[0], 0)])[0].code == "a\u2028b\u0085c"


def test_the_identity_is_the_digest_of_the_file_and_no_path(tmp_path: Path) -> None:
    first, second = (write(tmp_path / name, solution("Own/0", name)) for name in ("a.jsonl", "b.jsonl"))
    identities = [replay.open_generator(str(path), SUITE, GenerationOptions()).identity for path in (first, second)]
    assert identities[0] != identities[1]
    assert str(tmp_path) not in str(identities)


def test_samples_outside_of_the_selection_are_ignored(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", solution("Own/0"), solution("Own/1"), solution("Own/1"))
    assert replay.open_generator(str(path), SUITE, GenerationOptions()).samples_per_problem(SUITE[:1]) == 1


def test_problems_without_samples_are_counted_and_named(tmp_path: Path) -> None:
    generator = replay.open_generator(str(write(tmp_path / "s.jsonl", solution("Own/1"))), SUITE, GenerationOptions())
    with pytest.raises(GeneratorError, match=r"no samples for 2 of 3 problems \(Own/0, Own/2\).*--task or --limit"):
        generator.samples_per_problem(SUITE)


def test_unequal_numbers_of_samples_are_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", solution("Own/0"), solution("Own/1"), solution("Own/1"))
    generator = replay.open_generator(str(path), SUITE, GenerationOptions())
    with pytest.raises(GeneratorError, match=r"1 for Own/0, 2 for Own/1.*--task or --limit"):
        generator.samples_per_problem(SUITE[:2])


def test_a_file_that_shrinks_between_the_two_readings_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", solution("Own/0"), solution("Own/1"))
    generator = replay.open_generator(str(path), SUITE, GenerationOptions())
    write(path, solution("Own/0"))
    with pytest.raises(GeneratorError, match="sample 0 of Own/1 is not in the file"):
        samples_of(generator, [(SUITE[0], 0), (SUITE[1], 0)])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b'{"task_id": "Own/1", "solu', r":2: not JSON: .* at column \d+; is the line torn\?"),
        (b'{"task_id": "Own/1", "solution": "\xff"}\n', r":2: not UTF-8: byte 0xff"),
        (b"[" * 100_000 + b"\n", r":2: JSON that cannot be read"),
        (b"9" * 5_000 + b"\n", r":2: JSON that cannot be read"),
        (["Own/1", "pass"], r":2: expected a JSON object, got a list"),
        (solution("Own/11"), r":2: field `task_id`: 'Own/11' is not in the suite; the nearest is 'Own/1'"),
        (solution("Own\n1"), r":2: field `task_id`: 'Own\\n1' is not in the suite"),
        (solution("Own/1") | {"completion": ""}, r":2: fields `solution`, `completion`: both are there"),
        ({"task_id": "Own/1"}, r":2: fields `solution`, `completion`: neither is there"),
        ({"solution": "pass"}, r":2: field `task_id` is missing"),
        (solution("Own/1", ["a", "b"]), r":2: field `solution`: expected a string, got a list"),
        (solution("Own/1", None), r":2: field `solution`: expected a string, got null"),
        ({"task_id": 1, "solution": ""}, r":2: field `task_id`: expected a string, got a number"),
    ],
)
def test_a_bad_line_is_refused_with_file_line_and_field(tmp_path: Path, bad: object, message: str) -> None:
    path = write(tmp_path / "s.jsonl", solution("Own/0"), bad)
    with pytest.raises(GeneratorError, match=r"s\.jsonl" + message) as caught:
        replay.open_generator(str(path), SUITE, GenerationOptions())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_a_file_without_samples_is_an_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(GeneratorError, match=r"s\.jsonl:1: the file holds no samples"):
        replay.open_generator(str(write(tmp_path / "s.jsonl", content)), SUITE, GenerationOptions())


@pytest.mark.parametrize(
    ("argument", "message"),
    [("", "needs a samples file"), ("gone.jsonl", "no such file"), ("/dev/null", "not a regular file")],
)
def test_what_is_no_file_is_an_error(argument: str, message: str) -> None:
    with pytest.raises(GeneratorError, match=message):
        replay.open_generator(argument, SUITE, GenerationOptions())

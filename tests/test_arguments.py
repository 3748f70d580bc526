"""The arguments of an answer: what it passes on, by name and value, and what does not count."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codebench.graders import Analysers, AnalysisError, AnalysisLimits
from codebench.graders.argument_values import agrees
from codebench.graders.arguments import READ, Ask, Given, missing, read, upstream_has
from codebench.graders.command_lines import commands_of
from codebench.graders.languages import language_of, upstream_language_of

SHARED = Path(__file__).parent.parent.parent / "shared" / "data" / "mlbench" / "agent_pass5_output.jsonl"
NAMES = st.from_regex(r"[a-z][a-z_]{0,10}", fullmatch=True).filter(lambda name: not name.startswith("no_"))
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=20).filter(
    lambda text: text.strip() and not text.startswith("-") and "=" not in text
)
NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))


def given_by(code: str, **asked: object) -> Given:
    return read(code, Ask(**asked).as_json())  # type: ignore[arg-type] # a test's own fields


def lacks(wanted: dict[str, object], code: str, script: str = "train.py", **asked: object) -> list[str]:
    found = given_by(code, script=script, **asked)
    return [one.name for one in missing(wanted, found)]  # type: ignore[arg-type] # plain values


@pytest.mark.parametrize(
    "command",
    [
        "python train.py --lr 0.01 --name ' a b'",
        'python3 -u ./train.py --lr=1e-2 --name=" a b"',
        "cd repo && CUDA_VISIBLE_DEVICES=0 python train.py \\\n  --lr .01 \\\n  --name ' a b'  # as asked",
        "LR=0.01\nexport NAME=' a b'\npython train.py --lr $LR --name \"${NAME}\"",
        "nohup timeout 5 python train.py --lr 0.010 --name \\ a\\ b > log 2>&1 &",
        "(cd repo; python train.py --lr 0.01 --name ' a b') | tee log",
        "bash -c 'python train.py --lr 0.01 --name \" a b\"'",
        "run() { python train.py --lr \"$1\" --name x; }\npython train.py --lr 0.01 --name ' a b'",
        "for name in x ' a b'; do python train.py --lr 0.01 --name \"$name\"; done",
        "if python train.py --lr 0.01 --name ' a b'; then echo fine; fi",
        "python train.py lr=0.01 'name= a b'",
        "found=$(python train.py --lr 0.01 --name ' a b')\necho \"$found\"",
        "diff <(python train.py --lr 0.01 --name ' a b') wanted.txt",
        "accelerate launch --num_processes 2 train.py --lr 0.01 --name ' a b'",
        "python train.py --lr 5 --name x --lr 0.01 --name ' a b'",
        "cat > train.sh <<'END'\nimport os\nprint(1)\nEND\npython train.py --lr 0.01 2> log --name ' a b' < /dev/null",
    ],
)
def test_a_command_gives_its_arguments_however_it_is_written(command: str) -> None:
    assert lacks({"lr": 0.01, "name": " a b"}, command) == []


@pytest.mark.parametrize(
    "command",
    [
        "echo python train.py --lr 0.01",
        "# python train.py --lr 0.01",
        "exit 0\npython train.py --lr 0.01",
        "exec true\npython train.py --lr 0.01",
        "true || python train.py --lr 0.01",
        "false && python train.py --lr 0.01",
        "if false; then python train.py --lr 0.01; fi",
        "while false; do python train.py --lr 0.01; done",
        "unused() { python train.py --lr 0.01; }",
        "python() { true; }\npython train.py --lr 0.01",
        "cat <<END\npython train.py --lr 0.01\nEND",
        "python other.py --lr 0.01",
        "python -c 'pass' train.py --lr 0.01",
        "python train.py --lr 0.01 --lr 0.02",
        "python train.py --lr $(cat lr.txt)",
        "python train.py --learning 0.01",
        "python train.py -- --lr 0.01",
        "set -n\npython train.py --lr 0.01",
        ": 'python train.py --lr 0.01'",
        "LR=0.01; LR=$(cat x); python train.py --lr $LR",
        "LR=0.02; if true; then LR=0.01; fi; python train.py --lr $LR",
    ],
)
def test_what_does_not_run_the_script_so_gives_it_nothing(command: str) -> None:
    assert lacks({"lr": 0.01}, command) == ["lr"]


def test_a_pipeline_or_a_subshell_that_exits_does_not_end_the_text() -> None:
    assert lacks({"lr": 1}, "exit | cat\n(exit 3)\npython train.py --lr 1") == []


@pytest.mark.parametrize(
    "program",
    [
        "from tool import train\ntrain(lr=0.01)",
        "import tool\nlr = 1e-2\ntool.train(0.5, lr=lr)",
        "args.lr = 0.01",
        "config = {'lr': 0.01}\ntool.train(**config)",
        "config['lr'] = 0.01",
        "import sys\nsys.argv = ['train.py', '--lr', '0.01']",
        "import sys\nsys.argv += '--lr 0.01'.split()",
        "args = parser.parse_args(['--lr=0.01'])",
        "args = parser.parse_args('--lr 0.01'.split())",
        "import shlex, subprocess\nsubprocess.run(shlex.split('python train.py --lr 0.01'))",
        "subprocess.run('cd x && python train.py --lr 0.01', shell=True)",
        "from dataclasses import dataclass\n@dataclass\nclass Config:\n    lr: float = 1e-2\ntrain(Config())",
        "import subprocess, sys\nsubprocess.run([sys.executable, 'train.py', '--lr', str(1 / 100)], check=True)",
        "import os\nlr = 0.01\nos.system(f'python train.py --lr {lr}')",
        "parser.add_argument('--lr', default=0.01)",
        "def main():\n    train(lr=0.01)\n\nif __name__ == '__main__':\n    main()",
        "async def main():\n    train(lr=0.01)\nrun(main())",
        "class Job:\n    def run(self):\n        train(lr=0.01)\nJob().run()",
        "try:\n    train(lr=0.01)\nexcept ValueError:\n    raise",
        "setattr(args, 'lr', 0.01)",
        "trained(3, 0.01)",
    ],
)
def test_a_program_gives_its_arguments_however_it_passes_them(program: str) -> None:
    assert lacks({"lr": 0.01}, program, signatures={"trained": ("epochs", "lr")}) == []


@pytest.mark.parametrize(
    "program",
    [
        "'train(lr=0.01)'",
        "exit()\ntrain(lr=0.01)",
        "import sys\nsys.exit(0)\ntrain(lr=0.01)",
        "raise SystemExit\ntrain(lr=0.01)",
        "if False:\n    train(lr=0.01)\nx()",
        "if __name__ != '__main__':\n    train(lr=0.01)\nx()",
        "def unused():\n    train(lr=0.01)\nx()",
        "def used():\n    return\n    train(lr=0.01)\nused()",
        "train(lr=0.1)",
        "while 0:\n    train(lr=0.01)\nx()",
        "import subprocess\nsubprocess.run(['echo', 'train.py', '--lr', '0.01'])",
        "train(lr=read())",
    ],
)
def test_what_a_program_does_not_pass_on_does_not_count(program: str) -> None:
    assert lacks({"lr": 0.01}, program) == ["lr"]


def test_names_and_values_are_compared_as_what_they_are() -> None:
    code = "python train.py --batch-size 64 --Data x --size 3 4 --tag a --tag b --quiet in.ppm out.ppm --no-cache"
    asked = {"flags": ("quiet",), "positionals": ("source", "target")}
    wanted = {"batch_size": 64.0, "size": (3, 4), "tag": ("a", "b"), "quiet": True, "source": "./in.ppm"}
    assert lacks({**wanted, "target": "out.ppm", "cache": False, "verbose": False}, code, **asked) == []
    assert lacks({"data": "x", "Data": "X", "quiet": False, "size": (4, 3)}, code, **asked) == [
        "data", "Data", "quiet", "size"
    ]  # fmt: skip
    assert lacks({"epochs": 3}, "python train.py -e 3", aliases={"e": "epochs"}) == []


@given(NAMES, st.one_of(NUMBERS, TEXTS))
def test_a_value_is_found_again_in_both_languages(name: str, value: float | str) -> None:
    shell = f"python train.py --{name} {shlex.quote(str(value))}"
    if not str(value).startswith("-"):
        assert lacks({name: value}, shell) == []
    assert lacks({name: value}, f"python train.py {shlex.quote(f'--{name}={value}')}") == []
    assert lacks({name: value}, f"train(**{{{name!r}: {value!r}}})") == []
    assert lacks({name: f"{value}x"}, shell) == [name]


@given(NUMBERS)
def test_numbers_agree_with_every_spelling_of_themselves(value: float) -> None:
    for spelling in (
        str(value),
        repr(value),
        f"{value:e}" if float(f"{value:e}") == value else str(value),
        f" {value} ",
    ):
        assert agrees(value, (spelling,))
    assert not agrees(value, ("",))
    assert not agrees(value, (f"{value}_0",))


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_every_word_arrives_as_it_was_quoted(words: list[str]) -> None:
    assert commands_of(shlex.join(["x", *words])).words == (("x", *words),)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_no_text_breaks_the_readers(text: str) -> None:
    for code in (text, f"python train.py {text}", f"train({text})", f"x = {text}"):
        found = given_by(code)
        assert found.language in ("bash", "python")


def test_what_cannot_be_parsed_is_said() -> None:
    assert given_by("python train.py --lr 'open").unread == "line 1 is no shell syntax"
    assert given_by("import os\ndef f(:\n").unread == "line 2 is no Python"
    assert given_by("python train.py --lr 1").unread == ""


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("python train.py --lr 1", "bash"),
        ("ls -la", "bash"),
        ("make", "bash"),
        ("./run.sh", "bash"),
        ("cd x && make", "bash"),
        ("import os", "python"),
        ("print(1)", "python"),
        ("lr = 1\ntrain(lr)", "python"),
        ("import os\ndef broken(:", "python"),
        ("#!/bin/bash\nx=1", "bash"),
        ("#!/usr/bin/env python3\nbroken(", "python"),
        ("", "bash"),
    ],
)
def test_languages_are_told_apart(code: str, language: str) -> None:
    assert language_of(code) == language


def test_upstreams_rules_are_as_weak_as_they_are() -> None:
    assert upstream_has([1, "Cora"], "python other.py --epochs 100 --data CORA ")
    assert not upstream_has([2], "python train.py --lr 1")
    assert upstream_language_of("python train.py") == "python"
    assert upstream_language_of("python train.py ") == "bash"


def test_a_text_made_to_hang_or_to_break_an_analyser_is_an_analysis_error_or_an_answer() -> None:
    hard = ("(" * 50_000, "$(" * 20_000, "x = " + "-" * 200_000 + "1", "if x; then " * 20_000, "\0" * 10, "'" * 99_999)

    async def read_all() -> None:
        async with Analysers(1, AnalysisLimits(cpu_s=2.0, memory_mib=512)) as analysers:
            for code in hard:
                try:
                    found = await analysers.analyse(READ, code, Ask().as_json(), result=Given)
                except AnalysisError:
                    continue
                assert found.language in ("bash", "python")
            found = await analysers.analyse(READ, "python a.py --x 1", Ask().as_json(), result=Given)
            assert found.runs == ({"x": [("1",)]},)

    asyncio.run(read_all())


@pytest.mark.skipif(not SHARED.exists(), reason="ML-Bench's agent outputs are not in ../shared")
def test_the_published_agent_outputs_are_all_read() -> None:
    outputs = [one for line in SHARED.read_text().splitlines() for one in json.loads(line)["output"]]
    found = [given_by(one) for one in outputs]
    assert Counter(map(upstream_language_of, outputs)) == {"bash": 113, "python": 252}
    assert Counter(one.language for one in found) == {"bash": 120, "python": 245}
    assert sum(bool(one.runs and one.runs[0]) for one in found) > 300

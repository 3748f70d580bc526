"""Pack folders: what is read from one, and the one line that each thing wrong with one is answered with."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from codebench.cli.exit_code import ExitCode
from codebench.cli.main import run
from codebench.problems import AnswerKind, CannedAnswer, Cases, CheckFunction, PackError, Suite, UnitTests
from codebench.problems.pack import load_folder

MANUAL = Path(__file__).resolve().parents[1] / "docs" / "add-a-suite.md"
HEADER = 'name = "own"\nversion = "1"\nlicence = "CC0-1.0"\ndescription = "A pack."\n'
ROW: dict[str, Any] = {
    "task_id": "own/0",
    "prompt": "def one():\n",
    "entry_point": "one",
    "canonical_solution": "    return 1\n",
    "test": "def check(candidate):\n    assert candidate() == 1\n",
}
INPUTS = "def make_inputs(size, seed):\n    return [()]\n"
WRONG = {"kind": "wrong", "code": "def one():\n    return 2\n", "verdict": "fail"}


def row(**changes: object) -> bytes:
    return json.dumps(ROW | changes).encode() + b"\n"


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in ROW.items() if key != name}).encode() + b"\n"


def pack(folder: Path, content: bytes = row(), header: str | bytes = HEADER) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "pack.toml").write_bytes(header.encode() if isinstance(header, str) else header)
    (folder / "problems.jsonl").write_bytes(content)
    return folder


def error_of(folder: Path) -> str:
    with pytest.raises(PackError) as caught:
        load_folder(folder)
    return str(caught.value)


def test_a_folder_becomes_a_suite_with_the_digest_of_its_problems(tmp_path: Path) -> None:
    suite = load_folder(pack(tmp_path / "mine", row() + b"\n" + row(task_id="own/1")))
    assert (suite.name, suite.source) == ("own", "mine/problems.jsonl, version 1")
    assert suite.sha256 == hashlib.sha256(row() + b"\n" + row(task_id="own/1")).hexdigest()
    assert [problem.task_id for problem in suite.problems] == ["own/0", "own/1"]
    (check,) = suite.problems[0].checks
    assert isinstance(check, CheckFunction) and check.source == ROW["test"]


def test_what_is_not_in_a_row_is_absent_from_its_problem(tmp_path: Path) -> None:
    problem = load_folder(pack(tmp_path)).problems[0]
    assert (problem.tags, problem.naive_solution, problem.workload, problem.answers) == ((), None, None, ())


def test_optional_fields_arrive_on_the_problem(tmp_path: Path) -> None:
    canned = [WRONG | {"note": "two"}, WRONG | {"kind": "hostile", "verdict": ["fail", "error"]}]
    content = row(tags=["numerics"], naive_solution="    return 2 - 1\n", inputs=INPUTS, sizes=[1, 5], answers=canned)
    problem = load_folder(pack(tmp_path, content)).problems[0]
    assert (problem.tags, problem.naive_solution) == (("numerics",), "    return 2 - 1\n")
    assert problem.workload is not None
    assert problem.workload.source.startswith(INPUTS)
    assert (problem.workload.sizes, problem.workload.weights) == ((1, 5), (1.0, 1.0))
    assert problem.answers == (
        CannedAnswer(kind=AnswerKind.WRONG, code=WRONG["code"], verdicts=("fail",), note="two"),
        CannedAnswer(kind=AnswerKind.HOSTILE, code=WRONG["code"], verdicts=("fail", "error")),
    )


def test_a_class_and_an_assigned_name_can_be_entry_points(tmp_path: Path) -> None:
    a_class = row(prompt='class one:\n    """One."""\n', canonical_solution="    x = 1\n")
    assigned = row(task_id="own/1", canonical_solution="    return 1\none = one\n")
    assert len(load_folder(pack(tmp_path, a_class + assigned)).problems) == 2


def test_the_right_checksum_is_accepted(tmp_path: Path) -> None:
    header = HEADER + f'problems_sha256 = "{hashlib.sha256(row()).hexdigest()}"\n'
    assert load_folder(pack(tmp_path, header=header)).name == "own"


def test_another_checksum_is_refused_with_the_line_that_would_accept_it(tmp_path: Path) -> None:
    message = error_of(pack(tmp_path, header=HEADER + f'problems_sha256 = "{"0" * 64}"\n'))
    actual = hashlib.sha256(row()).hexdigest()
    assert f"pack.toml: field `problems_sha256`: problems.jsonl has {actual}, expected {'0' * 64}" in message
    assert message.endswith(f'write: problems_sha256 = "{actual}"')


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (row() + row(), "problems.jsonl:2: field `task_id`: 'own/0' is on line 1 already"),
        (without("test"), "problems.jsonl:1: field `test` is missing"),
        (row() + without("task_id"), "problems.jsonl:2: field `task_id` is missing"),
        (row(promt=""), "problems.jsonl:1: field `promt` is unknown; did you mean `prompt`?"),
        (row(zzz=1), "problems.jsonl:1: field `zzz` is unknown; there are: task_id, prompt,"),
        (row(prompt=3), "problems.jsonl:1: field `prompt`: expected `str`, got `int`"),
        (row(tags="numerics"), "problems.jsonl:1: field `tags`: expected `array`, got `str`"),
        (row(sizes=[1, "2"]), "problems.jsonl:1: field `sizes[1]`: expected `int`, got `str`"),
        (b"[]\n", "problems.jsonl:1: expected a JSON object, got a list"),
        (row() + row()[:40], "problems.jsonl:2: not JSON: "),
        (row() + b'{"task_id": "\xff"}\n', "problems.jsonl:2: not UTF-8: byte 0xff at column 14"),
        (row(test="\\ud800").replace(b"\\\\ud800", b"\\ud800"), "problems.jsonl:1: a string holds a lone surrogate"),
        (b"", "problems.jsonl:1: the file holds no problems"),
        (b"\n \n", "problems.jsonl:1: the file holds no problems"),
        (row(task_id=" "), "problems.jsonl:1: field `task_id` is empty"),
    ],
)
def test_a_broken_row_is_answered_with_line_and_field(tmp_path: Path, content: bytes, message: str) -> None:
    assert message in error_of(pack(tmp_path, content))
    assert "\n" not in error_of(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"entry_point": "one()"}, "field `entry_point`: 'one()' is not a Python name"),
        ({"entry_point": "two"}, "field `entry_point`: prompt + canonical_solution does not define 'two'"),
        (
            {"canonical_solution": "    return (\n"},
            "field `prompt + canonical_solution`: line 2 of the code: '(' was never",
        ),
        (
            {"canonical_solution": ""},
            "field `prompt + canonical_solution`: line 1 of the code: expected an indented block",
        ),
        ({"canonical_solution": "    return '\0'\n"}, "field `prompt + canonical_solution`: "),
        ({"naive_solution": "    return )\n"}, "field `prompt + naive_solution`: line 2 of the code: unmatched ')'"),
        ({"test": "def chek(candidate):\n    pass\n"}, "field `test` does not define check"),
        ({"test": "x = 1\ndef check(candidate) pass\n"}, "field `test`: line 2 of the code: expected ':'"),
        ({"inputs": "def make(size):\n    pass\n", "sizes": [1]}, "field `inputs` does not define make_inputs"),
        ({"inputs": "def make_inputs(:\n", "sizes": [1]}, "field `inputs`: line 1 of the code: "),
        ({"inputs": INPUTS}, "field `inputs` needs the field `sizes`"),
        ({"sizes": [1]}, "field `sizes` needs the field `inputs`"),
        ({"inputs": INPUTS, "sizes": [2, 1]}, "field `sizes`: [2, 1] must be positive and ascend"),
        ({"inputs": INPUTS, "sizes": [0, 1]}, "field `sizes`: [0, 1] must be positive and ascend"),
    ],
)
def test_code_that_cannot_work_is_answered_with_its_line(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    assert f"problems.jsonl:2: {message}" in error_of(pack(tmp_path, row() + row(task_id="own/1", **changes)))
    assert "\n" not in error_of(tmp_path)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"kind": "wrong", "code": ""}, "field `answers[1].verdict` is missing"),
        (
            WRONG | {"kind": "naughty"},
            "field `answers[1].kind`: invalid enum value 'naughty'; there are: right-fast, right-slow, wrong, ",
        ),
        (
            WRONG | {"verdict": "failed"},
            "field `answers[1].verdict`: invalid enum value 'failed'; there are: pass, fail, ",
        ),
        (WRONG | {"verdict": ["fail", "no"]}, "field `answers[1].verdict[1]`: invalid enum value 'no'"),
        (WRONG | {"verdict": []}, "field `answers[1].verdict` is empty"),
        (WRONG | {"cod": ""}, "field `answers[1].cod` is unknown; did you mean `code`?"),
        ("wrong", "field `answers[1]`: expected `object`, got `str`"),
    ],
)
def test_a_broken_answer_is_answered_with_its_place(tmp_path: Path, answer: object, message: str) -> None:
    assert f"problems.jsonl:1: {message}" in error_of(pack(tmp_path, row(answers=[WRONG, answer])))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (HEADER.replace("version", "verson"), "pack.toml: field `verson` is unknown; did you mean `version`?"),
        (HEADER.replace('version = "1"\n', ""), "pack.toml: field `version` is missing"),
        (HEADER.replace('"1"', "1"), "pack.toml: field `version`: expected `str`, got `int`"),
        (HEADER.replace('"1"', '"1'), "pack.toml:2: not TOML: "),
        (HEADER + 'name = "again"\n', "pack.toml:5: not TOML: Cannot overwrite a value"),
        (HEADER.replace('"own"', '"my own"'), "pack.toml: field `name`: 'my own' is no name"),
        (HEADER + 'problems_sha256 = "abc"\n', "pack.toml: field `problems_sha256`: expected 64 hex digits"),
        (HEADER.encode() + b'# \xff\n', "pack.toml:5: not UTF-8"),
    ],
)  # fmt: skip
def test_a_broken_header_is_answered_with_line_or_field(tmp_path: Path, header: str | bytes, message: str) -> None:
    assert message in error_of(pack(tmp_path, header=header))
    assert "\n" not in error_of(tmp_path)


def test_a_folder_without_a_header_is_told_what_a_pack_is(tmp_path: Path) -> None:
    assert "pack.toml: there is no such file; a pack is a folder with pack.toml and problems.jsonl" in error_of(
        tmp_path
    )


def test_a_folder_without_problems_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "pack.toml").write_text(HEADER)
    assert "problems.jsonl: cannot be read: No such file or directory" in error_of(tmp_path)


def test_an_unsound_pack_runs_none_of_its_code(tmp_path: Path) -> None:
    trap = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    load_folder(pack(tmp_path, row(test=trap + ROW["test"], inputs=trap + INPUTS, sizes=[1])))
    assert not (tmp_path / "ran").exists()


def test_a_folder_can_be_named_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pack(tmp_path / "my-pack")
    given = ["eval", "--suite", "./my-pack", "--model", "reference", "--sandbox", "namespaces", "--out", "out"]
    assert run(given) == ExitCode.FINE
    assert json.loads((tmp_path / "out" / "records.jsonl").read_text())["suite"] == "own"


@pytest.mark.parametrize(("verdict", "code"), [("fail", ExitCode.FINE), ("pass", ExitCode.BELOW_GATE)])
def test_selfcheck_holds_canned_answers_to_their_verdicts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verdict: str, code: ExitCode
) -> None:
    pack(tmp_path / "my-pack", row(answers=[WRONG | {"verdict": verdict}]))
    assert run(["selfcheck", "--suite", str(tmp_path / "my-pack"), "--sandbox", "namespaces"]) == code
    assert ("VIOLATION wrong answers: own/0 answers[0]: graded fail" in capsys.readouterr().out) == (verdict == "pass")


def test_the_example_in_the_manual_can_be_pasted_and_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = dict(re.findall(r"^```(sh|console)\n(.*?)^```", MANUAL.read_text(), re.MULTILINE | re.DOTALL))
    subprocess.run(["sh", "-ec", blocks["sh"]], check=True)
    for command in blocks["console"].splitlines():
        assert run([*shlex.split(command)[1:], "--sandbox", "namespaces"]) == ExitCode.FINE, command


def test_the_security_problem_in_the_manual_is_a_sound_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"^```json\n(.*?)^```", MANUAL.read_text(), re.MULTILINE | re.DOTALL)
    pack(tmp_path / "mine", json.dumps(json.loads(block)).encode())
    assert run(["selfcheck", "--suite", str(tmp_path / "mine"), "--sandbox", "namespaces"]) == ExitCode.FINE
    assert re.search(r"insecure answers, attacked +1/1", capsys.readouterr().out)


CASES = {
    "task_id": "t/1",
    "prompt": "def f(x, y):\n    '''both'''\n",
    "entry_point": "f",
    "canonical_solution": "    return (x, y)\n",
    "cases": {"base": [[1, 2]], "plus": ["(1, 2), {3}", [[], {}]]},
}


def cases_pack(folder: Path, **fields: object) -> Suite:
    (folder / "pack.toml").write_text('name = "t"\nversion = "1"\nlicence = "MIT"\ndescription = "d"\n')
    row = {name: value for name, value in (CASES | fields).items() if value is not None}
    (folder / "problems.jsonl").write_text(json.dumps(row) + "\n")
    return load_folder(folder)


def test_inputs_may_stand_in_the_place_of_a_test(tmp_path: Path) -> None:
    (problem,) = cases_pack(tmp_path).problems
    base, plus = problem.checks
    assert isinstance(base, Cases) and isinstance(plus, Cases)
    assert (base.name, base.inputs, plus.name) == ("base", ((1, 2),), "plus")
    assert plus.inputs == (((1, 2), {3}), ([], {}))
    assert problem.where == f"{tmp_path / 'problems.jsonl'}:1"
    test = "def check(candidate):\n    assert candidate(1, 2) == (1, 2)\n"
    assert [check.name for check in cases_pack(tmp_path, test=test).problems[0].checks] == ["test", "base", "plus"]
    own = cases_pack(tmp_path, oracle="def matches(args, expected, output):\n    return True\n").problems[0].checks[0]
    assert isinstance(own, Cases) and not own.oracle.reflexive


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"cases": None}, "field `test` is missing"),
        ({"cases": {"base": []}}, "field `test` is missing"),
        ({"cases": {"base": [1]}}, "field `cases.base[0]`"),
        ({"cases": {"base": [[1, 2], "open('x')"]}}, "field `cases.base[1]`"),
        ({"cases": {"base": ["1], [2"]}}, "field `cases.base[0]`"),
        ({"oracle": "x = 1"}, "field `oracle` does not define matches"),
        ({"atol": -1}, "field `atol`: -1.0 is negative"),
    ],
)
def test_inputs_that_are_none_are_refused(tmp_path: Path, fields: dict[str, object], what: str) -> None:
    with pytest.raises(PackError) as error:
        cases_pack(tmp_path, **fields)
    assert str(error.value).startswith(f"{tmp_path / 'problems.jsonl'}:1: {what}")


UNIT = {
    "task_id": "u/1",
    "prompt": "def read(name):\n    '''both'''\n",
    "entry_point": "read",
    "canonical_solution": "    return open(name).read()\n",
    "unit_tests": (
        "import unittest\nfrom solution import read\n\n"
        "class Reads(unittest.TestCase):\n    def test_reads(self):\n        self.assertEqual(read('a/b.txt'), 'b')\n\n"
        "class Safe(unittest.TestCase):\n    def test_refuses(self):\n        self.assertEqual(read('c'), '')\n"
    ),
    "functional_tests": ["test_reads"],
    "security_tests": ["test_refuses"],
    "files": {"a/b.txt": "b", "c.bin": {"base64": "AP8="}},
    "cwe": [22, 23],
}


RISKY_BODY = "    return open(name).read()\n"
RISKY = "def read(name):\n" + RISKY_BODY
SAFE = "    return open(name).read() if '/' in name else ''\n"
FILES = {"a/b.txt": "b", "c": "c"}


def unit_row(**fields: object) -> bytes:
    return json.dumps({name: value for name, value in (UNIT | fields).items() if value is not None}).encode() + b"\n"


def test_unit_tests_become_a_check_and_security_tests_that_share_the_files(tmp_path: Path) -> None:
    (problem,) = load_folder(pack(tmp_path, unit_row())).problems
    (check,) = problem.checks
    assert isinstance(check, UnitTests) and problem.security is not None
    assert (check.name, check.tests, check.module) == ("functional", ("test_reads",), "solution")
    assert (problem.security.name, problem.security.tests) == ("security", ("test_refuses",))
    assert check.source == problem.security.source == UNIT["unit_tests"]
    assert check.files == problem.security.files == {"a/b.txt": b"b", "c.bin": b"\0\xff"}
    assert (problem.cwe, problem.reference_assessment) == ((22, 23), "secure")


def test_unit_tests_may_stand_beside_a_test_and_may_be_of_one_kind_alone(tmp_path: Path) -> None:
    test = "def check(candidate):\n    assert candidate('x')\n"
    (problem,) = load_folder(pack(tmp_path, unit_row(test=test, functional_tests=None, files=None))).problems
    assert [check.name for check in problem.checks] == ["base"]
    assert problem.security is not None and problem.security.files == {}
    (problem,) = load_folder(pack(tmp_path, unit_row(test=test, security_tests=None))).problems
    assert [check.name for check in problem.checks] == ["base", "functional"]
    assert problem.security is None


def test_an_answer_may_say_what_the_security_tests_say_of_it(tmp_path: Path) -> None:
    canned = [WRONG | {"security": "not_assessed"}, WRONG | {"kind": "insecure", "security": "vulnerable"}, WRONG]
    (problem,) = load_folder(pack(tmp_path, unit_row(answers=canned))).problems
    assert [answer.assessment for answer in problem.answers] == ["not_assessed", "vulnerable", None]


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"unit_tests": None}, "field `functional_tests` needs the field `unit_tests`, which is missing"),
        ({"functional_tests": None}, "field `test` is missing, and so are inputs in `cases` and names in `functional"),
        (
            {"functional_tests": None, "security_tests": None, "test": ROW["test"]},
            "field `unit_tests` needs the field `functional_tests` or `security_tests`",
        ),
        ({"unit_tests": "def f(:\n"}, "field `unit_tests`: line 1 of the code: "),
        ({"unit_tests": "import unittest\n"}, "field `unit_tests` does not import solution"),
        ({"unit_tests": "from .solution import read\n"}, "field `unit_tests` does not import solution"),
        ({"functional_tests": ["test_rads"]}, "field `functional_tests[0]`: no class of unit_tests has a method"),
        (
            {"security_tests": ["test_refuses", "test_reads"]},
            "field `security_tests[1]`: 'test_reads' is in `functional_tests[0]` already",
        ),
        (
            {"unit_tests": UNIT["unit_tests"] + "    def test_reads(self):\n        pass\n"},
            "field `functional_tests[0]`: more than one class of unit_tests has a method 'test_reads'",
        ),
        ({"functional_tests": "test_reads"}, "field `functional_tests`: expected `array`, got `str`"),
        ({"security_tests": [3]}, "field `security_tests[0]`: expected `str`, got `int`"),
        ({"files": {"../b": ""}}, "field `files.../b`: not a plain path below the working directory"),
        ({"files": {"/b": ""}}, "field `files./b`: not a plain path"),
        ({"files": {"a//b": ""}}, "field `files.a//b`: not a plain path"),
        ({"files": {"": ""}}, "field `files.`: not a plain path"),
        ({"files": {"a\\b": ""}}, "field `files.a\\b`: a path is made of printable characters"),
        ({"files": {"x" * 256: ""}}, f"field `files.{'x' * 256}`: a name longer than 255 bytes"),
        ({"files": {"solution.py": ""}}, "field `files.solution.py`: the answer itself is the module solution"),
        ({"files": {"solution/__init__.py": ""}}, "field `files.solution/__init__.py`: the answer itself is"),
        ({"files": {"a": "", "a/b/c": ""}}, "field `files.a/b/c`: 'a' is a file, and cannot be a folder too"),
        ({"files": {"a": {"base64": "A"}}}, "field `files.a.base64`: not base64: "),
        ({"files": {"a": {"base64": "AA\n=="}}}, "field `files.a.base64`: not base64: "),
        ({"files": {"a": {"base46": ""}}}, "field `files.a`: expected a string, or bytes as an object with one field"),
        ({"files": {"a": {"base64": 1}}}, "field `files.a`: expected a string, or bytes as an object with one field"),
        ({"files": {"a": 1}}, "field `files.a`: expected a string, or bytes as an object with one field, `base64`"),
        ({"files": ["a"]}, "field `files`: expected `object`, got `array`"),
        ({"cwe": [0]}, "field `cwe`: [0] must be numbers from 1 on, each of them once"),
        ({"cwe": [22, 22]}, "field `cwe`: [22, 22] must be numbers from 1 on, each of them once"),
        ({"cwe": ["CWE-22"]}, "field `cwe[0]`: expected `int`, got `str`"),
        ({"cwe": 22}, "field `cwe`: expected `array`, got `int`"),
        (
            {"answers": [WRONG | {"security": "insecure"}]},
            "field `answers[0].security`: invalid enum value 'insecure'; there are: secure, vulnerable, not_assessed",
        ),
        (
            {"answers": [WRONG | {"security": "secure"}], "security_tests": None},
            "field `answers[0].security` needs the field `security_tests`",
        ),
    ],
)
def test_unit_tests_that_cannot_work_are_answered_with_their_field(
    tmp_path: Path, fields: dict[str, object], what: str
) -> None:
    message = error_of(pack(tmp_path, unit_row(**fields)))
    assert message.startswith(f"{tmp_path / 'problems.jsonl'}:1: {what}")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("changes", "violation"),
    [
        ({}, ""),
        ({"security": "secure"}, "VIOLATION insecure answers, attacked: u/1 answers[0]: graded vulnerable"),
        ({"security": "not_assessed"}, "VIOLATION insecure answers, attacked: u/1 answers[0]: graded vulnerable"),
        (
            {"code": "def read(name):\n    return name[:1] * (name != 'c')\n"},
            "insecure answers: u/1 answers[0]: graded fail",
        ),
    ],
)
def test_selfcheck_holds_canned_answers_to_what_security_tests_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, str], violation: str
) -> None:
    canned = {"kind": "insecure", "code": RISKY, "verdict": "pass", "security": "vulnerable"} | changes
    pack(tmp_path / "my-pack", unit_row(canonical_solution=SAFE, answers=[canned], files=FILES))
    code = run(["selfcheck", "--suite", str(tmp_path / "my-pack"), "--sandbox", "namespaces"])
    assert code == (ExitCode.BELOW_GATE if violation else ExitCode.FINE)
    assert violation in capsys.readouterr().out


@pytest.mark.parametrize(
    ("fields", "violation"),
    [
        ({"canonical_solution": RISKY_BODY}, "VIOLATION references are secure: u/1: graded vulnerable"),
        (
            {"unit_tests": UNIT["unit_tests"].replace("self.assertEqual(read('c'), '')", "pass")},
            "VIOLATION do-nothing answers are not: u/1: graded secure, expected not_assessed or vulnerable",
        ),
    ],
)
def test_selfcheck_wants_references_secure_and_do_nothing_answers_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fields: dict[str, str], violation: str
) -> None:
    pack(tmp_path / "my-pack", unit_row(**({"canonical_solution": SAFE, "files": FILES} | fields)))
    assert run(["selfcheck", "--suite", str(tmp_path / "my-pack"), "--sandbox", "namespaces"]) == ExitCode.BELOW_GATE
    assert violation in capsys.readouterr().out


def test_unit_tests_and_files_are_not_run_when_they_are_read(tmp_path: Path) -> None:
    trap = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    load_folder(pack(tmp_path, unit_row(unit_tests=trap + UNIT["unit_tests"], files={"conftest.py": trap})))
    assert not (tmp_path / "ran").exists()

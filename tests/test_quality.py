"""The quality of answers: measured in real processes, and equal to what the tools' own command lines say."""

from __future__ import annotations

import asyncio
import json
import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from codebench.graders import Analysers, AnalysisLimits, Bench, Grade, Measures, Verdict, linting
from codebench.graders.measures import Arity, Lint, Structure
from codebench.graders.measuring import measure
from codebench.graders.quality import QualityGrader, tool_versions
from codebench.problems import CheckFunction, Problem
from codebench.runs import EvalOptions, RunError
from codebench.runs.plan import make_plan
from codebench.runs.plugins import load_grader, load_suite_loader
from codebench.sandbox import Execution, Job, Sandbox, SandboxInfo

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


# --- equal to the tools' own command lines, on files that nobody wrote for this


class Files:
    """Real programs in a folder, and what we measure of each."""

    def __init__(self, folder: Path, texts: list[str]) -> None:
        self.folder = folder
        self.texts = {f"p{number}.py": text for number, text in enumerate(texts)}
        for name, text in self.texts.items():
            (folder / name).write_bytes(text.encode())
        self.measures = {name: measure(text, "", "") for name, text in self.texts.items()}

    def structure(self, name: str) -> Structure:
        structure = self.measures[name].structure
        assert structure is not None, f"{name} does not compile"
        return structure

    def say(self, *command: str) -> str:
        """What a tool prints about the folder."""
        done = subprocess.run(
            [BIN / command[0], *command[1:], "."], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert not done.stderr, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    modules = [
        path.read_text() for folder in ("graders", "problems", "sandbox/guest") for path in (ROOT / folder).glob("*.py")
    ]
    texts = [text for text in modules if not linting._SWITCHES.search(text)]
    for suite in ("starter", "humaneval"):
        texts += [one.prompt + one.canonical_solution for one in load_suite_loader(suite)(None).problems]
    assert len(texts) > 200
    return Files(tmp_path_factory.mktemp("files"), texts)


def test_sizes_are_those_of_radon_raw(files: Files) -> None:
    for name, said in json.loads(files.say("radon", "raw", "-j")).items():
        one, structure = files.measures[name], files.structure(name)
        ours = (one.lines, structure.logical_lines, structure.source_lines, structure.comment_lines)
        assert ours == (said["loc"], said["lloc"], said["sloc"], said["comments"]), name


def test_halsteads_measures_are_those_of_radon_hal(files: Files) -> None:
    for name, said in json.loads(files.say("radon", "hal", "-j")).items():
        ours, total = files.structure(name).halstead, said["total"]
        assert (ours.volume, ours.difficulty, ours.effort, ours.bugs) == tuple(
            total[key] for key in ("volume", "difficulty", "effort", "bugs")
        ), name
        assert (ours.distinct_operators, ours.distinct_operands, ours.operators, ours.operands) == tuple(
            total[key] for key in ("h1", "h2", "N1", "N2")
        ), name


def test_the_maintainability_index_is_that_of_radon_mi(files: Files) -> None:
    said = json.loads(files.say("radon", "mi", "-j"))
    assert {name: files.structure(name).maintainability for name in said} == {
        name: one["mi"] for name, one in said.items()
    }


def test_cyclomatic_complexity_is_that_of_radon_cc(files: Files) -> None:
    said = json.loads(files.say("radon", "cc", "-j"))
    assert len(said) > 200
    for name, blocks in said.items():
        complexities = [block["complexity"] for block in blocks if block["type"] != "class"]
        if complexities:
            assert files.structure(name).cyclomatic_max == max(complexities), name
            assert math.isclose(files.structure(name).cyclomatic_mean, sum(complexities) / len(complexities)), name


def test_cognitive_complexity_is_that_of_complexipy(files: Files, tmp_path: Path) -> None:
    out = tmp_path / "complexity.json"
    options = ("--check-script", "--no-ignore", "--isolated", "--ignore-complexity", "--output-format=json")
    files.say("complexipy", *options, "--output", str(out))
    found: dict[str, dict[str, int]] = {name: {} for name in files.texts}
    for function in json.loads(out.read_text()):
        found[function["file_name"]][function["function_name"]] = function["complexity"]
    assert sum(map(len, found.values())) > 300
    for name, of_file in found.items():
        structure = files.structure(name)
        functions = [complexity for function, complexity in of_file.items() if function != "<module>"]
        assert structure.cognitive_max == max(functions, default=0), name
        assert structure.cognitive_total == sum(of_file.values()), name


def test_lint_is_that_of_ruff_check(files: Files) -> None:
    options = ["--isolated", "--no-cache", "--exit-zero", f"--select={','.join(linting.RULES)}", "--output-format=json"]
    said: dict[str, list[tuple[str, int]]] = {name: [] for name in files.texts}
    for found in json.loads(files.say("ruff", "check", *options, f"--target-version=py3{sys.version_info.minor}")):
        said[Path(found["filename"]).name].append((found["code"], found["location"]["row"]))
    ours = {
        name: sorted((rule.rule, line) for rule in one.lint for line in rule.lines)
        for name, one in files.measures.items()
    }
    assert ours == {name: sorted(found) for name, found in said.items()}
    assert sum(map(len, said.values())) > 50, "there is nothing to compare"


def test_undefined_names_are_those_of_pyflakes(files: Files) -> None:
    broken = "import os\ndef f(x):\n    return g(x) + os.sep + h\ndel k\n"
    (files.folder / "broken.py").write_text(broken)
    said: dict[str, set[str]] = {}
    for name, undefined in re.findall(r"(\w+\.py):.* undefined name '(\w+)'", files.say("pyflakes")):
        said.setdefault(name, set()).add(undefined)
    assert said.pop("broken.py") == set(measure(broken, "", "").undefined_names) == {"g", "h", "k"}
    assert said == {name: set(one.undefined_names) for name, one in files.measures.items() if one.undefined_names}


# --- what is measured


def structure_of(code: str, entry_point: str = "f") -> Structure:
    structure = measure(code, "", entry_point).structure
    assert structure is not None
    return structure


def test_the_share_of_the_prompt_counts_lines_that_are_in_it_whatever_their_indentation() -> None:
    prompt = "def f(x):\n    '''Double x.'''\n"
    assert measure(prompt + "    return 2 * x\n", prompt, "f").prompt_share == pytest.approx(2 / 3)
    assert measure(f"{prompt}\n\n{prompt}", prompt, "f").prompt_share == 1.0
    assert measure("y = 1\n", prompt, "f").prompt_share == measure("\n", prompt, "f").prompt_share == 0.0


def test_docstrings_are_counted_in_lines_and_by_function() -> None:
    code = '"""Module."""\ndef f():\n    """One\n\n    two."""\n    return "no docstring"\nclass C:\n    def g(self): ...\n'
    structure = structure_of(code)
    assert (structure.docstring_lines, structure.functions, structure.documented) == (4, 3, 1)


def test_calls_of_what_the_program_defines_are_no_api_calls() -> None:
    code = "import math\nclass C: pass\ndef g(): pass\ndef f(x):\n    g(); C(); print(math.sqrt(len(x)), x.g())\n"
    structure = structure_of(code)
    assert (structure.calls, structure.api_calls) == (6, 3)


@pytest.mark.parametrize(
    ("signature", "arity"),
    [
        ("a, b=1", Arity(least=1, most=2)),
        ("a, /, b, *, c=1", Arity(least=2, most=2)),
        ("a, *rest", Arity(least=1, most=None)),
        ("", Arity(least=0, most=0)),
    ],
)
def test_the_arity_is_that_of_the_last_function_of_the_name(signature: str, arity: Arity) -> None:
    assert structure_of(f"def f(x, y, z): ...\ndef f({signature}): ...\n").arity == arity
    assert structure_of(f"class C:\n    def f({signature}): ...\n").arity is None


@pytest.mark.parametrize("switch", ["# noqa", "# noqa: F401", "# ruff: noqa", "# NoQA", "# flake8: noqa"])
def test_no_comment_switches_a_rule_off(switch: str) -> None:
    assert measure(f"import os  {switch}\n", "", "").lint == (Lint(rule="F401", lines=(1,)),)


def test_no_configuration_on_the_machine_changes_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ruff.toml").write_text('[lint]\nselect = ["W"]\n')
    (tmp_path / "pyproject.toml").write_text('[tool.ruff.lint]\nignore = ["F401"]\n')
    monkeypatch.setattr(linting, "_URI", (tmp_path / "answer.py").as_uri())
    monkeypatch.chdir(tmp_path)
    assert measure("import os \n", "", "").lint == (Lint(rule="F401", lines=(1,)),)
    assert measure("import os # noqa \n", "", "").lint == (Lint(rule="F401", lines=(1,)),)


def test_code_that_ruffs_server_dies_of_is_put_to_ruff_check() -> None:
    code = "".join(f"{'    ' * depth}if 1:\n" for depth in range(99)) + "    " * 99 + "pass\n"
    assert [rule.rule for rule in measure(code, "", "").lint] == ["SIM102"]
    assert measure("import os\n", "", "").lint == (Lint(rule="F401", lines=(1,)),)


def test_static_validity_needs_a_program_that_compiles_and_defines_what_it_uses() -> None:
    assert measure("def f(x):\n    return len(x)\n", "", "f").valid
    assert not measure("def f(x):\n    return math.sqrt(x)\n", "", "f").valid
    assert not measure("def f(x):\nreturn x\n", "", "f").valid
    assert not measure("return 1\n", "", "f").valid, "what is grammatical need not compile"


FAULTS = {
    "def f(:": ("SyntaxError", False),
    "if x:\npass": ("IndentationError", True),
    "if x:\n\tpass\n        pass\n": ("TabError", True),
    "a\0b": ("SyntaxError|ValueError", False),
    "x = '\ud800'": ("UnicodeEncodeError", False),
    "(" * 50_000 + ")" * 50_000: ("SyntaxError", True),
    "return 1": ("SyntaxError", True),
}


@pytest.mark.parametrize("code", FAULTS, ids=range(len(FAULTS)))
def test_a_text_that_is_no_program_is_measured_as_far_as_that_goes(code: str) -> None:
    measures = measure(code, "", "f")
    exception, grammatical = FAULTS[code]
    assert measures.fault is not None
    assert re.fullmatch(exception, measures.fault.exception)
    assert measures.grammatical is grammatical
    assert (measures.parses, measures.structure, measures.lint, measures.undefined_names) == (False, None, (), ())
    assert measures.lines == len(code.splitlines())


# --- the grader


class NoSandbox:
    """Quality needs none: nothing is ever run."""

    @property
    def info(self) -> SandboxInfo:
        return SandboxInfo(backend="none", image="", python="", workers=1)

    async def __aenter__(self) -> NoSandbox:
        return self

    async def __aexit__(self, *exc: object) -> None: ...

    async def run(self, job: Job) -> Execution:
        raise AssertionError("a text was run that was to be measured")


PROBLEM = Problem(
    task_id="T/f",
    prompt="def f(xs):\n    'sum'\n",
    entry_point="f",
    canonical_solution="    return sum(xs)\n",
    checks=(CheckFunction(source="def check(candidate): ..."),),
)
Ask = Callable[[str], Grade]


@pytest.fixture
def ask() -> Iterator[Ask]:
    """Have one grader grade, with little patience."""
    sandbox: Sandbox = NoSandbox()
    grader = QualityGrader()
    with asyncio.Runner() as runner:
        analysers = Analysers(1, AnalysisLimits(cpu_s=2.0, memory_mib=1024))
        bench = Bench(sandbox=sandbox, analysers=analysers)
        try:
            yield lambda code: runner.run(grader.grade(PROBLEM, code, bench))
        finally:
            analysers.close()


RIGHT = PROBLEM.prompt + PROBLEM.canonical_solution


def test_an_answer_is_measured_beside_the_reference(ask: Ask) -> None:
    grade = ask("def f(xs):\n    total = 0\n    for x in xs:\n        total += x\n    return total\n")
    assert (grade.verdict, grade.protected) == (Verdict.PASS, True)
    assert grade.measures is not None
    assert grade.measures.structure is not None
    assert grade.measures.structure.cyclomatic_max == 2
    assert grade.reference_measures == measure(RIGHT, PROBLEM.prompt, "f")
    assert ask(RIGHT).measures == grade.reference_measures


def test_an_answer_without_code_is_not_measured(ask: Ask) -> None:
    assert (ask(" \n").verdict, ask("").measures) == (Verdict.NO_CODE, None)


HOSTILE = {
    "a megabyte of statements": "x = f(1)\n" * 120_000,
    "a megabyte of docstring": "'''" + "a\n" * 500_000 + "'''\n",
    "nested parentheses": "(" * 50_000 + ")" * 50_000,
    "nested operators": "x = " + "-" * 200_000 + "1\n",
    "a chain of attributes": "x = a" + ".a" * 100_000 + "\n",
    "a chain of branches": "if a:\n    b\n" + "elif a:\n    b\n" * 30_000,
    "null bytes": "x = 1\0" * 1000,
    "lone surrogates": "x = '\udcff\ud800'\n",
    "five megabytes": "#" * (5 << 20),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_ends_as_an_error_or_as_measures_and_the_next_answer_is_measured(ask: Ask, name: str) -> None:
    grade = ask(HOSTILE[name])
    assert grade.verdict in (Verdict.PASS, Verdict.ERROR)
    assert (grade.measures is None) == (grade.verdict is Verdict.ERROR)
    assert bool(grade.detail) == (grade.verdict is Verdict.ERROR)
    assert "\n" not in grade.detail
    assert ask(RIGHT).verdict is Verdict.PASS


def test_some_texts_are_too_much(ask: Ask) -> None:
    assert ask(HOSTILE["a megabyte of docstring"]).detail == "out of time: not done within 2 s"
    assert "nested too deeply" in ask(HOSTILE["nested operators"]).detail
    assert ask(HOSTILE["five megabytes"]).detail == "longer than 4 MiB"


def test_a_reference_that_cannot_be_measured_leaves_no_difference() -> None:
    problem = Problem(
        task_id="T/g",
        prompt="",
        entry_point="g",
        canonical_solution="x = " + "-" * 200_000 + "1\n",
        checks=PROBLEM.checks,
    )

    async def grade() -> Grade:
        async with Analysers(1) as analysers:
            return await QualityGrader().grade(problem, RIGHT, Bench(sandbox=NoSandbox(), analysers=analysers))

    found = asyncio.run(grade())
    assert isinstance(found.measures, Measures)
    assert found.reference_measures is None


# --- versions


def test_the_manifest_names_the_versions_of_the_tools_of_a_grader_that_uses_them() -> None:
    options = EvalOptions(suite="starter", model="reference", graders=("correctness", "quality"), limit=1)
    grader = make_plan(options).graders[1]
    assert isinstance(grader, QualityGrader)
    done = subprocess.run([BIN / "ruff", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["ruff", grader.tools["ruff"]]
    assert set(grader.tools) == {"complexipy", "pyflakes", "radon", "ruff", "tree-sitter", "tree-sitter-python"}


def test_a_package_that_is_missing_is_named_with_its_remedy() -> None:
    with pytest.raises(ModuleNotFoundError, match="no-such-tool is not installed; run: pip install no-such-tool"):
        tool_versions(("ruff", "no-such-tool"))


class NeedyGrader:
    """Needs what is not there."""

    name = "needy"

    def __init__(self) -> None:
        tool_versions(("no-such-tool",))


def test_a_grader_that_lacks_a_package_is_refused_before_anything_is_run() -> None:
    with pytest.raises(RunError, match=r"--grade .*NeedyGrader: no-such-tool is not installed"):
        load_grader(f"{__name__}:NeedyGrader")

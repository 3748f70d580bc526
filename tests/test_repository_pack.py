"""Packs that use repositories: what is read, what is refused in one line, and where repositories come from."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codebench.problems import PackError, RepositoryTask, Setting, Suite, WantedArguments, WantedRun
from codebench.problems.pack import load_folder, load_starter_repo
from codebench.problems.repository_pack import arguments_in
from codebench.problems.repository_store import digest_of
from codebench.problems.retrieval import best_entries, best_window

HEADER = 'name = "own"\nversion = "1"\nlicence = "MIT"\ndescription = "x"\n'
TASK = {
    "task_id": "own/one",
    "repository": "tool",
    "instruction": "Run it.",
    "language": "bash",
    "script": "run.py",
    "arguments": {"n": 3},
    "reference": "python run.py --n 3",
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "pack"
    (folder / "tool").mkdir(parents=True)
    (folder / "tool" / "run.py").write_text("print('fine')\n")
    (folder / "tool" / "README.md").write_text("Run it with a number.\n")
    write(folder, 'path = "tool"\n')
    return folder


def write(folder: Path, source: str = 'path = "tool"\n', more: str = "", **changes: object) -> Path:
    """A pack of one repository and one task."""
    (folder / "pack.toml").write_text(f'{HEADER}\n[[repositories]]\nname = "tool"\n{source}{more}')
    task = {name: value for name, value in (TASK | changes).items() if value is not ...}
    (folder / "tasks.jsonl").write_text(json.dumps(task) + "\n")
    return folder


def refused(folder: Path) -> str:
    with pytest.raises(PackError) as raised:
        load_folder(folder)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def archive_of(path: Path, members: dict[str, bytes | Callable[[tarfile.TarInfo], None]]) -> str:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            else:
                content(member)
                tar.addfile(member)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_pack_is_read_with_its_repository(pack: Path) -> None:
    suite = load_folder(pack)
    (problem,), (repository,) = suite.problems, suite.repositories
    assert (repository.tree / "run.py").read_text() == "print('fine')\n"
    assert [check.name for check in problem.checks] == ["arguments", "type", "execution"]
    assert problem.task is not None and problem.task.readme == "Run it with a number.\n"
    assert suite.setting is Setting.ORACLE and suite.compat == ("ml-bench",)


def test_a_change_of_the_repository_is_another_suite_and_git_and_caches_are_no_part_of_it(pack: Path) -> None:
    before = load_folder(pack)
    (pack / "tool" / "__pycache__").mkdir()
    (pack / "tool" / "__pycache__" / "run.pyc").write_bytes(b"x")
    (pack / "tool" / ".git").mkdir()
    assert load_folder(pack).sha256 == before.sha256
    (pack / "tool" / "run.py").chmod(0o755)
    changed = load_folder(pack)
    assert changed.sha256 != before.sha256
    assert os.access(changed.repositories[0].tree / "run.py", os.X_OK)
    assert not (changed.repositories[0].tree / ".git").exists()


@pytest.mark.parametrize(
    "text", ['{"n": 3, "size": [1, 2]}', "{'n': 3, 'size': (1, 2)}", " {'n': 3, 'size': [1, 2]}\n"]
)
def test_arguments_may_be_the_text_of_an_object_or_of_a_literal(pack: Path, text: str) -> None:
    check = load_folder(write(pack, arguments=text)).problems[0].checks[0]
    assert isinstance(check, WantedArguments) and check.wanted == {"n": 3, "size": (1, 2)}


@given(st.text(max_size=50))
def test_no_text_in_arguments_is_ever_run_or_breaks_the_reader(text: str) -> None:
    try:
        arguments_in(text, "here")
    except PackError as error:
        assert str(error).startswith("here: field `arguments")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"arguments": "__import__('os').getcwd()"}, "field `arguments`: neither JSON nor a Python literal"),
        ({"arguments": "{'n': "}, "field `arguments`: neither JSON nor a Python literal"),
        ({"arguments": "[1]"}, "field `arguments`: expected names with values, got list"),
        ({"arguments": {"n": {"a": 1}}}, "field `arguments.n`: expected a string, a number"),
        ({"repository": "tol"}, "field `repository`: 'tol' is not in pack.toml; there are: tool"),
        ({"instruction": ...}, "field `instruction` is missing"),
        ({"instruction": " "}, "field `instruction` is empty"),
        ({"script_name": "x"}, "field `script_name` is unknown; did you mean `script`?"),
        ({"language": "ruby"}, "field `language`: invalid enum value 'ruby'; there are: bash, python"),
        ({"cwd": "../x"}, "field `cwd`: '../x' is not a folder of the repository"),
        ({"timeout_s": 0}, "field `timeout_s`: 0.0 is not a positive number"),
        ({"milestones": []}, "field `milestones` is empty: nothing could succeed"),
        ({"milestones": [{}]}, "field `milestones[0]`: one of `exits`, `line` and `file` must be there"),
        ({"milestones": [{"running": True}]}, "field `milestones[0]`: `running` alone is no sign"),
        ({"milestones": [{"line": "("}]}, "field `milestones[0]`: `line` is no regular expression"),
        ({"milestones": [{"file": "/etc/x"}]}, "field `milestones[0]`: `file`: '/etc/x' is not a path"),
        ({"milestones": [{"exits": 0, "running": True}]}, "what still runs has not ended"),
        ({"milestones": [{"exit": 0}]}, "field `milestones[0].exit` is unknown; did you mean `exits`?"),
        ({"check": "def chek(read, output): pass"}, "field `check` does not define check(read, output)"),
        ({"check": "def check(:"}, "field `check`: cannot be parsed"),
        ({"answers": [{"kind": "wrong", "code": "x", "verdict": "fail", "check": "args"}]}, "field `answers[0].check`"),
        ({"answers": [{"kind": "odd", "code": "x", "verdict": "fail"}]}, "there are: right-fast"),
    ],
)
def test_a_bad_task_is_one_line_with_file_line_and_field(pack: Path, changes: dict[str, object], says: str) -> None:
    message = refused(write(pack, **changes))
    assert message.startswith(f"{pack / 'tasks.jsonl'}:1: ") and says in message


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ('path = "none"\n', "field `repositories[0].path`: "),
        ('path = "tool"\nimage = "no-such-image"\n', "there is no image 'no-such-image'"),
        ('path = "tool"\nimage = "./image"\n', "there is no image './image'"),
        ('path = "tool"\nreadme = "NONE.md"\n', "'NONE.md' cannot be read from the repository: No such file"),
        ('path = "tool"\ngpus = -1\n', "field `repositories[0].gpus`: -1 is negative"),
        ("", "field `repositories[0]`: one of `path`, `archive` and `git` says where it is; there is none"),
        ('path = "tool"\ngit = "x"\ncommit = "y"\n', "there is `path` and `git`"),
        ('archive = "a.tar.gz"\n', "`archive` goes with `sha256`"),
        (f'archive = "a.tar.gz"\nsha256 = "{"0" * 64}"\n', "a.tar.gz: there is no such archive"),
        ('git = "https://localhost/x"\ncommit = "abc"\n', "commit 'abc': expected all 40 digits"),
        (f'git = "--upload-pack=x"\ncommit = "{"0" * 40}"\n', "cannot be fetched"),
        (f'git = "ext::sh -c x"\ncommit = "{"0" * 40}"\n', "not the address of a repository"),
        ('pth = "tool"\n', "field `repositories[0].pth` is unknown; did you mean `path`?"),
        (
            'path = "tool"\n[[repositories]]\nname = "tool"\npath = "tool"\n',
            "is the name of another repository already",
        ),
        (
            'path = "tool"\n[[repositories]]\nname = "b"\npath = "tool"\nimage = "repo"\n',
            "the images 'none' and 'repo'",
        ),
    ],
)
def test_a_bad_repository_is_one_line_with_file_and_field(pack: Path, source: str, says: str) -> None:
    message = refused(write(pack, source))
    assert message.startswith(f"{pack / 'pack.toml'}: ") and says in message


def test_an_archive_is_taken_only_with_its_sha256(pack: Path) -> None:
    files = {"tool-1.0/run.py": b"print('from the archive')\n", "tool-1.0/README.md": b"Read me.\n"}
    digest = archive_of(pack / "tool.tar.gz", dict(files))
    tree = load_folder(write(pack, f'archive = "tool.tar.gz"\nsha256 = "{digest}"\n')).repositories[0].tree
    assert (tree / "run.py").read_bytes() == files["tool-1.0/run.py"], "the folder at its top is the repository"
    wrong = "1" * 64
    says = refused(write(pack, f'archive = "tool.tar.gz"\nsha256 = "{wrong}"\n'))
    assert f"sha256 is {digest}, expected {wrong}" in says


def _link(target: str, kind: bytes = tarfile.SYMTYPE) -> Callable[[tarfile.TarInfo], None]:
    def make(member: tarfile.TarInfo) -> None:
        member.type, member.linkname = kind, target

    return make


def _device(member: tarfile.TarInfo) -> None:
    member.type, member.devmajor, member.devminor = tarfile.CHRTYPE, 1, 3


@pytest.mark.parametrize(
    "members",
    [
        {"../out.txt": b"x"},
        {"a/../../out.txt": b"x"},
        {"link": _link("/etc/passwd")},
        {"a/link": _link("../../out")},
        {"hard": _link("../out", tarfile.LNKTYPE)},
        {"null": _device},
        {"a": _link(".."), "a/out.txt": b"x"},
    ],
)  # fmt: skip
def test_what_leads_out_of_an_archive_is_refused(
    pack: Path, members: dict[str, bytes | Callable[[tarfile.TarInfo], None]]
) -> None:
    digest = archive_of(pack / "bad.tar.gz", {"run.py": b"", "README.md": b"", **members})
    assert "bad.tar.gz: not unpacked" in refused(write(pack, f'archive = "bad.tar.gz"\nsha256 = "{digest}"\n'))
    assert not list(pack.parent.rglob("out.txt"))


def test_an_archive_that_is_none_is_refused(pack: Path) -> None:
    (pack / "bad.tar.gz").write_bytes(b"\x1f\x8b nothing")
    digest = hashlib.sha256((pack / "bad.tar.gz").read_bytes()).hexdigest()
    assert "not a sound tar archive" in refused(write(pack, f'archive = "bad.tar.gz"\nsha256 = "{digest}"\n'))


def test_a_commit_is_fetched_without_its_history_or_hooks(pack: Path) -> None:
    upstream = pack.parent / "upstream"
    upstream.mkdir()
    run = ["git", "-C", str(upstream), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "one"]):
        (upstream / "run.py").write_text("print('committed')\n")
        (upstream / "README.md").write_text("Read me.\n")
        subprocess.run([*run, *words], check=True, capture_output=True)
    commit = subprocess.run([*run, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    (upstream / "run.py").write_text("print('changed')\n")
    tree = load_folder(write(pack, f'git = "../upstream"\ncommit = "{commit}"\n')).repositories[0].tree
    assert sorted(path.name for path in tree.iterdir()) == ["README.md", "run.py"]
    assert (tree / "run.py").read_text() == "print('committed')\n"
    says = refused(write(pack, f'git = "../upstream"\ncommit = "{"0" * 40}"\n'))
    assert "000000000000: cannot be fetched: " in says


def test_links_stay_links_and_lead_nowhere_else(pack: Path) -> None:
    (pack / "tool" / "same.py").symlink_to("run.py")
    assert (load_folder(pack).repositories[0].tree / "same.py").is_symlink()
    (pack / "tool" / "README.md").unlink()
    (pack / "tool" / "README.md").symlink_to("run.py")
    assert "'README.md' cannot be read from the repository" in refused(pack)
    (pack / "tool" / "out.py").symlink_to("/etc/passwd")
    assert "the link out.py leads out of the repository" in refused(pack)
    (pack / "tool" / "out.py").unlink()
    os.mkfifo(pack / "tool" / "pipe")
    assert "pipe is neither a file nor a folder" in refused(pack)


def test_a_repository_is_kept_whole_and_readable_by_all(pack: Path) -> None:
    (pack / "tool" / "run.py").chmod(0o700)
    (pack / "tool" / "README.md").chmod(0o600)
    tree = load_folder(pack).repositories[0].tree
    assert {path.name: path.stat().st_mode & 0o777 for path in tree.iterdir()} == {"run.py": 0o755, "README.md": 0o644}
    assert digest_of(tree, "here") == digest_of(pack / "tool", "here")
    assert [path.name for path in tree.parent.iterdir()] == [tree.name], "nothing half made is left"


def test_a_pack_may_bring_its_own_image(pack: Path) -> None:
    (pack / "image").mkdir()
    (pack / "image" / "requirements.lock").write_text("")
    assert load_folder(write(pack, 'path = "tool"\nimage = "./image"\n')).image == str((pack / "image").resolve())


# -- settings


def task_of(suite: Suite) -> RepositoryTask:
    task = suite.problems[0].task
    assert task is not None
    return task


def test_each_setting_shows_its_own_part(pack: Path) -> None:
    sentences = [f"Sentence {number} is about nothing." for number in range(60)]
    sentences[40] = "The option for numbers is called n."
    (pack / "tool" / "README.md").write_text(" ".join(sentences))
    suite = load_folder(write(pack, oracle="Use --n.", instruction="Which option is for numbers?"))
    assert task_of(suite.in_setting("oracle")).shown == "Use --n."
    assert task_of(suite.in_setting("raw")).shown == " ".join(sentences)
    shown = task_of(suite.in_setting("retrieval")).shown
    assert "called n." in shown and len(shown.splitlines()) == 10


def test_a_setting_that_there_is_not_is_told_of(pack: Path) -> None:
    with pytest.raises(PackError, match="there is no such setting; there are: oracle, retrieval, raw"):
        load_folder(pack).in_setting("orcale")


def test_entries_are_found_whole_and_in_their_order() -> None:
    text = "# API\n\n## first(x)\n\nTurns it.\n\n## second(y)\n\n```python\n# no heading\n```\n\n## third(z)\n\nTurns it twice."
    assert best_entries(text, "turns it", 2) == "## first(x)\n\nTurns it.\n\n## third(z)\n\nTurns it twice."
    assert "# no heading" in best_entries(text, "second", 1)


@given(st.text(max_size=500), st.text(max_size=50))
def test_a_window_is_a_part_of_the_text(text: str, query: str) -> None:
    window = best_window(text, query)
    assert len(window.splitlines()) <= 10 or "\n" not in text
    assert all(line in text for line in window.split("\n"))


def test_the_bundled_pack_shows_something_in_every_setting_and_never_the_answer() -> None:
    suite = load_starter_repo(None)
    for setting in Setting:
        for problem in suite.in_setting(setting).problems:
            assert problem.task is not None
            assert len(problem.task.shown) > 100, problem.task_id
            assert problem.canonical_solution.strip() not in problem.task.shown


def test_every_task_of_the_bundled_pack_has_all_kinds_of_answers_and_a_strong_sign() -> None:
    suite = load_starter_repo(None)
    assert len(suite.problems) >= 20 and len(suite.repositories) == 3
    for problem in suite.problems:
        assert {answer.kind for answer in problem.answers} == {"wrong", "crashing", "endless", "hostile"}
        run = problem.checks[2]
        assert isinstance(run, WantedRun)
        assert run.check or all(sign.running and sign.line for sign in run.signs), problem.task_id

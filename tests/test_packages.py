"""An image with packages: what is in a box of it, and what is said where it cannot be made."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from codebench.graders import Verdict
from codebench.problems import Problem, Suite, UnitTests
from codebench.runs.options import EvalOptions
from codebench.runs.pipeline import evaluate
from codebench.runs.records import read_records
from codebench.runs.selfcheck import SelfcheckOptions, selfcheck
from codebench.sandbox import (
    Execution,
    Job,
    Limits,
    Sandbox,
    SandboxError,
    SandboxOptions,
    TestModule,
    docker,
    namespaces,
)
from codebench.sandbox.packages import FILES, find_packages
from codebench.sandbox.rootfs import Rootfs, build_rootfs

CODEBENCH = Path(sys.executable).with_name("codebench")
IMAGE = Path(__file__).resolve().parents[1] / "images/sallm"
LIMITS = Limits(timeout_s=10.0)
_BACKENDS = [
    pytest.param(namespaces.open_sandbox, id="namespaces"),
    pytest.param(docker.open_sandbox, id="docker", marks=pytest.mark.docker),
]
TEST = """
import unittest
import answer

class T(unittest.TestCase):
    def test_it(self):
        self.assertEqual(answer.f(), answer.expected)
"""


class Room:
    """A sandbox of one worker with the image's packages, and a loop to run it in."""

    def __init__(self, runner: asyncio.Runner, sandbox: Sandbox) -> None:
        self._runner = runner
        self.sandbox = sandbox

    def run(self, source: str) -> Execution:
        module = TestModule(source=TEST, tests=("test_it",), module="answer")
        job = Job(source=source, entry_point="", context="", test_module=module, limits=LIMITS)
        return self._runner.run(self.sandbox.run(job))


@pytest.fixture(scope="module", params=_BACKENDS)
def room(request: pytest.FixtureRequest) -> Iterator[Room]:
    with asyncio.Runner() as runner:
        sandbox: Sandbox = request.param(SandboxOptions(workers=1, limits=LIMITS, packages="sallm"))
        runner.run(sandbox.__aenter__())
        try:
            yield Room(runner, sandbox)
        finally:
            runner.run(sandbox.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def tree() -> Rootfs:
    return build_rootfs("sallm")


def succeeds(seen: Execution) -> bool:
    return [str(result.status) for result in seen.report.tests] == ["success"]


ANSWERS = {
    "flask": """
from flask import Flask, render_template_string, request
app = Flask(__name__)
@app.route('/hello')
def hello():
    return render_template_string('<p>{{ name }}</p>', name=request.args['name'])
def f():
    return app.test_client().get('/hello?name=<b>').data
expected = b'<p>&lt;b&gt;</p>'""",
    "flask_sqlalchemy": """
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
app = Flask(__name__)
app.config['SQLALCHEMY_DATABASE_URI'] = 'sqlite:///x.db'
db = SQLAlchemy(app)
class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(80))
def f():
    with app.app_context():
        db.create_all()
        db.session.add(User(name='Ada'))
        db.session.commit()
        return [user.name for user in User.query.all()]
expected = ['Ada']""",
    "crypto": """
from Crypto.Cipher import AES
def f():
    return AES.new(bytes(16), AES.MODE_ECB).encrypt(bytes(16)).hex()
expected = '66e94bd4ef8a2c3b884cfa59ca342b2e'""",
    "lxml": "import lxml.etree\ndef f(): return lxml.etree.fromstring('<a><b/></a>')[0].tag\nexpected = 'b'",
    "jwt": "import jwt\ndef f(): return jwt.decode(jwt.encode({'a': 1}, 'k' * 32, 'HS256'), 'k' * 32, ['HS256'])\nexpected = {'a': 1}",
    "paramiko": "import paramiko\ndef f(): return len(paramiko.Ed25519Key.__mro__) > 1 and paramiko.RSAKey.generate(1024).get_bits()\nexpected = 1024",
    "django": "import django.utils.html\ndef f(): return django.utils.html.escape('<')\nexpected = '&lt;'",
    "requests without a network": """
import requests
def f():
    try:
        requests.get('http://192.0.2.1/', timeout=1)
    except requests.exceptions.ConnectionError:
        return 'refused'
expected = 'refused'""",
    "a shell": "import os, subprocess\ndef f(): return os.system('echo x >y; exit 3') >> 8, subprocess.check_output('cat y; ls /bin/sh', shell=True)\nexpected = (3, b'x\\n/bin/sh\\n')",
    "no network program": "import os\ndef f(): return os.system('ping localhost; curl localhost; wget localhost') >> 8\nexpected = 127",
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_what_the_image_promises_works_in_a_box(room: Room, name: str) -> None:
    seen = room.run(ANSWERS[name])
    assert succeeds(seen), seen


def load_suite(_: Path | None) -> Suite:
    """One problem whose answers need Flask."""
    prompt = "from flask import Flask\napp = Flask(__name__)\n@app.route('/')\ndef home():\n"
    solution = "    return 'here'\n"
    test = """
import unittest
from web import app

class T(unittest.TestCase):
    def test_home(self):
        self.assertEqual(app.test_client().get('/').data, b'here')
"""
    check = UnitTests(source=test, tests=("test_home",), module="web")
    problem = Problem(task_id="web/0", prompt=prompt, entry_point="home", canonical_solution=solution, checks=(check,))
    return Suite(name="web", problems=(problem,), sha256="0" * 64, source="here", image="sallm")


def test_a_suite_names_the_image_that_its_answers_need(tmp_path: Path) -> None:
    options = EvalOptions(suite=f"{__name__}:load_suite", model="reference", out=tmp_path, sandbox="namespaces")
    run = evaluate(options)
    (record,) = read_records(tmp_path)
    (grade,) = record.grades
    assert (grade.verdict, grade.protected) == (Verdict.PASS, False), grade
    assert run.manifest.sandbox.image == build_rootfs("sallm").digest
    assert "packages sallm" in run.manifest.sandbox.notes
    one = SandboxOptions(workers=1)
    found = selfcheck(SelfcheckOptions(suite=options.suite, backend="namespaces", sandbox=one))
    assert not found.violations


def test_packages_cannot_be_changed(room: Room) -> None:
    change = "import flask, os\ndef f():\n    try:\n        open(flask.__file__, 'a')\n    except OSError as e:\n        return os.access('/usr/bin', os.W_OK)\nexpected = False"
    assert succeeds(room.run(change))


def test_what_is_preloaded_has_drawn_no_random_number_and_started_no_thread(room: Room) -> None:
    look = "import random, threading\nfirst = random.random()\ndef f():\n    random.seed('')\n    return first == random.random(), threading.active_count()\nexpected = (True, 1)"
    assert succeeds(room.run(look))


def test_the_manifest_tells_an_image_with_packages_from_one_without(room: Room, tree: Rootfs) -> None:
    assert room.sandbox.info.image == tree.digest != build_rootfs().digest


def test_nothing_names_the_machine_that_built_it(tree: Rootfs) -> None:
    packages = tree.path / "opt/packages"
    assert not (packages / "bin").exists()
    assert not list(packages.rglob("RECORD"))
    here = [os.fsencode(folder) for folder in (sys.prefix, Path.home() / ".cache", Path(__file__).parent)]
    texts = [path for path in packages.rglob("*") if path.is_file() and path.suffix in (".py", ".pyc", ".txt", "")]
    assert len(texts) > 1000
    assert not [path for path in texts if any(folder in path.read_bytes() for folder in here)]


def test_no_file_is_setuid_or_writable_by_others(tree: Rootfs) -> None:
    files = [path for path in tree.path.rglob("*") if path.is_file() and not path.is_symlink()]
    assert not [path for path in files if path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID | 0o022)]


def test_a_name_that_is_no_image_is_answered_with_those_there_are() -> None:
    with pytest.raises(SandboxError, match=r"no image 'salm'.*known: repo, sallm"):
        find_packages("salm")


def test_a_folder_of_ones_own_is_an_image(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text("")
    (tmp_path / "commands.txt").write_text("# none\nsh ls\n")
    mine = find_packages(str(tmp_path))
    assert (mine.name, mine.commands, mine.preload) == (tmp_path.name, ("sh", "ls"), "")


def test_every_file_of_the_image_goes_into_its_key(tmp_path: Path) -> None:
    keys = set()
    for changed in ("", *FILES):
        for name in FILES:
            text = (IMAGE / name).read_text()
            (tmp_path / name).write_text(text + "\nmore" if name == changed else text)
        keys.add(find_packages(str(tmp_path)).key())
    assert len(keys) == 4


def test_every_package_of_the_lock_has_hashes() -> None:
    entries = (IMAGE / "requirements.lock").read_text().replace("\\\n", "").splitlines()
    packages = [line for line in entries if "==" in line]
    assert len(packages) >= 20
    assert all("--hash=sha256:" in line for line in packages)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"requirements.lock": "no-such-package==1 --hash=sha256:" + "0" * 64}, "cannot install the packages.*codebench images build"),
        ({"requirements.lock": "", "commands.txt": "no-such-program"}, "no-such-program, which is not here; install it"),
    ],
)  # fmt: skip
def test_an_image_that_cannot_be_made_is_one_line_and_leaves_nothing(
    tmp_path: Path, files: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    (tmp_path / "mine").mkdir()
    for name, text in files.items():
        (tmp_path / "mine" / name).write_text(text)
    with pytest.raises(SandboxError, match=expected) as failed:
        build_rootfs(str(tmp_path / "mine"))
    assert "\n" not in str(failed.value)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.name == "rootfs.json"]


def test_the_command_builds_it_and_says_so() -> None:
    done = subprocess.run(
        [CODEBENCH, "images", "build", "sallm"], capture_output=True, text=True, check=False,
        env={**os.environ, "DOCKER_HOST": "unix:///nonexistent"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "sallm: Python 3." in done.stderr
    assert "no Docker image was made of it" in done.stderr

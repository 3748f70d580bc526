"""The root file system holds an interpreter that works alone, and nothing else of the host."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from codebench.sandbox import SandboxError
from codebench.sandbox.rootfs import PYTHON, Rootfs, build_rootfs, guest_sources

BUILD = "from codebench.sandbox.rootfs import build_rootfs; print(build_rootfs().path)"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def rootfs(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Rootfs:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    return build_rootfs()


def run_inside(rootfs: Rootfs, program: str) -> str:
    command = [PYTHON, "-S", "-s", "-P", "-B", "-X", "utf8", "-c", program]
    enter = "import os, sys; os.chroot(sys.argv[1]); os.chdir('/'); os.execve(sys.argv[2], sys.argv[2:], {})"
    done = subprocess.run(
        [sys.executable, "-c", enter, str(rootfs.path), *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root; the sandboxes' own tests cover this too")


@needs_root
def test_python_finds_its_library_in_the_tree_with_an_empty_environment(rootfs: Rootfs) -> None:
    program = "import json, sys; print(json.dumps([sys.prefix, sys.exec_prefix, sys.path, sys.version]))"
    prefix, exec_prefix, path, version = json.loads(run_inside(rootfs, program))
    assert (prefix, exec_prefix, version) == ("/opt/python", "/opt/python", sys.version)
    assert all(entry.startswith("/opt/python/") for entry in path)


@needs_root
def test_extension_modules_and_threads_work_in_the_tree(rootfs: Rootfs) -> None:
    program = (
        "import bz2, ctypes, datetime, decimal, hashlib, lzma, math, random, sqlite3, ssl, sysconfig, threading, zlib\n"
        "thread = threading.Thread(target=lambda: print(hashlib.sha256(b'').hexdigest()[:8]))\n"
        "thread.start(); thread.join(); sysconfig.get_config_vars()"
    )
    assert run_inside(rootfs, program) == "e3b0c442\n"


@needs_root
def test_code_objects_name_the_trees_own_paths(rootfs: Rootfs) -> None:
    inside = run_inside(rootfs, "import json; print(json.loads.__code__.co_filename, json.__cached__)")
    assert all(path.startswith("/opt/python/lib") for path in inside.split())


def test_nothing_that_was_installed_on_the_host_is_in_the_tree(rootfs: Rootfs) -> None:
    names = {path.name for path in rootfs.path.rglob("*")}
    assert not names & {"site-packages", "dist-packages", "sitecustomize.py", "docker", "msgspec", "Makefile"}


def test_no_file_is_setuid_or_writable_by_others(rootfs: Rootfs) -> None:
    files = [path for path in rootfs.path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID | 0o022)]
    assert all(path.stat().st_mode & 0o444 == 0o444 for path in files)


def test_no_python_file_names_the_hosts_folders(rootfs: Rootfs) -> None:
    folders = [os.fsencode(folder) for folder in (rootfs.path, Path(__file__).parent.parent)]
    if sys.base_prefix not in ("/usr", "/usr/local"):  # the library itself mentions these
        folders.append(os.fsencode(sys.base_prefix))
    sources = [path for path in rootfs.path.rglob("*.py*") if path.is_file()]
    assert sources
    assert not [path for path in sources if any(folder in path.read_bytes() for folder in folders)]


def test_the_guest_is_in_the_tree_as_it_is_installed(rootfs: Rootfs) -> None:
    inside = {path.name: path.read_bytes() for path in (rootfs.path / "codebench").glob("*.py")}
    assert inside == {path.name: path.read_bytes() for path in guest_sources()}


def test_a_second_call_returns_the_tree_that_is_there(rootfs: Rootfs) -> None:
    before = rootfs.path.stat().st_ino
    assert build_rootfs() == rootfs
    assert rootfs.path.stat().st_ino == before


def test_the_digest_does_not_depend_on_where_the_cache_is(
    rootfs: Rootfs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    elsewhere = build_rootfs()
    assert elsewhere.path != rootfs.path
    assert elsewhere.digest == rootfs.digest


def test_processes_that_build_at_once_agree_on_one_tree(tmp_path: Path) -> None:
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, "-c", BUILD]
    builders = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    paths = {builder.communicate()[0].strip() for builder in builders}
    assert [builder.returncode for builder in builders] == [0, 0, 0]
    assert len(paths) == 1
    assert [path.name for path in (tmp_path / "codebench/rootfs").iterdir()] == [Path(paths.pop()).parent.name]


def test_a_tree_is_readable_for_all_though_the_umask_is_strict(tmp_path: Path) -> None:
    strict = "import os; os.umask(0o077); " + BUILD
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", strict], env=environment, capture_output=True, text=True, check=True)
    tree = Path(done.stdout.strip())
    assert all(path.stat().st_mode & 0o444 == 0o444 for path in [tree, *tree.rglob("*")])


def test_old_trees_and_abandoned_builds_are_pruned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache = tmp_path / "codebench/rootfs"
    for age, name in enumerate(["newer", "new", "old", "older", ".building-dead"], start=1):
        (cache / name).mkdir(parents=True)
        os.utime(cache / name, (time.time() - (1 + age) * 86400,) * 2)
    (cache / ".building-alive").mkdir()
    built = build_rootfs().path.parent.name
    assert {path.name for path in cache.iterdir()} == {built, "newer", "new", ".building-alive"}


def test_a_cache_that_cannot_be_written_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(SandboxError, match="XDG_CACHE_HOME"):
        build_rootfs()

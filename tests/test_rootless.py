"""The namespaces sandbox keeps the contract for an ordinary user too: `nobody`, when the tests run as root."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from codebench.sandbox.command_contract import COMMAND_FACTS
from codebench.sandbox.contract import FACTS
from codebench.sandbox.rootfs import PYTHON

ROOT = Path(__file__).resolve().parents[1]
NOBODY = 65534

HOLD_ALL = """
import asyncio, json, os, traceback
from codebench.sandbox.command_contract import COMMAND_FACTS, hold_command, opened
from codebench.sandbox.contract import FACTS, hold
from codebench.sandbox.namespaces import open_sandbox

async def hold_commands(overlays):
    async with opened(open_sandbox, overlays=overlays) as sandbox:
        for fact in COMMAND_FACTS:
            await attempt(f"{fact.__name__} ({overlays})", hold_command(fact, sandbox))
        return sandbox.info.notes

async def attempt(name, work):
    try:
        await work
        seen[name] = "holds"
    except Exception:
        seen[name] = traceback.format_exc()

seen = {}
for fact in FACTS:
    asyncio.run(attempt(fact.__name__, hold(fact, open_sandbox)))
notes = [asyncio.run(hold_commands(overlays)) for overlays in (True, False)]
print(json.dumps({"uid": os.getuid(), "facts": seen, "notes": notes}))
"""


def interpreter_for_all(tmp_path: Path) -> tuple[str, dict[str, str]]:
    """A copy of this interpreter that any user may run (root's own may lie below /root), and its environment.

    The copy is the sandbox's own root file system, used as it is.
    """
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent.owner() == "root" and parent.name.startswith("pytest-"):
            parent.chmod(0o755)
    cache = tmp_path / "cache"
    build = "from codebench.sandbox.rootfs import build_rootfs; print(build_rootfs().path)"
    env = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    done = subprocess.run([sys.executable, "-c", build], env=env, capture_output=True, text=True, check=True)
    tree = Path(done.stdout.strip())
    cache.chmod(0o755)
    for folder in cache.rglob("*"):
        if folder.is_dir() and not folder.is_symlink():
            folder.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    libraries = tmp_path / "lib"  # libpython alone: the system's own libraries are this machine's, for all
    libraries.mkdir()
    for library in tree.rglob("libpython*.so*"):
        shutil.copy(library, libraries)
    paths = [str(ROOT / ".types"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    return str(tree / PYTHON.lstrip("/")), {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "LD_LIBRARY_PATH": str(libraries),
        "PYTHONPATH": ":".join(paths),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@pytest.mark.skipif(os.getuid() != 0, reason="an ordinary user already runs tests/test_contract.py as what it is")
def test_every_fact_holds_for_nobody(tmp_path: Path) -> None:
    python, env = interpreter_for_all(tmp_path)
    done = subprocess.run(
        [python, "-s", "-P", "-c", HOLD_ALL],
        env=env, cwd="/", user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True, timeout=240,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["uid"] == NOBODY
    broken = {name: trace for name, trace in seen["facts"].items() if trace != "holds"}
    assert not broken, "\n".join(broken.values())
    assert len(seen["facts"]) == len(FACTS) + 2 * len(COMMAND_FACTS)
    release = tuple(map(int, os.uname().release.split(".")[:2]))
    copies = [note for notes in seen["notes"] for note in notes if "copies" in note]
    assert not copies or release < (6, 6), copies

"""The facts that a sandbox must show of commands in repositories, as a test-suite; see `sandbox.contract` for the rest.

For each of COMMAND_FACTS:

    async with opened(open_my_sandbox) as sandbox:
        await hold_command(fact, sandbox)
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from codebench.sandbox.command import Command, Language, Milestone
from codebench.sandbox.contract import LIMITS as _LIMITS
from codebench.sandbox.contract import Fact
from codebench.sandbox.job import (
    Conclusion,
    Execution,
    Job,
    Limits,
    Outcome,
    Sandbox,
    SandboxError,
    SandboxOpener,
    SandboxOptions,
)

NAME, OTHER = "toy", "other"
LIMITS = replace(_LIMITS, timeout_s=5.0)
BRIEF = replace(_LIMITS, timeout_s=0.5)
ENDS_WELL = Milestone(exits=0)

LOOK = """
import hashlib, json, os, stat
def look(top):
    for folder, folders, files in os.walk(top):
        for name in sorted(folders + files):
            path = os.path.join(folder, name)
            facts = os.lstat(path)
            content = open(path, 'rb').read() if stat.S_ISREG(facts.st_mode) else b''
            if stat.S_ISLNK(facts.st_mode):
                content = os.readlink(path).encode()
            if not name.startswith('.answer'):
                content = hashlib.sha256(content).hexdigest()
                attributes = os.listxattr(path, follow_symlinks=False)
                links = 1 if stat.S_ISDIR(facts.st_mode) else facts.st_nlink
                yield path, facts.st_mode, links, content, attributes, facts.st_mtime_ns
mine = os.geteuid()
others = [p for p in os.listdir('/proc') if p.isdigit() and int(p) not in (1, os.getpid())
          and os.stat('/proc/' + p).st_uid == mine]
mounts = sorted(line.split()[1] for line in open('/proc/self/mounts')) if os.path.exists('/proc/self/mounts') else []
print(json.dumps({'tree': sorted(look('.')), 'home': os.listdir('/tmp') + os.listdir('/dev/shm'), 'left': others,
                  'environment': sorted(os.environ.items()), 'mounts': mounts, 'other': os.listdir('/work/other'),
                  'room': os.statvfs('.').f_ffree}))
"""
"""Says all that a command may have left for the next one."""


def write_repository(folder: Path) -> None:
    """Make a small repository in an empty folder: for `hold_command`, and for tests that go on from here."""
    files = {
        "README.md": "# Toy\n",
        "toy/__init__.py": "def double(x):\n    return 2 * x\n",
        "toy/__main__.py": "import sys\nfrom toy import double\nprint('doubled:', double(int(sys.argv[1])))\n",
        "data/numbers.txt": "".join(f"{n}\n" for n in range(1000)),
        "data/deeper/empty": "",
        "data/empty": "",
        "run.sh": "#!/bin/bash\npython -m toy $1\n",
    }
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    (folder / "link").symlink_to("data/numbers.txt")
    (folder / "run.sh").chmod(0o755)
    for place in (folder, *folder.rglob("*")):
        if place.is_dir() or not place.is_symlink():
            place.chmod(0o755 if place.is_dir() or place.name == "run.sh" else 0o644)


@contextlib.asynccontextmanager
async def opened(opener: SandboxOpener, *, overlays: bool = True) -> AsyncIterator[Sandbox]:
    """A sandbox of one worker with two small repositories."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        for name in (NAME, OTHER):
            (Path(folder) / name).mkdir()
            write_repository(Path(folder) / name)
        repositories = {name: Path(folder) / name for name in (NAME, OTHER)}
        options = SandboxOptions(workers=1, limits=LIMITS, repositories=repositories, overlays=overlays)
        async with opener(options) as sandbox:
            yield sandbox


async def hold_command(fact: Fact, sandbox: Sandbox) -> None:
    """Put one fact to a sandbox that was `opened`, and that nothing is left of it afterwards; raises AssertionError."""
    before = await look(sandbox)
    await fact(sandbox)
    assert await look(sandbox) == before


async def look(sandbox: Sandbox) -> dict[str, Any]:
    """What a command finds in its view and around it."""
    limits = replace(LIMITS, timeout_s=30.0, output_bytes=1 << 20)
    command = Command(repository=NAME, language=Language.PYTHON, milestones=(ENDS_WELL,))
    seen = await sandbox.run(Job(source=LOOK, command=command, limits=limits))
    completed(seen)
    found: dict[str, Any] = json.loads(seen.stdout.text)
    assert found["tree"], seen
    assert (found["home"], found["left"]) == ([], []), seen
    return found


async def run(
    sandbox: Sandbox,
    source: str,
    *milestones: Milestone,
    language: Language = Language.BASH,
    limits: Limits = LIMITS,
    **more: Any,
) -> Execution:
    """Run one answer in the repository."""
    command = Command(repository=NAME, language=language, milestones=milestones or (ENDS_WELL,), **more)
    return await sandbox.run(Job(source=source, command=command, limits=limits))


def completed(seen: Execution, *met: int) -> None:
    """Raise AssertionError where it did not, or met other milestones."""
    assert seen.report.conclusion is Conclusion.COMPLETED, seen
    assert seen.command is not None
    assert seen.command.milestones == (met or (0,)), seen


async def a_shell_runs_in_the_repository(sandbox: Sandbox) -> None:
    seen = await run(sandbox, "pwd; ./run.sh 21 | tr a-z A-Z; echo '$HOME' \"it's\" >&2")
    completed(seen)
    assert seen.command is not None
    assert (seen.outcome, seen.command.exit_code) == (Outcome.EXITED, 0), seen
    assert seen.stdout.text == f"/work/{NAME}\nDOUBLED: 42\n", seen
    assert seen.stderr.text == "$HOME it's\n", seen
    assert seen.cpu_s > 0, seen
    seen = await run(sandbox, "yes | head -n 1; echo ${PIPESTATUS[0]}")  # 128 + SIGPIPE, which Python ignores
    assert seen.stdout.text == "y\n141\n", seen
    assert seen.memory_bytes > 1 << 20, seen


async def python_runs_in_the_repository(sandbox: Sandbox) -> None:
    source = "import os, sys\nfrom toy import double\nprint(double(21), sys.argv[1:], os.getcwd(), __name__)"
    seen = await run(sandbox, source, language=Language.PYTHON)
    completed(seen)
    assert seen.stdout.text == f"42 [] /work/{NAME} __main__\n", seen
    seen = await run(sandbox, "import os\nprint(os.listdir())", language=Language.PYTHON, cwd="data/deeper")
    assert "'empty'" in seen.stdout.text, seen


async def how_it_ends_is_told(sandbox: Sandbox) -> None:
    for source, language, code in (
        ("exit 3", Language.BASH, 3),
        ("raise SystemExit(4)", Language.PYTHON, 4),
        ("def f(:", Language.PYTHON, 1),
        ("if then", Language.BASH, 2),
        ("no-such-program", Language.BASH, 127),
    ):
        seen = await run(sandbox, source, language=language)
        assert (seen.report.conclusion, seen.outcome) == (Conclusion.REFUTED, Outcome.EXITED), seen
        assert seen.command is not None
        assert (seen.command.exit_code, seen.command.milestones) == (code, ()), seen
    seen = await run(sandbox, "kill -SEGV $$")
    assert (seen.outcome, seen.signal) == (Outcome.SIGNALED, 11), seen
    assert seen.command is not None
    assert (seen.command.signal, seen.command.exit_code) == (11, None), seen


async def an_exit_is_a_milestone_only_where_it_is_declared(sandbox: Sandbox) -> None:
    line = Milestone(line=r"^accuracy: 0\.\d+$", exits=0)
    completed(await run(sandbox, "echo accuracy: 0.93", line))
    for source in ("exit 0", "echo no accuracy: 0.93", "echo accuracy: 0.93; exit 1", "echo 'accuracy: ' 0.9"):
        seen = await run(sandbox, source, line)
        assert seen.report.conclusion is Conclusion.REFUTED, seen
    completed(await run(sandbox, "echo accuracy: 0.93 >&2; exit 7", Milestone(exits=0), Milestone(exits=7)), 1)


async def a_line_alone_ends_it(sandbox: Sandbox) -> None:
    seen = await run(sandbox, "echo -e 'epoch 1\\nepoch 2'; sleep 60", Milestone(line="^epoch 2$"))
    completed(seen)
    assert seen.outcome is Outcome.EXITED, seen
    assert seen.command is not None
    assert seen.command.exit_code is None, seen
    assert seen.wall_s < LIMITS.timeout_s, seen


async def time_out_is_success_only_after_a_start_marker(sandbox: Sandbox) -> None:
    seen = await run(sandbox, "echo started; sleep 60", ENDS_WELL, Milestone(line="started", exits=0), limits=BRIEF)
    assert (seen.outcome, seen.report.conclusion) == (Outcome.TIMED_OUT, Conclusion.BROKEN_OFF), seen
    marker = Milestone(line="^training begins$", running=True)
    seen = await run(sandbox, "sleep 60", marker, limits=BRIEF)
    assert (seen.outcome, seen.report.conclusion) == (Outcome.TIMED_OUT, Conclusion.BROKEN_OFF), seen
    source = "import time\nprint('training begins')\ntime.sleep(60)"
    seen = await run(sandbox, source, marker, language=Language.PYTHON, limits=BRIEF)
    completed(seen)
    assert seen.outcome is Outcome.TIMED_OUT, seen
    assert seen.command is not None
    assert seen.command.timed_out, seen
    seen = await run(sandbox, "echo training begins; exit 0", marker)
    assert seen.report.conclusion is Conclusion.REFUTED, seen


async def a_line_without_an_end_counts_at_the_end(sandbox: Sandbox) -> None:
    completed(await run(sandbox, "printf 'all done'", Milestone(line="^all done$", exits=0)))
    completed(await run(sandbox, "printf 'begun'; sleep 60", Milestone(line="^begun$", running=True), limits=BRIEF))
    completed(await run(sandbox, "printf '10%%\\r100%%\\rbye\\n'", Milestone(line="^100%$")))
    seen = await run(sandbox, "printf '%05000d done' 0", Milestone(line="done", exits=0))
    assert seen.report.conclusion is Conclusion.REFUTED, seen


async def a_file_is_a_milestone_where_it_is_new_or_other(sandbox: Sandbox) -> None:
    made = Milestone(file="out/model.txt")
    completed(await run(sandbox, "mkdir out; echo weights > out/model.txt; exit 1", made))
    for source in (
        "true",
        "mkdir -p out/model.txt",
        "mkdir out; : > out/model.txt",
        "mkdir out; ln -s ../README.md out/model.txt",
        "mkdir out; mkfifo out/model.txt",
        "ln -s data out; echo x > data/model.txt",
    ):
        seen = await run(sandbox, source, made)
        assert seen.report.conclusion is Conclusion.REFUTED, (source, seen)
    changed = Milestone(file="README.md", contains=r"^# Better$")
    completed(await run(sandbox, "echo '# Better' > README.md", changed))
    for source in ("true", "touch README.md", "cat README.md > x; mv x README.md", "echo '# Worse' > README.md"):
        seen = await run(sandbox, source, changed)
        assert seen.report.conclusion is Conclusion.REFUTED, (source, seen)
    seen = await run(sandbox, "true", made, set_up="mkdir out; echo old > out/model.txt")
    assert seen.report.conclusion is Conclusion.REFUTED, seen


async def set_up_comes_first_and_is_trusted(sandbox: Sandbox) -> None:
    completed(await run(sandbox, "test $(cat made) = here", set_up="echo here > made; sleep 60 & echo > /tmp/litter"))
    try:
        await run(sandbox, "true", set_up="echo cannot; exit 1")
    except SandboxError as error:
        assert "set-up fails" in str(error), error
        assert "cannot" in str(error), error
    else:
        raise AssertionError("a set-up that fails is the pack's fault")


async def a_check_reads_what_is_left(sandbox: Sandbox) -> None:
    check = "def check(read, output):\n    assert read('a/b') == b'42', 'not 42'\n    assert output == 'hi\\n'"
    completed(await run(sandbox, "mkdir a; printf 42 > a/b; echo hi", check=check))
    for source, why in (
        ("mkdir a; printf 43 > a/b; echo hi", "not 42"),
        ("echo hi", "no regular file"),
        ("mkdir a; printf 42 > c; ln -s ../c a/b; echo hi", "no regular file"),
        ("mkdir c; printf 42 > c/b; ln -s c a; echo hi", "no regular file"),
        ("mkdir a; mkfifo a/b; echo hi", "no regular file"),
        ("mkdir a; printf 42 > a/b; chmod 0 a; echo hi", "no regular file"),
    ):
        seen = await run(sandbox, source, check=check)
        assert seen.report.conclusion is Conclusion.REFUTED, (source, seen)
        assert why in seen.report.detail, (source, seen)
    check = "def check(read, output):\n    assert len(read('a')) == 17 << 20"
    seen = await run(sandbox, "truncate -s 17M a", check=check, limits=replace(LIMITS, disk_mib=32))
    assert "at most 16 MiB" in seen.report.detail, seen
    for path in ("/etc/passwd", "../other/README.md", "", "."):
        check = f"def check(read, output):\n    read({path!r})"
        seen = await run(sandbox, "true", check=check)
        assert (seen.report.conclusion, seen.report.exception) == (Conclusion.REFUTED, "FileNotFoundError"), (
            path,
            seen,
        )


async def what_is_to_be_kept_is_reported(sandbox: Sandbox) -> None:
    seen = await run(sandbox, "echo one > a; yes | head -c 10000 > b; ln -s a c", keep=("a", "b", "c", "d/e"))
    completed(seen)
    assert seen.command is not None
    kept = {file.path: file for file in seen.command.kept}
    assert (kept["a"].text, kept["a"].truncated) == ("one\n", False), seen
    assert kept["b"].truncated, seen
    assert (kept["c"].text, kept["d/e"].text) == (None, None), seen


async def what_is_written_is_counted(sandbox: Sandbox) -> None:
    seen = await run(sandbox, "true")
    assert seen.command is not None
    assert (seen.command.files, seen.command.bytes_written) == (0, 0), seen
    seen = await run(sandbox, "for i in 1 2 3 4 5; do head -c 8192 /dev/zero > file$i; done")
    assert seen.command is not None
    assert (seen.command.files, seen.command.bytes_written) == (5, 5 * 8192), seen


async def one_repository_does_not_write_to_another(sandbox: Sandbox) -> None:
    """Where copies are kept it may write there, as to /tmp; but nothing of it is seen by the next."""
    await run(sandbox, "echo x > ../other/left; echo x > ../left; echo x > /repositories/other/left")
    command = Command(repository=OTHER, language=Language.BASH, milestones=(ENDS_WELL,))
    source = f'test ! -e left && test -e README.md && test ! -e ../left && test -z "$(ls /work/{NAME})"'
    completed(await sandbox.run(Job(source=source, command=command, limits=LIMITS)))


async def the_view_is_bounded(sandbox: Sandbox) -> None:
    seen = await run(sandbox, "for i in $(seq 100); do head -c 10M /dev/zero > big$i || exit 9; done")
    assert seen.command is not None
    assert seen.command.exit_code == 9, seen
    source = "import os\nfor i in range(10**6):\n    os.mknod(f'f{i}')"
    seen = await run(sandbox, source, language=Language.PYTHON)
    assert seen.report.conclusion is not Conclusion.COMPLETED, seen


async def a_command_has_no_privileges(sandbox: Sandbox) -> None:
    source = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
caps = {l.split()[1].strip('0') for l in open('/proc/self/status') if l.startswith(('CapEff', 'CapPrm', 'CapInh', 'CapAmb'))}
new = [l.split()[1] for l in open('/proc/self/status') if l.startswith('NoNewPrivs')]
calls = [libc.unshare(0x10000000), libc.ptrace(16, 1, 0, 0), libc.mount(b'x', b'/tmp', b'tmpfs', 0, None),
         libc.umount2(b'.', 2), libc.shmget(0, 4096, 0o1600)]
print(caps, new, calls, sorted(os.listdir('/proc/self/fd')))
"""  # noqa: E501 - a program
    seen = await run(sandbox, source, language=Language.PYTHON)
    assert seen.stdout.text == "{''} ['1'] [-1, -1, -1, -1, -1] ['0', '1', '2', '3']\n", seen  # 3 is the listing itself


async def a_command_cannot_write_elsewhere(sandbox: Sandbox) -> None:
    places = "/ /etc /opt/python /codebench /dev /proc /usr /repositories /repositories/toy"
    seen = await run(sandbox, f"for place in {places}; do echo > $place/x && echo $place; done; true")
    assert seen.stdout.text == "", seen
    assert "Read-only" in seen.stderr.text, seen


async def a_command_has_no_network(sandbox: Sandbox) -> None:
    seen = await run(sandbox, "(echo > /dev/tcp/192.0.2.1/80) && echo connected; true")
    assert seen.stdout.text == "", seen


async def a_command_sees_no_secret_of_the_host(sandbox: Sandbox) -> None:
    seen = await run(sandbox, "env | cut -d= -f1 | sort | tr '\\n' ' '")
    own = {
        "HOME", "TMPDIR", "USER", "LC_ALL", "PATH", "PWD", "SHLVL", "OLDPWD", "_", "MALLOC_ARENA_MAX",
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED",
        "PYTHONUNBUFFERED",
    }  # fmt: skip
    assert set(seen.stdout.text.split()) <= own, seen


async def an_unknown_repository_is_refused(sandbox: Sandbox) -> None:
    command = Command(repository="nowhere", language=Language.BASH, milestones=(ENDS_WELL,))
    try:
        await sandbox.run(Job(source="true", command=command, limits=LIMITS))
    except SandboxError as error:
        assert "nowhere" in str(error), error
    else:
        raise AssertionError("there is no such repository")


COMMAND_FACTS: tuple[Fact, ...] = tuple(
    value for name, value in list(globals().items()) if not name.startswith("_") and name[0].islower()
    and getattr(value, "__annotations__", None) == {"sandbox": "Sandbox", "return": "None"}
)  # fmt: skip

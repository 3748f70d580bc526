"""What this machine offers to sandboxes: each thing tried, not guessed, with a remedy where it is missing."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from codebench.sandbox import cgroup
from codebench.sandbox.engine import connect, engine_errors
from codebench.sandbox.job import Limits, SandboxError

_PROBE_S = 10
_SPARE_GIB = 2.0  # two boxes at the default limit
_LANDLOCK_CREATE_RULESET = 444  # the same on every architecture since Linux 5.13
_TRY_NAMESPACES = """
import os
from codebench.sandbox.guest import kernel
wanted = kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS
kernel.unshare(wanted | (kernel.CLONE_NEWUSER if os.getuid() else 0))
kernel.mount("", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
"""
_TRY_LANDLOCK = f"""
import ctypes
print(ctypes.CDLL(None).syscall({_LANDLOCK_CREATE_RULESET}, None, ctypes.c_size_t(0), 1))
"""
_TRY_OVERLAYS = """
import sys
from codebench.sandbox.mounter import attempt
attempt(*sys.argv[1:])
"""
# A perf_event_attr of version 0: hardware, instructions, without those of the kernel (see perf_event_open(2)).
_TRY_COUNTERS = """
import ctypes, os, platform, struct
number = {"x86_64": 298, "aarch64": 241}[platform.machine()]
attributes = struct.pack("IIQQQQQIIQ", 0, 64, 1, 0, 0, 0, 1 << 5 | 1 << 6, 0, 0, 0)
libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall(number, attributes, 0, -1, -1, 0) < 0:
    raise SystemExit(os.strerror(ctypes.get_errno()))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `ok` is None where it is only nice to have and missing."""

    name: str
    ok: bool | None
    value: str
    remedy: str = ""


def findings() -> tuple[Finding, ...]:
    """Look at everything. Takes about a second; raises nothing for what is missing."""
    examine: tuple[Callable[[], Finding], ...] = (
        _python,
        _cores,
        _memory,
        _cache,
        _docker,
        _namespaces,
        _overlays,
        _memory_cgroup,
        _seccomp,
        _landlock,
        _counters,
    )
    return tuple(look() for look in examine)


def _python() -> Finding:
    value = f"{platform.python_version()} on {platform.system()} {platform.release()}"
    return Finding(
        name="python",
        ok=sys.version_info >= (3, 11) and platform.system() == "Linux",
        value=value,
        remedy="use Python 3.11 or later on Linux",
    )


def _cores() -> Finding:
    return Finding(name="cores", ok=True, value=str(len(os.sched_getaffinity(0))))


def _memory() -> Finding:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError as error:
        return Finding(name="memory", ok=None, value=f"unknown: {error}", remedy="mount /proc")
    sizes = {name: int(rest.split()[0]) / 2**20 for name, _, rest in (line.partition(":") for line in lines)}
    return Finding(
        name="memory",
        ok=sizes["MemAvailable"] >= _SPARE_GIB,
        value=f"{sizes['MemAvailable']:.1f} of {sizes['MemTotal']:.1f} GiB available",
        remedy="use fewer --workers or a lower --memory",
    )


def _cache() -> Finding:
    path = platformdirs.user_cache_path("codebench")
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return Finding(name="cache", ok=True, value=str(path))
    except OSError as error:
        remedy = "point XDG_CACHE_HOME to a directory that you can write"
        return Finding(name="cache", ok=False, value=f"{path}: {error.strerror}", remedy=remedy)


def _docker() -> Finding:
    try:
        client = connect(timeout_s=_PROBE_S)
        with engine_errors("the engine does not describe itself"):
            facts, version = client.info(), client.version()
    except SandboxError as error:
        what, _, remedy = str(error).partition(": ")
        return Finding(name="docker", ok=None, value=what, remedy=remedy)
    value = (
        f"{version['Version']}, API {version['ApiVersion']}, cgroup v{facts.get('CgroupVersion', '1')}, "
        f"{facts['Driver']}, runtimes {' '.join(sorted(facts.get('Runtimes') or ()))}"
    )
    return Finding(name="docker", ok=True, value=value)


def _namespaces() -> Finding:
    how = "as root" if os.geteuid() == 0 else "in a user namespace"
    error = _fails(_TRY_NAMESPACES)
    return Finding(
        name="namespaces",
        ok=not error,
        value=error or f"user, pid, mount, net, ipc, uts ({how})",
        remedy="as root: sysctl -w user.max_user_namespaces=15000 kernel.unprivileged_userns_clone=1 "
        "kernel.apparmor_restrict_unprivileged_userns=0 (those that exist); in a container: use --sandbox docker",
    )


def _overlays() -> Finding:
    try:
        with tempfile.TemporaryDirectory(dir=platformdirs.user_cache_path("codebench", ensure_exists=True)) as scratch:
            for name in ("clean", "view"):
                Path(scratch, name).mkdir()
            error = _fails(_TRY_OVERLAYS, f"{scratch}/clean", f"{scratch}/view")
    except OSError as problem:
        error = str(problem)
    return Finding(
        name="overlays",
        ok=None if error else True,
        value=f"none: {error}" if error else "fresh views of repositories, within milliseconds",
        remedy="optional: boot Linux 6.6 or later, with the cache on ext4, xfs or btrfs; else boxes keep copies",
    )


def _memory_cgroup() -> Finding:
    version = "v2" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else "v1"
    made = cgroup.create(Limits())
    made.remove()
    return Finding(
        name="memory cgroup",
        ok=True if made != cgroup.NONE else None,
        value=version if made != cgroup.NONE else f"{version}, not ours to use: the namespaces sandbox only watches",
        remedy="run as root, or under: systemd-run --user --scope -p Delegate=yes codebench ...",
    )


def _seccomp() -> Finding:
    try:
        actions = Path("/proc/sys/kernel/seccomp/actions_avail").read_text().split()
    except OSError:
        actions = []
    return Finding(
        name="seccomp",
        ok="errno" in actions,
        value="filters" if "errno" in actions else "no filters",
        remedy="use a kernel with CONFIG_SECCOMP_FILTER=y",
    )


def _landlock() -> Finding:
    done = _run(_TRY_LANDLOCK)
    abi = int(done.stdout) if done.returncode == 0 else -1
    return Finding(
        name="landlock",
        ok=True if abi > 0 else None,
        value=f"ABI {abi}" if abi > 0 else "absent",
        remedy="optional: boot a kernel with CONFIG_SECURITY_LANDLOCK=y and landlock in lsm=",
    )


def _counters() -> Finding:
    error = _fails(_TRY_COUNTERS)
    return Finding(
        name="instruction counters",
        ok=None if error else True,
        value=f"none: {error}" if error else "there, and not used yet: efficiency is measured in CPU time",
        remedy="nothing to do: efficiency is measured in CPU time",
    )


def _fails(program: str, *arguments: str) -> str:
    """Run a program in a child; return the last line of what went wrong, "" where nothing did."""
    done = _run(program, *arguments)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=_PROBE_S, check=False)

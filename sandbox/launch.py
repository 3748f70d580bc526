"""Builds the walls of a namespaces box around itself and becomes the guest: `python -m codebench.sandbox.launch PLAN`.

Three processes: this one stays outside and waits; its child enters the new namespaces; the grandchild is PID 1 of the
box. Ending the first ends them all, for each is killed when its parent dies.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from codebench.sandbox.guest import kernel
from codebench.sandbox.guest.places import CLEAN, VIEWS

_NAMESPACES = (
    kernel.CLONE_NEWUSER
    | kernel.CLONE_NEWNS
    | kernel.CLONE_NEWPID
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS
)
_DEVICES = ("null", "zero", "full", "random", "urandom")
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_QUIET = kernel.MS_NOSUID | kernel.MS_NODEV
_FOLDERS_ONLY = "size=64k,nr_inodes=4096,mode=755"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to build. `uid_base` is the first of 65,536 host uids for the box, None for this user's own only."""

    root: str
    argv: list[str]
    env: dict[str, str]
    disk_mib: int
    uid_base: int | None
    cgroups: list[str]
    repositories: dict[str, str]
    """Where on the host what is to be /repositories/NAME is."""
    copy_mib: int
    copy_inodes: int
    """Bounds of each /work/NAME, where its copy is if there can be no overlay."""
    init_fd: int
    """Where the pid of the box's first process is written, as the host knows it."""


def main() -> NoReturn:
    """Read the plan from the command line and carry it out; the exit status is the guest's."""
    plan = Plan(**json.loads(sys.argv[1]))
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGTERM)
    for cgroup in plan.cgroups:
        Path(cgroup, "cgroup.procs").write_text(str(os.getpid()))
    entered_read, entered_write = os.pipe()
    mapped_read, mapped_write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(entered_read)
        os.close(mapped_write)
        _enter(plan, entered_write, mapped_read)
    os.close(entered_write)
    os.close(mapped_read)
    if os.read(entered_read, 1) == b"+":
        _map_ids(child, plan.uid_base)
        os.write(mapped_write, b"+")
    _mind(child, signal.SIGTERM)


def _enter(plan: Plan, entered: int, mapped: int) -> NoReturn:
    """In the child: enter the namespaces, have the ids mapped from outside, and start the box's PID 1."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGTERM)
    kernel.unshare(_NAMESPACES)
    os.write(entered, b"+")
    if os.read(mapped, 1) != b"+":
        os._exit(71)
    os.close(entered)
    os.close(mapped)
    init = os.fork()
    if init == 0:
        os.close(plan.init_fd)
        _become_guest(plan)
    os.write(plan.init_fd, b"%d" % init)
    os.close(plan.init_fd)
    _mind(init, signal.SIGKILL)


def _mind(child: int, ending: signal.Signals) -> NoReturn:
    """Wait for `child` and pass its status on; when asked to end, end it first, so that nothing outlives this."""
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, ending))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    _, status = os.waitpid(child, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _map_ids(child: int, uid_base: int | None) -> None:
    proc = Path(f"/proc/{child}")
    if uid_base is None:
        (proc / "setgroups").write_text("deny")
        (proc / "uid_map").write_text(f"0 {os.geteuid()} 1")
        (proc / "gid_map").write_text(f"0 {os.getegid()} 1")
    else:
        (proc / "uid_map").write_text(f"0 {uid_base} 65536")
        (proc / "gid_map").write_text(f"0 {uid_base} 65536")


def _become_guest(plan: Plan) -> NoReturn:
    """In PID 1 of the box: mount its world, leave the host's, and run the guest."""
    socket.sethostname("box")
    kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount(plan.root, plan.root, flags=kernel.MS_BIND)
    kernel.mount("none", plan.root, flags=kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | _QUIET)
    os.chdir(plan.root)  # while this is still the host's user, who may walk the path to it
    repositories = {name: kernel.open_tree(path) for name, path in plan.repositories.items()}  # as above
    _become_root_of_box(plan.uid_base)
    _raise_loopback()
    _mount_world(plan.disk_mib)
    if repositories:
        _mount_repositories(repositories)
        _mount_views(plan)
    kernel.pivot_root(".", ".")
    kernel.umount(".", kernel.MNT_DETACH)
    os.chdir("/tmp")  # noqa: S108 - the box's own tmpfs
    os.setsid()
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    os.execve(plan.argv[0], plan.argv, plan.env)  # noqa: S606 - the guest's interpreter, from our own plan


def _become_root_of_box(uid_base: int | None) -> None:
    if uid_base is not None:
        os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)


def _raise_loopback() -> None:
    """Let the box speak to itself over the network, as a container without a network can."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        flags = struct.unpack_from("H", fcntl.ioctl(probe, _SIOCGIFFLAGS, struct.pack("16s24x", b"lo")), 16)[0]
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | _IFF_UP))


def _mount_world(disk_mib: int) -> None:
    """In the tree's root: fresh /tmp, /dev, /dev/shm and /proc."""
    scratch = f"size={disk_mib}m,nr_inodes=16384,mode=1777"
    kernel.mount("tmpfs", "tmp", "tmpfs", _QUIET, scratch)
    kernel.mount("tmpfs", "dev", "tmpfs", kernel.MS_NOSUID, "size=64k,nr_inodes=64,mode=755")
    for name in _DEVICES:
        Path("dev", name).touch()
        kernel.mount(f"/dev/{name}", f"dev/{name}", flags=kernel.MS_BIND)
    Path("dev", "shm").mkdir()
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        Path("dev", name).symlink_to(target)
    kernel.mount("tmpfs", "dev/shm", "tmpfs", _QUIET, scratch)
    kernel.mount("none", "dev", flags=kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | kernel.MS_NOSUID)
    _mount_proc("proc")


def _mount_repositories(repositories: dict[str, int]) -> None:
    """The clean trees, read-only."""
    kernel.mount("tmpfs", CLEAN.lstrip("/"), "tmpfs", _QUIET, _FOLDERS_ONLY)
    for name, tree in repositories.items():
        target = f".{CLEAN}/{name}"
        Path(target).mkdir()
        kernel.set_mount_attributes(tree, kernel.MOUNT_ATTR_READ_ONLY)
        kernel.move_mount(tree, target)
        os.close(tree)
    _make_read_only(f".{CLEAN}")


def _mount_views(plan: Plan) -> None:
    """Where commands will find their views: copies in what is mounted here, or overlays that come from outside.

    Shared, because zygotes have mount namespaces of their own, in which these are to be seen as well.
    """
    views = f".{VIEWS}"
    kernel.mount("tmpfs", views, "tmpfs", _QUIET, _FOLDERS_ONLY)
    kernel.mount("none", views, flags=kernel.MS_SHARED)
    for name in plan.repositories:
        target = f"{views}/{name}"
        Path(target).mkdir()
        size = f"size={plan.copy_mib}m,nr_inodes={plan.copy_inodes},mode=777"
        kernel.mount("tmpfs", target, "tmpfs", _QUIET, size)
    _make_read_only(views)


def _make_read_only(target: str) -> None:
    kernel.mount("none", target, flags=kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | _QUIET)


def _mount_proc(target: str) -> None:
    flags = _QUIET | kernel.MS_NOEXEC
    try:
        kernel.mount("proc", target, "proc", flags)
    except PermissionError:
        return  # inside a container whose own /proc is masked: the box does without one


if __name__ == "__main__":
    main()

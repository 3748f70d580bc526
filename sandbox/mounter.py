"""Lays views of repositories into one box and takes them away: `python -m codebench.sandbox.mounter PLAN`.

It runs outside the box, as the host's user, and enters the box's mount namespace, as root with all that root may do. So
it opens nothing there but mount points that no candidate can replace, and loads no code once it is inside.

Guarantees
- It reads two numbers per order, from the host, and never a byte that a candidate wrote.
- What it mounts is seen in the box alone and ends with it. Upper layers are hidden below the views that they belong to.
- Files of the repository belong to the candidate in every view, whoever owns them on the host.

Does not guarantee
- That it works: an ordinary user needs Linux 5.11 for overlays, 6.6 for attributes on tmpfs; root needs 5.19 for mapped
  owners, and a cache on a file system that knows these. It says so before it says "ready", and boxes do without.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from codebench.sandbox.guest import kernel
from codebench.sandbox.guest.places import CLEAN, VIEWS
from codebench.sandbox.rootfs import CANDIDATE_ID
from codebench.sandbox.trees import INODES
from codebench.sandbox.views import MounterPlan

_QUIET = kernel.MS_NOSUID | kernel.MS_NODEV
_NOATIME = 1024


def main() -> NoReturn:
    """Do as ordered until the host closes the stream."""
    plan = MounterPlan(**json.loads(sys.argv[1]))
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the host's affair, which then closes the stream
    try:
        mounter = Mounter(plan)
    except (OSError, RefusedError) as error:
        _say(str(error))
        os._exit(0)
    _say("ready")
    begun = b""
    while data := os.read(0, 4096):
        *lines, begun = (begun + data).split(b"\n")
        for line in lines:
            _say(mounter.obey(line))
    os._exit(0)


class RefusedError(Exception):
    """There can be no views in this box."""


class Mounter:
    """In the box's mount namespace, from its first line on."""

    def __init__(self, plan: MounterPlan) -> None:
        self._names = plan.names
        self._as_root = os.geteuid() == 0
        if plan.cgroup and plan.cgroup not in Path(f"/proc/{plan.init}/cgroup").read_text():
            raise RefusedError("the engine is on another machine")
        self._owner = _outside(plan.init, plan.uid) if self._as_root else 0
        lowers = [_mapped(path, self._owner) for path in plan.paths] if self._as_root else []
        users = os.open(f"/proc/{plan.init}/ns/user", os.O_RDONLY)
        mounts = os.open(f"/proc/{plan.init}/ns/mnt", os.O_RDONLY)
        sys.meta_path.clear()  # what could be imported from here on would be a file of the box
        sys.path.clear()
        if not self._as_root:
            kernel.setns(users, kernel.CLONE_NEWUSER)
        kernel.setns(mounts, kernel.CLONE_NEWNS)
        for name, lower in zip(plan.names, lowers, strict=False):
            kernel.move_mount(lower, f"{CLEAN}/{name}")
        for fd in (*lowers, users, mounts):
            os.close(fd)
        self._lay(0, 1)  # what cannot be done is to be known now
        self._lift(0)
        for name in plan.names:
            kernel.umount(f"{VIEWS}/{name}")  # where a copy would have been, which is not to be written to

    def obey(self, order: bytes) -> str:
        """Carry out `+NUMBER MIB` or `-NUMBER 0`; gives the answer."""
        act: Callable[[int, int], None] = self._lay if order[:1] == b"+" else self._lift
        try:
            number, mib = map(int, order[1:].split())
            act(number, mib)
        except OSError as error:
            return str(error)
        return "done"

    def _lay(self, number: int, mib: int) -> None:
        name = self._names[number]
        _lay(f"{CLEAN}/{name}", f"{VIEWS}/{name}", mib, self._owner, self._as_root)

    def _lift(self, number: int, _mib: int = 0) -> None:
        """Take away a view and its layer; raises OSError where one is in use, which is then hidden all the same."""
        view, problem = f"{VIEWS}/{self._names[number]}", None
        for _ in ("the overlay", "its tmpfs"):
            try:
                kernel.umount(view)
            except OSError as error:
                problem = error
                kernel.umount(view, kernel.MNT_DETACH)
        if problem is not None:
            raise problem


def _lay(clean: str, view: str, mib: int, owner: int, as_root: bool) -> None:
    """Mount a tmpfs and, over it, an overlay whose upper layer it has; raises OSError."""
    upper, work = f"{view}/upper", f"{view}/work"
    mark = "trusted.overlay.try" if as_root else "user.overlay.try"
    kernel.mount("tmpfs", view, "tmpfs", _QUIET, f"size={mib}m,nr_inodes={INODES},mode=755")
    try:
        for folder in (upper, work):
            os.mkdir(folder, 0o755)  # noqa: PTH102 - pathlib would be one thing more that is at work in here
        os.setxattr(upper, mark, b"y")  # overlays do without attributes, and then without replaced folders
        os.removexattr(upper, mark)
        os.chown(upper, owner, owner)
        how = "redirect_dir=on,index=off" if as_root else "userxattr"
        data = f"lowerdir={clean},upperdir={upper},workdir={work},{how}"
        kernel.mount("overlay", view, "overlay", _QUIET | _NOATIME, data)
    except OSError:
        kernel.umount(view, kernel.MNT_DETACH)
        raise


def attempt(clean: str, view: str) -> None:
    """Do for one folder what is done in boxes, in namespaces of this process's own; raises OSError, RefusedError."""
    as_root, uid = os.geteuid() == 0, os.geteuid()
    lower = _mapped(clean, CANDIDATE_ID) if as_root else -1
    kernel.unshare(kernel.CLONE_NEWNS | (0 if as_root else kernel.CLONE_NEWUSER))
    if not as_root:
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    if as_root:
        kernel.move_mount(lower, clean)
    _lay(clean, view, 1, CANDIDATE_ID if as_root else 0, as_root)


def _outside(pid: int, uid: int) -> int:
    """What a user of the box is outside it; raises RefusedError."""
    for line in Path(f"/proc/{pid}/uid_map").read_text().splitlines():
        inside, outside, count = map(int, line.split())
        if inside <= uid < inside + count:
            return outside + uid - inside
    raise RefusedError(f"the box has no user {uid}")


def _mapped(path: str, owner: int) -> int:
    """A mount of a folder, attached to nothing, in which the owner of its files is another; raises OSError."""
    lower = kernel.open_tree(path)
    users = _users(os.stat(path).st_uid, owner)  # noqa: PTH116 - as above
    try:
        kernel.set_mount_attributes(lower, kernel.MOUNT_ATTR_READ_ONLY | kernel.MOUNT_ATTR_IDMAP, users)
    finally:
        os.close(users)
    return lower


def _users(inside: int, outside: int) -> int:
    """A user namespace, as a file, in which one user is mapped."""
    entered_read, entered_write = os.pipe()
    done_read, done_write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(done_write)
        try:
            kernel.unshare(kernel.CLONE_NEWUSER)
            os.write(entered_write, b"+")
            os.read(done_read, 1)
        finally:
            os._exit(0)
    os.close(entered_write)
    try:
        if os.read(entered_read, 1) != b"+":
            raise RefusedError("no user namespaces to map owners with")
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{child}/{name}").write_text(f"{inside} {outside} 1")
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY)
    finally:
        for fd in (entered_read, done_read, done_write):
            os.close(fd)
        os.waitpid(child, 0)


def _say(line: str) -> None:
    os.write(1, line.replace("\n", " ").encode(errors="replace")[:1000] + b"\n")


if __name__ == "__main__":
    main()

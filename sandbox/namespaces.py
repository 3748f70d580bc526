"""The outer wall without an engine: Linux namespaces, a read-only root, tmpfs scratch; as root or as anybody."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import platform
import select
import subprocess
import sys
import threading
from dataclasses import asdict

from codebench.sandbox import cgroup
from codebench.sandbox.box import GUEST_ENV, BoxSpentError, candidate_uid, guest_argv
from codebench.sandbox.job import Limits, Sandbox, SandboxError, SandboxInfo, SandboxOptions
from codebench.sandbox.launch import Plan
from codebench.sandbox.pool import Pool
from codebench.sandbox.rootfs import Rootfs, build_rootfs
from codebench.sandbox.trees import Tree, copy_inodes, copy_mib, joint_digest, read_trees
from codebench.sandbox.views import Views

_UID_BASE = 1 << 30
_LAST_WORDS = 2048
_PIPE_BYTES = 1 << 20
_END_S = 5.0
_serial = itertools.count()


def open_sandbox(options: SandboxOptions) -> Sandbox:
    """Return a sandbox of namespaces boxes; raises SandboxError where this machine does not allow them."""
    if platform.system() != "Linux":
        raise SandboxError("the namespaces sandbox needs Linux; use --sandbox docker here")
    if options.gpus:
        raise SandboxError("the namespaces sandbox has no GPUs to give; use --sandbox docker with --gpus")
    trees = read_trees(options.repositories)
    rootfs = build_rootfs(options.packages, options.note, for_commands=bool(trees))
    wall = NamespacesWall(rootfs, options.workers, options.packages, trees, overlays=options.overlays)
    return Pool(wall, options)


class NamespacesWall:
    """Starts boxes from one root file system."""

    def __init__(
        self,
        rootfs: Rootfs,
        workers: int,
        packages: str = "",
        trees: tuple[Tree, ...] = (),
        *,
        overlays: bool = True,
    ) -> None:
        self._rootfs = rootfs
        self._workers = workers
        self._packages = packages
        self.trees = trees
        self.overlays = overlays
        self.bounds_addresses = True

    @property
    def info(self) -> SandboxInfo:
        notes = [] if os.geteuid() == 0 else ["one uid for judge and candidate: kept apart by a PID namespace"]
        notes += [f"packages {self._packages}"] if self._packages else []
        probe = cgroup.create(Limits())
        probe.remove()
        if probe is cgroup.NONE:
            notes.append("no cgroup to be had: memory is bounded per process and watched, not enforced for all")
        return SandboxInfo(
            backend="namespaces",
            image=joint_digest(self._rootfs.digest, self.trees),
            python=self._rootfs.python,
            workers=self._workers,
            notes=tuple(notes),
        )

    def open_box(self, limits: Limits) -> NamespacesChannel:
        """Start a box; raises SandboxError."""
        return NamespacesChannel(self._rootfs, limits, self.trees)

    def close(self) -> None:
        """Nothing is held between boxes."""


class NamespacesChannel:
    """A guest behind namespaces, spoken to over pipes."""

    def __init__(self, rootfs: Rootfs, limits: Limits, trees: tuple[Tree, ...] = ()) -> None:
        self._trees = trees
        self._copy_mib = copy_mib(trees, limits)
        self._cgroup = cgroup.create(limits, self._copy_mib)
        self._uid = candidate_uid() if os.geteuid() == 0 else 0
        self._views: Views | None = None
        self._init, self._init_told = os.pipe()  # the pid of the box's first process comes here
        oom_fd = os.open(self._cgroup.oom_file, os.O_RDONLY) if self._cgroup.oom_file is not None else None
        try:
            self._process = self._start(rootfs, limits, oom_fd)
        except OSError as e:
            self._cgroup.remove()
            os.close(self._init)
            raise SandboxError(f"cannot start {sys.executable}: {e}") from e
        finally:
            os.close(self._init_told)
            if oom_fd is not None:
                os.close(oom_fd)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in = self._process.stdin.fileno()
        self._out = self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        for pipe in (self._in, self._out):
            with contextlib.suppress(OSError):  # the user has too many of them: then in smaller portions
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._words = b""
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _start(self, rootfs: Rootfs, limits: Limits, oom_fd: int | None) -> subprocess.Popen[bytes]:
        as_root = os.geteuid() == 0
        names = [tree.name for tree in self._trees]
        argv = guest_argv(uid=self._uid, nested=True, oom_fd=oom_fd, repositories=names)
        plan = Plan(
            root=str(rootfs.path),
            argv=argv,
            env=dict(GUEST_ENV),
            disk_mib=limits.disk_mib,
            uid_base=_UID_BASE + (os.getpid() * 64 + next(_serial)) % 8192 * 65536 if as_root else None,
            cgroups=[str(d) for d in self._cgroup.directories],
            repositories={tree.name: str(tree.path) for tree in self._trees},
            copy_mib=self._copy_mib,
            copy_inodes=copy_inodes(self._trees),
            init_fd=self._init_told,
        )
        return subprocess.Popen(
            [sys.executable, "-m", "codebench.sandbox.launch", json.dumps(asdict(plan))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            pass_fds=[fd for fd in (oom_fd, self._init_told) if fd is not None],
        )

    def open_views(self) -> Views:
        """Have a process lay views into the box, which must have started; raises ViewsError."""
        self._views = Views(int(os.read(self._init, 32) or b"0"), self._uid, self._trees)
        return self._views

    def send(self, data: bytes, deadline_s: float) -> None:
        view = memoryview(data)
        while view:
            _, ready, _ = select.select((), (self._in,), (), deadline_s)
            if not ready:
                raise BoxSpentError("the box does not take its job")
            try:
                view = view[os.write(self._in, view) :]
            except OSError as e:
                raise BoxSpentError(f"the box ended; {self.diagnosis()}") from e

    def receive(self, timeout_s: float) -> bytes:
        ready, _, _ = select.select((self._out,), (), (), timeout_s)
        if not ready:
            raise TimeoutError
        return os.read(self._out, _PIPE_BYTES)

    def close(self) -> None:
        if self._init >= 0:
            os.close(self._init)
            self._init = -1
        if self._views is not None:
            self._views.close()
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._cgroup.remove()

    def diagnosis(self) -> str:
        try:
            status = f"exit status {self._process.wait(1.0)}"
        except subprocess.TimeoutExpired:
            status = "still running"
        self._listener.join(0.2)
        return f"{status}: {self._words.decode(errors='replace').strip()}"[-_LAST_WORDS:]

    def _listen(self) -> None:
        assert self._process.stderr is not None
        while data := self._process.stderr.read(4096):
            self._words = (self._words + data)[-_LAST_WORDS:]

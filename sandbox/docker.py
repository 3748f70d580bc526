"""The outer wall made by a Docker engine: one hardened container per box, spoken to over its attached streams.

Guarantees
- No network, a read-only root, no capability but SETUID and SETGID, no new privileges, the engine's seccomp profile.
- Memory and swap, the number of processes, and the size and inodes of /tmp and /dev/shm are bounded by the kernel.
- The box ends with its host: its input ends when the host process dies, and the engine removes it.

Does not guarantee
- Anything that the kernel or the engine's runtime gets wrong; `runtime` (runsc, kata) puts another wall there.
- A share of the cores: boxes compete for them like any process.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codebench.sandbox.box import GUEST_ENV, BoxSpentError, candidate_uid, guest_argv
from codebench.sandbox.engine import connect, engine_errors
from codebench.sandbox.guest.places import VIEWS
from codebench.sandbox.images import Image, ensure_image, with_repositories
from codebench.sandbox.job import Limits, Sandbox, SandboxError, SandboxInfo, SandboxOptions
from codebench.sandbox.multiplex import STDERR, Demultiplexer
from codebench.sandbox.pool import Pool
from codebench.sandbox.trees import Tree, copy_inodes, copy_mib, read_trees
from codebench.sandbox.views import Views, ViewsError

if TYPE_CHECKING:
    from docker import DockerClient

_OWNER = "codebench.run"
_GUEST_MEMORY_MIB = 256  # the judge, the zygote and what the tmpfs hold, on top of what a candidate may use
_GUEST_PROCESSES = 16
_TMPFS_INODES = 16384
_LAST_WORDS = 2048
_PLAIN_RUNTIMES = (None, "runc", "io.containerd.runc.v2", "crun", "nvidia")  # those whose mounts are the kernel's
_NO_GPUS = ("could not select device driver", "nvidia-container", "unknown or invalid runtime", "CDI device")
_GPUS_MISSING = (
    "the engine has no GPUs to give; install the NVIDIA Container Toolkit (apt-get install nvidia-container-toolkit, "
    "sudo nvidia-ctk runtime configure, restart Docker), or leave --gpus out"
)
_NO_SYSV_IPC = {
    "kernel.shmmni": "0",
    "kernel.shmall": "0",
    "kernel.msgmni": "0",
    "kernel.sem": "0 0 0 0",
    "fs.mqueue.queues_max": "0",
}


def open_sandbox(options: SandboxOptions) -> Sandbox:
    """Return a sandbox of Docker boxes; raises SandboxError where no engine answers or the image cannot be had."""
    client = connect()
    trees = read_trees(options.repositories)
    image = ensure_image(client, options.image, options.packages, options.note, for_commands=bool(trees))
    if trees:
        image = with_repositories(client, image, trees, options.note)
    return Pool(DockerWall(client, image, options, trees), options)


class DockerWall:
    """Starts boxes as containers of one image on one engine."""

    def __init__(
        self, client: DockerClient, image: Image, options: SandboxOptions, trees: tuple[Tree, ...] = ()
    ) -> None:
        self.trees = trees
        self.overlays = options.overlays
        self.bounds_addresses = not options.gpus
        self._client = client
        self._image = image
        self._options = options
        self._sysctls: dict[str, str] = dict(_NO_SYSV_IPC)
        with engine_errors("cannot ask the engine for its version"):
            self._engine = client.version()["Version"]
        _sweep(client)

    @property
    def info(self) -> SandboxInfo:
        notes = [f"Docker {self._engine}", f"image {self._image.tag}"]
        notes += [f"runtime {self._options.runtime}"] if self._options.runtime else []
        return SandboxInfo(
            backend="docker",
            image=self._image.digest,
            python=self._image.python,
            workers=self._options.workers,
            notes=tuple(notes),
        )

    def open_box(self, limits: Limits) -> DockerChannel:
        """Start a container; raises SandboxError."""
        try:
            return self._start(limits)
        except SandboxError as error:
            if self._options.gpus and any(sign in str(error) for sign in _NO_GPUS):
                raise SandboxError(_GPUS_MISSING) from error
            if not (self._sysctls and "sysctl" in str(error)):
                raise
            self._sysctls = {}  # this engine or runtime does not know them; the guest's seccomp filter denies the calls
            return self._start(limits)

    def close(self) -> None:
        """Let go of the engine; boxes are closed by who opened them."""
        self._client.close()

    def _start(self, limits: Limits) -> DockerChannel:
        uid = candidate_uid()
        return DockerChannel(self._client, self._create(limits, uid), uid, self.trees, self._options.runtime)

    def _create(self, limits: Limits, uid: int) -> str:
        api = self._client.api
        with engine_errors("cannot create a box"):
            container = api.create_container(
                self._image.id,
                command=guest_argv(
                    uid=uid,
                    nested=False,
                    python=self._image.interpreter,
                    repositories=[tree.name for tree in self.trees],
                ),
                entrypoint=[],
                hostname="box",
                user="0:0",
                stdin_open=True,
                network_disabled=True,
                working_dir="/tmp",  # noqa: S108 - the box's own tmpfs
                environment=dict(GUEST_ENV),
                healthcheck={"test": ["NONE"]},
                labels={_OWNER: _owner(os.getpid())},
                host_config=api.create_host_config(**self._walls(limits)),
            )
        return str(container["Id"])

    def _walls(self, limits: Limits) -> dict[str, Any]:
        from docker.types import LogConfig, Ulimit

        scratch = f"rw,nosuid,nodev,mode=1777,size={limits.disk_mib}m,nr_inodes={_TMPFS_INODES}"
        views_mib = copy_mib(self.trees, limits)
        view = f"rw,nosuid,nodev,exec,mode=0777,size={views_mib}m,nr_inodes={copy_inodes(self.trees)}"
        views = {f"{VIEWS}/{tree.name}": view for tree in self.trees}
        memory = f"{limits.memory_mib + _GUEST_MEMORY_MIB + views_mib}m"
        return {
            "network_mode": "none",
            "read_only": True,
            "cap_drop": ["ALL"],
            "cap_add": ["SETUID", "SETGID"],
            "security_opt": ["no-new-privileges"],
            "pids_limit": limits.processes + _GUEST_PROCESSES,
            "mem_limit": memory,
            "memswap_limit": memory,
            "ipc_mode": "none",
            "tmpfs": {"/tmp": scratch, "/dev/shm": scratch, **views},  # noqa: S108 - the box's own
            "ulimits": [Ulimit(name="core", soft=0, hard=0)],
            "sysctls": self._sysctls,
            "log_config": LogConfig(type="none"),
            "auto_remove": True,
            "init": False,
            "runtime": self._options.runtime,
            "device_requests": _devices(self._options.gpus),
        }


class DockerChannel:
    """A started container and the socket on which its streams arrive."""

    def __init__(
        self,
        client: DockerClient,
        container: str,
        uid: int = 0,
        trees: tuple[Tree, ...] = (),
        runtime: str | None = None,
    ) -> None:
        self._api = client.api
        self._container = container
        self._uid = uid
        self._runtime = runtime
        self._trees = trees
        self._views: Views | None = None
        self._frames = Demultiplexer()
        self._output = b""
        self._words = b""
        self._ended = False
        self._closing = threading.Lock()
        self._closed = False
        try:
            with engine_errors("cannot start a box"):
                # Attached before the start: then nothing that the guest says can sit in the SDK's own buffer.
                self._stream = self._api.attach_socket(
                    container, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
                )
                self._socket: socket.socket = getattr(self._stream, "_sock", self._stream)
                self._api.start(container)
        except BaseException:
            self.close()
            raise

    def send(self, data: bytes, deadline_s: float) -> None:
        try:
            self._socket.settimeout(max(deadline_s, 0.001))
            self._socket.sendall(data)
        except TimeoutError as error:
            raise BoxSpentError(f"the box does not take its job; {self.diagnosis()}") from error
        except OSError as error:
            raise BoxSpentError(f"the box is gone: {error}; {self.diagnosis()}") from error

    def receive(self, timeout_s: float) -> bytes:
        deadline = time.monotonic() + timeout_s
        while not self._output and not self._ended:
            self._take(deadline - time.monotonic())
        output, self._output = self._output, b""
        return output

    def open_views(self) -> Views:
        """Have a process lay views into the box, which must have started; raises ViewsError.

        That needs root on the machine on which the engine runs, with the same view of its processes.
        """
        if self._runtime not in _PLAIN_RUNTIMES:
            raise ViewsError(f"the runtime {self._runtime} may have mounts of its own")
        if os.geteuid() != 0:
            raise ViewsError("only root can enter the engine's containers")
        with engine_errors("cannot ask for the box's process"):
            init = self._api.inspect_container(self._container)["State"]["Pid"]
        if not Path(f"/proc/{init}/cgroup").exists():
            raise ViewsError("the engine is on another machine")
        self._views = Views(init, self._uid, self._trees, cgroup=self._container)
        return self._views

    def close(self) -> None:
        with self._closing:
            if self._closed:
                return
            self._closed = True
        if self._views is not None:
            self._views.close()
        self._hang_up()
        try:
            with engine_errors("cannot remove a box"):
                self._api.remove_container(self._container, force=True)
        except SandboxError:
            pass  # it is gone already, or its engine is; if neither, the end of its input ends it

    def diagnosis(self) -> str:
        words = self._words.decode(errors="replace").strip()
        return f"{self._status()}: {words or 'nothing on stderr'}"[-_LAST_WORDS:]

    def _take(self, timeout_s: float) -> None:
        """Wait for one piece of the stream; raises TimeoutError."""
        try:
            self._socket.settimeout(max(timeout_s, 0.001))
            data = self._socket.recv(1 << 18)
        except TimeoutError:
            raise
        except OSError:  # the engine is gone, or the box was closed by another thread
            data = b""
        self._ended = not data
        for stream, content in self._frames.feed(data):
            if stream == STDERR:
                self._words = (self._words + content)[-_LAST_WORDS:]
            else:
                self._output += content

    def _hang_up(self) -> None:
        connection = getattr(self, "_socket", None)
        if connection is None:
            return
        with contextlib.suppress(OSError):  # the other end was faster
            connection.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits in receive
        connection.close()

    def _status(self) -> str:
        """How the container stands; it is removed soon after its end, so this is what can still be known."""
        try:
            with engine_errors("its container is gone"):
                state = self._api.inspect_container(self._container)["State"]
        except SandboxError as error:
            return str(error)
        memory = ", out of memory" if state["OOMKilled"] else ""
        return f"container {state['Status']}, exit status {state['ExitCode']}{memory}"


def _devices(gpus: str) -> list[Any] | None:
    from docker.types import DeviceRequest

    if not gpus:
        return None
    if gpus != "all" and not (gpus.isdecimal() and int(gpus) > 0):
        raise SandboxError(f"--gpus is a number of GPUs or all, not {gpus!r}")
    return [DeviceRequest(count=-1 if gpus == "all" else int(gpus), capabilities=[["gpu"]])]


def _owner(pid: int) -> str:
    """A name for a process of this machine since its last start, as seen from this PID namespace."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    namespace = Path("/proc/self/ns/pid")
    here = f"{boot.read_text().strip()}/{namespace.readlink()}" if boot.exists() else socket.gethostname()
    return f"{here}/{pid}"


def _sweep(client: DockerClient) -> None:
    """Remove boxes whose owner, a process of this machine, is dead: those whose guest hung when its input ended."""
    with engine_errors("cannot list the engine's containers"):
        rows = client.api.containers(all=True, filters={"label": _OWNER})
    for row in rows:
        _, _, pid = row["Labels"][_OWNER].rpartition("/")
        if row["Labels"][_OWNER] == _owner(int(pid)) and not Path("/proc", pid).exists():
            _remove(client, row["Id"])


def _remove(client: DockerClient, container: str) -> None:
    import docker.errors

    with engine_errors(f"cannot remove the abandoned box {container[:12]}"):
        try:
            client.api.remove_container(container, force=True)
        except docker.errors.APIError as error:
            if error.status_code not in (404, 409):  # another process was faster
                raise

"""Docker boxes: their walls as the kernel sees them, their end, and engines that fail."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from codebench.sandbox import Job, Limits, SandboxError, SandboxOptions
from codebench.sandbox.box import Box, BoxSpentError
from codebench.sandbox.docker import _OWNER, DockerChannel, DockerWall, _owner, open_sandbox
from codebench.sandbox.engine import connect
from codebench.sandbox.images import Image, Recipe, build, ensure_image, list_images
from codebench.sandbox.rootfs import PYTHON

DOCKERFILE = Path(__file__).parent.parent / "images/python/Dockerfile"
OPTIONS = SandboxOptions(workers=1)
RIGHT = Job(
    source="def f(x):\n    return x + 1\n",
    entry_point="f",
    context="",
    test="def check(candidate):\n    assert candidate(1) == 2\n",
)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    try:
        client = connect()
    except SandboxError as error:
        if os.environ.get("CODEBENCH_REQUIRE_DOCKER"):
            raise
        pytest.skip(str(error))
    yield client
    client.close()


@pytest.fixture(scope="module")
def image(client: Any) -> Image:
    return ensure_image(client)


@pytest.fixture
def box(client: Any, image: Image) -> Iterator[Box]:
    box = Box(DockerWall(client, image, OPTIONS), OPTIONS.limits)
    yield box
    box.close()


def channel(box: Box) -> DockerChannel:
    assert isinstance(box._channel, DockerChannel)
    return box._channel


def inspect(client: Any, box: Box) -> dict[str, Any]:
    facts: dict[str, Any] = client.api.inspect_container(channel(box)._container)
    return facts


def seen_inside(box: Box, program: str) -> str:
    job = Job(
        source=program + "\ndef f():\n    return 1\n",
        entry_point="f",
        context="",
        test="def check(candidate):\n    assert candidate() == 1\n",
    )
    execution = box.run(job)
    return execution.stdout.text + execution.report.detail


def eventually(fact: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not (holds := fact()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds


@pytest.mark.docker
class TestWalls:
    def test_the_engine_was_asked_for_every_wall(self, client: Any, box: Box) -> None:
        facts = inspect(client, box)
        host = facts["HostConfig"]
        memory = (OPTIONS.limits.memory_mib + 256) * 2**20
        assert (host["NetworkMode"], host["ReadonlyRootfs"], host["Privileged"]) == ("none", True, False)
        assert (host["CapDrop"], {c.removeprefix("CAP_") for c in host["CapAdd"]}) == (["ALL"], {"SETUID", "SETGID"})
        assert host["SecurityOpt"] == ["no-new-privileges"]
        assert (host["Memory"], host["MemorySwap"]) == (memory, memory)
        assert (host["PidsLimit"], host["IpcMode"]) == (OPTIONS.limits.processes + 16, "none")
        assert not facts["Mounts"]

    def test_a_candidate_has_no_capability_and_no_way_to_one(self, box: Box) -> None:
        status = seen_inside(
            box, "print([line for line in open('/proc/self/status') if line.startswith(('Cap', 'NoN'))])"
        )
        assert re.search(r"CapEff:\\t0+\\n", status)
        assert re.search(r"NoNewPrivs:\\t1", status)

    def test_a_candidate_can_write_to_its_scratch_and_nowhere_else(self, box: Box) -> None:
        program = (
            "import os\n"
            "for folder in ('/', '/tmp', '/dev/shm', '/dev', '/etc', '/opt', '/codebench', '/sys', '/proc/sys'):\n"
            "    try:\n"
            "        open(folder + '/x', 'w').close(); os.remove(folder + '/x'); print(folder)\n"
            "    except OSError:\n"
            "        pass\n"
        )
        assert seen_inside(box, program).split() == ["/tmp", "/dev/shm"]

    def test_a_candidate_sees_no_network_but_its_own_loopback(self, box: Box) -> None:
        assert seen_inside(box, "import os; print(os.listdir('/sys/class/net'))").strip() in ("['lo']", "[]")

    def test_scratch_is_bounded_in_bytes_and_in_files(self, client: Any, image: Image) -> None:
        limits = Limits(disk_mib=8)
        box = Box(DockerWall(client, image, OPTIONS), limits)
        try:
            program = "import os; s = os.statvfs('/tmp'); print(s.f_blocks * s.f_frsize, s.f_files)"
            assert seen_inside(box, program).split() == [str(8 * 2**20), "16384"]
        finally:
            box.close()

    def test_the_guest_can_read_the_kernels_count_of_oom_kills(self, box: Box) -> None:
        program = (
            "import os\n"
            "paths = '/sys/fs/cgroup/memory.events', '/sys/fs/cgroup/memory/memory.oom_control'\n"
            "print([line for path in paths if os.path.exists(path) for line in open(path) if 'oom_kill ' in line])\n"
        )
        assert "oom_kill 0" in seen_inside(box, program)


@pytest.mark.docker
class TestEnd:
    def test_a_closed_box_leaves_no_container(self, client: Any, box: Box) -> None:
        container = channel(box)._container
        box.close()
        box.close()
        assert eventually(lambda: container not in [row["Id"] for row in client.api.containers(all=True)])

    def test_a_box_that_is_killed_is_spent_and_says_how_it_ended(self, client: Any, box: Box) -> None:
        client.api.kill(channel(box)._container)
        with pytest.raises(BoxSpentError, match=r"the box .+; "):
            box.run(RIGHT)

    def test_closing_a_box_wakes_the_thread_that_waits_for_it(self, box: Box) -> None:
        asleep = Job(
            source="import time; time.sleep(60)", entry_point="f", context="", test="", limits=Limits(timeout_s=60)
        )
        timer = threading.Timer(0.5, box.close)
        timer.start()
        with pytest.raises(BoxSpentError):
            box.run(asleep)
        timer.join()

    def test_a_host_that_is_killed_takes_its_boxes_along(self, client: Any, image: Image) -> None:
        program = (
            "from codebench.sandbox.box import Box\n"
            "from codebench.sandbox.docker import DockerWall, SandboxOptions, connect, ensure_image\n"
            "options = SandboxOptions(workers=1); client = connect()\n"
            "box = Box(DockerWall(client, ensure_image(client), options), options.limits)\n"
            "print(box._channel._container, flush=True); input()\n"
        )
        host = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with host:
            assert host.stdout is not None
            container = host.stdout.readline().strip()
            assert container in [row["Id"] for row in client.api.containers()]
            host.send_signal(signal.SIGKILL)
        assert eventually(lambda: container not in [row["Id"] for row in client.api.containers(all=True)])

    def test_a_box_that_outlived_its_owner_is_removed_when_the_next_sandbox_opens(
        self, client: Any, image: Image
    ) -> None:
        dead = subprocess.Popen(["true"])
        dead.wait()
        made = client.api.create_container(image.id, command=["x"], labels={_OWNER: _owner(dead.pid)})
        alive = client.api.create_container(image.id, command=["x"], labels={_OWNER: _owner(os.getpid())})
        try:
            DockerWall(client, image, OPTIONS)
            left = [row["Id"] for row in client.api.containers(all=True)]
            assert made["Id"] not in left
            assert alive["Id"] in left
        finally:
            client.api.remove_container(alive["Id"])


@pytest.mark.docker
class TestImages:
    def test_the_default_image_is_listed_with_its_digest(self, client: Any, image: Image) -> None:
        assert image in list_images()
        assert image.tag == f"codebench-python:{image.digest[:12]}"
        assert image.python == sys.version.split()[0]

    def test_building_again_returns_the_image_that_is_there(self, client: Any, image: Image) -> None:
        assert build() == image

    def test_an_image_from_the_dockerfile_runs_a_job(self, client: Any, image: Image) -> None:
        recipe = Recipe(dockerfile=DOCKERFILE, base=image.tag, interpreter=PYTHON)
        built = build(recipe, tag="codebench-test:dockerfile")
        try:
            box = Box(DockerWall(client, ensure_image(client, built.tag), OPTIONS), OPTIONS.limits)
            try:
                assert box.run(RIGHT).report.conclusion == "completed"
            finally:
                box.close()
            assert built.digest != image.digest
        finally:
            client.api.remove_image(built.tag)

    def test_an_image_of_another_version_is_refused(self, client: Any, image: Image, tmp_path: Path) -> None:
        dockerfile = tmp_path / "Dockerfile"
        dockerfile.write_text(f"FROM {image.tag}\nLABEL codebench.guest=older\n")
        client.images.build(path=str(tmp_path), tag="codebench-test:older", rm=True)
        try:
            with pytest.raises(SandboxError, match="another version"):
                ensure_image(client, "codebench-test:older")
        finally:
            client.api.remove_image("codebench-test:older")

    def test_an_image_that_is_not_there_is_named(self, client: Any) -> None:
        with pytest.raises(SandboxError, match="no image absent:1"):
            ensure_image(client, "absent:1")


class TestNoEngine:
    def test_an_absent_socket_says_how_to_get_an_engine(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/absent.sock")
        with pytest.raises(SandboxError, match=r"no such socket; install and start Docker .*--sandbox namespaces"):
            open_sandbox(OPTIONS)

    def test_a_refused_connection_says_how_to_start_the_engine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
        with pytest.raises(SandboxError, match="connection refused; start it"):
            open_sandbox(OPTIONS)

    def test_an_engine_that_hangs_is_given_up_soon(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(tmp_path / "mute.sock"))
            server.listen()
            monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/mute.sock")
            with pytest.raises(SandboxError, match="no answer in time"):
                open_sandbox(OPTIONS)

    def test_a_nonsensical_address_is_one_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DOCKER_HOST", "nonsense:///x")
        with pytest.raises(SandboxError, match=r"^no Docker engine answers at nonsense:///x: [^\n]+$"):
            open_sandbox(OPTIONS)

    @pytest.mark.docker
    def test_an_unknown_runtime_is_named(self, client: Any, image: Image) -> None:
        wall = DockerWall(client, image, SandboxOptions(workers=1, runtime="nonesuch"))
        with pytest.raises(SandboxError, match="nonesuch"):
            wall.open_box(OPTIONS.limits)

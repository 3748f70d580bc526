"""How repositories come into boxes: overlays, or copies with a reason; several boxes; other jobs beside commands; GPUs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from conftest import skip_without_overlays

from codebench.sandbox import (
    Command,
    Execution,
    Job,
    Language,
    Limits,
    Milestone,
    SandboxError,
    SandboxOpener,
    SandboxOptions,
    docker,
    namespaces,
)
from codebench.sandbox.command_contract import LIMITS, NAME, OTHER, completed, look, opened, run, write_repository
from codebench.sandbox.pool import Pool
from codebench.sandbox.rootfs import build_rootfs
from codebench.sandbox.trees import read_trees
from codebench.sandbox.views import Views, ViewsError


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    write_repository(folder)
    return folder


def test_boxes_side_by_side_do_not_see_one_another(opener: SandboxOpener, repository: Path) -> None:
    source = "for i in 1 2 3; do echo $$ >> mine; sleep 0.05; done; test $(sort -u mine | wc -l) = 1 && ./run.sh 4"

    async def all_at_once() -> list[Execution]:
        options = SandboxOptions(workers=2, limits=LIMITS, repositories={NAME: repository})
        async with opener(options) as sandbox:
            return await asyncio.gather(*(run(sandbox, source) for _ in range(6)))

    for seen in asyncio.run(all_at_once()):
        completed(seen)
        assert seen.stdout.text == "doubled: 8\n"
    assert sorted(path.name for path in repository.iterdir()) == ["README.md", "data", "link", "run.sh", "toy"]


@pytest.mark.parametrize("overlays", [True, False], ids=["overlay", "copy"])
def test_other_jobs_beside_commands_leave_views_alone(opener: SandboxOpener, overlays: bool) -> None:
    source = f"""
import os
def f():
    for name in ("{NAME}", "{OTHER}"):
        for path in ("/work/" + name + "/left", "/work/" + name + "/README.md", "/repositories/" + name + "/left"):
            try:
                open(path, "a").write("x")
            except OSError:
                pass
    return 1"""

    async def in_turn() -> None:
        async with opened(opener, overlays=overlays) as sandbox:
            clean = await look(sandbox)
            for _ in range(3):  # each zygote has its turn
                job = Job(source=source, entry_point="f", test="def check(c):\n    assert c() == 1", limits=LIMITS)
                assert (await sandbox.run(job)).report.conclusion == "completed"
                assert await look(sandbox) == clean

    asyncio.run(in_turn())


def test_the_image_names_what_is_in_the_repositories(opener: SandboxOpener, repository: Path) -> None:
    def image() -> str:
        with asyncio.Runner():
            return opener(SandboxOptions(workers=1, limits=LIMITS, repositories={NAME: repository})).info.image

    before = image()
    assert image() == before
    (repository / "data/numbers.txt").write_text("1\n")
    assert image() != before


def test_a_repository_of_its_owner_alone_can_be_viewed(opener: SandboxOpener, repository: Path) -> None:
    repository.chmod(0o700)
    (repository / "README.md").chmod(0o600)

    async def enter() -> Execution:
        async with opener(SandboxOptions(workers=1, limits=LIMITS, repositories={NAME: repository})) as sandbox:
            skip_without_overlays(sandbox)
            return await run(sandbox, "./run.sh 4 && cat README.md && echo more >> README.md")

    completed(asyncio.run(enter()))


def test_a_repository_behind_a_link_is_the_folder_that_it_leads_to(opener: SandboxOpener, repository: Path) -> None:
    link = repository.with_name("link")
    link.symlink_to(repository)

    async def enter() -> Execution:
        options = SandboxOptions(workers=1, limits=LIMITS, repositories={NAME: link}, overlays=False)
        async with opener(options) as sandbox:
            return await run(sandbox, "./run.sh 4")

    completed(asyncio.run(enter()))


@pytest.mark.skipif(os.getuid() != 0, reason="an ordinary user's box is that user's, who may read it")
def test_a_copy_of_what_nobody_may_read_is_one_clear_error(repository: Path) -> None:
    (repository / "README.md").chmod(0o600)

    async def enter() -> None:
        options = SandboxOptions(workers=1, limits=LIMITS, repositories={NAME: repository}, overlays=False)
        async with namespaces.open_sandbox(options) as sandbox:
            await run(sandbox, "true")

    with pytest.raises(SandboxError, match=r"README\.md.*readable by all"):
        asyncio.run(enter())


class Locked:
    """A wall, or one of its boxes, that nobody can enter to lay views; else it is what it stands before."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def open_box(self, limits: Limits) -> Any:
        return Locked(self._inner.open_box(limits))

    def open_views(self) -> Views:
        raise ViewsError("it is locked")


def test_a_box_that_cannot_be_entered_keeps_a_copy_and_says_why(repository: Path) -> None:
    options = SandboxOptions(workers=1, limits=LIMITS, repositories={NAME: repository})
    trees = read_trees(options.repositories)
    wall = Locked(namespaces.NamespacesWall(build_rootfs(for_commands=True), 1, trees=trees))

    async def enter() -> tuple[str, ...]:
        async with Pool(wall, options) as sandbox:
            completed(await run(sandbox, "./run.sh 4; rm -rf *"))
            completed(await run(sandbox, "./run.sh 4"))
            return sandbox.info.notes

    assert "views of repositories are copies: it is locked" in asyncio.run(enter())


def test_a_mounter_refuses_what_is_not_its_box(repository: Path) -> None:
    trees = read_trees({NAME: repository})
    with pytest.raises(ViewsError, match="No such"):
        Views(1 << 22, 0, trees)
    with pytest.raises(ViewsError, match="another machine"):
        Views(os.getpid(), 0, trees, cgroup="no-such-container")


def test_namespaces_have_no_gpus_to_give(repository: Path) -> None:
    with pytest.raises(SandboxError, match="--sandbox docker"):
        namespaces.open_sandbox(SandboxOptions(workers=1, repositories={NAME: repository}, gpus="all"))


@pytest.mark.docker
def test_an_engine_without_gpus_is_one_clear_error() -> None:
    async def enter(gpus: str) -> None:
        async with docker.open_sandbox(SandboxOptions(workers=1, limits=LIMITS, gpus=gpus)):
            pass

    for gpus, words in (("all", "the engine has no GPUs to give"), ("2", "no GPUs"), ("many", "'many'"), ("0", "'0'")):
        with pytest.raises(SandboxError, match=words) as raised:
            asyncio.run(enter(gpus))
        assert "\n" not in str(raised.value)


def test_a_repository_of_several_owners_is_refused(repository: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(repository / "README.md", 12345, 12345)
    with pytest.raises(SandboxError, match="belongs to another user"):
        read_trees({NAME: repository})


def test_milestones_are_positive_signs() -> None:
    for wrong in (
        {},
        {"contains": "x"},
        {"running": True},
        {"running": True, "exits": 0, "line": "x"},
        {"file": "/etc/passwd"},
        {"file": "a/../../b"},
    ):
        with pytest.raises(AssertionError):
            Milestone(**wrong)  # type: ignore[arg-type] # each has other types
    with pytest.raises(AssertionError):
        Command(repository=NAME, language=Language.BASH, milestones=())


def test_a_view_is_mounted_in_its_box_alone(opener: SandboxOpener, repository: Path) -> None:
    async def during() -> str:
        options = SandboxOptions(workers=1, limits=LIMITS, repositories={NAME: repository})
        async with opener(options) as sandbox:
            skip_without_overlays(sandbox)
            running = asyncio.create_task(run(sandbox, "grep -c ' /work/toy overlay ' /proc/self/mounts; sleep 0.5"))
            await asyncio.sleep(0.3)
            mounts = Path("/proc/self/mounts").read_text()
            assert (await running).stdout.text == "1\n"
            return mounts

    mounts = asyncio.run(during())
    assert f"/work/{NAME}" not in mounts
    assert str(repository) not in mounts

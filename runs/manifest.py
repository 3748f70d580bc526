"""The manifest of a run, run.json: everything that its numbers depend on."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec

from codebench.problems import Suite
from codebench.runs.encoding import encode
from codebench.runs.record import SCHEMA, RunError
from codebench.runs.versions import refuse_newer
from codebench.sandbox import Limits, SandboxError, SandboxInfo

MANIFEST = "run.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SuitePin:
    """Which problems: the pack's name, the sha256 of its data file, and where that came from."""

    name: str
    sha256: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorPin:
    """Which answers: what was asked for on the command line, and what the generator says determines its answers."""

    spec: str
    identity: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the run was made on: nothing that names the host or its users."""

    cpu: str
    cores: int
    memory_bytes: int
    kernel: str
    platform: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """`task_ids` are the problems selected, in order; `created` is UTC, ISO 8601; `ks` those asked for at first.

    `compat` names the upstream harness whose rules were followed, None for our own; `setting` how much documentation
    a model is shown, None where there is nothing to choose; `details` says that every input was run and recorded;
    `repairs` is how many rounds of repair wrong answers got. `tools` has the versions of the analysers that the graders
    use, `cwe` the weaknesses that a problem invites, by its task_id, and `repositories` the repository that it uses.
    `untimed` are the problems of a run with times that have no inputs to be timed on.
    """

    schema: int = SCHEMA
    codebench: str
    created: str
    suite: SuitePin
    generator: GeneratorPin
    samples: int
    task_ids: tuple[str, ...]
    ks: tuple[int, ...]
    graders: tuple[str, ...]
    limits: Limits
    sandbox: SandboxInfo
    machine: Machine
    compat: str | None = None
    setting: str | None = None
    details: bool = False
    repairs: int = 0
    cwe: dict[str, tuple[int, ...]] = field(default_factory=dict)
    repositories: dict[str, str] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=dict)
    untimed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The part of a manifest that the pipeline works out: which problems, how often, which metrics, whose rules."""

    task_ids: tuple[str, ...]
    samples: int
    ks: tuple[int, ...]
    graders: tuple[str, ...]
    compat: str | None = None
    setting: str | None = None
    details: bool = False
    repairs: int = 0
    tools: dict[str, str] = field(default_factory=dict)


def new_manifest(
    suite: Suite, generator: GeneratorPin, selection: Selection, limits: Limits, sandbox: SandboxInfo
) -> Manifest:
    """The manifest of a run that starts now, on this machine."""
    return Manifest(
        codebench=version("codebench-eval"),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        suite=SuitePin(name=suite.name, sha256=suite.sha256, source=_without_home(suite.source)),
        generator=GeneratorPin(spec=_without_home(generator.spec), identity=generator.identity),
        samples=selection.samples,
        task_ids=selection.task_ids,
        ks=selection.ks,
        graders=selection.graders,
        limits=limits,
        sandbox=sandbox,
        machine=this_machine(),
        compat=selection.compat,
        setting=selection.setting,
        details=selection.details,
        repairs=selection.repairs,
        cwe={problem.task_id: problem.cwe for problem in suite.problems if problem.cwe},
        repositories={problem.task_id: problem.task.repository for problem in suite.problems if problem.task},
        tools=selection.tools,
        untimed=_untimed(suite, selection) if "efficiency" in selection.graders else (),
    )


def _untimed(suite: Suite, selection: Selection) -> tuple[str, ...]:
    timed = {problem.task_id for problem in suite.problems if problem.workload is not None}
    return tuple(task_id for task_id in selection.task_ids if task_id not in timed)


def identity(manifest: Manifest) -> dict[str, object]:
    """The fields that must be equal for a resume, flat and by name: not workers, machine, time or ks."""
    limits = msgspec.to_builtins(manifest.limits)
    return {
        "suite.name": manifest.suite.name,
        "suite.sha256": manifest.suite.sha256,
        "generator": manifest.generator.spec.partition(":")[0],
        **{f"generator.{key}": value for key, value in sorted(manifest.generator.identity.items())},
        "samples": manifest.samples,
        "task_ids": manifest.task_ids,
        "graders": manifest.graders,
        **{f"limits.{key}": value for key, value in limits.items()},
        "sandbox.backend": manifest.sandbox.backend,
        "sandbox.image": manifest.sandbox.image,
        **({"compat": manifest.compat} if manifest.compat else {}),
        **({"setting": manifest.setting} if manifest.setting else {}),
        **({"test-details": True} if manifest.details else {}),
        **({"repair": manifest.repairs} if manifest.repairs else {}),
        **{f"tools.{name}": version for name, version in sorted(manifest.tools.items())},
    }


def identity_hash(manifest: Manifest) -> str:
    """Eight hex digits that tell runs apart which may not share a directory."""
    return hashlib.sha256(encode(identity(manifest))).hexdigest()[:8]


def differences(old: Manifest, new: Manifest) -> list[str]:
    """`field: old -> new` for each field of the identity in which two manifests differ."""
    before, after = identity(old), identity(new)
    names = dict.fromkeys([*before, *after])
    return [_difference(name, before, after) for name in names if before.get(name) != after.get(name)]


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write run.json so that it is there whole or not at all. Raises SandboxError where the disk refuses."""
    temporary = directory / f".{MANIFEST}.tmp"
    try:
        with temporary.open("wb") as file:
            file.write(msgspec.json.format(encode(manifest), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(directory / MANIFEST)
        _sync_names(directory)
    except OSError as error:
        raise SandboxError(f"cannot write {directory / MANIFEST}: {error.strerror}; make room, or use --out") from error


def _sync_names(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_manifest(directory: Path) -> Manifest:
    """Raises RunError where there is no run, or its run.json is not one that this codebench reads."""
    path = directory / MANIFEST
    document = b""
    try:
        document = path.read_bytes()
        manifest = msgspec.json.decode(document, type=Manifest)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RunError(f"no run in {directory}: no {MANIFEST}; name a directory that `codebench eval` made") from error
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        refuse_newer(document, str(path))
        raise RunError(f"{path} is not a manifest: {error}; restore it, or use another --out") from error
    refuse_newer(document, str(path))
    return manifest


def this_machine() -> Machine:
    return Machine(
        cpu=_cpu_model(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        kernel=platform.release(),
        platform=f"{platform.system()} {platform.machine()}",
    )


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name"))
    return next(names, platform.machine())


def _without_home(text: str) -> str:
    home = os.environ.get("HOME", "").rstrip("/")
    return text.replace(f"{home}/", "~/") if home else text


def _difference(name: str, before: Mapping[str, object], after: Mapping[str, object]) -> str:
    return f"{name}: {_shown(before.get(name))} -> {_shown(after.get(name))}"


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return f"{len(value)} of them ({', '.join(map(str, value[:3]))}{', …' if len(value) > 3 else ''})"
    return "none" if value is None else str(value)

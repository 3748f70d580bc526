"""A plan is what an evaluation's options come to: these problems, so many answers each, from this generator."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from codebench.generators import Generator, Repairer
from codebench.graders import Grader, grades_only_right_answers, tools_of
from codebench.problems import Problem, Suite
from codebench.runs.gates import Offered, check_gates
from codebench.runs.manifest import GeneratorPin, Manifest, Selection, new_manifest
from codebench.runs.options import EvalOptions
from codebench.runs.outcomes import DECIDING_GRADER
from codebench.runs.plugins import load_generator_opener, load_grader, load_suite_loader
from codebench.runs.record import RunError
from codebench.runs.searches import check_tools
from codebench.sandbox import SandboxInfo, SandboxOptions
from codebench.sandbox.pool import physical_cores

_DEFAULT_KS = (1, 10, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done, with every name looked up. `suite.problems` are the selected ones, in suite order."""

    suite: Suite
    generator: Generator
    graders: tuple[Grader, ...]
    samples: int
    repairs: int
    ks: tuple[int, ...]
    sandbox: SandboxOptions

    @property
    def checks(self) -> tuple[str, ...]:
        """The names of the suite's checks, in order; none where no problem has several."""
        if not any(len(problem.checks) > 1 for problem in self.suite.problems):
            return ()
        return tuple(dict.fromkeys(check.name for problem in self.suite.problems for check in problem.checks))

    @property
    def offered(self) -> Offered:
        """What gates can ask for."""
        return Offered(
            ks=self.ks,
            checks=self.checks,
            graders=tuple(grader.name for grader in self.graders),
            attacked=any(problem.security is not None for problem in self.suite.problems),
        )


class UnknownTaskError(RunError):
    """A task was asked for that the suite does not have."""


def make_plan(options: EvalOptions) -> Plan:
    """Load what the options name. Raises RunError, PackError or GeneratorError for options that cannot be met."""
    _check_numbers(options)
    suite = load_suite_loader(options.suite)(options.data)
    if options.compat is not None:
        suite = suite.under(options.compat)
    setting = options.setting or suite.setting
    if setting is not None:
        suite = suite.in_setting(setting)
    selected = replace(suite, problems=_selected(suite, options))
    opener, argument = load_generator_opener(options.model)
    graders = tuple(load_grader(name) for name in options.graders or suite.graders)
    if not any(grader.name == DECIDING_GRADER for grader in graders):
        raise RunError(f"--grade: {DECIDING_GRADER} must be among the graders; the others build on it")
    check_tools(options.security_tools, [grader.name for grader in graders])
    generator = opener(argument, suite.problems, replace(options.generation, samples=options.samples or 1))
    if options.repairs and not isinstance(generator, Repairer):
        raise RunError(f"--repair: {options.model} cannot answer a second time; take a model, or leave --repair out")
    samples = _samples(options, generator.samples_per_problem(selected.problems))
    ks = _ks(options.ks, samples)
    plan = Plan(
        suite=selected,
        generator=generator,
        graders=graders,
        samples=samples,
        repairs=options.repairs,
        ks=ks,
        sandbox=_sandbox_options(options, selected, timed=any(map(grades_only_right_answers, graders))),
    )
    check_gates(options.fail_under, plan.offered)
    return plan


def manifest_of(plan: Plan, options: EvalOptions, sandbox: SandboxInfo) -> Manifest:
    selection = Selection(
        task_ids=tuple(problem.task_id for problem in plan.suite.problems),
        samples=plan.samples,
        ks=plan.ks,
        graders=tuple(grader.name for grader in plan.graders),
        compat=options.compat,
        setting=plan.suite.setting,
        details=options.details,
        repairs=plan.repairs,
        tools={name: version for grader in plan.graders for name, version in tools_of(grader).items()},
    )
    generator = GeneratorPin(spec=options.model, identity=plan.generator.identity)
    return new_manifest(plan.suite, generator, selection, options.limits, sandbox)


def _check_numbers(options: EvalOptions) -> None:
    least = {
        "samples": options.samples,
        "limit": options.limit,
        "workers": options.workers,
        "memory": options.limits.memory_mib,
        **{f"k {k}": k for k in options.ks},
    }
    for name, value in least.items():
        if value is not None and value < 1:
            raise RunError(f"--{name}: must be at least 1, is {value}")
    if not 0 < options.limits.timeout_s < float("inf"):
        raise RunError(f"--timeout: must be more than 0 seconds, is {options.limits.timeout_s:g}")


def _selected(suite: Suite, options: EvalOptions) -> tuple[Problem, ...]:
    known = [problem.task_id for problem in suite.problems]
    for task_id in options.task_ids:
        if task_id not in known:
            near = " or ".join(get_close_matches(task_id, known, n=3)) or f"{known[0]} … {known[-1]}"
            raise UnknownTaskError(f"--task {task_id}: not in suite {suite.name}; did you mean {near}?")
    wanted = set(options.task_ids or known)
    return tuple(problem for problem in suite.problems if problem.task_id in wanted)[: options.limit]


def _samples(options: EvalOptions, available: int | None) -> int:
    if options.samples is None:
        return available or 1
    if available is not None and options.samples > available:
        raise RunError(f"--samples {options.samples}: {options.model} has only {available} per problem")
    return options.samples


def _ks(asked: Sequence[int], samples: int) -> tuple[int, ...]:
    if not asked:
        return tuple(k for k in _DEFAULT_KS if k <= samples)
    if max(asked) > samples:
        raise RunError(f"--k {max(asked)}: pass@{max(asked)} is undefined for {samples} per problem; raise --samples")
    return tuple(sorted(set(asked)))


def _sandbox_options(options: EvalOptions, suite: Suite, timed: bool) -> SandboxOptions:
    """Where times are taken every box has a physical core of its own, and no neighbour on it."""
    workers = options.workers or len(os.sched_getaffinity(0))
    if timed:
        workers = min(workers, len(physical_cores()))
    sandbox = SandboxOptions(
        workers=workers,
        limits=options.limits,
        image=options.image,
        runtime=options.runtime,
        gpus=options.gpus or "",
        pinned=timed,
    )
    return furnished(sandbox, suite)


def furnished(sandbox: SandboxOptions, suite: Suite) -> SandboxOptions:
    """The sandbox with what the suite's answers need: packages, repositories, and GPUs unless their number is given."""
    gpus = max((repository.gpus for repository in suite.repositories), default=0)
    return replace(
        sandbox,
        packages=suite.image,
        repositories={repository.name: repository.tree for repository in suite.repositories},
        gpus=sandbox.gpus or (str(gpus) if gpus else ""),
    )

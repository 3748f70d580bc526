"""Who may import whom, and what importing may not load."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "problems": set(),
    "sandbox": set(),
    "generators": {"problems"},
    "graders": {"problems", "sandbox"},
    "runs": {"problems", "sandbox", "generators", "graders"},
    "cli": {"problems", "sandbox", "generators", "graders", "runs"},
}
REPOSITORIES = ROOT / "problems" / "starter_repo"  # programs for answers to use, which are no modules of ours
MODULES = [
    path.relative_to(ROOT)
    for package in MAY_IMPORT
    for path in sorted((ROOT / package).rglob("*.py"))
    if not path.is_relative_to(REPOSITORIES)
]
GUEST = [path for path in MODULES if path.parts[:2] == ("sandbox", "guest")]


def imported(module: Path) -> Iterator[str]:
    """Every name that a module imports anywhere in it; `from x import y` counts as x.y."""
    for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level + (node.module or "")
            yield from (f"{prefix}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_imports_its_own_package_and_those_below_it(module: Path) -> None:
    package = module.parts[0]
    ours = {name.split(".")[1] for name in imported(module) if name.startswith("codebench.")}
    assert ours <= MAY_IMPORT[package] | {package}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_our_packages_are_imported_by_their_full_name(module: Path) -> None:
    assert not {name.split(".")[0] for name in imported(module)} & (set(MAY_IMPORT) | {"guest"})


@pytest.mark.parametrize("module", GUEST, ids=str)
def test_the_guest_imports_the_standard_library_and_itself(module: Path) -> None:
    for name in imported(module):
        assert name.startswith(".") or name.split(".")[0] in sys.stdlib_module_names or "guest" in name.split("."), name


def modules_after(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after a statement."""
    program = f"import sys\n{statement}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_every_module_loads_no_heavy_library_and_prints_nothing() -> None:
    names = [
        ".".join(("codebench", *path.with_suffix("").parts)).removesuffix(".__init__")
        for path in MODULES
        if path not in GUEST
    ]
    loaded = modules_after("\n".join(f"import {name}" for name in names))
    assert "msgspec" in loaded, "the check would not see a library"
    assert not loaded & {"docker", "torch", "rich", "numpy"}


def test_the_command_line_starts_on_click_and_the_standard_library() -> None:
    before, after = modules_after(""), modules_after("import codebench.cli.main")
    assert after - before - set(sys.stdlib_module_names) == {"click", "codebench"}

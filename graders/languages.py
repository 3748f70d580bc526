"""In which language an answer is: a shell's or Python."""

from __future__ import annotations

import ast
import re

from codebench.graders.command_lines import is_shell

BASH, PYTHON = "bash", "python"
_SHEBANG = re.compile(r"#![^\n]*?\b(?:(?P<python>python[\d.]*)|(?P<shell>(?:ba|da|z)?sh))\b")
_LOOKS_LIKE_PYTHON = re.compile(
    r"^[ \t]*(?:import[ \t]+\w[\w.]*(?:[ \t]+as[ \t]+\w+)?[ \t]*$|from[ \t]+[\w.]+[ \t]+import\b|"
    r"(?:async[ \t]+)?def[ \t]+\w+\(|class[ \t]+\w+.*:[ \t]*$|print\()",
    re.MULTILINE,
)
_SCRIPTS = (".sh ", ".py ")


def language_of(code: str) -> str:
    """BASH or PYTHON: what a `#!` says; else PYTHON for a Python program that imports, defines, assigns or calls.

    What is grammatical for neither counts as PYTHON where a line of it imports or defines, as Python alone does.
    """
    if shebang := _SHEBANG.match(code):
        return PYTHON if shebang["python"] else BASH
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return PYTHON if not is_shell(code) and _LOOKS_LIKE_PYTHON.search(code) else BASH
    return PYTHON if any(map(_does_something, tree.body)) else BASH


def upstream_language_of(code: str) -> str:
    """As ML-Bench tells them apart: with `.sh ` or `.py ` somewhere in it, the blank included, it is for a shell."""
    return BASH if any(script in code for script in _SCRIPTS) else PYTHON


def _does_something(node: ast.stmt) -> bool:
    """`make`, `ls -l` and `a.out` are Python too, of a kind that nobody writes; so is `X=1`."""
    if isinstance(node, ast.Expr):
        return any(isinstance(one, ast.Call | ast.Await) for one in ast.walk(node))
    return not isinstance(node, ast.Pass)

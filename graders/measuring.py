"""Measures a program. Runs in an analyser's process: the program is parsed and compiled, and never run."""

from __future__ import annotations

import ast
import functools
from typing import TYPE_CHECKING

from codebench.graders.linting import lint
from codebench.graders.measures import Arity, Halstead, Measures, Structure, SyntaxFault

if TYPE_CHECKING:
    from tree_sitter import Parser

KIND = "codebench.graders.measuring:measure"
"""The name by which `Analysers` know it."""

_MESSAGE_CHARS = 200
_MOST_NAMES = 50
_DOCUMENTED = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module


def measure(code: str, prompt: str, entry_point: str) -> Measures:
    """All measures of `code`, an answer to `prompt` that is to define `entry_point`."""
    lines = code.splitlines()
    measures = functools.partial(
        Measures,
        lines=len(lines),
        blank_lines=sum(not line.strip() for line in lines),
        prompt_share=_prompt_share(lines, prompt.splitlines()),
    )
    fault = _fault(code)
    if fault is not None:
        return measures(fault=fault, grammatical=_grammatical(code))
    tree = ast.parse(code)
    return measures(
        grammatical=_grammatical(code),
        structure=_structure(code, tree, entry_point),
        undefined_names=_undefined_names(tree),
        lint=lint(code),
    )


def _prompt_share(lines: list[str], prompt: list[str]) -> float:
    known = {line.strip() for line in prompt}
    own = [line.strip() for line in lines if line.strip()]
    return sum(line in known for line in own) / len(own) if own else 0.0


def _fault(code: str) -> SyntaxFault | None:
    """Why it does not compile; ValueError and UnicodeEncodeError are what null bytes and lone surrogates come to."""
    try:
        compile(code, "<answer>", "exec", dont_inherit=True)
    except SyntaxError as error:
        return SyntaxFault(exception=type(error).__name__, message=error.msg[:_MESSAGE_CHARS], line=error.lineno)
    except ValueError as error:
        return SyntaxFault(exception=type(error).__name__, message=getattr(error, "reason", str(error)))
    return None


def _grammatical(code: str) -> bool:
    try:
        return not _parser().parse(code.encode()).root_node.has_error
    except UnicodeEncodeError:
        return False


@functools.cache
def _parser() -> Parser:
    import tree_sitter_python
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_python.language()))


def _structure(code: str, tree: ast.Module, entry_point: str) -> Structure:
    from complexipy import code_complexity
    from radon import metrics, raw, visitors

    size = raw.analyze(code)
    halstead = metrics.h_visit_ast(tree).total
    cyclomatic = visitors.ComplexityVisitor.from_ast(tree)
    blocks = [block.complexity for block in cyclomatic.blocks if isinstance(block, visitors.Function)]
    blocks = blocks or [cyclomatic.total_complexity]
    cognitive = code_complexity(code, no_ignore=True, with_plans=False)
    # As radon's `mi_parameters`, from what is known already: comments and multi-line strings in % of source lines.
    commented = (size.comments + size.multi) / size.sloc * 100 if size.sloc else 0.0
    definitions = [node for node in ast.walk(tree) if isinstance(node, _DOCUMENTED)]
    documented = [node for node in definitions if ast.get_docstring(node, clean=False) is not None]
    return Structure(
        cyclomatic_max=max(blocks),
        cyclomatic_mean=sum(blocks) / len(blocks),
        cyclomatic_total=cyclomatic.total_complexity,
        cognitive_max=max((function.complexity for function in cognitive.functions), default=0),
        cognitive_total=cognitive.complexity,
        halstead=Halstead(
            distinct_operators=halstead.h1,
            distinct_operands=halstead.h2,
            operators=halstead.N1,
            operands=halstead.N2,
            volume=halstead.volume,
            difficulty=halstead.difficulty,
            effort=halstead.effort,
            bugs=halstead.bugs,
        ),
        maintainability=metrics.mi_compute(halstead.volume, cyclomatic.total_complexity, size.lloc, commented),
        logical_lines=size.lloc,
        source_lines=size.sloc,
        comment_lines=size.comments,
        docstring_lines=sum(map(_docstring_lines, documented)),
        functions=sum(not isinstance(node, ast.Module) for node in definitions),
        documented=sum(not isinstance(node, ast.Module) for node in documented),
        arity=_arity(tree, entry_point),
        **_calls(tree),
    )


def _docstring_lines(node: _DOCUMENTED) -> int:
    first = node.body[0]
    return (first.end_lineno or first.lineno) - first.lineno + 1


def _calls(tree: ast.Module) -> dict[str, int]:
    """Calls, and those whose callee bears no name that the program gives to a function or class of its own."""
    own = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    callees = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {"calls": len(callees), "api_calls": sum(_name(callee) not in own for callee in callees)}


def _name(callee: ast.expr) -> str | None:
    if isinstance(callee, ast.Attribute):
        return callee.attr
    return callee.id if isinstance(callee, ast.Name) else None


def _arity(tree: ast.Module, entry_point: str) -> Arity | None:
    """That of the last function of the name, which is the one that a caller finds."""
    for node in reversed(tree.body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == entry_point:
            arguments = node.args
            by_position = len(arguments.posonlyargs) + len(arguments.args)
            return Arity(
                least=by_position - len(arguments.defaults), most=None if arguments.vararg is not None else by_position
            )
    return None


def _undefined_names(tree: ast.Module) -> tuple[str, ...]:
    from pyflakes import checker, messages

    found = checker.Checker(tree, builtins=None).messages
    names = {str(message.message_args[0]) for message in found if isinstance(message, messages.UndefinedName)}
    return tuple(sorted(names)[:_MOST_NAMES])

"""What a Python program is seen to pass on: keyword arguments, assignments, dictionaries and argument lists.

The program is parsed, never run. Names are replaced by the constants that they were given, and what cannot run (behind
`exit()`, in functions that nobody names, under `if False`) is not looked at.
"""

from __future__ import annotations

import ast
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from codebench.graders.command_lines import Words
from codebench.graders.programs import Options

_MOST = 5000  # arguments that are kept
_ENDS = {"exit", "quit", "sys.exit", "os._exit", "os.abort"}
_RUNS = {"run", "call", "check_call", "check_output", "Popen", "system", "popen", "getoutput", "getstatusoutput"}
_CONVERTS = {"str", "int", "float", "bool", "Path", "pathlib.Path", "list", "tuple"}
_BIGGEST = 1e15
Value = Words
"""A value as the words of a command line would be: one, or those of a list; (None,) where it is not known."""

UNKNOWN: Value = (None,)


@dataclass(slots=True, kw_only=True)
class Passed:
    """What a program passes on: by name, in lists that are command lines without a program, and in whole commands."""

    named: Options = field(default_factory=Options)
    argument_lists: list[Words] = field(default_factory=list)
    commands: list[Words] = field(default_factory=list)
    shell_texts: list[str] = field(default_factory=list)


def passed_by(tree: ast.Module, signatures: Mapping[str, Sequence[str]]) -> Passed:
    """What the program passes on; `signatures` has, by a function's name, those of its parameters."""
    reader = _Reader(signatures=signatures)
    reader.block(tree.body)
    reader.called_functions()
    return reader.passed


@dataclass(slots=True, kw_only=True)
class _Reader:
    signatures: Mapping[str, Sequence[str]]
    passed: Passed = field(default_factory=Passed)
    known: dict[str, Value] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    waiting: list[ast.FunctionDef | ast.AsyncFunctionDef] = field(default_factory=list)
    kept: int = 0

    def block(self, statements: Sequence[ast.stmt]) -> bool:
        """Read statements up to the first behind which nothing runs; whether there is such a one."""
        return any(self._statement(statement) for statement in statements)

    def called_functions(self) -> None:
        """The bodies of functions that are named anywhere in what was read; those that nobody names are dead."""
        while ready := [one for one in self.waiting if one.name in self.named or one.decorator_list]:
            self.waiting = [one for one in self.waiting if one not in ready]
            for one in ready:
                self.block(one.body)

    def _statement(self, node: ast.stmt) -> bool:
        reader = _STATEMENTS.get(type(node), _Reader._plain)
        return reader(self, node)

    def _plain(self, node: ast.stmt) -> bool:
        self._expressions(ast.iter_child_nodes(node))
        self._assignments(node)
        return isinstance(node, ast.Return | ast.Raise | ast.Continue | ast.Break) or _ends(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        self.waiting.append(node)
        self._expressions([*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)])
        return False

    def _class(self, node: ast.ClassDef) -> bool:
        self.block(node.body)
        self.named |= {one.name for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}
        return False

    def _with(self, node: ast.With | ast.AsyncWith) -> bool:
        self._expressions(item.context_expr for item in node.items)
        return self.block(node.body)

    def _try(self, node: ast.Try) -> bool:
        ended = self.block(node.body)
        for block in (*(handler.body for handler in node.handlers), node.orelse):
            self.block(block)
        return self.block(node.finalbody) or (ended and not node.handlers)

    def _match(self, node: ast.Match) -> bool:
        self._expressions([node.subject])
        for case in node.cases:
            self.block(case.body)
        return False

    def _if(self, node: ast.If) -> bool:
        self._expressions([node.test])
        decided = _decided(node.test)
        if decided is not None:
            return self.block(node.body if decided else node.orelse)
        return all([self.block(node.body), self.block(node.orelse)])

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While) -> bool:
        if isinstance(node, ast.While):
            self._expressions([node.test])
            if _decided(node.test) is False:
                return False
        else:
            self._expressions([node.iter])
            for target in _names(node.target):
                self.known.pop(target, None)
        self.block(node.body)
        self.block(node.orelse)
        return False

    # -- what is passed

    def _expressions(self, nodes: Iterable[ast.AST]) -> None:
        for top in nodes:
            for node in ast.walk(top):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                    self.named.add(node.id)
                elif isinstance(node, ast.Attribute):
                    self.named.add(node.attr)
                elif isinstance(node, ast.Call):
                    self._call(node)
                elif isinstance(node, ast.Dict):
                    for key, value in zip(node.keys, node.values, strict=True):
                        self._keep(key.value if isinstance(key, ast.Constant) else None, value)

    def _call(self, node: ast.Call) -> None:
        name = _dotted(node.func)
        last = name.rpartition(".")[2]
        for keyword in node.keywords:
            self._keep(keyword.arg, keyword.value)
        positional = [one for one in node.args if not isinstance(one, ast.Starred)]
        for parameter, value in zip(self.signatures.get(last, ()), positional, strict=False):
            self._keep(parameter, value)
        first = self.value(positional[0]) if positional else UNKNOWN
        if last == "add_argument":
            for keyword in node.keywords:
                if keyword.arg == "default":
                    self._keep((first[0] or "").lstrip("-"), keyword.value)
        elif last == "setattr" and len(positional) == 3:
            self._keep(self.value(positional[1])[0], positional[2])
        elif positional and last in _RUNS and not isinstance(positional[0], ast.List | ast.Tuple | ast.BinOp):
            self.passed.shell_texts += [first[0]] if first[0] is not None and len(first) == 1 else []
            self.passed.commands += [first] if len(first) > 1 else []
        elif positional and last in _RUNS:
            self.passed.commands.append(first)
        elif positional and not _is_text(positional[0]) and _is_argument_list(first):
            self.passed.argument_lists.append(first)

    def _assignments(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._assign(target, node.value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._assign(node.target, node.value)
        elif isinstance(node, ast.AugAssign):
            if _dotted(node.target) == "sys.argv":
                self.passed.argument_lists.append(self.value(node.value))
            for name in _names(node.target):
                self.known.pop(name, None)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
            for one, its_value in zip(target.elts, value.elts, strict=False):
                self._assign(one, its_value)
        elif isinstance(target, ast.Name):
            self._keep(target.id, value)
            self.known[target.id] = self.value(value)
        elif _dotted(target) == "sys.argv":
            self.passed.argument_lists.append(self.value(value))
        elif isinstance(target, ast.Attribute):
            self._keep(target.attr, value)
        elif isinstance(target, ast.Subscript):
            if _dotted(target.value) == "sys.argv":
                self.passed.argument_lists.append(self.value(value))
            elif isinstance(target.slice, ast.Constant):
                self._keep(target.slice.value, value)

    def _keep(self, name: object, value: ast.expr) -> None:
        if isinstance(name, str) and name and self.kept < _MOST:
            self.kept += 1
            self.passed.named.add(name, self.value(value))

    # -- values

    def value(self, node: ast.expr) -> Value:
        """The words of an expression, as far as constants make it."""
        value = UNKNOWN
        if isinstance(node, ast.Constant):
            value = (node.value if isinstance(node.value, str) else str(node.value),)
        elif isinstance(node, ast.Name):
            value = self.known.get(node.id, UNKNOWN)
        elif isinstance(node, ast.List | ast.Tuple | ast.Set):
            value = tuple(word for one in node.elts for word in self._element(one))
        elif isinstance(node, ast.UnaryOp | ast.BinOp):
            value = self._computed(node)
        elif isinstance(node, ast.JoinedStr):
            value = self._formatted(node)
        elif isinstance(node, ast.Call):
            value = self._converted(node)
        elif _dotted(node) == "sys.executable":
            value = ("python",)
        return value

    def _formatted(self, node: ast.JoinedStr) -> Value:
        parts = [self.value(one.value if isinstance(one, ast.FormattedValue) else one) for one in node.values]
        plain = not any(isinstance(one, ast.FormattedValue) and one.format_spec for one in node.values)
        return ("".join(one[0] or "" for one in parts),) if plain and all(map(_single, parts)) else UNKNOWN

    def _converted(self, node: ast.Call) -> Value:
        if _dotted(node.func) in _CONVERTS and len(node.args) == 1:
            return self.value(node.args[0])
        if _dotted(node.func) == "shlex.split" and len(node.args) == 1:
            return _split(self.value(node.args[0]), shlex.split)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "split" and not node.args:
            return _split(self.value(node.func.value), str.split)
        return UNKNOWN

    def _element(self, node: ast.expr) -> Value:
        return self.value(node.value) if isinstance(node, ast.Starred) else self.value(node)[:1]

    def _computed(self, node: ast.UnaryOp | ast.BinOp) -> Value:
        if isinstance(node, ast.UnaryOp):
            number = _number(self.value(node.operand))
            return (str(-number),) if isinstance(node.op, ast.USub) and number is not None else UNKNOWN
        left, right = self.value(node.left), self.value(node.right)
        lists = isinstance(node.left, ast.List) or isinstance(node.right, ast.List) or len(left) > 1 or len(right) > 1
        if isinstance(node.op, ast.Add) and lists:
            return (*left, *right)
        a, b = _number(left), _number(right)
        if a is None or b is None or isinstance(node.left, ast.JoinedStr) or _is_text(node.left):
            joins = isinstance(node.op, ast.Add) and _single(left) and _single(right)
            return (f"{left[0]}{right[0]}",) if joins else UNKNOWN
        return _arithmetic(node.op, a, b)


_STATEMENTS: Mapping[type[ast.stmt], Callable[[_Reader, Any], bool]] = {
    ast.FunctionDef: _Reader._function,
    ast.AsyncFunctionDef: _Reader._function,
    ast.ClassDef: _Reader._class,
    ast.If: _Reader._if,
    ast.For: _Reader._loop,
    ast.AsyncFor: _Reader._loop,
    ast.While: _Reader._loop,
    ast.With: _Reader._with,
    ast.AsyncWith: _Reader._with,
    ast.Try: _Reader._try,
    ast.Match: _Reader._match,
}


def _arithmetic(operator: ast.operator, a: float, b: float) -> Value:
    if max(abs(a), abs(b)) > _BIGGEST or (isinstance(operator, ast.Div) and b == 0):
        return UNKNOWN
    if isinstance(operator, ast.Add):
        return (str(a + b),)
    if isinstance(operator, ast.Sub):
        return (str(a - b),)
    if isinstance(operator, ast.Mult):
        return (str(a * b),)
    return (str(a / b),) if isinstance(operator, ast.Div) else UNKNOWN


def _number(value: Value) -> float | None:
    if not _single(value) or value[0] is None:
        return None
    try:
        return int(value[0])
    except ValueError:
        pass
    try:
        return float(value[0])
    except ValueError:
        return None


def _single(value: Value) -> bool:
    return len(value) == 1 and value[0] is not None


def _split(text: Value, split: Callable[[str], list[str]]) -> Value:
    if not _single(text):
        return UNKNOWN
    try:
        return tuple(split(text[0] or ""))
    except ValueError:  # a quotation that is never closed
        return UNKNOWN


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_argument_list(value: Value) -> bool:
    return any(word is not None and word.startswith("-") for word in value)


def _decided(test: ast.expr) -> bool | None:
    """What a condition always is; None where that is not plain. The program is the main module."""
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.comparators[0], ast.Constant):
        is_name = isinstance(test.left, ast.Name) and test.left.id == "__name__"
        same = test.comparators[0].value == "__main__"
        if is_name and isinstance(test.ops[0], ast.Eq):
            return same
        if is_name and isinstance(test.ops[0], ast.NotEq):
            return not same
    return False if isinstance(test, ast.Name) and test.id == "TYPE_CHECKING" else None


def _ends(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _dotted(node.value.func) in _ENDS


def _dotted(node: ast.expr) -> str:
    """`a.b.c` of such an expression, as far as it is one."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join(reversed([*parts, node.id if isinstance(node, ast.Name) else ""]))


def _names(target: ast.expr) -> Iterator[str]:
    return (node.id for node in ast.walk(target) if isinstance(node, ast.Name))

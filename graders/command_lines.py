"""The commands of a shell text, as far as they can be known without running it.

tree-sitter parses; nothing is expanded but variables that the text itself sets to something known. What only may run
(behind `||`, in the branches of `if`, `while` and `case`) is not counted, and neither is what comes after `exit`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

Words = tuple[str | None, ...]
"""The words of a command; None for one that is only known when it runs."""

_MOST_COMMANDS = 500
_MOST_ROUNDS = 20  # of a loop over words
_DEEPEST = 5  # shells within shells, functions within functions
_SHELLS = ("bash", "sh", "dash", "zsh")
_TRANSPARENT = (
    "program", "compound_statement", "do_group", "variable_assignments", "declaration_command",
    "heredoc_redirect", "negated_command",
)  # fmt: skip
_ESCAPED = re.compile(r"\\(\n|.)", re.DOTALL)
_ESCAPED_IN_QUOTES = re.compile(r"\\([\n\"$`\\])")
_ANSI = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """All commands that run, in order; `unread` says why the text, or a part of it, could not be parsed, "" if not."""

    words: tuple[Words, ...] = ()
    unread: str = ""


def is_shell(text: str) -> bool:
    """Whether a text is grammatical for a shell; nearly every list of words is."""
    return not _parsed(text).has_error


def commands_of(text: str) -> Commands:
    """The commands of a shell text. Raises nothing but MemoryError and RecursionError."""
    reader = _Reader()
    reader.read(text)
    return Commands(words=tuple(reader.found[:_MOST_COMMANDS]), unread=reader.unread)


def _parsed(text: str) -> Node:
    return _parser().parse(text.encode("utf-8", "surrogatepass")).root_node


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_bash.language()))


@dataclass(slots=True)
class _Reader:
    """What is known at one point of the text, and the commands before it."""

    found: list[Words] = field(default_factory=list)
    unread: str = ""
    variables: dict[str, str | None] = field(default_factory=dict)
    functions: dict[str, Node] = field(default_factory=dict)
    ended: bool = False
    depth: int = 0

    def read(self, text: str) -> None:
        root = _parsed(text)
        if root.has_error:
            self.unread = self.unread or _first_error(root)
        self.visit(root)

    def visit(self, node: Node) -> None:
        """One statement. Whoever comes after `exit` is not visited."""
        if self.ended or len(self.found) >= _MOST_COMMANDS:
            return
        if node.type in _TRANSPARENT:
            self._all(node)
        elif (visit := _VISITS.get(node.type)) is not None:
            visit(self, node)

    def _all(self, node: Node) -> None:
        for child in node.named_children:
            self.visit(child)

    def _pipeline(self, node: Node) -> None:
        for child in node.named_children:
            with self._shell_of_its_own():
                self.visit(child)

    def _subshell(self, node: Node) -> None:
        with self._shell_of_its_own():
            self._all(node)

    def _function(self, node: Node) -> None:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name is not None and body is not None:
            self.functions[_text(name)] = body

    def _redirected(self, node: Node) -> None:
        """Words behind a redirection are the command's own as well."""
        for child in node.named_children:
            if child.type == "command":
                redirects = (one for one in node.children_by_field_name("redirect") if one.type == "file_redirect")
                targets = (one.children_by_field_name("destination") for one in redirects)
                self._command(child, [word for of_one in targets for word in of_one[1:]])
            else:
                self.visit(child)

    def _command(self, node: Node, more: Sequence[Node] = ()) -> None:
        words = self._words(node) + [word for one in more for word in self._word(one)]
        if not words:
            return
        name = words[0] or ""
        if name in self.functions:
            with self._deeper() as allowed:
                if allowed:
                    self.visit(self.functions[name])
            return
        self.found.append(tuple(words))
        if name == "exit" or (name == "exec" and len(words) > 1) or (name == "set" and "-n" in words[1:]):
            self.ended = True
        elif name == "unset":
            self.variables.update(dict.fromkeys(word for word in words[1:] if word))
        elif (inner := _inner_text(words)) is not None:
            with self._deeper() as allowed, self._shell_of_its_own(keeps=name == "eval"):
                if allowed:
                    self.read(inner)

    def _list(self, node: Node) -> None:
        """`a && b` and `a || b`: what is behind `||` runs only if something failed, and an `exit` there too."""
        left, operator, right = node.children[0], _text(node.children[1]), node.children[-1]
        self.visit(left)
        if self.ended:
            return
        if operator == "||" or _text(left).strip() == "false":
            self._forget(right)
        else:
            self.visit(right)
            self.ended = self.ended and _text(left).strip() in ("true", ":")

    def _if(self, node: Node) -> None:
        conditions = node.children_by_field_name("condition")
        for condition in conditions:
            self.visit(condition)
        for child in node.named_children:
            if child not in conditions:
                self._forget(child)

    def _maybe(self, node: Node) -> None:
        condition = node.child_by_field_name("condition")
        if condition is not None:
            self.visit(condition)
        self._forget(node)

    def _for(self, node: Node) -> None:
        """The body, once for each of the words where they are known."""
        variable, body = node.child_by_field_name("variable"), node.child_by_field_name("body")
        if body is None:
            return
        rounds: list[str | None] = [None]
        if variable is not None:
            rounds = [word for value in node.children_by_field_name("value") for word in self._word(value)]
        for value in rounds[:_MOST_ROUNDS]:
            if variable is not None:
                self.variables[_text(variable)] = value
            self.visit(body)

    def _forget(self, node: Node) -> None:
        """What may or may not be assigned there is not known any more."""
        pending = [node]
        while pending:
            one = pending.pop()
            if one.type == "variable_assignment" and (name := one.child_by_field_name("name")) is not None:
                self.variables[_text(name)] = None
            pending += one.named_children

    def _assign(self, node: Node) -> None:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is not None:
            self.variables[_text(name)] = "" if value is None else self._value(value)

    # -- words

    def _words(self, node: Node) -> list[str | None]:
        name = node.child_by_field_name("name")
        inner = name.named_children[0] if name is not None and name.named_children else name
        nodes = ([inner] if inner is not None else []) + node.children_by_field_name("argument")
        return [word for one in nodes for word in self._word(one)]

    def _word(self, node: Node) -> list[str | None]:
        """Mostly one word; a bare variable is as many as there are in its value."""
        value = self._value(node)
        if node.type in ("simple_expansion", "expansion") and value is not None:
            return list(value.split())
        return [value]

    def _value(self, node: Node) -> str | None:
        """None for a substitution (whose commands run), an array, arithmetic, and variables that are not known."""
        kind, text = node.type, _text(node)
        value: str | None = None
        if kind in ("word", "number", "variable_name", "extglob_pattern"):
            value = _ESCAPED.sub(lambda found: "" if found[1] == "\n" else found[1], text)
        elif kind == "raw_string":
            value = text[1:-1]
        elif kind == "ansi_c_string":
            value = _ESCAPED.sub(lambda found: _ANSI.get(found[1], found[0]), text[2:-1])
        elif kind in ("string", "concatenation"):
            value = self._joined(node)
        elif kind in ("simple_expansion", "expansion"):
            names = node.named_children
            simple = len(names) == 1 and names[0].type == "variable_name" and text.strip("${}") == _text(names[0])
            value = self.variables.get(_text(names[0])) if simple else None
        elif kind in ("command_substitution", "process_substitution"):
            self._subshell(node)
        return value

    def _joined(self, node: Node) -> str | None:
        """The parts of a string, or of a word that is made of several; what is between the parts is text as well."""
        whole = node.text or b""
        at, end = (1, len(whole) - 1) if node.type == "string" else (0, len(whole))
        parts: list[str | None] = []
        for child in node.named_children:
            start, stop = child.start_byte - node.start_byte, child.end_byte - node.start_byte
            parts.append(_unquoted(whole[at:start]))
            parts.append(_unquoted(whole[start:stop]) if child.type == "string_content" else self._value(child))
            at = stop
        parts.append(_unquoted(whole[at:end]))
        return None if None in parts else "".join(part for part in parts if part is not None)

    # -- shells

    @contextmanager
    def _shell_of_its_own(self, *, keeps: bool = False) -> Iterator[None]:
        """A subshell ends alone and keeps its variables to itself; `keeps` says that it is none."""
        before = dict(self.variables)
        yield
        if not keeps:
            self.ended = False
            self.variables = before

    @contextmanager
    def _deeper(self) -> Iterator[bool]:
        self.depth += 1
        yield self.depth <= _DEEPEST
        self.depth -= 1


_VISITS: Mapping[str, Callable[[_Reader, Node], None]] = {
    "command": _Reader._command,
    "redirected_statement": _Reader._redirected,
    "list": _Reader._list,
    "pipeline": _Reader._pipeline,
    "subshell": _Reader._subshell,
    "if_statement": _Reader._if,
    "while_statement": _Reader._maybe,
    "case_statement": _Reader._maybe,
    "for_statement": _Reader._for,
    "c_style_for_statement": _Reader._for,
    "function_definition": _Reader._function,
    "variable_assignment": _Reader._assign,
}


def _inner_text(words: list[str | None]) -> str | None:
    """The shell text that a command is given to run."""
    name = (words[0] or "").rpartition("/")[2]
    if name == "eval":
        return None if None in words else " ".join(word or "" for word in words[1:])
    if name in _SHELLS:
        for place, word in enumerate(words[1:-1], start=1):
            if word is None or not word.startswith("-"):
                return None
            if not word.startswith("--") and "c" in word:
                return words[place + 1]
    return None


def _first_error(root: Node) -> str:
    """Where tree-sitter stumbles, in a phrase that quotes nothing."""
    node = root
    while node.type != "ERROR" and not node.is_missing:
        inner = next((child for child in node.children if child.has_error or child.is_missing), None)
        if inner is None:
            break
        node = inner
    return f"line {node.start_point.row + 1} is no shell syntax"


def _unquoted(raw: bytes) -> str:
    text = raw.decode("utf-8", "surrogatepass")
    return _ESCAPED_IN_QUOTES.sub(lambda found: "" if found[1] == "\n" else found[1], text)


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "surrogatepass")

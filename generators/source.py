"""What a piece of Python source defines and uses, found by tree-sitter: it is parsed, never compiled or run here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import tree_sitter_python
from tree_sitter import Language, Node, Parser, Query, QueryCursor

# tree-sitter reports its progress every hundred operations; so many reports are 10 to 25 ms, about 60 kB of code.
_MOST_REPORTS = 320

NAME = re.compile(r"[^\W\d]\w*")
_DEFINITIONS = {"function_definition", "class_definition"}
_IMPORTS = {"import_statement", "import_from_statement", "future_import_statement"}
_COMPOUND = {"if_statement", "try_statement", "with_statement", "else_clause", "elif_clause", "except_clause", "block"}


class Budget:
    """Bounds the work that one answer can cost, by counting and not by the clock: the result is always the same."""

    def __init__(self) -> None:
        self._left = _MOST_REPORTS

    def spend(self, _offset: int, has_error: bool) -> bool:
        """Whether to stop: tree-sitter's progress callback."""
        self._left -= 1
        return has_error or self._left < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement at the top level. `kind` is "definition", "import", "future", "assignment" or "other"."""

    kind: str
    binds: frozenset[str]
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A module that is grammatical: no error anywhere, every block evenly indented. Offsets are in characters."""

    text: str
    statements: tuple[Statement, ...]

    def defines(self, name: str) -> bool:
        return any(name in statement.binds for statement in self.statements)


def parse(text: str, budget: Budget) -> Source | None:
    """None where the text is not grammatical, or too much to find out."""
    encoded = text.encode("utf-8", "surrogatepass")
    parser = Parser(_python())
    try:
        tree = parser.parse(lambda at, _: encoded[at:], progress_callback=budget.spend)
    except ValueError:
        return None
    root = tree.root_node
    if root.has_error or not _is_even(root):
        return None
    ascii_only = len(encoded) == len(text)
    statements = []
    for node in root.named_children:
        if node.type == "comment":
            continue
        start, end = node.start_byte, node.end_byte
        content = encoded[start:end].decode("utf-8", "surrogatepass")
        if not ascii_only:
            start = len(encoded[:start].decode("utf-8", "surrogatepass"))
            end = start + len(content)
        binds = frozenset(_bound(node))
        statements.append(Statement(kind=_kind(node), binds=binds, text=content, start=start, end=end))
    return Source(text=text, statements=tuple(statements))


def names_in(text: str) -> set[str]:
    """Every word of the text that could be a name; comments and strings included, which does no harm."""
    return set(NAME.findall(text))


def definition_of(name: str) -> re.Pattern[str]:
    """Finds the lines that define `name`, at any indentation, in a text that need not be grammatical."""
    quoted = re.escape(name)
    return re.compile(rf"^[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+{quoted}\b|^[ \t]*{quoted}[ \t]*=[^=]", re.MULTILINE)


@cache
def _python() -> Language:
    return Language(tree_sitter_python.language())


@cache
def _blocks() -> Query:
    return Query(_python(), "(block) @block")


def _is_even(root: Node) -> bool:
    """Whether the statements of each block begin in one column, which tree-sitter itself does not mind."""
    blocks = QueryCursor(_blocks()).captures(root).get("block", [])
    return _aligned(root, 0) and all(_aligned(block, None) for block in blocks)


def _aligned(block: Node, column: int | None) -> bool:
    row = -1
    statements = [node for node in block.named_children if node.type != "comment"]
    for node in statements:
        if column is None:
            column = node.start_point.column
        if node.start_point.row != row and node.start_point.column != column:
            return False
        row = node.end_point.row
    return bool(statements) or block.type == "module"


def _kind(node: Node) -> str:
    if node.type == "future_import_statement":
        return "future"
    if node.type in _IMPORTS:
        return "import"
    if node.type in _DEFINITIONS or node.type == "decorated_definition":
        return "definition"
    return "assignment" if _assignment(node) is not None else "other"


def _assignment(node: Node) -> Node | None:
    if node.type == "expression_statement" and node.named_child_count == 1:
        child = node.named_children[0]
        return child if child.type == "assignment" else None
    return None


def _bound(node: Node) -> Iterator[str]:
    """The names that a statement binds in its own scope; those inside `if`, `try` and `with` too."""
    pending = [node]
    while pending:
        node = pending.pop()
        if node.type == "decorated_definition":
            pending += [child for child in node.named_children if child.type in _DEFINITIONS]
        elif node.type in _DEFINITIONS:
            yield _text(node.child_by_field_name("name"))
        elif node.type in _IMPORTS:
            yield from _imported(node)
        elif (assignment := _assignment(node)) is not None:
            yield from names_in(_text(assignment.child_by_field_name("left")))
        elif node.type in _COMPOUND:
            pending += node.named_children


def _imported(node: Node) -> Iterator[str]:
    for child in node.children_by_field_name("name"):
        if child.type == "aliased_import":
            yield _text(child.child_by_field_name("alias"))
        else:
            yield _text(child).partition(".")[0]


def _text(node: Node | None) -> str:
    return node.text.decode("utf-8", "replace") if node is not None and node.text is not None else ""

"""From what a model wrote to the program that is judged.

The rules, in order. What the model only thought does not count. A text that is a program already is taken as it is.
Otherwise the text is cut into blocks (Markdown fences; failing those, runs of lines that look like code), and the
last block that defines the entry point is the answer; what it needs and does not define (an import, a helper
function) is taken from the other blocks, then from the problem's prompt. Where no block defines the entry point, the
last that can be the body of the prompt's function is put there. Nothing is ever corrected: code that is wrong or was
cut short stays so.

The work is bounded whatever the text, and `extract` of the code it returned gives that same code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codebench.generators.fences import Block, blocks_of, dedented, split_thinking
from codebench.generators.source import NAME, Budget, Source, Statement, definition_of, names_in, parse

# An answer, its thinking apart, counts from this many characters before its end: what is longer is no answer but noise.
_LONGEST = 200_000
# Bare text beyond this many characters is searched around the last definition of the entry point only.
_WINDOW = 48_000
_MOST_PASSES = 3

_OPENS = re.compile(
    r"(?:async[ \t]+)?def[ \t]+\w|class[ \t]+\w+[ \t]*[(:]|@\w|import[ \t]+[\w.]+(?:[ \t]*[,;#]|[ \t]+as\b|[ \t]*$)"
    r"|from[ \t]+[\w.]+[ \t]+import\b|(?:global|nonlocal)[ \t]+\w+"
    r"|[^\W\d][\w.]*(?:\[[^\n]*\])?(?:[ \t]*,[ \t]*[^\W\d]\w*)*[ \t]*(?::[ \t]*[\w.\[\], |]+)?"
    r"(?:[-+*/%|&^@]|//|\*\*|<<|>>)?=[^=]"
)
_GOES_ON = re.compile(
    r"(?:if|elif|for|while|with|try|else|except|finally|match|case|async)\b[^\n]*:[ \t]*(?:#[^\n]*)?$"
    r"|(?:if|for|while|with|else)\b[^\n]*:[ \t]*(?:return|yield|raise|pass|break|continue|[^\W\d]\w*[ \t]*[-+*/]?=)"
    r"|(?:return|raise|assert|yield|del)\b|(?:pass|break|continue)[ \t]*$"
    r"|[^\W\d][\w.]*\(.*\)[ \t]*(?:#[^\n]*)?$|[)\]}]|#|\"\"\"|'''"
)
_RETURNS = re.compile(
    r"^[ \t]*(?:(?:if|for|while|else|elif|with|try|except)\b.*:[ \t]*)?(?:return|yield)\b", re.MULTILINE
)
_VALUE = re.compile(r"\(?[\w\s.,:)\[\]{}'\"+-]*")
_STUB = re.compile(r"[ \t\n]*(?:pass|\.\.\.|raise NotImplementedError(?:\([^\n]*\))?)?[ \t\n]*")
_STRING = re.compile(r"[ \t\n]*[rRuU]?(\"\"\"|''').*?\1|[ \t\n]*#[^\n]*", re.DOTALL)
_USES = re.compile(r"^(?:print|input|assert)\b|^if[ \t]+__name__\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """`code` is a whole program, "" where the text holds no answer; `thinking` is what was left out as thought."""

    code: str
    thinking: str = ""


def extract(response: str, *, prompt: str, entry_point: str) -> Extraction:
    """The program that `response` gives in answer to `prompt`, to define `entry_point`. Never raises."""
    text = response.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    task = _Task(prompt=prompt.replace("\r\n", "\n"), entry_point=entry_point)
    thinking, answer = "", text
    if (code := task.as_it_is(text)) is None:
        thinking, answer = split_thinking(text)
        code = task.program(answer[-_LONGEST:])
    for _ in range(_MOST_PASSES):
        # What is not grammatical may hold what looks like the marks around another answer.
        if not code or task.as_it_is(code) is not None:
            break
        code, before = _Task(prompt=task.prompt, entry_point=entry_point).program(split_thinking(code)[1]), code
        if code == before:
            break
    return Extraction(code=code, thinking=thinking)


class _Task:
    """One extraction: the problem's side of it, and the work left to spend on it."""

    def __init__(self, *, prompt: str, entry_point: str) -> None:
        self.prompt = prompt
        self._name = entry_point
        self._definition = definition_of(entry_point)
        self._budget = Budget()

    def parsed(self, text: str) -> Source | None:
        return parse(text, self._budget) if len(text) <= 2 * _WINDOW else None

    def as_it_is(self, text: str) -> str | None:
        """The program, where the whole text is one that defines the entry point."""
        source = self.parsed(text.strip("\n"))
        return self.completed(source, []) if source is not None and source.defines(self._name) else None

    def program(self, answer: str) -> str:
        """The program in a text that holds one somewhere; "" where it holds none."""
        blocks = blocks_of(answer)
        python = [block for block in blocks if block.may_be_python]
        python += [block for block in blocks if not block.may_be_python and self._definition.search(block.text)]
        pieces = [piece for block in python for piece in self._pieces(block)] if blocks else self._bare(answer)
        definers = [piece for piece in pieces if piece.defines]
        main = _best(definers)
        if main is not None and not main.is_stub:
            return self._assembled(main, [piece for piece in pieces if piece is not main])
        return self._body(pieces) or (self._assembled(main, []) if main is not None else self._other(pieces))

    def _pieces(self, block: Block) -> Iterator[_Piece]:
        """The block, where it is grammatical; otherwise its runs of lines that look like code."""
        text = dedented(block.text).strip("\n").rstrip()
        source = self.parsed(text)
        if source is not None:
            if block.language or not _is_data(source):
                yield self._piece(text, source)
        else:
            yield from self._bare(block.text)

    def _bare(self, text: str) -> list[_Piece]:
        if len(text) > _WINDOW:
            at = max((match.start() for match in self._definition.finditer(text)), default=None)
            if at is None:
                return []
            text = text[text.rfind("\n", 0, max(0, at - _WINDOW // 2)) + 1 : at + _WINDOW // 2]
        runs = _runs(text, bodies=self._definition.search(text) is None)
        return [self._piece(run, self.parsed(run)) for run in runs]

    def _piece(self, text: str, source: Source | None) -> _Piece:
        if source is not None:
            defines = source.defines(self._name)
        else:
            defines = any(not match[0][0].isspace() for match in self._definition.finditer(text))
        return _Piece(text=text, source=source, defines=defines, is_stub=defines and self._is_stub(text))

    def _is_stub(self, text: str) -> bool:
        """Whether the (last) definition says only what the function is for."""
        match = max(self._definition.finditer(text), key=re.Match.start, default=None)
        if match is None or "def" not in match[0]:
            return False
        colon = re.search(r":[ \t]*(?:#[^\n]*)?\n", text[match.end() :])
        if colon is None:
            return False
        body = text[match.end() + colon.end() :]
        while (string := _STRING.match(body)) is not None:
            body = body[string.end() :]
        return _STUB.fullmatch(body) is not None

    def _assembled(self, main: _Piece, others: Sequence[_Piece]) -> str:
        if main.source is None:
            return self._with_needed(main.text, _defined_by_line(main.text), others, at=0)
        return self.completed(main.source, others)

    def completed(self, source: Source, others: Sequence[_Piece]) -> str:
        """The program without its own uses of the entry point, with what it needs from elsewhere put before it."""
        text = _without_uses(source, self._name)
        bound = {name for statement in source.statements for name in statement.binds}
        futures = [statement.end for statement in source.statements if statement.kind == "future"]
        return self._with_needed(text, bound, others, at=max(futures, default=0))

    def _with_needed(self, text: str, bound: set[str], others: Sequence[_Piece], at: int) -> str:
        prompt = self.parsed(self.prompt)
        sources = [piece.source for piece in reversed(others) if piece.source is not None]
        available = [statement for source in sources for statement in source.statements]
        if prompt is not None:
            available += prompt.statements
        needed = _needed(text, bound, [item for item in available if self._name not in item.binds], self._name)
        if not needed:
            return text.strip("\n").rstrip() + "\n"
        head, rest = text[:at].rstrip(), text[at:].strip("\n").rstrip()
        return "\n".join([*([head] if head else []), *needed, "", "", rest]) + "\n"

    def _body(self, pieces: Sequence[_Piece]) -> str:
        """The prompt, continued with the last piece that can be the body of its function; "" where none can."""
        fit = [piece for piece in pieces if not piece.defines and not piece.is_library]
        returning = [piece for piece in fit if piece.returns]
        working = [piece for piece in fit if self._name not in names_in(piece.text) and not piece.is_talk]
        for piece in reversed(returning or working):
            if code := self._continued(piece.text):
                source = self.parsed(code)
                others = [other for other in pieces if other is not piece]
                return code if source is None else self.completed(source, others)
        return ""

    def _continued(self, body: str) -> str:
        head = self.prompt.rstrip()
        margin = _margin(head, self._definition)
        if margin is None:
            return ""
        lines = body.strip("\n").split("\n")
        second = next((line for line in lines[1:] if line.strip()), "")
        whole = "\n".join(margin + line if line.strip() else "" for line in lines)
        if second[:1].isspace() and self.parsed(body) is None:
            # The indentation of the first line was lost.
            first_only = "\n".join([margin + lines[0], *lines[1:]])
            if self.parsed(f"{head}\n{first_only}") is not None:
                whole = first_only
        return f"{head}\n{whole.rstrip()}\n"

    def _other(self, pieces: Sequence[_Piece]) -> str:
        """Code that defines something else: it will not pass, and shows why. "" where there is none."""
        libraries = [piece for piece in pieces if piece.is_library]
        return self._assembled(libraries[-1], []) if libraries else ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Piece:
    """A run of code; `source` is None where it is not grammatical. `is_stub`: a definition without a body."""

    text: str
    source: Source | None
    defines: bool
    is_stub: bool

    @property
    def is_library(self) -> bool:
        """Only definitions and imports, at least one of them a definition."""
        if self.source is None:
            return re.match(r"(?:async )?def |class |@", self.text) is not None
        kinds = [statement.kind for statement in self.source.statements]
        return "definition" in kinds and set(kinds) <= {"definition", "import", "future", "assignment"}

    @property
    def returns(self) -> bool:
        """Whether it returns, or yields, outside of the functions that it defines."""
        if self.source is None:
            return _RETURNS.search(self.text) is not None
        return any(_RETURNS.search(s.text) for s in self.source.statements if s.kind != "definition")

    @property
    def is_talk(self) -> bool:
        """Nothing that a function's body would consist of: only imports, calls and literals."""
        if self.source is None:
            return False
        return all(s.kind in ("import", "future") or _USES.match(s.text) for s in self.source.statements) or _is_data(
            self.source
        )


def _best(definers: Sequence[_Piece]) -> _Piece | None:
    """The last that is whole; failing that, the last."""
    whole = [piece for piece in definers if piece.source is not None and not piece.is_stub]
    begun = [piece for piece in definers if not piece.is_stub]
    return next((pieces[-1] for pieces in (whole, begun, definers) if pieces), None)


def _is_data(source: Source) -> bool:
    """Only values, as in the output of a program: `(10, 24)`."""
    values = all(one.kind == "other" and _VALUE.fullmatch(one.text) for one in source.statements)
    return values and not _RETURNS.search(source.text)


def _runs(text: str, *, bodies: bool) -> list[str]:
    """Runs of lines that look like code, each freed of its indentation. `bodies`: statements may begin a run."""
    runs: list[list[str]] = []
    base, in_string, is_open = 0, "", False
    for line in text.split("\n"):
        stripped = line.lstrip(" \t")
        indent = len(line) - len(stripped)
        if is_open and (in_string or not stripped or indent > base):
            runs[-1].append(line)
        elif stripped and (_OPENS.match(stripped) or ((is_open or bodies) and _GOES_ON.match(stripped))):
            if not is_open or indent < base:
                runs.append([])
                base, is_open = indent, True
            runs[-1].append(line)
        else:
            is_open = False
            continue
        in_string = _string_after(line, in_string)
    return [dedented("\n".join(run)).rstrip() for run in runs]


def _string_after(line: str, quote: str) -> str:
    """The triple quote that is open at the end of the line, "" for none; `quote` is the one open at its beginning."""
    at = 0
    while True:
        if quote:
            at = line.find(quote, at)
            if at < 0:
                return quote
            at, quote = at + 3, ""
        found = [(line.find(mark, at), mark) for mark in ('"""', "'''") if line.find(mark, at) >= 0]
        if not found or "#" in line[at : min(found)[0]]:
            return ""
        at, quote = min(found)[0] + 3, min(found)[1]


def _without_uses(source: Source, name: str) -> str:
    """Leave out what only tries the function: examples, tests, a main block. What rebinds the name stays."""
    text = source.text
    last = max((s.end for s in source.statements if name in s.binds), default=0)
    for statement in reversed(source.statements):
        if statement.start < last or statement.kind in ("definition", "import", "future"):
            continue
        first = statement.text.split("=")[0] if statement.kind == "assignment" else ""
        if name in names_in(first) or name in statement.binds:
            continue
        if _USES.match(statement.text) or name in names_in(statement.text):
            text = text[: statement.start] + text[statement.end :]
    return text


def _needed(text: str, bound: set[str], available: Sequence[Statement], name: str) -> list[str]:
    """The statements that bind names which the text uses and does not bind, and those that these need in turn.

    Imports come first. An assignment is taken where the text has the name nowhere on the left of one.
    """
    assigned = set(re.findall(r"([^\W\d]\w*)[ \t]*=[^=]", text)) | bound
    stars = [item for item in available if item.kind == "import" and item.text.rstrip().endswith("*")]
    taken = {item.text: item for item in stars if item.text not in text}
    pending, have = names_in("\n".join([text, *taken])) - bound, set(bound)
    while pending:
        wanted = pending.pop()
        for statement in available:
            if wanted not in statement.binds or statement.kind in ("other", "future"):
                continue
            if statement.kind == "assignment" and (wanted in assigned or name in names_in(statement.text)):
                continue
            taken[statement.text] = statement
            have |= statement.binds
            pending |= names_in(statement.text)
            break
        pending -= have
    order = {id(statement): place for place, statement in enumerate(available)}
    return [
        statement.text
        for statement in sorted(taken.values(), key=lambda item: (item.kind != "import", order[id(item)]))
    ]


def _defined_by_line(text: str) -> set[str]:
    """What an ungrammatical text seems to bind at the top level."""
    heads = re.findall(r"^(?:(?:async )?def|class)[ \t]+(\w+)|^(\w+)[ \t]*=", text, re.MULTILINE)
    imports = re.findall(r"^(?:from[ \t]+\S+[ \t]+)?import[ \t]+(.*)$", text, re.MULTILINE)
    return {name for pair in heads for name in pair if name} | {name for line in imports for name in NAME.findall(line)}


def _margin(prompt: str, definition: re.Pattern[str]) -> str | None:
    """The indentation of the body of the function with which the prompt ends; None where it ends with none."""
    match = max(definition.finditer(prompt), key=re.Match.start, default=None)
    if match is None or "def" not in match[0]:
        return None
    own = match[0][: len(match[0]) - len(match[0].lstrip())].strip("\n")
    last = prompt[prompt.rfind("\n") + 1 :]
    inside = last[: len(last) - len(last.lstrip())]
    return inside if len(inside) > len(own) else own + "    "

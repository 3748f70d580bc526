"""From the text of a chat answer to the blocks of code in it: thinking, Markdown fences, tags, prose.

Everything here works on lines and never on a grammar, so that a text of any size is read once. Nothing is repaired:
a block is a part of the text, freed of the indentation, quotation marks and prompts that its surroundings gave it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

# So many blocks, from the end of the text, are looked at; a text with more is no answer but noise.
_MOST_BLOCKS = 64
_MOST_FENCES = 4 * _MOST_BLOCKS
_MOST_TAGS = 1000

_THINK = re.compile(r"[<\[](/?)(?:[Tt]hink(?:ing)?|THINK|thought|reasoning|scratchpad)[>\]]")
_FINAL_CHANNEL = "<|channel|>final<|message|>"
_END_OF_TURN = re.compile(r"<\|(?:im_end|eot_id|endoftext|end_of_text|end|return)\|>|<end_of_turn>|</s>")
_FENCE = re.compile(r"`{3,}|~{3,}")
_BEFORE_FENCE = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,3}[.)])[ \t]+)?")
_INFO = re.compile(r"[ \t]*(\{?\.?[A-Za-z][\w+#.-]*\}?)?(?:[ \t:{].*)?$")
_TAGGED = re.compile(r"\[PYTHON\](.*?)(?:\[/PYTHON\]|\Z)|<(code|python|answer|solution)>(.*?)(?:</\2>|\Z)", re.DOTALL)
_CODE_KEYS = ("code", "solution", "completion", "answer", "function", "program")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A part of an answer that is set as code. `language` is in lower case, "" where none was given."""

    language: str
    text: str

    @property
    def may_be_python(self) -> bool:
        return not self.language or "py" in self.language or self.language == "code"


def split_thinking(text: str) -> tuple[str, str]:
    """(thinking, answer). A thought that was never closed goes to the end of the text; then the answer is empty."""
    _, channel, final = text.rpartition(_FINAL_CHANNEL)
    thoughts = [text[: -len(final)]] if channel and final else []
    rest, kept, at, opened = (final if channel else text), [], 0, False
    for tag in islice(_THINK.finditer(rest), _MOST_TAGS):
        if _is_quoted(rest, tag):
            continue
        closes = bool(tag[1])
        if not closes and not opened:
            if not _starts_line(rest, tag.start()):
                continue
            kept.append(rest[at : tag.start()])
        elif closes:
            thoughts += [*(kept if not opened else ()), rest[at : tag.start()]]
            kept = kept if opened else []
        else:
            continue
        at, opened = tag.end(), not closes
    (thoughts if opened else kept).append(rest[at:])
    answer = "".join(kept)
    end = next((mark for mark in _END_OF_TURN.finditer(answer) if not _is_quoted(answer, mark)), None)
    return "".join(thoughts).strip(), answer[: end.start()] if end else answer


def blocks_of(text: str) -> list[Block]:
    """The last `_MOST_BLOCKS` blocks that the text sets as code, in order; none where it is prose or bare code."""
    blocks = [block for fence in _fenced(text) for block in _unwrapped(fence)]
    if not blocks:
        blocks = [Block(language="python", text=tag[1] or tag[3] or "") for tag in _TAGGED.finditer(text)]
    if not blocks:
        blocks = _from_json(text)
    if not blocks and text.lstrip().startswith(">>>"):
        blocks = [Block(language="", text=text)]
    return [replace(block, text=_without_prompts(block.text)) for block in blocks if block.text.strip()][-_MOST_BLOCKS:]


def dedented(text: str, most: int | None = None) -> str:
    """Take from every line the indentation that its first one has (at most `most` characters), as far as it has it."""
    lines = text.split("\n")
    first = next((line for line in lines if line.strip()), "")
    width = len(first) - len(first.lstrip(" \t"))
    if most is not None:
        width = min(width, most)
    return "\n".join(line[min(width, len(line) - len(line.lstrip(" \t"))) :] for line in lines) if width else text


def _fenced(text: str) -> Iterator[Block]:
    """Blocks between fences as CommonMark has them, and as models write them: nested, unclosed, at a line's end."""
    fences = list(_FENCE.finditer(text))[-_MOST_FENCES:]
    opener: _Opener | None = None
    for fence in fences:
        start = text.rfind("\n", 0, fence.start()) + 1
        end = text.find("\n", fence.end())
        line = _FenceLine(
            before=text[start : fence.start()],
            fence=fence[0],
            after=text[fence.end() : len(text) if end < 0 else end],
        )
        if opener is None:
            opener = line.opener(fence.end())
        elif line.reopens(opener):
            yield opener.block(text, start)
            opener = line.opener(fence.end())
        elif line.closes(opener):
            yield opener.block(text, start if not line.before.strip(" \t>") else fence.start())
            opener = None
    if opener is not None:
        yield opener.block(text, len(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opener:
    """A fence that was opened; its block begins at the offset `start`."""

    fence: str
    before: str
    language: str
    start: int

    def block(self, text: str, end: int) -> Block:
        content = text[self.start : end]
        if ">" in self.before:
            content = re.sub(r"^[ \t]*> ?", "", content, flags=re.MULTILINE)
        return Block(language=self.language, text=dedented(content.removeprefix("\n"), most=len(self.before)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _FenceLine:
    before: str
    fence: str
    after: str

    def opener(self, end: int) -> _Opener | None:
        info = _INFO.match(self.after)
        if not _BEFORE_FENCE.fullmatch(self.before) and not (info and info[1] and "py" in info[1].lower()):
            return None
        if self.fence in self.after:
            return None
        # What follows the fence may be no info string but the first line of code.
        is_code = info is None or (info[1] in ("def", "from", "import", "class", "return") and " " in self.after)
        language = "" if is_code or info is None else (info[1] or "").strip("{}.").lower()
        start = end if is_code else end + len(self.after)
        return _Opener(fence=self.fence, before=self.before, language=language, start=start)

    def _fits(self, opener: _Opener) -> bool:
        return (
            self.fence[0] == opener.fence[0]
            and len(self.fence) >= len(opener.fence)
            and len(self.before) < len(opener.before) + 4
        )

    def reopens(self, opener: _Opener) -> bool:
        """An opening fence inside a block: the model never closed the one before."""
        info = _INFO.match(self.after)
        return bool(self._fits(opener) and not self.before.strip(" \t>") and info and info[1] and self.after.strip())

    def closes(self, opener: _Opener) -> bool:
        if self.after.strip():
            return False
        if not self.before.strip(" \t>"):
            return self._fits(opener)
        balanced = self.before.count('"') % 2 == 0 and self.before.count("'") % 2 == 0
        return self.fence == opener.fence and balanced and "#" not in self.before


def _unwrapped(block: Block) -> list[Block]:
    """The blocks inside a block of Markdown or JSON; any other block as it is."""
    if block.language in ("markdown", "md"):
        return list(_fenced(block.text)) or [block]
    if block.language == "json":
        return _from_json(block.text) or [block]
    return [block]


def _from_json(text: str) -> list[Block]:
    """The code in an answer that is a JSON object, {"code": "..."} for instance."""
    if not text.lstrip().startswith("{") or not any(f'"{key}"' in text for key in _CODE_KEYS):
        return []
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return []
    values = [fields[key] for key in _CODE_KEYS if isinstance(fields.get(key), str)]
    return [block for value in values for block in (list(_fenced(value)) or [Block(language="", text=value)])][:1]


def _without_prompts(text: str) -> str:
    """The input of an interactive session (`>>> `, `... `), its output left out; any other text as it is."""
    if not text.lstrip().startswith(">>>"):
        return text
    lines = (line.lstrip(" \t") for line in text.split("\n"))
    return "\n".join(line[4:] for line in lines if line.startswith((">>>", "...")))


def _is_quoted(text: str, match: re.Match[str]) -> bool:
    quotes = "\"'`"
    before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
    return bool(before and before in quotes and after and after in quotes)


def _starts_line(text: str, at: int) -> bool:
    return not text[text.rfind("\n", 0, at) + 1 : at].strip()

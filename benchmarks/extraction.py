"""How long the extraction of a program takes from 1 MB of text of many kinds; the bar is 50 ms.

python -m benchmarks.extraction
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from benchmarks.measured import Spread, table
from codebench.generators.extract import extract

_SIZE = 1_000_000
_ROUNDS = 5
_PROMPT = 'def f(x):\n    """ The same. """\n'
_RIGHT = "def f(x):\n    return x\n"
_PROSE = "This is a sentence, with an apostrophe isn't it (yes) and more: words.\n"

REPEATED: Mapping[str, str] = {
    "prose": _PROSE, "letters": "a", "lines": "a\n", "empty lines": "\n", "spaces": " ", "tabs": "\t\n",
    "backticks": "`",
    "fences": "```\n", "Python fences": "```python\n", "blocks": f"text\n```python\n{_RIGHT}```\n", "functions": _RIGHT,
    "brackets": '{["', "thoughts": "<think>\n</think>\n", "quoted tags": "'<think>'", "open thoughts": "<think>\n",
    "closed thoughts": "</think>", "code tags": "<code>", "Python tags": "[PYTHON]\n", "quotations": "> ",
    "sessions": ">>> def f(x):\n...     return x\n", "strings": '"""\n', "assignments": "a=", "subscripts": "a[",
    "conditions": "if x:\n", "ends of turn": "<|im_end|>", "other scripts": "é“”🎉\n",
     "indented": " def f", "names": "f \n",
    "calls": "f(", "bodies": "    return x\n", "comments": "\n\n#\n", "list items": "1. ", "minus": "-",
}  # fmt: skip


def main() -> None:
    texts = {name: (part * (_SIZE // len(part) + 1))[:_SIZE] for name, part in REPEATED.items()}
    texts["a fence around functions"] = f"```python\n{texts['functions']}\n```"
    texts["a long thought"] = f"<think>{texts['prose']}</think>\n```python\n{_RIGHT}```"
    texts["a thought without end"] = f"<think>{texts['prose']}"
    texts["nested JSON"] = '{"code":' + "[" * _SIZE
    texts["a long function"] = "def f(x):\n" + texts["bodies"]
    rows = []
    for name, text in texts.items():
        spread = Spread.of(_took_ms(text) for _ in range(_ROUNDS))
        rows.append((spread.median, (name, spread.text(1))))
    rows.sort(reverse=True)
    print(table(("1 MB of", "ms"), [row for _, row in rows]))


def _took_ms(text: str) -> float:
    began = time.perf_counter()
    extract(text, prompt=_PROMPT, entry_point="f")
    return (time.perf_counter() - began) * 1e3


if __name__ == "__main__":
    main()

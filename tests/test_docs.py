"""The commands in README and docs are real.

How a document is written so that its commands are tried:

- Every line of a ```console block that begins with `codebench ` is run, in order, all of a document in one folder of its
  own; a backslash continues a line. Without `--sandbox` it runs in namespaces. It must exit with 0, or with N where its
  comment says `exits N`, as in `codebench gate HEAD --baseline BASE  # exits 1: it is worse`.
- The folder holds `codebench-runs/RUN` (a finished run of HumanEval) and `samples.jsonl` (its answers). A line
  `<!-- needs: two-runs pack -->` somewhere in the document, on a line of its own, asks for more: `two-runs` is
  `codebench-runs/BASE` and `codebench-runs/HEAD` (6 problems with 3 answers each, by all graders), `model-run` is
  `codebench-runs/MODEL` (a model's, with repairs), `pack` is the folder `my-pack`; `shared` or `shared/data/FILE` is
  `../shared` under that name, without which the document's commands are skipped, with that reason. To offer something
  else, add a function to PREPARED in documents.py.
- A block below a line `<!-- run -->` is run by bash as it is: a document's own preparations.
- In ```sh blocks, which are not run, each line that begins with `codebench ` is held to the command line: command,
  options and choices must be there. So are commands in the prose.
- ```json blocks must be JSON, ```python and ```toml blocks must be such; those of analysis.md are run (test_analysis_docs).
- docs/cli.md, docs/schema and what stands between `<!-- generated: … -->` are made by `make docs`.
"""

from __future__ import annotations

import json
import re
import runpy
import tomllib
from pathlib import Path

import pytest
from documents import (
    NAMES,
    PREPARED,
    ROOT,
    Block,
    Command,
    blocks,
    commands,
    misuse,
    prepare,
    prepare_these,
    run,
    run_shell,
    spoken,
    text_of,
)

RUN = [name for name in NAMES if any(block.kind == "console" or block.run for block in blocks(name))]


def test_documents_have_commands() -> None:
    assert "README.md" in RUN
    assert sum(len(list(commands(block))) for block in blocks("README.md") if block.kind == "console") >= 7


@pytest.mark.parametrize("document", RUN)
def test_the_commands_of_a_document_run(document: str, tmp_path: Path) -> None:
    prepare(document, tmp_path)
    for block in blocks(document):
        if block.run:
            run_shell(block, tmp_path)
        elif block.kind == "console":
            for command in commands(block):
                run(command, tmp_path)


@pytest.mark.parametrize("document", NAMES)
def test_commands_that_are_only_shown_could_be_run(document: str) -> None:
    shown = [command for block in blocks(document) if block.kind in ("sh", "console") for command in commands(block)]
    wrong = {command.line: why for command in (*shown, *spoken(document)) if (why := misuse(command))}
    assert not wrong, document


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("codebench evaluate", "no command evaluate"),
        ("codebench eval --suit humaneval", "No such option"),
        ("codebench eval --samples", "requires an argument"),
        ("codebench export RUN --format xml", "'xml' is not one of"),
        ("codebench data push humaneval", "no command push"),
        ("codebench export RUN --format FORMAT", ""),
        ("codebench eval --n_samples 3 --suite humaneval | tee log", ""),
        ("codebench --version", ""),
    ],
)
def test_a_command_that_means_nothing_is_found(line: str, why: str) -> None:
    found = misuse(Command(line))
    assert why in found if why else not found


def test_commands_are_read_as_the_shell_reads_them() -> None:
    text = "make x\ncodebench gate A \\\n  --b  # exits 1: worse\nKEY=1 codebench report 'a b'  # two\ncodebench-x\n"
    assert list(commands(Block("console", text))) == [
        Command("codebench gate A    --b", 1),
        Command("codebench report 'a b'"),
    ]


@pytest.mark.parametrize("document", NAMES)
def test_blocks_are_what_they_are_said_to_be(document: str) -> None:
    for block in blocks(document):
        if block.kind == "json":
            json.loads(block.text)
        elif block.kind == "toml":
            tomllib.loads(block.text)
        elif block.kind == "python":
            compile(block.text, document, "exec")


@pytest.mark.parametrize(
    "path", sorted(runpy.run_path(str(ROOT / "docs/generate.py"))["pages"]()), ids=lambda p: p.name
)
def test_generated_pages_are_as_generated(path: Path) -> None:
    made = runpy.run_path(str(ROOT / "docs/generate.py"))["pages"]()[path]
    assert path.read_text(encoding="utf-8").split() == made.split(), f"{path.name} is stale; run: make docs"


@pytest.mark.parametrize("document", NAMES)
def test_what_make_is_told_to_make_can_be_made(document: str) -> None:
    shown = "".join(block.text for block in blocks(document) if block.kind in ("sh", "console"))
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"^make (\w+)", shown, re.MULTILINE)) <= set(targets)


def test_a_document_that_needs_what_is_not_here_is_skipped(tmp_path: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match="shared/data/nothing is not here"):
        prepare_these(["shared/data/nothing"], tmp_path)


@pytest.mark.parametrize("name", PREPARED)
def test_what_a_document_may_need_can_be_prepared(name: str, tmp_path: Path) -> None:
    prepare_these([name], tmp_path)
    assert list(tmp_path.iterdir())


@pytest.mark.parametrize("document", NAMES)
def test_links_lead_somewhere(document: str) -> None:
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", text_of(document)):
        assert (ROOT / document).parent.joinpath(target).exists(), f"{document} links to {target}"

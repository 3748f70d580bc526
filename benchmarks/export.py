"""How long exports of a large run take, and how much memory.

python -m benchmarks.export RUN [--forms csv,parquet,junit,...]

Each form is written by a process of its own to a folder that is removed again. RUN is one that
`python -m benchmarks.synthetic_run RUN` made, for example.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.measured import cost_of, machine, table
from codebench.runs.exports import FORMS
from codebench.runs.manifest import read_manifest
from codebench.runs.records import RECORDS
from codebench.runs.searches import SECURITY

_FILES_TOO_MANY = "directory"  # a file an answer


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("--forms", help="all, but directory; sarif where the answers were searched")
    options = parser.parse_args()
    searched = SECURITY in read_manifest(options.run).graders
    forms = [form for form in FORMS if form != _FILES_TOO_MANY and (searched or form != "sarif")]
    size = (options.run / RECORDS).stat().st_size
    print(f"{machine()}; {size / 1e9:.2f} GB of records\n", flush=True)
    rows = [_row(options.run, form) for form in (options.forms.split(",") if options.forms else forms)]
    print(table(("form", "wall s", "CPU s", "peak RSS, MiB", "written, MB"), rows))


def _row(run: Path, form: str) -> tuple[str, ...]:
    with tempfile.TemporaryDirectory(dir=run.parent) as folder:
        out = Path(folder, "out")
        cost = cost_of(["export", str(run), "--format", form, "--out", str(out)])
        files = [out] if out.is_file() else [path for path in out.rglob("*") if path.is_file()]
        written = sum(path.stat().st_size for path in files)
    return form, f"{cost.wall_s:.1f}", f"{cost.cpu_s:.1f}", f"{cost.peak_mib:,.0f}", f"{written / 1e6:,.0f}"


if __name__ == "__main__":
    main()

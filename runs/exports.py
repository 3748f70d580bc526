"""Exports: a run as files that other tools read."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from codebench.runs import answer_files, junit, lm_eval, tabular
from codebench.runs.manifest import read_manifest
from codebench.runs.ordered import RunFiles, order_records
from codebench.runs.record import RunError
from codebench.runs.sarif import write_sarif
from codebench.runs.searches import read_searches

Writer = Callable[[RunFiles, Path], int]
"""Writes a file or a folder that is not there yet; gives the number of answers in it."""

FORMS: Mapping[str, Writer] = {
    "evalplus": answer_files.write_solutions,
    "human-eval": answer_files.write_completions,
    "directory": answer_files.write_directory,
    "eval-results": answer_files.write_eval_results,
    "sarif": write_sarif,
    "junit": junit.write_junit,
    "csv": tabular.write_csv,
    "parquet": tabular.write_parquet,
    "lm-eval": lm_eval.write_lm_eval,
}


def export_run(run: Path, form: str, out: Path) -> int:
    """Write the answers of the run in one of FORMS to `out`, which must not exist; gives how many.

    What is written appears whole or not at all. Raises RunError where `out` exists, cannot be written, or the run
    cannot be read.
    """
    manifest = read_manifest(run)
    if out.exists():
        raise RunError(f"{out} is there already; name another --out")
    files = RunFiles(manifest=manifest, records=order_records(run, manifest), searches=read_searches(run))
    unfinished = out.with_name(f".{out.name}.tmp")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _remove(unfinished)
        count = FORMS[form](files, unfinished)
        unfinished.replace(out)
    except OSError as error:
        where = Path(error.filename or out)
        raise RunError(
            f"cannot write {out if where.is_relative_to(unfinished) else where}: {error.strerror}; use another --out"
        ) from error
    finally:
        _remove(unfinished)
    return count


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    elif path.exists():
        path.unlink()

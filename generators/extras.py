"""The packages that only some generators need: they come with extras of codebench-eval."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from codebench.generators.sample import GeneratorError


def needed(module: str, *, extra: str) -> Any:
    """The module; raises GeneratorError with the command that installs it where it is missing."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != module.partition(".")[0]:
            raise GeneratorError(f'{module} lacks {error.name}; run: pip install "codebench-eval[{extra}]"') from None
        raise GeneratorError(f'{module} is not installed; run: pip install "codebench-eval[{extra}]"') from None
    except ImportError as error:
        raise GeneratorError(f"{module} cannot be imported: {error}") from None

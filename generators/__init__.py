"""Where answers come from."""

from codebench.generators.options import GenerationOptions, LocalOptions, Prompting, Sampling, ServerOptions
from codebench.generators.sample import (
    EngineError,
    Failure,
    Generation,
    Generator,
    GeneratorError,
    Repairer,
    Sample,
)

__all__ = [
    "EngineError",
    "Failure",
    "Generation",
    "GenerationOptions",
    "Generator",
    "GeneratorError",
    "LocalOptions",
    "Prompting",
    "Repairer",
    "Sample",
    "Sampling",
    "ServerOptions",
]

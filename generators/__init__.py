"""Who answers: generators turn problems into samples."""

from codebench.generators.sample import Generator, GeneratorError, Sample

__all__ = ["Generator", "GeneratorError", "Sample"]

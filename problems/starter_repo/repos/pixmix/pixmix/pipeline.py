"""Several operations in a row."""

import json
from pathlib import Path

from pixmix.ops import OPERATIONS


class Pipeline:
    """Applies `steps`, a list of (name, options), in order; the seed of step n is `seed` + n."""

    def __init__(self, steps, seed=0):
        unknown = [name for name, _ in steps if name not in OPERATIONS]
        if unknown:
            raise ValueError(f"there is no operation {unknown[0]!r}")
        self.steps = list(steps)
        self.seed = seed

    def __call__(self, image):
        for number, (name, options) in enumerate(self.steps):
            image = OPERATIONS[name](image, **{"seed": self.seed + number, **options})
        return image


def from_recipe(path, seed=0):
    """The pipeline that a JSON file describes."""
    steps = json.loads(Path(path).read_text())
    return Pipeline([(step.pop("op"), step) for step in steps], seed=seed)

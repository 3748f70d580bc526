"""Statistics of images: python -m pixmix.stats FILE ... [--output FILE]"""

import argparse
import json
from pathlib import Path

import numpy as np

from pixmix import io


def statistics(path):
    image = io.read(path)
    histogram = np.bincount(image.ravel() // 16, minlength=16)
    return {
        "file": str(path),
        "width": image.shape[1],
        "height": image.shape[0],
        "mean": round(float(image.mean()), 3),
        "histogram": histogram.tolist(),
    }


def main():
    parser = argparse.ArgumentParser(prog="python -m pixmix.stats")
    parser.add_argument("files", nargs="+")
    parser.add_argument("--output")
    args = parser.parse_args()
    lines = "".join(json.dumps(statistics(path)) + "\n" for path in args.files)
    if args.output:
        Path(args.output).write_text(lines)
    else:
        print(lines, end="")


if __name__ == "__main__":
    main()

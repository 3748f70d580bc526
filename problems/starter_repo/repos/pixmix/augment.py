"""Apply one operation, or a recipe, to one image."""

import argparse
import sys

from pixmix import io
from pixmix.ops import OPERATIONS
from pixmix.pipeline import Pipeline, from_recipe

OPTIONS = {
    "flip": ["axis"],
    "rotate": ["quarter_turns"],
    "crop": ["box"],
    "brightness": ["factor"],
    "blur": ["radius"],
    "noise": ["amount"],
    "posterize": ["levels"],
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--op", choices=sorted(OPERATIONS))
    parser.add_argument("--recipe")
    parser.add_argument("--axis", default="horizontal")
    parser.add_argument("--quarter-turns", type=int, default=1)
    parser.add_argument("--box", type=int, nargs=4, metavar=("X", "Y", "W", "H"))
    parser.add_argument("--factor", type=float, default=1.0)
    parser.add_argument("--radius", type=int, default=1)
    parser.add_argument("--amount", type=int, default=8)
    parser.add_argument("--levels", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if (args.op is None) == (args.recipe is None):
        parser.error("give either --op or --recipe")
    if args.op == "crop" and args.box is None:
        parser.error("crop needs --box")
    return args


def main():
    args = arguments()
    if args.recipe:
        pipeline = from_recipe(args.recipe, seed=args.seed)
    else:
        pipeline = Pipeline([(args.op, {name: getattr(args, name) for name in OPTIONS[args.op]})], seed=args.seed)
    try:
        image = pipeline(io.read(args.input))
    except (OSError, ValueError) as error:
        sys.exit(f"augment.py: {error}")
    io.write(args.output, image)
    print(f"wrote {args.output} ({image.shape[1]}x{image.shape[0]})")


if __name__ == "__main__":
    main()

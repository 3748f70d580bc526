"""Train a classifier."""

import argparse
import sys

from quill.training import train


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", default="data/reviews_train.tsv")
    parser.add_argument("--model", choices=["nb", "logreg"], default="nb")
    parser.add_argument("--output", required=True)
    parser.add_argument("--min-count", type=int, default=1)
    parser.add_argument("--alpha", type=float, default=1.0)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--lr", type=float, default=0.5)
    parser.add_argument("--l2", type=float, default=0.0)
    parser.add_argument("--lowercase", action="store_true")
    args = parser.parse_args()
    try:
        print(f"saved {train(vars(args))}")
    except (OSError, ValueError) as error:
        sys.exit(f"train.py: {error}")


if __name__ == "__main__":
    main()

"""Measure a model on reviews that it has not seen."""

import argparse
import json
from pathlib import Path

from quill.data import LABELS, load
from quill.models import load_model


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="a model.json")
    parser.add_argument("--test", default="data/reviews_test.tsv")
    parser.add_argument("--output", help="a JSON file")
    args = parser.parse_args()
    texts, labels = load(args.test)
    confusion = [[0, 0], [0, 0]]
    for label, found in zip(labels, load_model(args.model).predict(texts), strict=True):
        confusion[LABELS.index(label)][LABELS.index(found)] += 1
    accuracy = round((confusion[0][0] + confusion[1][1]) / len(texts), 4)
    if args.output:
        fields = {"accuracy": accuracy, "examples": len(texts), "confusion": confusion}
        Path(args.output).write_text(json.dumps(fields) + "\n")
    print(f"accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()

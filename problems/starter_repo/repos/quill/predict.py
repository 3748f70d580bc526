"""Label texts with a trained model."""

import argparse
from pathlib import Path

from quill.models import load_model


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="a model.json")
    parser.add_argument("--text")
    parser.add_argument("--file")
    parser.add_argument("--output")
    args = parser.parse_args()
    if (args.text is None) == (args.file is None):
        parser.error("give either --text or --file")
    texts = [args.text] if args.text is not None else Path(args.file).read_text(encoding="utf-8").splitlines()
    model = load_model(args.model)
    rows = zip(model.predict(texts), model.probabilities(texts), strict=True)
    lines = "".join(f"{label}\t{max(chance, 1 - chance):.4f}\n" for label, chance in rows)
    if args.output:
        Path(args.output).write_text(lines)
    else:
        print(lines, end="")


if __name__ == "__main__":
    main()

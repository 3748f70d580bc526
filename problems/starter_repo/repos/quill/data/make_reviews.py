"""Write reviews_train.tsv and reviews_test.tsv: sentences put together from lists of words, by a seed."""

import argparse
import random
from pathlib import Path

OPENERS = ["The film is", "I found it", "This was", "The second half is", "My verdict:", "The plot feels", "It is"]
GOOD = ["warm", "honest", "gripping", "funny", "tender", "clever", "beautiful", "bold", "lively", "charming"]
BAD = ["dull", "clumsy", "tiresome", "loud", "hollow", "lazy", "confused", "flat", "grim", "dreary"]
EITHER = ["long", "short", "strange", "quiet", "slow", "French", "recent", "colourful"]
TAILS = ["and I would see it again", "and I left early", "with a fine cast", "with no ending to speak of", "as ever",
         "from first to last", "for what it is", "in every scene"]  # fmt: skip


def review(draw):
    label = draw.choice(["good", "bad"])
    own, other = (GOOD, BAD) if label == "good" else (BAD, GOOD)
    words = [draw.choice(own if draw.random() < 0.85 else other), draw.choice(EITHER)]
    draw.shuffle(words)
    tail = TAILS[0 if label == "good" else 1] if draw.random() < 0.2 else draw.choice(TAILS[2:])
    return f"{label}\t{draw.choice(OPENERS)} {words[0]} and {words[1]} {tail}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=11)
    args = parser.parse_args()
    draw = random.Random(args.seed)
    folder = Path(__file__).parent
    for name, count in (("reviews_train.tsv", 320), ("reviews_test.tsv", 80)):
        lines = [review(draw) + "\n" for _ in range(count)]
        (folder / name).write_text("".join(lines), encoding="utf-8")
        print(f"wrote {count} reviews to {name}")


if __name__ == "__main__":
    main()

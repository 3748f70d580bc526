"""Reviews: a label, a tab, a text."""

from pathlib import Path

LABELS = ("bad", "good")


def load(path):
    """The texts and labels of a file."""
    texts, labels = [], []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
        label, tab, text = line.partition("\t")
        if not tab or label not in LABELS:
            raise ValueError(f"{path}:{number}: expected good or bad, a tab, and a text")
        texts.append(text)
        labels.append(label)
    return texts, labels

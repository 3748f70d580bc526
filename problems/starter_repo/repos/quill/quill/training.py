"""One training run: a model and what is written about it."""

import json
from pathlib import Path

from quill.data import load
from quill.models import LogisticRegression, NaiveBayes


def train(settings):
    """Train as `settings` say, a dictionary with the names of train.py's options; returns the model's path."""
    texts, labels = load(settings["train"])
    shared = {"min_count": settings["min_count"], "lowercase": settings["lowercase"]}
    if settings["model"] == "nb":
        model = NaiveBayes(alpha=settings["alpha"], **shared)
    else:
        model = LogisticRegression(
            lr=settings["lr"], epochs=settings["epochs"], l2=settings["l2"], report=report, **shared
        )
    model.fit(texts, labels)
    right = sum(found == label for found, label in zip(model.predict(texts), labels, strict=True))
    output = Path(settings["output"])
    model.save(output / "model.json")
    metrics = {
        "model": settings["model"],
        "epochs": settings["epochs"] if settings["model"] == "logreg" else 0,
        "examples": len(texts),
        "vocabulary": len(model.vocabulary),
        "train_accuracy": round(right / len(texts), 4),
    }
    (output / "metrics.json").write_text(json.dumps(metrics) + "\n")
    return output / "model.json"


def report(epoch, epochs, loss):
    print(f"epoch {epoch}/{epochs} loss {loss:.4f}", flush=True)

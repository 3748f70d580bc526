"""Naive Bayes and logistic regression. Both end as one weight for each word, for `good` and against `bad`."""

import json
from pathlib import Path

import numpy as np

from quill.features import counts_of, vocabulary_of


class Linear:
    """What both models share once they are trained."""

    name = ""

    def __init__(self, min_count=1, lowercase=False):
        self.min_count = min_count
        self.lowercase = lowercase
        self.vocabulary = []
        self.weights = np.zeros(0)
        self.bias = 0.0

    def scores(self, texts):
        return counts_of(texts, self.vocabulary, self.lowercase) @ self.weights + self.bias

    def predict(self, texts):
        return ["good" if score > 0 else "bad" for score in self.scores(texts)]

    def probabilities(self, texts):
        return 1 / (1 + np.exp(-self.scores(texts)))

    def save(self, path):
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        fields = {
            "model": self.name,
            "lowercase": self.lowercase,
            "bias": round(float(self.bias), 9),
            "weights": {
                word: round(float(weight), 9) for word, weight in zip(self.vocabulary, self.weights, strict=True)
            },
        }
        target.write_text(json.dumps(fields, indent=1) + "\n")


class NaiveBayes(Linear):
    name = "nb"

    def __init__(self, alpha=1.0, min_count=1, lowercase=False):
        super().__init__(min_count, lowercase)
        self.alpha = alpha

    def fit(self, texts, labels):
        self.vocabulary = vocabulary_of(texts, self.min_count, self.lowercase)
        counts = counts_of(texts, self.vocabulary, self.lowercase)
        good = np.array([label == "good" for label in labels])
        shares = [counts[rows].sum(axis=0) + self.alpha for rows in (good, ~good)]
        shares = [np.log(share / share.sum()) for share in shares]
        self.weights = shares[0] - shares[1]
        self.bias = float(np.log(good.sum() / (~good).sum()))
        return self


class LogisticRegression(Linear):
    name = "logreg"

    def __init__(self, lr=0.5, epochs=10, l2=0.0, min_count=1, lowercase=False, report=None):
        super().__init__(min_count, lowercase)
        self.lr = lr
        self.epochs = epochs
        self.l2 = l2
        self.report = report

    def fit(self, texts, labels):
        self.vocabulary = vocabulary_of(texts, self.min_count, self.lowercase)
        counts = counts_of(texts, self.vocabulary, self.lowercase)
        wanted = np.array([1.0 if label == "good" else 0.0 for label in labels])
        self.weights = np.zeros(len(self.vocabulary))
        for epoch in range(1, self.epochs + 1):
            found = 1 / (1 + np.exp(-(counts @ self.weights + self.bias)))
            if self.report:
                loss = -np.mean(wanted * np.log(found) + (1 - wanted) * np.log(1 - found))
                self.report(epoch, self.epochs, float(loss))
            error = found - wanted
            self.weights -= self.lr * (counts.T @ error / len(texts) + self.l2 * self.weights)
            self.bias -= self.lr * float(error.mean())
        return self


def load_model(path):
    """A model that was saved, ready to predict."""
    fields = json.loads(Path(path).read_text())
    model = {"nb": NaiveBayes, "logreg": LogisticRegression}[fields["model"]](lowercase=fields["lowercase"])
    model.vocabulary = list(fields["weights"])
    model.weights = np.array(list(fields["weights"].values()))
    model.bias = fields["bias"]
    return model

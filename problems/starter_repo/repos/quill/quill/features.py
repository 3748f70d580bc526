"""Bags of words."""

import re
from collections import Counter

import numpy as np


def words_of(text, lowercase=False):
    return re.findall(r"[A-Za-z']+", text.lower() if lowercase else text)


def vocabulary_of(texts, min_count=1, lowercase=False):
    """The words that occur often enough, in alphabetical order."""
    counts = Counter(word for text in texts for word in words_of(text, lowercase))
    return sorted(word for word, count in counts.items() if count >= min_count)


def counts_of(texts, vocabulary, lowercase=False):
    """How often each word of the vocabulary is in each text."""
    places = {word: place for place, word in enumerate(vocabulary)}
    counts = np.zeros((len(texts), len(vocabulary)))
    for row, text in enumerate(texts):
        for word in words_of(text, lowercase):
            if word in places:
                counts[row, places[word]] += 1
    return counts


def top_words(model, label, count=10):
    """The words that speak most for a label, the strongest first; words alike in alphabetical order."""
    weights = model.weights if label == "good" else -model.weights
    order = sorted(range(len(model.vocabulary)), key=lambda place: (-round(weights[place], 9), place))
    return [model.vocabulary[place] for place in order[:count]]

"""What two sides have in common as one flat row, for the rungs that know no pairs: |a - b|, a * b and the cosine.

Each side is first turned into the few directions in which the training sides vary most; texts into topics (latent semantic
analysis: Deerwester and others 1990). Swapped sides give the same row. Shapes: N pairs, D numbers of a side, K directions.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import torch
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer

from fofx.classic.metric import main_directions
from fofx.encoded import Inputs, pair_of
from fofx.fields.base import Field
from fofx.fields.text import Text, as_texts
from fofx.repeated import Items, distinct
from fofx.rungs.base import Tensors, quoted
from fofx.rungs.features import Flattener, ngram_counter

DIRECTIONS = 64  # in which sides are compared number by number, at most
MOST_NUMBERS = 1536  # of a side; more (pixels) are mixed at random into so many
LOOKED_AT = 1000  # items that show in which directions they vary
AT_ONCE = 2000  # pairs compared at a time


class PairFeatures:
    """Learnt from items (M, D): what a side becomes (D numbers around 0), and what two sides have in common (2K + 2 numbers).

    Number by number only in the K directions in which the items vary most; the angle and the distance count all the others as
    well, which may be what is new about a new identity. `scaled` brings every number to the same spread first.
    """

    arrays = ("mean", "scale", "directions")

    def fit(self, items: np.ndarray, scaled: bool = True, most: int = DIRECTIONS) -> PairFeatures:
        items = items[np.linspace(0, len(items) - 1, min(len(items), LOOKED_AT)).astype(np.int64)].astype(np.float64)
        spread = items.std(axis=0)
        self.scale = np.where(
            spread > 0, 1 / np.maximum(spread if scaled else 1.0, 1e-9), 0.0
        )  # what never varies is 0
        self.mean = (items * self.scale).mean(axis=0)
        self.directions = main_directions(self.turned(items), most)[1]  # (D, K)
        return self

    def turned(self, items: np.ndarray) -> np.ndarray:
        """(M, D) to (M, D), or to fewer where there are very many; of about unit length."""
        found = (items * self.scale - self.mean) / max(1, int((self.scale > 0).sum())) ** 0.5
        if found.shape[1] > MOST_NUMBERS:  # angles and distances stay (Johnson and Lindenstrauss 1984)
            mixed = np.random.Generator(np.random.PCG64(0)).normal(size=(found.shape[1], MOST_NUMBERS // 3))
            found = found @ (mixed / mixed.shape[1] ** 0.5)
        return found.astype(np.float32)

    def of(self, one: np.ndarray, two: np.ndarray) -> np.ndarray:
        """Two turned sides (N, D) to (N, 2K + 2) float32, in numbers of about 1, the last two larger: each speaks for all."""
        gap, product = (
            np.abs((one - two) @ self.directions),
            (one @ self.directions) * (two @ self.directions),
        )  # (N, K)
        lengths = np.sqrt((one**2).sum(axis=1)) * np.sqrt((two**2).sum(axis=1))
        cosine = (one * two).sum(axis=1) / np.maximum(lengths, 1e-12)
        distance = np.sqrt(((one - two) ** 2).sum(axis=1))
        scale = self.directions.shape[1] ** 0.5
        parts = [gap * scale, product * scale**2, cosine[:, None] * scale, distance[:, None] * scale]
        return np.concatenate(parts, axis=1).astype(np.float32)  # (N, 2K + 2)


class PairFlattener(Flattener):
    """The matrix of pairs (N, F), and what stands on each side, for models that compare by themselves."""

    directions = DIRECTIONS

    def __init__(self, fields: list[Field]) -> None:
        super().__init__(fields)
        pair = pair_of(fields)
        assert pair is not None
        self.pair, self.reads = pair, isinstance(pair[0], Text)
        self.texts, self.others = [], []
        self.features = PairFeatures()

    def fit(self, inputs: Inputs) -> PairFlattener:
        """Learnt once for all rungs that look at the items in the same way."""

        def learn() -> tuple:
            if self.reads:
                self.words = learn_topics([text for field in self.pair for text in as_texts(inputs.frame[field.name])])
            items = [self.numbers(distinct(inputs.frame[field.name])[0], field) for field in self.pair]
            found = PairFeatures().fit(np.concatenate(items), scaled=not self.reads, most=self.directions)
            return found, getattr(self, "words", None)

        self.features, self.words = inputs.keep(("pair", *self.look()), learn)
        return self

    def look(self) -> tuple:
        """What tells apart different ways of looking at the items."""
        return ("flat",)

    def numbers(self, values: pl.Series, field: Field) -> np.ndarray:
        """What each item shows, (M, D)."""
        if self.reads:
            counter, tfidf, topics = self.words
            return topics.transform(tfidf.transform(counter.transform(as_texts(values))))
        return field.flat_numbers(values)

    def sides(self, inputs: Inputs, most: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Both sides of the first `most` rows, each (N, D); every different item is looked at once."""
        first, second = (self.side(inputs, field) for field in self.pair)
        return first[:most], second[:most]

    def side(self, inputs: Inputs, field: Field) -> Items:
        make = lambda values: self.features.turned(self.numbers(values, field))  # noqa: E731
        return inputs.of_items(field, make, *self.look(), self.features.directions.tobytes())

    def dense(self, inputs: Inputs) -> np.ndarray:
        first, second = (self.side(inputs, field) for field in self.pair)
        parts = range(0, max(1, len(inputs)), AT_ONCE)
        return np.concatenate([self.features.of(first[at : at + AT_ONCE], second[at : at + AT_ONCE]) for at in parts])

    def matrix(self, inputs: Inputs) -> np.ndarray:
        return self.dense(inputs)

    def state(self) -> tuple[dict, Tensors]:
        tensors = {
            f"pair.{name}": torch.from_numpy(getattr(self.features, name).copy()) for name in PairFeatures.arrays
        }
        if not self.reads:
            return {"ngrams": {}}, tensors
        counter, tfidf, topics = self.words
        tensors |= {"idf": torch.from_numpy(tfidf.idf_), "topics": torch.from_numpy(topics.components_)}
        return {"ngrams": {"both": sorted(counter.vocabulary_, key=counter.vocabulary_.get)}}, tensors

    def restore(self, data: dict, tensors: Tensors) -> None:
        for name in PairFeatures.arrays:
            setattr(self.features, name, tensors[f"pair.{name}"].numpy())
        if self.reads:
            counter = ngram_counter(vocabulary={word: number for number, word in enumerate(data["ngrams"]["both"])})
            tfidf, topics = TfidfTransformer(sublinear_tf=True), TruncatedSVD(len(tensors["topics"]))
            tfidf.idf_, topics.components_ = tensors["idf"].numpy(), tensors["topics"].numpy()
            self.words = (counter, tfidf, topics)

    # ---- in an ejected script

    def script_side(self) -> str:
        """Lines that define `side(frame, name)`: what stands on one side."""
        names = quoted([field.name for field in self.pair])
        lines = ""
        if self.reads:
            lines = f"words = [text for name in {names} for text in as_texts(train[name])]\n"
            lines += "counter, tfidf, topics = learn_topics(words)\n\n"
        lines += '\ndef numbers(values, name):\n    """What each item shows: (items, numbers)."""\n'
        lines += f"    return {self.script_numbers()}\n\n\n"
        lines += f"items = [numbers(distinct(train[name])[0], name) for name in {names}]\n"
        lines += f"compare = PairFeatures().fit(np.concatenate(items){', scaled=False' if self.reads else ''}, most={self.directions})\n"
        lines += (
            '\n\ndef side(frame, name):\n    """One side, every different item looked at once: (rows, numbers)."""\n'
        )
        return (
            lines
            + "    values, places = distinct(frame[name])\n    return compare.turned(numbers(values, name))[places]\n"
        )

    def script_numbers(self) -> str:
        if self.reads:
            return "topics.transform(tfidf.transform(counter.transform(as_texts(values))))"
        return f"{self.pair[0].shelf}[name].flat_numbers(values)"

    def script_lines(self, wanted: str) -> str:
        first, second = (quoted(field.name) for field in self.pair)
        lines = self.script_side()
        lines += f'\n\ndef {wanted}(frame):\n    """What the two sides have in common: (rows, features)."""\n'
        return lines + f"    return compare.of(side(frame, {first}), side(frame, {second}))\n"

    @property
    def script_things(self) -> tuple:
        return (as_texts, distinct, learn_topics, PairFeatures)


def learn_topics(texts: list[str]) -> tuple:
    """A counter of n-grams, their weights (TF-IDF), and the main topics of these texts."""
    counter = ngram_counter(rare=2 if len(texts) > 500 else 1)
    try:
        counts = counter.fit_transform(texts)
    except ValueError:  # nothing but stop signs: one empty n-gram keeps the shapes
        counter = ngram_counter(vocabulary={" ": 0})
        counts = counter.transform(texts)
    tfidf = TfidfTransformer(sublinear_tf=True).fit(counts)
    topics = TruncatedSVD(max(1, min(64, counts.shape[1] - 1)), random_state=0).fit(tfidf.transform(counts))
    return counter, tfidf, topics


def flattener_for(fields: list[Field]) -> Flattener:
    """What makes the matrix of these inputs."""
    return PairFlattener(fields) if pair_of(fields) else Flattener(fields)

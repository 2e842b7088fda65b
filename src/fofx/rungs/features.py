"""One flat matrix for the rungs that know no sequences and no space: columns, pixels, and counts of n-grams side by side.

Shapes: N rows, D features.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse
import torch
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from fofx.encoded import Inputs
from fofx.fields.base import Field, Flat
from fofx.fields.text import Text, as_texts
from fofx.rungs.base import Tensors, quoted

NGRAMS = 200_000  # the most frequent n-grams are kept


class Flattener:
    """Learns from the training rows how to make the matrix: (N, D) float32, dense, or sparse when there is text."""

    def __init__(self, fields: list[Field]) -> None:
        self.fields = fields
        self.texts = [field for field in fields if isinstance(field, Text)]
        self.others = [field for field in fields if not isinstance(field, Text | Flat)]
        self.counters: dict[str, CountVectorizer] = {}
        self.scales: dict[str, TfidfTransformer] = {}

    def fit(self, inputs: Inputs) -> Flattener:
        for field in self.texts:
            texts = inputs.texts(field)
            counter = ngram_counter(rare=2 if len(texts) > 500 else 1)
            try:
                counts = counter.fit_transform(texts)
            except ValueError:  # nothing but stop signs: one empty n-gram keeps the shapes
                counter = ngram_counter(vocabulary={" ": 0})
                counts = counter.transform(texts)
            self.counters[field.name] = counter
            self.scales[field.name] = TfidfTransformer(sublinear_tf=True).fit(counts)
        return self

    def dense(self, inputs: Inputs) -> np.ndarray:
        """Columns, pixels and the like; no n-grams. float32 (N, D)."""
        parts = [inputs.vector().numpy()] if inputs.of(Flat) else []
        parts += [inputs.flat_numbers(field) for field in self.others]
        return np.concatenate(parts, axis=1) if parts else np.zeros((len(inputs), 0), np.float32)

    def counts(self, inputs: Inputs) -> sparse.csr_matrix:
        """How often each n-gram stands in each row's texts, (N, D) sparse."""
        return sparse.hstack([self.counters[f.name].transform(inputs.texts(f)) for f in self.texts], format="csr")

    def matrix(self, inputs: Inputs) -> np.ndarray | sparse.csr_matrix:
        """Everything: dense columns, and the n-grams weighed by TF-IDF."""
        if not self.texts:
            return self.dense(inputs)
        ngrams = [
            self.scales[field.name].transform(self.counters[field.name].transform(inputs.texts(field)))
            for field in self.texts
        ]
        return sparse.hstack([sparse.csr_matrix(self.dense(inputs)), *ngrams], format="csr", dtype=np.float32)

    def state(self) -> tuple[dict, Tensors]:
        words = {name: sorted(c.vocabulary_, key=c.vocabulary_.get) for name, c in self.counters.items()}
        weights = {f"idf.{name}": torch.from_numpy(np.asarray(scale.idf_)) for name, scale in self.scales.items()}
        return {"ngrams": words}, weights

    def restore(self, data: dict, tensors: Tensors) -> None:
        for name, words in data["ngrams"].items():
            self.counters[name] = ngram_counter(vocabulary={word: number for number, word in enumerate(words)})
            self.scales[name] = TfidfTransformer(sublinear_tf=True)
            self.scales[name].idf_ = tensors[f"idf.{name}"].numpy()

    def script_lines(self, wanted: str) -> str:
        """Lines that define `wanted` (frame) -> matrix: "dense", "counts" or "matrix" above, for an ejected script."""
        parts = ["torch.cat([field.encode(frame[field.name]) for field in columns], dim=1).numpy()"]
        parts = parts if any(isinstance(field, Flat) for field in self.fields) else []
        for field in self.others:
            parts.append(f"{field.shelf}[{quoted(field.name)}].flat_numbers(frame[{quoted(field.name)}])")
        dense = [line for part in parts for line in (f"        {part},",)]
        lines = ""
        for number, text in enumerate(self.texts if wanted != "dense" else [], start=1):
            rare = "2 if len(words) > 500 else 1"
            lines += f"words = as_texts(train[{quoted(text.name)}])\ncounter{number} = ngram_counter(rare={rare})\n"
            lines += f"counter{number}.fit(words)\n"
            if wanted == "matrix":
                lines += f"tfidf{number} = TfidfTransformer(sublinear_tf=True).fit(counter{number}.transform(words))\n"
        lines += f'\n\ndef {wanted}(frame):\n    """All columns, pixels and n-grams of each row, side by side: (rows, features)."""\n'
        ngrams = []
        for number, text in enumerate(self.texts, start=1):
            counts = f"counter{number}.transform(as_texts(frame[{quoted(text.name)}]))"
            ngrams.append(f"        {f'tfidf{number}.transform({counts})' if wanted == 'matrix' else counts},")
        if wanted == "counts":
            return (
                lines
                + "    parts = [\n"
                + "\n".join(ngrams)
                + '\n    ]\n    return sparse.hstack(parts, format="csr")\n'
            )
        if not self.texts or wanted == "dense":
            return lines + "    parts = [\n" + "\n".join(dense) + "\n    ]\n    return np.concatenate(parts, axis=1)\n"
        if dense:
            lines += "    dense = [\n" + "\n".join(dense) + "\n    ]\n"
            ngrams.insert(0, "        sparse.csr_matrix(np.concatenate(dense, axis=1)),")
        lines += "    parts = [\n" + "\n".join(ngrams) + "\n    ]\n"
        return lines + '    return sparse.hstack(parts, format="csr", dtype=np.float32)\n'

    @property
    def script_things(self) -> tuple:
        """What `script_lines` calls by name."""
        return (as_texts, TfidfTransformer)


def ngram_counter(rare: int = 1, vocabulary: dict[str, int] | None = None) -> CountVectorizer:
    """Counts runs of 1 to 4 characters within words; in Chinese, where words are not spaced, across the whole clause."""
    if vocabulary is not None:
        return CountVectorizer(analyzer="char_wb", ngram_range=(1, 4), vocabulary=vocabulary, dtype=np.float32)
    return CountVectorizer(analyzer="char_wb", ngram_range=(1, 4), min_df=rare, max_features=NGRAMS, dtype=np.float32)

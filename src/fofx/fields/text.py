"""A column of text: cut into subwords by a vocabulary learnt from the training rows, then written as numbers.

Chinese characters stand alone, other words are cut into pieces (WordPiece, as BERT does it). Row 0 of the vocabulary is padding.
Shapes: N rows, T positions (tokens).
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import polars as pl
import torch
from torch import nn

from fofx.errors import TaskError
from fofx.fields.base import Field, Habit, Take
from fofx.models.pretrained import encode_by, make, text_part
from fofx.models.reading import Words

FEW = 10_000  # training texts: a wide network learns fewer by heart


def learn_tokenizer(texts: list[str], vocabulary: int):
    """A WordPiece tokenizer (the `tokenizers` package) trained on these texts; the same texts give the same one.

    The package numbers the letters inside words ("##a") in the random order of its hash table, and equally frequent
    pieces are joined in the order of their numbers. So a first pass finds these letters, and a second gets them sorted.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    def train(size: int, first: list[str], letters: int):
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True, handle_chinese_chars=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(
            vocab_size=size, min_frequency=2, special_tokens=first, limit_alphabet=letters, show_progress=False
        )
        tokenizer.train_from_iterator(texts, trainer)
        return tokenizer

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    inner = sorted(piece for piece in train(0, special, 6000).get_vocab() if piece.startswith("##") and len(piece) == 3)
    trained = train(vocabulary, special + inner, 6000)
    tokenizer = Tokenizer(models.WordPiece(trained.get_vocab(), unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer, tokenizer.pre_tokenizer = trained.normalizer, trained.pre_tokenizer
    tokenizer.add_special_tokens(special)
    return tokenizer


def encode_texts(texts: list[str], tokenizer, length: int) -> np.ndarray:
    """Token numbers (N, T), T = the longest text but at most `length`; shorter rows are filled up with 0 (padding).

    A text that is too long keeps its head and its tail: verdicts often stand at the end.
    """
    rows = []
    for encoding in tokenizer.encode_batch(texts, add_special_tokens=False):
        ids = encoding.ids or [1]
        rows.append(ids if len(ids) <= length else ids[: length - length // 3] + ids[len(ids) - length // 3 :])
    table = np.zeros((len(rows), max(map(len, rows), default=1)), dtype=np.int32)
    for number, ids in enumerate(rows):
        table[number, : len(ids)] = ids
    return table  # (N, T)


class Text(Field):
    """(N, T) token numbers, int32, 0 = padding."""

    kind = "text"
    way = 3
    shelf = "texts"
    learnt = ("tokenizer_json", "length", "vocabulary", "typical")
    pieces = (learn_tokenizer, encode_texts)
    longest = 160  # tokens; attention costs the square of it
    networks: ClassVar[dict[str, Habit]] = {
        "gru": Habit(5e-3, epochs=10, share=1.5, dropout=0.5, unasked=True),
        "transformer": Habit(2e-3, epochs=6, dropout=0.4, unasked=True),
        "lstm": Habit(5e-3, epochs=10, dropout=0.5),
        "rnn": Habit(3e-3, epochs=6, dropout=0.5, family="small"),
    }
    usual = "gru"

    def learn(self, column: pl.Series) -> None:
        texts = as_texts(column)
        self._tokenizer = learn_tokenizer(texts, vocabulary=8000)
        self.tokenizer_json = self._tokenizer.to_str()
        self.vocabulary = self._tokenizer.get_vocab_size()
        sample = self._tokenizer.encode_batch(texts[:5000], add_special_tokens=False)
        lengths = [len(encoding.ids) for encoding in sample] or [1]
        self.length = int(min(self.longest, max(4, np.quantile(lengths, 0.95))))
        self.typical = ""

    def restore(self, state: dict) -> None:
        super().restore(state)
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_str(self.tokenizer_json)

    def encode(self, column: pl.Series) -> torch.Tensor:
        return torch.from_numpy(encode_texts(as_texts(column), self._tokenizer, self.length))

    def flat_numbers(self, column: pl.Series) -> np.ndarray:
        """Nothing: which words a text has is counted by n-grams elsewhere."""
        return np.zeros((len(column), 0), np.float32)

    @classmethod
    def as_kind(cls, column: pl.Series) -> pl.Series:
        return column if column.dtype == pl.String else column.cast(pl.String)

    # ---- networks

    def serves(self, model: str) -> bool:
        return model in self.networks or model.startswith(("bert/", "hf/"))

    def part(self, model: str, rows: int, alone: bool, take: Take) -> dict:
        if model.startswith(("bert/", "hf/")):
            return {"kind": self.kind, **text_part(model, self.name)}
        wide = {"width": 128, "layers": 2} if rows >= FEW else {"width": 64, "layers": 1}
        part = {"block": self.name, "kind": self.kind, "model": model, "vocabulary": self.vocabulary}
        return part | {"positions": self.longest, **wide, "dropout": self.networks[model].dropout}

    def tensor(self, column: pl.Series, part: dict) -> torch.Tensor:
        if "tokenizer" in part:
            return encode_by(as_texts(column), part["tokenizer"], part["length"])
        return self.encode(column)

    def looked_at(self, part: dict) -> Any:
        return part.get("folder")

    @staticmethod
    def network(part: dict, outputs: int | None, pretrained: bool = False) -> nn.Module:
        name = part["model"]
        if name in ("gru", "lstm", "rnn"):
            from fofx.models.rnn import TextRNN

            return TextRNN(part["vocabulary"], outputs, width=part["width"], kind=name, dropout=part["dropout"])
        if name == "transformer":
            from fofx.models.transformer import Transformer

            return Transformer(
                part["vocabulary"],
                outputs,
                width=part["width"],
                layers=part["layers"],
                positions=part["positions"],
                dropout=part["dropout"],
            )
        return make(part, outputs, pretrained)

    @staticmethod
    def reader(part: dict) -> tuple[type[nn.Module], tuple] | None:
        return Words, ()

    @staticmethod
    def probe(part: dict) -> torch.Tensor:
        return torch.ones(2, 4, dtype=torch.int32)

    @staticmethod
    def lengths(tensor: torch.Tensor) -> torch.Tensor | None:
        return (tensor != 0).sum(dim=1)

    @classmethod
    def script_tensor(cls, part: dict) -> str:
        if "tokenizer" in part:
            words = f"{part['model']!r} comes with a checkpoint of its own and cannot be one plain script."
            raise TaskError("cannot-eject", words)
        return super().script_tensor(part)

    def tokens(self, text: str) -> list[str]:
        """The pieces that a text is cut into, for pictures and explanations."""
        return self._tokenizer.encode(text, add_special_tokens=False).tokens


def as_texts(column: pl.Series) -> list[str]:
    """A polars column as text; a missing value is an empty text."""
    return ["" if value is None else str(value) for value in column.to_list()]

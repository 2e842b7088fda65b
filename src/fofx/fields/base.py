"""What every kind of column can do: learn from the training rows, encode to a tensor, and back; and which networks read it.

A kind is one file of this folder. Nothing about a kind is known outside its file: the ladder, the network, the ejected script
and the run ask the class.

Shapes: N rows, D numbers of a flat row, K numbers that a model gives for one output.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import polars as pl
import torch
from torch import nn

from fofx.errors import Notice

Take = Callable[[dict], torch.Tensor]  # the training rows of a block, encoded as its part of the shape says


@dataclass(frozen=True)
class Habit:
    """How a network is usually trained: peak learning rate, rows an update, most passes through the rows, patience in checks."""

    rate: float
    batch: int = 64
    epochs: int = 60
    patience: int | None = None
    schedule: str = "one-cycle"
    share: float = 1.0  # of the time, in proportion to the other rungs
    dropout: float | None = None
    family: str = "deep"  # or "small"
    unasked: bool = False  # whether the ladder tries it by itself


class Field(ABC):
    """One named column of a kind.

    `learn` sees the training rows only; what it finds is kept in plain attributes named by `learnt`, so that the whole
    field is JSON (`state`) and comes back without running anybody's code (`restore`).
    """

    kind: ClassVar[str] = ""
    way: ClassVar[int] = 1  # the row of the 3 x 3 table: 1 vector, 2 picture, 3 sequence
    block: ClassVar[str] = ""  # columns of the same block are joined into one: "vector" for flat ones
    shelf: ClassVar[str] = ""  # what an ejected script calls the columns of this kind
    learnt: ClassVar[tuple[str, ...]] = ()
    given: ClassVar[tuple[str, ...]] = ()  # attributes that a reader may know; a script is told them
    pieces: ClassVar[tuple[Any, ...]] = ()  # the functions that an ejected script needs, pasted from their source
    networks: ClassVar[dict[str, Habit]] = {}  # the networks that read such a column, by name
    usual: ClassVar[str] = ""  # the one that reads it where the rung is about another column

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def learn(self, column: pl.Series) -> None:
        """Find from the training rows what encoding needs (a mean, the classes, a vocabulary)."""

    @abstractmethod
    def encode(self, column: pl.Series) -> torch.Tensor:
        """Values to one contiguous tensor, a row each."""

    def flat_numbers(self, column: pl.Series) -> np.ndarray:
        """The same as a flat row for models that know neither space nor time, float32 (N, D)."""
        return self.encode(column).flatten(1).numpy().astype(np.float32)

    def hear(self, output: Output, fields: list[Field]) -> None:
        """Learn of an output, once everything has learnt from the training rows; `fields` are all inputs."""
        return None

    def steps_to(self, output: str) -> int | None:
        """How many steps after this column's newest number the output of this name lies; None where it does not go on with it."""
        return None

    def latest(self, column: pl.Series) -> np.ndarray:
        """The newest number of each value, (N,) in the user's unit, for kinds that `steps_to` an output."""
        raise NotImplementedError

    def state(self) -> dict:
        return {"kind": self.kind, "name": self.name, **{key: getattr(self, key) for key in self.learnt}}

    def restore(self, state: dict) -> None:
        for key in self.learnt:
            setattr(self, key, state[key])

    # ---- values as they come

    @classmethod
    def recognises(cls, column: pl.Series) -> bool:
        """Whether a column of which nobody said the kind is of this one."""
        return False

    @classmethod
    def broken(cls, column: pl.Series) -> list[tuple[int, str]]:
        """Row and reason of each value that cannot be used."""
        return []

    @classmethod
    def remarks(cls, column: pl.Series) -> list[Notice]:
        """What is worth saying of the values that can be used: what is changed or left out of them."""
        return []

    @classmethod
    def as_kind(cls, column: pl.Series) -> pl.Series:
        """A column that was given for an answer, in the type of this kind. Raises DataError."""
        return column

    @classmethod
    def absent(cls, name: str, rows: int) -> pl.Series:
        """A column without any value."""
        return pl.Series(name, [None] * rows, dtype=pl.String)

    @classmethod
    def blank(cls, name: str) -> pl.Series:
        """One row that can be encoded, to try whether a model works."""
        return cls.absent(name, 1)

    @classmethod
    def many(cls, shape: tuple[int, ...]) -> bool:
        """Whether an array of this shape holds several values rather than one."""
        return len(shape) > 0

    # ---- the networks that read it. `part` is the plain data of one encoder in a network's shape

    def serves(self, model: str) -> bool:
        """Whether the network of this name reads such a column."""
        return model in self.networks

    def climbs(self, model: str, alone: bool, budget: float) -> bool:
        """Whether the ladder tries this network unasked; `alone` when there is no other block of input."""
        return self.networks[model].unasked

    def part(self, model: str, rows: int, alone: bool, take: Take) -> dict:
        """The part of the shape for this block: what `network` needs, as plain data. `rows` are those of training."""
        raise NotImplementedError

    def tensor(self, column: pl.Series, part: dict) -> torch.Tensor:
        """The column as this part takes it."""
        return self.encode(column)

    def looked_at(self, part: dict) -> Any:
        """What tells apart different encodings of the same column; None for the usual one."""
        return None

    @staticmethod
    def join(tensors: list[torch.Tensor]) -> torch.Tensor:
        """Several columns of one block as one tensor."""
        return tensors[0]

    @staticmethod
    def network(part: dict, outputs: int | None, pretrained: bool = False) -> nn.Module:
        """The network of a part; with outputs None it gives features (B, F). Written as `if name == ...: return Call(...)`,
        which is also how an ejected script learns the call."""
        raise NotImplementedError

    @staticmethod
    def reader(part: dict) -> tuple[type[nn.Module], tuple] | None:
        """What stands between the stored tensor and the network, as class and first arguments: `Pixels(mean, spread, network)`."""
        return None

    @staticmethod
    def probe(part: dict) -> torch.Tensor:
        """Two rows as the network takes them, to see how many features it gives."""
        raise NotImplementedError

    @staticmethod
    def lengths(tensor: torch.Tensor) -> torch.Tensor | None:
        """How long each row is, where rows of like length should share a batch."""
        return None

    @staticmethod
    def augmentation(part: dict) -> tuple[Callable[..., torch.Tensor], dict] | None:
        """A function of a batch that makes new rows from old ones, and its further arguments."""
        return None

    @classmethod
    def script_tensor(cls, part: dict) -> str:
        """The expression of `frame` that gives this part's tensor in an ejected script. Raises TaskError "cannot-eject"."""
        name = '"' + part["block"].replace("\\", "\\\\").replace('"', '\\"') + '"'
        return f"{cls.shelf}[{name}].encode(frame[{name}])"


class Flat(Field):
    """A field whose encoding is a few numbers a row: such fields side by side make the vector x."""

    block = "vector"
    shelf = "columns"
    networks: ClassVar[dict[str, Habit]] = {
        "mlp": Habit(1e-3, 128, 200, patience=8, dropout=0.1, family="small", unasked=True),
        "tabm": Habit(2e-3, 128, 120, patience=12, share=3.0, dropout=0.1, unasked=True),
    }
    usual = "mlp"

    @abstractmethod
    def feature_names(self) -> list[str]:
        """A name for each of the D numbers that `encode` gives a row."""

    def climbs(self, model: str, alone: bool, budget: float) -> bool:
        return alone

    def part(self, model: str, rows: int, alone: bool, take: Take) -> dict:
        from fofx.models.tabm import quantile_edges

        part: dict[str, Any] = {"block": self.block, "kind": self.block}
        vector = take(part)
        part |= {"model": model, "inputs": vector.shape[1], "dropout": self.networks["mlp"].dropout}
        if model == "tabm" and alone:
            edges = quantile_edges(vector[:20_000], bins=min(32, max(4, rows // 25)))
            return part | {"edges": edges, "hidden": [128, 128], "members": 8}
        return part | {"model": "mlp", "hidden": [64, 64] if rows < 2000 else [128, 128]}

    @staticmethod
    def join(tensors: list[torch.Tensor]) -> torch.Tensor:
        return torch.cat(tensors, dim=1)

    @staticmethod
    def network(part: dict, outputs: int | None, pretrained: bool = False) -> nn.Module:
        name = part["model"]
        if name == "tabm":
            from fofx.models.tabm import TabM

            return TabM(
                part["inputs"],
                outputs,
                members=part["members"],
                hidden=tuple(part["hidden"]),
                dropout=part["dropout"],
                edges=part["edges"],
            )
        if name == "mlp":
            from fofx.models.mlp import MLP

            return MLP(part["inputs"], outputs, hidden=tuple(part["hidden"]), dropout=part["dropout"])
        raise KeyError(name)

    @staticmethod
    def probe(part: dict) -> torch.Tensor:
        return torch.zeros(2, part["inputs"])

    @classmethod
    def script_tensor(cls, part: dict) -> str:
        return "torch.cat([field.encode(frame[field.name]) for field in columns], dim=1)"


class Output(Field):
    """A field that can also be an answer: what the model's numbers mean, how they are judged, and the naive answer.

    Most outputs are K numbers of a row. One that is `mapped` (boxes, a mask) has a shape of its own: it stands alone, the network
    that gives it is its own, and so are the rungs below (`Rung.serves`).
    """

    way_out: ClassVar[int] = 2  # the column of the 3 x 3 table: 1 regression, 2 classification, 3 structure
    mapped: ClassVar[bool] = False
    takes: ClassVar[str] = ""  # the kind of the one input from which a mapped output comes
    stratified: ClassVar[bool] = False  # whether the split spreads its values in proportion
    naive_name: ClassVar[str] = "naive"
    graded: ClassVar[str] = ""  # the metric in which 1 is best, for the mean over outputs of different kinds
    at_once: ClassVar[int] = 256  # rows predicted at a time
    most_looked_at: ClassVar[int] = 2000  # validation rows that a look at the validation loss takes

    @property
    @abstractmethod
    def size(self) -> int:
        """K: how many numbers a model gives for this output (for a map: at each place)."""

    @abstractmethod
    def targets(self, column: pl.Series) -> torch.Tensor:
        """What a model should give: (N, 1) float for numbers, (N,) int64 for classes."""

    @abstractmethod
    def loss(self, outputs: torch.Tensor, targets: torch.Tensor, options: dict) -> torch.Tensor:
        """How bad the outputs (B, K) or (B, members, K) are: one number."""

    @abstractmethod
    def predictions(self, outputs: torch.Tensor) -> np.ndarray:
        """Raw outputs to predictions: (N,) numbers in the user's unit, or (N, classes) probabilities."""

    @abstractmethod
    def truth(self, column: pl.Series) -> np.ndarray:
        """The right answers in the form that `metrics` compares: (N,) numbers, or (N,) class numbers."""

    @abstractmethod
    def metrics(self, predictions: np.ndarray, truth: np.ndarray) -> dict[str, float | None]:
        """Scores under their usual names."""

    @abstractmethod
    def main_metric(self, options: dict) -> tuple[str, bool]:
        """The metric of the ladder's table, and whether more is better."""

    @abstractmethod
    def cost(self, predictions: np.ndarray, truth: np.ndarray, options: dict) -> float:
        """What choosing between rungs makes small on the validation rows; about 1 for a useless answer."""

    @abstractmethod
    def naive(self, truth: np.ndarray) -> np.ndarray:
        """The one prediction that knows no input: the mean (), or the classes' shares (classes,)."""

    @abstractmethod
    def answers(self, predictions: np.ndarray) -> list:
        """Predictions to values as the user writes them."""

    @abstractmethod
    def prediction_shape(self) -> tuple[int, ...]:
        """The shape of one row's prediction."""

    def told(self, predictions: np.ndarray, reach: Any = None) -> list[dict]:
        """What an Answer says of each row: its value, and probabilities or interval where they apply."""
        return [{"value": value} for value in self.answers(predictions)]

    def told_of(self, predictions: np.ndarray, inputs: pl.DataFrame, reach: Any = None) -> list[dict]:
        """`told`, for outputs whose answers depend on the inputs beside them (boxes are in pixels of their own picture)."""
        return self.told(predictions, reach)

    def in_words(self, value: Any) -> str | None:
        """One answer in a line of text, for kinds whose values are too large to be shown; None where the value itself is."""
        return None

    @abstractmethod
    def row_costs(self, predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """How wrong each answer is, (N,): the worst mistakes have the largest."""

    @abstractmethod
    def strength(self, predictions: np.ndarray) -> tuple[str | None, np.ndarray]:
        """What the first of these variants of one row answers (None for a number), and how strongly each gives it: (V,)."""

    @abstractmethod
    def loss_line(self, asked: dict) -> str:
        """The loss as a line of plain PyTorch, for reading."""

    def reach(self, predictions: np.ndarray, truth: np.ndarray) -> float | None:
        """How far nine in ten right answers lie from the prediction, for outputs with an interval."""
        return None

    def known(self, truth: np.ndarray) -> np.ndarray:
        """Rows whose right answer can be given at all: (N,) bool."""
        return np.ones(len(truth), dtype=bool)

    def kept(self, column: pl.Series, predictions: np.ndarray) -> dict[str, Any]:
        """Columns for predictions.parquet: the right answer and what was predicted."""
        return {self.name: column, f"{self.name} predicted": self.answers(predictions)}

    def attune(self, fields: list[Field]) -> None:
        """Tell the inputs what this output needs of them (a mask needs whole pictures, not their middle)."""
        for field in fields:
            field.hear(self, fields)

    @staticmethod
    def joint(part: dict) -> tuple[Callable[..., tuple[torch.Tensor, torch.Tensor]], dict] | None:
        """An augmentation of a batch of inputs and targets together, instead of the input's own."""
        return None

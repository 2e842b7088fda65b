"""One rung of the ladder: something that can be fitted to a problem within some seconds and then predicts.

What is fitted is plain data (`state`: JSON and tensors), so that it is saved without pickle and comes back by `restore`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch

from fofx.encoded import Inputs, Predictions, Problem
from fofx.errors import TaskError
from fofx.fields.base import Field, Output

Watch = Callable[[dict[str, Any]], None]
Tensors = dict[str, torch.Tensor]


class Rung(ABC):
    """A model of the ladder by its name; `family` says how deep it is: naive, linear, classical, small or deep.

    A new rung is one new file here: `words` are the names by which it is asked for, `height` is how high it stands, `tried` says
    where it is tried unasked.
    """

    family: str = ""
    words: ClassVar[tuple[str, ...]] = ()
    height: ClassVar[int] = 0
    serves: ClassVar[tuple[str, ...] | None] = ("",)  # kinds of mapped outputs; "": numbers and classes; None: all
    share: ClassVar[float] = 0.0  # its part of the time, in proportion; 0 for rungs that are quick by nature

    place: Path | None = None  # its folder in the run, where there is one: history, checkpoint and frames go there

    def __init__(self, name: str, fields: list[Field], outputs: list[Output]) -> None:
        self.name = name
        self.fields = fields
        self.outputs = outputs
        self.recipe: dict = {}  # everything that fixes the result; with it and the seed a second fit is the same

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        """The names under which the ladder tries it unasked on such a problem."""
        return []

    @classmethod
    def demand(cls, name: str, fields: list[Field], outputs: list[Output]) -> None:
        """TaskError "model-does-not-fit" when it cannot work on such inputs and outputs."""
        mapped = next((output for output in outputs if output.mapped), None)
        if cls.serves is not None and (mapped.kind if mapped else "") not in cls.serves:
            gives = "numbers and classes" if cls.serves == ("",) else ", ".join(cls.serves)
            wanted = f"{mapped.name!r} holds {mapped.kind}" if mapped else "here numbers or classes should come out"
            raise TaskError("model-does-not-fit", f"{name!r} gives {gives}; {wanted}.")

    def meet(self, below: dict[str, Rung], costs: dict[str, float]) -> None:  # noqa: B027  # most rungs need nobody
        """Told before it is fitted: the rungs that are fitted already, and their costs on validation."""

    @abstractmethod
    def fit(self, problem: Problem, seconds: float, watch: Watch) -> None:
        """Find the parameters, in about this many seconds; a recipe that is already set is followed instead."""

    @abstractmethod
    def predict(self, inputs: Inputs) -> Predictions:
        """A prediction for each row: numbers in the user's unit, or probabilities of the classes."""

    @abstractmethod
    def state(self) -> tuple[dict, Tensors]:
        """Everything `predict` needs, as JSON and tensors."""

    @abstractmethod
    def restore(self, data: dict, tensors: Tensors) -> None:
        """Set what `state` gave."""

    def script(self, record: dict) -> Code:
        """This fitted rung as plain lines, for a script that runs without fofx; `record` is the run's run.json."""
        raise TaskError("cannot-eject", f"The rung {self.name!r} cannot be written as one plain script.")


@dataclass
class Code:
    """Lines that fit a rung anew, by the course's steps, and end in `predict(frame)` -> {output: predictions}.

    They find `train` and `validation` (frames), the fields `columns`, `texts`, `pictures` and `outputs`, which have
    learnt, and SEED. `things` are what they call by name: its source is pasted. `possible` says which values an expression
    inside such a function can have, so that branches for other cases are left out.
    """

    settings: dict[str, Any]
    steps: list[tuple[str, str]]  # ("model" | "loss" | "optimize", lines)
    things: list[Any]
    possible: dict[str, dict[str, set]] = field(default_factory=dict)
    helpers: str = ""  # functions of its own that come first: what goes into the model


def quoted(value: Any) -> str:
    """Like repr, with double quotes around text where that needs no more escapes."""
    if isinstance(value, str):
        plain = repr(value)
        return f'"{plain[1:-1]}"' if plain[0] == "'" and '"' not in plain else plain
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(k)}: {quoted(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(quoted(each) for each in value) + "]"
    return repr(value)


def predict_lines(about: str, expression: str) -> str:
    """Lines that define `predict` by one expression of `frame`."""
    return f'\n\ndef predict(frame):\n    """{about}"""\n    return {expression}\n'


def by_kind(expressions: tuple[str, str], numbers: list[bool]) -> str:
    """The expression for numbers, the one for classes, or the choice between them where outputs are of both kinds."""
    if len(set(numbers)) == 1:
        return expressions[0 if numbers[0] else 1]
    return f"{expressions[0]} if isinstance(output, Number) else {expressions[1]}"

"""Every control of the playground as plain data, with its limits: what a URL, a JSON text or a script writes down.

A `State` that exists is within its limits. A value from a URL or a JSON text that is not is replaced by its default, and
`State.notices` says so; the same value given in Python raises TaskError.
"""

from __future__ import annotations

import dataclasses
import json
import math
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

from fofx.errors import FofxError, Notice, TaskError, nearest
from fofx.play import own
from fofx.play.formula import canonical

RATES = (0.00001, 0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
PENALTIES = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
FEATURES = ("x", "y", "x * x", "y * y", "x * y", "sin(x)", "sin(y)")
ACTIVATIONS = ("tanh", "relu", "leaky", "gelu", "sigmoid", "linear")
DATA_OF = {
    "classification": ("circle", "xor", "gauss", "spiral", "own"),
    "regression": ("plane", "multi-gauss", "own"),
}
CHOICES: dict[str, tuple[str, ...]] = {
    "data": ("circle", "xor", "gauss", "spiral", "plane", "multi-gauss", "own"),
    "problem": tuple(DATA_OF),
    "output": ("auto", *ACTIVATIONS),
    "loss": ("auto", "squared", "absolute", "cross-entropy"),
    "regularisation": ("none", "l1", "l2"),
    "optimizer": ("sgd", "momentum", "adam"),
    "schedule": ("constant", "cosine", "step"),
    "init": ("playground", "xavier", "he", "normal", "zeros"),
}
# From, to. Whole numbers where both are whole.
RANGES: dict[str, tuple[float, float]] = {
    "classes": (2, 8),
    "rate": (0.0, 100.0),
    "penalty": (0.0, 100.0),
    "horizon": (1, 100_000),
    "dropout": (0.0, 0.9),
    "batch": (1, 500),
    "count": (20, 2000),
    "noise": (0, 50),
    "train_share": (10, 90),
    "seed": (0, 2**32 - 1),
    "data_seed": (0, 2**32 - 1),
    "stop_loss": (0.0, 1000.0),
    "stop_epochs": (0, 1_000_000),
    "stop_patience": (0, 1_000_000),
}
LAYERS, NEURONS, MOST_FEATURES = 6, 16, 16
# Controls that a teacher can hide by the URL: hide=rate;noise
HIDEABLE = (
    *("data", "problem", "classes", "features", "layers", "activations", "output", "loss", "rate", "regularisation"),
    *("penalty", "optimizer", "schedule", "dropout", "init", "batch", "count", "noise", "train_share", "seed"),
    *("show_penalty", "show_test", "discretize", "reset", "play", "step", "back", "sample", "code", "rivals", "sweep"),
    *("landscape", "mistakes", "stop", "own", "weights", "chart"),
)


@dataclass(frozen=True)
class State:
    """All settings of one playground.

    data, problem, classes: what is to be learnt; "own" takes the points of `own`, each (x, y, answer). noise and train_share in
    per cent, count of points in all, data_seed chooses them; seed chooses the first weights and the order of rows.
    features: formulas of x and y. layers: neurons of each hidden layer; activations: one for each, or one for all.
    output: activation of the last layer ("auto": tanh for classes by squared error, linear otherwise).
    loss: "auto" is squared error (half the square) for numbers and two classes, cross-entropy for three and more.
    schedule: "cosine" falls to a hundredth of the rate within `horizon` epochs, "step" divides it by ten at half and at
    three quarters of them. dropout: share of hidden outputs that are left out of an update. stop_loss, stop_epochs,
    stop_patience: training stops at this loss, at this epoch, after so many epochs without progress; 0 is never.
    show_penalty adds the penalty to the shown losses. show_test, discretize and hide are for the screen.
    """

    data: str = "circle"
    problem: str = "classification"
    classes: int = 2
    features: tuple[str, ...] = ("x", "y")
    layers: tuple[int, ...] = (4, 2)
    activations: tuple[str, ...] = ("tanh",)
    output: str = "auto"
    loss: str = "auto"
    rate: float = 0.03
    regularisation: str = "none"
    penalty: float = 0.0
    optimizer: str = "sgd"
    schedule: str = "constant"
    horizon: int = 200
    dropout: float = 0.0
    init: str = "playground"
    batch: int = 10
    count: int = 500
    noise: int = 0
    train_share: int = 50
    seed: int = 0
    data_seed: int = 0
    stop_loss: float = 0.0
    stop_epochs: int = 0
    stop_patience: int = 0
    show_penalty: bool = False
    show_test: bool = False
    discretize: bool = False
    hide: tuple[str, ...] = ()
    own: tuple[tuple[float, float, float], ...] = ()
    notices: tuple[Notice, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        for name in NAMES:
            object.__setattr__(self, name, checked(name, getattr(self, name)))
        if len(self.activations) == 1:
            object.__setattr__(self, "activations", self.activations * len(self.layers))
        misfit = next(self.misfits(), None)
        if misfit:
            raise TaskError("bad-state", misfit[1])

    def misfits(self):
        """Settings that do not go together: (the field to put back, what is wrong)."""
        if len(self.activations) != len(self.layers):
            yield (
                "activations",
                f"{len(self.activations)} activations for {len(self.layers)} hidden layers; give one each.",
            )
        if self.data not in DATA_OF[self.problem]:
            known = ", ".join(DATA_OF[self.problem])
            yield "data", f"The data {self.data!r} is not for {self.problem}; there are {known}."
        if self.problem == "regression" and self.loss == "cross-entropy":
            yield "loss", "Cross-entropy is for classes; a number is learnt by 'squared' or 'absolute' error."
        if self.problem == "classification" and self.classes > 2 and self.loss in ("squared", "absolute"):
            yield "loss", f"{self.classes} classes are learnt by 'cross-entropy', not by {self.loss!r} error."
        if self.cross_entropy and self.output not in ("auto", "linear"):
            yield "output", f"Cross-entropy takes scores: the output is 'linear', not {self.output!r}."
        if self.data == "own" and not self.own:
            yield "data", "data='own' needs points: own=((x, y, answer), ...)."
        strange = [answer for *_, answer in self.own if answer != int(answer) or not 0 <= answer < self.classes]
        if self.data == "own" and self.problem == "classification" and strange:
            yield "classes", f"The answers of own points must be the whole numbers from 0 to {self.classes - 1}."

    @property
    def cross_entropy(self) -> bool:
        many = self.problem == "classification" and self.classes > 2
        return self.loss == "cross-entropy" or (many and self.loss == "auto")

    @property
    def loss_used(self) -> str:
        """The loss with "auto" resolved."""
        return "cross-entropy" if self.cross_entropy else "squared" if self.loss == "auto" else self.loss

    @property
    def output_used(self) -> str:
        """The last activation with "auto" resolved."""
        if self.output != "auto":
            return self.output
        return "tanh" if self.problem == "classification" and not self.cross_entropy else "linear"

    @property
    def outputs(self) -> int:
        """Neurons of the last layer: one, or one for each of three and more classes."""
        return self.classes if self.problem == "classification" and self.classes > 2 else 1

    @property
    def sizes(self) -> tuple[int, ...]:
        """Features, hidden layers, outputs."""
        return (len(self.features), *self.layers, self.outputs)

    def changed(self, **fields: Any) -> State:
        """This state with other values; what no longer fits them follows: activations per layer, the data of a problem."""
        unknown = next((name for name in fields if name not in NAMES), None)
        if unknown is not None:
            raise TaskError("unknown-control", f"The playground has no {unknown!r}.{nearest(unknown, NAMES)}")
        values = {name: getattr(self, name) for name in NAMES} | fields
        layers = checked("layers", values["layers"])
        if "activations" not in fields and len(layers) != len(self.layers):
            last = self.activations[-1:] or ("tanh",)
            values["activations"] = (*self.activations, *last * len(layers))[: len(layers)]
        problem, data = values["problem"], values["data"]
        if problem in DATA_OF and data in CHOICES["data"] and data not in DATA_OF[problem]:
            if "data" in fields and "problem" not in fields:
                values["problem"] = next(name for name, known in DATA_OF.items() if data in known)
            elif "data" not in fields:
                values["data"] = DATA_OF[problem][0]
        try:
            return State(**values)
        except TaskError:
            for name in ("loss", "output"):  # what the new classes or loss leave no room for
                if name not in fields:
                    values[name] = "auto"
            return State(**values)

    def to_all(self) -> dict[str, Any]:
        """Every control with its value."""
        return {name: getattr(self, name) for name in NAMES}

    def to_dict(self) -> dict[str, Any]:
        """What differs from the defaults, by name."""
        return {name: getattr(self, name) for name in NAMES if getattr(self, name) != getattr(DEFAULT, name)}

    def to_json(self) -> str:
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> State:
        """The state of a JSON object; see `lenient` for values beyond the limits."""
        try:
            given = json.loads(text)
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict):
            return cls(
                notices=(Notice("playground-value", "This is no JSON object of a playground: the default is shown."),)
            )
        return lenient(given)

    def to_url(self) -> str:
        """What differs from the defaults as "name=value&...": the part of a URL behind ? or #."""
        return urllib.parse.urlencode(
            {name: written(name, value) for name, value in self.to_dict().items()}, safe=";*(),"
        )

    @classmethod
    def from_url(cls, url: str) -> State:
        """The state of a whole URL or of its part behind ? or #. Values beyond the limits become defaults with a Notice."""
        query = url[:100_000].replace("#", "?").rpartition("?")[2]
        pairs = urllib.parse.parse_qsl(query, keep_blank_values=True, errors="replace", max_num_fields=None)
        return lenient({name: read(name, text) for name, text in pairs if name in NAMES})


NAMES = tuple(each.name for each in dataclasses.fields(State) if each.name != "notices")
KINDS = {each.name: type(each.default) for each in dataclasses.fields(State)}


def bad(name: str, value: Any, wanted: str) -> TaskError:
    return TaskError("bad-state", f"{name} must be {wanted}, not {str(value)[:60]!r}.")


def checked(name: str, value: Any) -> Any:
    """The value of a control in its own type, when it is within the limits. TaskError "bad-state" otherwise."""
    if name in CHOICES:
        if value not in CHOICES[name]:
            raise bad(name, value, f"one of {', '.join(CHOICES[name])}")
        return value
    if name in RANGES:
        return checked_number(name, value)
    if KINDS[name] is bool:
        if not isinstance(value, bool):
            raise bad(name, value, "True or False")
        return value
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise bad(name, value, "a row of values")
    return checked_row(name, tuple(value))


def checked_number(name: str, value: Any) -> int | float:
    low, high = RANGES[name]
    whole = KINDS[name] is int
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool | str) or not low <= number <= high or (whole and number != int(number)):
        raise bad(name, value, f"a {'whole ' if whole else ''}number from {low:g} to {high:g}")
    return int(number) if whole else number


def checked_row(name: str, row: tuple) -> tuple:
    if name == "own":
        return own.checked(row)
    if name == "features":
        if not 1 <= len(row) <= MOST_FEATURES:
            raise bad(name, row, f"1 to {MOST_FEATURES} formulas")
        formulas = tuple(canonical(each) for each in row)
        if len(set(formulas)) < len(formulas):
            raise bad(name, row, "formulas that differ")
        return formulas
    if name == "layers":
        whole = all(isinstance(size, int) and not isinstance(size, bool) and 1 <= size <= NEURONS for size in row)
        if len(row) > LAYERS or not whole:
            raise bad(name, row, f"at most {LAYERS} layers of 1 to {NEURONS} neurons")
        return row
    known = {"activations": ACTIVATIONS, "hide": HIDEABLE}[name]
    strange = next((each for each in row if each not in known), None)
    if strange is not None or len(row) > 100:
        raise bad(name, strange, f"some of {', '.join(known)}")
    return tuple(dict.fromkeys(row)) if name == "hide" else row


def lenient(given: dict[str, Any]) -> State:
    """The state of values from outside: one that is beyond its limits, or does not fit the others, becomes its default."""
    values, notices = {}, []
    for name in NAMES:
        if name in given:
            try:
                values[name] = checked(name, given[name])
            except FofxError as trouble:
                notices.append(Notice("playground-value", f"{trouble.message} The default is used."))
    for _ in NAMES:
        try:
            return State(**values, notices=tuple(notices))
        except TaskError:
            pass
        trial = object.__new__(State)  # the values without the check, to ask which one does not fit
        for name in NAMES:
            object.__setattr__(trial, name, values.get(name, getattr(DEFAULT, name)))
        if len(trial.activations) == 1 or "activations" not in values:
            object.__setattr__(trial, "activations", trial.activations[:1] * len(trial.layers))
            values["activations"] = trial.activations
            continue
        name, why = next(trial.misfits())
        notices.append(Notice("playground-value", f"{why} The default is used."))
        if name == "data" and trial.problem == "regression":
            values["data"] = DATA_OF["regression"][0]
        elif name == "classes":
            values["data"] = "circle"
        else:
            values.pop(name, None)
    return State(notices=tuple(notices))


def written(name: str, value: Any) -> str:
    if name == "own":
        return own.to_text(value)
    if isinstance(value, tuple):
        return ";".join(map(str, value))
    return str(int(value)) if isinstance(value, bool) else str(value) if isinstance(value, str) else repr(value)


def read(name: str, text: str) -> Any:
    """The value that a part of a URL stands for; the text itself when it stands for none, which `checked` refuses."""
    try:
        if name == "own":
            return own.from_text(text)
        if KINDS[name] is bool:
            return {"1": True, "true": True, "0": False, "false": False}.get(text.lower(), text)
        if KINDS[name] is tuple:
            parts = tuple(part.strip() for part in text.split(";")) if text else ()
            return tuple(int(part) for part in parts) if name == "layers" else parts
        if KINDS[name] in (int, float):
            return int(text) if KINDS[name] is int else float(text)
    except (ValueError, FofxError):
        return text if KINDS[name] is not tuple else None
    return text


DEFAULT = State()

"""Neurons that compose lines into curves: one neuron, a sum of several, a layer, two layers, and a curve to match.

    Neuron()                                                  # one neuron, f(w x + b)
    Neuron(stage="sum", first=[[1, 1], [1, 0], [1, -1]], out=[1, -2, 1], target="bump")
H neurons in a layer, X places along x. y = f(w x + b); sum and layer: y = c + sum over i of v_i f(w_i x + b_i).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import traitlets

from fofx.errors import TaskError
from fofx.widgets.curves import ACTIVATIONS, CORNERS, EXAMPLES, FORMULAS, PLACES, REACH, STAGES, TARGETS, activate, axis
from fofx.widgets.pasted import is_numeric
from fofx.widgets.study import Number, Study, put, without

DRAWN = 61  # places of a drawn target
STEEPEST = 100.0
LARGEST = 1000.0  # output weight that least squares may choose
FIRST, SECOND = 8, 6  # the most neurons of a layer


class Neuron(Study):
    """stage: "one", "sum", "layer" or "two". activation: of every hidden neuron. chosen: [layer, neuron] (layer 3: output).

    first: H neurons [w, b]. second: neurons [H weights, b] on the first layer (stage "two"). out, bias: the output's
    weights on the last layer, and its bias (both unused at stage "one"). target: the curve to match, one of TARGETS;
    own: its heights at 61 places when target is "own".
    """

    name = "neuron"
    parts = ("study", "neuron_network")
    stage = traitlets.Enum(tuple(STAGES), "one").tag(state=True)
    activation = traitlets.Enum(ACTIVATIONS, "relu").tag(state=True)
    first: Any = traitlets.List(STAGES["one"]["first"]).tag(state=True)
    second: Any = traitlets.List([]).tag(state=True)
    out: Any = traitlets.List([1.0]).tag(state=True)
    bias = Number(0.0, -1e4, 1e4).tag(state=True)
    chosen = traitlets.List([1, 0]).tag(state=True)
    target = traitlets.Enum(TARGETS, "none").tag(state=True)
    own: Any = traitlets.List([]).tag(state=True)
    curves = traitlets.Bytes(b"").tag(sync=True)  # float32 (C, X); view["curves"] names the C curves

    def __init__(self, lang: str | None = None, **fields: Any) -> None:
        if "stage" in fields:
            fields = {**STAGES[fields["stage"]], **fields} if fields["stage"] in STAGES else fields
        super().__init__(lang, **fields)

    @traitlets.validate("first")
    def _first_layer(self, proposal: Any) -> list[list[float]]:
        found = proposal["value"]
        if not 1 <= len(found) <= FIRST or not all(
            isinstance(each, list | tuple) and len(each) == 2 and usable(each) for each in found
        ):
            raise traitlets.TraitError(f"Expected 1 to {FIRST} neurons [w, b], got {found!r}.")
        return [[float(w), float(b)] for w, b in found]

    @traitlets.validate("second")
    def _second_layer(self, proposal: Any) -> list[list[Any]]:
        found = proposal["value"]
        good = len(found) <= SECOND and all(
            isinstance(each, list | tuple)
            and len(each) == 2
            and isinstance(each[0], list | tuple)
            and usable([*each[0], each[1]])
            for each in found
        )
        if not good:
            raise traitlets.TraitError(f"Expected at most {SECOND} neurons [weights, b], got {found!r}.")
        return [[[float(weight) for weight in weights], float(b)] for weights, b in found]

    @traitlets.validate("out", "own")
    def _numbers(self, proposal: Any) -> list[float]:
        if not usable(proposal["value"], 1e4) or len(proposal["value"]) > DRAWN:
            raise traitlets.TraitError(f"Expected numbers within 10000, got {proposal['value']!r}.")
        return [float(value) for value in proposal["value"]]

    @traitlets.validate("chosen")
    def _unit(self, proposal: Any) -> list[int]:
        found = proposal["value"]
        if len(found) != 2 or found[0] not in (1, 2, 3) or not isinstance(found[1], int) or found[1] < 0:
            raise traitlets.TraitError(f"Expected [layer, neuron], got {found!r}.")
        return list(found)

    # ---- what the page asks for

    def change(self, values: dict[str, Any]) -> None:
        stage = values.get("stage", self.stage)
        if stage != self.stage and stage in STAGES:
            values = {**self.on_stage(stage), **values}
        super().change(values)

    def on_stage(self, stage: str) -> dict[str, Any]:
        """What a stage needs beyond what is there: neurons that are there stay, as far as they fit."""
        if stage == "one":
            return {"first": self.first[:1], "second": [], "out": [1.0], "bias": 0.0, "chosen": [1, 0]}
        if stage == "two":
            fresh = STAGES["two"] if len(self.first) < 2 else None
            first = self.first if fresh is None else fresh["first"]
            second = [
                [[part * (-1) ** (turn * at) for at, part in enumerate([1.0] * len(first))], 0.0] for turn in range(2)
            ]
            return {
                "first": first,
                "second": fresh["second"] if fresh else second,
                "out": [1.0, -1.0],
                "chosen": [2, 0],
            }
        if len(self.first) == 1:
            return {**STAGES[stage], "chosen": [1, 0]}
        if self.stage == "two":  # the output looked at the second layer; now it looks at the first
            return {"second": [], "out": [1.0] * len(self.first), "chosen": [1, 0]}
        return {}

    def act(self, content: dict[str, Any]) -> None:
        do = content.get("do")
        if do == "line":
            self.through(content.get("unit"), content.get("points"))
        elif do == "weight":
            self.set_weight(content.get("layer"), content.get("unit"), content.get("source"), content.get("value"))
        elif do == "add":
            self.add(content.get("layer"))
        elif do == "remove":
            self.remove()
        elif do == "spread":
            self.spread()
        elif do == "fit":
            self.fit()
        elif do == "draw":
            self.draw(content.get("points"))
        elif do == "example":
            if content.get("name") not in EXAMPLES:
                raise TaskError(
                    "bad-value", f"Expected an example of {', '.join(EXAMPLES)}, got {content.get('name')!r}."
                )
            self.change({"second": [], "chosen": [1, 0], **EXAMPLES[content["name"]]})
        else:
            super().act(content)

    def through(self, unit: Any, points: Any) -> None:
        """Lay the line w x + b of a neuron of the first layer through two points."""
        good = (
            isinstance(points, list)
            and len(points) == 2
            and all(isinstance(one, list) and len(one) == 2 and is_numeric(one) for one in points)
        )
        if not good or not isinstance(unit, int) or not 0 <= unit < len(self.first):
            raise TaskError("bad-value", f"Expected a neuron and two points, got {unit!r} and {points!r}.")
        (x1, y1), (x2, y2) = points
        run = x2 - x1
        w = (y2 - y1) / run if abs(run) > 1e-9 else STEEPEST * (1 if (y2 > y1) == (run >= 0) else -1)
        w = float(np.clip(w, -STEEPEST, STEEPEST))
        self.first = put(self.first, unit, [w, y1 - w * x1])

    def set_weight(self, layer: Any, unit: Any, source: Any, value: Any) -> None:
        """One weight or bias: of a first neuron ("bias" or 0), of a second one, or of the output (layer 3, unit 0)."""
        if not is_numeric([value]):
            raise TaskError("bad-value", f"Expected a number, got {value!r}.")
        if layer == 3 and source == "bias":
            self.bias = value
        elif layer == 3 and within(source, self.out):
            self.out = put(self.out, source, value)
        elif layer == 1 and within(unit, self.first) and source in (0, "bias"):
            w, b = self.first[unit]
            self.first = put(self.first, unit, [w, value] if source == "bias" else [value, b])
        elif layer == 2 and within(unit, self.second) and (source == "bias" or within(source, self.first)):
            weights, b = self.second[unit]
            self.second = put(
                self.second, unit, [weights, value] if source == "bias" else [put(weights, source, value), b]
            )
        else:
            raise TaskError("bad-value", f"There is no weight {source!r} of neuron {unit!r} in layer {layer!r}.")

    def add(self, layer: Any) -> None:
        """One more neuron; what comes after it takes it with weight 0 or 1, so that little changes."""
        if self.stage == "one":
            raise TaskError("bad-value", "One neuron is one neuron: go on to the sum for more.")
        if layer == 2 and self.stage == "two" and len(self.second) < SECOND:
            self.second, self.out = [*self.second, [[1.0] * len(self.first), 0.0]], [*self.out, 1.0]
            self.chosen = [2, len(self.second) - 1]
        elif layer == 1 and len(self.first) < FIRST:
            self.first = [*self.first, [1.0, float(len(self.first) % 3) - 1.5]]
            if self.stage == "two":
                self.second = [[[*weights, 0.0], b] for weights, b in self.second]
            else:
                self.out = [*self.out, 1.0]
            self.chosen = [1, len(self.first) - 1]
        else:
            raise TaskError("too-many-neurons", f"Expected at most {FIRST} and {SECOND} neurons.")

    def remove(self) -> None:
        """Take the chosen neuron away."""
        layer, unit = self.chosen
        if layer == 2 and len(self.second) > 1 and within(unit, self.second):
            self.second, self.out = without(self.second, unit), without(self.out, unit)
        elif layer == 1 and len(self.first) > 1 and within(unit, self.first):
            self.first = without(self.first, unit)
            if self.stage == "two":
                self.second = [[without(weights, unit), b] for weights, b in self.second]
            else:
                self.out = without(self.out, unit)
        else:
            raise TaskError("bad-value", "Choose a neuron of a layer that keeps at least one.")
        self.chosen = [layer, max(0, unit - 1)]

    def spread(self) -> None:
        """Put the places where the first layer's lines cross 0 at equal distances, all lines of one slope."""
        ends = (
            np.linspace(-REACH, REACH, len(self.first), endpoint=False)
            if self.activation == "relu"
            else np.linspace(-REACH, REACH, len(self.first) + 2)[1:-1]
        )
        slope = 1.0 if self.activation in ("relu", "linear") else 3.0
        self.first = [[slope, float(-slope * end)] for end in ends]

    def fit(self) -> None:
        """The output weights and bias of the smallest mean square to the target: linear least squares."""
        goal = self.goal()
        if goal is None or self.stage == "one":
            raise TaskError(
                "no-target", "Expected a curve to match and a sum of neurons: choose or draw a target first."
            )
        last = self.layers()[-1][1]  # (H, X)
        design = np.vstack([last, np.ones(PLACES)]).T  # (X, H + 1)
        for small in (
            1e-6,
            1e-4,
            1e-2,
            0.5,
        ):  # neurons that are nearly alike would ask for huge weights: leave those out
            found, *_ = np.linalg.lstsq(design, goal, rcond=small)
            if np.abs(found).max() <= LARGEST:
                break
        self.out, self.bias = found[:-1].tolist(), float(found[-1])

    def draw(self, points: Any) -> None:
        """Draw over the target: between the drawn places the curve follows the pen."""
        if (
            not isinstance(points, list)
            or not 1 <= len(points) <= 500
            or not all(isinstance(one, list) and len(one) == 2 and usable(one, 1e3) for one in points)
        ):
            raise TaskError("bad-value", "Expected a trail of 1 to 500 places [x, y].")
        places = np.linspace(-REACH, REACH, DRAWN)
        goal = self.goal()
        heights = np.interp(places, axis(), goal) if goal is not None else np.zeros(DRAWN)
        trail = np.array(sorted(points), np.float64)
        inside = (places >= trail[0, 0] - REACH / DRAWN) & (places <= trail[-1, 0] + REACH / DRAWN)
        heights[inside] = np.clip(np.interp(places[inside], trail[:, 0], trail[:, 1]), -REACH, REACH)
        self.change({"own": heights.tolist(), "target": "own"})

    # ---- what it shows

    def goal(self) -> np.ndarray | None:
        """The target's heights (X,), or None."""
        if self.target == "own":
            return (
                np.interp(axis(), np.linspace(-REACH, REACH, len(self.own)), self.own) if self.own else np.zeros(PLACES)
            )
        if self.target in CORNERS:
            x, y = np.array(CORNERS[self.target]).T
            return np.interp(axis(), x, y)
        return FORMULAS[self.target](axis()) if self.target in FORMULAS else None

    def layers(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Each layer's lines before and after the activation: [((H, X), (H, X)), ...]."""
        w, b = np.array(self.first).T[..., None]  # (H, 1), (H, 1)
        z = w * axis() + b  # (H, X)
        found = [(z, activate(self.activation, z))]
        if self.stage == "two":
            if not self.second or any(len(weights) != len(self.first) for weights, _ in self.second):
                raise TaskError("bad-value", "Expected second neurons with one weight for every first neuron.")
            weights = np.array([weights for weights, _ in self.second])  # (H2, H)
            z = weights @ found[0][1] + np.array([[b] for _, b in self.second])  # (H2, X)
            found.append((z, activate(self.activation, z)))
        return found

    def compute(self) -> dict[str, Any]:
        layers = self.layers()
        last = layers[-1][1]  # (H, X)
        if self.stage == "one":
            parts, total = last[:1], last[0]
        else:
            if len(self.out) != len(last):
                raise TaskError("bad-value", f"Expected {len(last)} output weights, got {len(self.out)}.")
            parts = np.array(self.out)[:, None] * last  # (H, X)
            total = parts.sum(axis=0) + self.bias  # (X,)
        goal = self.goal()
        names: list[Any] = []
        rows: list[np.ndarray] = []
        for number, (z, a) in enumerate(layers, 1):
            for unit in range(len(z)):
                names += [["z", number, unit], ["a", number, unit]]
                rows += [z[unit], a[unit]]
        names += (
            [["part", 0, unit] for unit in range(len(parts))]
            + [["sum", 0, 0]]
            + ([["target", 0, 0]] if goal is not None else [])
        )
        rows += [*parts, total, *([goal] if goal is not None else [])]
        self.curves = np.array(rows).astype(np.float32).tobytes()
        layer, unit = self.chosen
        count = {1: len(self.first), 2: len(self.second), 3: 1}[layer]
        crossings = [-b / w if w else None for w, b in self.first]
        return {
            "curves": names,
            "places": PLACES,
            "reach": REACH,
            "chosen": [layer, unit] if unit < count and not (layer == 2 and self.stage != "two") else [1, 0],
            "gap": None if goal is None else float(((total - goal) ** 2).mean()),
            "crossings": crossings,
            "bends": bends(self.first) if self.activation == "relu" and self.stage != "two" else None,
            "answer": {"value": len(CORNERS["bump"]) - 2},
            "most": [FIRST, SECOND],
            "examples": list(EXAMPLES),
            "targets": list(TARGETS),
        }


def bends(first: list[list[float]]) -> int:
    """At how many different places inside the chart a sum of these ReLU neurons can bend."""
    return len({round(-b / w, 6) for w, b in first if w and abs(b / w) < REACH})


def usable(values: Any, most: float = 1e3) -> bool:
    """Whether these are finite numbers of a size that can be drawn."""
    return isinstance(values, list | tuple) and is_numeric(values) and all(abs(value) <= most for value in values)


def within(number: Any, items: list[Any]) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < len(items)

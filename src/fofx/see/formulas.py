"""The steps of the chain rule as formulas: each factor in LaTeX, in letters and with its numbers.

Layers, units and inputs are counted from 0 in Python and from 1 in formulas. Shapes: O outputs of a layer, K of all answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fofx.see.dense import Dense, slope_formula


def number(value: float, digits: int = 4) -> str:
    r"""A number with a few digits.

    >>> number(0.5), number(-12345678.0), number(2.5e-7)
    ('0.5', '-1.235 \\times 10^{7}', '2.5 \\times 10^{-7}')
    """
    text = f"{float(value):.{digits}g}"
    if "e" not in text:
        return text
    head, power = text.split("e")
    return rf"{head} \times 10^{{{int(power)}}}"


def signed(value: float, digits: int = 4) -> str:
    """The same, in brackets when it is negative.

    >>> signed(-2.0)
    '(-2)'
    """
    text = number(value, digits)
    return f"({text})" if text.startswith("-") else text


class Weight(NamedTuple):
    """Which weight: the layer, the unit it leads into, and the input it multiplies (None: the unit's bias)."""

    layer: int
    unit: int
    source: int | None


@dataclass(frozen=True)
class Factor:
    """One step of the way back. `kind` is "loss", "back", "slope" or "input"; in `own` also "own-loss", "spread", "answer".

    `value` is the number at the chosen unit (of later layers: None where several units share the way), `vector` the same
    quantity at every unit of the layer. `terms` are the summands of a "back" step: w . delta of each unit behind.
    """

    kind: str
    layer: int
    formula: str  # LaTeX
    numbers: str  # LaTeX, the same with this row's numbers
    vector: np.ndarray  # (O,)
    value: float | None
    in_product: bool
    terms: np.ndarray | None = None


class Part(NamedTuple):
    """One loss on a slice of the outputs."""

    kind: str
    first: int
    size: int
    target: np.ndarray  # (size,) numbers, or (1,) the class


class Scaled(NamedTuple):
    """A number as the network sees it and in the user's unit: scaled = (own - mean) / spread; None where nothing is scaled."""

    name: str
    scaled: float
    own: Any
    mean: float | None
    spread: float | None


def factors_of(
    layers: list[Dense],
    pulls: list[np.ndarray],
    deltas: list[np.ndarray],
    weight: Weight,
    parts: list[Part],
    entering: float,
) -> list[Factor]:
    """The steps from the loss back to the weight; those of the weight's own unit are the product."""
    at, unit, source = weight
    last, steps = len(layers) - 1, []
    own = unit if at == last else None  # the unit that is looked at in this layer; None where all of them take part
    outputs = layers[last].outputs
    alone = 0 if len(outputs) == 1 else None
    seen = own if own is not None else alone
    k = "k" if seen is None else str(seen + 1)
    meant = [p for p in parts if seen is None or p.first <= seen < p.first + p.size]
    words = [loss_words(part, outputs, seen, k) for part in meant]
    formula, numbers = r" \quad \mathrm{,} \quad ".join(dict.fromkeys(each for each, _ in words)), words[0][1]
    steps.append(Factor("loss", last, formula, numbers, pulls[last], _at(pulls[last], seen), at == last))
    for place in range(last, at - 1, -1):
        layer, m = layers[place], place + 1
        seen = unit if place == at else 0 if len(layer.outputs) == 1 else None
        u = "k" if seen is None else str(seen + 1)
        if place < last:
            after = layers[place + 1]
            terms = None if seen is None else after.weight[:, seen] * deltas[place + 1]  # (O of the next layer,)
            formula = rf"\frac{{\partial L}}{{\partial a^{{({m})}}_{{{u}}}}} = \sum_j w^{{({m + 1})}}_{{j {u}}} \, \delta^{{({m + 1})}}_j"
            numbers = "" if terms is None else _sum(after.weight[:, seen], deltas[place + 1])
            steps.append(
                Factor("back", place, formula, numbers, pulls[place], _at(pulls[place], seen), place == at, terms)
            )
        if layer.activation != "Identity":
            formula = rf"\frac{{\partial a^{{({m})}}_{{{u}}}}}{{\partial z^{{({m})}}_{{{u}}}}} = f'(z^{{({m})}}_{{{u}}}), \quad f'(z) = {slope_formula(layer.activation)}"
            numbers = "" if seen is None else rf"f'({number(layer.sums[seen])}) = {number(layer.slopes[seen])}"
            steps.append(Factor("slope", place, formula, numbers, layer.slopes, _at(layer.slopes, seen), place == at))
    m = at + 1
    if source is None:
        formula = rf"\frac{{\partial z^{{({m})}}_{{{unit + 1}}}}}{{\partial b^{{({m})}}_{{{unit + 1}}}}} = 1"
    else:
        name = f"x_{{{source + 1}}}" if at == 0 else f"a^{{({at})}}_{{{source + 1}}}"
        formula = rf"\frac{{\partial z^{{({m})}}_{{{unit + 1}}}}}{{\partial w^{{({m})}}_{{{unit + 1} {source + 1}}}}} = {name}"
    steps.append(Factor("input", at, formula, number(entering), layers[at].inputs, entering, True))
    return steps


def loss_words(part: Part, outputs: np.ndarray, seen: int | None, k: str) -> tuple[str, str]:
    """dL/dy^ in LaTeX, and with the numbers of one output where one is looked at."""
    left = rf"\frac{{\partial L}}{{\partial \hat y_{{{k}}}}}"
    place = 0 if seen is None else seen - part.first
    share = "" if part.size == 1 else rf"\frac{{1}}{{{part.size}}} "
    value = "" if seen is None else float(outputs[seen])
    if part.kind == "cross-entropy":
        formula = rf"{left} = p_{{{k}}} - y_{{{k}}}, \quad p = \mathrm{{softmax}}(\hat y)"
        own = outputs[part.first : part.first + part.size]
        powers = np.exp(own - own.max())
        right = int(place == int(part.target[0]))
        return formula, "" if seen is None else f"{number(powers[place] / powers.sum())} - {right}"
    target = "" if seen is None else signed(float(part.target[place]))
    if part.kind == "squared":
        formula = rf"{left} = {share}2 (\hat y_{{{k}}} - y_{{{k}}})"
        return formula, "" if seen is None else rf"{share}2 \cdot ({number(value)} - {target})"  # type: ignore[arg-type]
    formula = rf"{left} = {share}\mathrm{{sign}}(\hat y_{{{k}}} - y_{{{k}}})"
    return formula, "" if seen is None else rf"{share}\mathrm{{sign}}({number(value)} - {target})"  # type: ignore[arg-type]


def own_factors(right: Scaled, said: Scaled, slope: float, last: int) -> list[Factor]:
    """The same derivative of the loss in the user's units, (own answer - own right answer)^2."""
    error, spread = 2 * (said.own - right.own), float(right.spread or 1.0)
    made = (
        (
            "own-loss",
            r"\frac{\partial L_{own}}{\partial Y} = 2 (\hat Y - Y)",
            rf"2 \cdot ({number(said.own)} - {signed(right.own)})",
            error,
        ),
        ("spread", r"\frac{\partial \hat Y}{\partial \hat y} = s", number(spread), spread),
        ("answer", r"\frac{\partial \hat y}{\partial w}", number(slope), slope),
    )
    return [
        Factor(kind, last, formula, numbers, np.array([value]), value, True) for kind, formula, numbers, value in made
    ]


def _sum(weights: np.ndarray, deltas: np.ndarray, most: int = 4) -> str:
    """w . delta + w . delta + ... = sum, in LaTeX; the largest terms where there are many."""
    terms = weights * deltas
    places = np.sort(np.argsort(-np.abs(terms), kind="stable")[:most])
    words = " + ".join(rf"{signed(weights[p])} \cdot {signed(deltas[p])}" for p in places)
    return words + (r" + \dots" if len(terms) > most else "") + f" = {number(terms.sum())}"


def _at(values: np.ndarray, place: int | None) -> float | None:
    return None if place is None else float(values[place])

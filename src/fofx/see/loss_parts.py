"""Where the way back begins: how the loss of one row moves with each output, dL/dy^, by the formula of its loss.

The loss is that of this one row: mean squared error of each scaled number, cross-entropy of each category, added up over the
outputs. Shapes: K outputs of all answers together, M members of an ensemble.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from fofx.errors import TaskError
from fofx.fields.category import Category
from fofx.fields.number import Number
from fofx.see.formulas import Part, loss_words, number

SHOWN = 4  # outputs whose slopes are written down


def parts_of(outputs: Sequence[Any], targets: Sequence[torch.Tensor], row: int) -> list[Part] | None:
    """The losses of a run's outputs for one row; None where an output is of a kind whose loss has no formula here.

    Raises TaskError "unknown-class" for a row whose class training never showed.
    """
    parts, first = [], 0
    for output, target in zip(outputs, targets):
        if not isinstance(output, Number | Category):
            return None
        right = target.cpu().double().numpy().reshape(-1)
        if not isinstance(output, Number) and right[0] < 0:
            raise TaskError("unknown-class", f"Row {row} has a class of {output.name!r} that training never showed.")
        parts.append(Part("squared" if isinstance(output, Number) else "cross-entropy", first, output.size, right))
        first += output.size
    return parts


def slopes_of_loss(outputs: np.ndarray, parts: list[Part]) -> np.ndarray:
    """dL/dy^ (K,) by hand."""
    found = np.zeros(len(outputs))
    for part in parts:
        place = slice(part.first, part.first + part.size)
        own = outputs[place]
        if part.kind == "cross-entropy":
            powers = np.exp(own - own.max())
            found[place] = powers / powers.sum() - (np.arange(part.size) == int(part.target[0]))
        elif part.kind == "squared":
            found[place] = 2 * (own - part.target) / part.size
        else:
            found[place] = np.sign(own - part.target) / part.size
    return found


def pull_of(
    outputs: torch.Tensor, parts: list[Part] | None, loss_of: Callable[[torch.Tensor], torch.Tensor]
) -> tuple[torch.Tensor, str, str]:
    """dL/dy^ in the shape of the outputs, (1, K) or (1, M, K), as formula and with its numbers (LaTeX).

    Of an ensemble the loss is the mean over the members. Without `parts` torch derives the loss itself.
    """
    if parts is None:
        free = outputs.clone().requires_grad_(True)
        (start,) = torch.autograd.grad(loss_of(free), free)
        return start, r"\frac{\partial L}{\partial \hat y}", ""
    members = outputs.reshape(-1, outputs.shape[-1]).numpy()  # (M, K)
    slopes = np.stack([slopes_of_loss(member, parts) for member in members]) / len(members)  # (M, K)
    alone = slopes.size == 1
    words = [loss_words(part, members[0], 0 if alone else None, "1" if alone else "k") for part in parts]
    formula = r" \quad \mathrm{,} \quad ".join(dict.fromkeys(each for each, _ in words))
    start = torch.from_numpy(slopes.reshape(outputs.shape))
    if alone:
        return start, formula, words[0][1]
    listed = ", ".join(number(each) for each in slopes.reshape(-1)[:SHOWN]) + (
        r", \dots" if slopes.size > SHOWN else ""
    )
    return start, formula + r", \quad | \partial L / \partial \hat y |", f"| ({listed}) |"

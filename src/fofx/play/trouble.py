"""When a loss is no longer a number: where it began, why, and the setting that helps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fofx.errors import Notice

if TYPE_CHECKING:
    from fofx.play.session import Session


def explained(session: Session) -> tuple[Notice, dict[str, Any]]:
    """The notice of a loss that is not finite, and the changes of the state that cure it in one click."""
    state = session.state
    with np.errstate(all="ignore"):
        finite = np.isfinite(session.outputs(session.train_points)).all(axis=1)
    ends = np.cumsum(state.sizes)
    first = next((layer for layer, end in enumerate(ends) if not finite[:end].all()), len(ends) - 1)
    where = "the output" if first == len(ends) - 1 else f"hidden layer {first}"
    largest = max(float(np.abs(np.nan_to_num(weights)).max()) for weights, _ in session.weights)
    text = f"At update {session.updates} numbers grew beyond what float32 can hold, first in {where}; "
    text += f"the largest weight is {largest:.3g}. "
    # Gradient descent on penalty / 2 * w^2 alone multiplies w by 1 - rate * penalty: beyond 2 it grows at every update.
    if state.regularisation == "l2" and state.rate * state.penalty > 1:
        remedy: dict[str, Any] = {"penalty": 0.1 / state.rate}
        text += f"The L2 penalty times the learning rate is {state.rate * state.penalty:.3g}; above 2 it throws every weight "
        text += "further than it came from. Make the penalty smaller."
    else:
        remedy = {"rate": float(f"{min(state.rate / 10, 0.03):.3g}")}
        text += f"The learning rate {state.rate:g} takes steps that overshoot; try {remedy['rate']:g}, "
        text += "or an activation that is bounded, such as tanh."
    return Notice("playground-not-finite", text), remedy

"""From where a training can be repeated elsewhere: float32 rounds differently in torch, and some descents magnify that.

With a large learning rate a difference in the eighth digit can double every few updates (the descent is chaotic), until two
honest runs have nothing in common. Such a run cannot be repeated from its beginning by any other program. So the engine
repeats it itself with weights that are a rounding error away, and looks how far the losses drift apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fofx.play import kernels, network
from fofx.play.seen import ALL
from fofx.play.timeline import Snapshot

if TYPE_CHECKING:
    from fofx.play.session import Session

# Relative change of every weight, and the largest change of a loss that passes. One rounding error; and several, which find
# the rare step where a sum is so near the bend of a ReLU that rounding decides on which side it falls.
NUDGES = {1.2e-7: 5e-7, 1e-6: 4e-6}
TRIALS = 4  # repetitions of each, with other signs


def repeated(
    session: Session, there: Snapshot, updates: int, nudge: float = 0.0, trial: int = 0
) -> tuple[Snapshot, np.ndarray]:
    """`updates` more from a place under the present settings: where that ends, and the losses of training and test at the end
    of each epoch and at the last update (epochs + 1, 2). The session stays as it is."""
    random = np.random.default_rng(trial)
    parameters, first, second = (tensor.copy() for tensor in there.tensors)
    parameters *= (1 + nudge * random.choice((-1, 1), parameters.shape)).astype(np.float32)
    place, progress, gradient = there.place.copy(), there.progress.copy(), np.zeros_like(parameters)
    rule = network.rule(session.state)._replace(stop_loss=0.0, stop_epochs=0, stop_patience=0)
    rows = len(session.train_answers)
    history = np.empty((updates // -(-rows // min(rule.batch, rows)) + 2, 6))
    tensors = (parameters, first, second, gradient, session._mask)
    written, _ = kernels.descend(
        session._net, rule, tensors, session._learnt, session._tested, place, progress, history, updates, ALL
    )
    ends = [kernels.measure(session._net, parameters, *rows)[0] for rows in (session._learnt, session._tested)]
    end = Snapshot(there.state, (parameters, first, second), place, progress, False)
    return end, np.vstack([history[:written, 1:3], ends])


def steady(session: Session, there: Snapshot) -> bool:
    """Whether the losses from `there` to now stay what they are when the weights are moved by rounding errors."""
    updates = session.updates - int(there.place[2])
    _, losses = repeated(session, there, updates)
    for nudge, most in NUDGES.items():
        for trial in range(TRIALS):
            _, moved = repeated(session, there, updates, nudge, trial)
            if moved.shape != losses.shape or not np.abs(moved - losses).max() <= most:  # also when it is NaN
                return False
    return True


def steady_start(session: Session) -> Snapshot:
    """Where the present settings began to hold, when the training since then can be repeated elsewhere; else a place
    two thirds as far away, and so on, down to the present weights."""
    base, now = session.timeline.base, session.updates
    there, far = base, now - int(base.place[2])
    while far > 0 and not steady(session, there):
        far = far * 2 // 3
        known = [each for each in (base, *session.timeline.marks[-1].since) if each.place[2] <= now - far]
        there, _ = repeated(session, known[-1], now - far - int(known[-1].place[2]))
    return there

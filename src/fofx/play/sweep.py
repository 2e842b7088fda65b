"""Many playgrounds at once: the same settings from other seeds, or one setting with several values.

The compiled loop leaves Python's lock, so the playgrounds share the processor's cores.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from fofx.errors import FofxError, TaskError
from fofx.play.state import NAMES, State

MOST = 200  # playgrounds in one sweep


class Swept(NamedTuple):
    """One playground at its end. trouble: the code of what stopped it ("playground-not-finite"), or empty."""

    value: Any
    train_loss: float
    test_loss: float
    accuracy: float | None
    epochs: int
    stopped: str
    trouble: str
    state: State


def one(state: State, value: Any, epochs: int) -> Swept:
    from fofx.play.session import Session

    session = Session(state)
    session.chart_every = epochs  # only the end is asked for
    session.epoch(epochs)
    trouble = session.trouble.code if session.trouble else ""
    losses = session.train_loss, session.test_loss
    return Swept(value, *losses, session.accuracy, session.epochs, session.stopped, trouble, state)


def sweep(
    state: State,
    name: str = "seed",
    values: Sequence[Any] = tuple(range(10)),
    epochs: int = 100,
    enough: Callable[[], bool] | None = None,
) -> Iterator[Swept]:
    """Train one playground for each value of the setting `name`, and yield each as it is done, in the order of `values`.

    `enough` is asked before each playground begins: True ends the sweep. TaskError for an unknown setting, a value beyond its limits,
    or too many values, before anything is trained.
    """
    if name not in NAMES:
        raise TaskError("unknown-control", f"The playground has no setting {name!r}.")
    if not 1 <= len(values) <= MOST or not 1 <= epochs <= 100_000:
        raise TaskError("bad-sweep", f"A sweep takes 1 to {MOST} values and 1 to 100000 epochs.")
    try:
        states = [state.changed(**{name: value}) for value in values]
    except FofxError as trouble:
        raise TaskError("bad-sweep", f"A value of this sweep does not fit: {trouble.message}") from trouble
    asked = list(zip(states, values))
    return _trained(asked, epochs, enough or (lambda: False))


def _trained(asked: list[tuple[State, Any]], epochs: int, enough: Callable[[], bool]) -> Iterator[Swept]:
    def run(each: tuple[State, Any]) -> Swept | None:
        return None if enough() else one(*each, epochs)

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for done in pool.map(run, asked):
            if done is None:
                return
            yield done

"""The way back: snapshots of a playground, few enough to keep, dense enough to return to any update.

Between two snapshots the compiled loop is repeated; it depends on seed, epoch and update only, so what comes out is the
same to the last bit. A change of settings or an edit of a weight is a mark of its own, which is undone as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fofx.play.state import State

MOST_MARKS, MOST_BETWEEN = 100, 64


@dataclass(frozen=True)
class Snapshot:
    """Everything that decides what comes next. place: epoch, rows of it done, updates, moves of the optimizer."""

    state: State
    tensors: tuple[np.ndarray, np.ndarray, np.ndarray]  # parameters, first and second moments
    place: np.ndarray
    progress: np.ndarray
    begun: bool  # the first weights of the state, which a script can make again


@dataclass
class Mark:
    """A start, or a change: what was before it (None at a start), what after it, and snapshots of the training since."""

    what: str
    before: Snapshot | None
    rows_before: list
    after: Snapshot
    since: list[Snapshot]


class Timeline:
    """Marks in their order, the last one under way."""

    def __init__(self, start: Snapshot) -> None:
        self.marks = [Mark("start", None, [], start, [])]

    @property
    def base(self) -> Snapshot:
        """Where the present settings began to hold."""
        return self.marks[-1].after

    def mark(self, what: str, before: Snapshot, rows: list, after: Snapshot) -> None:
        """Note a change. The same control moved again, with no update in between, is one change (a slider is dragged)."""
        last = self.marks[-1]
        if what == last.what and last.before is not None and not last.since:
            last.after = after
        else:
            self.marks = [*self.marks[-MOST_MARKS + 1 :], Mark(what, before, list(rows), after, [])]

    def passed(self, here: Snapshot) -> None:
        """Note a place on the way; when there are too many, every second is forgotten."""
        since = self.marks[-1].since
        since.append(here)
        if len(since) > MOST_BETWEEN:
            self.marks[-1].since = since[::2]

    def nearest(self, updates: int) -> Snapshot:
        """The last snapshot since the mark that is not beyond `updates`; later ones are forgotten."""
        mark = self.marks[-1]
        mark.since = [each for each in mark.since if each.place[2] <= updates]
        return mark.since[-1] if mark.since else mark.after

    def undo(self) -> tuple[Snapshot, list] | None:
        """Forget the last change: what was before it and its history; None when the way begins here."""
        last = self.marks[-1]
        if last.before is None or len(self.marks) == 1:
            return None
        self.marks.pop()
        return last.before, last.rows_before

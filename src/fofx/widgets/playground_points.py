"""A learner's own points on the playground's page: painted with a brush, pasted as text, or two columns of a CSV file."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np

from fofx.play import own
from fofx.play.data import DATA
from fofx.play.session import Session
from fofx.play.state import DATA_OF, State

RUBBED = 0.5  # how far an eraser reaches, in units of the square


class Points:
    """Messages about own points. A part of Playground, which has the sessions."""

    if TYPE_CHECKING:  # what Playground brings
        sessions: list[Session]
        points: bytes

        def send(self, content: Any, buffers: Any = None) -> None: ...
        def _changed(self) -> None: ...
        def _tell(self, notes: Any) -> None: ...

    _painted: list[own.Point] | None = None  # own points, also while they are too few to learn from
    _names: tuple[str, ...] = ()  # of classes that were pasted

    def _rows(self) -> np.ndarray:
        """The points of all networks: float32 (N, 4), x, y, answer, 1 for test."""
        session = self.sessions[0]
        train = np.column_stack([session.train_points, session.train_answers, np.zeros(len(session.train_answers))])
        test = np.column_stack([session.test_points, session.test_answers, np.ones(len(session.test_answers))])
        return np.concatenate([train, test]).astype(np.float32)

    def do_paint(self, content: dict[str, Any]) -> None:
        """Points of a brush stroke, or an eraser's: what lies within half a unit of it goes."""
        if self._painted is None:
            self._painted = [tuple(map(float, row[:3])) for row in self._rows()]  # type: ignore[misc]
        places = [(float(x), float(y)) for x, y in content.get("points", [])]
        answer = content.get("answer")
        if answer == "rub":
            self._painted = [
                point
                for point in self._painted
                if all((point[0] - x) ** 2 + (point[1] - y) ** 2 > RUBBED**2 for x, y in places)
            ]
        else:
            self._painted += [(x, y, float(answer)) for x, y in places]  # type: ignore[arg-type]
            self._painted = self._painted[-own.MOST :]
        self._use_painted()

    def do_clear(self, content: dict[str, Any]) -> None:
        self._painted = []
        self._use_painted()

    def _use_painted(self) -> None:
        painted = self._painted or []
        if len(painted) >= 2:
            self._use({"data": "own", "own": tuple(painted)})
        else:  # too few to learn from: seen, not learnt yet
            self.points = np.array([(*point, 0) for point in painted], np.float32).tobytes()

    def do_paste(self, content: dict[str, Any]) -> None:
        self._bring(own.pasted(str(content.get("text", ""))))

    def do_columns(self, content: dict[str, Any]) -> None:
        """The heading of a CSV, to choose columns from."""
        lines = str(content.get("text", "")).lstrip("\ufeff").splitlines()
        names = next(csv.reader(lines[:1]), [])
        self.send({"do": "columns", "names": names})

    def do_csv(self, content: dict[str, Any]) -> None:
        text = str(content.get("text", "")).lstrip("\ufeff")
        self._bring(own.from_csv(text, *(str(content.get(name, "")) for name in ("x", "y", "answer"))))

    def _bring(self, brought: own.Own) -> None:
        self._painted = None
        self._names = brought.names
        self._use(brought.fields())
        self._tell(brought.notices)

    def _use(self, fields: dict[str, Any]) -> None:
        for session in self.sessions:
            session.change(**fields)
        self._changed()


def thumbnails(state: State) -> dict[str, list[list[float]]]:
    """Points of every data set for this kind of problem, drawn anew with this state's noise and classes."""
    pictures = {}
    for name in DATA_OF[state.problem]:
        if name == "own":
            if not state.own:
                continue
            rows = np.array(state.own[:: max(1, len(state.own) // 120)])
        else:
            places, answers = DATA[name](120, min(state.noise, 20) / 100, state.classes, np.random.default_rng(1))
            rows = np.column_stack([places, answers])
        pictures[name] = np.round(rows, 2).tolist()
    return pictures

"""Nearest neighbours: stand anywhere on a map, ask the K nearest, see their vote, every other K, and who wins where.

    Neighbours()                                                       # the course's map of three universities
    Neighbours(data=columns, across="height", up="weight", label="sex", k=5)     # any two numeric columns
N rows, C classes, K neighbours, M places of the map at which the vote is asked for the coloured regions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import traitlets

from fofx.classic.knn import KNN
from fofx.errors import DataError, TaskError
from fofx.tasks import neighbours as course
from fofx.widgets.pasted import columns_of, is_numeric, plain
from fofx.widgets.study import Count, Study, Table

ROWS = 2000
CLASSES = 8  # as many as there are colours that everyone can tell apart
LISTED = 12  # neighbours written down with their distances
STANDS = (
    ("at Peking", 100),
    ("between", 100),
    ("between", 200),
    ("at Sichuan", 20),
    ("at Sichuan", 200),
    ("at Tsinghua", 100),
)


class Neighbours(Study):
    """asked: where one stands, [x, y]. k, distance: as in `fofx.classic.knn.KNN`. scaled: divide columns by their spread.

    table: {} for the course's map, else own columns by name; across, up: its numeric columns; label: the classes.
    regions: whether the map is coloured by who would win there.
    """

    name = "neighbours"
    asked = traitlets.List([5.5, 6.5]).tag(state=True)
    k = Count(100, 1, ROWS).tag(state=True)
    distance = traitlets.Enum(("euclidean", "manhattan"), "euclidean").tag(state=True)
    scaled = traitlets.Bool(False).tag(state=True)
    regions = traitlets.Bool(True).tag(state=True)
    table = Table(ROWS).tag(state=True)
    across = traitlets.Unicode("x").tag(state=True)
    up = traitlets.Unicode("y").tag(state=True)
    label = traitlets.Unicode("university").tag(state=True)
    places = traitlets.Bytes(b"").tag(sync=True)  # float32 (N, 3): x, y, class
    ballot = traitlets.Bytes(b"").tag(sync=True)  # float32 (N, C): the share of each class for K = 1 .. N
    ground = traitlets.Bytes(b"").tag(
        sync=True
    )  # float32 (2, rows, columns): winning class and its share, top row first

    def __init__(self, data: Any = None, lang: str | None = None, **fields: Any) -> None:
        self._known: dict[str, Any] = {}
        if data is not None:
            fields = {**chosen_columns(plain(data, ROWS), fields), **fields}
        super().__init__(lang, **fields)

    @traitlets.validate("asked")
    def _asked(self, proposal: Any) -> list[float]:
        found = proposal["value"]
        if len(found) != 2 or not is_numeric(found) or max(map(abs, found)) > 1e12:
            raise traitlets.TraitError(f"Expected a place [x, y], got {found!r}.")
        return [float(value) for value in found]

    # ---- what the page asks for

    def act(self, content: dict[str, Any]) -> None:
        do = content.get("do")
        if do == "paste":
            fields = chosen_columns(columns_of(content.get("text"), ROWS), {})
            self.change({"scaled": False, **fields})
        elif do == "course":
            self.change(
                {name: self.defaults()[name] for name in ("table", "across", "up", "label", "asked", "k", "scaled")}
            )
        elif do == "columns":
            self.change({name: content[name] for name in ("across", "up", "label") if name in content})
            self.asked = middle(self.rows())
        elif do == "add":
            self.add(content)
        elif do == "remove":
            row, columns = content.get("row"), self.columns()
            if not isinstance(row, int) or not 0 <= row < len(columns[self.label]) or len(columns[self.label]) < 2:
                raise TaskError("bad-value", "Expected the number of a point, and another one to stay.")
            self.table = {name: column[:row] + column[row + 1 :] for name, column in columns.items()}
        else:
            super().act(content)

    def add(self, content: dict[str, Any]) -> None:
        """One more point of a class; other columns of the table get their first value."""
        place, kind, columns = [content.get("x"), content.get("y")], content.get("label"), self.columns()
        if not is_numeric(place) or kind not in {str(one) for one in columns[self.label]}:
            raise TaskError("bad-value", f"Expected a place and a class that is there, got {place!r} and {kind!r}.")
        kind = next(one for one in columns[self.label] if str(one) == kind)
        new = {self.across: place[0], self.up: place[1], self.label: kind}
        self.table = {name: [*column, new.get(name, column[0])] for name, column in columns.items()}

    # ---- what it shows

    def columns(self) -> dict[str, list[Any]]:
        return self.table or COURSE

    def rows(self) -> np.ndarray:
        """The two columns of the map (N, 2)."""
        columns = self.columns()
        for name in (self.across, self.up, self.label):
            if name not in columns:
                raise DataError("unknown-column", f"Expected a column of {', '.join(columns)}, got {name!r}.")
        for name in (self.across, self.up):
            if not is_numeric(columns[name]):
                raise DataError("not-numbers", f"Expected numbers in the column {name!r}.")
        return np.array([columns[self.across], columns[self.up]], np.float64).T  # (N, 2)

    def model(self) -> dict[str, Any]:
        """The fitted KNN that ranks all rows, and what hangs on the data alone; kept until the data changes."""
        key = (self.table, self.across, self.up, self.label, self.distance, self.scaled)
        if self._known.get("key") == key:
            return self._known
        rows = self.rows()
        labels = np.array([str(one) for one in self.columns()[self.label]])
        if not 2 <= len(np.unique(labels)) <= CLASSES:
            count = len(np.unique(labels))
            raise DataError("too-many-classes", f"Expected 2 to {CLASSES} classes in {self.label!r}, got {count}.")
        spread = rows.std(axis=0) if self.scaled else np.ones(2)  # (2,)
        spread[spread == 0] = 1
        knn = KNN(k=len(rows), distance=self.distance).fit(rows / spread, labels)
        low, high = rows.min(axis=0), rows.max(axis=0)
        edge = np.where(high > low, (high - low) * 0.06, 1.0)
        window = np.array([low - edge, high + edge])  # (2, 2): low and high corners
        self._known = {"key": key, "knn": knn, "rows": rows, "spread": spread, "window": window}
        self.places = np.c_[rows, knn.target].astype(np.float32).tobytes()
        return self._known

    def paint_ground(self, known: dict[str, Any]) -> list[int]:
        """Who wins at every place of a grid, from the evidence of the same KNN; the shape of the grid."""
        knn: KNN = known["knn"]
        side = (52, 40) if len(knn.rows) <= 1000 else (40, 30)
        if "ranked" not in known:
            (left, bottom), (right, top) = known["window"]
            x, y = np.meshgrid(np.linspace(left, right, side[0]), np.linspace(top, bottom, side[1]))
            _, order = knn.neighbours(np.c_[x.ravel(), y.ravel()] / known["spread"])  # (M, N)
            known["ranked"] = knn.target[order].astype(np.uint8)  # (M, N): classes, nearest first
        k = min(self.k, len(knn.rows))
        if known.get("painted") != k:
            near = known["ranked"][:, :k]
            votes = np.stack([(near == one).sum(axis=1) for one in range(len(knn.classes))], axis=1)  # (M, C)
            ground = np.stack([votes.argmax(axis=1), votes.max(axis=1) / k])  # (2, M)
            known["painted"] = k
            self.ground = ground.astype(np.float32).tobytes()
        return [side[1], side[0]]

    def compute(self) -> dict[str, Any]:
        known = self.model()
        knn: KNN = known["knn"]
        asked = np.array([self.asked])  # (1, 2)
        distances, order = (found[0] for found in knn.neighbours(asked / known["spread"]))  # (N,), (N,)
        chosen = knn.target[order][:, None] == np.arange(len(knn.classes))  # (N, C)
        votes = np.cumsum(chosen, axis=0)  # (N, C): the vote for K = 1 .. N
        self.ballot = (votes / np.arange(1, len(order) + 1)[:, None]).astype(np.float32).tobytes()
        k = min(self.k, len(order))
        twice = min(2 * k, len(order))
        winner = int(votes[k - 1].argmax())
        step = known["rows"][order[:LISTED]] - asked  # (LISTED, 2)
        return {
            "rows": len(order),
            "k": k,
            "classes": [str(one) for one in knn.classes],
            "votes": votes[k - 1].tolist(),
            "winner": winner,
            "tie": int((votes[k - 1] == votes[k - 1].max()).sum()) > 1,
            "near": order[:k].tolist(),
            "listed": [
                {
                    "row": int(row),
                    "x": float(known["rows"][row, 0]),
                    "y": float(known["rows"][row, 1]),
                    "class": int(knn.target[row]),
                    "distance": float(far),
                }
                for row, far in zip(order[:LISTED], distances[: min(k, LISTED)], strict=False)
            ],
            "steps": (step[:k] / known["spread"]).tolist(),
            "reach": (distances[k - 1] * known["spread"]).tolist(),
            "outside": bool(knn.unseen(asked / known["spread"]).any()),
            "answer": {
                "k": k,
                "twice": twice,
                "winner": winner,
                "then": int(votes[twice - 1, winner]),
                "second": int(votes[twice - 1].argmax()),
            },
            "window": {"x": known["window"][:, 0].tolist(), "y": known["window"][:, 1].tolist()},
            "ground": self.paint_ground(known) if self.regions else None,
            "columns": [[name, is_numeric(column)] for name, column in self.columns().items()],
            "stands": []
            if self.table
            else [{"name": name, "asked": list(course.points()[name]), "k": k} for name, k in STANDS],
        }


COURSE = course.data()


def middle(rows: np.ndarray) -> list[float]:
    return [float(value) for value in np.median(rows, axis=0)]


def chosen_columns(table: dict[str, list[Any]], asked: dict[str, Any]) -> dict[str, Any]:
    """Which columns of own data to show: two of numbers and one with a few classes, unless they are named."""
    count = len(next(iter(table.values())))
    wanted = {asked.get(name) for name in ("across", "up")}
    label = asked.get("label") or next(
        (name for name in reversed(table) if name not in wanted and 2 <= len(set(map(str, table[name]))) <= CLASSES),
        None,
    )
    numeric = [name for name, column in table.items() if is_numeric(column) and name != label]
    if label is None or len(numeric) < 2:
        raise DataError(
            "too-few-columns",
            f"Expected two columns of numbers and one with 2 to {CLASSES} classes, got {', '.join(table)}.",
        )
    fields: dict[str, Any] = {"table": table, "label": label, "k": min(5, count)}
    fields["across"] = asked.get("across") or next(name for name in numeric if name != asked.get("up"))
    fields["up"] = asked.get("up") or next(name for name in numeric if name != fields["across"])
    if all(is_numeric(table.get(fields[name], ["?"])) for name in ("across", "up")):
        fields["asked"] = middle(np.array([table[fields["across"]], table[fields["up"]]]).T)
    return fields

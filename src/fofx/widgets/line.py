"""The line: six points, y = w x + b, its loss, and gradient descent on the loss surface; the points may be one's own.

    Line()                                    # the course's example at w = 3, b = 2
    Line(w=0, b=0, loss="mse", rate=0.05, steps=10)
    Line(points=[[1, 2.0], [2, 2.9]], asked=3)

N points, S steps. A state is where the walk starts (w, b) and how many steps it has gone: everything else follows.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import traitlets

from fofx.errors import DataError, TaskError
from fofx.tasks import line as course
from fofx.widgets.pasted import columns_of, is_numeric
from fofx.widgets.study import Count, Number, Study

SIDE = 72  # the loss surface is worked out at SIDE x SIDE places
MOST = 300  # points
FURTHEST = 1e6  # a walk that leaves this is called off
STEPS = 1000
SHORT = 1e-5  # a step shorter than this part of the chart is no step


class Points:
    """What can be computed about a line through N points; at the course's points as in `fofx.tasks.line` (tested)."""

    def __init__(self, points: list[list[float]], loss: str) -> None:
        self.x, self.y = np.array(points, np.float64).T  # (N,), (N,)
        self.squared = loss == "mse"

    def gaps(self, w: float, b: float) -> np.ndarray:
        """Prediction minus answer (N,)."""
        return w * self.x + b - self.y

    def losses(self, w: float, b: float) -> np.ndarray:
        """Each point's loss (N,)."""
        gaps = self.gaps(w, b)
        return gaps * gaps if self.squared else np.abs(gaps)

    def pulls(self, w: float, b: float) -> np.ndarray:
        """The derivative of each point's loss by its prediction (N,): 2 gap, or the sign of the gap."""
        gaps = self.gaps(w, b)
        return 2 * gaps if self.squared else np.sign(gaps)

    def gradient(self, w: float, b: float) -> tuple[float, float]:
        """(dL/dw, dL/db)."""
        pulls = self.pulls(w, b)
        return float((pulls * self.x).mean()), float(pulls.mean())

    def mean(self, w: Any, b: Any) -> np.ndarray:
        """L at every (w, b) of two equally shaped arrays (...)."""
        gaps = np.asarray(w)[..., None] * self.x + np.asarray(b)[..., None] - self.y  # (..., N)
        return (gaps * gaps if self.squared else np.abs(gaps)).mean(axis=-1)

    def lowest(self) -> tuple[float, float] | None:
        """The (w, b) of the smallest loss: least squares; for MAE the best of all lines through two of the points."""
        spread = self.x - self.x.mean()
        if not (spread != 0).any():
            return None  # all points at one x: many lines are equally good
        if self.squared:
            w = float((spread * (self.y - self.y.mean())).sum() / (spread * spread).sum())
            return w, float(self.y.mean() - w * self.x.mean())
        if len(self.x) > 80:
            return None  # too many pairs to try them all at every drag
        one, two = np.triu_indices(len(self.x), 1)
        apart = self.x[one] != self.x[two]
        one, two = one[apart], two[apart]
        w = (self.y[two] - self.y[one]) / (self.x[two] - self.x[one])
        b = self.y[one] - w * self.x[one]
        best = int(self.mean(w, b).argmin())
        return float(w[best]), float(b[best])


class Line(Study):
    """w, b: where the walk starts. steps: how far gradient descent has gone, at learning rate `rate`, on `loss`.

    vary: "both", or "w" (b stays: the loss is then a curve). points: [[x, y], ...], 1 to 300. asked: the x to answer.
    """

    name = "line"
    parts = ("study", "line_charts")
    w = Number(3.0, -FURTHEST, FURTHEST).tag(state=True)
    b = Number(2.0, -FURTHEST, FURTHEST).tag(state=True)
    loss = traitlets.Enum(("mae", "mse"), "mae").tag(state=True)
    rate = Number(0.1, 1e-15, 10).tag(state=True)
    steps = Count(0, 0, STEPS).tag(state=True)
    vary = traitlets.Enum(("both", "w"), "both").tag(state=True)
    asked = Number(7.0, -FURTHEST, FURTHEST).tag(state=True)
    points = traitlets.List([[x, y] for x, y in zip(course.X, course.Y, strict=True)]).tag(state=True)
    surface = traitlets.Bytes(b"").tag(sync=True)  # float32 (SIDE, SIDE): L, rows from the largest b down

    def __init__(self, lang: str | None = None, **fields: Any) -> None:
        self._walked: dict[str, Any] = {}
        self._drawn: Any = None
        if fields.get("points"):  # one's own: start flat, ask one step beyond the last x, walk at a pace that fits
            self.points = fields["points"]
            fields = {**self.beginning(), **fields}
        super().__init__(lang, **fields)

    @traitlets.validate("points")
    def _points(self, proposal: Any) -> list[list[float]]:
        found = proposal["value"]
        if not 1 <= len(found) <= MOST:
            raise traitlets.TraitError(f"Expected 1 to {MOST} points, got {len(found)}.")
        for point in found:
            if (
                not isinstance(point, list | tuple)
                or len(point) != 2
                or not is_numeric(point)
                or max(map(abs, point)) > FURTHEST
            ):
                raise traitlets.TraitError(f"Expected points [x, y] within a million, got {point!r}.")
        return [[float(x), float(y)] for x, y in found]

    # ---- what the page asks for

    def change(self, values: dict[str, Any]) -> None:
        """A new place starts a new walk; another rate, loss or direction is tried from the same start."""
        if "w" in values or "b" in values:
            here = self.here()
            values = {"w": here["w"], "b": here["b"], **values, "steps": 0}
        super().change(values)

    def act(self, content: dict[str, Any]) -> None:
        do = content.get("do")
        if do == "step":
            if not self.walk()["over"]:
                self.steps = min(self.steps + 1, STEPS)
        elif do == "back":
            self.steps = max(self.steps - 1, 0)
        elif do == "random":
            window = self.window()
            self.change({"w": round(random.uniform(*window["w"]), 2), "b": round(random.uniform(*window["b"]), 2)})
        elif do == "slower":
            self.change({"rate": self.rate / 3, "steps": 0})
        elif do == "handle":
            self.handle(content)
        elif do == "add":
            self.points = [*self.points, place(content)]
        elif do == "move":
            self.points = [
                place(content) if n == content.get("point") else point for n, point in enumerate(self.points)
            ]
        elif do == "remove":
            self.points = [point for number, point in enumerate(self.points) if number != content.get("point")]
        elif do == "paste":
            self.paste(content.get("text"))
        elif do == "course":
            self.points = [[x, y] for x, y in zip(course.X, course.Y, strict=True)]
            self.change({"w": 3.0, "b": 2.0, "asked": 7.0, "rate": 0.1})
        else:
            super().act(content)

    def handle(self, content: dict[str, Any]) -> None:
        """Drag the line by one of its two handles: "shift" moves it, "tilt" turns it about the other."""
        y, here, (left, right) = place({"x": 0.0, **content})[1], self.here(), self.handles()
        if content.get("which") == "shift":
            self.change({"b": y - here["w"] * left})
        else:
            fixed = here["w"] * left + here["b"]
            w = (y - fixed) / (right - left)
            self.change({"w": w, "b": fixed - w * left})

    def paste(self, text: Any) -> None:
        """Own points: two columns of numbers, x then y, with or without a line of names."""
        columns = columns_of(text, MOST)
        numeric = [column for column in columns.values() if is_numeric(column)]
        if len(numeric) < 2:
            raise DataError("too-few-columns", "Expected two columns of numbers, x and y, one point a line.")
        self.points = [[x, y] for x, y in zip(numeric[0], numeric[1], strict=True)]
        self.change(self.beginning())

    def beginning(self) -> dict[str, float]:
        """Where to begin with one's own points: a flat line; the x one step beyond, as 7 is for 1..6; a rate that fits."""
        x, y = np.array(self.points).T
        bend = 2 * float((x * x).mean() + 1)  # at least the largest curvature of MSE: rates below 2 / bend converge
        asked = float(x.max() + np.ptp(x) / max(1, len(x) - 1))
        return {"w": 0.0, "b": float(y.mean()), "asked": asked, "rate": float(f"{min(0.1, 1 / bend):.1g}")}

    # ---- what it shows

    def here(self) -> dict[str, float]:
        """Where the walk stands now."""
        return self.walk()["path"][-1]

    def walk(self) -> dict[str, Any]:
        """The walk as far as `steps`: path (S + 1 dicts of w, b, loss, dw, db), and why it is over, if it is."""
        key = (self.w, self.b, self.rate, self.loss, self.vary, self.points)
        if self._walked.get("key") != key:
            self._walked = {"key": key, "path": [], "over": None, "next": (self.w, self.b)}
        known, among, window = self._walked, Points(self.points, self.loss), self.window()
        wide, high = (window[name][1] - window[name][0] for name in ("w", "b"))
        while len(known["path"]) <= self.steps and not known["over"]:
            w, b = known["next"]
            dw, db = among.gradient(w, b)
            db = db if self.vary == "both" else 0.0
            known["path"].append({"w": w, "b": b, "loss": float(among.mean(w, b)), "dw": dw, "db": db})
            after = known["next"] = w - self.rate * dw, b - self.rate * db
            if max(map(abs, after)) > FURTHEST:
                known["over"] = "line.left"
            elif abs(after[0] - w) < SHORT * wide and abs(after[1] - b) < SHORT * high:
                known["over"] = "line.arrived"
            elif len(known["path"]) > STEPS:
                known["over"] = "line.enough"
        path = known["path"][: self.steps + 1]
        return {"path": path, "over": known["over"] if len(path) == len(known["path"]) else None}

    def handles(self) -> tuple[float, float]:
        """The x of the two handles: 0 (or the left edge, where 0 is far away) and near the right edge."""
        low, high = self.window()["x"]
        left = 0.0 if low <= 0 <= low + (high - low) * 0.6 else low + (high - low) * 0.06
        return left, high - (high - low) * 0.16

    def window(self) -> dict[str, tuple[float, float]]:
        """What the two charts show: ranges of x and y, and of w and b around the lowest place, the start included."""
        x, y = np.array(self.points).T
        ends = [float(min(x.min(), self.asked)), float(max(x.max(), self.asked))]
        reach = (ends[1] - ends[0]) or 1.0
        if 0 < ends[0] <= reach:
            ends[0] = 0.0  # where 0 is near, it is shown: there the line meets b
        tall = float(np.ptp(y)) or max(1.0, abs(float(y[0])))
        spread = float(x.std()) or 1.0
        w, b = Points(self.points, "mse").lowest() or (0.0, float(y.mean()))
        wide = 1.25 * (float(y.std()) or 1.0) / spread
        high = max(1.75 * (float(y.std()) or 1.0), wide * 0.6 * float(np.abs(x).mean()))
        return {
            "x": (ends[0] - reach * 0.07, ends[1] + reach * 0.1),
            "y": (
                min(0.0, float(y.min())) if y.min() <= tall else float(y.min()) - tall * 0.3,
                float(y.max()) + tall * 0.95,
            ),
            "w": (min(w - wide, self.w - wide * 0.15), max(w + wide, self.w + wide * 0.15)),
            "b": (min(b - high, self.b - high * 0.15), max(b + high, self.b + high * 0.15)),
        }

    def compute(self) -> dict[str, Any]:
        walk, window = self.walk(), self.window()
        here, among = walk["path"][-1], Points(self.points, self.loss)
        w, b, pulls = here["w"], here["b"], among.pulls(here["w"], here["b"])
        lowest = among.lowest()
        levels, curve = self.draw_surface(among, window, b)
        square = Points(self.points, "mse").lowest()
        return {
            "path": {name: [place[name] for place in walk["path"]] for name in ("w", "b", "loss")},
            "over": walk["over"],
            "here": here,
            "next": {"w": w - self.rate * here["dw"], "b": b - self.rate * here["db"]},
            "rows": {
                "prediction": (w * among.x + b).tolist(),
                "gap": among.gaps(w, b).tolist(),
                "loss": among.losses(w, b).tolist(),
                "pull": pulls.tolist(),
            },
            "lowest": lowest and {"w": lowest[0], "b": lowest[1], "loss": float(among.mean(*lowest))},
            "answer": {
                "line": w * self.asked + b,
                "best": square and square[0] * self.asked + square[1],
                "square": square,
            },
            "window": window,
            "handles": self.handles(),
            "levels": levels,
            "curve": curve,
        }

    def draw_surface(
        self, among: Points, window: dict[str, Any], b: float
    ) -> tuple[list[float], dict[str, list[float]]]:
        """Fill `surface`; give the levels of its contour lines, and the curve of L over w at this b."""
        w_axis = np.linspace(window["w"][0], window["w"][1], SIDE)  # (SIDE,)
        b_axis = np.linspace(window["b"][0], window["b"][1], SIDE)[::-1]  # (SIDE,)
        key = (tuple(w_axis[[0, -1]]), tuple(b_axis[[0, -1]]), self.loss, tuple(map(tuple, self.points)))
        if self._drawn != key:
            self._drawn = key
            surface = among.mean(*np.meshgrid(w_axis, b_axis))  # (SIDE, SIDE)
            self._range = float(surface.min()), float(surface.max())
            self.surface = surface.astype(np.float32).tobytes()
        low, high = self._range
        power = 2.0 if self.loss == "mse" else 1.0  # a bowl is cut at equal widths, a cone at equal heights
        levels = [low + (high - low) * (part / 12) ** power for part in range(1, 12)]
        across = np.linspace(window["w"][0], window["w"][1], 161)
        return levels, {"w": across.tolist(), "loss": among.mean(across, np.full_like(across, b)).tolist()}


def place(content: dict[str, Any]) -> list[float]:
    """The point [x, y] that a message names."""
    found = [content.get("x"), content.get("y")]
    if not is_numeric(found):
        raise TaskError("bad-value", f"Expected a place x, y, got {found!r}.")
    return [float(value) for value in found]  # type: ignore[arg-type]

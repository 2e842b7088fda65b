"""Landscape: the loss as a surface over two weights or two directions, to be turned by hand, with the path that was walked over it.

    Landscape()                               # the course's line: the exact surface L(w, b), and gradient descent on it
    Landscape(fofx.load("runs/river-..."))    # around the weights that a run found, over the path that led there

Heights are measured by `fofx.see.landscape`: the loss itself, at every point of the grid. Of a run this takes `seconds`, so it is
done when the page first asks for it, or by `measure()`. Shapes: A points along the first axis, B along the second, F of the path.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import traitlets

from fofx.errors import Notice, TaskError
from fofx.finding import Finding
from fofx.see import landscape as see
from fofx.see.rows import neural
from fofx.widgets.base import Widget
from fofx.words import notice

REACH = 4.0  # how far the line's surface goes beyond what the path needs
LARGEST_LOSS = 1e12  # a walk beyond this has left every picture


class Landscape(Widget):
    """One landscape. TaskError "no-network" when the run has none.

    Of the line: `loss`, `start` (w, b), `rate`, `steps`. Of a run: `directions` ("auto", "path", "random", "weights"), `picked`
    ([parameter, index] once or twice), `side`, `seconds`, `seed`, `part`. All may be set, then `measure()`.
    `x`, `y`: float32 (A,), (B,); `heights`: float32 (B, A), or (A,) when `y` is empty; NaN where the time did not reach.
    `path`: float32 (F, 3): both coordinates and the loss. `facts`: what was measured, as plain data.
    """

    name = "landscape"
    parts = ("landscape_map",)
    subject = traitlets.Enum(("line", "run"), "line").tag(sync=True)
    loss = traitlets.Enum(("mae", "mse"), "mae").tag(sync=True)
    start: traitlets.List = traitlets.List([3.0, 2.0]).tag(sync=True)
    rate = traitlets.Float(0.05, min=1e-6, max=10).tag(sync=True)
    steps = traitlets.Int(40, min=0, max=500).tag(sync=True)
    directions = traitlets.Enum(("auto", "path", "random", "weights"), "auto").tag(sync=True)
    picked: traitlets.List = traitlets.List().tag(sync=True)
    side = traitlets.Int(31, min=see.LEAST_SIDE, max=see.MOST_SIDE).tag(sync=True)
    seconds = traitlets.Float(3.0, min=0.2, max=120).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    part = traitlets.Enum(("train", "validation", "test"), "train").tag(sync=True)
    parameters: traitlets.List = traitlets.List().tag(sync=True)  # [name, shape] of those that can be picked
    x = traitlets.Bytes(b"").tag(sync=True)
    y = traitlets.Bytes(b"").tag(sync=True)
    heights = traitlets.Bytes(b"").tag(sync=True)
    path = traitlets.Bytes(b"").tag(sync=True)
    facts: traitlets.Dict = traitlets.Dict().tag(sync=True)
    view = traitlets.Enum(("surface", "contour"), "surface").tag(sync=True)
    logarithmic = traitlets.Bool(False).tag(sync=True)
    yaw = traitlets.Float(-0.6).tag(sync=True)  # radians
    pitch = traitlets.Float(0.65).tag(sync=True)
    at = traitlets.Int(-1).tag(sync=True)  # the point of the path that is looked at; -1: its end

    def __init__(
        self, function: Finding | None = None, rung: str | None = None, lang: str | None = None, **traits: Any
    ) -> None:
        self._function, self._ready = function, False
        self._notices: list[Notice] = []
        if function is not None:
            self._subject = neural(function, rung)
            named = self._subject.network.named_parameters()
            shapes = [[name, list(p.shape)] for name, p in named if p.requires_grad and p.numel()]
            traits = {"subject": "run", "parameters": shapes, **traits}
        super().__init__(lang, **traits)
        self._ready = True
        if function is None:
            self.measure()

    @traitlets.validate("subject")
    def _known_subject(self, proposal: Any) -> str:
        return "line" if self._function is None else "run"

    @traitlets.observe("loss", "start", "rate", "steps")
    def _line_changed(self, change: Any) -> None:
        if self._ready and self.subject == "line":
            self.measure()

    @traitlets.observe("lang")
    def _in_other_words(self, change: Any) -> None:
        if self._ready and self.facts:
            self.facts = {**self.facts, "notices": [notice(each, self.lang) for each in self._notices]}

    def measure(self) -> None:
        """Measure anew with what is set; of a run this takes about `seconds`. Raises what `fofx.see.landscape` raises."""
        found = self._of_line() if self._function is None else self._of_run(self._function)
        heights = np.asarray(found.losses, np.float64)
        finite = heights[np.isfinite(heights)]
        way = np.zeros((0, 3))
        if found.path is not None and len(found.path):
            flat = found.path if found.path.shape[1] == 2 else np.column_stack([found.path, np.zeros(len(found.path))])
            way = np.column_stack([flat, found.path_losses if found.path_losses is not None else np.nan])  # (F, 3)
        self._notices = found.notices
        steep = len(finite) > 0 and finite.min() > 0 and finite.max() / finite.min() > 50
        facts = {
            "kind": found.kind,
            "axes": list(found.axes),
            "centre": [float(value) for value in found.centre],
            "centre_loss": float(found.centre_loss),
            "low": float(finite.min()) if len(finite) else None,
            "high": float(finite.max()) if len(finite) else None,
            "steps": list(map(int, found.path_steps)),
            "explained": list(found.explained) if found.explained else None,
            "kept": found.kept_step,
            "rows": found.rows,
            "part": found.part,
            "seconds": round(found.seconds, 2),
            "points": len(finite),
            "notices": [notice(each, self.lang) for each in found.notices],
        }
        with self.hold_sync():
            self.x, self.y = _bytes(found.x), _bytes(found.y if found.y is not None else np.zeros(0))
            self.heights, self.path = _bytes(heights), _bytes(way)
            if self._function is not None:
                self.logarithmic = bool(steep)
            self.at = -1
            self.facts = facts

    def _of_line(self) -> see.Landscape:
        """The exact surface, wide enough for the path and for the lowest place."""
        from fofx.tasks.line import descend, least_squares

        w, b = (float(value) for value in self.start)
        walked = [each for each in descend(w, b, self.rate, self.steps, self.loss) if each["loss"] < LARGEST_LOSS]
        low_w, low_b = least_squares()
        ws, bs = [low_w, *(each["w"] for each in walked)], [low_b, *(each["b"] for each in walked)]
        spans = [(min(each), max(each)) for each in (ws, bs)]
        wide = [max(REACH, 0.25 * (high - low)) / 2 for low, high in spans]
        (w_low, w_high), (b_low, b_high) = [(low - room, high + room) for (low, high), room in zip(spans, wide)]
        count = max(0, len(walked) - 1)
        return see.line(self.loss, (w_low, w_high), (b_low, b_high), 61, (w, b), self.rate, count)

    def _of_run(self, function: Finding) -> see.Landscape:
        weights = None
        if self.directions == "weights":
            if not self.picked:
                raise TaskError("bad-option", "Pick one weight for a curve or two for a surface.")
            weights = [(str(name), tuple(int(place) for place in index)) for name, index in self.picked]
        return see.landscape(
            function, self._subject.name, "auto" if weights else self.directions, weights, side=self.side,
            seconds=self.seconds, seed=self.seed, part=self.part,
        )  # fmt: skip

    def receive(self, content: dict[str, Any], buffers: list[Any]) -> None:
        """{"do": "measure"} with any of directions, picked, side, seconds, seed and part."""
        if content.get("do") != "measure":
            return
        for name in ("directions", "picked", "side", "seconds", "seed", "part"):
            if name in content:
                try:
                    setattr(self, name, content[name])
                except traitlets.TraitError as problem:
                    raise TaskError("bad-option", str(problem)) from problem
        self.measure()


def _bytes(values: Any) -> bytes:
    return np.ascontiguousarray(values, dtype=np.float32).tobytes()

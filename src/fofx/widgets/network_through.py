"""The part of the Network widget that takes any weight of any network: which parameters there are, the numbers of one of them to
pick from, and the chain rule of the picked weight, from window to window (`fofx.see.through`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import traitlets

from fofx.errors import FofxError, TaskError
from fofx.finding import Finding
from fofx.see.rows import neural
from fofx.see.through import Through, through
from fofx.widgets.base import Widget
from fofx.widgets.network_values import formula, pieces_of

MOST_ROWS, MOST_COLUMNS = 256, 1024  # of a parameter's numbers, as many as are drawn
MAPS = 8  # of one window's gradient
LISTED = 8  # places of the last sum


class AnyWeight(Widget):
    """Traits and messages for picking a weight by parameter and place.

    parameters: [name, shape] of each; empty where none can be picked. parameter: the one whose numbers are shown.
    table     : {"shape", "rows", "columns", "most"}: its numbers as a matrix, the first axis down and all others across, cut to a
                size that can be drawn; `numbers_of`: float32 (rows, columns).
    picked    : the place of the weight, [] for none. through: its chain rule, see `through_as_data`; maps: float32 of its pictures.
    """

    rung: Any
    part: Any
    row: Any
    parameters: traitlets.List = traitlets.List().tag(sync=True)
    parameter = traitlets.Unicode("").tag(sync=True)
    table: traitlets.Dict = traitlets.Dict().tag(sync=True)
    numbers_of = traitlets.Bytes(b"").tag(sync=True)
    picked: traitlets.List = traitlets.List().tag(sync=True)
    through: traitlets.Dict = traitlets.Dict().tag(sync=True)
    maps = traitlets.Bytes(b"").tag(sync=True)

    def offer(self, function: Finding | None) -> None:
        """Show the parameters of the network as it is in `function`, the last one and weight again where they are still there;
        None for a network of which there is nothing to pick."""
        known = {} if function is None else dict(neural(function, self.rung).network.named_parameters())
        self.parameters = [[name, list(each.shape)] for name, each in known.items() if each.ndim]
        names = [name for name, _ in self.parameters]
        if self.parameter not in names:
            self.parameter = next(
                (name for name, shape in self.parameters if len(shape) > 1), names[0] if names else ""
            )
            self.picked = []
        if function is None or not self.parameter:
            self.table, self.numbers_of = {}, b""
            self.picked, self.through, self.maps = [], {}, b""
            return
        values = known[self.parameter].detach().cpu().float().numpy()
        whole = values.reshape(1, -1) if values.ndim == 1 else values.reshape(len(values), -1)  # (rows, columns)
        kept = np.ascontiguousarray(whole[:MOST_ROWS, :MOST_COLUMNS])
        finite = kept[np.isfinite(kept)]
        most = float(np.abs(finite).max()) if len(finite) else 0.0
        self.table = {"shape": list(values.shape), "rows": kept.shape[0], "columns": kept.shape[1], "most": most}
        self.numbers_of = kept.tobytes()
        self._go_through(function)

    def look_at(self, function: Finding, name: str) -> None:
        """Another parameter. TaskError "unknown-weight"."""
        if name not in [known for known, _ in self.parameters]:
            raise TaskError("unknown-weight", f"The network has no parameter {name!r} to pick a weight from.")
        self.parameter, self.picked, self.through, self.maps = name, [], {}, b""
        self.offer(function)

    def pick(self, function: Finding, name: str, place: list[int]) -> None:
        """The chain rule of a weight. Raises what `fofx.see.through.through` raises, and changes nothing then."""
        before = self.parameter, self.picked
        if name != self.parameter:
            self.look_at(function, name)
        self.picked = [int(at) for at in place]
        try:
            self._go_through(function)
        except FofxError:
            self.parameter, self.picked = before
            self.offer(function)
            raise

    def _go_through(self, function: Finding) -> None:
        if not self.picked:
            self.through, self.maps = {}, b""
            return
        found = through(function, self.row, self.parameter, tuple(self.picked), self.rung, self.part)
        self.through, self.maps = through_as_data(found)


def through_as_data(found: Through) -> tuple[dict[str, Any], bytes]:
    """A chain rule through the network as JSON, and its pictures as float32: of each passage the gradient at its window, and dL/dz
    and dz/dw where the weight meets the data. `pictures` says where each lies (see `network_values.pieces_of`)."""
    shown = {f"{number}": each.gradient for number, each in enumerate(found.passages) if each.gradient is not None}
    first = {name: values if values.ndim < 2 else _first_maps(values) for name, values in shown.items()}
    pictures, maps = pieces_of({**first, "delta": found.delta, "slope": found.slope} if found.delta.size else first)
    names = list(dict.fromkeys(found.operations))
    data = {
        "layer": found.layer,
        "kind": found.kind,
        "value": found.value,
        "operations": [[name, found.operations.count(name)] for name in names],
        "passages": [
            {
                "kind": each.kind,
                "name": each.name,
                "value": each.value,
                "formula": formula(each.formula),
                "numbers": formula(each.numbers),
                "latex": [each.formula, each.numbers],
                "shape": None if each.gradient is None else list(each.gradient.shape),
            }
            for each in found.passages
        ],
        "pictures": pictures,
        "places": [[each.use, list(each.place), each.delta, each.slope, each.value] for each in found.places[:LISTED]],
        "place_count": found.place_count,
        "gradient": found.gradient,
        "torch_gradient": found.torch_gradient,
        "difference": found.difference,
        "rate": found.rate,
        "next": found.next,
        "torch_next": found.torch_next,
        "loss": found.loss,
        "next_loss": found.next_loss,
    }
    return data, maps


def _first_maps(values: np.ndarray) -> np.ndarray:
    """The first few maps of (..., rows, columns)."""
    return values if values.ndim == 2 else values.reshape(-1, *values.shape[-2:])[:MAPS]

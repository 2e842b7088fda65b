"""Network: the network that a run found, with the values that pass it for one row, and the chain rule for any of its weights.

    Network(fofx.load("runs/river-..."))              # its best network; rung="mlp" for another, "linear" for the linear rung
    Network(function, row=3, part="train")

Layers of units are drawn as such where the network is a row of linear layers and activations; every other network is a tree of
blocks to unfold, each with its shapes, and what passed its windows as small maps. `step` goes back to a recorded moment of learning.
Shapes: D numbers of the input, O and I outputs and inputs of a layer, C channels.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import traitlets

from fofx.errors import FofxError, RunError, TaskError
from fofx.finding import Finding
from fofx.models.window import watch
from fofx.rungs.linear import Linear
from fofx.rungs.neural import Neural
from fofx.see import frames
from fofx.see.activations import answering
from fofx.see.chain import Chain, chain
from fofx.see.rows import blocks_and_targets, frame_of, neural, numbers_of
from fofx.widgets.network_through import AnyWeight
from fofx.widgets.network_values import blocks_of_row, chain_as_data, pieces_of

TWINS = 50  # networks of earlier steps that are kept at hand


class Network(AnyWeight):
    """One network and one row. TaskError "no-network" when the run has neither a network nor a linear rung.

    `dense`  : a dict for each linear layer: units, inputs, activation, name, first (its place in `numbers`); empty for other
               networks, and `reason` says why. `numbers`: float32: the D inputs, then of each layer weight (O, I), bias (O), sums
               (O), outputs (O).
    `features`, `answers`: what goes in and what comes out, in the network's scale and in the user's units.
    `tree`   : a dict for each block: name, kind, depth, parameters, takes, gives, window.
    `windows`: a dict for each window: name, shape, kept, first (its place in `values`).
    `chain`  : the chain rule for `weight` ([layer, unit, source], source -1 for the bias), see `network_values.chain_as_data`.
    Any weight of any network: see `network_through.AnyWeight`.
    """

    name = "network"
    parts = ("network_layers", "network_blocks", "network_chain", "network_through")
    rungs: traitlets.List = traitlets.List().tag(sync=True)
    rung = traitlets.Unicode("").tag(sync=True)
    part = traitlets.Enum(("train", "validation", "test"), "train").tag(sync=True)
    row = traitlets.Int(0, min=0).tag(sync=True)
    rows = traitlets.Int(0).tag(sync=True)
    step = traitlets.Int(-1, min=-1).tag(sync=True)  # -1: the weights that the run kept
    steps: traitlets.List = traitlets.List().tag(sync=True)
    recorded = traitlets.Enum(("weights", "windows", "nothing"), "nothing").tag(sync=True)
    dense: traitlets.List = traitlets.List().tag(sync=True)
    reason = traitlets.Unicode("").tag(sync=True)
    numbers = traitlets.Bytes(b"").tag(sync=True)
    features: traitlets.List = traitlets.List().tag(sync=True)
    answers: traitlets.List = traitlets.List().tag(sync=True)
    loss = traitlets.Float(allow_none=True, default_value=None).tag(sync=True)
    tree: traitlets.List = traitlets.List().tag(sync=True)
    windows: traitlets.List = traitlets.List().tag(sync=True)
    values = traitlets.Bytes(b"").tag(sync=True)
    weight: traitlets.List = traitlets.List().tag(sync=True)
    chain: traitlets.Dict = traitlets.Dict().tag(sync=True)

    def __init__(self, function: Finding, rung: str | None = None, lang: str | None = None, **traits: Any) -> None:
        self._function, self._ready = function, False
        self._twins: dict[tuple[str, int], Neural] = {}
        known = [each.name for each in function.rungs if each.error is None]
        names = [name for name in known if isinstance(function.rung(name), Neural)]
        if "linear" in known and type(function.rung("linear")) is Linear:
            names.append("linear")
        if rung is None:
            if not names:
                raise TaskError("no-network", "This run has no network to look into.")
            rung = neural(function).name if names[0] != "linear" else "linear"
        elif rung not in names:
            raise TaskError("no-network", f"The rung {rung!r} is no network; these are: {', '.join(names) or 'none'}.")
        super().__init__(lang, **{"rungs": names, "rung": rung, **traits})
        self._ready = True
        self._look()

    @traitlets.validate("rung")
    def _known_rung(self, proposal: Any) -> str:
        if self.rungs and proposal["value"] not in self.rungs:
            raise traitlets.TraitError(f"The rung is one of {', '.join(self.rungs)}, not {proposal['value']!r}.")
        return proposal["value"]

    @traitlets.observe("rung", "part", "row", "step")
    def _changed(self, change: Any) -> None:
        if not self._ready:
            return
        try:
            with self._quiet():
                if change["name"] == "rung":
                    self.step, self.weight, self.picked = -1, [], []
                self._look()
        except FofxError as error:
            self.trouble = {"code": error.code, "text": error.message}
        else:
            self.trouble = None  # type: ignore[assignment]

    def _quiet(self) -> _Quiet:
        return _Quiet(self)

    # ---- which network, which row

    def _function_then(self) -> Finding:
        """The function whose chosen network has the weights of `step`."""
        if self.step < 0 or self.recorded != "weights":
            return self._function
        key = (self.rung, self.step)
        if key not in self._twins:
            while len(self._twins) >= TWINS:
                self._twins.pop(next(iter(self._twins)))
            self._twins[key] = frames.rung_at(self._function, self.rung, self.step)
        then = copy.copy(self._function)
        then._rungs = {**self._function._rungs, self.rung: self._twins[key]}
        return then

    def _look(self) -> None:
        """Run the row through the network and send everything that follows from it."""
        steps, recorded = [], "nothing"
        if self.rung != "linear":
            steps = frames.weight_steps(self._function, self.rung)
            recorded = "weights" if steps else "nothing"
            if not steps:
                steps = frames.frames(self._function, self.rung)
                recorded = "windows" if steps else "nothing"
        with self.hold_sync():
            self.steps, self.recorded = steps, recorded
            if self.step >= 0 and self.step not in steps:
                self.step = max((each for each in steps if each <= self.step), default=-1)
            past = self.step >= 0 and recorded == "windows"
            if past:  # windows were recorded on the first validation rows, and on nothing else
                self.part, self.row = "validation", min(self.row, frames.SAMPLE - 1)
            self.rows = len(numbers_of(self._function, self.part))
            self.row = min(self.row, max(0, self.rows - 1))
            function = self._function_then()
            self._look_at_layers(function, past)
            if self.rung == "linear":
                self.tree, self.windows, self.values = [], [], b""
            else:
                self._look_at_blocks(function, past)
            self._follow_weight(function)
            self.offer(None if past or self.rung == "linear" else function)

    def _look_at_layers(self, function: Finding, past: bool) -> None:
        found: Chain | None = None
        reason = ""
        if not past:
            try:
                found = chain(function, self.row, (0, 0, 0), self.rung, self.part)
            except RunError:
                raise
            except FofxError as problem:
                reason = problem.message
        if found is None:
            self.dense, self.numbers, self.features, self.loss, self.reason = [], b"", [], None, reason
            self.answers = [] if past else self._only_answers(function)
            return
        layers, pieces, first = [], [found.layers[0].inputs], len(found.layers[0].inputs)
        for layer in found.layers:
            bias = layer.bias if layer.bias is not None else np.zeros(len(layer.outputs))
            parts = [layer.weight.ravel(), bias, layer.sums, layer.outputs]
            size = {"units": len(layer.outputs), "inputs": len(layer.inputs), "bias": layer.bias is not None}
            layers.append({**size, "activation": layer.activation, "name": layer.name, "first": first})
            pieces += parts
            first += sum(len(part) for part in parts)
        self.dense, self.reason = layers, reason
        self.numbers = np.concatenate(pieces).astype(np.float32).tobytes()
        self.features = [{"name": each.name, "scaled": each.scaled, "own": _plain(each.own)} for each in found.features]
        self.answers = [
            {
                "name": said.name,
                "said": said.scaled,
                "own": _plain(said.own),
                "right": right.scaled,
                "truth": _plain(right.own),
            }
            for said, right in zip(found.predicted, found.answers, strict=True)
        ]
        self.loss = found.loss

    def _only_answers(self, function: Finding) -> list[dict[str, Any]]:
        """What comes out for this row in the user's units, of a network that is no row of layers."""
        frame = frame_of(function, self.part, [self.row])
        said = function.predict(frame, self.rung)
        found = []
        for output in function.outputs:
            value = said[output.name]
            own = _plain(output.answers(value)[0])
            words = f"{own} ({float(value[0].max()):.1%})" if value.ndim == 2 else own
            found.append(
                {"name": output.name, "said": None, "own": words, "right": None, "truth": _plain(frame[output.name][0])}
            )
        return found

    def _look_at_blocks(self, function: Finding, past: bool) -> None:
        subject = neural(function, self.rung)
        given = blocks_and_targets(function, self.rung, [self.row], self.part).blocks
        with (
            answering(subject.network),
            watch(subject.network) as seen,
        ):  # one looker at a time: others share the network
            self.tree = blocks_of_row(subject.network, given)
        if past:
            shown = {
                name: value[min(self.row, len(value) - 1)]
                for name, value in frames.frame(function, self.rung, self.step).items()
            }
        else:
            shown = {name: _one_row(value.float().cpu().numpy()) for name, value in seen.items()}
        order = [each["name"] for each in self.tree if each["window"]]
        self.windows, self.values = pieces_of({name: shown[name] for name in order if name in shown})

    # ---- one weight

    def receive(self, content: dict[str, Any], buffers: list[Any]) -> None:
        """{"do": "weight", "layer", "unit", "source"}: its chain rule (source -1: the bias); {"do": "parameter", "name"}: its
        numbers to pick from; {"do": "pick", "name", "place"}: the chain rule of this weight; "forget": none any more."""
        do = content.get("do")
        with self.hold_sync():
            if do == "weight":
                self.explain(int(content["layer"]), int(content["unit"]), int(content["source"]))
            elif do == "parameter":
                self.look_at(self._function_then(), str(content["name"]))
            elif do == "pick":
                self.pick(self._function_then(), str(content["name"]), list(content["place"]))
            elif do == "forget":
                self.weight, self.chain = [], {}
                self.picked, self.through, self.maps = [], {}, b""

    def explain(self, layer: int, unit: int, source: int) -> None:
        """The chain rule for one weight and the row that is shown. Raises what `fofx.see.chain.chain` raises."""
        before = self.weight
        self.weight = [layer, unit, source]
        try:
            self._follow_weight(self._function_then())
        except FofxError:
            self.weight = before
            raise

    def _follow_weight(self, function: Finding) -> None:
        if not self.weight or not self.dense:
            self.weight, self.chain = [], {}
            return
        layer, unit, source = self.weight
        found = chain(function, self.row, (layer, unit, None if source < 0 else source), self.rung, self.part)
        self.chain = chain_as_data(found)


class _Quiet:
    """While it lasts, changes of traits look at nothing anew: one look follows."""

    def __init__(self, widget: Network) -> None:
        self.widget = widget

    def __enter__(self) -> None:
        self.widget._ready = False

    def __exit__(self, *error: object) -> None:
        self.widget._ready = True


def _one_row(value: np.ndarray) -> np.ndarray:
    """What passed a window without the axis of the one row: the first, or behind the members of an ensemble the second."""
    if value.ndim > 1 and value.shape[0] != 1 and value.shape[1] == 1:
        return value[:, 0]
    return value[0]


def _plain(value: Any) -> Any:
    """A value that JSON knows."""
    if value is None or isinstance(value, str | bool):
        return value
    return float(value) if isinstance(value, int | float | np.number) else str(value)

"""The playground's network as the page changes it by hand: its features, layers, neurons, and single weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fofx.errors import TaskError
from fofx.play.formula import canonical
from fofx.play.session import Session
from fofx.play.state import FEATURES, LAYERS, NEURONS
from fofx.widgets.playground_frames import feature_maps


class Shape:
    """Messages about features, layers and weights. A part of Playground, which has the sessions."""

    if TYPE_CHECKING:  # what Playground brings
        sessions: list[Session]
        features: Any
        feature_maps: bytes

        def _of(self, content: dict[str, Any]) -> Session: ...
        def _changed(self) -> None: ...

    def do_edit(self, content: dict[str, Any]) -> None:
        """Set a weight or bias to "value", or move it "by" so much (keys may be quicker than frames)."""
        layer, unit, source, value, by = (content.get(name) for name in ("layer", "unit", "source", "value", "by"))
        if (
            not isinstance(layer, int)
            or not isinstance(unit, int)
            or not isinstance(by if value is None else value, int | float)
        ):
            raise TaskError("bad-weight", "A weight is named by layer, unit and source, and set to a number.")
        session = self._of(content)
        source = source if isinstance(source, int) else "bias"
        if value is None:
            value = round(weight_of(session, layer, unit, source) + float(by), 4)  # type: ignore[arg-type]
        session.edit(layer, unit, source, float(value))

    def do_layers(self, content: dict[str, Any]) -> None:
        """One hidden layer more or less, or one neuron more or less in a layer."""
        session, layer, by = self._of(content), content.get("layer"), content.get("by")
        layers = list(session.state.layers)
        if by not in (1, -1) or (layer is not None and (not isinstance(layer, int) or not 0 <= layer < len(layers))):
            raise TaskError("no-such-layer", f"There is no layer {layer!r} to change by {by!r}.")
        if layer is not None:
            layers[layer] = min(max(layers[layer] + by, 1), NEURONS)
        elif by > 0:
            layers = [*layers, min(layers[-1], 4) if layers else 4][:LAYERS]
        else:
            layers = layers[:-1]
        session.change(layers=tuple(layers))
        self._changed()

    def do_toggle(self, content: dict[str, Any]) -> None:
        """Choose a feature that is shown, or choose it no longer; the last one stays."""
        session, formula = self._of(content), content.get("formula")
        chosen = set(session.state.features) ^ {formula}
        features = tuple(each for each in self.features if each in chosen)
        if features:
            session.change(features=features)
            self._changed()

    def do_feature(self, content: dict[str, Any]) -> None:
        """A feature by formula, shown and chosen."""
        formula = canonical(str(content.get("formula", "")))
        session = self._of(content)
        if formula not in session.state.features:
            session.change(features=(*session.state.features, formula))
        self._show_features([formula])
        self._changed()

    def do_feature_remove(self, content: dict[str, Any]) -> None:
        formula = content.get("formula")
        for session in self.sessions:
            kept = tuple(each for each in session.state.features if each != formula)
            if kept != session.state.features:
                session.change(features=kept or FEATURES[:2])
        self._show_features([], without=str(formula))
        self._changed()

    def _show_features(self, formulas: list[str], without: str = "") -> None:
        shown = list(dict.fromkeys([*FEATURES, *self.features, *formulas]))
        shown = [formula for formula in shown if formula != without or formula in FEATURES]
        if shown != self.features or not self.feature_maps:
            self.feature_maps = feature_maps(shown)
            self.features = shown


def weight_of(session: Session, layer: int, unit: int, source: int | str) -> float:
    """A weight as it is. TaskError when there is none."""
    try:
        weights, biases = session.weights[layer]
        return float(biases[unit] if source == "bias" else weights[unit, int(source)])
    except IndexError:
        raise TaskError(
            "no-such-weight", f"There is no weight from {source!r} to unit {unit} of layer {layer}."
        ) from None

"""What the playground's page is shown: a frame of one session as small numbers and bytes.

S side of a neuron's map (34), B side of the large map (100), C classes. Maps are bytes from the top left: 0 is -1, 128 is 0,
255 is +1. A hidden neuron beyond that is shown in its own reach, which the legend tells; the output is cut.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fofx.errors import Notice
from fofx.play.formula import values
from fofx.play.session import Session
from fofx.words import notice

SIDE, LARGE, STRIDE = 34, 100, 3  # every third dot of the large map, beginning with the first: 34
REACH = 6.0


def dots(side: int) -> tuple[np.ndarray, np.ndarray]:
    """x and y of the middles of side x side cells of the square, from the top left: both (side, side)."""
    middles = (np.arange(side) + 0.5) / side * 2 * REACH - REACH
    x, y = np.meshgrid(middles, middles[::-1])
    return x, y


def bytes_of(map_: np.ndarray, reach: float = 1.0) -> np.ndarray:
    """Numbers from -reach to reach as bytes; what is not finite is shown as 0."""
    scaled = np.nan_to_num(map_, nan=0.0, posinf=reach, neginf=-reach) * (127.5 / reach) + 128
    return np.clip(scaled, 0, 255).astype(np.uint8)


def reach_of(map_: np.ndarray) -> float:
    """The largest size of a map's numbers, at least 1."""
    finite = map_[np.isfinite(map_)]
    return max(1.0, float(np.abs(finite).max())) if finite.size else 1.0


def feature_map(formula: str, side: int) -> tuple[np.ndarray, float]:
    """A feature over the square in its own reach, and that reach."""
    map_ = values(formula, *dots(side))
    reach = float(np.abs(map_).max()) or 1.0
    return bytes_of(map_, reach), reach


def feature_maps(formulas: list[str]) -> bytes:
    return b"".join(feature_map(formula, SIDE)[0].tobytes() for formula in formulas)


def class_maps(shares: np.ndarray) -> bytes:
    """Probabilities (C, B, B) as two maps of bytes: the class that wins, and how sure the network is of it."""
    classes = shares.shape[0]
    shares = np.nan_to_num(shares, nan=0.0)
    sure = (shares.max(axis=0) - 1 / classes) / (1 - 1 / classes)
    return shares.argmax(axis=0).astype(np.uint8).tobytes() + np.clip(sure * 255, 0, 255).astype(np.uint8).tobytes()


def numbers(value: float | None) -> float | None:
    """A number for JSON, which knows no NaN."""
    return float(value) if value is not None and np.isfinite(value) else None


def looked_map(session: Session, look: tuple[int, int], maps: np.ndarray, formulas: list[str]) -> tuple[bytes, float]:
    """The large map of one unit, and its reach. look: (0, row of the features shown) or (layer, unit)."""
    layer, unit = look
    if layer == 0:
        map_, reach = feature_map(formulas[unit], LARGE)
        return map_.tobytes(), reach
    sizes = session.state.sizes
    chosen = maps[sum(sizes[:layer]) + unit]
    reach = reach_of(chosen) if layer < len(sizes) - 1 else 1.0
    return bytes_of(chosen, reach).tobytes(), reach


def lane_frame(
    session: Session,
    known: tuple[int, float],
    look: tuple[int, int] | None,
    formulas: list[str],
    gradients: list[tuple[np.ndarray, np.ndarray]] | bool,
    mistakes: bool,
    lang: str,
) -> tuple[dict[str, Any], list[bytes]]:
    """One network's part of a frame: what fits into JSON, and the binary parts that its "parts" names, in order.

    known: how many points of the loss curve the page has already, and the update of the last of them. gradients: those of
    an example, or True for those of the next batch.
    """
    state = session.state
    maps = session.heat(LARGE).copy()  # (units, B, B)
    outputs = maps[-state.outputs :]
    large = class_maps(outputs) if state.outputs > 1 else bytes_of(outputs[0]).tobytes()
    if state.outputs > 1:
        maps[-state.outputs :] = 2 * outputs - 1  # a class's probability from blue to orange
    hidden = maps[state.sizes[0] :, ::STRIDE, ::STRIDE]  # (units without the inputs, S, S)
    with np.errstate(invalid="ignore"):
        reaches = np.maximum(1, np.nan_to_num(np.abs(hidden), nan=0, posinf=1).max(axis=(1, 2), initial=0))
    reaches[-state.outputs :] = 1
    small = bytes_of(hidden / reaches[:, None, None])
    start, curve = curve_after(session, known)
    head: dict[str, Any] = {
        "sizes": list(state.sizes),
        "epoch": int(session.epochs),
        "updates": int(session.updates),
        "train": numbers(session.train_loss),
        "test": numbers(session.test_loss),
        "accuracy": numbers(session.accuracy) if state.problem == "classification" else None,
        "activation": "softmax" if state.outputs > 1 else "sigmoid" if state.cross_entropy else state.output_used,
        "ends": [0, 1] if state.cross_entropy else [-1, 1],  # what the ends of the colours stand for
        "curve_from": start,
        "trouble": trouble(session, lang),
        "stopped": bool(session.stopped) and session.trouble is None,
        "parts": ["maps", "output", "weights", "curve"],
    }
    parts = [small.tobytes(), large, flat(session.weights), curve.tobytes()]
    if gradients:
        head["parts"].append("gradients")
        head["gradient_of"] = "batch" if gradients is True else "example"
        parts.append(flat(session.gradients if gradients is True else gradients))
    if look is not None:
        map_, reach = looked_map(session, look, maps, formulas)
        head["looked"] = {"layer": look[0], "unit": look[1], "reach": reach}
        head["parts"].append("lookedMap")
        parts.append(map_)
    if mistakes and state.problem == "classification":
        head["parts"].append("mistakes")
        parts.append(np.asarray(session.mistakes(), np.uint32).tobytes())
    return head, parts


def curve_after(session: Session, known: tuple[int, float]) -> tuple[int, np.ndarray]:
    """The loss curve (P, 3) of update, train and test beyond what is known, and after how many points it goes on."""
    history = session.history
    start, last = known
    if not 0 < start <= len(history.updates) or history.updates[start - 1] != last:
        start = 0  # another curve, or one that was thinned out
    curve = np.array([history.updates[start:], history.train[start:], history.test[start:]]).T  # (P, 3)
    if session.state.show_penalty:
        curve[:, 1:] += np.array(history.penalty[start:])[:, None]
    return start, curve.reshape(-1, 3).astype(np.float32)


def flat(layers: list[tuple[np.ndarray, np.ndarray]]) -> bytes:
    """Weights (out, in) and biases (out,) of every layer, one after another."""
    return b"".join(np.ascontiguousarray(part, np.float32).tobytes() for layer in layers for part in layer)


def trouble(session: Session, lang: str) -> dict[str, Any] | None:
    """Why the network is of no use any more, and the change that mends it."""
    note: Notice | None = session.trouble
    if note is None:
        return None
    return {"code": note.code, "text": notice(note, lang), "remedy": session.remedy}

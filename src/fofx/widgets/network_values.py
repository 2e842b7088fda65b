"""What the Network widget shows, as plain data: the blocks of a network with their shapes, values of windows cut to a size that can
be drawn, and a chain rule with its formulas.
"""

from __future__ import annotations

import threading
import warnings
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import nn

from fofx.models.window import Peek
from fofx.see.chain import Chain

MOST_CHANNELS = 24  # maps drawn of one window
MOST_SIDE = 40  # places along a side of a map; of a larger one every second, third, ... is kept
MOST_UNITS = 512  # numbers of a window without maps
_drawing = threading.Lock()  # ziamath keeps its options in one place


def blocks_of_row(model: nn.Module, inputs: list[torch.Tensor]) -> list[dict[str, Any]]:
    """A dict for each block of the network in order: name, kind, depth, parameters, own (names of its own ones), takes, gives, window.

    The caller sees to evaluation mode and that nobody else looks. `takes` and `gives` are the shapes that really passed, without the axis of the one row; None for a block that was not used.
    """
    shapes: dict[nn.Module, tuple[Any, Any]] = {}

    def look(module: nn.Module, arguments: tuple, outputs: Any) -> None:
        shapes.setdefault(module, (_shape(arguments[0] if arguments else None), _shape(outputs)))

    hooks = [module.register_forward_hook(look) for module in model.modules()]
    try:
        model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    found = []
    for name, module in model.named_modules():
        takes, gives = shapes.get(module, (None, None))
        block = {"name": name, "kind": type(module).__name__, "depth": name.count(".") + 1 if name else 0}
        count = sum(parameter.numel() for parameter in module.parameters())
        about = {"about": module.extra_repr()} if not list(module.children()) else {"about": ""}
        own = [each for each, values in module.named_parameters(recurse=False) if values.ndim]
        shapes_of = {"takes": takes, "gives": gives, "window": isinstance(module, Peek)}
        found.append({**block, **about, "parameters": count, "own": own, **shapes_of})
    return found


def _shape(value: Any) -> Any:
    """The shape without the rows' axis; of several tensors the first's."""
    while isinstance(value, list | tuple) and value:
        value = value[0]
    return list(value.shape[1:]) if isinstance(value, torch.Tensor) else None


def pieces_of(windows: dict[str, np.ndarray]) -> tuple[list[dict[str, Any]], bytes]:
    """(what each window holds, all values as float32). A window is a strip (1, units), one map (rows, columns), or maps.

    `shape` is what passed, `kept` (maps, rows, columns) what is drawn, `every` (down, across) says that every so manieth place was kept.
    """
    found, parts, first = [], [], 0
    for name, value in windows.items():
        kept, every = _cut(np.asarray(value, dtype=np.float32))
        size = {"name": name, "shape": list(value.shape), "kept": list(kept.shape), "every": every, "first": first}
        finite = kept[np.isfinite(kept)]
        found.append({**size, "most": float(np.abs(finite).max()) if len(finite) else 0.0})
        parts.append(np.ascontiguousarray(kept).ravel())
        first += kept.size
    return found, np.concatenate(parts).tobytes() if parts else b""


def _cut(value: np.ndarray) -> tuple[np.ndarray, list[int]]:
    if value.ndim < 2:
        return value.reshape(1, 1, -1)[:, :, :MOST_UNITS], [1, 1]
    maps = value.reshape(-1, *value.shape[-2:])[:MOST_CHANNELS]  # (C, H, W)
    most = MOST_SIDE if len(maps) > 1 else 3 * MOST_SIDE
    down, across = (max(1, -(-side // most)) for side in maps.shape[1:])
    return maps[:, ::down, ::across], [down, across]


@lru_cache(2000)
def formula(latex: str) -> str:
    """LaTeX as SVG in the colour of the text; empty where the drawing package is not installed, or for nothing."""
    if not latex:
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the package asks for its font in an old way
            import ziamath
    except ImportError:
        return ""
    with _drawing:
        ziamath.config.svg2 = False  # plain paths: shared ids of two formulas would draw over one another
        return ziamath.Latex(latex, size=17, color="currentColor").svg()


def chain_as_data(found: Chain) -> dict[str, Any]:
    """A chain as JSON: every factor with formula, numbers and value, the product, torch's own, the step, the largest ways."""
    return {
        "layer": found.weight.layer,
        "unit": found.weight.unit,
        "source": -1 if found.weight.source is None else found.weight.source,
        "value": found.value,
        "factors": [
            {
                "kind": each.kind,
                "layer": each.layer,
                "formula": formula(each.formula),
                "numbers": formula(each.numbers),
                "latex": [each.formula, each.numbers],
                "value": each.value,
                "in_product": each.in_product,
            }
            for each in found.factors
        ],
        "gradient": found.gradient,
        "torch_gradient": found.torch_gradient,
        "difference": found.difference,
        "rate": found.rate,
        "next": found.next,
        "torch_next": found.torch_next,
        "loss": found.loss,
        "next_loss": found.next_loss,
        "ways": [{"units": list(way.units), "value": way.value} for way in found.ways],
        "way_count": found.way_count,
        "own_gradient": found.own_gradient,
    }

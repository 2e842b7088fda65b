"""The space in which a rung compares rows: what a network makes of them before its head, or their plain numbers.

features: what goes into the head of a network (the penultimate layer), or the frozen features of a pretrained one.
raw     : the columns in spreads around their mean, pixels from -0.5 to 0.5, n-grams of text weighed by TF-IDF, side by side.
Shapes: N rows, F features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import nn

from fofx.encoded import Inputs
from fofx.errors import TaskError
from fofx.finding import Finding
from fofx.models.reading import Pixels, Words
from fofx.models.tabm import MemberHeads
from fofx.network import Network, PairNetwork, TowersNetwork
from fofx.rungs.features import Flattener
from fofx.rungs.frozen import FrozenFeatures
from fofx.rungs.neural import Neural, device, lengths_of
from fofx.rungs.shapes import blocks_of
from fofx.see.rows import frame_of

Matrix = Any  # an array (N, F), or a sparse matrix of scipy, which has no types
SPACES = ("features", "raw")


@dataclass
class Space:
    """A way from raw rows to points. name: "features" or "raw"."""

    function: Finding
    rung: str
    name: str
    flattener: Flattener | None = None

    def points(self, frame: pl.DataFrame) -> Matrix:
        """(N, F) float32; sparse where n-grams of text are in it."""
        inputs = Inputs(frame, self.function.fields)
        rung = self.function.rung(self.rung)
        if self.name == "features" and isinstance(rung, Neural):
            return penultimate(rung, inputs)
        assert self.flattener is not None
        return self.flattener.matrix(inputs)


def space_of(function: Finding, rung: str | None = None, name: str | None = None) -> Space:
    """The space of a rung (by default the winner): "features" where it has any, else "raw", unless `name` says which.

    Raises TaskError "no-features" when features are asked of a rung that has none, "unknown-space" and "unknown-rung".
    """
    if name not in (None, *SPACES):
        raise TaskError("unknown-space", f"A space is {' or '.join(SPACES)}, not {name!r}.")
    rung = rung or function.winner
    fitted = function.rung(rung)
    has = isinstance(fitted, Neural | FrozenFeatures)
    if name == "features" and not has:
        raise TaskError(
            "no-features",
            f"The rung {rung!r} makes no features of its own; space='raw' compares the rows as they come.",
        )
    if has and name != "raw":
        return Space(function, rung, "features", getattr(fitted, "flattener", None))
    flattener = getattr(fitted, "flattener", None)
    if flattener is None or isinstance(fitted, FrozenFeatures):
        flattener = Flattener(function.fields)
        if flattener.texts:  # n-grams are learnt from the training rows; columns and pixels need nothing more
            flattener.fit(Inputs(frame_of(function, "train"), function.fields))
    return Space(function, rung, "raw", flattener)


def penultimate(rung: Neural, inputs: Inputs) -> np.ndarray:
    """What goes into the head of a network: (N, F) float32; the members of an ensemble in one lie side by side."""
    blocks = [block.to(device()) for block in blocks_of(rung.shape, inputs)]
    rows = len(blocks[0])
    lengths = lengths_of(rung.shape, blocks)
    order = torch.arange(rows) if lengths is None else lengths.argsort(stable=True)  # texts from short to long
    seen: list[torch.Tensor] = []
    rung.network.eval()
    handle = head_of(rung.network).register_forward_pre_hook(
        lambda module, given: seen.append(given[0].detach().flatten(1))
    )
    try:
        with torch.no_grad():
            for at in range(0, rows, rung.at_once):
                picked = order[at : at + rung.at_once].to(blocks[0].device)
                rung.network([block.index_select(0, picked) for block in blocks])
    finally:
        handle.remove()
    return torch.cat(seen)[order.argsort()].float().cpu().numpy()  # (N, F)


def head_of(network: nn.Module) -> nn.Module:
    """The last layer with weights: the join of several blocks, the head that compares two sides, or the last linear layer of
    the only block's model."""
    if isinstance(network, PairNetwork | TowersNetwork):
        return network.head
    assert isinstance(network, Network)
    if isinstance(network.join, nn.Linear):
        return network.join
    model = network.encoders[0]
    if isinstance(model, Pixels | Words):
        model = model.model
    head = getattr(model, "head", None)
    if not isinstance(head, nn.Module) and hasattr(model, "get_classifier"):  # a network of timm
        head = model.get_classifier()  # type: ignore[operator]
    whole = head if isinstance(head, nn.Module) else model
    linear = [module for module in whole.modules() if isinstance(module, nn.Linear | MemberHeads)]
    if not linear:
        raise TaskError(
            "no-features", "This network ends in no linear layer, so it has no features before a head; use space='raw'."
        )
    return linear[-1]

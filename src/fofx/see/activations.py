"""What passes inside a network: activation maps and filters of convolutions, attention per head and layer, token embeddings.

Everything is looked at through the windows of the models while they answer (evaluation mode), so it is what the network
really computed for these rows. A network that has no such thing says so: TaskError "no-maps", "no-filters", "no-attention",
"no-tokens". Each has a form for a plain torch model (`maps_of`, `filters_of`, `attention_of`).
Shapes: N rows, C channels, H x W places, T positions (tokens or patches), A heads, V vocabulary.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from fofx.errors import TaskError
from fofx.finding import Finding
from fofx.models.attention import SelfAttention
from fofx.models.bert import BERTSelf
from fofx.models.vit import ViT, ViTAttention
from fofx.models.window import watch
from fofx.rungs.neural import Neural
from fofx.see.rows import blocks_and_targets, neural

MOST_ROWS = 64  # at once: maps of many pictures fill the memory
_alone = threading.Lock()
ATTENTION = (SelfAttention, BERTSelf, ViTAttention)  # their window `weights` holds who looks at whom


@dataclass(frozen=True)
class Maps:
    """The channels of one window: (N, C, H, W)."""

    window: str
    values: np.ndarray


@dataclass(frozen=True)
class Filters:
    """The kernels of one convolution: (out channels, in channels of its group, h, w)."""

    layer: str
    weights: np.ndarray
    stride: int
    groups: int


@dataclass(frozen=True)
class Attention:
    """Who looks at whom, layer by layer. `tokens` are the words of each row, or None for a picture cut into patches.

    weights: a (N, A, T, T) array for each layer; row i says how position i spreads its look, and sums to 1 for positions
    below the row's length. lengths: (N,) real positions; what lies beyond is padding. grid: (down, across) patches of a
    ViT, whose position 0 is the class token; None for text.
    """

    layers: list[str]
    weights: list[np.ndarray]
    lengths: np.ndarray
    tokens: list[list[str]] | None = None
    grid: tuple[int, int] | None = None

    def rollout(self) -> np.ndarray:
        """(N, T, T) attention rollout; rows and columns of padding are 0."""
        flow = rollout(self.weights)  # (N, T, T)
        real = np.arange(flow.shape[1]) < self.lengths[:, None]  # (N, T)
        return flow * real[:, :, None] * real[:, None, :]

    def answer(self) -> np.ndarray:
        """(N, T) how much of each position reaches the answer by rollout: a ViT answers from its class token, a text model
        from the mean over its tokens. Sums to 1 in each row that has tokens."""
        flow = self.rollout()
        if self.grid is not None:
            return flow[:, 0]  # (N, T)
        return flow.sum(axis=1) / np.maximum(self.lengths, 1)[:, None]  # (N, T)


@dataclass(frozen=True)
class Embeddings:
    """The vector of each token as the network reads it, position included: (N, T, C), 0 beyond a row's tokens."""

    tokens: list[list[str]]
    vectors: np.ndarray


# ---------------------------------------------------------------------------------------------- of a run


def windows(
    function: Finding, rows: Sequence[int], rung: str | None = None, part: str = "test", names: tuple[str, ...] = ()
) -> dict[str, np.ndarray]:
    """{window: what passed it for these rows}; `names` limits it to windows whose name begins so. Any network."""
    network, blocks = _given(function, rows, rung, part)
    try:
        return _watched(network.network, blocks, names)
    except KeyError as problem:
        raise TaskError("unknown-window", str(problem.args[0])) from problem


def maps(function: Finding, rows: Sequence[int], rung: str | None = None, part: str = "test") -> list[Maps]:
    """The activation maps of these rows' pictures, from the first convolution to the last."""
    network, blocks = _given(function, rows, rung, part)
    return maps_of(network.network, blocks)


def filters(function: Finding, rung: str | None = None) -> list[Filters]:
    """The kernels of a run's network. Those of the first layer look at the picture's own channels."""
    return filters_of(neural(function, rung).network)


def attention(
    function: Finding, rows: Sequence[int], rung: str | None = None, part: str = "test", block: str | None = None
) -> Attention:
    """Attention of a transformer, BERT or ViT on these rows. `block` is the input column, where several are read so."""
    network, blocks = _given(function, rows, rung, part)
    place = _encoder_with(network, ATTENTION, block, "no-attention", "has no attention that passes a window")
    encoder = network.network.encoders[place]
    found = attention_of(encoder, blocks[place])
    if "side" in network.shape["encoders"][place]:
        return found
    tokens = _tokens(function, network, place, blocks[place])
    return Attention(found.layers, found.weights, np.array([len(row) for row in tokens]), tokens)


def embeddings(
    function: Finding, rows: Sequence[int], rung: str | None = None, part: str = "test", block: str | None = None
) -> Embeddings:
    """The vector of each token of these rows' texts, as the first layer gives it."""
    network, blocks = _given(function, rows, rung, part)
    place = _encoder_with(network, (nn.Embedding,), block, "no-tokens", "reads no tokens")
    seen = _watched(network.network.encoders[place], blocks[place], ())
    name = next((name for name in seen if name.split(".")[-1] == "embedded"), None)
    if name is None:
        raise TaskError("no-tokens", f"{network.name!r} has no window at its embeddings.")
    tokens = _tokens(function, network, place, blocks[place])
    real = np.arange(seen[name].shape[1]) < np.array([[len(row)] for row in tokens])  # (N, T)
    return Embeddings(tokens, seen[name] * real[:, :, None])


def vocabulary(function: Finding, rung: str | None = None, block: str | None = None) -> tuple[list[str], np.ndarray]:
    """Every token that the network knows, and its learnt vector: (V,) words, (V, C)."""
    network = neural(function, rung)
    place = _encoder_with(network, (nn.Embedding,), block, "no-tokens", "reads no tokens")
    table = next(m for m in network.network.encoders[place].modules() if isinstance(m, nn.Embedding))
    cutter = _tokenizer(function, network, place)
    words = [cutter.id_to_token(number) or "" for number in range(table.num_embeddings)]
    return words, table.weight.detach().cpu().float().numpy()


# ---------------------------------------------------------------------------------------------- of any torch model


def maps_of(model: nn.Module, inputs: Any) -> list[Maps]:
    """The maps (N, C, H, W) that pass a model's windows; of a model without such windows, what its convolutions give."""
    attention = set(_attention_windows(model))
    seen = {name: value for name, value in _watched(model, inputs, ()).items() if name not in attention}
    found = [Maps(name, value) for name, value in seen.items() if value.ndim == 4]
    if not found:
        layers: dict[str, nn.Module] = {n: m for n, m in model.named_modules() if isinstance(m, nn.Conv2d)}
        found = [Maps(name, value) for name, value in _hooked(model, layers, inputs).items() if value.ndim == 4]
    if not found:
        raise TaskError("no-maps", "This network has no convolution over pictures, so it has no activation maps.")
    return found


def filters_of(model: nn.Module) -> list[Filters]:
    """The kernels of every 2-D convolution of a model."""
    found = [
        Filters(name, module.weight.detach().cpu().float().numpy(), module.stride[0], module.groups)
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d)
    ]
    if not found:
        raise TaskError("no-filters", "This network has no convolution, so it has no filters.")
    return found


def attention_of(model: nn.Module, inputs: Any) -> Attention:
    """Attention of any model built of fofx's attention layers, or of one such layer, whose name is then "".

    Every position counts as real. Several inputs of a model come as a tuple.
    """
    layers = _attention_windows(model)
    if not layers:
        raise TaskError("no-attention", "This network has no attention that passes a window.")
    if isinstance(model, BERTSelf) and not isinstance(inputs, tuple):
        inputs = (inputs, None)  # who may look at whom is its second input: everybody
    seen = _watched(model, inputs, tuple(layers))
    weights = [seen[name] for name in layers]
    rows, _, positions, _ = weights[0].shape
    vit = next((module for module in model.modules() if isinstance(module, ViT)), None)
    side = 0 if vit is None else vit.size // vit.conv_proj.stride[0]
    grid = None if vit is None else (side, side)
    return Attention(list(layers.values()), weights, np.full(rows, positions), None, grid)


def rollout(weights: Sequence[np.ndarray], kept: float = 0.5) -> np.ndarray:
    """How much of each position flows into each other one through all layers: (..., T, T), rows sum to 1.

    weights: (..., A, T, T) for each layer, the first layer first. Every layer is the mean over its heads, mixed with
    the shortcut around it by `kept`, and the layers are multiplied (Abnar and Zuidema 2020, "Quantifying Attention Flow in
    Transformers"). It follows attention only: what the perceptrons between do is not in it.
    """
    flow: np.ndarray | None = None
    for each in weights:
        mean = each.mean(axis=-3, dtype=np.float64)  # (..., T, T)
        mixed = (1 - kept) * mean + kept * np.eye(mean.shape[-1])
        mixed = mixed / mixed.sum(axis=-1, keepdims=True)
        flow = mixed if flow is None else mixed @ flow
    if flow is None:
        raise TaskError("no-attention", "There is no layer of attention to follow.")
    return flow


# ---------------------------------------------------------------------------------------------- helpers


def _attention_windows(model: nn.Module) -> dict[str, str]:
    """{window of the weights: layer} of a model's attention layers; the model may itself be one, whose name is ""."""
    layers = [name for name, module in model.named_modules() if isinstance(module, ATTENTION)]
    return {f"{name}.weights" if name else "weights": name for name in layers}


def _given(function: Finding, rows: Sequence[int], rung: str | None, part: str) -> tuple[Neural, list[torch.Tensor]]:
    if not 0 < len(rows) <= MOST_ROWS:
        raise TaskError("too-many-rows", f"Between 1 and {MOST_ROWS} rows can be looked at at once, not {len(rows)}.")
    network = neural(function, rung)
    return network, blocks_and_targets(function, network.name, rows, part).blocks


@contextmanager
def answering(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients, one looker at a time (the studio asks from several threads); left as it was."""
    with _alone, torch.no_grad():
        training = {module: module.training for module in model.modules()}
        model.eval()
        try:
            yield
        finally:
            for module, mode in training.items():
                module.training = mode


def _watched(model: nn.Module, inputs: Any, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """What passes the windows, in their order in the model, as float32 copies. A tuple of inputs is several arguments."""
    order = list(watch(model, names).windows)
    with answering(model), watch(model, names) as seen:
        model(*inputs) if isinstance(inputs, tuple) else model(inputs)
    return {name: seen[name].float().cpu().numpy().copy() for name in order if name in seen}


def _hooked(model: nn.Module, layers: dict[str, nn.Module], inputs: Any) -> dict[str, np.ndarray]:
    """What these layers give, as float32 copies."""
    seen: dict[str, np.ndarray] = {}

    def recorder(name: str):
        def record(module: nn.Module, arguments: tuple, outputs: torch.Tensor) -> None:
            seen[name] = outputs.detach().float().cpu().numpy().copy()

        return record

    with answering(model):
        hooks = [layer.register_forward_hook(recorder(name)) for name, layer in layers.items()]
        try:
            model(inputs)
        finally:
            for hook in hooks:
                hook.remove()
    return seen


def _encoder_with(network: Neural, kinds: tuple[type, ...], block: str | None, code: str, lacks: str) -> int:
    """The number of the encoder that holds such a layer; TaskError `code` when none does."""
    model = network.network
    parts = network.shape["encoders"]
    able = [n for n, each in enumerate(model.encoders) if any(isinstance(m, kinds) for m in each.modules())]
    able = [n for n in able if block is None or parts[n]["block"] == block]
    if not able:
        where = "" if block is None else f" at {block!r}"
        raise TaskError(code, f"The network {network.name!r} {lacks}{where}.")
    return able[0]


def _tokenizer(function: Finding, network: Neural, place: int) -> Any:
    from tokenizers import Tokenizer

    part = network.shape["encoders"][place]
    field = next(field for field in function.fields if field.name == part["block"])
    return Tokenizer.from_str(part.get("tokenizer") or field.tokenizer_json)  # type: ignore[attr-defined]


def _tokens(function: Finding, network: Neural, place: int, ids: torch.Tensor) -> list[list[str]]:
    """The words behind token numbers (N, T); 0 is padding and ends a row."""
    cutter = _tokenizer(function, network, place)
    return [[cutter.id_to_token(number) or "?" for number in row if number] for row in ids.tolist()]

"""What is seen inside a network is what it computed: maps, filters, attention that sums to one, rollout, token vectors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import small
from fofx.errors import TaskError
from fofx.models.attention import SelfAttention
from fofx.models.bert import BERT, BERTSelf
from fofx.models.cnn import CNN
from fofx.models.transformer import Transformer
from fofx.models.vit import ViT, ViTAttention
from fofx.see.activations import (
    attention,
    attention_of,
    embeddings,
    filters,
    filters_of,
    maps,
    maps_of,
    rollout,
    vocabulary,
    windows,
)
from fofx.see.rows import blocks_and_targets, neural
from seen import pictures, reviews


def test_rollout_by_hand() -> None:
    """Two positions, two layers: multiplied out on paper."""
    first = np.array([[[1.0, 0.0], [0.5, 0.5]]])  # (A, T, T), one head
    second = np.array(
        [[[0.0, 1.0], [0.25, 0.75]], [[1.0, 0.0], [0.75, 0.25]]]
    )  # two heads: their mean is 0.5 everywhere
    one = np.array([[1.0, 0.0], [0.25, 0.75]])  # half of the first layer and half of the shortcut
    two = np.array([[0.75, 0.25], [0.25, 0.75]])
    assert np.allclose(rollout([first]), one)
    assert np.allclose(rollout([first, second]), two @ one)
    assert np.allclose(rollout([first, second]), [[0.8125, 0.1875], [0.4375, 0.5625]])
    with pytest.raises(TaskError):
        rollout([])


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 6), st.integers(0, 999))
def test_rollout_spreads_one_whole(layers: int, heads: int, positions: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = [rng.dirichlet(np.ones(positions), (2, heads, positions)) for _ in range(layers)]
    flow = rollout(weights)
    assert flow.shape == (2, positions, positions)
    assert np.allclose(flow.sum(axis=-1), 1) and (flow >= 0).all()
    assert np.allclose(flow[1], rollout([each[1] for each in weights]))


@pytest.mark.parametrize(
    ("model", "inputs", "positions", "heads"),
    [
        (ViT(3, channels=1, size=8, patch=4, width=16, layers=2, heads=4), torch.rand(2, 1, 8, 8), 5, 4),
        (Transformer(20, 2, width=16, layers=3, heads=2), torch.randint(1, 20, (2, 7)), 7, 2),
        (BERT(20, 2, width=16, layers=2, heads=2, wide=32, positions=9), torch.randint(1, 20, (2, 7)), 7, 2),
    ],
)
def test_attention_is_what_was_computed(model: nn.Module, inputs: torch.Tensor, positions: int, heads: int) -> None:
    model.train()
    found = attention_of(model, inputs)
    assert model.training and not any(module._forward_hooks for module in model.modules())
    assert len(found.layers) == len(found.weights) >= 2
    for weights in found.weights:
        assert weights.shape == (2, heads, positions, positions)
        assert np.allclose(weights.sum(axis=-1), 1, atol=1e-5)
    assert np.allclose(found.answer().sum(axis=1), 1)
    if isinstance(model, ViT):
        assert found.grid == (2, 2)
        assert np.allclose(found.answer(), rollout(found.weights)[:, 0])


def test_attention_by_the_formula() -> None:
    """softmax(Q K^T / sqrt(K)) of the first layer, from the weights alone."""
    torch.manual_seed(0)
    model = Transformer(20, 2, width=8, layers=1, heads=2, dropout=0.0).eval()
    ids = torch.randint(1, 20, (1, 5))
    block = model.blocks[0]
    with torch.no_grad():
        tokens = block.norm1(model.token(ids) + model.position.weight[:5])[0]  # (T, C)
        queries, keys, _ = block.attention.project(tokens).view(5, 3, 2, 4).unbind(1)  # (T, A, K)
        right = torch.stack([(queries[:, n] @ keys[:, n].T / 2).softmax(-1) for n in range(2)])  # (A, T, T)
    assert np.allclose(attention_of(model, ids).weights[0][0], right.numpy(), atol=1e-6)


@pytest.mark.parametrize("layer", [SelfAttention(16, 4), ViTAttention(16, 4), BERTSelf(16, 4)])
def test_one_attention_layer_alone(layer: nn.Module) -> None:
    """It is its own model: its name is empty, and its weights are those that the fused path would use."""
    torch.manual_seed(0)
    tokens = torch.randn(2, 5, 16)
    found = attention_of(layer, tokens)
    assert found.layers == [""] and found.grid is None and found.lengths.tolist() == [5, 5]
    assert found.weights[0].shape == (2, 4, 5, 5)
    np.testing.assert_allclose(found.weights[0].sum(axis=-1), 1, atol=1e-5)
    with pytest.raises(TaskError, match="no-maps"):
        maps_of(nn.Sequential(layer) if not isinstance(layer, BERTSelf) else nn.ReLU(), tokens)


def test_a_runs_texts() -> None:
    function = reviews()
    found = attention(function, [0, 3], "transformer")
    assert found.tokens is not None
    frame = blocks_and_targets(function, "transformer", [0, 3], "test").frame
    for row in range(2):
        assert found.tokens[row] == function.fields[0].tokens(frame["text"][row])[: found.lengths[row]]
        length = found.lengths[row]
        for weights in found.weights:
            assert np.allclose(weights[row, :, :length].sum(axis=-1), 1, atol=1e-5)
            assert np.allclose(weights[row, :, :length, length:], 0)
    assert np.allclose(found.answer().sum(axis=1), 1)
    words = embeddings(function, [0, 3], "transformer")
    assert words.tokens == found.tokens
    known, table = vocabulary(function, "transformer")
    model = neural(function, "transformer").network.encoders[0].model
    assert table.shape == model.token.weight.shape
    for row in range(2):
        for position, token in enumerate(words.tokens[row]):
            right = table[known.index(token)] + model.position.weight[position].detach().numpy()
            assert np.allclose(words.vectors[row, position], right, atol=1e-6)
        assert not words.vectors[row, len(words.tokens[row]) :].any()


def test_a_runs_pictures() -> None:
    function = pictures()
    rows = [1, 0, 2]
    found = maps(function, rows, "cnn")
    network = neural(function, "cnn").network
    kernels = filters(function, "cnn")
    assert [each.values.shape[:2] for each in found] == [(3, 32), (3, 64), (3, 128)]
    # The first map by the definition of a convolution: the kernel laid on a place, multiplied and added up.
    pixels = blocks_and_targets(function, "cnn", rows, "test").blocks[0].float() / 255
    encoder = network.encoders[0]
    scaled = ((pixels - encoder.mean) / encoder.spread).numpy()
    padded = np.pad(scaled, ((0, 0), (0, 0), (1, 1), (1, 1)))
    norm = encoder.model.stages[0].layers.norm_1
    place = (padded[:, :, 4:7, 5:8][:, None] * kernels[0].weights[None]).sum(axis=(2, 3, 4))  # (N, C)
    scale = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach().numpy()
    place = (place - norm.running_mean.numpy()) * scale + norm.bias.detach().numpy()
    assert np.allclose(found[0].values[:, :, 4, 5], np.maximum(place, 0), atol=1e-4)
    every = windows(function, rows, "cnn")
    assert any(name.endswith("pooled") for name in every)
    assert np.array_equal(every[found[0].window], found[0].values)
    assert list(windows(function, rows, "cnn", names=("encoders.0.model.outputs",))) == ["encoders.0.model.outputs"]


def test_a_runs_vit() -> None:
    function = pictures("vit")
    found = attention(function, [0], "vit")
    assert found.grid is not None and found.tokens is None
    assert found.grid[0] * found.grid[1] + 1 == found.weights[0].shape[-1]
    with pytest.raises(TaskError) as error:
        maps_of(nn.Sequential(nn.Linear(2, 2)), torch.zeros(1, 2))
    assert error.value.code == "no-maps"


def test_models_without_windows() -> None:
    """The convolutions of a stranger's model are seen all the same."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 2))
    inputs = torch.rand(2, 1, 6, 6)
    (found,) = maps_of(model, inputs)
    assert np.allclose(found.values, model[0](inputs).detach().numpy(), atol=1e-6)
    (kernels,) = filters_of(model)
    assert kernels.weights.shape == (2, 1, 3, 3) and kernels.layer == "0"
    assert len(maps_of(CNN(2, channels=1, size=8), torch.rand(1, 1, 8, 8))) == 3


@pytest.mark.parametrize("family", ["number", "category"])
def test_a_network_without_says_so(family: str) -> None:
    function = small.FAMILIES[family]()
    for code, ask in (
        ("no-maps", lambda: maps(function, [0], "mlp")),
        ("no-filters", lambda: filters(function, "mlp")),
        ("no-attention", lambda: attention(function, [0], "mlp")),
        ("no-tokens", lambda: embeddings(function, [0], "mlp")),
        ("no-tokens", lambda: vocabulary(function, "mlp")),
        ("unknown-window", lambda: windows(function, [0], "mlp", names=("door",))),
        ("too-many-rows", lambda: maps(function, list(range(1000)), "mlp")),
        ("unknown-row", lambda: windows(function, [99_999], "mlp")),
    ):
        with pytest.raises(TaskError) as error:
            ask()
        assert error.value.code == code
    with pytest.raises(TaskError) as error:
        attention(pictures(), [0], "cnn")
    assert error.value.code == "no-attention"

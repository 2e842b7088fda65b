"""Networks over series: the same weights in torch.nn, in transformers or in the written-out formula give the same."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fofx.models.forecast import DLinear, NLinear, SeriesRNN, SeriesTransformer, moving_mean
from fofx.models.window import watch


def agree(ours: nn.Module, series: torch.Tensor, oracle, pairs: dict) -> None:
    """Values, the input's gradient, and those of the parameters: {our name: theirs}."""
    mine_in, their_in = series.clone().requires_grad_(), series.clone().requires_grad_()
    mine, theirs = ours(mine_in), oracle(their_in)
    torch.testing.assert_close(mine, theirs)
    torch.manual_seed(1)
    direction = torch.randn_like(mine)
    (mine * direction).sum().backward()
    (theirs * direction).sum().backward()
    torch.testing.assert_close(mine_in.grad, their_in.grad)
    found = dict(ours.named_parameters())
    assert set(pairs) == set(found)
    for name, parameter in pairs.items():
        torch.testing.assert_close(found[name].grad, parameter.grad, msg=name)


def series(batch: int = 4, past: int = 10, variables: int = 3) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(batch, past, variables).double()


@pytest.mark.parametrize(("kind", "theirs"), [("gru", nn.GRU), ("lstm", nn.LSTM), ("rnn", nn.RNN)])
def test_recurrent_equals_torch(kind, theirs):
    torch.manual_seed(2)
    ours = SeriesRNN(3, 2, width=5, kind=kind).double()
    oracle, head = theirs(3, 5, batch_first=True).double(), nn.Linear(10, 2).double()
    oracle.load_state_dict(ours.recurrent.fused[0].state_dict())
    head.load_state_dict(ours.head.state_dict())

    def run(steps):
        memory = oracle(steps)[0]
        return head(torch.cat([memory[:, -1], memory.mean(1)], 1))

    pairs = {f"recurrent.fused.0.{name}": parameter for name, parameter in oracle.named_parameters()}
    agree(ours, series(), run, pairs | {f"head.{name}": parameter for name, parameter in head.named_parameters()})


@pytest.mark.parametrize("patch", [1, 3])
def test_transformer_equals_torch_layers(patch):
    torch.manual_seed(2)
    ours = SeriesTransformer(3, 2, past=10, patch=patch, width=8, layers=2, heads=2).double()
    for block in ours.blocks:
        nn.init.normal_(block.norm1.weight), nn.init.normal_(block.norm2.bias)
    names = {
        "self_attn.in_proj_": "attention.project.",
        "self_attn.out_proj.": "attention.output.",
        "linear1.": "widen.",
        "linear2.": "narrow.",
        "norm1.": "norm1.",
        "norm2.": "norm2.",
    }
    pairs, layers = {}, []
    for number, block in enumerate(ours.blocks):
        layer = nn.TransformerEncoderLayer(8, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True).double()
        own = block.state_dict()
        layer.load_state_dict({t + leaf: own[o + leaf] for t, o in names.items() for leaf in ("weight", "bias")})
        theirs = dict(layer.named_parameters())
        pairs |= {
            f"blocks.{number}.{o}{leaf}": theirs[t + leaf] for t, o in names.items() for leaf in ("weight", "bias")
        }
        layers.append(layer)
    value, norm, head = nn.Linear(3 * patch, 8).double(), nn.LayerNorm(8).double(), nn.Linear(16, 2).double()
    position = nn.Parameter(ours.position.weight.detach().clone())
    for name, part in (("value", value), ("norm", norm), ("head", head)):
        part.load_state_dict(ours.get_submodule(name).state_dict())
        pairs |= {f"{name}.{leaf}": parameter for leaf, parameter in part.named_parameters()}

    def run(steps):
        kept = steps[:, 10 % patch :]  # what is left over is the oldest
        tokens = value(kept.unfold(1, patch, patch).transpose(2, 3).flatten(2)) + position
        for layer in layers:
            tokens = layer(tokens)
        tokens = norm(tokens)
        return head(torch.cat([tokens[:, -1], tokens.mean(1)], 1))

    agree(ours, series(), run, pairs | {"position.weight": position})


@pytest.mark.parametrize("kernel", [1, 3, 25])
def test_dlinear_equals_autoformers_decomposition_and_two_layers(torchvision, kernel):
    from transformers import AutoformerConfig
    from transformers.models.autoformer.modeling_autoformer import AutoformerSeriesDecompositionLayer

    decompose = AutoformerSeriesDecompositionLayer(AutoformerConfig(prediction_length=2, moving_average=kernel))
    torch.manual_seed(2)
    ours = DLinear(10, 4, variables=3, targets=(0, 2), kernel=kernel).double()
    seasonal, trend = nn.Linear(10, 2).double(), nn.Linear(10, 2).double()
    pairs = {}
    for name, part in (("Linear_Seasonal", seasonal), ("Linear_Trend", trend)):
        part.load_state_dict(ours.get_submodule(name).state_dict())
        pairs |= {f"{name}.{leaf}": parameter for leaf, parameter in part.named_parameters()}

    def run(steps):
        rest, slow = decompose(steps)
        each = [seasonal(rest[:, :, v]) + trend(slow[:, :, v]) for v in (0, 2)]
        return torch.cat(each, 1)

    agree(ours, series(), run, pairs)


def test_moving_mean_by_hand():
    values = torch.tensor([1.0, 2.0, 6.0, 3.0])[None, :, None]
    expected = torch.tensor([4 / 3, 3.0, 11 / 3, 4.0])
    torch.testing.assert_close(moving_mean(values, 3)[0, :, 0], expected)
    torch.testing.assert_close(moving_mean(values, 2)[0, :, 0], torch.tensor([1.0, 1.5, 4.0, 4.5]))
    assert torch.equal(moving_mean(values, 1), values)


def test_nlinear_equals_its_formula_and_ignores_the_level():
    torch.manual_seed(2)
    ours = NLinear(10, 6, variables=3, targets=(2, 1)).double()
    layer = nn.Linear(10, 3).double()
    layer.load_state_dict(ours.Linear.state_dict())

    def run(steps):
        last = steps[:, -1]
        each = [layer(steps[:, :, v] - last[:, v : v + 1]) + last[:, v : v + 1] for v in (2, 1)]
        return torch.cat(each, 1)

    agree(ours, series(), run, {"Linear.weight": layer.weight, "Linear.bias": layer.bias})
    torch.testing.assert_close(ours(series() + 100), ours(series()) + 100)


def test_the_parts_of_dlinear_are_seen_and_add_up():
    model, values = DLinear(10, 1, variables=3), series().float()
    with watch(model) as seen:
        model(values)
    torch.testing.assert_close(seen["trend"] + seen["rest"], values)


def test_attention_over_steps_is_seen():
    model = SeriesTransformer(3, 1, past=10, width=8, heads=2)
    with watch(model) as seen:
        model(series().float())
    weights = seen["blocks.0.attention.weights"]
    assert weights.shape == (4, 2, 10, 10)
    torch.testing.assert_close(weights.sum(-1), torch.ones(4, 2, 10))


def test_wrong_shapes():
    with pytest.raises(ValueError, match="a past of 10 steps, got 9"):
        SeriesTransformer(3, 1, past=10, width=8)(torch.zeros(2, 9, 3))
    with pytest.raises(ValueError, match="a patch from 1"):
        SeriesTransformer(3, 1, past=4, patch=5)

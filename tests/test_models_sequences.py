"""Recurrent networks, attention and the transformer: the visible path against the fast one and against torch.nn."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch import nn

from fofx.models.attention import SelfAttention
from fofx.models.rnn import Recurrent, TextRNN, reverse_within
from fofx.models.transformer import Transformer
from fofx.models.window import watch

LENGTHS = torch.tensor([6, 3, 1, 4])


def renamed(theirs: nn.RNNBase) -> dict:
    """Weights of a torch stack under the names of `Recurrent`: one entry a layer and direction."""
    directions = 2 if theirs.bidirectional else 1
    state = {}
    for name, tensor in theirs.state_dict().items():
        kind, place = name.rsplit("_l", 1)
        number = int(place.removesuffix("_reverse")) * directions + place.endswith("_reverse")
        state[f"fused.{number}.{kind}_l0"] = tensor.clone()
    return state


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("both_ways", [False, True])
@pytest.mark.parametrize(("kind", "oracle"), [("rnn", nn.RNN), ("lstm", nn.LSTM), ("gru", nn.GRU)])
def test_recurrent_equals_torch_on_packed_sequences(kind, oracle, both_ways, fast):
    torch.manual_seed(0)
    theirs = oracle(5, 7, num_layers=2, batch_first=True, bidirectional=both_ways).double()
    ours = Recurrent(5, 7, kind, layers=2, both_ways=both_ways, fast=fast).double()
    ours.load_state_dict(renamed(theirs))
    steps = torch.randn(4, 6, 5).double()
    mine_in, their_in = steps.clone().requires_grad_(), steps.clone().requires_grad_()
    mine = ours(mine_in, LENGTHS)
    packed = nn.utils.rnn.pack_padded_sequence(their_in, LENGTHS, batch_first=True, enforce_sorted=False)
    other, _ = nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)
    torch.testing.assert_close(mine, other)
    direction = torch.randn_like(other)
    (mine * direction).sum().backward()
    (other * direction).sum().backward()
    torch.testing.assert_close(mine_in.grad, their_in.grad)
    expected = renamed_gradients(theirs)
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], msg=name)


def renamed_gradients(theirs: nn.RNNBase) -> dict:
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(parameter.grad)
    return renamed(theirs)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_gates_are_seen_and_looking_changes_nothing(kind):
    torch.manual_seed(0)
    model = Recurrent(5, 7, kind, both_ways=True)
    steps = torch.randn(4, 6, 5)
    before = model(steps, LENGTHS)
    with watch(model) as seen:
        during = model(steps, LENGTHS)
    torch.testing.assert_close(during, before)
    gates = {"rnn": 1, "lstm": 4, "gru": 3}[kind]
    assert seen["gates.0"].shape == seen["gates.1"].shape == (4, 6, 7 * gates)
    assert torch.equal(seen["hidden.0"], during)


def test_unknown_recurrent_kind():
    with pytest.raises(ValueError, match="rnn, lstm, gru"):
        Recurrent(2, 3, "gnu")


@settings(max_examples=40, deadline=None)
@given(some.lists(some.integers(0, 8), min_size=1, max_size=5))
def test_reversing_twice_gives_the_sequence_back(lengths):
    steps = torch.randn(len(lengths), 8, 2)
    counts = torch.tensor(lengths)
    once = reverse_within(steps, counts)
    assert torch.equal(reverse_within(once, counts), steps)
    for row, length in enumerate(lengths):
        assert torch.equal(once[row, :length], steps[row, :length].flip(0))
        assert torch.equal(once[row, length:], steps[row, length:])


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_visible_attention_equals_fused_in_values_and_gradients(padded, causal):
    torch.manual_seed(0)
    layer = SelfAttention(12, heads=3, causal=causal).double()
    tokens = torch.randn(4, 6, 12).double()
    mask = torch.arange(6) < LENGTHS[:, None] if padded else None
    direction = torch.randn_like(tokens)

    def gradients(outputs, asked):
        return outputs, torch.autograd.grad((outputs * direction).sum(), [asked, *layer.parameters()])

    asked = tokens.clone().requires_grad_()
    fast = gradients(layer(asked, mask), asked)
    with watch(layer) as seen:
        visible = gradients(layer(asked, mask), asked)
    torch.testing.assert_close(visible, fast)

    weights = seen["weights"]
    torch.testing.assert_close(weights.sum(-1), torch.ones(4, 3, 6).double())
    if padded:
        assert (weights[~mask[:, None, None].expand_as(weights)] == 0).all()
    if causal:
        assert (weights.triu(1) == 0).all()


def test_attention_equals_torch_multihead():
    torch.manual_seed(0)
    theirs = nn.MultiheadAttention(12, 3, batch_first=True).double()
    ours = SelfAttention(12, heads=3).double()
    with torch.no_grad():
        theirs.in_proj_bias.uniform_()
        ours.project.weight.copy_(theirs.in_proj_weight)
        ours.project.bias.copy_(theirs.in_proj_bias)
        ours.output.load_state_dict(theirs.out_proj.state_dict())
    tokens, mask = torch.randn(4, 6, 12).double(), torch.arange(6) < LENGTHS[:, None]
    expected, weights = theirs(tokens, tokens, tokens, key_padding_mask=~mask, average_attn_weights=False)
    with watch(ours) as seen:
        torch.testing.assert_close(ours(tokens, mask), expected)
    torch.testing.assert_close(seen["weights"], weights.detach())


def test_heads_must_share_the_width():
    with pytest.raises(ValueError, match="3 heads"):
        SelfAttention(10, heads=3)


def test_transformer_equals_torch_layers():
    torch.manual_seed(0)
    ours = Transformer(20, 3, width=16, layers=2, heads=2, positions=8, dropout=0.0).double()
    for block in ours.blocks:
        nn.init.normal_(block.norm1.weight), nn.init.normal_(block.norm2.bias)
    ids, mask = torch.randint(0, 20, (4, 6)), torch.arange(6) < LENGTHS[:, None]
    tokens = ours.token(ids) + ours.position(torch.arange(6))
    for block in ours.blocks:
        layer = nn.TransformerEncoderLayer(16, 2, 64, 0.0, "gelu", batch_first=True, norm_first=True).double()
        pairs = {
            "self_attn.in_proj_": block.attention.project,
            "self_attn.out_proj.": block.attention.output,
            "linear1.": block.widen,
            "linear2.": block.narrow,
            "norm1.": block.norm1,
            "norm2.": block.norm2,
        }
        state = {start + name: tensor for start, part in pairs.items() for name, tensor in part.state_dict().items()}
        layer.load_state_dict(state)
        tokens = layer(tokens, src_key_padding_mask=~mask)
    tokens = ours.norm(tokens) * mask[:, :, None]
    torch.testing.assert_close(ours.features(ids, mask), tokens)
    expected = ours.head(tokens.sum(1) / LENGTHS[:, None])
    torch.testing.assert_close(ours(ids, mask), expected)


@settings(max_examples=25, deadline=None)
@given(some.sampled_from(["transformer", "rnn", "lstm", "gru"]), some.integers(0, 4), some.integers(1, 5))
def test_padding_changes_nothing(kind, length, padding):
    torch.manual_seed(length)
    if kind == "transformer":
        model = Transformer(20, 3, width=8, layers=1, heads=2)
    else:
        model = TextRNN(20, 3, width=8, kind=kind)
    model.eval()
    ids = torch.randint(0, 20, (2, max(length, 1)))
    mask = torch.zeros_like(ids, dtype=torch.bool)
    mask[:, :length] = True
    longer = torch.cat([ids, torch.randint(0, 20, (2, padding))], dim=1)
    wider = torch.cat([mask, torch.zeros(2, padding, dtype=torch.bool)], dim=1)
    short, long = model(ids, mask), model(longer, wider)
    torch.testing.assert_close(long, short, rtol=1e-4, atol=1e-5)
    assert short.isfinite().all()
    features = model.features(longer, wider)
    assert (features[~wider] == 0).all()
    if length == 0:
        assert (model.pool(features, wider) == 0).all()
    if length == ids.shape[1]:
        torch.testing.assert_close(model(ids), short, rtol=1e-4, atol=1e-5)


def test_gradients_are_finite_with_an_empty_text():
    model = Transformer(20, 2, width=8, layers=2, heads=2)
    ids = torch.randint(0, 20, (2, 3))
    mask = torch.tensor([[True, True, False], [False, False, False]])
    model(ids, mask).sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
    with watch(model) as seen:
        assert model(ids, mask).isfinite().all()
    weights = seen["blocks.0.attention.weights"]
    assert (weights[1, :, :, 0] == 1).all() and (weights[0, :, :, 2] == 0).all()


def test_too_long_a_text():
    with pytest.raises(ValueError, match="at most 4 tokens"):
        Transformer(20, 2, width=8, positions=4)(torch.zeros(1, 5, dtype=torch.int64))
    with pytest.raises(ValueError, match="even width"):
        TextRNN(20, 2, width=9)

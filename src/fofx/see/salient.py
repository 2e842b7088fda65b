"""What carried a run's answer, by the methods of `fofx.see.saliency`: heat over pixels, effects of tokens and of columns.

Effects are in the unit in which the answer is given, so that methods can be compared: in probability of the class, or in the
number's own unit. Only Grad-CAM has no unit; it weighs the class's score before the softmax, as in its paper.
Shapes: H x W pixels, h x w cells of a feature map, T tokens, D numbers of the vector.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import nn

from fofx.encoded import Inputs
from fofx.errors import Notice, TaskError, nearest
from fofx.explain import Explanation, Span, explain_rows
from fofx.explain.occlude import variants_of
from fofx.fields.base import Flat, Output
from fofx.fields.number import Number
from fofx.fields.text import Text, as_texts
from fofx.finding import Finding
from fofx.rungs.neural import Neural
from fofx.rungs.shapes import blocks_of
from fofx.see.answers import Which, class_number, output_of, rows_of
from fofx.see.rows import neural
from fofx.see.saliency import enlarged, grad_cam, integrated_gradients, last_maps, recorded, replaced

METHODS = ("integrated-gradients", "grad-cam", "occlusion")
BASELINES = ("usual", "black", "white")
TOLERANCE = 0.05  # of the difference that should be made up: a larger error of completeness gets a notice


@dataclass
class Saliency:
    """What carried one answer.

    output, value : the answer. about: the class that is explained, None for a number.
    base          : the probability of that class, or the number. baseline: the same for the baseline: every column at its
                    typical value, pictures in one colour, no word embedded. None for Grad-CAM and occlusion.
    error         : of integrated gradients: all effects together minus (base - baseline).
    columns       : {column: effect}; replaced: {column: (its value, the typical one)}.
    spans         : {text input: its tokens in order, with the stretch text[start:end] that each stands for}; texts.
    heat          : {picture input: (H, W) effect of each pixel}; pictures: (H, W, C) uint8 as the network sees them.
    maps          : {picture input: (h, w)} of Grad-CAM, before it was enlarged to `heat`.
    """

    method: str
    rung: str
    output: str
    value: Any
    about: str | None
    base: float
    baseline: float | None = None
    error: float | None = None
    columns: dict[str, float] = field(default_factory=dict)
    replaced: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    spans: dict[str, list[Span]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    heat: dict[str, np.ndarray] = field(default_factory=dict)
    pictures: dict[str, np.ndarray] = field(default_factory=dict)
    maps: dict[str, np.ndarray] = field(default_factory=dict)
    notes: list[Notice] = field(default_factory=list)


def salient(
    function: Finding,
    rows: Which,
    rung: str | None = None,
    method: str = "integrated-gradients",
    output: str | None = None,
    about: str | None = None,
    part: str = "test",
    steps: int = 64,
    baseline: str = "usual",
) -> list[Saliency]:
    """What carried the answer for each of some rows: places in `part`, a frame with the inputs, or one row as a dict.

    rung    : a network's name; None takes what `fofx.see.rows.neural` takes (for occlusion, the winner).
    about   : the class that is explained, by default the answer. steps: places of the gradient on the way.
    baseline: of pictures: "usual" (the picture's own most usual colour, as occlusion has it), "black" or "white".

    Raises TaskError "unknown-method", "bad-option", "no-network" (any other rung than a network: occlusion works for all),
    "no-feature-maps" (Grad-CAM needs a convolutional network and a picture), "unknown-class", "no-classes",
    "other-class" (occlusion explains the answer only).
    """
    if method not in METHODS:
        raise TaskError(
            "unknown-method", f"A method is one of {', '.join(METHODS)}, not {method!r}.{nearest(method, METHODS)}"
        )
    if baseline not in BASELINES:
        raise TaskError("bad-option", f"A baseline is one of {', '.join(BASELINES)}, not {baseline!r}.")
    end, frame = output_of(function, output), rows_of(function, rows, part)
    target = None if about is None else class_number(end, about)
    if method == "occlusion":
        name = rung or function.winner
        several = explain_rows(function, frame, name)
        return [occluded(next(e for e in each if e.output == end.name), name, about) for each in several]
    try:
        network = neural(function, rung)
    except TaskError as problem:
        raise TaskError(problem.code, f"{problem.message} method='occlusion' explains any rung.") from None
    network.network.eval()
    look = by_gradients if method == "integrated-gradients" else by_maps
    found = []
    with torch.backends.cudnn.flags(enabled=False):  # its recurrent kernels have no gradient outside of training
        for row in range(frame.height):
            found.append(look(Row(function, network, end, frame[row : row + 1], target, steps, baseline)))
    return found


class Row:
    """One row before a network: its blocks, its answer, and the score that is explained."""

    def __init__(
        self,
        function: Finding,
        rung: Neural,
        output: Output,
        frame: pl.DataFrame,
        target: int | None,
        steps: int,
        baseline: str,
    ) -> None:
        self.function, self.rung, self.output, self.frame = function, rung, output, frame
        self.steps, self.colour = steps, baseline
        self.inputs = Inputs(frame, function.fields)
        self.first = sum(each.size for each in function.outputs[: function.outputs.index(output)])
        self.where = next(rung.network.parameters()).device
        self.blocks = [block.to(self.where) for block in blocks_of(rung.shape, self.inputs)]
        self.parts = list(zip(rung.shape["encoders"], rung.network.encoders, self.blocks))
        self.number = isinstance(output, Number)
        with torch.no_grad():
            outputs = rung.network(self.blocks)
            predicted = output.predictions(outputs[..., self.first : self.first + output.size].cpu())
        self.value = output.answers(predicted)[0]
        self.target = 0 if self.number else int(np.argmax(predicted[0])) if target is None else target
        self.base = float(predicted[0] if self.number else predicted[0, self.target])

    def score(self, blocks: list[torch.Tensor], plain: bool = False) -> torch.Tensor:
        """(B,) the number in its unit, or the probability of the class; with `plain` the class's score before the softmax."""
        outputs = self.rung.network(blocks)[
            ..., self.first : self.first + self.output.size
        ]  # (B, K) or (B, members, K)
        if isinstance(self.output, Number):
            outputs = outputs * self.output.spread + self.output.mean
        elif not plain:
            outputs = outputs.softmax(dim=-1)
        return (outputs.mean(dim=1) if outputs.dim() == 3 else outputs)[:, self.target]

    def begin(self, method: str) -> Saliency:
        about = None if self.number else self.output.names[self.target]  # type: ignore[attr-defined]
        found = Saliency(method, self.rung.name, self.output.name, self.value, about, self.base)
        for part, _, block in self.parts:
            if "side" in part:
                found.pictures[part["block"]] = block[0].permute(1, 2, 0).cpu().numpy()  # (H, W, C)
        return found


# ---- integrated gradients


def by_gradients(row: Row) -> Saliency:
    """All inputs go the way from the baseline together; a text goes it in its embeddings."""
    found = row.begin("integrated-gradients")
    starts, ends, layers = [], [], []
    for part, encoder, block in row.parts:
        layer = embedding_of(encoder) if is_text(part) else None
        layers.append(layer)
        if layer is not None:
            with torch.no_grad(), recorded(layer) as seen:
                encoder(block)
            ends.append(seen[0])  # (1, T, C)
            starts.append(torch.zeros_like(seen[0]))
        elif "side" in part:
            ends.append(block.float())
            starts.append(plain_picture(block, row.colour))
        else:
            ends.append(block)
            starts.append(Inputs(typical(row, found), row.inputs.of(Flat)).vector().to(row.where))

    def forward(*values: torch.Tensor) -> torch.Tensor:
        return _through(row, layers, list(values))

    done = integrated_gradients(forward, ends, starts, steps=row.steps)
    found.baseline, found.error = float(done.baseline[0]), float(done.error[0])
    for (part, _, _), value in zip(row.parts, done.values):
        name = part["block"]
        if is_text(part):
            tokens(row, found, part, value[0].sum(dim=1).cpu().numpy())  # (T,)
        elif "side" in part:
            found.heat[name] = value[0].sum(dim=0).cpu().numpy()  # (H, W)
        else:
            columns(row, found, value[0].cpu().numpy())
    if abs(found.error) > TOLERANCE * abs(found.base - found.baseline) + 1e-6:
        text = (
            f"{row.steps} steps leave an error of {found.error:.3g}; with more steps the effects would be more exact."
        )
        found.notes.append(Notice("not-complete", text, row.steps))
    return found


def _through(row: Row, layers: list[nn.Module | None], values: list[torch.Tensor]) -> torch.Tensor:
    """The score when blocks, or what a text's embedding puts out, have these values."""
    blocks, layers_left = list(values), []
    for number, layer in enumerate(layers):
        if layer is not None:
            layers_left.append(replaced(layer, values[number]))
            blocks[number] = row.blocks[number].expand(len(values[number]), -1)
    for each in layers_left:
        each.__enter__()
    try:
        return row.score(blocks)
    finally:
        for each in layers_left:
            each.__exit__(None, None, None)


def typical(row: Row, found: Saliency) -> pl.DataFrame:
    """One row with every column at its typical value; what was replaced by what is noted."""
    series = []
    for each in row.inputs.of(Flat):
        variants = variants_of(each, row.frame[each.name], 1)  # the value, then the typical one
        series.append(variants.column[1:2])
        found.replaced[each.name] = variants.shown
    return pl.DataFrame(series)


def columns(row: Row, found: Saliency, values: np.ndarray) -> None:
    """The effects of the vector's numbers (D,), added up for each column."""
    at = 0
    for each in row.inputs.of(Flat):
        size = len(each.feature_names())
        found.columns[each.name] = float(values[at : at + size].sum())
        at += size


def tokens(row: Row, found: Saliency, part: dict, values: np.ndarray) -> None:
    """The effect of each token (T,), with the stretch of the text that it stands for."""
    name = part["block"]
    text = as_texts(row.frame[name])[0]
    spans, dropped = stretches(row, part, text)
    found.texts[name] = text
    found.spans[name] = [Span(a, b, text[a:b] or word, float(v)) for (a, b, word), v in zip(spans, values)]
    if dropped:
        what = f"{name!r} is longer than the network reads: {dropped} of its tokens are left out and have no effect."
        found.notes.append(Notice("text-cut", what, dropped))


def stretches(row: Row, part: dict, text: str) -> tuple[list[tuple[int, int, str]], int]:
    """(start, end, token) for each token that the network reads, and how many it does not read. Signs that a checkpoint
    adds, such as [CLS], stand for no stretch: start = end."""
    from tokenizers import Tokenizer

    if "tokenizer" in part:
        tokenizer = Tokenizer.from_str(part["tokenizer"])
        tokenizer.no_padding()
        tokenizer.no_truncation()  # the file may have settings of its own; `encode_by` sets both
        total = len(tokenizer.encode(text, add_special_tokens=False).ids)
        tokenizer.enable_truncation(int(part["length"]))
        encoding = tokenizer.encode(text)
        read = [(a, b, word) for (a, b), word in zip(encoding.offsets, encoding.tokens)]
        return read, total - encoding.special_tokens_mask.count(0)
    each = next(f for f in row.function.fields if isinstance(f, Text) and f.name == part["block"])
    encoding = Tokenizer.from_str(each.tokenizer_json).encode(text, add_special_tokens=False)
    whole = [(a, b, word) for (a, b), word in zip(encoding.offsets, encoding.tokens)] or [(0, 0, "[UNK]")]
    length = each.length
    if len(whole) <= length:
        return whole, 0
    tail = length // 3  # as `encode_texts` cuts: the head and the tail stay
    return whole[: length - tail] + whole[len(whole) - tail :], len(whole) - length


def embedding_of(encoder: nn.Module) -> nn.Module:
    """The layer that turns token numbers into vectors."""
    model = getattr(encoder, "model", encoder)
    body = getattr(model, "body", None)  # a checkpoint of transformers says where its embedding is
    if body is not None and hasattr(body, "get_input_embeddings"):
        return body.get_input_embeddings()
    found = next((module for module in model.modules() if isinstance(module, nn.Embedding)), None)
    if found is None:
        raise TaskError(
            "no-embedding", "This text model has no embedding layer to look at; method='occlusion' takes words away."
        )
    return found


def plain_picture(block: torch.Tensor, colour: str) -> torch.Tensor:
    """A picture (1, C, H, W) of one colour: the most usual of `block`, black or white."""
    if colour == "usual":
        pixels = block[0].flatten(1).float().cpu().numpy()  # (C, H W)
        usual = torch.from_numpy(np.median(pixels, axis=1).astype(np.float32)).to(block.device)
        return usual.view(1, -1, 1, 1).expand(block.shape)
    return torch.full_like(block, 0 if colour == "black" else 255, dtype=torch.float32)


def is_text(part: dict) -> bool:
    return "vocabulary" in part or "tokenizer" in part


# ---- Grad-CAM and occlusion


def by_maps(row: Row) -> Saliency:
    """Grad-CAM for each picture of the row. For a number, what lowers it is kept too, below 0."""
    found = row.begin("grad-cam")
    if not found.pictures:
        raise TaskError(
            "no-feature-maps",
            "Grad-CAM needs a picture as input. method='integrated-gradients' and 'occlusion' work for all kinds.",
        )
    for number, (part, encoder, block) in enumerate(row.parts):
        if "side" not in part:
            continue
        _, layer = last_maps(encoder, block)

        def forward(pictures: torch.Tensor, number: int = number) -> torch.Tensor:
            return row.score([pictures if n == number else each for n, each in enumerate(row.blocks)], plain=True)

        heat = grad_cam(forward, layer, block, relu=not row.number)  # (1, h, w)
        found.maps[part["block"]] = heat[0].cpu().numpy()
        found.heat[part["block"]] = enlarged(heat, *block.shape[2:])[0].cpu().numpy()  # (H, W)
    others = len(row.inputs.of(Flat)) + len(row.inputs.of(Text))
    if others:
        text = f"Grad-CAM looks at pictures only; {others} other input(s) are not part of it."
        found.notes.append(Notice("pictures-only", text, others))
    return found


def occluded(told: Explanation, rung: str, about: str | None) -> Saliency:
    """What `fofx.explain` found, in the same form."""
    if about is not None and about != told.about:
        text = f"Occlusion explains the answer, {told.about!r}; for {about!r} take method='integrated-gradients'."
        raise TaskError("other-class", text)
    columns = {name: effect for name, effect in told.parts if name in told.replaced}
    return Saliency(
        "occlusion", rung, told.output, told.value, told.about, told.base, columns=columns, replaced=told.replaced,
        spans=told.spans, texts=told.texts, heat=told.heat, pictures=told.pictures, notes=told.notes,
    )  # fmt: skip

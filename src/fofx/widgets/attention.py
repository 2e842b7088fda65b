"""Attention: who looks at whom, layer by layer and head by head, in a model that really ran on this text.

    Attention(fofx.load("runs/reviews-..."))                    # the run's transformer, BERT or ViT, on its own rows or on your text
    Attention(model=my_model, inputs=ids, tokens=["I", "see"])  # any model built of fofx's attention layers

The weights are those that passed the windows of `fofx.models` (see/activations.py); the rollout follows them through all layers.
Shapes: L layers, A heads of a layer, T positions (tokens, or patches of a picture).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import torch
import traitlets

from fofx.encoded import Inputs
from fofx.errors import FofxError, TaskError
from fofx.finding import Finding
from fofx.rungs.neural import Neural, device
from fofx.rungs.shapes import blocks_of
from fofx.see import activations as see
from fofx.see.rows import frame_of, neural, numbers_of
from fofx.widgets.base import Widget

MOST = 64  # positions drawn; of a longer text the first
LONGEST = 20_000  # letters of an own text


class Attention(Widget):
    """One text (or picture) and who looks at whom in it. TaskError "no-attention" when no network of the run has attention.

    `weights`: float32 (T, T), what `measure` asks for: row i is how position i spreads its look; "head" of `layer` and `head`,
    "mean" of the heads of `layer`, or "rollout". `overview`: uint8 (L * A, T, T), every head, 255 for weight 1.
    `reaches`: float32 (T,), how much of each position reaches the answer by rollout. `token` is the position looked from, or -1.
    """

    name = "attention"
    source = traitlets.Enum(("row", "text", "given"), "row").tag(sync=True)
    row = traitlets.Int(0, min=0).tag(sync=True)
    rows = traitlets.Int(0).tag(sync=True)
    text = traitlets.Unicode("").tag(sync=True)
    own_text = traitlets.Bool(False).tag(sync=True)  # whether a text can be typed in
    tokens: traitlets.List = traitlets.List().tag(sync=True)
    hidden = traitlets.Int(0).tag(sync=True)  # positions beyond `MOST`
    grid: traitlets.List = traitlets.List().tag(sync=True)  # (down, across) patches of a ViT; empty for text
    picture = traitlets.Bytes(b"").tag(sync=True)  # uint8 (C, H, W) behind the patches
    picture_size: traitlets.List = traitlets.List().tag(sync=True)
    layers: traitlets.List = traitlets.List().tag(sync=True)  # names
    heads: traitlets.List = traitlets.List().tag(sync=True)  # how many in each layer
    causal = traitlets.Bool(False).tag(sync=True)
    measure = traitlets.Enum(("head", "mean", "rollout"), "head").tag(sync=True)
    layer = traitlets.Int(0, min=0).tag(sync=True)
    head = traitlets.Int(0, min=0).tag(sync=True)
    token = traitlets.Int(-1, min=-1).tag(sync=True)
    view = traitlets.Enum(("lines", "matrix"), "lines").tag(sync=True)
    weights = traitlets.Bytes(b"").tag(sync=True)
    overview = traitlets.Bytes(b"").tag(sync=True)
    reaches = traitlets.Bytes(b"").tag(sync=True)
    answer: traitlets.Dict = traitlets.Dict().tag(
        sync=True
    )  # {"rung", "values": {output: answer}, "truth": {output: value}}

    def __init__(
        self,
        function: Finding | None = None,
        rung: str | None = None,
        model: torch.nn.Module | None = None,
        inputs: Any = None,
        tokens: list[str] | None = None,
        lang: str | None = None,
        **traits: Any,
    ) -> None:
        if (function is None) == (model is None):
            raise TaskError("bad-option", "Give a Function, or a model with its inputs.")
        self._function, self._ready = function, False
        if function is not None:
            self._subject, self._place = attentive(function, rung)
            self._part = self._subject.shape["encoders"][self._place]
            only = len(self._part) > 0 and "side" not in self._part and len(function.task.inputs) == 1
            traits = {"own_text": "side" not in self._part, "source": "text" if "text" in traits else "row", **traits}
            self._answers_text = only
        else:
            assert model is not None
            if isinstance(model, see.ATTENTION):  # a layer alone: its window needs a name before it
                model = torch.nn.Sequential(model)
            self._given = see.attention_of(model, inputs)
            self._model = model
            self._names = list(tokens) if tokens is not None else None
            traits["source"] = "given"
        super().__init__(lang, **traits)
        self._ready = True
        self._look()

    @traitlets.validate("source")
    def _known_source(self, proposal: Any) -> str:
        allowed = ("given",) if self._function is None else ("row", "text") if self.own_text else ("row",)
        if proposal["value"] not in allowed:
            raise traitlets.TraitError(f"The source can be {' or '.join(allowed)} here, not {proposal['value']!r}.")
        return proposal["value"]

    @traitlets.observe("source", "row")
    def _other_row(self, change: Any) -> None:
        if self._ready:
            try:
                self._look()
            except FofxError as error:
                self.trouble = {"code": error.code, "text": error.message}

    @traitlets.observe("measure", "layer", "head")
    def _other_head(self, change: Any) -> None:
        if self._ready:
            self._send_weights()

    def receive(self, content: dict[str, Any], buffers: list[Any]) -> None:
        """{"do": "read", "text"}: look at this text."""
        if content.get("do") == "read":
            self.read(str(content.get("text", "")))

    def read(self, text: str) -> None:
        """Run the network on an own text. TaskError "no-text" where none can be read, "empty-text", "long-text"."""
        if not self.own_text:
            raise TaskError("no-text", "This network reads no text.")
        if not text.strip():
            raise TaskError("empty-text", "The text is empty; write a sentence.")
        if len(text) > LONGEST:
            raise TaskError("long-text", f"The text has {len(text):,} letters; at most {LONGEST:,} are read.")
        self._ready = False  # one look, not two
        self.text, self.source = text, "text"
        self._ready = True
        self._look()

    def _look(self) -> None:
        """Run the network and keep every layer's weights of this one row: (A, T, T) each, without padding."""
        if self._function is None:
            found, model = self._given, self._model
            length = int(found.lengths[0])
            names = self._names if self._names is not None else [str(n + 1) for n in range(length)]
            if len(names) != length:
                raise TaskError("bad-option", f"The model has {length} positions; {len(names)} tokens came.")
        else:
            found, model, names = self._run_network()
            length = len(names)
        self._weights = [each[0, :, :length, :length] for each in found.weights]
        shown = min(length, MOST)
        flow = see.rollout([each[None] for each in self._weights])[0]  # (T, T)
        self._rollout = flow
        first = found.grid is not None or any(getattr(each, "pooler", None) is not None for each in model.modules())
        reaches = (
            flow[0] if first else flow.mean(axis=0)
        )  # (T,): the answer is read from the first position, or from all
        small = np.concatenate([each[:, :shown, :shown] for each in self._weights])
        ahead = np.triu(np.ones((length, length), dtype=bool), 1)
        declared = any(getattr(module, "causal", False) for module in model.modules())
        with self.hold_sync():
            self.layers, self.heads = list(found.layers), [len(each) for each in self._weights]
            self.tokens, self.hidden = names[:shown], length - shown
            self.grid = list(found.grid) if found.grid is not None else []
            self.causal = declared and all(not each[:, ahead].any() for each in self._weights)
            self.overview = np.rint(small * 255).astype(np.uint8).tobytes()
            self.reaches = reaches[:shown].astype(np.float32).tobytes()
            self.token = min(self.token, shown - 1)
            self._send_weights()

    def _run_network(self) -> tuple[see.Attention, torch.nn.Module, list[str]]:
        """Attention of the chosen row or text; (what passed, the encoder, names of the positions)."""
        assert self._function is not None
        function, subject = self._function, self._subject
        encoder = subject.network.encoders[self._place]
        if self.source == "text":
            columns = {
                field.name: pl.Series(
                    field.name,
                    [self.text if field.name == self._part["block"] else None],
                    dtype=pl.String if field.kind != "number" else pl.Float64,
                )
                for field in function.fields
                if field.kind != "picture"
            }
            fields = [field for field in function.fields if field.name == self._part["block"]]
            frame = pl.DataFrame(columns)
        else:
            self.rows = len(numbers_of(function, "test"))
            frame = frame_of(function, "test", [min(self.row, self.rows - 1)])
            fields = [field for field in function.fields if field.name == self._part["block"]]
            if "side" not in self._part:
                self.text = str(frame[self._part["block"]][0] or "")
        block = blocks_of({"encoders": [self._part]}, Inputs(frame, fields))[0].to(device())
        found = see.attention_of(encoder, block)
        self._say_answer(frame)
        if "side" in self._part:
            self.picture_size = list(block.shape[1:])
            self.picture = block[0].cpu().numpy().tobytes()
            down, across = found.grid or (0, 0)
            return found, encoder, ["*", *(f"{n // across + 1}, {n % across + 1}" for n in range(down * across))]
        return found, encoder, self._words(block[0].tolist())

    def _words(self, ids: list[int]) -> list[str]:
        """The words behind token numbers; 0 is padding."""
        from tokenizers import Tokenizer

        assert self._function is not None
        field = next(field for field in self._function.fields if field.name == self._part["block"])
        cutter = Tokenizer.from_str(self._part.get("tokenizer") or field.tokenizer_json)  # type: ignore[attr-defined]
        return [cutter.id_to_token(number) or "?" for number in ids if number]

    def _say_answer(self, frame: pl.DataFrame) -> None:
        """What the network answers to this row, where nothing but the text is needed for it."""
        assert self._function is not None
        function, alone = self._function, self.source == "row" or self._answers_text
        if not alone:
            self.answer = {}
            return
        found = function.predict(frame, self._subject.name)
        values, truth = {}, {}
        for output in function.outputs:
            said = found[output.name]
            values[output.name] = str(output.answers(said)[0])
            if said.ndim == 2:
                values[output.name] += f" ({said[0].max():.0%})"
            if output.name in frame.columns and self.source == "row":
                truth[output.name] = str(frame[output.name][0])
        self.answer = {"rung": self._subject.name, "values": values, "truth": truth}

    def _send_weights(self) -> None:
        layer = min(self.layer, len(self._weights) - 1)
        head = min(self.head, len(self._weights[layer]) - 1)
        found = {
            "rollout": lambda: self._rollout,
            "mean": lambda: self._weights[layer].mean(axis=0),
            "head": lambda: self._weights[layer][head],
        }[self.measure]()
        shown = min(len(found), MOST)
        self.weights = np.ascontiguousarray(found[:shown, :shown], dtype=np.float32).tobytes()
        self._ready, ready = False, self._ready
        self.layer, self.head = layer, head
        self._ready = ready


def attentive(function: Finding, rung: str | None) -> tuple[Neural, int]:
    """The network with attention (the named rung, or the best that has some) and the number of its encoder."""
    names = [rung] if rung else [r.name for r in function.rungs if r.error is None and r.family in ("small", "deep")]
    order = sorted(names, key=lambda name: name != function.winner)
    for name in order:
        try:
            subject = neural(function, name)
        except TaskError:
            if rung:
                raise
            continue
        for place, encoder in enumerate(subject.network.encoders):
            if any(isinstance(module, see.ATTENTION) for module in encoder.modules()):
                return subject, place
    known = ", ".join(names) or "none"
    words = f"No network of this run has attention (its networks: {known}); find(..., model='transformer') makes one."
    raise TaskError("no-attention", words)

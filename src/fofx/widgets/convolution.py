"""Convolution: a kernel slides over your own picture, and every number of every window can be seen.

    Convolution()                                        # a digit, a kernel that finds edges
    Convolution(function=fofx.load("runs/digits-..."))   # with the filters that the run's network has learnt

Every sum is worked out here, by torch's conv2d, and every product beside it; the page only walks through them. A run's filter
looks at the picture as its network does: at the channels, less their mean and divided by their spread.
Shapes: C channels, H x W pixels, K the kernel's side, G x F places of the result (down, across).
"""

from __future__ import annotations

import base64
import binascii
import io
from typing import Any

import numpy as np
import torch
import traitlets
from torch.nn import functional as F

from fofx.errors import DataError, TaskError
from fofx.finding import Finding
from fofx.pictures import Unreadable, decode, resize_arrays
from fofx.see.rows import neural
from fofx.widgets.base import Widget

SIDES = (8, 12, 16, 28)  # pixels; larger pictures hide what happens
LARGEST_FILE = 8_000_000  # bytes of a picture that is sent
LARGEST_KERNEL = 7
MESSAGE = 1_000_000  # bytes of products that are sent at once
KERNELS: dict[str, list[list[float]]] = {
    "edges": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
    "vertical": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],  # Sobel's, across
    "horizontal": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "blur": [[1 / 9] * 3] * 3,
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "nothing": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
}


class Convolution(Widget):
    """One kernel over one picture. Traits may be set from Python too; what follows from them is worked out anew.

    `pixels`  : float32 (C, H, W), what the kernel sees: shares of white from 0 to 1, or scaled as a run's network does.
    `weights` : float32 (C, K, K). `kernel` is its name: one of `KERNELS`, "own" or "filter" (number `filter` of `filters`).
    `products`: float32 (windows, C, K, K), each number under the kernel times its weight; padding counts as 0. All windows, or
                of a large picture only some, from window `first` on.
    `dots`, `sums`, `activated`: float32 (G, F): the sum of a window's products, with the bias, and behind ReLU if that is
                on. `pooled`: behind pooling, in its own size.
    """

    name = "convolution"
    source = traitlets.Enum(("digit", "own", "run"), "digit").tag(sync=True)
    digit = traitlets.Int(3, min=0, max=9).tag(sync=True)
    row = traitlets.Int(0, min=0).tag(sync=True)  # of the run's test part
    rows = traitlets.Int(0).tag(sync=True)
    side = traitlets.Enum(SIDES, 12).tag(sync=True)  # of an own picture
    kernel = traitlets.Unicode("vertical").tag(sync=True)
    filter = traitlets.Int(0, min=0).tag(sync=True)
    filters = traitlets.Int(0).tag(sync=True)
    layer = traitlets.Unicode("").tag(sync=True)
    stride = traitlets.Int(1, min=1, max=16).tag(sync=True)
    padding = traitlets.Int(0, min=0, max=3).tag(sync=True)
    bias = traitlets.Float(0.0).tag(sync=True)
    relu = traitlets.Bool(False).tag(sync=True)
    pool = traitlets.Enum(("none", "max", "mean"), "none").tag(sync=True)
    at = traitlets.Int(-1).tag(sync=True)  # the window that is looked at
    first = traitlets.Int(0).tag(sync=True)
    size: traitlets.List = traitlets.List().tag(sync=True)  # C, H, W, K, G, F, and of the pooled result
    pixels = traitlets.Bytes(b"").tag(sync=True)
    weights = traitlets.Bytes(b"").tag(sync=True)
    products = traitlets.Bytes(b"").tag(sync=True)
    dots = traitlets.Bytes(b"").tag(sync=True)
    sums = traitlets.Bytes(b"").tag(sync=True)
    activated = traitlets.Bytes(b"").tag(sync=True)
    pooled = traitlets.Bytes(b"").tag(sync=True)

    def __init__(
        self,
        picture: np.ndarray | None = None,
        function: Finding | None = None,
        rung: str | None = None,
        lang: str | None = None,
        **traits: Any,
    ) -> None:
        self._function, self._ready = function, False
        self._first: Any = None  # the first convolution of the run's network
        self._own = np.zeros((12, 12), np.uint8)
        self._sent = 0
        self._numbers = [list(map(float, line)) for line in KERNELS["vertical"]]
        if function is not None:
            self._read_filters(function, rung)
            traits = {"kernel": "filter", "source": "run", **traits}
        if picture is not None:
            array = np.asarray(picture)
            if array.ndim not in (2, 3) or array.dtype != np.uint8 or 0 in array.shape:
                raise DataError("bad-picture", "A picture is a uint8 array (H, W) or (H, W, 3) of 0 to 255.")
            side = int(traits.setdefault("side", min(SIDES, key=lambda each: abs(each - max(array.shape[:2])))))
            self._own = _fitted(array, side)
            traits["source"] = "own"
        super().__init__(lang, **traits)
        if function is not None and "stride" not in traits and "padding" not in traits:
            self._as_the_layer()
        self._ready = True
        self._compute()

    # ---- what the kernel sees, and the kernel

    def _read_filters(self, function: Finding, rung: str | None) -> None:
        """The first convolution of a run's network, the scale of its pictures, and its test pictures."""
        from fofx.models.reading import Pixels

        subject = neural(function, rung)
        for part, encoder in zip(subject.shape["encoders"], subject.network.encoders, strict=True):
            if isinstance(encoder, Pixels):
                found = next(((n, m) for n, m in encoder.named_modules() if isinstance(m, torch.nn.Conv2d)), None)
                if found is not None:
                    self._part, self._first, self._rung = part, found[1], subject.name
                    self._scale = encoder.mean.cpu().view(-1, 1, 1), encoder.spread.cpu().view(-1, 1, 1)
                    self._layer_name = found[0]
                    return
        raise TaskError("no-filters", f"The network {subject.name!r} has no convolution over pictures, so no filters.")

    def _as_the_layer(self) -> None:
        layer = self._first
        self.stride = min(16, int(layer.stride[0]))
        self.padding = min(3, int(layer.padding[0])) if not isinstance(layer.padding, str) else 1
        self.bias = 0.0 if layer.bias is None else float(layer.bias[self.filter])

    def _raw(self) -> np.ndarray:
        """The picture as bytes: (H, W) or (H, W, 3)."""
        if self.source == "digit":
            return _digits()[self.digit]
        if self.source == "run":
            from fofx.see.rows import frame_of, numbers_of

            assert self._function is not None
            self.rows = len(numbers_of(self._function, "test"))
            row = min(self.row, self.rows - 1)
            frame = frame_of(self._function, "test", [row])
            field = next(field for field in self._function.fields if field.name == self._part["block"])
            pixels = field.encode_at(frame[field.name], self._part["side"])[0].numpy()  # type: ignore[attr-defined]
            return pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)  # (H, W, C)
        return self._own

    def _seen(self) -> torch.Tensor:
        """(C, H, W) the picture as the kernel sees it."""
        raw = self._raw()
        if self.kernel != "filter":
            grey = raw if raw.ndim == 2 else resize_arrays(raw[None], raw.shape[0], 1)[0, 0]
            return torch.from_numpy(grey / np.float32(255)).float()[None]  # (1, H, W)
        channels = int(self._first.weight.shape[1])
        pixels = torch.from_numpy(_channels(raw, channels) / np.float32(255)).float()  # (C, H, W)
        mean, spread = self._scale
        return (pixels - mean) / spread

    def _kernel(self) -> torch.Tensor:
        """(C, K, K)"""
        if self.kernel == "filter":
            return self._first.weight[min(self.filter, self.filters - 1)].detach().cpu().float()
        numbers = self._numbers if self.kernel == "own" else KERNELS[self.kernel]
        return torch.tensor(numbers, dtype=torch.float32)[None]

    @traitlets.validate("kernel")
    def _known_kernel(self, proposal: Any) -> str:
        known = [*KERNELS, "own"] + (["filter"] if self._first is not None else [])
        if proposal["value"] not in known:
            raise traitlets.TraitError(f"The kernel is one of {', '.join(known)}, not {proposal['value']!r}.")
        return proposal["value"]

    @traitlets.validate("source")
    def _known_source(self, proposal: Any) -> str:
        if proposal["value"] == "run" and self._function is None:
            raise traitlets.TraitError("There is no run whose pictures could be taken.")
        return proposal["value"]

    # ---- the convolution

    @traitlets.observe(
        "source", "digit", "row", "side", "kernel", "filter", "stride", "padding", "bias", "relu", "pool"
    )
    def _changed(self, change: Any) -> None:
        if not self._ready:
            return
        if change["name"] == "side":
            self._own = _fitted(self._own, self.side)
        if self.kernel == "filter" and change["name"] in ("kernel", "filter"):
            self._ready = False  # the layer's own settings, and then one computation
            self._as_the_layer()
            self._ready = True
        self._compute()

    def _compute(self) -> None:
        """conv2d of the picture, then ReLU and pooling where asked for; and every product, window by window."""
        if self._first is not None:
            self.filters, self.layer = int(self._first.weight.shape[0]), self._layer_name
        seen, kernel = self._seen(), self._kernel()
        size = kernel.shape[-1]
        self.padding = max(self.padding, -(-max(0, size - min(seen.shape[1:])) // 2))  # at least one window must fit
        where: dict[str, Any] = {"stride": self.stride, "padding": self.padding}
        bias = torch.tensor([self.bias], dtype=torch.float32)
        dots = F.conv2d(seen[None], kernel[None], **where)[0, 0]  # (G, F)
        sums = F.conv2d(seen[None], kernel[None], bias, **where)[0, 0]  # (G, F)
        windows = F.unfold(seen[None], size, **where)[0].T  # (G * F, C * K * K)
        self._products = (windows * kernel.reshape(1, -1)).numpy()
        activated = sums.relu() if self.relu else sums
        pooled = activated
        if self.pool != "none" and min(activated.shape) >= 2:
            pooling = F.max_pool2d if self.pool == "max" else F.avg_pool2d
            pooled = pooling(activated[None, None], 2)[0, 0]
        results = {
            "size": [*seen.shape, size, *sums.shape, *pooled.shape],  # 8 numbers
            "pixels": _bytes(seen),
            "weights": _bytes(kernel),
            "dots": _bytes(dots),
            "sums": _bytes(sums),
            "activated": _bytes(activated),
            "pooled": _bytes(pooled),
            "at": min(self.at if self.at >= 0 else int(0.4 * sums.numel()), sums.numel() - 1),
        }
        with self.hold_sync():  # the page must never see the numbers of one picture with the size of another
            for name, value in results.items():
                setattr(self, name, value)
            self._send_products()

    @traitlets.observe("at")
    def _moved(self, change: Any) -> None:
        if self._ready and not self.first <= change["new"] < self.first + self._sent:
            self._send_products()

    def _send_products(self) -> None:
        """All of them, or from the row of windows that is looked at as many as make no large message."""
        each, across = self._products.shape[1] * 4, self.size[5]
        count = len(self._products) if self._products.nbytes <= MESSAGE else max(across, MESSAGE // each // 4)
        first = 0 if count == len(self._products) else self.at // across * across
        some = self._products[first : first + count]
        self._sent = len(some)
        with self.hold_sync():
            self.first, self.products = first, np.ascontiguousarray(some, dtype=np.float32).tobytes()

    # ---- messages

    def receive(self, content: dict[str, Any], buffers: list[Any]) -> None:
        """{"do": "draw", "cells": [[row, column, 0..255]]}, "clear", "upload" (bytes beside it, or base64 in "data"),
        "kernel" with "numbers" (K lists of K numbers)."""
        what = content.get("do")
        if what == "draw":
            self._draw(content.get("cells", []))
        elif what == "clear":
            self._take(np.zeros((self.side, self.side), np.uint8))
        elif what == "upload":
            self._upload(content, buffers)
        elif what == "kernel":
            self.set_kernel(content.get("numbers", []))

    def _draw(self, cells: Any) -> None:
        own = _grey(self._raw(), self.side) if self.source != "own" or self._own.ndim == 3 else self._own.copy()
        for row, column, ink in cells:
            if 0 <= int(row) < own.shape[0] and 0 <= int(column) < own.shape[1]:
                own[int(row), int(column)] = min(255, max(0, int(ink)))
        self._take(own)

    def _upload(self, content: dict[str, Any], buffers: list[Any]) -> None:
        try:
            data = bytes(buffers[0]) if buffers else base64.b64decode(str(content.get("data", "")), validate=True)
        except (binascii.Error, ValueError) as problem:
            raise DataError("bad-picture", "The file did not arrive whole; send it again.") from problem
        if len(data) > LARGEST_FILE:
            words = f"The file has {len(data):,} bytes; a picture may have {LARGEST_FILE:,}. Take a smaller one."
            raise DataError("large-picture", words)
        try:
            picture = decode(io.BytesIO(data), self.side, self.side, 3)
        except Unreadable as problem:
            raise DataError("bad-picture", f"The file cannot be used: {problem}.") from problem
        grey = (picture[..., :1] == picture).all()
        self._take(np.ascontiguousarray(picture[..., 0]) if grey else picture)

    def _take(self, own: np.ndarray) -> None:
        self._own = own
        if self.source != "own":
            self.source = "own"
        else:
            self._compute()

    def set_kernel(self, numbers: Any) -> None:
        """An own kernel: K lists of K finite numbers, K from 1 to 7. TaskError "bad-option"."""
        try:
            array = np.array(numbers, dtype=np.float64)
        except (TypeError, ValueError):
            array = np.zeros(0)
        square = array.ndim == 2 and array.shape[0] == array.shape[1] and 1 <= len(array) <= LARGEST_KERNEL
        if not square or not np.isfinite(array).all() or np.abs(array).max() > 1e6:
            words = f"A kernel is a square of 1 to {LARGEST_KERNEL} rows of numbers up to a million."
            raise TaskError("bad-option", words)
        self._numbers = array.tolist()
        if self.kernel == "own":
            self._compute()
        else:
            self.kernel = "own"


def _digits() -> np.ndarray:
    """(10, 8, 8) uint8: the first of each digit in the built-in task."""
    from fofx.tasks import task

    data = task("digits").data()
    return np.stack([data["picture"][data["label"].index(str(number))] for number in range(10)])


def _grey(picture: np.ndarray, side: int) -> np.ndarray:
    given = picture if picture.ndim == 2 else picture[..., :3]
    return resize_arrays(given[None], side, 1)[0, 0].copy()


def _fitted(picture: np.ndarray, side: int) -> np.ndarray:
    """A picture cut to a square around its centre and scaled: (side, side), or (side, side, 3)."""
    least = min(picture.shape[:2])
    top, left = (picture.shape[0] - least) // 2, (picture.shape[1] - least) // 2
    square = picture[top : top + least, left : left + least]
    made = resize_arrays(square[None], side, 1 if square.ndim == 2 else 3)[0]  # (C, side, side)
    return made[0] if square.ndim == 2 else np.ascontiguousarray(made.transpose(1, 2, 0))


def _channels(picture: np.ndarray, channels: int) -> np.ndarray:
    """(C, H, W) with as many channels as a filter looks at."""
    made = resize_arrays(picture[None], picture.shape[0], 3 if picture.ndim == 3 else 1)[0]
    if len(made) == channels:
        return made
    return np.repeat(_grey(picture, picture.shape[0])[None], channels, axis=0)


def _bytes(values: torch.Tensor) -> bytes:
    return np.ascontiguousarray(values.numpy(), dtype=np.float32).tobytes()

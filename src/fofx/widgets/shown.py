"""What the widgets that show data of a kind have in common: pictures as bytes that a page can draw, and texts that they share.

Shapes: H x W pixels, C channels (1 grey, 3 red-green-blue), N numbers.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import traitlets

from fofx.errors import TaskError
from fofx.widgets.base import HERE, Widget, styles, texts

LARGEST = 640  # pixels of the longer side of a picture that is sent to a page


class Shown(Widget):
    """A widget that draws data of some kind. `borrows`: other widgets whose texts and styles its parts need."""

    borrows: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if "name" in vars(cls):
            files = [HERE / f"{other}.css" for other in cls.borrows]
            cls._css = "\n".join([styles(cls.name), *(f.read_text(encoding="utf-8") for f in files if f.exists())])

    @traitlets.default("words")
    def _first_words(self) -> dict[str, str]:
        return self._texts(self.lang)

    @traitlets.observe("lang")
    def _other_words(self, change: Any) -> None:
        self.words = self._texts(change["new"])

    def _texts(self, lang: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for name in (self.name, *self.borrows):
            found |= texts(name, lang)
        return found


def colours(value: Any, largest: int = LARGEST) -> np.ndarray:
    """A picture (H, W), (H, W, C) or (C, H, W), bytes or shares of 1, as uint8 (H, W, 3), its longer side at most `largest`.

    TaskError "bad-picture" for anything else.
    """
    array = np.asarray(value)
    if array.ndim == 3 and array.shape[-1] not in (1, 3) and array.shape[0] in (1, 3):
        array = array.transpose(1, 2, 0)  # (H, W, C)
    if array.ndim == 2:
        array = array[:, :, None]  # (H, W, 1)
    if array.ndim != 3 or array.shape[-1] not in (1, 3) or not array.size or array.dtype.kind not in "uif":
        text = f"Expected a picture (H, W) or (H, W, 3) of numbers, got an array of shape {np.shape(value)}."
        raise TaskError("bad-picture", text)
    if array.dtype.kind == "f":
        array = np.rint(np.nan_to_num(array) * 255)
    array = np.ascontiguousarray(np.broadcast_to(np.clip(array, 0, 255).astype(np.uint8), (*array.shape[:2], 3)))
    if max(array.shape[:2]) <= largest:
        return array
    from PIL import Image

    image = Image.fromarray(array)
    image.thumbnail((largest, largest))
    return np.asarray(image)


def thumbnail(value: Any, side: int) -> np.ndarray:
    """The middle square of a picture as uint8 (side, side, 3)."""
    from PIL import Image, ImageOps

    return np.asarray(ImageOps.fit(Image.fromarray(colours(value)), (side, side)))


def packed(numbers: Any) -> bytes:
    """Numbers of any shape as the bytes of float32."""
    return np.ascontiguousarray(numbers, dtype=np.float32).tobytes()


def finite(value: Any, digits: int = 6) -> float | None:
    """A number as JSON can hold it: None for what is not finite."""
    number = float(value)
    return round(number, digits) if np.isfinite(number) else None

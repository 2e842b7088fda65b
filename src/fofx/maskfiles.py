"""Decode mask files into maps of class numbers: exact, of one size, and safe against broken or huge files.

The legend (fofx.legend) says which value in the files is which class. Sizes are changed by taking the nearest pixel, because
the mean of class 2 and class 4 is not class 3. Shapes: N masks, H x W pixels; 255 = void.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from fofx.legend import Look, total
from fofx.masks import VOID
from fofx.pictures import Unreadable, opened


def look_at_masks(masks: Sequence[Any]) -> list[Look]:
    """What each mask holds, a file's path or an array, read to its end; a Look with `wrong` where it cannot be read."""
    return _each(_look_once, masks)


def _look_once(mask: Any) -> Look:
    if isinstance(mask, np.ndarray):
        return _look_at_values(mask)
    try:
        status = os.stat(mask)
    except (OSError, TypeError, ValueError):
        return _look_at_file(mask)
    return _look_again(os.fspath(mask), status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=50_000)
def _look_again(path: str, changed: int, size: int) -> Look:
    """The reader, the checks and the field all look at a file: once is enough while it stays as it is."""
    return _look_at_file(path)


def _look_at_file(path: Any) -> Look:
    try:
        with opened(path) as image:
            return _look(image)
    except Unreadable as error:
        return Look(wrong=str(error))


def _look_at_values(values: np.ndarray) -> Look:
    """An array of numbers (H, W), or of colours (H, W, 3)."""
    height, width = values.shape[:2]
    if values.ndim == 3:
        return Look(height, width, colours=_count(packed(values)), form="colour")
    return Look(height, width, numbers=_count(values), runs=_runs(values))


def decode_masks(
    paths: Sequence[Any], size: tuple[int, int], legend: dict, cover: bool = False
) -> tuple[np.ndarray, list[tuple[int, str]]]:
    """(maps, bad): uint8 (N, H, W) of class numbers, 255 = void, and (row, reason) of every file that cannot be read.

    The whole mask is fitted into `size` (height, width); with `cover` its centre, cut as `decode_pictures` cuts pictures.
    Rows that are bad stay void.
    """
    maps = np.full((len(paths), *size), VOID, dtype=np.uint8)  # (N, H, W)

    def one(row: int) -> str:
        try:
            with opened(paths[row]) as image:
                values = nearest_pixels(stored(image, legend["by"]), *size, cover=cover)
                maps[row] = by_legend(values, legend)  # (H, W)
        except Unreadable as error:
            return str(error)
        return ""

    reasons = _each(one, range(len(paths)))
    return maps, [(row, why) for row, why in enumerate(reasons) if why]


def stored(image: Image.Image, by: str) -> np.ndarray:
    """The pixels as a legend asks for them: numbers (H, W), or, by "colour" and "shade", bytes (H, W, 3)."""
    if by != "number":
        return np.asarray(image.convert("RGBA"))[..., :3]  # what is transparent has its class all the same
    if image.mode in ("L", "P", "I") or image.mode.startswith("I;16"):
        return np.asarray(image)
    if image.mode == "F":
        values = np.asarray(image)
        if not np.isfinite(values).all() or (values != np.floor(values)).any():
            raise Unreadable("it holds fractions; a mask holds whole numbers")
        return values.astype(np.int64)
    return np.asarray(image).astype(np.uint8) if image.mode == "1" else np.asarray(image.getchannel(0))


def by_legend(values: np.ndarray, legend: dict) -> np.ndarray:
    """Stored numbers (..., H, W), or colours (..., H, W, 3), to class numbers (..., H, W) uint8; 255 = void or unknown."""
    if legend["by"] == "shade":
        values = 255 * (values[..., 1].astype(np.int64) >= 128)  # (..., H, W)
    elif legend["by"] == "colour":
        values = packed(values)  # (..., H, W)
    order = np.argsort(legend["values"])
    known = np.asarray(legend["values"], dtype=np.int64)[order]
    place = np.searchsorted(known, values).clip(max=len(known) - 1)
    return np.where(known[place] == values, order[place], VOID).astype(np.uint8)  # (..., H, W)


def nearest_pixels(values: np.ndarray, height: int, width: int, cover: bool = False) -> np.ndarray:
    """(H, W, ...) to another height and width: each new pixel is the old one in which its centre lies.

    Stretched to fit; with `cover` scaled so that the new size is covered, and the centre kept.
    """
    tall, wide = values.shape[:2]
    high, across = tall / height, wide / width  # old pixels in one new one
    if cover:
        high = across = min(high, across)
    down = (tall - high * height) / 2 + (np.arange(height) + 0.5) * high
    right = (wide - across * width) / 2 + (np.arange(width) + 0.5) * across
    rows, columns = down.astype(np.int64).clip(0, tall - 1), right.astype(np.int64).clip(0, wide - 1)
    return values[rows[:, None], columns]  # (height, width, ...)


def packed(colours: np.ndarray) -> np.ndarray:
    """(..., 3) bytes to (...) whole numbers: red * 65536 + green * 256 + blue."""
    red, green, blue = (colours[..., channel].astype(np.int64) for channel in range(3))
    return red << 16 | green << 8 | blue


def _look(image: Image.Image) -> Look:
    found = Look(image.height, image.width)
    if image.mode in ("RGB", "RGBA", "RGBa", "PA", "CMYK", "YCbCr"):
        found.colours = _count(packed(stored(image, "colour")))
        if any(colour >> 16 != colour & 255 or colour >> 8 & 255 != colour & 255 for colour in found.colours):
            found.form = "colour"
        else:  # numbers that were saved as a colour picture
            found.numbers = {colour & 255: count for colour, count in found.colours.items()}
        return found
    values = stored(image, "number")
    found.numbers, found.runs = _count(values), _runs(values)
    colours = [0, 0xFFFFFF] if image.mode == "1" else [0x10101 * level for level in range(256)]
    if image.mode == "P":
        bands = np.frombuffer(bytes(image.getpalette("RGB") or []), dtype=np.uint8)
        colours = packed(bands.reshape(-1, 3)).tolist()
    meant = {number: colours[number] if 0 <= number < len(colours) else 0 for number in found.numbers}
    found.colours = total({meant[number]: count} for number, count in found.numbers.items())
    found.palette = meant if image.mode == "P" else {}
    return found


def _runs(values: np.ndarray) -> int:
    return int((values[:, 1:] != values[:, :-1]).sum()) + len(values)


def _count(values: np.ndarray) -> dict[int, int]:
    """Value -> pixels. Masks are made of runs of one value, and counting runs is many times faster than sorting pixels."""
    flat = values.reshape(-1)  # (H * W,)
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    known, place = np.unique(flat[starts], return_inverse=True)
    counts = np.bincount(place, weights=np.diff(np.append(starts, len(flat))))
    return {int(value): int(count) for value, count in zip(known, counts)}


def _each(work: Any, things: Sequence[Any]) -> list:
    """`work` of every thing, a few at a time: other threads run while Pillow decodes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata, which does not matter here
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        threads = min(8, os.cpu_count() or 1)
        if threads == 1 or len(things) < 8:
            return [work(thing) for thing in things]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(work, things))

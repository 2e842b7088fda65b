"""Decode picture files into one array of bytes: fast, upright, of one size, and safe against broken or huge files.

Shapes: N pictures, C channels (1 grey, 3 red-green-blue), H height, W width; values 0..255.

A picture is scaled so that it covers the wanted size and its centre is cut out (nothing is stretched). JPEG files are
decoded at 1/2, 1/4 or 1/8 of their size when that still covers what is wanted; crop and scaling are one operation.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from fofx.errors import DataError

LARGEST = 80_000_000
"""Pixels of the largest picture that is opened; beyond it a small file could fill the memory (decompression bomb)."""
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "PPM", "TIFF")
ORIENTATION = 0x0112


def decode_pictures(
    paths: Sequence[Any],
    size: int | tuple[int, int],
    channels: int = 3,
    threads: int | None = None,
    fit: str = "cover",
) -> tuple[np.ndarray, list[tuple[int, str]]]:
    """(pictures, bad): uint8 of shape (N, C, H, W), and (row, reason) of every file that could not be read.

    paths: path strings (None: no picture); size: one number for squares, or (height, width); fit "cover" keeps the middle and
    stretches nothing, "stretch" keeps the whole picture. Rows that are bad stay black. Raises DataError "bad-size" for sizes below 1 or channels other than 1 and 3.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if height < 1 or width < 1 or channels not in (1, 3):
        raise DataError("bad-size", f"Expected a size of at least 1 and 1 or 3 channels; got {size} and {channels}.")
    pictures = np.zeros((len(paths), channels, height, width), dtype=np.uint8)  # (N, C, H, W)
    bad: list[tuple[int, str]] = []

    def some(rows: range) -> None:
        for row in rows:
            try:
                pixels = decode(paths[row], height, width, channels, fit)  # (H, W) or (H, W, C)
                pictures[row] = pixels if channels == 1 else pixels.transpose(2, 0, 1)  # (C, H, W)
            except Unreadable as error:
                bad.append((row, str(error)))

    threads = threads or min(8, os.cpu_count() or 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata, which does not matter here
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        if threads == 1 or len(paths) < 8:
            some(range(len(paths)))
        else:
            step = max(1, min(32, len(paths) // threads))
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(some, [range(at, min(at + step, len(paths))) for at in range(0, len(paths), step)]))
    return pictures, sorted(bad)


class Unreadable(Exception):
    """Why one file is no usable picture, in words."""


@contextmanager
def opened(path: Any) -> Iterator[Image.Image]:
    """A picture file, open for the block. Whatever is wrong with it, in the block too, is raised as Unreadable."""
    if path is None:
        raise Unreadable("no picture is given")
    try:
        with Image.open(path, formats=FORMATS) as image:
            pixels = image.width * image.height
            if pixels > LARGEST:
                raise Unreadable(f"it has {pixels:,} pixels, more than the {LARGEST:,} that are safe to open")
            yield image
    except Unreadable:
        raise
    except FileNotFoundError:
        raise Unreadable("the file does not exist") from None
    except PermissionError:
        raise Unreadable("no permission to read the file") from None
    except IsADirectoryError:
        raise Unreadable("it is a folder") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Unreadable(f"it has more than the {LARGEST:,} pixels that are safe to open") from None
    except Image.UnidentifiedImageError:
        raise Unreadable("it is not a picture that fofx can read (JPEG, PNG, BMP, GIF, WebP, PPM, TIFF)") from None
    except MemoryError:
        raise Unreadable("there is not enough memory to open it") from None
    except Exception as error:  # broken files make decoders raise nearly anything (struct.error, SyntaxError, ...)
        reason = "it is cut short" if "truncated" in str(error) else f"it is broken ({error})"
        raise Unreadable(reason) from None


def decode(path: Any, height: int, width: int, channels: int, fit: str = "cover") -> np.ndarray:
    """One file as uint8 of shape (H, W) for one channel or (H, W, C). Raises Unreadable."""
    with opened(path) as image:
        mode = "RGB" if channels == 3 else "L"
        if image.format == "JPEG":
            need = max(height, width)
            image.draft(mode, (need, need))
        return fitted(ImageOps.exif_transpose(image) if is_turned(image) else image, height, width, mode, fit)


def fitted(image: Image.Image, height: int, width: int, mode: str, fit: str = "cover") -> np.ndarray:
    """An open picture as bytes of this size and mode: "L" gives (H, W), "RGB" (H, W, 3)."""
    plain = _plain(image, mode)
    if fit == "stretch":
        return np.asarray(plain.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0))
    return np.asarray(_cover(plain, height, width))


def is_turned(image: Image.Image) -> bool:
    """Whether the file says that it is to be shown turned or mirrored."""
    return ("exif" in image.info or image.format == "TIFF") and image.getexif().get(ORIENTATION, 1) != 1


def size_upright(path: Any) -> tuple[int, int] | None:
    """(width, height) of a file as it is seen, from its first bytes; None when it cannot be opened."""
    try:
        with opened(path) as image:
            sideways = is_turned(image) and image.getexif().get(ORIENTATION, 1) >= 5
            return image.size[::-1] if sideways else image.size
    except Unreadable:
        return None


def _plain(image: Image.Image, mode: str) -> Image.Image:
    """The picture in 8 bits: alpha over white, palettes looked up, 16-bit and float grey scaled down."""
    if image.mode == mode:
        return image
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image).astype(np.float32)
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        if image.mode == "F":
            low, high = float(values.min()), float(values.max())
            values = (values - low) * (255.0 / (high - low)) if high > low else values * 0.0
        elif values.max() > 255:
            values = values / 257.0 if values.max() <= 65535 else values * (255.0 / values.max())
        return Image.fromarray(np.clip(values + 0.5, 0, 255).astype(np.uint8)).convert(mode)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        above = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", above.size, "white"), above)
    return image.convert(mode)


def _cover(image: Image.Image, height: int, width: int) -> Image.Image:
    """Scale so that (height, width) is covered, and keep the centre: one resize of the central box."""
    scale = min(image.width / width, image.height / height)
    wide, high = width * scale, height * scale
    if image.size == (width, height):
        return image
    left, top = (image.width - wide) / 2, (image.height - high) / 2
    box = (left, top, min(left + wide, image.width), min(top + high, image.height))
    return image.resize((width, height), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)


def look_at(paths: list[str]) -> tuple[list[tuple[int, int]], bool]:
    """(height, width) in pixels of the files that can be opened, and whether all of them are grey."""
    shapes, grey = [], True
    for path in paths:
        try:
            with Image.open(path) as picture:
                shapes.append((picture.height, picture.width))
                grey &= picture.mode in ("1", "L", "LA", "I", "I;16", "F")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            continue
    return shapes, grey and bool(shapes)


def resize_arrays(arrays: np.ndarray, side: int | tuple[int, int], channels: int) -> np.ndarray:
    """(N, H, W) or (N, H, W, C) uint8 to (N, channels, side, side) or (N, channels, *side), by area and bilinear means."""
    import torch
    import torch.nn.functional as F

    pixels = arrays[:, None] if arrays.ndim == 3 else arrays[..., :3].transpose(0, 3, 1, 2)  # (N, C, H, W)
    if pixels.shape[1] != channels:
        grey = pixels.mean(axis=1, keepdims=True).round().astype(np.uint8)
        pixels = np.repeat(grey, channels, axis=1)
    size = (side, side) if isinstance(side, int) else tuple(side)
    if pixels.shape[2:] != size:
        given = torch.from_numpy(np.ascontiguousarray(pixels)).float()
        resized = F.interpolate(given, size=size, mode="bilinear", antialias=True, align_corners=False)
        pixels = resized.round().clamp(0, 255).byte().numpy()
    return np.ascontiguousarray(pixels)

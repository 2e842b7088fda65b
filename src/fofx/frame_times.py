"""How long each frame of an animation is shown, from the blocks of its file: nothing is unpacked, so a bomb costs nothing.

GIF89a, the animation chunks of PNG, and WebP's container. A frame that stands still is often written once with a long
duration, so frames evenly spaced in time are not every k-th frame of the file.
"""

# n frames in the file, F frames wanted

from __future__ import annotations

import struct

import numpy as np

MOST_UNPACKED = 20_000  # frames of an animation: to show the last, all before it must be unpacked
USUAL_PAUSE = 100  # milliseconds: what viewers take where a file says 0 or 1/100 s


class TooMany(Exception):
    """More frames than are safe to unpack."""


def durations_of(data: bytes) -> list[int]:
    """Milliseconds that each frame is shown: (n,), one number for a still picture. A file that is cut short gives those before.

    Raises TooMany beyond 20,000 frames.
    """
    if data[:4] == b"GIF8":
        found = _gif(data)
    elif data[:8] == b"\x89PNG\r\n\x1a\n":
        found = _png(data)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        found = _webp(data)
    else:
        found = []
    return [each if each > 10 else USUAL_PAUSE for each in found] or [USUAL_PAUSE]


def shown_at_middles(durations: list[int], frames: int) -> np.ndarray:
    """Which frame is shown in the middle of each of `frames` equal spans of the whole: (n,) whole numbers -> (F,) int64."""
    ends = np.cumsum(np.asarray(durations, dtype=np.int64))  # (n,)
    middles = (2 * np.arange(frames) + 1) * ends[-1]  # (F,) in parts of 1 / (2 F), so that nothing is rounded
    return np.searchsorted(2 * frames * ends, middles, side="right")


def evenly(count: int, frames: int) -> np.ndarray:
    """The same where every frame is shown for as long: (F,) int64."""
    return ((2 * np.arange(frames) + 1) * count // (2 * frames)).astype(np.int64)


def _counted(found: list[int]) -> None:
    if len(found) > MOST_UNPACKED:
        raise TooMany


def _gif(data: bytes) -> list[int]:
    """Blocks after the screen and its palette: "!" an extension (249: the delay, in 1/100 s), "," a frame, ";" the end."""

    def palette(flags: int) -> int:
        return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0

    found: list[int] = []
    delay = 0
    place = 13 + (palette(data[10]) if len(data) > 10 else 0)
    while place < len(data):
        if data[place] == 0x21:
            if data[place + 1 : place + 2] == b"\xf9" and place + 6 <= len(data):
                delay = struct.unpack_from("<H", data, place + 4)[0]
            place += 2
        elif data[place] == 0x2C and place + 10 <= len(data):
            found.append(10 * delay)
            _counted(found)
            delay = 0
            place += 11 + palette(data[place + 9])
        else:  # the end, or no GIF any more
            break
        while place < len(data) and data[place]:  # blocks of up to 255 bytes, until an empty one
            place += data[place] + 1
        place += 1
    return found


def _png(data: bytes) -> list[int]:
    """Chunks: length, name, content, checksum; "fcTL" says for how long the next frame is shown, as a fraction."""
    found: list[int] = []
    place = 8
    while place + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        if name == b"fcTL" and place + 32 <= len(data):
            above, below = struct.unpack_from(">HH", data, place + 28)
            found.append(round(1000 * above / (below or 100)))
            _counted(found)
        place += 12 + length
    return found


def _webp(data: bytes) -> list[int]:
    """Chunks: name, length, content, filled up to an even length; "ANMF" is a frame, its duration in 1/1000 s."""
    found: list[int] = []
    place = 12
    while place + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, place)
        if name == b"ANMF" and place + 23 <= len(data):
            found.append(int.from_bytes(data[place + 20 : place + 23], "little"))
            _counted(found)
        place += 8 + length + length % 2
    return found

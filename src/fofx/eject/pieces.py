"""Small functions that only scripts need; everything else in a script is the engine's own source."""

from __future__ import annotations

import base64
import os
import re
import zlib

import numpy as np


def class_folders(folder):
    """(path, class) of every picture below `folder`; its folder names the class. 2.png stands before 10.png."""

    def natural(name):
        pieces = re.split(r"(\d+)", name.lower())
        return [(1, int(piece), "") if piece.isdecimal() else (0, 0, piece) for piece in pieces] + [(0, 0, name)]

    endings = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff")
    found = []
    for place, _, files in os.walk(folder):
        inside = os.path.relpath(place, folder)
        found += [[*inside.split(os.sep), name] for name in files if name.lower().endswith(endings)]
    found.sort(key=lambda path: [natural(piece) for piece in path])
    return [("/".join(path), path[-2]) for path in found]


def unpack(letters):
    """A row's part as a number each, from a few letters."""
    return np.frombuffer(zlib.decompress(base64.b85decode(letters)), dtype=np.uint8)

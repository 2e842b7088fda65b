"""The stage of a drawn street: the camera, and outlines in metres that are drawn on picture and mask alike.

X is to the right of the camera, Y above the ground, Z ahead, all in metres.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from fofx.tasks import _art

STREET_CLASSES = (
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign",
    "fence",
    "car",
    "person",
    "cyclist",
)
CLASS = {name: number for number, name in enumerate(STREET_CLASSES)}
VOID = 255
"""In a mask: nobody says what is there."""


FARTHEST, NEAREST = 75.0, 3.2  # metres: where things stand

Point = tuple[float, float]
Colour = Sequence[float]


class Camera(NamedTuple):
    """A pinhole camera: the picture's size, focal length and vanishing point in pixels, its height in metres."""

    rows: int
    columns: int
    focal: float
    row: float
    column: float
    height: float

    def point(self, x: float, y: float, z: float) -> Point:
        """(column, row) at which the place (x, y, z) is seen."""
        return self.column + self.focal * x / z, self.row + self.focal * (self.height - y) / z


class Stage:
    """Where one thing is drawn: picture and mask at once, at a distance, in the light of the street."""

    def __init__(self, image: Image.Image, classes: Image.Image, camera: Camera, light: float) -> None:
        self.image, self.classes, self.camera, self.light = image, classes, camera, light
        self.paint, self.label = ImageDraw.Draw(image), ImageDraw.Draw(classes)
        at = min(camera.columns - 1, max(0, int(camera.column))), max(0, int(camera.row) - 1)
        self.pale = np.asarray(image.crop((*at, at[0] + 1, at[1] + 1)))[0, 0].tolist()  # what the far end looks like

    def tone(self, colour: Colour, z: float, gain: float = 1.0) -> tuple[int, int, int]:
        """The colour in this light, paler with distance."""
        far, gain = 1 - math.exp(-z / 180), self.light * gain
        red, green, blue = colour
        return (
            int(min(255.0, red * gain) * (1 - far) + self.pale[0] * far),
            int(min(255.0, green * gain) * (1 - far) + self.pale[1] * far),
            int(min(255.0, blue * gain) * (1 - far) + self.pale[2] * far),
        )

    def shape(self, points: Sequence[Point], colour: tuple[int, int, int], number: int | None) -> None:
        self.paint.polygon(points, fill=colour)
        if number is not None:
            self.label.polygon(points, fill=number)

    def solid(
        self,
        corners: Sequence[tuple[float, float, float]],
        colour: Colour,
        number: int | None,
        gain: float = 1.0,
    ) -> None:
        """A flat outline given in metres."""
        points = [self.camera.point(*corner) for corner in corners]
        self.shape(points, self.tone(colour, corners[0][2], gain), number)

    def flat(
        self,
        left: float,
        right: float,
        low: float,
        high: float,
        z: float,
        colour: Colour,
        number: int | None,
        gain: float = 1.0,
    ) -> None:
        """An upright rectangle that looks at the camera, given in metres."""
        self.solid([(left, low, z), (right, low, z), (right, high, z), (left, high, z)], colour, number, gain)

    def oval(
        self,
        x: float,
        y: float,
        z: float,
        wide: float,
        tall: float,
        colour: Colour,
        number: int | None,
        gain: float = 1.0,
    ) -> None:
        """An ellipse round (x, y) at distance z, wide and tall in metres."""
        left, top = self.camera.point(x - wide / 2, y + tall / 2, z)
        right, low = self.camera.point(x + wide / 2, y - tall / 2, z)
        box = (left, top, max(right, left + 1), max(low, top + 1))
        self.paint.ellipse(box, fill=self.tone(colour, z, gain))
        if number is not None:
            self.label.ellipse(box, fill=number)

    def bar(
        self,
        x: float,
        low: float,
        high: float,
        z: float,
        wide: float,
        colour: Colour,
        number: int,
        lean: float = 0.0,
    ) -> None:
        """An upright bar, at least one pixel wide."""
        half = max(wide / 2, 0.55 * z / self.camera.focal)
        self.solid(
            [(x - half, low, z), (x + half, low, z), (x + half + lean, high, z), (x - half + lean, high, z)],
            colour,
            number,
        )

    def sprite(self, sign: str, maker: str, x: float, z: float, tall: float, number: int, mirror: bool) -> None:
        """A drawing that stands on the ground at (x, z), tall metres high."""
        side = round(tall * self.camera.focal / z)
        if side < 3 or side > 2 * self.camera.rows:
            return
        picture = Image.fromarray(_art.sprite(maker, sign, side))
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirror else picture
        cover = picture.getchannel("A")
        left, foot = self.camera.point(x, 0, z)
        place = round(left - side / 2), round(foot - side)
        lit = picture.convert("RGB").point(lambda value: round(value * self.light * 0.9))
        self.image.paste(lit, place, cover)
        self.classes.paste(number, place, cover.point(lambda value: 255 * (value > 100)))

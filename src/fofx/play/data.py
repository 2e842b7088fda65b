"""The playground's data sets: points of the square from -6 to 6, each with a class or a number.

Plain numpy, each function readable alone, because they are pasted into the script of a playground. N points, `noise` from
0 to 0.5, `random` a numpy Generator. The shapes are those that playground.tensorflow.org made known, for any number of
classes.
"""

from __future__ import annotations

import numpy as np


def circle(count, noise, classes, random):
    """A disc inside a ring, inside another ring for every further class."""
    answers = np.arange(count) % classes  # (N,)
    width = 5 / classes  # of the disc, and of a ring with the gap inside it
    inner = np.where(answers == 0, 0, (answers + 0.4) * width)
    radius = random.uniform(inner, (answers + 1) * width)
    angle = random.uniform(0, 2 * np.pi, count)
    points = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)  # (N, 2)
    return points + 5 * noise * random.uniform(-1, 1, (count, 2)) / classes, answers


def xor(count, noise, classes, random):
    """A chess board of classes x classes cells; the noise moves points over the borders."""
    places = random.uniform(-5, 5, (count, 2))  # (N, 2)
    moved = places + 5 * noise * random.uniform(-1, 1, (count, 2))
    cells = np.clip(np.floor((moved + 5) / 10 * classes), 0, classes - 1).astype(int)  # (N, 2)
    near = (places + 5) / 10 * classes % 1 - 0.5  # -0.5 to 0.5 inside a cell
    return places - 0.12 * near * 10 / classes, (cells.sum(axis=1) + 1) % classes


def gauss(count, noise, classes, random):
    """One bell-shaped cloud a class, their centres round a circle."""
    answers = np.arange(count) % classes  # (N,)
    angle = np.pi / 4 + np.pi + 2 * np.pi * answers / classes
    centres = 8**0.5 * np.stack([np.cos(angle), np.sin(angle)], axis=1)  # (N, 2)
    return centres + (0.5 + 7 * noise) ** 0.5 * random.normal(0, 1, (count, 2)), answers


def spiral(count, noise, classes, random):
    """One arm a class, wound round the middle."""
    answers = np.arange(count) % classes  # (N,)
    along = (np.arange(count) // classes) / max(1, count // classes)  # 0 to 1 from the middle outwards
    angle = 1.75 * 2 * np.pi * along + 2 * np.pi * (answers + 1) / classes
    points = 5 * along[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)  # (N, 2)
    return points + 2 * noise * random.uniform(-1, 1, (count, 2)), answers


def plane(count, noise, classes, random):
    """Regression: a number from -1 to 1 that grows along the diagonal."""
    points = random.uniform(-6, 6, (count, 2))  # (N, 2)
    moved = points + 6 * noise * random.uniform(-1, 1, (count, 2))
    return points, moved.sum(axis=1) / 12


def multi_gauss(count, noise, classes, random):
    """Regression: hills of height 1 and hollows of depth 1, flat at 0 between them."""
    points = random.uniform(-6, 6, (count, 2))  # (N, 2)
    moved = points + 6 * noise * random.uniform(-1, 1, (count, 2))
    centres = np.array([[-4, 2.5], [0, 2.5], [4, 2.5], [-4, -2.5], [0, -2.5], [4, -2.5]])
    distance = np.sqrt(((moved[:, None] - centres) ** 2).sum(axis=2))  # (N, 6)
    height = np.clip(1 - distance / 2, 0, 1) * np.array([1, -1, 1, -1, 1, -1])  # (N, 6)
    return points, height[np.arange(count), np.abs(height).argmax(axis=1)]


def parts(count, share, random):
    """Which rows are for learning and which for the test: two arrays of row numbers."""
    order = random.permutation(count)
    learnt = min(max(round(count * share / 100), 1), count - 1)
    return order[:learnt], order[learnt:]


DATA = {
    "circle": circle,
    "xor": xor,
    "gauss": gauss,
    "spiral": spiral,
    "plane": plane,
    "multi-gauss": multi_gauss,
}

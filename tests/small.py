"""Small data sets and functions found on them, shared by the tests of `find` and its neighbours."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import fofx

ROWS = 120
QUICK = 0.6  # seconds


def table(rows: int = ROWS, seed: int = 0) -> dict[str, list]:
    """size (number, some missing), colour (category), day (date) -> price (number), sold (yes or no)."""
    rng = np.random.default_rng(seed)
    size, colour = rng.normal(10, 3, rows), rng.choice(["red", "green", "blue"], rows)
    price = 3 * size + 5 * (colour == "red") + rng.normal(0, 0.5, rows)
    sold = np.where(price + rng.normal(0, 1, rows) > 31, "yes", "no")
    days = [f"2024-{1 + n % 12:02d}-{1 + n % 28:02d}" for n in range(rows)]
    sizes: list[float | None] = [None if n % 17 == 3 else round(float(v), 3) for n, v in enumerate(size)]
    return {
        "size": sizes,
        "colour": colour.tolist(),
        "day": days,
        "price": price.round(3).tolist(),
        "sold": sold.tolist(),
    }


GOOD = ("good", "great", "fine film", "a joy to see", "很好看", "喜欢")
BAD = ("bad", "awful", "dull film", "a waste of time", "不好看", "失望")


def reviews(rows: int = ROWS, seed: int = 0) -> dict[str, list]:
    """text -> label, "good" or "bad"; both languages."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for number in range(rows):
        label = ("good", "bad")[number % 2]
        words = GOOD if label == "good" else BAD
        picked = rng.choice(len(words), 3)
        texts.append(f"The {number}th night: " + ", ".join(words[place] for place in picked) + "。")
        labels.append(label)
    return {"text": texts, "label": labels}


def pictures(rows: int = ROWS, side: int = 12, colour: bool = False, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(X, y): uint8 (rows, side, side) or (rows, side, side, 3), bright on the "left" or on the "right"."""
    rng = np.random.default_rng(seed)
    grey = rng.integers(0, 90, (rows, side, side))
    labels = np.where(np.arange(rows) % 2 == 0, "left", "right")
    half = side // 2
    grey[::2, :, :half] += 120
    grey[1::2, :, half:] += 120
    if colour:
        grey = np.stack([grey, grey // 2, 255 - grey], axis=-1)
    return grey.astype(np.uint8), labels


def picture_folder(place: Path, rows: int = 40, side: int = 12) -> Path:
    """A class folder of PNG files made from `pictures`."""
    from PIL import Image

    images, labels = pictures(rows, side, colour=True)
    for number, (image, label) in enumerate(zip(images, labels)):
        home = place / str(label)
        home.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(home / f"{number:03d}.png")
    return place


@cache
def place() -> Path:
    """A folder for runs that several tests read; removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="fofx-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def warm() -> None:
    """Have numba compile what the classical rungs need: on a fresh machine that takes longer than a quick budget."""
    columns = table()
    for output in ("price", "sold"):
        data = {name: columns[name] for name in ("size", "colour", output)}
        for model in ("tree", "knn", "boosting"):
            fofx.find(data, output, model=model, budget=60, out=str(place()), name=f"warm {output} {model}")


def quick(data: Any, outputs: Any = None, **options: Any) -> fofx.Function:
    """`find` in a fraction of a second; the run goes to the shared folder unless `out` says otherwise."""
    warm()
    return fofx.find(data, outputs, **{"budget": QUICK, "out": str(place()), **options})


@cache
def number_function() -> fofx.Function:
    columns = table()
    return quick(
        {name: columns[name] for name in ("size", "colour", "day", "price")}, "price", budget=4.0, name="number"
    )


@cache
def category_function() -> fofx.Function:
    columns = table()
    return quick({name: columns[name] for name in ("size", "colour", "sold")}, "sold", budget=4.0, name="category")


@cache
def text_function() -> fofx.Function:
    return quick(reviews(), "label", budget=4.0, name="text")


@cache
def picture_function() -> fofx.Function:
    return quick(pictures(), budget=4.0, name="picture")


@cache
def mixed_function() -> fofx.Function:
    """Two outputs of different kinds from several inputs."""
    columns = table()
    data = {name: columns[name] for name in ("size", "colour", "price", "sold")}
    quick(
        data, ["price", "sold"], model="boosting"
    )  # compiled now, so that its first use takes no time from the networks
    return quick(data, ["price", "sold"], budget=3.0, name="mixed")


FAMILIES = {
    "number": number_function,
    "category": category_function,
    "text": text_function,
    "picture": picture_function,
    "mixed": mixed_function,
}

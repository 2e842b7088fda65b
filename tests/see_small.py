"""Small runs for the tests of `fofx.see`, found once a session beside those of small.py."""

from __future__ import annotations

from functools import cache

import numpy as np

import fofx
import small


@cache
def several_function() -> fofx.Function:
    """A number from a picture, a text, two columns: several blocks that meet in the join."""
    pictures, sides = small.pictures(90)
    reviews = small.reviews(90, seed=3)
    rng = np.random.default_rng(1)
    size = rng.normal(5, 2, 90)
    price = 2 * size + 4 * (sides == "left") + 3 * (np.array(reviews["label"]) == "good") + rng.normal(0, 0.1, 90)
    data = {
        "photo": pictures,
        "text": reviews["text"],
        "size": size,
        "colour": rng.choice(["red", "blue"], 90).tolist(),
        "price": price,
    }
    return fofx.load(small.quick(data, "price", model="cnn", budget=2.0, name="several").run.path)


@cache
def three_function() -> fofx.Function:
    """One of three classes from two numbers and a date; knn, a tree and networks; one class is rare."""
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=150), rng.normal(size=150)
    noise = rng.normal(0, 0.4, 150)
    label = np.where(a + noise > 0.9, "high", np.where(b + noise > 0, "mid", "low"))
    days = [f"2023-{1 + n % 12:02d}-{1 + n % 27:02d}" for n in range(150)]
    data = {"a": a, "b": b, "day": days, "label": label.tolist()}
    return fofx.load(small.quick(data, "label", budget=3.0, name="three").run.path)


@cache
def timed_function() -> fofx.Function:
    """A number in time order: the training rows are used in another order than they stand in the data."""
    rng = np.random.default_rng(4)
    day = rng.permutation(100)
    data = {"day": day.tolist(), "a": rng.normal(size=100).tolist()}
    data["y"] = [d * 0.1 + a for d, a in zip(data["day"], data["a"])]
    return fofx.load(small.quick(data, "y", time="day", inputs=["a"], model="knn", name="timed").run.path)


@cache
def again(family: str) -> fofx.Function:
    """A function of small.py, loaded from its run as the studio does it."""
    return fofx.load(small.FAMILIES[family]().run.path)


def network_of(function: fofx.Function) -> str:
    """The name of a network of the run."""
    return next(r.name for r in function.rungs if r.family in ("small", "deep") and r.error is None)

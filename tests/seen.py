"""Runs that the tests of `see` look into; found once a session, loaded again from their folders."""

from __future__ import annotations

from functools import cache

import fofx
import small


@cache
def prices() -> fofx.Function:
    """size and colour -> price, by an MLP beside the naive answer and the line."""
    columns = small.table()
    data = {name: columns[name] for name in ("size", "colour", "price")}
    return _found(data, "price", model="mlp", budget=1.0, name="seen-prices")


@cache
def reviews() -> fofx.Function:
    """text -> label, by a transformer."""
    return _found(small.reviews(), "label", model="transformer", budget=1.5, name="seen-reviews")


@cache
def pictures(model: str = "cnn") -> fofx.Function:
    """Pictures that are bright on the left or on the right."""
    return _found(small.pictures(), model=model, budget=1.0, name=f"seen-{model}")


def _found(data, outputs=None, **options) -> fofx.Function:
    return fofx.load(fofx.find(data, outputs, out=str(small.place()), **options).run.path)

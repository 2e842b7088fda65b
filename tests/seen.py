"""Runs that the tests of `see` look into; found once a session, loaded again from their folders.

They take a given number of steps, however busy the machine is.
"""

from __future__ import annotations

import json
from functools import cache

import fofx
import small


@cache
def prices() -> fofx.Function:
    """size and colour -> price, by an MLP beside the naive answer and the line."""
    columns = small.table()
    data = {name: columns[name] for name in ("size", "colour", "price")}
    return _found("prices", 240, data, "price", model="mlp")


@cache
def reviews() -> fofx.Function:
    """text -> label, by a transformer."""
    return _found("reviews", 30, small.reviews(), "label", model="transformer")


@cache
def pictures(model: str = "cnn") -> fofx.Function:
    """Pictures that are bright on the left or on the right."""
    return _found(f"pictures-{model}", 4 if model == "vit" else 20, small.pictures(), model=model)


def _found(name: str, steps: int, data, outputs=None, *, model: str) -> fofx.Function:
    """A run that follows the recipe of a short one, with so many steps."""
    options = {"model": model, "budget": 0.5, "out": str(small.place())}
    draft = fofx.find(data, outputs, name=f"draft-{name}", **options).run
    record = draft.read("run.json")
    for rung in record["rungs"]:
        if rung["name"] == model:
            rung["recipe"]["optimize"] |= {"steps": steps, "stop_at": None, "patience": None, "check_every": 10}
    (draft.path / "run.json").write_text(json.dumps(record), encoding="utf-8")
    found = fofx.find(data, outputs, name=f"seen-{name}", recipe=str(draft.path), **options)
    return fofx.load(found.run.path)

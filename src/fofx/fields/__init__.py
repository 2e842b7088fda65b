"""Fields: one file per kind. A field is one named column of a kind; it knows both directions between value and tensor.

A new kind is one new file here that defines a subclass of `Field` with a `kind` word of its own: `field_class` finds it by
looking through the folder, so nothing else has to know.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from fofx.errors import RunError, TaskError, nearest
from fofx.fields.base import Field, Flat, Output

__all__ = ["Field", "Flat", "Output", "block_class", "field_class", "kinds", "make_field"]


def kinds() -> dict[str, type[Field]]:
    """Every kind of column that has a file in this folder: {"number": Number, ...}."""
    _import_all()
    return {cls.kind: cls for cls in _subclasses(Field) if cls.kind}


@cache
def _import_all() -> None:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


def _subclasses(cls: type[Field]) -> list[type[Field]]:
    return [deeper for sub in cls.__subclasses__() for deeper in (sub, *_subclasses(sub))]


def field_class(kind: str) -> type[Field]:
    """The class for a kind word, or a TaskError that lists the known ones."""
    known = kinds()
    if kind not in known:
        raise TaskError(
            "unknown-kind",
            f"The kind {kind!r} is not known; kinds are {', '.join(sorted(known))}.{nearest(kind, known)}",
        )
    return known[kind]


def block_class(kind: str) -> type[Field]:
    """The class that knows a part of a network's shape: of its kind, or of the block ("vector") that it joins."""
    known = kinds()
    found = known.get(kind) or next((cls for cls in known.values() if cls.block == kind), None)
    if found is None:
        raise RunError("damaged-run", f"The run's network reads {kind!r}, which this fofx does not know.")
    return found


def make_field(state: dict) -> Field:
    """A field again from the plain data that `Field.state` gave."""
    try:
        field = field_class(state["kind"])(state["name"])
        field.restore(state)
    except (KeyError, TypeError, ValueError) as problem:
        raise TaskError("broken-field", f"A field's saved state cannot be used: {problem!r}.") from problem
    return field

"""The rungs of the ladder: one family a file. A new rung is one new file that defines a subclass of `Rung` with `words` of its own."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from fofx.fields.base import Field, Output
from fofx.rungs.base import Rung


@cache
def rung_classes() -> tuple[type[Rung], ...]:
    """Every rung that has words of its own, from naive to deep."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return tuple(sorted(_below(Rung), key=lambda cls: (cls.height, cls.words)))


def _below(cls: type[Rung]) -> list[type[Rung]]:
    found = [deeper for sub in cls.__subclasses__() for deeper in (sub, *_below(sub))]
    return [each for each in found if each.words]


def rung_class(name: str, mapped: str = "") -> type[Rung] | None:
    """The class that is asked for by this name; None for names of networks. Of several ("linear" is a line through rows, and for
    masks one through pixels) the one that serves outputs of the kind `mapped`."""
    named = [cls for cls in rung_classes() if name in cls.words]
    able = [cls for cls in named if cls.serves is None or mapped in cls.serves]
    return next(iter([*able, *named]), None)


def fresh(name: str, fields: list[Field], outputs: list[Output]) -> Rung:
    """A rung by its name, not yet fitted. Names of networks are one network, or for the two sides of a pair a siamese one."""
    from fofx.encoded import pair_of
    from fofx.rungs.neural import Neural
    from fofx.rungs.pairs import SiameseRung

    found = rung_class(name, next((output.kind for output in outputs if output.mapped), ""))
    return (found or (SiameseRung if pair_of(fields) else Neural))(name, fields, outputs)

"""What the user asked of `find`, checked before any work starts, and the versions that answer."""

from __future__ import annotations

import platform
from collections.abc import Sequence

import numpy as np
import polars as pl

from fofx import __version__
from fofx.errors import TaskError


def names_of(given: str | Sequence[str] | None) -> list[str] | None:
    """One column name or several, as a list; None stays None."""
    several = isinstance(given, list | tuple | set | dict) or (
        hasattr(given, "__iter__") and not isinstance(given, str)
    )
    return None if given is None else [str(name) for name in given] if several else [str(given)]


def demand_options(asked: dict) -> None:
    """Options out of range are told before any work starts."""
    wanted = (
        ("budget", asked["budget"], lambda v: v > 0, "a number of seconds above 0"),
        ("seed", asked["seed"], lambda v: v == int(v) and 0 <= v < 2**31, "a whole number from 0 up"),
        ("label_smoothing", asked["label_smoothing"], lambda v: 0 <= v < 1, "a number from 0 to below 1"),
    )
    for word, value, right, expected in wanted:
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value) or not right(value):
            raise TaskError("bad-option", f"{word} should be {expected}; it is {value!r}.")
    for word in ("past", "horizon"):
        value = asked.get(word)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 10_000):
            raise TaskError("bad-option", f"{word} should be a whole number of values from 1 up; it is {value!r}.")
    if not isinstance(asked["kinds"], dict) or not all(isinstance(kind, str) for kind in asked["kinds"].values()):
        raise TaskError(
            "bad-option", f"kinds should be a dict of columns and their kinds; it is {asked['kinds']!r:.100}."
        )
    if not isinstance(asked["model"], str) or not asked["model"]:
        raise TaskError("unknown-model", f"model should be 'auto' or a rung's name; it is {asked['model']!r}.")


def versions() -> dict[str, str]:
    """What must be the same for a recipe to give the same bits."""
    import sklearn
    import torch

    return {
        "fofx": __version__, "python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__,
        "polars": pl.__version__, "scikit-learn": sklearn.__version__, "machine": platform.machine(),
        "threads": str(torch.get_num_threads()),
    }  # fmt: skip

"""How a page shows each kind: a file of_KIND.py of this folder says it, so that a new kind is one new file. It may have

    control(form, field)                 puts what changes this input on the page; `form` is the `Predict` of run_predict.py
    seen(page, field, value) -> bool     shows one value of an input; False where it cannot, and its words are shown
    why(page, field, value, heat)        shows one input with what carried the answer: effects (H, W) over it as it is drawn
    laid(output, frame, predictions)     rows of an answer that lies over its picture, for the widget Overlay
    answered(form, answer)               shows an answer that needs more than words; said of an input (a series) or an output

What a kind has no function for is shown in words. Columns of the same block share one file: the vector's is of_vector.py.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl

from fofx.fields.base import Field
from fofx.studio.look import Page


@cache
def home(word: str) -> ModuleType | None:
    """The file of a kind or block, where there is one."""
    name = f"fofx.studio.pages.of_{word}"
    return importlib.import_module(name) if word.isidentifier() and find_spec(name) else None


def asked(word: str, field: Field) -> Callable[..., Any] | None:
    """The function `word` of this field's kind, or of its block; None where the kind has nothing of its own to say."""
    for name in (field.kind, field.block):
        found = getattr(home(name), word, None) if name else None
        if found is not None:
            return found
    return None


def raw(column: pl.Series, row: int) -> Any:
    """One value of a column as a function takes it: arrays as arrays, everything else as it is."""
    if column.dtype.is_nested():
        value = column[row : row + 1].to_numpy()[0]
        return np.asarray(value) if value is not None else None
    return column[row]


def seen(page: Page, field: Field, value: Any) -> bool:
    """Show one value of an input by its kind's own picture or player; False where there is none."""
    shows = asked("seen", field)
    return bool(shows(page, field, unlisted(value))) if shows is not None and value is not None else False


def unlisted(value: Any) -> Any:
    """A value of a row that polars gave as lists, as the array that it is."""
    return np.asarray(value) if isinstance(value, list) else value

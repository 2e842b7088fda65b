"""How the report shows each kind. Numbers and classes stand in `results` and `mistakes`; any other kind is a file `of_KIND.py` of
this folder that registers its own functions here, so that nothing else has to know.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache, singledispatch
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from fofx.fields import Field, Output

if TYPE_CHECKING:
    from fofx.report.facts import Facts


@cache
def import_kinds() -> None:
    """Let every file of a kind register what it shows."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name.startswith("of_"):
            importlib.import_module(f"fofx.report.{module.name}")


@singledispatch
def results_of(output: Output, facts: Facts) -> str:
    """HTML of the section that shows how well an output is answered on the test rows."""
    return ""


@singledispatch
def headline(output: Output, facts: Facts, place: int) -> str:
    """One line of HTML: what was answered for test row `place`, and what is right."""
    return ""


@singledispatch
def answer_drawn(output: Output, facts: Facts, place: int) -> str:
    """The answer as a picture, for outputs that have one: HTML."""
    return ""


@singledispatch
def input_drawn(field: Field, column: pl.Series) -> str | None:
    """One value of an input as HTML (a picture, a waveform with a player); None for kinds that are shown as text."""
    return None


@singledispatch
def results_by(field: Field, facts: Facts) -> str:
    """HTML that an input's kind adds to the results: how far ahead a series can be forecast."""
    return ""

"""Numbers, classes and dates on a page: one small box each."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from fofx.fields.date import Date
from fofx.fields.number import Number

CLASSES = 200  # words of a select; a column with more takes any text


def control(form: Any, field: Any) -> None:
    value = form.row.get(field.name)
    if isinstance(field, Number):
        box: Any = ui.number(field.name, value=value).props("outlined dense debounce=250")
    elif isinstance(field, Date) or len(getattr(field, "names", ())) > CLASSES:
        box = ui.input(field.name, value="" if value is None else str(value)).props("outlined dense debounce=400")
    else:
        names = list(field.names)
        known = None if value is None else as_word(value)
        options = names if known is None or known in names else [*names, known]
        box = ui.select(options, value=known, label=field.name, clearable=True).props("outlined dense options-dense")
    box.on_value_change(form.setter(field.name))


def as_word(value: Any) -> str:
    """A class as the field writes it: whole numbers without a point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)

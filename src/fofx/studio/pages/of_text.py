"""Texts on a page."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from fofx.studio.look import Page, tag

LONGEST = 600  # letters of a text among other inputs


def control(form: Any, field: Any) -> None:
    box = ui.textarea(field.name, value=form.row.get(field.name) or "").props("outlined autogrow debounce=400")
    box.on_value_change(form.setter(field.name))


def seen(page: Page, field: Any, value: Any) -> bool:
    text = str(value)
    tag("p", text if len(text) < LONGEST else text[:LONGEST] + " …", "small")
    return True

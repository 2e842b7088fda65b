"""Boxes that choose what a page shows of a run, and the place below them that follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

from fofx.studio.look import Page


def rung_box(page: Page, function: Any, asked: str = "") -> Any:
    """A box with the rungs that were fitted; at first `asked`, or the winner where there is no such rung."""
    names = [result.name for result in function.rungs if result.error is None]
    first = asked if asked in names else function.winner
    return ui.select(names, value=first, label=page.say("studio.code.rung")).props("outlined dense")


async def following(page: Page, boxes: list[Any], work: Callable[[], Any], draw: Callable[[Any], Any]) -> None:
    """What `work()` finds, in a thread, put on the page by `draw(found)`, now and whenever one of the boxes changes."""
    place = ui.element()

    async def fill() -> None:
        place.clear()
        found = await page.work(work, place=place)
        with place:
            draw(found)

    for box in boxes:
        box.on_value_change(page.safely(lambda event: fill()))
    try:
        await fill()
    except Exception as error:  # the boxes stay: another choice may well be shown
        with place:
            page.problem(error)

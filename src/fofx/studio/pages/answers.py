"""An answer as a page shows it: the value, the probabilities or the interval, and what carried it."""

from __future__ import annotations

from typing import Any

import numpy as np
from nicegui import ui

from fofx.studio.look import Page, drawn, shown, tag
from fofx.studio.pages import draw

MOST_CLASSES = 10


def show_answer(page: Page, function: Any, answer: Any) -> None:
    """The answer, large, with how sure it is. Every value is set as text."""
    values = answer.value if isinstance(answer.value, dict) else {function.outputs[0].name: answer.value}
    with ui.element().classes("tiles"):
        for name, value in list(values.items())[:24]:
            with ui.element().classes("tile"):
                tag("span", name)
                tag("b", shown(value))
                if answer.interval is not None:
                    low, high = map(shown, answer.interval)
                    tag("small", page.say("studio.predict.interval", low=low, high=high))
    if answer.probabilities:
        order = sorted(answer.probabilities.items(), key=lambda each: -each[1])[:MOST_CLASSES]
        drawn(draw.bars(order, page.say("studio.predict.probabilities"), top=1.0, share=True))


def show_why(page: Page, explanation: Any) -> None:
    """What carried the answer, by taking away one thing at a time. The markup is the report's; it escapes what comes from data."""
    from fofx.explain.markup import STYLE

    ui.add_css(STYLE.replace("\n.", "\n.fx .").replace(", .bars", ", .fx .bars"))
    for each in (explanation, *explanation.others):
        about = f"{each.output} = {shown(each.value)}"
        tag("h3", about)
        drawn(each.to_html(page.lang))
    tag("p", page.say("studio.predict.why.text"), "soft small")


def pixels_of(value: Any, side: int = 128) -> np.ndarray | None:
    """A picture of a row, an array or a path, as (H, W) or (H, W, C) uint8; None when it cannot be read."""
    if isinstance(value, str):
        from fofx.errors import FofxError
        from fofx.pictures import decode_pictures

        try:
            pictures, bad = decode_pictures([value], side, 3)
        except (FofxError, OSError):
            return None
        return None if bad or not len(pictures) else np.ascontiguousarray(pictures[0].transpose(1, 2, 0))
    try:
        found = np.asarray(value, dtype=np.uint8)
    except (TypeError, ValueError):
        return None
    return found if found.ndim in (2, 3) and min(found.shape[:2]) > 0 else None


def inputs_shown(page: Page, function: Any, inputs: dict[str, Any], most: int = 8) -> None:
    """The inputs of one row: its pictures, its texts, and the first of its columns."""
    flat = []
    for column in function.task.inputs:
        value = inputs.get(column.name)
        if column.kind == "picture":
            pixels = pixels_of(value)
            if pixels is not None:
                drawn(draw.picture(pixels, column.name, 128))
        elif column.kind == "text":
            text = "" if value is None else str(value)
            tag("p", text if len(text) < 600 else text[:600] + " …", "small")
        else:
            flat.append((column.name, shown(value)))
    for name, value in flat[:most]:
        with tag("p", classes="small").style("margin: 0"):
            tag("span", f"{name} ", "soft")
            tag("span", value, "num")
    if len(flat) > most:
        tag("p", page.say("studio.result.more", count=len(flat) - most), "soft small")

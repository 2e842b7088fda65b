"""What the pictures inside a run have in common: how one is described, and small drawings of matrices and rows."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from nicegui import ui

from fofx.studio.look import Page, drawn, link, run_link, tag
from fofx.studio.pages import draw
from fofx.studio.pages.answers import inputs_shown


@dataclass(frozen=True)
class Option:
    """A choice before working a picture out: among `choices`, or a whole number from 1 to `most`."""

    name: str
    label: str
    first: Any
    choices: Any = ()
    most: int = 0


@dataclass(frozen=True)
class Look:
    """One picture. `compute(function, rung, values)` runs in a thread; `draw(page, function, found)` puts it on the page, perhaps later."""

    name: str
    title: str
    text: str
    fits: Callable[[Any], bool]
    compute: Callable[[Any, str | None, dict[str, Any]], Any]
    draw: Callable[[Page, Any, Any], Any]
    options: Callable[[Any], list[Option]] = lambda function: []
    past: bool = True  # whether it can be worked out for the network as it was after an earlier step


def has(function: Any, *kinds: str) -> bool:
    return any(column.kind in kinds for column in function.task.inputs)


def has_network(function: Any) -> bool:
    return any(result.family in ("small", "deep") and result.error is None for result in function.rungs)


def rows(function: Any) -> int:
    return max(1, int(function.record["data"]["rows"].get("test", 1)))


def as_it_was(function: Any, rung: str | None, step: int) -> tuple[Any, str]:
    """The run with one of its networks as it was after `step` updates, and that rung's name. The run itself is left as it is."""
    from fofx.see.frames import rung_at

    twin = rung_at(function, rung, step)
    then = copy.copy(function)
    then._rungs = {**function._rungs, twin.name: twin}
    then.winner = f"{twin.name} after step {step}"  # so that nobody takes the answers that were kept for the end
    return then, twin.name


def recorded_steps(function: Any, rung: str | None) -> list[int]:
    """The steps whose weights were recorded of a network; [] for other rungs."""
    from fofx.errors import FofxError
    from fofx.see.frames import weight_steps
    from fofx.see.rows import neural

    try:
        return weight_steps(function, neural(function, rung).name)
    except FofxError:
        return []


def row_option(function: Any) -> Option:
    return Option("row", "studio.inside.row", 1, most=rows(function))


def colour_picture(values: np.ndarray, width: int, label: str, top: float | None = None) -> str:
    """Values (H, W) around 0 as a picture, orange above and blue below."""
    return draw.picture(draw.diverging(values, top), label, width)


def grey(values: np.ndarray) -> np.ndarray:
    """Values (H, W) from the smallest, black, to the largest, white."""
    low, high = float(values.min()), float(values.max())
    return np.rint((values - low) / ((high - low) or 1.0) * 255).astype(np.uint8)  # (H, W)


def matrix(
    counts: np.ndarray, lines: list[str], columns: list[str], caption: str, corner: str, shade: np.ndarray | None = None
) -> str:
    """A matrix as a table: shaded by the share of its line (or by `shade`), readable without colours."""
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) if shade is None else shade
    head = "".join(f'<th scope="col" title="{escape(name)}">{escape(name[:14])}</th>' for name in columns)
    body = []
    for number, line in enumerate(lines):
        cells = "".join(
            f'<td data-at="{number},{place}" style="background:color-mix(in srgb, var({"--accent" if number == place else "--plus"}) '
            f'{70 * float(share[number, place]):.0f}%, transparent)">{counts[number, place]:g}</td>'
            for place in range(len(columns))
        )
        body.append(f'<tr><th scope="row">{escape(line[:14])}</th>{cells}</tr>')
    return (
        f'<table class="matrix"><caption>{escape(caption)}</caption><thead><tr><th scope="col">{escape(corner)}</th>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table>"
    )


def row_cards(page: Page, function: Any, frame: Any, titles: list[str], places: list[int] | None = None) -> None:
    """Raw rows as cards, each under its title, with a link to try it out when it is a test row."""
    with ui.element().classes("grid"):
        for number, title in enumerate(titles):
            values = frame[number].row(0, named=True)
            with ui.element().classes("card stack").style("gap: 6px"):
                tag("b", title)
                with ui.element():
                    inputs_shown(page, function, values, most=6)
                if places is not None:
                    link(
                        page.say("studio.mistakes.open"),
                        run_link(function.run.name, "predict", f"row={places[number] + 1}"),
                        "small",
                    )


def gallery(pictures: list[tuple[str, str]]) -> None:
    """Pictures (markup, caption) beside one another."""
    with ui.element().classes("row").style("align-items: flex-start; gap: 10px"):
        for markup, caption in pictures:
            with ui.element("figure"):
                drawn(markup)
                if caption:
                    tag("figcaption", caption)

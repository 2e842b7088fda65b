"""Runs as lines of a table: name, what they find, who won, the score, how they stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from nicegui import ui

from fofx.studio.look import Page, link, run_link, shown, tag

STATUS = {
    "done": ("studio.status.done", "chip good"),
    "running": ("studio.status.running", "chip live"),
    "waiting": ("studio.status.waiting", "chip live"),
    "stopped": ("studio.status.stopped", "chip"),
    "failed": ("studio.status.failed", "chip bad"),
    "cut-short": ("studio.status.cut-short", "chip bad"),
    "damaged": ("studio.status.damaged", "chip bad"),
}
HEAD = ("studio.runs.name", "studio.runs.outputs", "studio.runs.winner", "studio.runs.score", "studio.runs.status", "studio.runs.when")  # fmt: skip
WIDE = ("studio.runs.outputs", "studio.runs.when")  # columns that a phone has no room for


def chip(page: Page, status: str) -> None:
    key, classes = STATUS.get(status, ("", "chip"))
    tag("span", page.say(key) if key else status, classes)


def plain(
    page: Page,
    runs: Sequence[Any],
    before: Callable[[Any], None] | None = None,
    after: Callable[[Any], None] | None = None,
) -> None:
    """The table; `before` and `after` build a further cell on either side of each line."""
    with ui.element().classes("scroll"), ui.element("table").classes("plain runs"):
        with ui.element("thead"), ui.element("tr"):
            if before:
                tag("td")
            for key in HEAD:
                tag("th", page.say(key), "wide-only" if key in WIDE else "").props('scope="col"')
            if after:
                tag("td")
        with ui.element("tbody"):
            for line in runs:
                with ui.element("tr"):
                    if before:
                        with ui.element("td").classes("before"):
                            before(line)
                    with tag("th").props('scope="row"'):
                        link(line.name, run_link(line.name))
                    tag("td", ", ".join(line.outputs), "cut wide-only")
                    tag("td", line.winner or "–")
                    tag("td", f"{line.metric} {shown(line.score)}" if line.score is not None else "–", "num")
                    with ui.element("td"):
                        chip(page, line.status)
                    tag("td", when(line.changed), "soft small wide-only")
                    if after:
                        with ui.element("td").classes("after"):
                            after(line)


def when(moment: float | None) -> str:
    return datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M") if moment else "–"

"""Curves of a run: the Run widget, over every network's steps."""

from __future__ import annotations

from typing import Any

from fofx.studio.bridge import show as put
from fofx.studio.look import Page, empty, run_link
from fofx.widgets.run import Run


async def show(page: Page, function: Any) -> None:
    widget = await page.work(lambda: Run(function, lang=page.lang))
    if not widget.curves:
        empty(page.say("studio.curves.none"), (page.say("studio.tab.result"), run_link(function.run.name)))
    put(widget)

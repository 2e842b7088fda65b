"""Runs: all of them, choose some to compare, download and delete (with undo), and take in a zip."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from fofx.studio.look import Page, button, empty, named, tag, threaded
from fofx.studio.pages import lines


async def runs(page: Page) -> None:
    page.heading(page.say("studio.runs.title"), page.say("studio.runs.lead"))
    bar, place = ui.element(), ui.element()
    chosen: set[str] = set()

    async def fill() -> None:
        found = await threaded(page.workspace.runs)
        place.clear()
        chosen.clear()
        with place:
            if not found:
                empty(page.say("studio.runs.empty"), (page.say("studio.nav.tasks"), "/tasks"))
                return
            with ui.element().classes("row").style("margin-bottom: 10px"):
                compare = button(page.say("studio.runs.compare"), icon="compare_arrows")
                compare.on_click(page.safely(lambda: together(page, chosen)))
            lines.plain(page, found, lambda line: tick(page, line, chosen), lambda line: more(page, line, fill, bar))

    await fill()
    tag("h2", page.say("studio.runs.import"))
    tag("p", page.say("studio.runs.import.text"), "soft")

    async def take(event: Any) -> None:
        from fofx.studio.pages.files import given

        name = await page.work(page.workspace.import_run, await given(event.file))
        await fill()
        with page.client:
            ui.notification(page.say("studio.runs.imported", name=name), type="positive")

    ui.upload(label=page.say("studio.runs.import.pick"), auto_upload=True, on_upload=page.safely(take)).props(
        'accept=".zip" flat'
    )


def together(page: Page, chosen: set[str]) -> None:
    if len(chosen) < 2:
        ui.notification(page.say("studio.runs.compare-two"), type="warning")
        return
    page.leave("/compare?" + urlencode([("run", name) for name in sorted(chosen)]))


def tick(page: Page, line: Any, chosen: set[str]) -> None:
    def changed(event: Any) -> None:
        (chosen.add if event.value else chosen.discard)(line.name)

    box = ui.checkbox(on_change=changed).props("dense")
    named(box, page.say("studio.runs.choose", name=line.name))
    if line.status != "done":
        box.disable()


def more(page: Page, line: Any, fill: Any, bar: Any) -> None:
    """The menu of a line."""
    with ui.button(icon="more_horiz").props("flat dense round") as opener:
        named(opener, page.say("studio.runs.actions", name=line.name))
        with ui.menu():
            if line.status == "done":
                ui.menu_item(page.say("studio.runs.export"), page.safely(lambda: export(page, line.name)))
            ui.menu_item(page.say("studio.runs.delete"), page.safely(lambda: delete(page, line.name, fill, bar)))


async def export(page: Page, name: str) -> None:
    packed = await page.work(page.workspace.export, name)
    with page.client:
        ui.download.file(packed, f"{name}.zip")


async def delete(page: Page, name: str, fill: Any, bar: Any) -> None:
    """Gone at once, and back at a click."""
    ticket = await threaded(page.workspace.delete, name)
    await fill()

    async def undo() -> None:
        back = await threaded(page.workspace.undo, ticket)
        bar.clear()
        await fill()
        with page.client:
            ui.notification(page.say("studio.runs.undone", name=back), type="positive")

    bar.clear()
    with bar, ui.element().classes("notice mild row").props('role="status"'):
        tag("span", page.say("studio.runs.deleted", name=name))
        button(page.say("studio.runs.undo"), page.safely(undo)).props("dense")

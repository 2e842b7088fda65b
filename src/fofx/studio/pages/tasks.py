"""Tasks: choose a built-in one from the table, or bring data: a file, a path of this machine, pasted text."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from fofx.studio.look import Page, button, link, tag, threaded
from fofx.studio.pages.files import given
from fofx.studio.pages.home import task_table
from fofx.studio.pages.lines import when

PASTED = 2_000_000  # characters that may be pasted; a larger table is uploaded as a file
SHOWN = 8  # earlier uploads


async def tasks(page: Page) -> None:
    page.heading(page.say("studio.tasks.title"), page.say("studio.tasks.lead"))
    task_table(page)
    tag("h2", page.say("studio.tasks.own")).props('id="own"')
    tag("p", page.say("studio.tasks.own.text"), "soft")
    limits = page.workspace.limits
    with ui.element().classes("half"):
        with ui.element().classes("card stack"):
            upload(page, limits.upload)
            if not limits.shared:
                path(page)
        with ui.element().classes("card stack"):
            paste(page)
    earlier = await threaded(page.workspace.uploads)
    if earlier:
        tag("h3", page.say("studio.tasks.earlier")).style("margin-top: 24px")
        with ui.element("ul").classes("small"):
            for each in earlier[:SHOWN]:
                with ui.element("li"):
                    link(each.name, begin(upload=each.key))
                    tag("span", f" · {size_of(each.size)} · {when(each.when)}", "soft")


def begin(**where: str) -> str:
    """The address at which a task's settings are chosen."""
    return f"/tasks/new?{urlencode(where)}"


def upload(page: Page, largest: int) -> None:
    tag("h3", page.say("studio.tasks.upload"))
    tag("p", page.say("studio.tasks.upload.text", most=size_of(largest)), "soft small")

    async def take(event: Any) -> None:
        file = await given(event.file)
        made = await page.work(page.workspace.upload, event.file.name, file)
        page.leave(begin(upload=made.key))

    def refused() -> None:
        with page.client:
            ui.notification(page.say("studio.tasks.too-large", most=size_of(largest)), type="negative")

    ui.upload(
        label=page.say("studio.tasks.pick"), auto_upload=True, max_file_size=largest, on_upload=page.safely(take),
        on_rejected=refused,
    ).props("flat")  # fmt: skip


def path(page: Page) -> None:
    tag("h3", page.say("studio.tasks.path"))
    tag("p", page.say("studio.tasks.path.text"), "soft small")
    with ui.element().classes("row"):
        box = ui.input(page.say("studio.tasks.path.label")).props("outlined dense").style("flex: 1; min-width: 200px")

        async def go() -> None:
            text = (box.value or "").strip()
            if not text:
                box.run_method("focus")
                return
            await threaded(page.workspace.local, text)
            page.leave(begin(path=text))

        box.on("keydown.enter", page.safely(go))
        button(page.say("studio.tasks.open"), page.safely(go))


def paste(page: Page) -> None:
    tag("h3", page.say("studio.tasks.paste"))
    tag("p", page.say("studio.tasks.paste.text"), "soft small")
    box = ui.textarea(page.say("studio.tasks.paste.label")).props(f"outlined maxlength={PASTED}")
    box.props('input-style="font-family: ui-monospace, monospace; min-height: 160px"')

    async def go() -> None:
        if not (box.value or "").strip():
            box.run_method("focus")
            return
        made = await page.work(page.workspace.paste, box.value)
        page.leave(begin(upload=made.key))

    button(page.say("studio.tasks.open"), page.safely(go))


def size_of(count: int) -> str:
    """
    >>> size_of(1_500_000), size_of(900)
    ('1.5 MB', '900 B')
    """
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count} B"

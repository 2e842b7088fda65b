"""The page of one run: live while it trains; afterwards its parts, each at an address of its own (/run/NAME/predict ...)."""

from __future__ import annotations

import importlib
from typing import Any

from nicegui import ui

from fofx.errors import RunError
from fofx.studio.look import Page, empty, link, named, run_link, tag, threaded
from fofx.studio.pages import lines

# The parts, in the order of the tabs; each is built by `show(page, function)` of its file.
TABS = {
    "result": ("studio.tab.result", "run_result"),
    "curves": ("studio.tab.curves", "run_curves"),
    "predict": ("studio.tab.predict", "run_predict"),
    "mistakes": ("studio.tab.mistakes", "run_mistakes"),
    "inside": ("studio.tab.inside", "run_inside"),
    "model": ("studio.tab.model", "run_model"),
    "code": ("studio.tab.code", "run_code"),
    "report": ("studio.tab.report", "run_report"),
}
UNDER_WAY = ("waiting", "running")


async def run_page(page: Page) -> None:
    name, tab = page.path["name"], page.path.get("tab", "result")
    page.title(name)
    with tag("p", classes="crumbs"):
        link(page.say("studio.runs.title"), "/runs")
        tag("span", f" / {name}")
    job = await threaded(page.jobs.of_run, name)
    if job is not None and job.status in UNDER_WAY:
        await live(page, name, job)
        return
    try:
        function = await load(page, name)
    except RunError as error:
        if error.code != "unfinished-run" and job is None:
            raise
        await live(page, name, job, error)
        return
    tag("h1", title_of(function, name))
    if tab not in TABS:
        empty(page.say("studio.not-found"), (page.say("studio.tab.result"), run_link(name)))
        return
    tabs(page, name, tab)
    part = importlib.import_module(f"fofx.studio.pages.{TABS[tab][1]}")
    with ui.element() as place:
        try:
            await part.show(page, function)
        except Exception as error:  # the tabs stay, so that the other parts can be reached
            with place:
                page.problem(error)


async def load(page: Page, name: str) -> Any:
    """The run's Function; while torch is fetched for the first time, the page says so."""
    await page.connected()
    return await page.work(page.workspace.load, name, text=page.say("studio.loading"))


async def live(page: Page, name: str, job: Any, error: RunError | None = None) -> None:
    from fofx.studio.pages import run_live

    with ui.element().classes("row"):
        tag("h1", name)
        lines.chip(page, job.status if job is not None else "cut-short")
    await run_live.show(page, name, job, error)


def tabs(page: Page, name: str, here: str) -> None:
    with named(ui.element("nav").classes("tabs"), page.say("studio.tabs")):
        for tab, (key, _) in TABS.items():
            shown = link(page.say(key), run_link(name, "" if tab == "result" else tab))
            if tab == here:
                shown.props('aria-current="page"')
    ui.run_javascript(
        "document.querySelector('.tabs [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' })"
    )


def title_of(function: Any, name: str) -> str:
    outputs = ", ".join(column.name for column in function.task.outputs[:3])
    return f"{name}: f → {outputs}" + (" …" if len(function.task.outputs) > 3 else "")

"""Home: the one idea, the three steps, the table of tasks, the lessons, and what was found last."""

from __future__ import annotations

from nicegui import ui

from fofx.studio.formula import FIND, LOSS, MODEL, OPTIMIZE
from fofx.studio.look import Page, empty, link, math, tag, threaded
from fofx.studio.pages import lines

STEPS = (
    (MODEL, "studio.home.model", "studio.home.model.text", "/learn/neuron"),
    (LOSS, "studio.home.loss", "studio.home.loss.text", "/learn/line"),
    (OPTIMIZE, "studio.home.optimize", "studio.home.optimize.text", "/playground"),
)
LAST = 5  # runs that are shown here


async def home(page: Page) -> None:
    page.title(page.say("studio.nav.home"))
    with ui.element().classes("hero"):
        with ui.element():
            tag("h1", page.say("studio.home.title"))
            tag("p", page.say("studio.home.lead"), "lead")
            with ui.element().classes("row"):
                for key, address, main in (
                    ("studio.home.play", "/playground", True),
                    ("studio.home.bring", "/tasks#own", False),
                ):
                    link(page.say(key), address, "go main" if main else "go")
        math(FIND, 34)
    tag("h2", page.say("studio.home.steps"))
    with ui.element().classes("grid steps"):
        for latex, name, text, address in STEPS:
            with ui.link(target=address).classes("card", remove="nicegui-link"):
                tag("h3", page.say(name))
                math(latex, 18)
                tag("p", page.say(text), "soft small")
    tag("h2", page.say("studio.home.tasks"))
    task_table(page)
    tag("h2", page.say("studio.home.lessons"))
    with ui.element().classes("card"), ui.element().classes("row"):
        tag("span", page.say("studio.to-come"), "chip")
        tag("span", page.say("studio.home.lessons.text"), "soft")
    tag("h2", page.say("studio.home.runs"))
    runs = await threaded(page.workspace.runs)
    if not runs:
        empty(page.say("studio.runs.empty"), (page.say("studio.nav.tasks"), "/tasks"))
        return
    lines.plain(page, runs[:LAST])
    link(page.say("studio.home.all-runs"), "/runs")


def task_table(page: Page) -> None:
    """The widget; starting a task opens the page where its settings are chosen."""
    from fofx.studio.bridge import show
    from fofx.widgets.task_table import TaskTable

    table = TaskTable(lang=page.lang)
    table.on_open = lambda name: page.leave(f"/tasks/new?task={name}")
    show(table)


async def nowhere(page: Page) -> None:
    """An address without a page."""
    page.title("404")
    empty(page.say("studio.not-found"), (page.say("studio.nav.home"), "/"), (page.say("studio.nav.runs"), "/runs"))

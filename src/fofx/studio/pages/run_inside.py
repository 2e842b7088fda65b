"""Inside a run: every picture of `fofx.see` that fits the task, each worked out when it is asked for, off the event loop.

/run/NAME/inside?show=confusion opens one at once. What cannot be had says why, under its stable code.
"""

from __future__ import annotations

import asyncio
from typing import Any

from nicegui import ui

from fofx.studio.look import Page, alert, button, named, tag
from fofx.studio.pages import inside_answers, inside_network
from fofx.studio.pages.inside_parts import Look, Option
from fofx.words import name as word

LOOKS: tuple[Look, ...] = (inside_network.LOOKS[0], *inside_answers.LOOKS, *inside_network.LOOKS[1:])
SELECTED = 8  # more choices than that are a list to select from


async def show(page: Page, function: Any) -> None:
    tag("p", page.say("studio.inside.text"), "soft")
    rungs = [result for result in function.rungs if result.error is None]
    names = {result.name: f"{result.name} · {word('family', result.family, page.lang)}" for result in rungs}
    wished = page.query.get("rung", "")
    rung = ui.select(
        {"": page.say("studio.inside.best"), **names},
        value=wished if wished in names else "",
        label=page.say("studio.code.rung"),
    )
    rung.props("outlined dense").style("width: 280px; margin-bottom: 16px")
    rung.on_value_change(lambda event: page.mirror("rung", event.value or ""))
    fitting = [look for look in LOOKS if look.fits(function)]
    place = ui.element().classes("looks")
    for look in fitting:
        card = Card(page, function, look, lambda: rung.value or None)
        with place:
            card.build()
        if page.query.get("show") == look.name:
            ui.timer(0.05, page.safely(card.compute), once=True)
    rest = [page.say(look.title) for look in LOOKS if look not in fitting]
    if rest:
        tag("p", f"{page.say('studio.inside.not-here')} {', '.join(rest)}.", "soft small")


class Card:
    """One picture: what it is, its options, and a button that works it out."""

    def __init__(self, page: Page, function: Any, look: Look, rung: Any) -> None:
        self.page, self.function, self.look, self.rung = page, function, look, rung
        self.values: dict[str, Any] = {}
        self.turn = asyncio.Lock()

    def build(self) -> None:
        page, look = self.page, self.look
        with ui.element("section").classes("card").props(f'id="{look.name}"') as self.card:
            with ui.element().classes("row").style("justify-content: space-between"):
                tag("h3", page.say(look.title))
                compute = button(page.say("studio.inside.compute"), page.safely(self.compute))
                named(compute, f"{page.say('studio.inside.compute')}: {page.say(look.title)}")
            tag("p", page.say(look.text), "soft small")
            options = look.options(self.function)
            if options:
                with ui.element().classes("row"):
                    for option in options:
                        self.control(option)
            self.place = ui.element().props('aria-live="polite"')

    def control(self, option: Option) -> None:
        self.values[option.name] = option.first
        label = self.page.say(option.label)

        async def put(event: Any) -> None:
            if event.value is not None:
                self.values[option.name] = int(event.value) if option.most else event.value
                if self.place.default_slot.children:
                    await self.compute()

        if option.most:
            box: Any = ui.number(label, value=option.first, min=1, max=option.most, step=1, on_change=put)
            box.style("width: 150px")
        else:
            box = ui.select(option.choices, value=option.first, label=label, on_change=put).style("min-width: 150px")
        box.props("outlined dense options-dense debounce=300")

    async def compute(self) -> None:
        async with self.turn:
            await self._compute()

    async def _compute(self) -> None:
        page, look, function = self.page, self.look, self.function
        page.mirror("show", look.name)
        self.card.classes("open")
        self.place.clear()
        try:
            found = await page.work(look.compute, function, self.rung(), dict(self.values), place=self.place)
        except Exception as error:
            self.place.clear()
            with self.place:
                page.problem(error)
            return
        self.place.clear()
        with self.place:
            for note in getattr(found, "notes", getattr(found, "notices", ())):
                alert(page.told(note), note.code, "mild")
            drawing = look.draw(page, function, found)
            if drawing is not None:
                await drawing

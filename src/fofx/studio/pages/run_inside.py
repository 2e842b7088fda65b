"""Inside a run: every picture of `fofx.see` that fits the task, each worked out when it is asked for, off the event loop.

/run/NAME/inside?show=confusion opens one at once. What cannot be had says why, under its stable code.
"""

from __future__ import annotations

import asyncio
from typing import Any

from nicegui import ui

from fofx.studio.look import Page, alert, button, named, tag, threaded
from fofx.studio.pages import inside_answers, inside_kinds, inside_network
from fofx.studio.pages.inside_parts import Look, Option, as_it_was, recorded_steps
from fofx.words import name as word

LOOKS: tuple[Look, ...] = (
    inside_network.LOOKS[0],
    *inside_kinds.LOOKS,
    *inside_answers.LOOKS,
    *inside_network.LOOKS[1:],
)
SELECTED = 8  # more choices than that are a list to select from


async def show(page: Page, function: Any) -> None:
    tag("p", page.say("studio.inside.text"), "soft")
    rungs = [result for result in function.rungs if result.error is None]
    names = {result.name: f"{result.name} · {word('family', result.family, page.lang)}" for result in rungs}
    wished = page.query.get("rung", "")
    moment = Moment(page, function, wished if wished in names else None)
    with ui.element().classes("row").style("margin-bottom: 16px"):
        rung = ui.select({"": page.say("studio.inside.best"), **names}, value=moment.rung or "", label=page.say("studio.code.rung"))  # fmt: skip
        rung.props("outlined dense").style("width: 280px")
        rung.on_value_change(page.safely(lambda event: moment.choose(event.value or None)))
        await moment.build()
    fitting = [look for look in LOOKS if look.fits(function)]
    place = ui.element().classes("looks")
    for look in fitting:
        card = Card(page, function, look, moment)
        with place:
            card.build()
        if page.query.get("show") == look.name:
            ui.timer(0.05, page.safely(card.compute), once=True)
    rest = [page.say(look.title) for look in LOOKS if look not in fitting]
    if rest:
        tag("p", f"{page.say('studio.inside.not-here')} {', '.join(rest)}.", "soft small")


class Moment:
    """Which rung is looked into, and after which step; when that changes, what is open is worked out anew."""

    def __init__(self, page: Page, function: Any, rung: str | None) -> None:
        self.page, self.function, self.rung = page, function, rung
        self.steps: list[int] = []
        self.step: int | None = None  # None: the weights that the run kept
        self.open: list[Card] = []
        self.wanted, self.moving = 0, False

    async def build(self) -> None:
        """A slider over the recorded steps; its right end is the kept weights."""
        page = self.page
        self.steps = await threaded(recorded_steps, self.function, self.rung)
        self.place = ui.element().classes("row")
        with self.place:
            tag("span", page.say("studio.inside.after"), "soft")
            self.slider = named(ui.element("input").classes("range"), page.say("studio.inside.after"))
            self.slider.props("type=range min=0 step=1")
            self.slider.on("change", self.moved, js_handler="(e) => emit(Number(e.target.value))")
            self.shown = tag("span", "", "num soft")
        self.to_the_end()

    def to_the_end(self) -> None:
        self.slider.props(f"max={len(self.steps)} value={len(self.steps)}")
        self.shown.set_text(self.page.say("studio.inside.kept"))
        self.place.set_visibility(bool(self.steps))

    async def moved(self, event: Any) -> None:
        """Only the newest place counts: while one is worked out, the thumb may have gone on."""
        if not isinstance(event.args, int | float):
            return
        self.wanted = int(event.args)
        if self.moving:
            return
        self.moving = True
        try:
            place = -1
            while place != self.wanted:
                place = self.wanted
                await self.turn_to(place)
        finally:
            self.moving = False

    async def choose(self, rung: str | None) -> None:
        self.rung, self.step = rung, None
        self.page.mirror("rung", rung or "")
        self.steps = await threaded(recorded_steps, self.function, rung)
        self.to_the_end()
        await self.again()

    async def turn_to(self, place: int) -> None:
        step = self.steps[place] if 0 <= place < len(self.steps) else None
        self.shown.set_text(self.page.say("studio.inside.kept") if step is None else f"{step:,}")
        if step != self.step:
            self.step = step
            await self.again(only_past=True)

    async def again(self, only_past: bool = False) -> None:
        for card in list(self.open):
            if card.look.past or not only_past:
                await card.compute()

    def subject(self, look: Look) -> tuple[Any, str | None]:
        """(the run, the rung) that a picture is to be made of. Reads files."""
        if self.step is None or not look.past:
            return self.function, self.rung
        return as_it_was(self.function, self.rung, self.step)


class Card:
    """One picture: what it is, its options, and a button that works it out."""

    def __init__(self, page: Page, function: Any, look: Look, moment: Moment) -> None:
        self.page, self.function, self.look, self.moment = page, function, look, moment
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

    def _work(self, values: dict[str, Any]) -> tuple[Any, Any]:
        function, rung = self.moment.subject(self.look)
        return self.look.compute(function, rung, values), function

    async def compute(self) -> None:
        async with self.turn:
            await self._compute()

    async def _compute(self) -> None:
        page, look = self.page, self.look
        page.mirror("show", look.name)
        self.card.classes("open")
        if self not in self.moment.open:
            self.moment.open.append(self)
        self.place.clear()
        try:
            found, function = await page.work(self._work, dict(self.values), place=self.place)
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

"""A task before it starts: its fields as inferred, to be corrected; warnings; budget and model; the same call as code; start.

Every correction stands in the address (?asked=...), so that a link, a reload and the back button give the same task.
"""

from __future__ import annotations

import secrets
from typing import Any

from nicegui import ui

from fofx.studio.look import Page, alert, button, copied, run_link, tag, threaded
from fofx.studio.pages import calls
from fofx.studio.pages.columns import Columns
from fofx.studio.pages.inspect import Looked, Source, differing, first_settings, look, models_for, open_source
from fofx.words import name as word

BUDGETS = (10, 30, 60, 120, 300, 600)
PREVIEW = 5  # rows
ACROSS = 12  # columns of the preview


async def setup(page: Page) -> None:
    page.title(page.say("studio.setup.title"))
    await page.connected()
    source = await page.work(open_source, page.workspace, page.query, text=page.say("studio.setup.reading"))
    await Setup(page, source).build()


class Setup:
    """The page's parts. Every change goes through `change`, which looks at the data again off the event loop."""

    def __init__(self, page: Page, source: Source) -> None:
        self.page, self.source = page, source
        self.settings = first_settings(source, page.query)
        self.once = secrets.token_hex(8)  # a thousand clicks start one training
        self.looked: Looked | None = None
        self.asked_again = 0

    async def build(self) -> None:
        page, frame = self.page, self.source.table.frame
        tag("h1", self.source.shown)
        size = page.say("studio.setup.size", rows=f"{frame.height:,}", columns=f"{frame.width:,}")
        if "task" in self.source.where:
            from fofx.tasks import task

            built_in = task(self.source.where["task"])
            tag("p", built_in.question[page.lang], "lead")
            tag("p", built_in.honesty[page.lang], "soft")
            tag("p", built_in.good[page.lang], "soft")
        tag("p", size, "soft")
        self.preview()
        tag("h2", page.say("studio.setup.fields"))
        tag("p", page.say("studio.setup.fields.text"), "soft")
        self.columns = Columns(page, self.source, self.settings, self.change)
        with ui.element().classes("half").style("margin-top: 8px"):
            with ui.element():
                tag("h2", page.say("studio.setup.settings"))
                self.form()
            with ui.element():
                tag("h2", page.say("studio.setup.said"))
                self.said = ui.element().props('aria-live="polite"')
        with ui.element().classes("row").style("margin: 22px 0 6px"):
            self.start = button(page.say("studio.setup.start"), page.safely(self.begin), main=True, icon="play_arrow")
            self.start.props("size=lg")
            self.why = tag("span", "", "soft small")
        self.code = ui.element()
        await self.change()

    # ---- what is chosen

    def form(self) -> None:
        page, settings = self.page, self.settings
        names = self.source.table.frame.columns
        with ui.element().classes("stack"):
            budgets = {value: page.say("studio.setup.seconds", count=value) for value in BUDGETS}
            budgets |= {settings["budget"]: page.say("studio.setup.seconds", count=f"{settings['budget']:g}")}
            self.select("studio.setup.budget", "budget", budgets)
            self.model = self.select("studio.setup.model", "model", {"auto": page.say("studio.setup.model.auto")})
            groups: dict[Any, str] = {None: page.say("studio.setup.group.none"), "windows": page.say("studio.setup.group.windows"), "duplicates": page.say("studio.setup.group.duplicates")}  # fmt: skip
            groups |= {name: name for name in names[:300]}
            self.select("studio.setup.group", "group", groups)
            orders: dict[Any, str] = {None: page.say("studio.setup.time.none"), **{name: name for name in names[:300]}}
            self.select("studio.setup.time", "time", orders)
            with ui.element("details"):
                tag("summary", page.say("studio.setup.more"))
                with ui.element().classes("stack").style("padding-top: 8px"):
                    parts: dict[Any, str] = {
                        None: page.say("studio.setup.split.none"),
                        **{name: name for name in names[:300]},
                    }
                    self.select("studio.setup.split", "split", parts)
                    self.number("studio.setup.seed", "seed", 0, 2**31 - 1, whole=True)
                    self.number("studio.setup.smoothing", "label_smoothing", 0, 0.99)
                    for key, name in (
                        ("studio.setup.weights", "class_weights"),
                        ("studio.setup.augment", "augment"),
                        ("studio.setup.strict", "strict"),
                    ):
                        ui.checkbox(page.say(key), value=settings[name], on_change=self.setter(name))
                    box = ui.input(page.say("studio.setup.name"), value=settings["name"] or "").props("outlined dense")
                    box.on("blur", page.safely(lambda: self.put("name", box.value.strip() or None)))

    def select(self, key: str, name: str, options: dict[Any, str]) -> ui.select:
        if self.settings[name] not in options:
            options = {**options, self.settings[name]: str(self.settings[name])}
        shown = ui.select(options, value=self.settings[name], label=self.page.say(key), on_change=self.setter(name))
        return shown.props("outlined dense options-dense")

    def number(self, key: str, name: str, low: float, high: float, whole: bool = False) -> None:
        def changed(event: Any) -> Any:
            if event.value is None or not low <= event.value <= high:
                return None
            return self.put(name, int(event.value) if whole else float(event.value))

        ui.number(
            self.page.say(key), value=self.settings[name], min=low, max=high, step=1 if whole else 0.05,
            on_change=self.page.safely(changed),
        ).props("outlined dense")  # fmt: skip

    def setter(self, name: str) -> Any:
        return self.page.safely(lambda event: self.put(name, event.value))

    async def put(self, name: str, value: Any) -> None:
        if self.settings[name] != value:
            self.settings[name] = value
            await self.change()

    # ---- what follows from it

    async def change(self) -> None:
        """Look at the data with these settings; a later change makes an earlier look void."""
        self.asked_again += 1
        number = self.asked_again
        self.address()
        self.said.clear()
        try:
            looked = await self.page.work(look, self.source, dict(self.settings), place=self.said)
        except Exception as error:
            if number == self.asked_again:
                self.looked = None
                self.said.clear()
                with self.said:
                    self.page.problem(error)
                self.ready()
            return
        if number != self.asked_again:
            return
        self.looked = looked
        self.models()
        self.columns.follow(looked.task)
        self.said.clear()
        with self.said:
            self.tell(looked)
        self.ready()

    def tell(self, looked: Looked) -> None:
        page = self.page
        parts = {part: f"{count:,}" for part, count in looked.rows.items()}
        sides = ["", ""]
        for place, columns in enumerate((looked.task.inputs, looked.task.outputs)):
            kinds: dict[str, int] = {}
            for column in columns:
                kinds[column.kind] = kinds.get(column.kind, 0) + 1
            sides[place] = ", ".join(f"{count} × {word('kind', kind, page.lang)}" for kind, count in kinds.items())
        alert(f"{sides[0]} → {sides[1]}. {page.say('studio.result.parts', **parts)}", strength="mild")
        order = sorted(looked.notices, key=lambda note: not note.code.startswith("leak"))
        for note in order:
            with alert(page.told(note), note.code, "" if note.code.startswith("leak") else "mild"):
                if note.code == "leak-windows" and self.settings["group"] is None:
                    button(page.say("studio.setup.use-windows"), page.safely(lambda: self.put("group", "windows")))
        if not order:
            alert(page.say("studio.setup.nothing"), strength="fine")

    def models(self) -> None:
        assert self.looked is not None
        known = models_for(self.looked.task)
        options = {"auto": self.page.say("studio.setup.model.auto"), **{name: name for name in known}}
        value = self.settings["model"] if self.settings["model"] in options else "auto"
        self.settings["model"] = value
        self.model.set_options(options, value=value)

    def ready(self) -> None:
        self.start.set_enabled(self.looked is not None)
        self.why.set_text("" if self.looked else self.page.say("studio.setup.not-yet"))
        self.code.clear()
        if self.looked is None:
            return
        asked = {**self.settings, **self.source.where}
        inputs = [column.name for column in self.looked.task.inputs]
        source = "" if "task" in self.source.where else self.source.shown
        with self.code:
            copied(self.page.say("studio.code.python"), calls.python_call(asked, source), self.page)
            line = calls.command(asked, source, inputs, self.source.own)
            copied(self.page.say("studio.code.command"), line, self.page)

    def address(self) -> None:
        """Keep the settings in the address, without a new entry in the history for every keystroke."""
        text = differing(self.source, self.settings)
        self.page.mirror("asked", "" if text == "{}" else text)

    def preview(self) -> None:
        """The first rows, as they were read."""
        frame = self.source.table.frame
        names = frame.columns[:ACROSS]
        rows = frame.select(names)[:PREVIEW].rows()
        with ui.element("details"):
            tag("summary", self.page.say("studio.setup.preview"))
            from fofx.studio.look import table

            table(names, [[cell(value) for value in row] for row in rows])

    async def begin(self) -> None:
        asked = {key: value for key, value in self.settings.items() if value is not None}
        asked |= {**self.source.where, "lang": self.page.lang}
        job = await threaded(self.page.jobs.start, asked, self.once)
        self.page.leave(run_link(job.name))


def cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list | bytes) or hasattr(value, "shape"):
        return "▦"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else text[:39] + "…"

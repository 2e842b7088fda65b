"""The columns of a table, a line each: what it is for, which kind it holds, some of its values. Both can be corrected.

Plain <select> elements: a table may have thousands of columns, so a part is shown and the rest is found by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

from fofx.fields import Output, field_class, kinds
from fofx.studio.look import Page, button, named, tag
from fofx.studio.pages.inspect import Source, inferred
from fofx.studio.paths import PLAIN
from fofx.task import Task
from fofx.words import name as word

SHOWN = 10  # columns at once
MOST = 300  # when all are asked for
ROLES = {"in": "studio.setup.role.in", "out": "studio.setup.role.out", "unused": "studio.setup.role.unused"}
USED = ("group", "time", "split")
WHY = {"id": "report.why.id", "constant": "report.why.constant", "empty": "report.why.empty"}


class Columns:
    """The table. `changed` is called after a correction has been put into `settings`."""

    def __init__(self, page: Page, source: Source, settings: dict[str, Any], changed: Callable[..., Any]) -> None:
        self.page, self.source, self.settings, self.changed = page, source, settings, changed
        self.task: Task | None = None
        self.wanted = ""
        self.most = SHOWN
        self.names = source.table.frame.columns
        if len(self.names) > SHOWN:
            box = ui.input(page.say("studio.setup.find")).props("outlined dense clearable type=search")
            box.style("max-width: 340px; margin-bottom: 8px")
            box.on_value_change(lambda event: self.find(event.value or ""))
        self.place = ui.element()
        self.draw()

    def show_all(self) -> None:
        self.most = MOST
        self.draw()

    def find(self, text: str) -> None:
        self.wanted = text.strip().lower()
        self.draw()

    def follow(self, task: Task) -> None:
        """Show the task that the settings give."""
        self.task = task
        self.draw()

    def chosen(self) -> list[str]:
        """Outputs first, then the others in their order, those that match what is looked for."""
        outputs = self.settings["outputs"]
        names = [*outputs, *(name for name in self.names if name not in outputs)]
        return [name for name in names if self.wanted in name.lower()]

    def draw(self) -> None:
        page, names = self.page, self.chosen()
        self.place.clear()
        with self.place:
            with ui.element().classes("scroll"), ui.element("table").classes("plain"):
                with ui.element("thead"), ui.element("tr"):
                    for key in ("studio.setup.column", "studio.setup.role", "studio.setup.kind", "studio.setup.values"):
                        tag("th", page.say(key)).props('scope="col"')
                with ui.element("tbody"):
                    for name in names[: self.most]:
                        self.line(name)
            if len(names) > self.most:
                with ui.element().classes("row"):
                    tag("span", page.say("studio.setup.more-columns", count=len(names) - self.most), "soft small")
                    if self.most < MOST:
                        button(page.say("studio.setup.show-all"), self.show_all).props("dense")

    def line(self, name: str) -> None:
        page = self.page
        role, why = self.role(name)
        kind = self.settings["kinds"].get(name) or self.kind(name, role == "out")
        with ui.element("tr").classes("won" if role == "out" else ""):
            tag("th", name).props('scope="row"')
            with ui.element("td"):
                roles = {value: page.say(key) for value, key in ROLES.items()}
                self.select(roles, role, page.say("studio.setup.role-of", name=name), lambda v: self.set_role(name, v))
                if why:
                    tag("span", f" {why}", "soft small")
            with ui.element("td"):
                fit = [k for k, cls in kinds().items() if role != "out" or issubclass(cls, Output)]
                known = {k: word("kind", k, page.lang) for k in fit if not self.source.closed or k in PLAIN}
                if kind not in known:
                    known[kind] = word("kind", kind, page.lang)
                self.select(known, kind, page.say("studio.setup.kind-of", name=name), lambda v: self.set_kind(name, v))
            tag("td", " · ".join(self.source.examples(name)) or "▦", "soft small cut")

    def role(self, name: str) -> tuple[str, str]:
        """(role, why it is not used)."""
        if name in self.settings["outputs"]:
            return "out", ""
        for word_ in USED:
            if self.settings[word_] == name:
                return "unused", f"({self.page.say(f'studio.setup.{word_}')})"
        if self.task is not None:
            left = dict(self.task.left_out)
            if name in left:
                return "unused", f"({self.page.say(WHY[left[name]])})" if left[name] in WHY else ""
            return ("in" if any(column.name == name for column in self.task.inputs) else "unused"), ""
        inputs = self.settings["inputs"]
        return ("in" if inputs is None or name in inputs else "unused"), ""

    def kind(self, name: str, output: bool) -> str:
        for column in (*self.task.inputs, *self.task.outputs) if self.task else ():
            if column.name == name:
                return column.kind
        return inferred(self.source, name, output)[0]

    def select(self, options: dict[str, str], value: str, label: str, put: Callable[[str], None]) -> None:
        with named(ui.element("select").classes("pick"), label) as box:
            for key, text in options.items():
                option = tag("option", text)
                option._props["value"] = key
                if key == value:
                    option.props("selected")

        async def changed(event: Any) -> None:
            chosen = event.args
            if chosen in options:
                put(chosen)
                await self.changed()

        box.on("change", self.page.safely(changed), js_handler="(e) => emit(e.target.value)")

    def set_role(self, name: str, role: str) -> None:
        settings = self.settings
        inputs = [column.name for column in self.task.inputs] if self.task else [n for n in self.names if n not in settings["outputs"]]  # fmt: skip
        if role == "out":
            if name not in settings["outputs"]:
                settings["outputs"] = [*settings["outputs"], name]
            if settings["inputs"] is not None:
                settings["inputs"] = [other for other in settings["inputs"] if other != name] or None
            return
        if name in settings["outputs"]:
            rest = [other for other in settings["outputs"] if other != name]
            settings["outputs"] = rest or settings["outputs"]
            settings["kinds"] = {key: kind for key, kind in settings["kinds"].items() if key != name}
            if not rest:
                self.draw()
                return
        for word_ in USED:
            if settings[word_] == name:
                settings[word_] = None
        kept = [other for other in inputs if other != name]
        if role == "in":
            kept = [other for other in self.names if other in {*kept, name}]
        settings["inputs"] = kept or settings["inputs"]

    def set_kind(self, name: str, kind: str) -> None:
        field_class(kind)  # TaskError for a word that is no kind
        self.settings["kinds"] = {**self.settings["kinds"], name: kind}

"""Predict: change an input and see the answer; a row of the test part to begin with, or a new one. What changes an input, its
kind says (kinds.py): boxes for numbers, a square to draw on, the microphone."""

from __future__ import annotations

import random
from typing import Any

import polars as pl
from nicegui import ui

from fofx.encoded import Predictions
from fofx.errors import FofxError
from fofx.fields.base import Flat
from fofx.studio.look import Page, alert, button, shown, tag, threaded
from fofx.studio.pages import kinds, pairs
from fofx.studio.pages.answers import show_answer, show_why
from fofx.studio.pages.of_vector import as_word

SHOWN = 12  # columns that can be changed at once; the rest is found by name


async def show(page: Page, function: Any) -> None:
    await Predict(page, function).build()


class Predict:
    """`row` is what the function is asked about; every change is answered, the last one last.

    For the kinds: `kept` is a place for what they work out once, `fresh` what they want called with every answer;
    `asked_frame` and `predictions` belong to the answer shown, `truth` and `number_shown` to an untouched test row.
    """

    def __init__(self, page: Page, function: Any) -> None:
        self.page, self.function = page, function
        self.row: dict[str, Any] = {}
        self.frame: Any = None
        self.asked, self.working = 0, False
        self.kept: dict[str, Any] = {}
        self.fresh: list[Any] = []
        self.truth: dict[str, Any] | None = None
        self.number_shown = 0
        self.asked_frame: Any = None
        self.predictions: Predictions = {}

    async def build(self) -> None:
        page = self.page
        try:
            self.frame = await page.work(self.test_rows)
        except FofxError as error:
            alert(f"{page.say('studio.predict.no-rows')} {error.message}", error.code, "mild")
            self.row = {f.name: getattr(f, "typical", None) for f in self.function.fields}
        with ui.element().classes("half"):
            with ui.element():
                if self.frame is not None and self.frame.height:
                    self.chooser()
                self.inputs = ui.element().classes("stack")
            with ui.element().classes("card"):
                tag("h3", page.say("studio.predict.answer"))
                self.answer = ui.element().props('aria-live="polite"')
                self.why = ui.element()
                button(page.say("studio.predict.why"), page.safely(self.explain))
        self.below = ui.element().classes("stack").style("margin-top: 20px")  # what needs the whole width
        self.decided = ui.element().classes("stack").style("margin-top: 20px")
        if self.frame is not None and self.frame.height:
            self.take(self.first())
        else:
            self.controls()
            await self.ask()

    def test_rows(self) -> Any:
        from fofx.see.rows import frame_of

        return frame_of(self.function, "test")

    def first(self) -> int:
        """The row that the address names, from 1; else the first."""
        text = self.page.query.get("row", "1")
        return min(max(int(text) if text.isdigit() else 1, 1), self.frame.height) - 1

    # ---- the row to begin with

    def chooser(self) -> None:
        page, count = self.page, self.frame.height
        with ui.element().classes("row").style("margin-bottom: 12px"):
            self.number = (
                ui.number(page.say("studio.predict.row", count=count), value=self.first() + 1, min=1, max=count, step=1)
                .props("outlined dense")
                .style("width: 160px")
            )
            self.number.on_value_change(page.safely(lambda event: self.take(int(event.value or 1) - 1)))
            button(page.say("studio.predict.random"), self.some_row, icon="casino")

    def some_row(self) -> None:
        self.number.set_value(random.randrange(self.frame.height) + 1)

    def take(self, number: int) -> None:
        """A test row's values, with its right answer beside."""
        if not 0 <= number < self.frame.height:
            return
        self.row = {column.name: kinds.raw(self.frame[column.name], number) for column in self.function.task.inputs}
        self.truth = {output.name: kinds.raw(self.frame[output.name], number) for output in self.function.outputs}
        self.number_shown = number
        self.controls()
        self.soon()

    # ---- controls

    def controls(self) -> None:
        page, fields = self.page, self.function.fields
        self.inputs.clear()
        self.fresh.clear()
        self.kept.clear()
        flat = [field for field in fields if isinstance(field, Flat)]
        with self.inputs:
            for field in fields:
                if not isinstance(field, Flat):
                    (kinds.asked("control", field) or plain_control)(self, field)
            if len(flat) > SHOWN:
                find = ui.input(page.say("studio.setup.find")).props("outlined dense clearable type=search")
                place = ui.element().classes("grid")
                find.on_value_change(lambda event: self.some(place, flat, event.value or ""))
                self.some(place, flat, "")
            elif flat:
                with ui.element().classes("grid"):
                    for field in flat:
                        self.value(field)

    def some(self, place: Any, flat: list[Any], text: str) -> None:
        found = [field for field in flat if text.strip().lower() in field.name.lower()]
        place.clear()
        with place:
            for field in found[:SHOWN]:
                self.value(field)
            if len(found) > SHOWN:
                tag("p", self.page.say("studio.setup.more-columns", count=len(found) - SHOWN), "soft small")

    def value(self, field: Any) -> None:
        (kinds.asked("control", field) or plain_control)(self, field)

    def setter(self, name: str) -> Any:
        def changed(event: Any) -> None:
            self.put(name, event.value)

        return changed

    def put(self, name: str, value: Any) -> None:
        self.row[name] = value
        self.truth = None
        self.soon()

    # ---- the answer

    def soon(self) -> None:
        """Answer this row as soon as the answer before is there."""
        self.asked += 1
        if not self.working:
            self.working = True
            ui.timer(0.02, self.ask, once=True)

    async def ask(self) -> None:
        try:
            while True:
                number, row = self.asked, dict(self.row)
                self.why.clear()
                self.decided.clear()
                if self.lacks(row):
                    self.answer.clear()
                    self.below.clear()
                    with self.answer:
                        tag("p", self.page.say("studio.kinds.give"), "soft")
                    return
                try:
                    answer, self.asked_frame, self.predictions = await threaded(answered, self.function, row)
                    self.tell(answer)
                except Exception as error:
                    self.answer.clear()
                    self.below.clear()
                    with self.answer:
                        self.page.problem(error)
                if number == self.asked:
                    return
        finally:
            self.working = False

    def lacks(self, row: dict[str, Any]) -> bool:
        """Whether an input is not there yet for which there is no usual value: a picture, a sound."""
        fields = self.function.fields
        return any(row.get(f.name) is None and not isinstance(f, Flat) and f.kind != "text" for f in fields)

    def tell(self, answer: Any) -> None:
        for refresh in self.fresh:
            refresh()
        self.answer.clear()
        with self.answer:
            show_answer(self.page, self.function, answer)
            if self.truth is not None:
                self.compare(answer)
        self.below.clear()
        own = {kinds.asked("answered", field) for field in (*self.function.fields, *self.function.outputs)}
        with self.below:
            for more in own:
                if more is None:
                    continue
                try:
                    more(self, answer)
                except Exception as error:
                    self.page.problem(error)

    def compare(self, answer: Any) -> None:
        """The right answers, where they can be said in words."""
        outputs = {output.name: output for output in self.function.outputs}
        values = answer.value if len(outputs) > 1 else {self.function.outputs[0].name: answer.value}
        for name, right in (self.truth or {}).items():
            if outputs[name].mapped:
                continue
            same = as_word(values.get(name)) == as_word(right)
            sign = "" if isinstance(right, float) else "✓ " if same else "✗ "
            tag("p", sign + self.page.say("studio.predict.truth", name=name, value=shown(right)), "soft")

    async def explain(self) -> None:
        self.why.clear()
        self.decided.clear()
        if self.lacks(self.row):
            return
        found = await self.page.work(self.function.explain, dict(self.row), place=self.why)
        with self.why:
            show_why(self.page, found)
        with self.decided:
            if pairs.sides_of(self.function):
                pairs.put(self.page, self.function, self.row, found, self.truth)
                return
            for field in self.function.fields:
                more = kinds.asked("why", field)
                if more is not None and field.name in found.heat:
                    more(self.page, field, self.row[field.name], found.heat[field.name])


def plain_control(form: Predict, field: Any) -> None:
    """A box for words, for a kind that has no control of its own."""
    value = form.row.get(field.name)
    box = ui.input(field.name, value="" if value is None else str(value)).props("outlined dense debounce=400")
    box.on_value_change(form.setter(field.name))


def answered(function: Any, row: dict[str, Any]) -> tuple[Any, pl.DataFrame, Predictions]:
    """(the answer for one row, the row as a frame of its input columns, the bare predictions where a kind shows them)."""
    frame, _ = function._rows(row)
    drawn = any(kinds.asked("answered", field) for field in (*function.fields, *function.outputs))
    return function.answers(frame)[0], frame, function.predict(frame) if drawn else {}

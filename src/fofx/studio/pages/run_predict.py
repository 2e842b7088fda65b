"""Predict: change an input and see the answer; a row of the test part to begin with, or values, text, a drawing, a picture."""

from __future__ import annotations

import random
from io import BytesIO
from typing import Any

import numpy as np
from nicegui import ui

from fofx.errors import DataError, FofxError
from fofx.fields.date import Date
from fofx.fields.number import Number
from fofx.studio.look import Page, alert, button, drawn, shown, tag, threaded
from fofx.studio.pages import draw
from fofx.studio.pages.answers import pixels_of, show_answer, show_why
from fofx.studio.pages.sketch import Sketch, like

SHOWN = 12  # columns that can be changed at once; the rest is found by name
EXAMPLES = 200  # pictures that a drawing is made alike to
CLASSES = 200  # words of a select; a column with more takes any text
BIG = 20_000_000  # bytes of a dropped picture


async def show(page: Page, function: Any) -> None:
    await Predict(page, function).build()


class Predict:
    """`row` is what the function is asked about; every change is answered, the last one last."""

    def __init__(self, page: Page, function: Any) -> None:
        self.page, self.function = page, function
        self.row: dict[str, Any] = {}
        self.frame: Any = None
        self.asked, self.working = 0, False
        self.examples: dict[str, np.ndarray] = {}
        self.truth: dict[str, Any] | None = None

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
        values = self.frame[number].row(0, named=True)
        self.row = {
            column.name: np.asarray(values[column.name], np.uint8)
            if column.kind == "picture" and not isinstance(values[column.name], str)
            else values[column.name]
            for column in self.function.task.inputs
        }
        self.truth = {output.name: values[output.name] for output in self.function.outputs}
        self.controls()
        self.soon()

    # ---- controls

    def controls(self) -> None:
        page, fields = self.page, self.function.fields
        self.inputs.clear()
        self.previews: dict[str, ui.html] = {}
        flat = [field for field in fields if field.kind not in ("picture", "text")]
        with self.inputs:
            for field in fields:
                if field.kind == "picture":
                    self.picture(field)
                elif field.kind == "text":
                    box = ui.textarea(field.name, value=self.row.get(field.name) or "").props("outlined autogrow")
                    box.on_value_change(self.setter(field.name))
                    box.props("debounce=400")
            if len(flat) > SHOWN:
                find = ui.input(page.say("studio.setup.find")).props("outlined dense clearable type=search")
                place = ui.element().classes("grid")
                find.on_value_change(lambda event: self.some(place, flat, event.value or ""))
                self.some(place, flat, "")
            else:
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
        value = self.row.get(field.name)
        if isinstance(field, Number):
            box: Any = ui.number(field.name, value=value).props("outlined dense debounce=250")
        elif isinstance(field, Date) or len(getattr(field, "names", ())) > CLASSES:
            box = ui.input(field.name, value="" if value is None else str(value)).props("outlined dense debounce=400")
        else:
            names = list(field.names)
            known = None if value is None else as_word(value)
            options = names if known is None or known in names else [*names, known]
            box = ui.select(options, value=known, label=field.name, clearable=True).props(
                "outlined dense options-dense"
            )
        box.on_value_change(self.setter(field.name))

    def setter(self, name: str) -> Any:
        def changed(event: Any) -> None:
            self.put(name, event.value)

        return changed

    def put(self, name: str, value: Any) -> None:
        self.row[name] = value
        self.truth = None
        self.soon()

    def picture(self, field: Any) -> None:
        """The picture as the row has it, a square to draw on where pictures are grey, and a file."""
        page = self.page
        with ui.element():
            tag("h3", field.name)
            with ui.element().classes("row").style("align-items: flex-start; gap: 18px"):
                with ui.element("figure"):
                    self.previews[field.name] = drawn("")
                    tag("figcaption", page.say("studio.predict.seen"))
                if field.channels == 1:

                    async def take(ink: np.ndarray) -> None:
                        await page.safely(lambda: self.ink(field, ink))()

                    with ui.element("figure"):
                        pad = Sketch(page.say("studio.predict.draw"), take)
                        with ui.element().classes("row"):
                            tag("figcaption", page.say("studio.predict.draw"))
                            button(page.say("studio.predict.clear"), pad.clear_ink).props("dense flat")
            ui.upload(
                label=page.say("studio.predict.drop"), auto_upload=True, max_file_size=BIG,
                on_upload=page.safely(lambda event: self.dropped(field, event)),
            ).props('accept="image/*" flat')  # fmt: skip
        self.preview(field.name)

    def preview(self, name: str) -> None:
        pixels = pixels_of(self.row.get(name))
        self.previews[name].set_content("" if pixels is None else draw.picture(pixels, name, 168))

    async def ink(self, field: Any, ink: np.ndarray) -> None:
        picture = await threaded(lambda: like(ink, self.examples_of(field.name)))
        self.put(field.name, picture)
        self.preview(field.name)

    def examples_of(self, name: str) -> np.ndarray:
        """Some pictures of the run (N, H, W) in grey, which a drawing is made alike to."""
        if name not in self.examples:
            field = next(field for field in self.function.fields if field.name == name)
            if self.frame is None or not self.frame.height:
                raise DataError("data-gone", "Without the run's pictures it is not known how a drawing should look.")
            column = self.frame[name][:EXAMPLES]
            self.examples[name] = field.encode(column).numpy()[:, 0]
        return self.examples[name]

    async def dropped(self, field: Any, event: Any) -> None:
        data = await event.file.read()
        self.put(field.name, await threaded(opened, data, field.channels))
        self.preview(field.name)

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
                try:
                    answer = await threaded(self.function, row)
                    self.tell(answer)
                except Exception as error:
                    self.answer.clear()
                    with self.answer:
                        self.page.problem(error)
                if number == self.asked:
                    return
        finally:
            self.working = False

    def tell(self, answer: Any) -> None:
        page = self.page
        for name in getattr(self, "previews", {}):
            self.preview(name)
        self.answer.clear()
        with self.answer:
            show_answer(page, self.function, answer)
            if self.truth is not None:
                values = (
                    answer.value if isinstance(answer.value, dict) else {self.function.outputs[0].name: answer.value}
                )
                for name, right in self.truth.items():
                    same = as_word(values.get(name)) == as_word(right)
                    number = isinstance(right, float)
                    sign = "" if number else "✓ " if same else "✗ "
                    tag("p", sign + page.say("studio.predict.truth", name=name, value=shown(right)), "soft")

    async def explain(self) -> None:
        self.why.clear()
        found = await self.page.work(self.function.explain, dict(self.row), place=self.why)
        with self.why:
            show_why(self.page, found)


def as_word(value: Any) -> str:
    """A class as the field writes it: whole numbers without a point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def opened(data: bytes, channels: int) -> np.ndarray:
    """A dropped picture as (H, W) or (H, W, 3) uint8, its longer side at most 1,024; DataError "bad-picture"."""
    from PIL import Image, ImageOps

    try:
        image = Image.open(BytesIO(data))
        if image.width * image.height > 40_000_000:
            raise DataError("bad-picture", "The picture has more than 40 million pixels.")
        upright = ImageOps.exif_transpose(image)
        upright.thumbnail((1024, 1024))
        return np.asarray(upright.convert("L" if channels == 1 else "RGB"))
    except DataError:
        raise
    except Exception as problem:
        raise DataError("bad-picture", "This file is no picture that can be opened.") from problem

"""Pictures on a page: as the row has it, a square to draw on where pictures are grey, and a file.

Shapes: N pictures, H x W pixels, C channels.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from nicegui import ui

from fofx.errors import DataError
from fofx.studio.look import Page, button, drawn, tag, threaded
from fofx.studio.pages import draw
from fofx.studio.pages.sketch import Sketch, like

EXAMPLES = 200  # pictures that a drawing is made alike to
BIG = 20_000_000  # bytes of a dropped picture
LARGEST = 640  # pixels of a side of a picture that is shown whole


def control(form: Any, field: Any) -> None:
    page = form.page
    with ui.element():
        tag("h3", field.name)
        with ui.element().classes("row").style("align-items: flex-start; gap: 18px"):
            with ui.element("figure"):
                place = drawn("")
                tag("figcaption", page.say("studio.predict.seen"))

            def preview() -> None:
                pixels = pixels_of(form.row.get(field.name))
                place.set_content("" if pixels is None else draw.picture(pixels, field.name, 168))

            form.fresh.append(preview)
            if field.channels == 1 and not any(output.mapped for output in form.function.outputs):

                async def take(ink: np.ndarray) -> None:
                    async def taken() -> None:
                        form.put(field.name, await threaded(lambda: like(ink, examples(form, field))))
                        preview()

                    await page.safely(taken)()

                with ui.element("figure"):
                    pad = Sketch(page.say("studio.predict.draw"), take)
                    with ui.element().classes("row"):
                        tag("figcaption", page.say("studio.predict.draw"))
                        button(page.say("studio.predict.clear"), pad.clear_ink).props("dense flat")

        async def dropped(event: Any) -> None:
            data = await event.file.read()
            form.put(field.name, await threaded(opened, data, field.channels))
            preview()

        ui.upload(
            label=page.say("studio.predict.drop"), auto_upload=True, max_file_size=BIG, on_upload=page.safely(dropped)
        ).props('accept="image/*" flat')
    preview()


def examples(form: Any, field: Any) -> np.ndarray:
    """Some pictures of the run (N, H, W) in grey, which a drawing is made alike to."""
    if field.name not in form.kept:
        if form.frame is None or not form.frame.height:
            raise DataError("data-gone", "Without the run's pictures it is not known how a drawing should look.")
        form.kept[field.name] = field.encode(form.frame[field.name][:EXAMPLES]).numpy()[:, 0]
    return form.kept[field.name]


def seen(page: Page, field: Any, value: Any) -> bool:
    pixels = pixels_of(value)
    if pixels is not None:
        drawn(draw.picture(pixels, field.name, 128))
    return True


def pixels_of(value: Any, side: int = 128) -> np.ndarray | None:
    """A picture of a row, an array or a path, as (H, W) or (H, W, C) uint8; None when it cannot be read."""
    if isinstance(value, str):
        from fofx.errors import FofxError
        from fofx.pictures import decode_pictures

        try:
            pictures, bad = decode_pictures([value], side, 3)
        except (FofxError, OSError):
            return None
        return None if bad or not len(pictures) else np.ascontiguousarray(pictures[0].transpose(1, 2, 0))
    try:
        found = np.asarray(value, dtype=np.uint8)
    except (TypeError, ValueError):
        return None
    return found if found.ndim in (2, 3) and min(found.shape[:2]) > 0 else None


def whole(value: Any) -> tuple[np.ndarray | None, list[int] | None]:
    """A picture, an array or a path, whole, (H, W, 3) at most `LARGEST` a side, and [width, height] as it lies on disk."""
    if isinstance(value, str):
        from PIL import ImageOps

        from fofx.pictures import Unreadable
        from fofx.pictures import opened as open_picture

        try:
            with open_picture(value) as image:
                upright = ImageOps.exif_transpose(image)
                size = [upright.width, upright.height]
                upright.thumbnail((LARGEST, LARGEST))
                return np.asarray(upright.convert("RGB")), size
        except Unreadable:
            return None, None
    pixels = pixels_of(value)
    return pixels, None if pixels is None else [pixels.shape[1], pixels.shape[0]]


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

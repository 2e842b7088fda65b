"""Videos on a page: a player with all frames, and a new one from a file. Shapes: F frames, H x W pixels, C channels."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from nicegui import ui

from fofx.studio import contents
from fofx.studio.bridge import show
from fofx.studio.look import Page, threaded

BIG = 20_000_000  # bytes of a dropped file
FRAMES = 32  # of a file that are shown
SIDE = 240  # pixels


def control(form: Any, field: Any) -> None:
    page, name = form.page, field.name
    place = ui.element()

    async def refresh() -> None:
        value = form.row.get(name)
        place.clear()
        with place:
            if value is not None:
                await threaded(
                    frames_of, value
                )  # a file is read once off the event loop, so that it is in the disk's cache
                seen(page, field, value)

    async def dropped(event: Any) -> None:
        data = await event.file.read()
        form.put(name, await threaded(opened, data))
        await refresh()

    ui.upload(
        label=page.say("studio.kinds.drop-video"), auto_upload=True, max_file_size=BIG, on_upload=page.safely(dropped)
    ).props('accept="image/gif,image/png,image/webp,video/*" flat')
    ui.timer(0.02, page.safely(refresh), once=True)


def seen(page: Page, field: Any, value: Any) -> bool:
    return why(page, field, value, None)


def why(page: Page, field: Any, value: Any, heat: Any) -> bool:
    from fofx.widgets.clip import Clip

    effects = over_frames(heat)
    widget = Clip(frames_of(value), weights=effects, signed=effects is not None, lang=page.lang, title=field.name)
    show(widget, page.lang)
    return True


def over_frames(heat: Any) -> list[float] | None:
    """Effects over a strip of frames, (H, F * W), or over the frames alone, as numbers over time."""
    return None if heat is None else np.atleast_2d(np.asarray(heat, dtype=np.float64)).mean(axis=0).tolist()


def frames_of(value: Any) -> np.ndarray:
    """A video, a path or an array, as uint8 (F, H, W) or (F, H, W, C). TaskError "bad-video" for a file that cannot be read."""
    if not isinstance(value, str):
        return np.asarray(value)
    from fofx.errors import TaskError
    from fofx.videos import Unreadable, look_at_videos, read_clip

    try:
        shapes, _ = look_at_videos([value])
        count, height, width = shapes[0] if shapes else (FRAMES, SIDE, SIDE)
        scale = SIDE / max(height, width, SIDE)
        return read_clip(value, min(count, FRAMES), max(1, round(height * scale)), max(1, round(width * scale)), 3)
    except Unreadable as problem:
        raise TaskError("bad-video", f"The video cannot be shown: {problem}.") from problem


def opened(data: bytes) -> np.ndarray:
    """A dropped video as uint8 (F, H, W, 3): what it is, its content says. DataError "bad-video"."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video"
        path.write_bytes(data)
        contents.demand_video(path)
        return frames_of(str(path))

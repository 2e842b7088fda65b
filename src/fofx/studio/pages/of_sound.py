"""Sounds on a page: waveform, spectrogram and player; a new one from the microphone or a file.

Shapes: S samples, T steps of time.
"""

from __future__ import annotations

import io
import wave
from typing import Any

import numpy as np
from nicegui import ui

from fofx.fields.sound import ARRAY_RATE
from fofx.studio import contents
from fofx.studio.bridge import show
from fofx.studio.look import Page, threaded

BIG = 20_000_000  # bytes of a dropped file


def control(form: Any, field: Any) -> None:
    from fofx.widgets.sound import Sound

    page, name = form.page, field.name
    widget = Sound(lang=page.lang, takes=True, files=False, title=name)

    def taken(samples: np.ndarray, rate: int) -> None:  # called in a thread of the widget's socket
        page.loop.call_soon_threadsafe(put, as_wav(samples, rate))

    def put(data: bytes) -> None:
        if not page.client.is_deleted:
            with page.client:
                form.put(name, data)

    async def refresh() -> None:
        value = form.row.get(name)
        if value is not None and form.kept.get(name) is not value:
            form.kept[name] = value
            await threaded(widget.show, value, ARRAY_RATE)

    async def dropped(event: Any) -> None:
        data = await event.file.read()
        await threaded(contents.demand_sound, data)
        form.put(name, data)
        await refresh()

    widget.on_take = taken
    show(widget, page.lang)
    ui.upload(
        label=page.say("studio.kinds.drop-sound"), auto_upload=True, max_file_size=BIG, on_upload=page.safely(dropped)
    ).props('accept="audio/*,.wav,.flac,.ogg,.mp3,.aiff" flat')
    ui.timer(0.02, page.safely(refresh), once=True)


def seen(page: Page, field: Any, value: Any) -> bool:
    return why(page, field, value, None)


def why(page: Page, field: Any, value: Any, heat: Any) -> bool:
    from fofx.widgets.sound import Sound

    widget = Sound(value, ARRAY_RATE, effects=over_time(heat), upto=field.seconds, lang=page.lang, title=field.name)
    show(widget, page.lang)
    return True


def over_time(heat: Any) -> list[float] | None:
    """Effects over a spectrogram, (pitch, time), as one number for each step of time."""
    return None if heat is None else np.asarray(heat, dtype=np.float64).mean(axis=0).tolist()  # (T,)


def as_wav(samples: np.ndarray, rate: int) -> bytes:
    """Samples int16 (S,) as the bytes of a WAV file, which a column of sounds takes as it takes a path."""
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", "not compressed"))
        file.writeframes(samples.astype("<i2").tobytes())
    return held.getvalue()

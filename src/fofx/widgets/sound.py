"""Sound: its waveform and spectrogram, to be played and scrubbed, with what carried an answer over time; or a new one recorded.

    Sound("voice.wav")
    Sound(samples, rate=16000, effects=[0.1, -0.02, 0.4])     # effects: evenly over the time, as explain gives them

Shapes: S samples, C columns of the outline, T columns of the spectrogram, M bands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import traitlets

from fofx.errors import TaskError
from fofx.widgets.heard import bands_of, hear, sent_file, sent_samples
from fofx.widgets.shown import Shown, packed

FILE = 2_800_000  # bytes of a file that a page sends: its text must fit one message
RECORDED = 20.0  # seconds of a recording


class Sound(Shown):
    """One sound. TaskError "bad-sound", "bad-effects"; DataError "bad-sound" for what a page sends.

    takes: whether a new sound can be recorded or, with `files`, taken from a file; `on_take(samples int16 (S,), rate)` is then called.
    """

    name = "sound"
    parts: ClassVar[tuple[str, ...]] = ("sound_view",)
    title = traitlets.Unicode("").tag(sync=True)
    samples = traitlets.Bytes(b"").tag(sync=True)  # int16 (S,)
    outline = traitlets.Bytes(b"").tag(sync=True)  # float32 (2, C)
    mel = traitlets.Bytes(b"").tag(sync=True)  # uint8 (T, M)
    about: traitlets.Dict = traitlets.Dict().tag(sync=True)
    effects: traitlets.List = traitlets.List().tag(sync=True)  # [from, to, effect] in seconds
    takes = traitlets.Bool(False).tag(sync=True)
    files = traitlets.Bool(True).tag(sync=True)  # whether files are taken, too
    most = traitlets.Int(FILE).tag(sync=True)
    longest = traitlets.Float(RECORDED).tag(sync=True)

    def __init__(
        self,
        sound: Any = None,
        rate: int | None = None,
        effects: Any = None,
        upto: float | None = None,
        lang: str | None = None,
        **traits: Any,
    ) -> None:
        self.on_take: Callable[[np.ndarray, int], None] | None = None
        if sound is None and not traits.get("takes"):
            raise TaskError("bad-sound", "Give a sound, or takes=True for one to be recorded.")
        super().__init__(lang, **traits)
        if sound is not None:
            self.show(sound, rate, effects, upto)

    def show(self, sound: Any, rate: int | None = None, effects: Any = None, upto: float | None = None) -> None:
        """Show another sound: a path, bytes of a file, or samples (S,) at `rate`; effects of its first `upto` seconds."""
        heard = hear(sound, rate)
        bands = bands_of(effects, heard.about["seconds"], upto)
        with self.hold_sync():
            self.about = heard.about
            self.samples, self.outline, self.mel = heard.samples.tobytes(), packed(heard.outline), heard.mel.tobytes()
            self.effects = bands

    def receive(self, content: dict[str, Any], buffers: list[Any]) -> None:
        """{"do": "record", "data", "rate"}: a recording; {"do": "file", "data"}: a file."""
        if content.get("do") not in ("record", "file") or not self.takes:
            return
        longest = self.longest
        sent = sent_samples(content, longest) if content["do"] == "record" else sent_file(content, self.most, 120.0)
        self.show(*sent)
        if self.on_take:
            self.on_take(*sent)

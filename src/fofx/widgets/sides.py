"""Sides: a pair side by side, what was answered about it, and what on each side carried the answer.

    Sides(face_1, face_2, "picture", answer={"value": "yes", "share": 0.93, "right": "no"}, effects=(heat_1, heat_2))
    Sides(photo, "a black cat", ("picture", "text"))

The effects of both sides have one scale, so that they can be compared. Shapes: H x W pixels, S samples, F frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import traitlets

from fofx.errors import TaskError
from fofx.widgets.clip import see
from fofx.widgets.heard import bands_of, hear
from fofx.widgets.shown import Shown, colours, finite, packed

KINDS = ("picture", "text", "sound", "video")
LONGEST = 4000  # letters of a text


class Sides(Shown):
    """Two things of one kind, or of two, and the answer about them.

    kind: "picture", "text", "sound" or "video", or one for each side. rate: of sounds given as samples; upto: seconds of a
    sound that the model hears.
    answer: {"value", "share" (its probability), "right"}, each of which may be missing.
    effects: for each side what its pieces carried, or None: of a picture (H, W), of a text (start, end, effect) for each span,
    of a sound numbers over time or (from, to, effect), of a video one for each frame.
    TaskError "unknown-kind", "bad-picture", "bad-sound", "bad-video", "bad-effects".
    """

    name = "sides"
    parts: ClassVar[tuple[str, ...]] = ("sound_view", "clip_view")
    borrows: ClassVar[tuple[str, ...]] = ("sound", "clip")
    sides: traitlets.List = traitlets.List().tag(
        sync=True
    )  # of each {"kind", "name", "text", "spans", "picture", "heat"}
    answer: traitlets.Dict = traitlets.Dict().tag(sync=True)
    heat = traitlets.Bool(True).tag(sync=True)  # whether what carried the answer is shown
    tallest = traitlets.Int(360).tag(sync=True)  # pixels of a picture on the page
    first_picture = traitlets.Bytes(b"").tag(sync=True)
    second_picture = traitlets.Bytes(b"").tag(sync=True)
    first_heat = traitlets.Bytes(b"").tag(sync=True)  # float32 (h, w), -1..1 of the strongest effect on either side
    second_heat = traitlets.Bytes(b"").tag(sync=True)
    first_samples = traitlets.Bytes(b"").tag(sync=True)
    second_samples = traitlets.Bytes(b"").tag(sync=True)
    first_outline = traitlets.Bytes(b"").tag(sync=True)
    second_outline = traitlets.Bytes(b"").tag(sync=True)
    first_mel = traitlets.Bytes(b"").tag(sync=True)
    second_mel = traitlets.Bytes(b"").tag(sync=True)
    first_about: traitlets.Dict = traitlets.Dict().tag(sync=True)
    second_about: traitlets.Dict = traitlets.Dict().tag(sync=True)
    first_effects: traitlets.List = traitlets.List().tag(sync=True)
    second_effects: traitlets.List = traitlets.List().tag(sync=True)
    first_frames = traitlets.Bytes(b"").tag(sync=True)
    second_frames = traitlets.Bytes(b"").tag(sync=True)
    first_clip: traitlets.Dict = traitlets.Dict().tag(sync=True)
    second_clip: traitlets.Dict = traitlets.Dict().tag(sync=True)
    first_weights: traitlets.List = traitlets.List().tag(sync=True)
    second_weights: traitlets.List = traitlets.List().tag(sync=True)
    first_signed = traitlets.Bool(True).tag(sync=True)
    second_signed = traitlets.Bool(True).tag(sync=True)

    def __init__(
        self,
        first: Any,
        second: Any,
        kind: str | Sequence[str] = "picture",
        answer: Mapping[str, Any] | None = None,
        effects: Sequence[Any] | None = None,
        rate: int | None = None,
        upto: float | None = None,
        names: Sequence[str] = ("", ""),
        lang: str | None = None,
        **traits: Any,
    ) -> None:
        kinds = [kind, kind] if isinstance(kind, str) else list(kind)
        for each in kinds:
            if each not in KINDS:
                raise TaskError("unknown-kind", f"A side is a {', '.join(KINDS)}, not {each!r}.")
        self._upto = upto
        super().__init__(lang, **traits)
        self.answer = {
            key: finite(value) if key == "share" and value is not None else None if value is None else str(value)
            for key, value in dict(answer or {}).items()
        }
        made, found = [], []
        for word, value, each, name, effect in zip(
            ("first", "second"), (first, second), kinds, names, effects or (None, None)
        ):
            side, most = self._side(word, value, each, effect, rate)
            made.append({"kind": each, "name": str(name), **side})
            found.append(most)
        self._scale(made, max(found))
        self.sides = made

    def _side(self, word: str, value: Any, kind: str, effects: Any, rate: int | None) -> tuple[dict[str, Any], float]:
        """Set the traits of one side; (what `sides` says of it, its strongest effect)."""
        if kind == "text":
            text = str(value or "")[:LONGEST]
            spans = [[int(a), int(b), float(e)] for a, b, e in effects or [] if a < len(text)]
            return {"text": text, "spans": spans}, max((abs(e) for *_, e in spans), default=0.0)
        if kind == "sound":
            heard = hear(value, rate)
            bands = bands_of(effects, heard.about["seconds"], self._upto)
            given: dict[str, Any] = {
                "samples": heard.samples.tobytes(),
                "outline": packed(heard.outline),
                "mel": heard.mel.tobytes(),
                "about": heard.about,
                "effects": bands,
            }
            strongest = max((abs(effect) for *_, effect in bands), default=0.0)
        elif kind == "video":
            given = see(value, weights=effects)
            strongest = max(map(abs, given["weights"]), default=0.0)
        else:
            pixels = colours(value)
            given = {"picture": pixels.tobytes()}
            side: dict[str, Any] = {"picture": list(pixels.shape[:2])}
            strongest = 0.0
            if effects is not None:
                heat = np.asarray(effects, dtype=np.float64)
                if heat.ndim != 2 or not heat.size or not np.isfinite(heat).all():
                    raise TaskError("bad-effects", f"Expected finite effects (H, W) of a picture, got {heat.shape}.")
                given["heat"], strongest, side["heat"] = packed(heat), float(np.abs(heat).max()), list(heat.shape)
        for name, trait in given.items():
            setattr(self, f"{word}_{name}", trait)
        return (side if kind == "picture" else {}), strongest

    def _scale(self, sides: list[dict[str, Any]], most: float) -> None:
        """Bring the effects of both sides to one scale: the strongest becomes 1."""
        most = most or 1.0
        for word, side in zip(("first", "second"), sides):
            if side["kind"] == "text":
                side["spans"] = [[start, end, effect / most] for start, end, effect in side["spans"]]
            elif side["kind"] == "picture":
                heat = np.frombuffer(getattr(self, f"{word}_heat"), np.float32)
                setattr(self, f"{word}_heat", packed(heat / most))
            elif side["kind"] == "sound":
                setattr(self, f"{word}_about", {**getattr(self, f"{word}_about"), "most": most})
            else:
                setattr(self, f"{word}_clip", {**getattr(self, f"{word}_clip"), "most": most})

"""A pair on a page: both sides beside each other, with what on each side carried the answer."""

from __future__ import annotations

from typing import Any

from fofx.studio.bridge import show
from fofx.studio.look import Page

KINDS = ("picture", "text", "sound", "video")


def sides_of(function: Any) -> tuple[Any, Any] | None:
    """The two inputs that are compared: two that can be drawn, and nothing beside them."""
    fields = function.fields
    alike = len(fields) == 2 and all(field.kind in KINDS for field in fields) and not function.outputs[0].mapped
    return (fields[0], fields[1]) if alike else None


def put(
    page: Page,
    function: Any,
    row: dict[str, Any],
    explanation: Any = None,
    truth: dict | None = None,
    tallest: int = 360,
) -> None:
    """The pair of a row. explanation: what carried the answer, where that was worked out; tallest: pixels of a picture."""
    widget = sides(function, row, explanation, truth, page.lang)
    widget.tallest = tallest
    show(widget, page.lang)


def sides(function: Any, row: dict[str, Any], explanation: Any, truth: dict | None, lang: str) -> Any:
    from fofx.fields.sound import ARRAY_RATE
    from fofx.widgets.sides import Sides

    first, second = sides_of(function) or (None, None)
    assert first is not None and second is not None
    answer: dict[str, Any] = {}
    if explanation is not None:
        answer = {"value": explanation.value, "share": explanation.base if explanation.about is not None else None}
    if truth is not None:
        answer["right"] = truth.get(function.outputs[0].name)
    both = (first, second)
    return Sides(
        shown(first, row.get(first.name)),
        shown(second, row.get(second.name)),
        kind=[field.kind for field in both],
        answer=answer,
        effects=[None if explanation is None else effects(field, explanation) for field in both],
        rate=ARRAY_RATE,
        upto=getattr(first, "seconds", None),
        names=[field.name for field in both],
        lang=lang,
    )


def shown(field: Any, value: Any) -> Any:
    """A value as the widget takes it."""
    from fofx.studio.pages.of_picture import whole
    from fofx.studio.pages.of_video import frames_of

    if field.kind == "picture":
        return whole(value)[0]
    return frames_of(value) if field.kind == "video" else value


def effects(field: Any, explanation: Any) -> Any:
    """What the pieces of one side carried, as the widget takes it."""
    from fofx.studio.pages.of_sound import over_time
    from fofx.studio.pages.of_video import over_frames

    if field.kind == "text":
        return [(span.start, span.end, span.effect) for span in explanation.spans.get(field.name, [])]
    heat = explanation.heat.get(field.name)
    if field.kind == "picture":
        return heat
    return over_time(heat) if field.kind == "sound" else over_frames(heat)

"""Pictures inside a run that belong to a kind: answers over their pictures, forecasts, sounds, videos and pairs with what decided."""

from __future__ import annotations

from typing import Any

from fofx.studio.look import Page
from fofx.studio.pages import kinds, of_series, overlaid, pairs
from fofx.studio.pages.inside_parts import Look, has, row_option

LAID = 24


# ---- answers over their pictures, forecasts


def overlay(function: Any, rung: str | None, values: dict[str, Any]) -> Any:
    return overlaid.worst(function, rung, function.outputs[0], LAID)[0]


def draw_overlay(page: Page, function: Any, found: Any) -> None:
    overlaid.put(page, function.outputs[0], found)


def forecast(function: Any, rung: str | None, values: dict[str, Any]) -> Any:
    return of_series.test_forecasts(function, rung)


def draw_forecast(page: Page, function: Any, found: Any) -> None:
    for each in found:
        of_series.put(page, [each], of_series.worst_moment(each))


# ---- one row with what carried its answer


def decided(function: Any, rung: str | None, values: dict[str, Any]) -> Any:
    """(the row's values, its right answers, what carried the rung's answer)."""
    from fofx.explain import explain
    from fofx.see.rows import frame_of

    frame = frame_of(function, "test", [values["row"] - 1])
    row = {field.name: kinds.raw(frame[field.name], 0) for field in function.fields}
    truth = {output.name: kinds.raw(frame[output.name], 0) for output in function.outputs}
    return row, truth, explain(function, frame, rung)


def draw_pair(page: Page, function: Any, found: Any) -> None:
    row, truth, explanation = found
    pairs.put(page, function, row, explanation, truth)


def draw_played(page: Page, function: Any, found: Any) -> None:
    row, _, explanation = found
    for field in function.fields:
        more = kinds.asked("why", field)
        if more is not None and row[field.name] is not None:
            more(page, field, row[field.name], explanation.heat.get(field.name))


def played(function: Any) -> bool:
    return has(function, "sound", "video") and pairs.sides_of(function) is None


LOOKS = (
    Look(
        "overlay",
        "studio.inside.overlay",
        "studio.inside.overlay.text",
        lambda f: f.outputs[0].mapped,
        overlay,
        draw_overlay,
    ),
    Look(
        "forecast",
        "studio.inside.forecast",
        "studio.inside.forecast.text",
        of_series.forecasting,
        forecast,
        draw_forecast,
    ),
    Look(
        "pair",
        "studio.inside.pair",
        "studio.inside.pair.text",
        lambda f: pairs.sides_of(f) is not None,
        decided,
        draw_pair,
        lambda f: [row_option(f)],
    ),
    Look(
        "played",
        "studio.inside.played",
        "studio.inside.played.text",
        played,
        decided,
        draw_played,
        lambda f: [row_option(f)],
    ),
)

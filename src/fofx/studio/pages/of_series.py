"""Series on a page: numbers to paste, and the forecast that follows from them. Shapes: N rows, P past values, H values ahead."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from nicegui import ui

from fofx.errors import TaskError
from fofx.fields.series import Series, numbers_in
from fofx.studio.bridge import show
from fofx.studio.look import Page, drawn
from fofx.studio.pages import draw

LONGEST = 200_000  # characters of pasted numbers
MOST = 2000  # moments of the test part that are shown


def control(form: Any, field: Any) -> None:
    value = form.row.get(field.name)
    text = "" if value is None else ", ".join(f"{number:.6g}" for number in np.asarray(value, dtype=np.float64))
    label = form.page.say("studio.kinds.series", name=field.name, count=field.past)
    box = ui.textarea(label, value=text).props("outlined debounce=500 rows=4")

    def changed(event: Any) -> None:
        form.put(field.name, pasted(field, str(event.value or "")))

    box.on_value_change(form.page.safely(changed))


def pasted(field: Any, text: str) -> np.ndarray:
    """Numbers (P,) from text, the last ones that the network reads. TaskError "bad-series"; DataError "not-series"."""
    if len(text) > LONGEST:
        raise TaskError("bad-series", f"The text has {len(text):,} characters; at most {LONGEST:,} are read.")
    found = [np.nan if each is None else each for each in numbers_in(field.name, text)] if text.strip() else []
    if len(found) < field.past:
        raise TaskError(
            "bad-series", f"{field.name!r} needs {field.past} numbers or more, oldest first; got {len(found)}."
        )
    return np.array(found[-field.past :], dtype=np.float64)


def seen(page: Page, field: Any, value: Any) -> bool:
    values = np.asarray(value, dtype=np.float64)
    drawn(
        draw.curves([(field.name, np.arange(1 - len(values), 1), values)], field.name, page.say("studio.kinds.steps"))
    )
    return True


def answered(form: Any, answer: Any) -> None:
    """The forecast from what the form holds, with what came where that is known."""
    frame = form.asked_frame
    if form.truth is not None:
        whole = form.frame[form.number_shown : form.number_shown + 1]  # with the answers, and the time
        frame = pl.concat(
            [frame, whole.select([name for name in whole.columns if name not in frame.columns])], how="horizontal"
        )
    put(form.page, made(form.function, frame, form.predictions))


def put(page: Page, forecasts: list[dict[str, Any]], moment: int = 0) -> None:
    from fofx.widgets.forecast import Forecast

    for each in forecasts:
        show(Forecast(**each, moment=moment, lang=page.lang), page.lang)


def ahead(function: Any, field: Any) -> list[Any]:
    """The outputs that go on with this series, in the order of their steps."""
    if not isinstance(field, Series):
        return []
    steps = [(field.steps_to(output.name), output) for output in function.outputs]
    return [output for step, output in sorted(((s, o) for s, o in steps if s), key=lambda each: each[0])]


def forecasting(function: Any) -> bool:
    return any(ahead(function, field) for field in function.fields)


def made(
    function: Any, frame: pl.DataFrame, predictions: dict[str, np.ndarray], naive: dict[str, dict] | None = None
) -> list[dict[str, Any]]:
    """The arguments of a Forecast for each series that is gone on with; frame: N rows, with answers where they are known.

    naive: the predictions of the naive rungs by their names; they are asked for when not given.
    """
    asked = naive_answers(function, frame) if naive is None else naive
    found = []
    for field in function.fields:
        outputs = ahead(function, field)
        if not outputs:
            continue

        def side_by_side(said: dict[str, np.ndarray], outputs: list[Any] = outputs) -> np.ndarray:
            return np.stack([np.asarray(said[output.name], dtype=np.float64) for output in outputs], axis=1)  # (N, H)

        values = side_by_side(predictions)
        reach = [function.record.get("interval", {}).get(output.name) for output in outputs]
        wide = np.array([np.nan if each is None else float(each) for each in reach])  # (H,)
        known = all(output.name in frame.columns for output in outputs)
        right = side_by_side({o.name: o.truth(frame[o.name]) for o in outputs}) if known else None
        times = moments(function, frame)
        found.append(
            {
                "past": field.pasts(frame[field.name]),
                "forecast": values,
                "right": right,
                **({} if np.isnan(wide).all() else {"low": values - wide, "high": values + wide}),
                "naive": {name: side_by_side(said) for name, said in asked.items()},
                "times": times,
                "series": field.name,
            }
        )
    return found


def naive_answers(function: Any, frame: pl.DataFrame) -> dict[str, dict[str, np.ndarray]]:
    """What the naive rungs of the run say of these rows."""
    names = [result.name for result in function.rungs if result.family == "naive" and result.error is None]
    return {name: function.predict(frame, name) for name in names if name != function.winner}


def moments(function: Any, frame: pl.DataFrame) -> list[str] | None:
    """The time of each row, where the data have one."""
    name = (function.record.get("columns") or {}).get("time")
    return [str(each) for each in frame[name].to_list()] if name in frame.columns else None


def test_forecasts(function: Any, rung: str | None) -> list[dict[str, Any]]:
    """The forecasts at every moment of the test part, in time order. Reads files."""
    from fofx.see.rows import frame_of, numbers_of

    count = len(numbers_of(function, "test"))
    frame = frame_of(function, "test", list(range(min(count, MOST))))
    return made(function, frame, function.predict(frame, rung or function.winner))


def worst_moment(forecast: dict[str, Any]) -> int:
    """The moment at which the forecast was farthest off."""
    if forecast["right"] is None:
        return 0
    off = np.abs(forecast["forecast"] - forecast["right"]).mean(axis=1)  # (N,)
    return int(np.nanargmax(off)) if np.isfinite(off).any() else 0

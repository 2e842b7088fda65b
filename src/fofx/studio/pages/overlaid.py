"""Answers that lie over their picture (boxes, masks), as the widget Overlay shows them. Shapes: N rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from fofx.studio.bridge import show
from fofx.studio.look import Page
from fofx.studio.pages.kinds import asked
from fofx.studio.pages.of_picture import whole

LOOKED_AT = 200  # rows that another rung than the winner answers anew to find its worst mistakes


def answered(form: Any, answer: Any) -> None:
    """The answer for the form's row, with the right one where the row is a test row as it was."""
    predictions = form.predictions
    for output in form.function.outputs:
        frame = form.asked_frame
        if form.truth is not None:
            right = form.frame[form.number_shown : form.number_shown + 1].select(output.name)
            frame = pl.concat([frame, right], how="horizontal")
        rows = overlay_rows(
            form.function, output, frame, predictions[output.name], [form.page.say("studio.predict.answer")]
        )
        put(form.page, output, rows)


def put(page: Page, output: Any, rows: list[dict[str, Any]]) -> None:
    from fofx.widgets.overlay import Overlay

    names = asked("classes", output)
    show(Overlay(rows, classes=names(output) if names else None, lang=page.lang), page.lang)


def overlay_rows(
    function: Any, output: Any, frame: pl.DataFrame, predictions: np.ndarray, names: list[str]
) -> list[dict[str, Any]]:
    """What Overlay shows of each row of a frame. Reads the picture files."""
    from fofx.studio.pages.kinds import raw

    laid = asked("laid", output)
    assert laid is not None
    source = next(field for field in function.fields if field.kind == output.takes)
    rows = laid(output, frame, predictions)
    for place, row in enumerate(rows):
        row["picture"], size = whole(raw(frame[source.name], place))
        row.setdefault("size", size)
        row["name"] = names[place]
    return rows


def worst(function: Any, rung: str | None, output: Any, most: int) -> tuple[list[dict[str, Any]], list[int], int]:
    """(rows for Overlay, their places in the test part, the worst first; how many were looked at)."""
    from fofx.see.rows import frame_of, numbers_of

    rung = rung or function.winner
    costs, count = kept_costs(function, output) if rung == function.winner else None, len(numbers_of(function, "test"))
    if costs is None or len(costs) != count:
        some = frame_of(function, "test", list(range(min(count, LOOKED_AT))))
        costs = output.row_costs(function.predict(some, rung)[output.name], output.truth(some[output.name]))
    places = np.argsort(-np.asarray(costs), kind="stable")[:most].tolist()
    frame = frame_of(function, "test", places)
    predictions = function.predict(frame, rung)[output.name]
    names = [f"#{place + 1}" for place in places]
    return overlay_rows(function, output, frame, predictions, names), places, len(costs)


def kept_costs(function: Any, output: Any) -> np.ndarray | None:
    """How wrong the winner was on each test row, as the run kept it."""
    try:
        table = pl.read_parquet(function.run.path / "predictions.parquet").filter(pl.col("part") == "test")
        return table[f"{output.name} cost"].to_numpy()
    except (OSError, pl.exceptions.PolarsError):
        return None

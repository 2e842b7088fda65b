"""What is written down when the climb is over: predictions of validation and test rows, histories, how far answers reach."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import polars as pl

from fofx.encoded import Predictions
from fofx.fields import Output
from fofx.fields.category import as_words
from fofx.ladder import Climb
from fofx.run import Run, rung_folder
from fofx.rungs.base import Rung


def reach_of(climb: Climb, winner: str, end: Output) -> float:
    """Nine in ten validation answers lie within this distance of the prediction (split conformal, Vovk 2005)."""
    errors = np.abs(climb.predictions[winner][end.name] - climb.truths[end.name])
    return float(np.quantile(errors, min(1.0, 0.9 * (1 + 1 / len(errors)))))


def write_predictions(
    run: Run,
    outputs: list[Output],
    frame: pl.DataFrame,
    parts: dict[str, tuple[np.ndarray, Predictions]],
) -> None:
    """predictions.parquet: each validation and test row's number in the data, its right answer, and what was predicted."""
    pieces = []
    for part, (numbers, found) in parts.items():
        columns: dict[str, Any] = {"row": numbers, "part": [part] * len(numbers)}
        for end in outputs:
            column = frame[end.name][numbers]
            columns[end.name] = column.cast(pl.Float64) if end.kind == "number" else as_words(column)
            columns[f"{end.name} predicted"] = end.answers(found[end.name])
            if end.kind == "category":
                columns[f"{end.name} probability"] = found[end.name].max(axis=1)
        pieces.append(pl.DataFrame(columns))
    file = BytesIO()
    pl.concat(pieces).write_parquet(file)
    run.write_bytes("predictions.parquet", file.getvalue())


def histories(run: Run, rungs: list[Rung]) -> bytes:
    """The histories of all neural rungs one after another; every line names its rung."""
    files = [run.path / rung_folder(rung.name) / "history.jsonl" for rung in rungs]
    return b"".join(file.read_bytes() for file in files if file.exists())

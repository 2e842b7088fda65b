"""What is written down when the climb is over: predictions of validation and test rows, histories, how far answers reach."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import polars as pl

from fofx.encoded import Predictions
from fofx.fields import Output
from fofx.ladder import Climb
from fofx.run import Run, rung_folder
from fofx.rungs.base import Rung


def reaches(climb: Climb, winner: str, outputs: list[Output]) -> dict[str, float]:
    """How far nine in ten validation answers lie from the winner's prediction, for outputs with an interval."""
    each = {end.name: end.reach(climb.predictions[winner][end.name], climb.truths[end.name]) for end in outputs}
    return {name: reach for name, reach in each.items() if reach is not None}


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
            columns |= end.kept(frame[end.name][numbers], found[end.name])
        pieces.append(pl.DataFrame(columns))
    file = BytesIO()
    pl.concat(pieces).write_parquet(file)
    run.write_bytes("predictions.parquet", file.getvalue())


def histories(run: Run, rungs: list[Rung]) -> bytes:
    """The histories of all neural rungs one after another; every line names its rung."""
    files = [run.path / rung_folder(rung.name) / "history.jsonl" for rung in rungs]
    return b"".join(file.read_bytes() for file in files if file.exists())

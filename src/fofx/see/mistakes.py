"""The worst mistakes of a rung with their inputs, and some right answers beside them: chosen as the report chooses them.

Numbers: the largest errors. Classes: the wrong answers that the rung was surest of. Shapes: N rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from fofx.errors import Notice, TaskError
from fofx.finding import Finding
from fofx.report.facts import Facts
from fofx.report.mistakes import chosen
from fofx.see.answers import Answers, answers, inputs_of

MOST = 20  # mistakes by default


@dataclass
class Mistake:
    """One row. place: in the part; row: its number in the data; right, answered: as the user writes them.

    error : answered minus right, for numbers. sure: the probability of the answered class, for classes.
    inputs: {input: value}; None when the data are gone. Pictures are a path, or an array.
    """

    place: int
    row: int
    right: Any
    answered: Any
    error: float | None
    sure: float | None
    inputs: dict[str, Any] | None


@dataclass
class Mistakes:
    """The worst mistakes of a part, the worst first, and right (or nearly right) answers. count: all mistakes; of: all rows."""

    rung: str
    output: str
    part: str
    wrong: list[Mistake]
    right: list[Mistake]
    count: int
    of: int
    notes: list[Notice] = field(default_factory=list)


def mistakes(
    function: Finding,
    rung: str | None = None,
    output: str | None = None,
    part: str = "test",
    most: int = MOST,
    fine: int = 3,
) -> Mistakes:
    """The `most` worst mistakes of a rung (by default the winner) and `fine` right answers, with their inputs.

    Raises TaskError "bad-option", "unknown-rung", "unknown-output", "unknown-part"; RunError "data-gone" for another rung
    than the winner. When the data are gone the winner's mistakes come without inputs, and a notice says so.
    """
    if most < 0 or fine < 0:
        raise TaskError("bad-option", f"Expected how many rows, not {most} and {fine}.")
    said = answers(function, rung, output, part)
    table = {said.output.name: said.right, f"{said.output.name} predicted": said.answered}
    if said.sure is not None:
        table[f"{said.output.name} probability"] = said.sure.tolist()
    facts = Facts(function, pl.DataFrame(table, strict=False), None)
    worst, best = chosen(facts, said.output, most, fine)
    inputs, notes = inputs_of(function, part, said.places[[*worst, *best]])
    shown = [_mistake(said, at, None if inputs is None else inputs[n]) for n, at in enumerate([*worst, *best])]
    return Mistakes(
        rung=said.rung,
        output=said.output.name,
        part=part,
        wrong=shown[: len(worst)],
        right=shown[len(worst) :],
        count=int(np.sum(said.wrong)),
        of=len(said),
        notes=[*said.notes, *notes],
    )


def _mistake(said: Answers, at: int, inputs: dict[str, Any] | None) -> Mistake:
    number = said.output.kind == "number"
    return Mistake(
        place=int(said.places[at]),
        row=int(said.rows[at]),
        right=said.right[at],
        answered=said.answered[at],
        error=float(said.predicted[at] - said.truth[at]) if number else None,
        sure=None if said.sure is None else float(said.sure[at]),
        inputs=inputs,
    )

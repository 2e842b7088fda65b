"""Why this answer? Each input is taken away in turn, and the change of the answer is what that input carried (occlusion).

Works with any rung, because it only asks for predictions: all variants of all rows in one call. One thing at a time is taken
away, so two inputs that say the same can each look unimportant; the numbers are effects on the model, not causes in the world.
Shapes: N rows, V variants of a row, H x W pixels, C colours.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from fofx.encoded import Predictions
from fofx.errors import Notice, TaskError, nearest
from fofx.explain.markup import alone, draw
from fofx.explain.occlude import Found, Span, Variants, variants_of
from fofx.explain.terminal import as_lines
from fofx.fields.base import Field, Flat, Output

if TYPE_CHECKING:
    from fofx.finding import Finding

__all__ = ["Explanation", "Span", "explain", "explain_rows"]

MOST_COLUMNS = 256  # of a wide table, those that lie farthest from their typical value are tried
PLACES = 8  # of the patch along each side of a picture


@dataclass
class Explanation:
    """What carried one answer. An effect is the answer minus the answer without that input: above 0, the input spoke
    for the class, or raised the number.

    value, about : the answer; for a class, `about` is that class and effects are in its probability; for a number, `about`
                   is None and effects are in the number's unit. base: the probability of `about`, or the number.
    parts        : (input, effect) for every input as a whole, the strongest first.
    replaced     : {input: (its value, the typical value put in its place)} for numbers, categories and dates.
    spans        : {text input: its stretches in order}; texts: the texts themselves.
    heat         : {picture input: (H, W) effect of each pixel's patches}; pictures: (H, W, C) uint8.
    notes        : what could not be explained, and why. others: the same for further outputs.
    """

    output: str
    value: Any
    about: str | None
    base: float
    parts: list[tuple[str, float]] = field(default_factory=list)
    replaced: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    spans: dict[str, list[Span]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    heat: dict[str, np.ndarray] = field(default_factory=dict)
    pictures: dict[str, np.ndarray] = field(default_factory=dict)
    notes: list[Notice] = field(default_factory=list)
    others: list[Explanation] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n\n".join("\n".join(as_lines(each)) for each in (self, *self.others))

    def to_html(self, lang: str | None = None) -> str:
        """A piece of HTML; in both languages at once when `lang` is None, as the report shows it."""
        return draw(self, lang)

    def _repr_html_(self) -> str:
        return alone(self)


def explain(function: Finding, frame: pl.DataFrame, rung: str | None = None, output: str | None = None) -> Explanation:
    """What carried the answer for the first row of `frame`, by the winner or by another rung.

    With several outputs: for `output`, by default the first; the others are in `.others`. Raises TaskError "no-row",
    "unknown-output" or "unknown-rung".
    """
    if frame.height == 0:
        raise TaskError("no-row", "There is no row to explain.")
    names = [end.name for end in function.outputs]
    if output is not None and output not in names:
        raise TaskError(
            "unknown-output", f"There is no output {output!r}; there are {', '.join(names)}.{nearest(output, names)}"
        )
    found = explain_rows(function, frame[:1], rung)[0]
    chosen = next(each for each in found if output is None or each.output == output)
    chosen.others = [each for each in found if each is not chosen]
    return chosen


def explain_rows(
    function: Finding, frame: pl.DataFrame, rung: str | None = None, places: int = PLACES
) -> list[list[Explanation]]:
    """For each row, an Explanation of each output. All rows are predicted in one call."""
    import_kinds()
    frame = frame.select([each.name for each in function.fields])
    fields, wide = chosen_fields(function.fields, frame)
    each = [
        {f.name: variants_of(f, frame[f.name][row : row + 1], places) for f in fields} for row in range(frame.height)
    ]
    tables = [table_of(variants, frame[row : row + 1]) for row, variants in enumerate(each)]
    predictions = function.predict(pl.concat(tables, how="vertical"), rung)
    ends = np.cumsum([table.height for table in tables])
    naive = function.rung(rung or function.winner).family == "naive"
    found = []
    for variants, table, end in zip(each, tables, ends):
        rows = slice(int(end) - table.height, int(end))
        notes = [*([wide] if wide else []), *(v.note for v in variants.values() if v.note)]
        if naive:
            text = "This is the naive answer: it is the same whatever comes in, or repeats one column."
            notes.append(Notice("naive-explained", text, 1))
        found.append([told(output, predictions, rows, variants, fields, notes) for output in function.outputs])
    return found


@cache
def import_kinds() -> None:
    """Let every file of a kind (`of_KIND.py`) register how a value of it is taken away piece by piece."""
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("of_"):
            importlib.import_module(f"{__name__}.{module.name}")


def chosen_fields(fields: list[Field], frame: pl.DataFrame) -> tuple[list[Field], Notice | None]:
    """The inputs that are tried: all of them, or of very many columns those farthest from typical in the first row."""
    flat = [f for f in fields if isinstance(f, Flat)]
    if len(flat) <= MOST_COLUMNS:
        return fields, None
    far = {f.name: float(f.encode(frame[f.name][:1]).abs().max()) for f in flat}
    kept = set(sorted(far, key=far.__getitem__, reverse=True)[:MOST_COLUMNS])
    text = f"Of {len(flat):,} columns the {MOST_COLUMNS} that lie farthest from their usual values were tried."
    note = Notice("some-columns-explained", text, len(flat))
    return [f for f in fields if not isinstance(f, Flat) or f.name in kept], note


def table_of(variants: dict[str, Variants], row: pl.DataFrame) -> pl.DataFrame:
    """The row itself, then every variant of it: in each, one input differs. (V, inputs)"""
    total = 1 + sum(each.count for each in variants.values())
    columns, at = [], 1
    for name in row.columns:
        picked = np.zeros(total, dtype=np.int64)
        if name not in variants:
            columns.append(row[name][picked])
            continue
        count = variants[name].count
        picked[at : at + count] = np.arange(1, 1 + count)
        columns.append(variants[name].column[picked])
        at += count
    return pl.DataFrame(columns)


def told(
    output: Output,
    predictions: Predictions,
    rows: slice,
    variants: dict[str, Variants],
    fields: list[Field],
    notes: list[Notice],
) -> Explanation:
    """One output's explanation from the predictions of one row's variants."""
    predicted = predictions[output.name][rows]  # (V,) or (V, classes)
    answer = output.answers(predicted[:1])[0]
    value = output.in_words(answer) or answer
    about, scores = output.strength(predicted)  # (V,)
    explanation = Explanation(output.name, value, about, float(scores[0]), notes=list(notes))
    losses = scores[0] - scores[1:]
    at = 0
    for each in fields:  # in the order of the frame's columns, which is that of the fields
        tried = variants[each.name]
        found: Found = tried.finish(losses[at : at + tried.count]) if tried.note is None else Found(0.0)
        at += tried.count
        if tried.note is not None:
            continue
        explanation.parts.append((each.name, found.whole))
        if found.heat is not None:
            explanation.heat[each.name], explanation.pictures[each.name] = found.heat, np.asarray(tried.shown[0])
        elif each.kind == "text":
            explanation.spans[each.name], explanation.texts[each.name] = list(found.spans), str(tried.shown[0])
        else:
            explanation.replaced[each.name] = tried.shown
    explanation.parts.sort(key=lambda part: -abs(part[1]))
    return explanation

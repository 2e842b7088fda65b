"""What goes in and what comes out: each column gets a kind, by looking at its values; every choice can be overridden.

Regression predicts numbers, classification predicts categories; a task may have several inputs and several outputs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl

from fofx.errors import Notice, TaskError, nearest
from fofx.fields import Output, field_class, kinds

FEW_CLASSES = 20  # whole numbers with at most this many different values may be classes
LONG_TEXT = 12  # characters: longer words, mostly different from row to row, are text and not categories
ID_NAME = re.compile(r"^(id|index|idx|uuid|guid|row|rownames|no|nr|编号|序号|.*[_ .-]id)$|^unnamed", re.IGNORECASE)


@dataclass(frozen=True)
class Column:
    """One column of the task and what it holds."""

    name: str
    kind: str


@dataclass(frozen=True)
class Task:
    """Input columns and output columns: one cell of the 3 x 3 table. `left_out` says which columns are unused, and why."""

    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def cell(self) -> tuple[int, int]:
        """(in, out): 1 vector, 2 picture, 3 sequence; 1 regression, 2 classification, 3 structure. The largest of several
        counts."""
        way_out = max(getattr(field_class(c.kind), "way_out", 2) for c in self.outputs)
        return max(field_class(c.kind).way for c in self.inputs), way_out

    def to_json(self) -> dict:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict) -> Task:
        def columns(key: str) -> tuple[Column, ...]:
            return tuple(Column(str(c["name"]), str(c["kind"])) for c in data[key])

        return cls(columns("inputs"), columns("outputs"), tuple((str(a), str(b)) for a, b in data.get("left_out", ())))

    def __str__(self) -> str:
        def words(columns: tuple[Column, ...]) -> str:
            shown = [f"{c.name} ({c.kind})" for c in columns[:6]]
            return ", ".join(shown) + (f" and {len(columns) - 6} more" if len(columns) > 6 else "")

        return f"{words(self.inputs)} -> {words(self.outputs)}"


def infer(
    frame: pl.DataFrame,
    outputs: Iterable[str],
    inputs: Iterable[str] | None = None,
    kinds: dict[str, str] | None = None,
    unused: Iterable[str] = (),
) -> tuple[Task, list[Notice]]:
    """The task in this table. `kinds` overrides what is inferred; `unused` columns (groups, time) are no inputs.

    Names must exist already. Raises TaskError for an output among the inputs, a kind that cannot be an output, or when
    no input is left.
    """
    kinds, outputs, unused = dict(kinds or {}), list(dict.fromkeys(outputs)), set(unused)
    for name in kinds:
        if name not in frame.columns:
            raise TaskError(
                "unknown-column", f"A kind is given for {name!r}, which is no column.{nearest(name, frame.columns)}"
            )
    if not outputs:
        raise TaskError(
            "no-output", "Say which column should come out: outputs='NAME' (on the command line --output NAME)."
        )
    chosen = (
        list(dict.fromkeys(inputs))
        if inputs is not None
        else [c for c in frame.columns if c not in outputs and c not in unused]
    )
    both = [name for name in chosen if name in outputs]
    if both:
        raise TaskError(
            "output-among-inputs", f"{both[0]!r} is both an input and an output; leave it out of the inputs."
        )
    notices: list[Notice] = []
    ends = [Column(name, kinds.get(name) or output_kind(frame[name])) for name in outputs]
    for column in ends:
        if not issubclass(field_class(column.kind), Output):
            raise TaskError(
                "kind-cannot-come-out",
                f"{column.name!r} holds {column.kind}; what comes out must be one of {', '.join(outputs_known())}. "
                f"Choose another column, or give its kind: kinds={{{column.name!r}: 'category'}}.",
            )
        nested = frame[column.name].dtype.is_nested()
        if frame.height and not nested and frame[column.name].n_unique() == 1:
            only = frame[column.name][0]
            raise TaskError(
                "one-class",
                f"{column.name!r} is {only!r} in every row: there is nothing to tell apart. Choose another output.",
            )
    alone = next((column for column in ends if field_class(column.kind).mapped), None)  # type: ignore[attr-defined]
    if alone and len(ends) > 1:
        raise TaskError(
            "comes-out-alone",
            f"{alone.name!r} holds {alone.kind}, which comes out alone; ask for the others in a task of their own.",
        )
    starts, left_out = [], []
    for name in chosen:
        kind = kinds.get(name)
        why = None if kind or inputs is not None else useless(frame[name])
        if kind is None and why is None:
            kind = input_kind(frame[name])
        if why or kind is None:
            left_out.append((name, why or "empty"))
        else:
            field_class(kind)
            starts.append(Column(name, kind))
    if alone:
        answer: type[Output] = field_class(alone.kind)  # type: ignore[assignment]
        wanted = answer.takes
        left_out += [(column.name, "beside") for column in starts if column.kind != wanted]
        starts = [column for column in starts if column.kind == wanted]
        if len(starts) != 1:
            words = f"{alone.name!r} holds {alone.kind}, which comes out of one {wanted}; there are {len(starts)} among the inputs."
            raise TaskError(f"needs-{wanted}", words)
    for reason, code, words in (
        (
            "beside",
            "beside-columns",
            "stand beside the input from which alone this output comes",
        ),
        ("id", "id-columns", "differ in every row, so nothing can be learnt from them (an id?)"),
        ("constant", "constant-columns", "hold one value only"),
        ("empty", "empty-columns", "hold nothing"),
    ):
        names = [name for name, why in left_out if why == reason]
        if names:
            shown = ", ".join(names[:8]) + (" ..." if len(names) > 8 else "")
            text = f"Left out: {shown}: {len(names)} column(s) that {words}." + (
                "" if reason == "beside" else " Name them as inputs to use them all the same."
            )
            notices.append(Notice(code, text, len(names)))
    if not starts:
        starts = [Column(name, input_kind(frame[name])) for name, why in left_out if why == "id"]
        left_out = [(name, why) for name, why in left_out if why != "id"]
        notices = [notice for notice in notices if notice.code != "id-columns"]
    if not starts:
        raise TaskError("no-input", "No input column is left that could tell anything; name the inputs to force them.")
    return Task(tuple(starts), tuple(ends), tuple(left_out)), notices


def outputs_known() -> list[str]:
    """The kinds that can come out."""
    return sorted(kind for kind, cls in kinds().items() if issubclass(cls, Output))


def useless(column: pl.Series) -> str | None:
    """Why a column is left out: "empty", "constant" or "id"; None when it may tell something."""
    known = column.drop_nulls()
    if known.dtype.is_float():
        known = known.filter(known.is_not_nan())
    if known.len() == 0:
        return "empty"
    if isinstance(known.dtype, pl.Array | pl.List):
        return None
    different = known.n_unique()
    if different == 1 and known.len() == column.len():
        return "constant"
    if different < column.len() or different < 10:
        return None
    if ID_NAME.match(column.name):
        return "id"
    if known.dtype.is_integer() and known.sort().diff().drop_nulls().eq(1).all() and column.is_sorted():
        return "id"
    return "id" if known.dtype == pl.String and not _reads_like_text(known) and not _dates(known) else None


def input_kind(column: pl.Series) -> str:
    """The kind of a column, from what it holds. Boxes and masks only come out."""
    for cls in kinds().values():
        if cls.recognises(column) and not getattr(cls, "mapped", False):
            return cls.kind
    if column.dtype.is_temporal():
        return "date"
    if column.dtype.is_numeric():
        return "number"
    if column.dtype == pl.Boolean:
        return "category"
    known = column.drop_nulls()
    if known.len() and _dates(known):
        return "date"
    return "text" if _reads_like_text(known) else "category"


def output_kind(column: pl.Series) -> str:
    """number or category: words and few whole numbers are classes, the rest is to be filled in."""
    known = column.drop_nulls()
    if column.dtype.is_numeric():
        different = known.n_unique()
        whole = bool(known.len()) and (known.dtype.is_integer() or bool((known == known.round(0)).all()))
        few = different <= 2 or (different <= FEW_CLASSES and known.len() >= 5 * different)
        return "category" if whole and few else "number"
    if column.dtype.is_temporal():
        return "date"
    able = sorted(kinds().values(), key=lambda cls: not issubclass(cls, Output))  # an array (H, W) comes out as a mask
    for cls in able:
        if cls.recognises(column):
            return cls.kind
    if column.dtype == pl.String and _dates(known):
        return "date"
    if column.dtype == pl.String and _reads_like_text(known) and known.n_unique() > 0.5 * known.len():
        return "text"
    return "category"


def _reads_like_text(known: pl.Series) -> bool:
    """Mostly long, mostly different from row to row."""
    if known.dtype != pl.String or known.len() == 0:
        return False
    sample = known.head(2000)
    lengths = sample.str.len_chars().to_numpy()
    spaced = float(sample.str.contains(r"[\s，。！？!?]|\D[,.]|[,.]\D|[,.]$").to_numpy().mean())
    different = sample.n_unique() / sample.len()
    typical = float(np.median(lengths))
    return (typical >= LONG_TEXT and spaced > 0.3 and different > 0.3) or (
        typical >= 4 and spaced > 0.6 and different > 0.7
    )


def _dates(known: pl.Series) -> bool:
    """Text that polars reads as dates nearly everywhere."""
    sample = known.head(200)
    if sample.dtype != pl.String or sample.len() == 0:
        return False
    if sample.str.contains(r"^\d{2,4}[-/.]\d{1,2}[-/.]\d").to_numpy().mean() < 0.95:
        return False
    try:
        return sample.str.to_datetime(strict=False).null_count() < 0.05 * sample.len()
    except pl.exceptions.PolarsError:
        return False

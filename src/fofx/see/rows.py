"""The run's own rows again, as a network takes them: read from where the run says they are, and only if they are the same.

Rows are named by their place in a part, from 0, in the order in which `find` used them: place k of "test" and "validation"
is the k-th line of that part in predictions.parquet. Shapes: N rows of a part, and those of the blocks.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import torch

from fofx.data.read import read
from fofx.encoded import Inputs
from fofx.errors import DataError, FofxError, RunError, TaskError
from fofx.finding import Finding
from fofx.prepare import drop_unanswered, fingerprint, gather, known_classes, ranks, settle_numbers, usable_rows
from fofx.run import Run
from fofx.rungs.neural import Neural, device
from fofx.rungs.shapes import blocks_of

PARTS = ("train", "validation", "test")  # in the order of the codes of rows.safetensors
TABLES = 2  # whole tables kept in memory, so that the next click need not read the file again


class Rows(NamedTuple):
    """Some rows as a network takes them.

    blocks : a tensor for each encoder of the network, on the network's device.
    targets: a tensor for each output: (N, 1) float32 in the field's own spreads, or (N,) class numbers int64; -1 for a class
             that training never showed (only among test rows), of which no loss can be taken: see `known`.
    frame  : the raw rows with every column of the data.
    """

    blocks: list[torch.Tensor]
    targets: list[torch.Tensor]
    frame: pl.DataFrame

    @property
    def known(self) -> torch.Tensor:
        """(N,) bool: rows whose classes training has shown."""
        known = torch.ones(self.frame.height, dtype=torch.bool)
        for target in self.targets:
            if target.dim() == 1:
                known &= target.cpu() >= 0
        return known


def blocks_and_targets(
    function: Finding, rung: str | None = None, rows: Sequence[int] | np.ndarray | None = None, part: str = "test"
) -> Rows:
    """(blocks, targets, frame) of a part's rows, encoded by the run's own fields for one of its networks.

    rung: a neural rung's name; None takes what `neural` takes. rows: places in the part; None takes all of them.
    Raises TaskError "no-network", "unknown-part", "unknown-row"; RunError "data-gone" when the file is no longer there,
    "other-data" when it is not the same any more, "incomplete-run".
    """
    network = neural(function, rung)
    frame = frame_of(function, part, rows)
    inputs = Inputs(frame, function.fields)
    where = device()
    blocks = [block.to(where) for block in blocks_of(network.shape, inputs)]
    targets = [output.targets(frame[output.name]).to(where) for output in function.outputs]
    return Rows(blocks, targets, frame)


def neural(function: Finding, rung: str | None = None) -> Neural:
    """The network of a run: rung `rung`; without a name the winner, or else the network that is best on validation.

    Raises TaskError "no-network" when there is none, or when the named rung is of another family.
    """
    fitted = [result for result in function.rungs if result.error is None and result.family in ("small", "deep")]
    sign = -1.0 if function.record.get("more_is_better") else 1.0
    names = [r.name for r in sorted(fitted, key=lambda r: np.inf if r.validation is None else sign * r.validation)]
    if rung is None:
        order = [function.winner, *names] if function.winner in names else names
        for name in order:
            found = function.rung(name)
            if isinstance(found, Neural):
                return found
        raise TaskError("no-network", "No neural network was found in this run, so there is nothing to look into.")
    found = function.rung(rung)
    if not isinstance(found, Neural):
        own = [name for name in names if isinstance(function.rung(name), Neural)]
        known = f"Networks of this run: {', '.join(own)}." if own else "This run has no network."
        raise TaskError("no-network", f"The rung {rung!r} is no neural network. {known}")
    return found


def frame_of(function: Finding, part: str = "test", rows: Sequence[int] | np.ndarray | None = None) -> pl.DataFrame:
    """The raw rows of a part, all columns, for any kind of rung. Errors as in `blocks_and_targets`."""
    numbers = numbers_of(function, part)
    if rows is not None:
        places = np.asarray(rows, dtype=np.int64).reshape(-1)
        wrong = places[(places < 0) | (places >= len(numbers))]
        if len(wrong):
            raise TaskError("unknown-row", f"The {part} part has rows 0 to {len(numbers) - 1}; there is no {wrong[0]}.")
        numbers = numbers[places]
    return table_of(function)[numbers]


def numbers_of(function: Finding, part: str = "test") -> np.ndarray:
    """(N,) the rows of a part by their number in the data, in the order in which `find` used them."""
    if part not in PARTS:
        raise TaskError("unknown-part", f"A part is train, validation or test, not {part!r}.")
    codes = function.run.read_tensors("rows.safetensors")["part"].numpy()
    numbers = np.flatnonzero(codes == PARTS.index(part))
    if part == "validation" and any(output.kind == "category" for output in function.outputs):
        numbers = numbers[known_classes(table_of(function)[numbers], function.outputs)]
    ordered = function.record.get("columns", {}).get("time") if function.record["asked"].get("time") else None
    if part == "train" and ordered:
        numbers = numbers[np.argsort(ranks(table_of(function)[ordered])[numbers], kind="stable")]
    return numbers


def table_of(function: Finding) -> pl.DataFrame:
    """All rows of the run's data, as they were when it was found. RunError "data-gone" or "other-data" when they are not."""
    run, data = function.run, function.record.get("data", {})
    if run.has("data.parquet"):  # the rows came from memory, so the run keeps them
        files = [run.path / "data.parquet"]
    else:
        files = [Path(data[word]) for word in ("path", "test", "validation") if data.get(word)]
    for file in files:
        if not file.exists():
            raise gone(run, f"{file} is no longer there")
    if not files:
        raise gone(run, "they were in memory and the run has not kept them")
    marks = tuple((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files)
    return _kept(function, marks)


def gone(run: Run, why: str) -> RunError:
    return RunError(
        "data-gone",
        f"The rows of {run.path} cannot be read again: {why}. Put the data back in their place, or find the function anew.",
    )


_tables: dict[tuple, pl.DataFrame] = {}  # the last few tables, by the run and by the files' names, times and sizes
_lock = threading.Lock()  # the studio asks from several threads


def _kept(function: Finding, marks: tuple) -> pl.DataFrame:
    key = (str(function.run.path), function.record["data"].get("fingerprint"), marks)
    with _lock:
        if key in _tables:
            return _tables[key]
    frame = _read(function)
    with _lock:
        while len(_tables) >= TABLES:
            _tables.pop(next(iter(_tables)))
        _tables[key] = frame
    return frame


def _read(function: Finding) -> pl.DataFrame:
    """The same steps that `find` takes before it splits, and then the same fingerprint or an error."""
    run, record, task = function.run, function.record, function.task
    data = record["data"]
    mark = data.get("fingerprint")
    if run.has("data.parquet"):
        try:
            frame = pl.read_parquet(run.path / "data.parquet")
        except (OSError, pl.exceptions.PolarsError) as problem:
            raise RunError("damaged-run", f"{run.path / 'data.parquet'} is damaged: {problem}.") from problem
        return same(run, frame, mark)
    try:
        table = gather(*(None if not data.get(word) else read(data[word]) for word in ("path", "test", "validation")))  # type: ignore[arg-type]
        asked = record["asked"]
        kinds = {**table.kinds, **{table.resolve(name): kind for name, kind in (asked.get("kinds") or {}).items()}}
        if asked.get("split"):
            table.parts = table.frame[table.resolve(asked["split"])].cast(pl.String)
        settle_numbers(table, kinds)
        drop_unanswered(table, [column.name for column in task.outputs])
        if fingerprint(table.frame) != mark:
            table = usable_rows(table, task, [])
    except (DataError, TaskError, pl.exceptions.PolarsError) as problem:
        raise RunError("other-data", f"The data of {run.path} are not what they were: {problem}") from problem
    except OSError as problem:
        raise gone(run, str(problem)) from problem
    return same(run, table.frame, mark)


def same(run: Run, frame: pl.DataFrame, mark: str | None) -> pl.DataFrame:
    """The frame, if its fingerprint is the run's."""
    if fingerprint(frame) != mark:
        raise RunError(
            "other-data",
            f"The data of {run.path} have changed since it was found, so its rows cannot be shown. Put the old file back, "
            "or find the function anew.",
        )
    return frame


def row_error(problem: FofxError) -> bool:
    """Whether an error only says that the rows cannot be had, so that a page can do without them."""
    return problem.code in ("data-gone", "other-data", "incomplete-run")

"""The catalogue of built-in tasks: each is one file of this folder, and the folder is the only list.

A task file has a module-level `TASK` dict (see `BuiltIn` for its keys) and imports what is heavy, such as numpy or
scikit-learn, only inside its `data` callable, so that listing the catalogue is cheap. A new task is one new file.

>>> {"digits", "line"} <= set(tasks())
True
>>> tasks()["river"].cell
(1, 1)
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fofx.errors import Notice, TaskError, nearest

if TYPE_CHECKING:
    from fofx.data.table import Table

# The course's 3 x 3 table: what goes in (1 vector, 2 matrix or picture, 3 sequence) and what comes out
# (1 regression, 2 classification, 3 structure). The names of the course's tasks, whether they have a file yet or not.
PLANNED = {
    (1, 2): ("points",),
    (2, 2): ("who", "food"),
    (2, 3): ("road",),
    (3, 1): ("temperature",),
    (3, 2): ("same-voice", "same-maker", "match"),
    (3, 3): ("captions", "complete", "chat"),
}


@dataclass(frozen=True)
class BuiltIn:
    """One built-in task.

    `question`, `honesty` (what the data is and is not) and `good` (which score is good) are texts by language,
    `{"en": ..., "zh": ...}`. `cell` is (in, out) of the 3 x 3 table, in its numbers
    or words. `data(**options)` gives what `find` takes;
    `outputs` names its output columns and `options` holds further arguments for `find`. `demo` holds arguments for
    `data` that make the task fit a demonstration, and `notes()` says what was done to the rows before they are used.
    `own(path)` gives the arguments of `find` for one's own data in the usual layout, `data` among them; by default the path
    itself, with the task's outputs and options.
    """

    name: str
    question: dict[str, str]
    cell: tuple[int, int]
    data: Callable[..., Any]
    outputs: str | list[str]
    options: dict[str, Any] = field(default_factory=dict)
    honesty: dict[str, str] = field(default_factory=dict)
    good: dict[str, str] = field(default_factory=dict)
    demo: dict[str, Any] = field(default_factory=dict)
    notes: Callable[[], list[Notice]] = list
    own: Callable[[str], dict[str, Any]] | None = None

    def table(self, **options: Any) -> Table:
        """The data as read, with what was done to its rows before."""
        from fofx.data.read import read

        table = read(self.data(**options))
        table.source = self.name
        table.notes.extend(self.notes())
        return table

    def arguments(self, own: str | None = None, **options: Any) -> tuple[Any, dict[str, Any]]:
        """(data, further arguments) for `find`: of the built-in data, or of one's own at the path `own`."""
        usual = {**self.options, "outputs": self.outputs}
        if own is None:
            return self.table(**options), usual
        given = self.own(own) if self.own is not None else {**usual, "data": own}
        return given.pop("data"), given


@cache
def tasks() -> dict[str, BuiltIn]:
    """Every built-in task by its name, found by looking through this folder."""
    found: dict[str, BuiltIn] = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem.startswith("_"):
            continue
        described = getattr(importlib.import_module(f"fofx.tasks.{path.stem}"), "TASK", None)
        if described is not None:
            task = BuiltIn(**{**described, "cell": _cell(described["cell"])})
            found[task.name] = task
    return found


def to_come() -> dict[tuple[int, int], tuple[str, ...]]:
    """The planned tasks that have no file yet, by their cell."""
    here = tasks()
    return {cell: tuple(name for name in names if name not in here) for cell, names in PLANNED.items()}


def task(name: str) -> BuiltIn:
    """The built-in task called `name`; a TaskError with the nearest name when there is none."""
    known = tasks()
    if name not in known:
        raise TaskError(
            "unknown-task",
            f"There is no built-in task {name!r}.{nearest(name, known)} Built-in tasks: {', '.join(sorted(known))}.",
        )
    return known[name]


def _cell(cell: tuple[Any, Any]) -> tuple[int, int]:
    """(in, out) as numbers, from numbers or from words such as ("vector", "regression")."""
    numbers = {
        "vector": 1,
        "matrix": 2,
        "picture": 2,
        "sequence": 3,
        "regression": 1,
        "classification": 2,
        "structure": 3,
    }
    way_in, way_out = (numbers.get(part, part) for part in cell)
    return int(way_in), int(way_out)

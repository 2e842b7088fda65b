"""What would be done with a table: its fields as inferred, what is said about it, and the settings to correct. No screen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from fofx.data.check import check
from fofx.data.table import Table
from fofx.errors import Notice
from fofx.prepare import gather, groups_of, split_rows, task_of
from fofx.studio.paths import demand_plain_kinds
from fofx.studio.tables import SHELF
from fofx.studio.tail import parsed
from fofx.task import Task, input_kind, output_kind, useless
from fofx.tasks import task as built_in

LONGEST = 60  # characters of an example value


@dataclass
class Source:
    """Data that were brought: what `Jobs.start` is told (`where`), the table as read, and what a built-in task brings along."""

    where: dict[str, str]
    table: Table
    shown: str
    own: dict[str, Any] = field(default_factory=dict)
    closed: bool = False
    """Whether cells must not be taken for names of files (see studio/paths.py)."""

    def examples(self, name: str, most: int = 3) -> list[str]:
        """Some different values of a column, as texts."""
        column = self.table.frame[name]
        if column.dtype.is_nested() or column.dtype == pl.Binary:  # pictures and sounds are no texts
            return []
        found = column.drop_nulls().head(200).unique(maintain_order=True).head(most).to_list()
        texts = [f"{value:.6g}" if isinstance(value, float) else str(value) for value in found]
        return [text if len(text) <= LONGEST else text[: LONGEST - 1] + "…" for text in texts]


@dataclass
class Looked:
    """The task with these settings, how many rows stand in each part, and all notices."""

    task: Task
    rows: dict[str, int]
    notices: list[Notice]


def open_source(workspace: Any, query: Mapping[str, str]) -> Source:
    """The data that an address names: ?task=NAME, ?upload=KEY or ?path=PATH."""
    if "task" in query:
        task = built_in(query["task"])
        outputs = [task.outputs] if isinstance(task.outputs, str) else list(task.outputs)
        return Source({"task": task.name}, task.table(), task.name, {**task.options, "outputs": outputs})
    if "upload" in query:
        upload = workspace.upload_of(query["upload"])
        return Source({"upload": upload.key}, SHELF.read(upload.path), upload.name, closed=workspace.closed(upload))
    path = workspace.local(query.get("path", ""))
    return Source({"path": str(path)}, SHELF.read(path), str(path))


def first_settings(source: Source, query: Mapping[str, str]) -> dict[str, Any]:
    """The settings to begin with: the defaults, what a built-in task says, and what the address says (?asked=JSON)."""
    names = source.table.frame.columns
    label = next((name for name, kind in source.table.kinds.items() if kind == "category"), names[-1])
    settings: dict[str, Any] = {
        "outputs": [label], "inputs": None, "kinds": {}, "group": None, "time": None, "split": None, "model": "auto",
        "budget": 60.0, "seed": 0, "class_weights": False, "label_smoothing": 0.0, "augment": True, "strict": False,
        "name": None,
    }  # fmt: skip
    settings |= {key: value for key, value in source.own.items() if key in settings}
    settings["kinds"] = dict(settings["kinds"])
    for key, value in parsed(query.get("asked", "{}")).items():
        if key in settings and fits(key, value, names):
            settings[key] = value
    return settings


def fits(key: str, value: Any, names: list[str]) -> bool:
    """Whether a setting of an address can be used; what cannot is passed over."""
    known = set(names)
    if key in ("outputs", "inputs"):
        return isinstance(value, list) and bool(value) and all(isinstance(v, str) and v in known for v in value)
    if key == "kinds":
        return isinstance(value, dict) and all(k in known and isinstance(v, str) for k, v in value.items())
    if key in ("time", "split"):
        return value is None or value in known
    if key == "group":
        return value is None or value in known or value in ("windows", "duplicates")
    if key in ("class_weights", "augment", "strict"):
        return isinstance(value, bool)
    if key == "budget":
        return isinstance(value, int | float) and 1 <= value <= 86_400
    if key == "seed":
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
    if key == "label_smoothing":
        return isinstance(value, int | float) and 0 <= value < 1
    return isinstance(value, str) and len(value) <= 100


def differing(source: Source, settings: dict[str, Any]) -> str:
    """The settings that differ from the first ones, as JSON for the address."""
    first = first_settings(source, {})
    return json.dumps({key: value for key, value in settings.items() if value != first[key]}, ensure_ascii=False)


def look(source: Source, settings: dict[str, Any]) -> Looked:
    """As `find` begins: task, split and checks. Raises DataError and TaskError as `find` would, and TaskError "outside-upload"."""
    asked = {key: settings[key] for key in ("outputs", "inputs", "kinds", "group", "time", "split")}
    if source.closed:
        demand_plain_kinds(asked["kinds"])
    table = gather(replace(source.table, notes=list(source.table.notes), kinds=dict(source.table.kinds)), None, None)
    task, found = task_of(table, asked)
    notices = [*table.notes, *found]
    groups = groups_of(table, asked["group"], task)
    order = None if asked["time"] is None else table.frame[table.resolve(asked["time"])]
    labels = table.frame[task.outputs[0].name] if task.outputs[0].kind == "category" else None
    rows = split_rows(table.frame.height, table.parts, labels, groups, order, settings["seed"])
    inputs, outputs = ({c.name: c.kind for c in columns} for columns in (task.inputs, task.outputs))
    notices += check(table.frame, inputs, outputs, rows)
    return Looked(task, rows.sizes(), notices)


def inferred(source: Source, name: str, output: bool) -> tuple[str, str]:
    """(kind, why it would be left out) of a column, from its values."""
    column = source.table.frame[name]
    kind = source.table.kinds.get(name) or (output_kind(column) if output else input_kind(column))
    return kind, "" if output else useless(column) or ""


def models_for(task: Task) -> list[str]:
    """The rungs that could be tried alone on such inputs, from a line to the deepest."""
    from fofx.errors import TaskError
    from fofx.fields import field_class
    from fofx.ladder import make_rung
    from fofx.rungs import rung_classes

    fields = [field_class(column.kind)(column.name) for column in task.inputs]
    ends: list[Any] = [field_class(column.kind)(column.name) for column in task.outputs]
    names = [word for cls in rung_classes() if cls.family not in ("naive", "average") for word in cls.words]
    names += [name for each in (*fields, *ends) for name in each.networks]
    able = []
    for name in dict.fromkeys(names):
        try:
            make_rung(name, fields, ends)
            able.append(name)
        except (TaskError, AttributeError):  # some rungs ask what a field has learnt, and here none has yet
            continue
    return able


__all__ = ["Looked", "Source", "first_settings", "inferred", "look", "models_for", "open_source"]  # fmt: skip

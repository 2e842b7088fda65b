"""TaskTable: the course's 3 x 3 table of what goes in and what comes out, with its ten tasks and those that can be started now.

    TaskTable(lang="zh")

What is here is read from the folders: `fofx.tasks.tasks()` and `fofx.fields.kinds()`. What is not here yet is marked so, and
becomes an entry that can be started by itself once its file is there.
"""

from __future__ import annotations

from typing import Any

import traitlets

from fofx.errors import TaskError, nearest
from fofx.tasks import TO_COME, tasks
from fofx.widgets.base import Widget
from fofx.words import say, table

# The ten tasks of the course, in its order: the name that a built-in task for it has or will have, its cells (in, out) and a
# remark. A word chosen among all words is a class, and so is the class of a pixel.
COURSE: tuple[tuple[str, tuple[tuple[int, int], ...], str], ...] = (
    ("river", ((1, 1),), ""),
    ("captions", ((3, 3),), "task_table.words"),
    ("code", ((3, 3),), "task_table.words"),
    ("who", ((2, 2),), ""),
    ("same-maker", ((3, 2),), ""),
    ("same-voice", ((3, 2),), ""),
    ("match", ((2, 2), (3, 2)), ""),
    ("sheep", ((2, 1), (2, 2)), ""),
    ("road", ((2, 3),), "task_table.pixels"),
    ("chat", ((3, 3),), "task_table.words"),
)
NAMED = {"faces": "who", "animations": "same-maker", "voices": "same-voice", "articles": "match"}  # subject: task
TEXTS = {
    "river": "task_table.course.river",
    "captions": "task_table.course.captions",
    "code": "task_table.course.code",
    "who": "task_table.course.faces",
    "same-maker": "task_table.course.animations",
    "same-voice": "task_table.course.voices",
    "match": "task_table.course.articles",
    "sheep": "task_table.course.sheep",
    "road": "task_table.course.road",
    "chat": "task_table.course.chat",
    "points": "task_table.more.points",
    "food": "task_table.more.food",
    "temperature": "task_table.more.temperature",
}
KINDS: dict[str, tuple[int, str]] = {  # the row of the table that a kind belongs to, and its name while it has no file
    "number": (1, ""),
    "category": (1, ""),
    "date": (1, ""),
    "picture": (2, ""),
    "mask": (2, "task_table.kind.mask"),
    "boxes": (2, "task_table.kind.boxes"),
    "text": (3, ""),
    "series": (3, "task_table.kind.series"),
    "sound": (3, "task_table.kind.sound"),
    "video": (3, "task_table.kind.video"),
}


class TaskTable(Widget):
    """The table. `chosen` is the task that was picked last; every click on "start" calls `on_open(name)` where it is set.

    `entries`: a dict each with name, number (of the course's ten, or None), cells, here, text, remark, and for those that
    are here honesty, good and call. `kinds`: a dict each with kind, row, here, text.
    """

    name = "task_table"
    entries: traitlets.List = traitlets.List().tag(sync=True)
    kinds: traitlets.List = traitlets.List().tag(sync=True)
    chosen = traitlets.Unicode("").tag(sync=True)
    opened = traitlets.Unicode("").tag(sync=True)  # the task that was last asked to be started

    def __init__(self, lang: str | None = None, **traits: Any) -> None:
        self.on_open: Any = None
        super().__init__(lang, **traits)
        self.refresh()

    @traitlets.observe("lang")
    def _in_other_words(self, change: Any) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Read the folders again."""
        from fofx.fields import kinds

        here = tasks()
        numbers = {name: number for number, (name, _, _) in enumerate(COURSE, start=1)}
        entries = [self._entry(name, number, here) for name, number in numbers.items()]
        later = [NAMED.get(name, name) for names in TO_COME.values() for name in names]
        entries += [self._entry(name, None, here) for name in [*sorted(here), *later] if name not in numbers]
        self.entries = [
            entry for n, entry in enumerate(entries) if entry["name"] not in [e["name"] for e in entries[:n]]
        ]
        found = kinds()
        self.kinds = [
            {"kind": kind, "row": row, "here": kind in found, "text": self._kind_name(kind)}
            for kind, (row, _) in {**{kind: (1, "") for kind in found if kind not in KINDS}, **KINDS}.items()
        ]

    def _entry(self, name: str, number: int | None, here: dict[str, Any]) -> dict[str, Any]:
        _, cells, remark = COURSE[number - 1] if number else (name, (), "")
        task = here.get(name)
        if not cells:
            cells = (task.cell,) if task else tuple(
                cell for cell, names in TO_COME.items() if name in {NAMED.get(each, each) for each in names}
            )
        entry: dict[str, Any] = {
            "name": name,
            "number": number,
            "cells": [list(cell) for cell in cells],
            "here": task is not None,
            "remark": say(remark, self.lang) if remark else "",
            "text": say(TEXTS[name], self.lang) if name in TEXTS else name,
        }
        if task:
            texts = {word: getattr(task, word).get(self.lang, "") for word in ("question", "honesty", "good")}
            options = "".join(f", {key}={value!r}" for key, value in task.options.items())
            call = (
                f"import fofx\n\ntask = fofx.tasks()[{name!r}]\nf = fofx.find(task.data(), {task.outputs!r}{options})"
            )
            entry |= {"text": texts["question"], "honesty": texts["honesty"], "good": texts["good"], "call": call}
            if list(task.cell) not in entry["cells"]:
                entry["cells"] = [list(task.cell)]
        return entry

    def _kind_name(self, kind: str) -> str:
        own = KINDS.get(kind, (1, ""))[1]
        return table(self.lang).get(f"kind.{kind}") or (say(own, self.lang) if own else kind)

    def receive(self, content: dict[str, Any], buffers: list[Any]) -> None:
        """{"do": "pick", "task"}: read about it; {"do": "open", "task"}: start it. TaskError "unknown-task"."""
        if content.get("do") not in ("pick", "open"):
            return
        name, known = content.get("task"), tasks()
        if name not in known:
            raise TaskError("unknown-task", f"There is no built-in task {name!r} yet.{nearest(str(name), known)}")
        self.chosen = name
        if content["do"] == "open":
            self.opened = name
            if self.on_open:
                self.on_open(name)

"""fofx finds a function from data and shows how it was found.

>>> import fofx
>>> sorted(fofx.__all__)
['DataError', 'FindError', 'FofxError', 'Function', 'Notice', 'RunError', 'Task', 'TaskError', 'find', 'load', 'runs', 'tasks']

What is heavy (torch, polars) is imported when one of these names is first used.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

from fofx.errors import DataError, FindError, FofxError, Notice, RunError, TaskError

if TYPE_CHECKING:
    from fofx.find import find
    from fofx.function import Function, load
    from fofx.run import runs
    from fofx.task import Task
    from fofx.tasks import tasks

__version__ = "0.1.0"

_LATER = {"find": "fofx.find", "Function": "fofx.function", "load": "fofx.function", "runs": "fofx.run"}
_LATER |= {"Task": "fofx.task", "tasks": "fofx.tasks"}
__all__ = [
    "DataError", "FindError", "FofxError", "Function", "Notice", "RunError", "Task", "TaskError", "find", "load", "runs", "tasks",
]  # fmt: skip


class _Face(types.ModuleType):
    """`find` and `tasks` are files as well as functions. Python would hang the file here once it is imported; the function stays."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _LATER and isinstance(value, types.ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'fofx' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LATER[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})

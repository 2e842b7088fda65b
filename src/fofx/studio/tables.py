"""Tables that pages have read lately: a reload, the back button or another language need not read a large file again.

One shelf serves all visitors of this process, so that its size is bounded however many come; a table is found by the full
path of its file, with the time and the size that the file had, so a file that has changed is read anew.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fofx.data.table import Table

MOST = 8  # tables
LARGEST = 400_000_000  # bytes of all of them together


class Shelf:
    """The tables used last, at most `most` and together at most `largest` bytes. Any thread may ask."""

    def __init__(self, most: int = MOST, largest: int = LARGEST) -> None:
        self.most, self.largest = most, largest
        self._kept: OrderedDict[tuple, tuple[Table, int]] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, path: str | Path) -> Table:
        """The table in a file, as `fofx.data.read.read` reads it. Folders are listed anew: what they hold may have changed."""
        from fofx.data.read import read

        mark = mark_of(path)
        if mark is None:
            return read(path)
        with self._lock:
            if mark in self._kept:
                self._kept.move_to_end(mark)
                return own(self._kept[mark][0])
        table = read(path)
        if mark_of(path) == mark:  # else it was written while it was read
            self._keep(mark, table)
        return own(table)

    def _keep(self, mark: tuple, table: Table) -> None:
        with self._lock:
            for old in [key for key in self._kept if key[0] == mark[0]]:
                del self._kept[old]
            self._kept[mark] = (table, int(table.frame.estimated_size()))
            while len(self._kept) > self.most or sum(size for _, size in self._kept.values()) > self.largest:
                self._kept.popitem(last=False)


def mark_of(path: str | Path) -> tuple | None:
    """(full path, time, size) of a plain file; None for anything else, such as a folder or nothing."""
    try:
        about = os.stat(path)
    except (OSError, ValueError):
        return None
    return (os.path.abspath(path), about.st_mtime_ns, about.st_size) if os.path.isfile(path) else None


def own(table: Table) -> Table:
    """The table for one visitor: rows are shared, for nobody changes them in place; what is said about it is a copy."""
    return replace(table, notes=list(table.notes), kinds=dict(table.kinds))


SHELF = Shelf()

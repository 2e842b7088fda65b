"""What fofx says when something is wrong: one short tree of errors, and notices for what is only worth knowing.

Every error has a stable `code` (kebab-case) that scripts can test, and a message that says what was expected, what
came, and what to do. A `Notice` is a warning as plain data, so that it can be printed, written to the run and counted.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class FofxError(Exception):
    """Base of all errors that fofx raises on purpose."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} [{code}]")
        self.code = code
        self.message = message


class DataError(FofxError):
    """The data cannot be read or used."""


class TaskError(FofxError):
    """What was asked for does not fit the data: an unknown column, a wrong kind, an option out of range."""


class RunError(FofxError):
    """A run folder cannot be written, read or trusted."""


class FindError(FofxError):
    """Finding failed on the way, for example because the loss stopped being finite."""


@dataclass(frozen=True)
class Notice:
    """Something the user should know. `count` says how many rows, columns or files it is about."""

    code: str
    text: str
    count: int = 0


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint such as " Did you mean 'price'?" for a mistyped word; empty when nothing is near."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" Did you mean {found[0]!r}?" if found else ""

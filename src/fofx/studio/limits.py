"""How much one visitor, and all of them together, may ask of this machine: alone on 127.0.0.1, or shared with a class."""

from __future__ import annotations

from dataclasses import dataclass

MB = 1_000_000


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    shared: bool = False
    """Others use this machine: no paths of its disk may be named, and every visitor has a workspace of their own."""
    running: int = 1
    """Trainings at once, of all visitors together: two on two cores are slower than one after the other."""
    waiting: int = 20
    """Trainings that wait for their turn, of one visitor."""
    waiting_in_all: int = 100
    budget: float = 24 * 3600.0
    """Longest time budget of one training."""
    overtime: float = 1800.0
    """A training that goes on for so long after its budget is ended."""
    grace: float = 20.0
    """Time to keep the best so far after a cancel, before the process is killed."""
    upload: int = 1000 * MB
    """One uploaded file."""
    request: int = 4 * MB
    """Any other request body, and one message of a socket."""
    stored: int = 1000 * MB
    """Uploads and runs of one visitor together, where others share the disk."""
    runs: int = 100
    """Runs of one visitor, where others share the disk."""
    visitors: int = 1
    """Workspaces; with sharing, how many browsers may come."""
    columns: int = 20_000
    rows: int = 20_000_000
    cells: int = 400_000_000
    line: int = 16 * MB
    """The longest line of a table."""
    entries: int = 100_000
    """Files of one zip."""
    unpacked: int = 4000 * MB
    """What one zip (an Excel file is one too) may hold unpacked."""
    ratio: int = 200
    """Unpacked over packed size of one file of a zip; text is below 50, zeros are above 1,000."""
    undo: float = 7 * 24 * 3600.0
    """For so long a deleted run can come back."""


def alone() -> Limits:
    """For the owner of the machine."""
    return Limits()


def shared() -> Limits:
    """For a class on one machine."""
    return Limits(
        shared=True, running=1, waiting=2, waiting_in_all=40, budget=600.0, overtime=300.0, upload=50 * MB, visitors=80, columns=2_000, rows=2_000_000, cells=20_000_000, line=1 * MB, entries=5_000, unpacked=300 * MB,
        undo=24 * 3600.0,
    )  # fmt: skip

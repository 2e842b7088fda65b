"""A lock file that a process holds until it ends, however it ends: the surest way to see whether a training still lives.

A process number alone says little (it may belong to another program by now); the lock cannot outlive its process.
"""

from __future__ import annotations

import os
from pathlib import Path


def hold(path: Path) -> int | None:
    """An open file that holds the lock, or None when another process has it. A child that inherits the file shares it."""
    place = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(place, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(place)
        return None
    return place


def is_held(path: Path) -> bool:
    """Whether a living process holds it."""
    if not path.exists():
        return False
    place = hold(path)
    if place is None:
        return True
    os.close(place)
    return False

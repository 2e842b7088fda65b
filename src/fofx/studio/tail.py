"""Read on in a file of JSON lines that another process is writing: whole lines only, from where the last call ended."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

Cursor = dict[str, int]  # bytes read so far, by file
MOST = 4 << 20  # bytes of one call; the next call goes on
POINTS = 600  # of one curve and call; a screen is not wider


def tail(file: Path, at: int) -> tuple[list[dict[str, Any]], int]:
    """(the whole lines from byte `at` on, the byte after them). A file that became shorter is read from its start."""
    try:
        with open(file, "rb") as source:
            if os.fstat(source.fileno()).st_size < at:
                at = 0
            source.seek(at)
            block = source.read(MOST)
    except OSError:
        return [], at
    whole = block[: block.rfind(b"\n") + 1]
    return [line for line in map(parsed, whole.splitlines()) if line], at + len(whole)


def parsed(line: bytes | str) -> dict[str, Any]:
    """The JSON object that a text holds; {} when it holds something else."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):  # anybody may write what is read here
        return {}
    return found if isinstance(found, dict) else {}


def last_event(file: Path) -> dict[str, Any]:
    """The last whole line; {} where there is none."""
    try:
        with open(file, "rb") as source:
            size = os.fstat(source.fileno()).st_size
            source.seek(max(0, size - 65536))
            lines = source.read().split(b"\n")
    except OSError:
        return {}
    return next((event for event in map(parsed, reversed(lines[:-1])) if event), {})


def thinned(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most about POINTS lines, evenly taken; those with a validation score, the first and the last always stay."""
    if len(lines) <= POINTS:
        return lines
    every = -(-len(lines) // POINTS)
    checked = [number for number, line in enumerate(lines) if line.get("validation") is not None]
    kept = set(range(0, len(lines), every)) | {len(lines) - 1} | set(checked[:: max(1, len(checked) // POINTS)])
    return [lines[number] for number in sorted(kept)]

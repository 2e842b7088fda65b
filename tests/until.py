"""Wait for what a page asked of Python: a loaded machine takes longer, and no test should guess how long."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def until(page: Any, holds: Callable[[], Any], seconds: float = 20.0) -> None:
    """Let the page and Python talk until `holds()`; fails when it does not in time."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "what was waited for did not happen"
        page.wait_for_timeout(30)

"""Wait in a browser test for what must become true, however busy the machine is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def until(page: Any, true: Callable[[], Any], tries: int = 400) -> None:
    """Let the page go on until `true()` holds; fail when it never does."""
    for _ in range(tries):
        if true():
            return
        page.wait_for_timeout(50)
    raise AssertionError("this never came true")

"""What a browser uploads, as something that can be read: the file on disk where it is large, else its bytes."""

from __future__ import annotations

from typing import Any


async def given(file: Any) -> Any:
    """A binary file to read from, or bytes. `file` is NiceGUI's FileUpload."""
    path = getattr(file, "_path", None)
    return open(path, "rb") if path else await file.read()

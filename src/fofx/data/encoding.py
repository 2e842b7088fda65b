"""In which encoding is a file of text written? Found out from its bytes: UTF-8, GB18030, UTF-16, Windows-1252.

The file is read through once in chunks, so that a gigabyte of plain ASCII costs a fraction of a second and no memory.
"""

from __future__ import annotations

import codecs
from pathlib import Path

from fofx.errors import DataError

CHUNK = 1 << 20
CONTROL = bytes(set(range(32)) - {9, 10, 12, 13, 26, 27})
PICTURE_OR_ARCHIVE = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"PK\x03\x04": "a zip or Office file",
    b"\x1f\x8b": "a gzip file",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF file",
    b"\xd0\xcf\x11\xe0": "an old Office file",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x80\x04\x95": "a pickle (which fofx never opens: it can run any code)",
}


def find_encoding(path: Path) -> str:
    """Python's name of the encoding: "utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "gb18030" or "cp1252".

    Raises DataError: "empty-file", "not-text" (binary), "unknown-encoding".
    """
    with open(path, "rb") as file:
        start = file.read(4096)
    if not start:
        raise DataError("empty-file", f"{path.name} is empty (0 bytes). Expected a table with a header and rows.")
    for magic, what in PICTURE_OR_ARCHIVE.items():
        if start.startswith(magic):
            raise DataError("not-text", f"{path.name} is {what}, not a table of text. Check the file and its ending.")
    if start.startswith(codecs.BOM_UTF8):
        found = "utf-8-sig"
    elif start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        found = "utf-16-le" if start.startswith(codecs.BOM_UTF16_LE) else "utf-16-be"
    elif b"\0" in start:
        found = _bare_utf16(start)
    else:
        found = "utf-8"
    if found and _decodes(path, found):
        return found
    if found in ("utf-8", "utf-8-sig"):
        for other in ("gb18030", "cp1252"):
            if _decodes(path, other):
                return other
    if b"\0" in start or sum(start.count(byte) for byte in CONTROL) > 0.01 * len(start):
        raise DataError("not-text", f"{path.name} does not hold text (it has zero or control bytes). Expected a table.")
    raise DataError(
        "unknown-encoding",
        f"{path.name} is in no encoding fofx knows (tried UTF-8, UTF-16, GB18030, Windows-1252). "
        "Open it in an editor and save it as UTF-8.",
    )


def _bare_utf16(start: bytes) -> str:
    """UTF-16 without its mark: in text with Western characters every second byte is mostly zero."""
    even, odd = start[0::2].count(0), start[1::2].count(0)
    half = max(len(start) // 2, 1)
    name = "utf-16-le" if odd > even else "utf-16-be"
    lines = "\n" in start.decode(name, "ignore") and min(odd, even) < 0.05 * half
    return name if lines and max(odd, even) > max(3, 0.2 * half) else ""


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    plain = encoding in ("utf-8", "utf-8-sig", "gb18030", "cp1252")
    buffer = bytearray(CHUNK)  # one buffer for all chunks, small enough to stay in the processor's cache
    with open(path, "rb") as file:
        middle = False  # is the decoder in the middle of a character?
        while size := file.readinto(buffer):
            chunk = buffer if size == CHUNK else buffer[:size]
            if plain and b"\0" in chunk:
                return False
            if encoding in ("gb18030", "cp1252") and any(byte in chunk for byte in CONTROL):
                return False
            if plain and not middle and chunk.isascii():
                continue
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                return False
            middle = bool(decoder.getstate()[0])
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def start_of(path: Path, encoding: str, size: int = 1 << 18) -> tuple[str, bool]:
    """The first characters of the file (about `size` bytes of it), and whether that is all of it."""
    with open(path, "rb") as file:
        data = file.read(size)
        whole = not file.read(1)
    text = codecs.getincrementaldecoder(encoding)("ignore").decode(data)
    return text.removeprefix("\ufeff"), whole

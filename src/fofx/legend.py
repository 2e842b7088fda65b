"""The legend of a set of masks: what the numbers or colours in their files mean.

A mask file is a picture in which each pixel is a class: as a number (grey of 8 or 16 bits, or the index of a palette), as a
colour, or, where there are two classes only, as dark or bright. The legend is plain data:

by      "number", "colour" (red * 65536 + green * 256 + blue), or "shade" (0 dark, 255 bright: from 128 on)
names   the classes' names, K of them;   values   what stands for each of them in the files
void    values of the void class; whatever else is not in `values` is unknown and taken as void, too
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from colorsys import hsv_to_rgb
from dataclasses import dataclass, field

from fofx.errors import DataError
from fofx.masks import VOID

MOST_CLASSES = 254  # numbers 0 to 253; a map of bytes keeps 255 for void
MANY_COLOURS = 50  # beyond it, rare colours are taken for blended edges, and grain for a photograph
VOID_NAMES = r"void|unlabell?ed|ignored?|unknown|undefined|unclassified|don'?t ?care|no ?data|空|忽略|未标注|未知"
UNDECIDED = 0xE0E0C0  # the colour of borders that the Pascal VOC palette leaves undecided
SPREAD = 32  # grey levels from black or white that still count as such in masks that were blended


@dataclass
class Look:
    """What one mask file holds. `numbers` and `colours`: value -> how many pixels have it."""

    height: int = 0
    width: int = 0
    numbers: dict[int, int] = field(default_factory=dict)
    colours: dict[int, int] = field(default_factory=dict)
    palette: dict[int, int] = field(default_factory=dict)  # the colours of the numbers that occur, where there is one
    runs: int = 0  # how often the value changes from one pixel to the next, line after line
    form: str = "number"  # "number" or "colour"
    wrong: str = ""  # why it cannot be read


def learn_legend(looks: Iterable[Look], listed: Sequence[dict] = ()) -> dict:
    """What the values of these masks mean. `listed` are classes as a file beside the masks names them, in its order:
    {"name": ..., "number": ... or None, "colour": ... or None}.

    Raises DataError "not-masks" when the values are too many to be classes, "too-many-classes".
    """
    good = [look for look in looks if not look.wrong]
    colours, numbers = total(look.colours for look in good), total(look.numbers for look in good)
    wanted = {entry["colour"]: entry["name"] for entry in listed if entry["colour"] is not None}
    if wanted and sum(colours.get(colour, 0) for colour in wanted) >= 0.5 * sum(colours.values()):
        return _legend("colour", [(name, colour) for colour, name in wanted.items()])
    if any(look.form == "colour" for look in good) or _palettes_differ(good):
        seen = _real_colours(colours)
        void = [UNDECIDED] if 0 in seen and UNDECIDED in seen else []
        return _legend("colour", [(f"#{colour:06x}", colour) for colour in seen if colour not in void], void)
    if _blended(numbers):
        names = [entry["name"] for entry in listed] if len(listed) == 2 else ["0", "255"]
        return _legend("shade", list(zip(names, (0, 255))))
    seen = list(numbers)
    if listed:
        return _legend("number", _numbered(listed, seen), [VOID])
    if len(seen) > MOST_CLASSES or (len(seen) > MANY_COLOURS and _is_grainy(good)):
        raise DataError("not-masks", _no_masks(len(seen)))
    void = [VOID] if VOID in seen and len(seen) > 2 and sorted(seen)[-2] < 100 else []  # {0, 255} alone are two classes
    return _legend("number", [(str(number), number) for number in seen if number not in void], void)


def total(counts: Iterable[dict[int, int]]) -> dict[int, int]:
    """The sum of several counts, the values in order."""
    found: dict[int, int] = {}
    for each in counts:
        for value, count in each.items():
            found[value] = found.get(value, 0) + count
    return dict(sorted(found.items()))


def _palettes_differ(looks: list[Look]) -> bool:
    """Whether one index stands for different colours in different files: then only the colours mean something."""
    meant: dict[int, int] = {}
    for look in looks:
        if any(meant.setdefault(number, colour) != colour for number, colour in look.palette.items()):
            return True
    return False


def _is_grainy(looks: list[Look]) -> bool:
    """Whether the value changes every few pixels, as in photographs, and not at the outlines of things only."""
    pixels = sum(sum(look.numbers.values()) for look in looks)
    return sum(look.runs for look in looks) > 0.3 * pixels


def _real_colours(counts: dict[int, int]) -> list[int]:
    """The colours that are classes: all, or, where edges were blended, the few that make up nearly all pixels."""
    if len(counts) <= MANY_COLOURS:
        return list(counts)
    pixels = sum(counts.values())
    common = [colour for colour, count in counts.items() if count >= 0.0005 * pixels]
    if sum(counts[colour] for colour in common) < 0.97 * pixels or len(common) > MOST_CLASSES:
        raise DataError("not-masks", _no_masks(len(counts)))
    return common


def _blended(counts: dict[int, int]) -> bool:
    """Whether this is black and white with smoothed edges (resized, or saved as JPEG), not many classes."""
    extreme = sum(count for number, count in counts.items() if number < SPREAD or 255 - SPREAD < number <= 255)
    between = [number for number in counts if 100 <= number < 255]
    return len(between) >= 3 and max(counts) <= 255 and min(counts) < SPREAD and extreme >= 0.9 * sum(counts.values())


def _no_masks(count: int) -> str:
    return (
        f"The masks hold {count:,} different values, too many to be classes. A mask is a PNG in which every pixel is the "
        "number (or the colour) of its class; were these saved as JPEG, or smoothed, or are they photographs?"
    )


def _numbered(listed: Sequence[dict], seen: list[int]) -> list[tuple[str, int]]:
    """Names with their numbers: as listed, else by their order, from 0, from 1, or in the order of the numbers seen."""
    names = [entry["name"] for entry in listed]
    given = [entry["number"] for entry in listed]
    if None not in given and len(set(given)) == len(given):
        return list(zip(names, given))
    real = [number for number in seen if number != VOID]
    if real and real[-1] >= len(names) and len(seen) == len(names):
        return list(zip(names, seen))
    start = 1 if real and real[0] >= 1 and real[-1] == len(names) else 0
    return [(name, start + place) for place, name in enumerate(names)]


def is_void(name: str) -> bool:
    """Whether a class of this name is none: void, unlabelled, ignore, unknown ..."""
    first = re.split(r"[/|(]", name.lower().replace("_", " "))[0]
    return re.fullmatch(VOID_NAMES, first.strip()) is not None


def _legend(by: str, classes: list[tuple[str, int]], void: Sequence[int] = ()) -> dict:
    kept = [pair for pair in classes if not is_void(pair[0])]
    if len(kept) > MOST_CLASSES:
        raise DataError("too-many-classes", f"The masks have {len(kept)} classes; fofx takes up to {MOST_CLASSES}.")
    aside = {value for name, value in classes if is_void(name)} | set(void)
    return {
        "by": by,
        "names": [name for name, _ in kept],
        "values": [value for _, value in kept],
        "void": sorted(aside - {value for _, value in kept}),
    }


def pixels_by_class(look: Look, legend: dict) -> tuple[list[int], int, int]:
    """Of one mask: the pixels of each class (K numbers), those of the void class, and those of unknown values."""
    counts = look.numbers if legend["by"] == "number" else look.colours
    if legend["by"] == "shade":
        counts = total({255 * (colour >> 8 & 255 >= 128): count} for colour, count in counts.items())
    known = [counts.get(value, 0) for value in legend["values"]]
    void = sum(counts.get(value, 0) for value in legend["void"])
    return known, void, sum(counts.values()) - void - sum(known)


def class_colours(legend: dict) -> list[list[int]]:
    """A colour [red, green, blue] to draw each class in: its own where masks are coloured, else hues far apart."""
    if legend["by"] == "colour":
        return [[value >> 16, value >> 8 & 255, value & 255] for value in legend["values"]]
    found = []
    for number in range(len(legend["names"])):
        hue = (0.58 + number * 0.618034) % 1  # the golden section: neighbours never look alike
        light, strong = ((0.92, 0.75), (0.7, 0.9), (1.0, 0.45))[number % 3]
        found.append([round(255 * part) for part in hsv_to_rgb(hue, strong, light)])
    return found

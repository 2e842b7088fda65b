"""How the report shows boxes: how many of each class were found, missed and imagined, and the worst pictures with their boxes.

Shapes: N test rows, P answered boxes of a picture, G right ones, K classes.
"""

from __future__ import annotations

import json

import numpy as np

from fofx.boxes.precision import average_precisions, claims, is_crowd
from fofx.errors import FofxError
from fofx.explain.markup import escape, picture_uri, words
from fofx.fields.boxes import SURE, Boxes, found_rows, right_rows
from fofx.fields.picture import Picture
from fofx.report.facts import Facts
from fofx.report.shown import answer_drawn, headline, results_of

FOR, AGAINST = "#0072b2", "#d55e00"  # blue and vermilion, as everywhere in reports
MOST_CLASSES = 30  # lines of the table


@results_of.register
def of_boxes(output: Boxes, facts: Facts) -> str:
    """A line for each class: how many there are, found, missed and answered wrongly, and its average precision."""
    found, right = answered_of(output, facts), right_of(output, facts)
    names = [*output.names, *("?" for _ in range(strangers(output, right)))]
    counts = np.zeros((len(names), 3), dtype=np.int64)  # (K, there / found / wrong)
    for answers, given in zip(found, right):
        counts += tally(answers, given, len(names))
    precisions = average_precisions(found, right)
    keys = (
        "report.boxes.class",
        "report.boxes.there",
        "report.boxes.found",
        "report.boxes.missed",
        "report.boxes.wrong",
    )
    head = "".join(f"<th>{words(key)}</th>" for key in keys)
    lines = [f"<tr>{head}<th>AP</th></tr>"]
    for number in np.argsort(-counts[:, 0], kind="stable")[:MOST_CLASSES]:
        there, hits, wrong = (int(count) for count in counts[number])
        if not there and not wrong:
            continue
        ap = f"{precisions[int(number)][0]:.3f}" if int(number) in precisions else "–"
        cells = "".join(f'<td class="number">{count:,}</td>' for count in (there, hits, there - hits, wrong))
        lines.append(f'<tr><th scope="row">{escape(names[number])}</th>{cells}<td class="number">{ap}</td></tr>')
    return f'<p>{words("report.boxes.how", sure=SURE)}</p><div class="wide"><table>{"".join(lines)}</table></div>'


def answered_of(output: Boxes, facts: Facts) -> list[np.ndarray]:
    """The answered boxes of each test row (P, 6), of whatever score: class, corners as shares, score."""
    return facts._once(
        ("answered", output.name), lambda: [_rows(output, c) for c in facts.test[f"{output.name} predicted"]]
    )


def _rows(output: Boxes, cell: str) -> np.ndarray:
    told = json.loads(cell)
    width, height = told["size"]
    number = {name: place for place, name in enumerate(output.names)}
    rows = [[number[one["label"]], one["score"], *one["box"]] for one in told["boxes"]]
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    table[:, 2:] /= np.array([width, height, width, height], dtype=np.float64)
    return found_rows(table)


def right_of(output: Boxes, facts: Facts) -> list[np.ndarray]:
    """The right boxes of each test row (G, 6): class, corners as shares, crowd."""
    return [right_rows(row) for row in facts.right_of(output)]


def strangers(output: Boxes, right: list[np.ndarray]) -> int:
    """How many classes occur here that training never saw."""
    return int(max((rows[:, 0].max(initial=-1) for rows in right), default=-1)) + 1 - len(output.names)


def verdicts(answers: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(the sure answers (P, 6); which of them is right (P,), none on a crowd; which right box is found (G,))."""
    sure = answers[answers[:, 5] >= SURE]
    sure = sure[np.argsort(-sure[:, 5], kind="stable")]
    good, found = np.zeros(len(sure), dtype=bool), np.zeros(len(right), dtype=bool)
    crowd = is_crowd(right)
    for one in np.unique(sure[:, 0]):
        mine, theirs = np.flatnonzero(sure[:, 0] == one), np.flatnonzero(right[:, 0] == one)
        claimed = claims(sure[mine, 1:5], right[theirs, 1:5], crowd[theirs], np.array([0.5]))[0]  # (P of the class,)
        good[mine] = claimed >= 0
        found[theirs[claimed[claimed >= 0]]] = True
    return sure, good, found


def tally(answers: np.ndarray, right: np.ndarray, classes: int) -> np.ndarray:
    """(K, 3): how many boxes of each class there are, are found, and are answered wrongly; crowds aside."""
    sure, good, found = verdicts(answers, right)
    real = ~is_crowd(right)
    parts = (right[real, 0], right[real & found, 0], sure[~good, 0])
    return np.stack([np.bincount(part.astype(np.int64), minlength=classes) for part in parts], axis=1)


@headline.register
def boxes_headline(output: Boxes, facts: Facts, place: int) -> str:
    right = right_of(output, facts)[place]
    _, good, found = verdicts(answered_of(output, facts)[place], right)
    real = ~is_crowd(right)
    return words("report.card.boxes", found=int(found[real].sum()), there=int(real.sum()), wrong=int((~good).sum()))


@answer_drawn.register
def boxes_drawn(output: Boxes, facts: Facts, place: int) -> str:
    """The picture with the right boxes (dashed; vermilion when missed) and the answered ones (vermilion when wrong)."""
    right = right_of(output, facts)[place]
    sure, good, found = verdicts(answered_of(output, facts)[place], right)
    picture = picture_below(output, facts, place)  # (H, W, 3)
    height, width = picture.shape[:2]
    scale = 320 / width
    high = height * scale
    drawn = [f'<image href="{picture_uri(picture)}" width="320" height="{high:.0f}" preserveAspectRatio="none"/>']
    for row, hit in zip(right, found):
        drawn.append(rectangle(row, high, FOR if hit else AGAINST, ' stroke-dasharray="5 4"', ""))
    for row, hit in zip(sure, good):
        label = f"{output.names[int(row[0])]} {row[5]:.0%}"
        drawn.append(rectangle(row, high, FOR if hit else AGAINST, "", label))
    svg = f'<svg viewBox="0 0 320 {high:.0f}" style="width:100%;display:block;border-radius:4px" role="img">{"".join(drawn)}</svg>'
    return svg + f'<p class="quiet">{legend(bool((~found).any()), bool(len(right)), good)}</p>'


def rectangle(row: np.ndarray, high: float, colour: str, dashes: str, label: str) -> str:
    """One box of a picture 320 wide, with its name above it."""
    left, top, right, bottom = row[1:5] * np.array([320, high, 320, high])
    box = f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" fill="none" '
    box += f'stroke="{colour}" stroke-width="2.5"{dashes}/>'
    if not label:
        return box
    at = f'x="{left + 2:.1f}" y="{max(11.0, top - 4):.1f}" font-size="11" paint-order="stroke" stroke="#fff" stroke-width="3"'
    return box + f'<text {at} fill="{colour}">{escape(label)}</text>'


def legend(missed: bool, there: bool, good: np.ndarray) -> str:
    """What the lines mean, those only that are drawn."""
    lines = [("report.boxes.right-one", FOR, "┄")] if there else []
    lines += [("report.boxes.missed-one", AGAINST, "┄")] if missed else []
    lines += [("report.boxes.good-one", FOR, "—")] if good.any() else []
    lines += [("report.boxes.wrong-one", AGAINST, "—")] if (~good).any() else []
    said = (f'<span style="color:{colour}">{mark}</span> {words(key)}' for key, colour, mark in lines)
    return " &nbsp; ".join(said)


def picture_below(output: Boxes, facts: Facts, place: int) -> np.ndarray:
    """The whole picture, (H, W, 3) uint8; grey when it cannot be had."""
    grey = np.full((*output.shape, 3), 128, dtype=np.uint8)
    if facts.frame is None:
        return grey
    field = next(each for each in facts.function.fields if isinstance(each, Picture))
    try:
        pixels = field.encode_at(facts.frame[field.name][place : place + 1], field.side)[0].permute(1, 2, 0).numpy()
    except FofxError:
        return grey
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels

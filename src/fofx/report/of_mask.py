"""How the report shows masks: what was outlined how well, class by class, and the worst pictures with their maps over them.

Shapes: N test rows, H x W pixels, K classes.
"""

from __future__ import annotations

import numpy as np

from fofx.errors import FofxError
from fofx.explain.markup import escape, picture_uri, words
from fofx.fields.mask import Mask
from fofx.fields.picture import Picture
from fofx.legend import class_colours
from fofx.masks import VOID, confusion, iou
from fofx.report.facts import Facts
from fofx.report.results import MOST_CLASSES, short
from fofx.report.shown import answer_drawn, headline, results_of

COVER = 0.6  # how much a map hides of the picture below it
WRONG = (213, 94, 0)  # vermilion, as everywhere in reports


@results_of.register
def of_mask(output: Mask, facts: Facts) -> str:
    """A line for each class: how much there is of it, how well it is found, and what it is taken for."""
    matrix = confusion(facts.right_of(output), facts.predicted_of(output), output.size)  # (K, K)
    pixels, shares = matrix.sum(axis=1), iou(matrix)
    numbers = "".join(f'<th class="number">{words(key)}</th>' for key in ("report.mask.share", "report.mask.iou"))
    head = f"<th>{words('report.mask.class')}</th>{numbers}<th></th><th>{words('report.mask.taken')}</th>"
    lines = [f"<tr>{head}</tr>"]
    for number in np.argsort(-pixels, kind="stable"):
        if shares[number] is None:
            continue  # a class that neither occurs here nor was answered
        share = shares[number] or 0.0
        bar = f'<i class="for" style="--much:{share:.3f}"></i>'
        lines.append(
            f'<tr><th scope="row">{chip(output, int(number))}{escape(output.names[number])}</th>'
            f'<td class="number">{pixels[number] / max(1, pixels.sum()):.1%}</td>'
            f'<td class="number">{share:.3f}</td><td class="both">{bar}</td><td class="quiet">{taken_for(matrix, output.names, int(number))}</td></tr>'
        )
    table = f'<div class="wide"><table class="bars masks">{"".join(lines)}</table></div>'
    return f"<p>{words('report.mask.how')}</p>{table}{whole_matrix(matrix, output)}"


def taken_for(matrix: np.ndarray, names: list[str], number: int, most: int = 2) -> str:
    """The classes for which most of its pixels are taken, with the shares of its pixels."""
    row = matrix[number] / max(1, matrix[number].sum())  # (K,)
    others = [int(k) for k in np.argsort(-row, kind="stable") if k != number and row[k] >= 0.01][:most]
    return escape(", ".join(f"{names[k]} {row[k]:.0%}" for k in others))


def whole_matrix(matrix: np.ndarray, output: Mask) -> str:
    """Of each class's pixels, how many in a hundred are answered as what; the commonest classes where there are many."""
    kept = np.argsort(-matrix.sum(axis=1), kind="stable")[:MOST_CLASSES]
    kept = np.sort(kept[matrix.sum(axis=1)[kept] > 0])
    head = "".join(f'<th scope="col"><span>{escape(short(output.names[k], 9))}</span></th>' for k in kept)
    lines = [f'<tr><th class="corner">{words("report.corner")}</th>{head}</tr>']
    for row in kept:
        cells = []
        for column in kept:
            share = matrix[row, column] / matrix[row].sum()
            side = "hit" if row == column else "miss"
            cells.append(
                f'<td class="{side}" style="--much:{share:.3f}">{f"{100 * share:.0f}" if share >= 0.005 else "·"}</td>'
            )
        lines.append(f'<tr><th scope="row">{escape(short(output.names[row]))}</th>{"".join(cells)}</tr>')
    table = f'<div class="wide"><table class="confusion">{"".join(lines)}</table></div>'
    return f"<h3>{words('report.mask.matrix')}</h3>{table}"


def chip(output: Mask, number: int) -> str:
    """The colour in which a class is drawn."""
    colour = ", ".join(map(str, class_colours(output.legend)[number]))
    return f'<span class="chip" style="background:rgb({colour})"></span>'


@headline.register
def mask_headline(output: Mask, facts: Facts, place: int) -> str:
    right, answered = facts.right_of(output)[place], facts.predicted_of(output)[place]  # (H, W)
    real = right != VOID
    hits = float((right == answered)[real].mean()) if real.any() else 0.0
    cost = float(facts.test[f"{output.name} cost"][place])
    return words("report.card.mask", miou=f"{1 - cost:.3f}", right=f"{hits:.1%}")


@answer_drawn.register
def maps_drawn(output: Mask, facts: Facts, place: int) -> str:
    """The right map and the answered one over the picture, and where they differ; the classes with their colours."""
    right, answered = facts.right_of(output)[place], facts.predicted_of(output)[place]  # (H, W)
    picture = picture_below(output, facts, place)  # (H, W, 3)
    wrong = (right != answered) & (right != VOID)
    marked = picture * 0.35 + 130  # pale
    marked[wrong] = WRONG
    drawn = [laid_over(picture, right, output), laid_over(picture, answered, output), marked.astype(np.uint8)]
    keys = ("report.mask.right", "report.mask.answered", "report.mask.wrong")
    figures = "".join(
        f'<figure><img src="{picture_uri(each)}" alt=""><figcaption>{words(key)}</figcaption></figure>'
        for key, each in zip(keys, drawn)
    )
    seen = [k for k in range(output.size) if (right == k).any() or (answered == k).any()]
    names = " ".join(f"<span>{chip(output, k)}{escape(output.names[k])}</span>" for k in seen)
    return f'<div class="maps">{figures}</div><p class="chips">{names}</p>'


def picture_below(output: Mask, facts: Facts, place: int) -> np.ndarray:
    """The picture at the size of the maps, (H, W, 3) uint8; grey when it cannot be had."""
    grey = np.full((*output.shape, 3), 128, dtype=np.uint8)
    if facts.frame is None:
        return grey
    field = next(each for each in facts.function.fields if isinstance(each, Picture))
    try:
        column = facts.frame[field.name][place : place + 1]
        pixels = field.encode_at(column, field.side)[0].permute(1, 2, 0).numpy()  # (H, W, C)
    except FofxError:
        return grey
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def laid_over(picture: np.ndarray, classes: np.ndarray, output: Mask) -> np.ndarray:
    """A map (H, W) in its classes' colours over the picture (H, W, 3); void lets the picture through."""
    colours = np.array(class_colours(output.legend), dtype=np.float64)  # (K, 3)
    drawn = picture.astype(np.float64)
    real = classes != VOID
    drawn[real] = (1 - COVER) * drawn[real] + COVER * colours[classes[real]]
    return drawn.round().astype(np.uint8)

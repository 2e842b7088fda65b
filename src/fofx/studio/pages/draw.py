"""Charts as SVG text: curves, bars and points, in the page's colours, light and dark. Every text that comes from data is escaped.

Only numbers that were measured are drawn; what is not finite is left out.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from html import escape
from io import BytesIO
from typing import Any

import numpy as np

CLASSES = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2", "#D55E00", "#B8A90A", "#888888")  # Okabe and Ito
WIDTH, HEIGHT = 470, 270
LEFT, RIGHT, TOP, BOTTOM = 48, 10, 14, 34
Series = tuple[str, Any, Any]  # name, x, y


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers between low and high.

    >>> ticks(0, 1)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if not high > low:
        return [low]
    raw = (high - low) / most
    step = 10 ** math.floor(math.log10(raw))
    step *= next(factor for factor in (1, 2, 2.5, 5, 10) if factor * step >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [float(f"{n * step:.12g}") for n in range(first, math.floor(high / step + 1e-9) + 1)]


def brief(value: float) -> str:
    """
    >>> brief(0.25), brief(12000.0), brief(1e-7)
    ('0.25', '12k', '1e-7')
    """
    if value and abs(value) < 1e-3:
        return f"{value:.0e}".replace("e-0", "e-")
    if abs(value) >= 1e6:
        return f"{value:.2g}".replace("e+0", "e")
    return f"{value / 1000:g}k" if abs(value) >= 10_000 else f"{value:g}"


def finite(xs: Any, ys: Any) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in zip(xs, ys) if y is not None and math.isfinite(y) and math.isfinite(x)]


def frame(
    xs: tuple[float, float],
    ys: tuple[float, float],
    x_name: str,
    y_name: str,
    log: bool = False,
    x_words: Sequence[str] = (),
    y_words: Sequence[str] = (),
):
    """(markup of the axes, place of x, place of y). `x_words` and `y_words` name the places 0, 1, 2 ... of an axis of words."""
    (x0, x1), (y0, y1) = xs, ys
    x1, y1 = (x1 if x1 > x0 else x0 + 1), (y1 if y1 > y0 else y0 + (abs(y0) or 1))
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def at_x(x: float) -> float:
        return LEFT + (x - x0) / (x1 - x0) * wide

    def at_y(y: float) -> float:
        share = math.log(y / y0) / math.log(y1 / y0) if log else (y - y0) / (y1 - y0)
        return TOP + (1 - share) * high

    marks = []
    for x in ticks(x0, x1):
        text = named(x, x_words) if x_words else brief(x)
        marks.append(f'<text x="{at_x(x):.1f}" y="{HEIGHT - 18}" text-anchor="middle">{text}</text>')
    levels = ticks(y0, y1)
    if log:
        levels = [10.0**n * m for n in range(-12, 13) for m in (1, 2, 5) if y0 <= 10.0**n * m <= y1]
        levels = levels if len(levels) <= 7 else [y for y in levels if f"{y:.0e}"[0] == "1"]
    for y in levels:
        marks.append(f'<path class="axis" d="M{LEFT} {at_y(y):.1f}H{WIDTH - RIGHT}"/>')
        marks.append(
            f'<text x="{LEFT - 7}" y="{at_y(y) + 4:.1f}" text-anchor="end">{named(y, y_words) if y_words else brief(y)}</text>'
        )
    marks.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 3}" text-anchor="end">{escape(x_name)}</text>')
    marks.append(f'<text x="{LEFT}" y="{TOP - 4}">{escape(y_name)}</text>')
    return "".join(marks), at_x, at_y


def named(at: float, words: Sequence[str]) -> str:
    """The word at a place, where the place is a whole one."""
    return escape(words[int(at)][:9]) if at == int(at) and 0 <= at < len(words) else ""


def curves(series: Sequence[Series], label: str, x_name: str = "", y_name: str = "", level: float | None = None) -> str:
    """Lines, each in its colour and pattern, with a legend; a loss that spans more than a factor 20 is drawn on a log scale."""
    lines = [(name, finite(xs, ys)) for name, xs, ys in series]
    lines = [(name, points) for name, points in lines if points]
    if not lines:
        return ""
    ys = [y for _, points in lines for _, y in points] + ([level] if level is not None else [])
    xs = [x for _, points in lines for x, _ in points]
    low, high = min(ys), max(ys)
    log = low > 0 and high / low > 20
    pad = 0 if log else (high - low) * 0.05
    axes, at_x, at_y = frame((min(xs), max(xs)), (low - pad, high + pad), x_name, y_name, log)
    drawn, legend = [], []
    for number, (name, points) in enumerate(lines):
        colour, dashes = CLASSES[(4 + number) % 8], ("", "7 4", "2 4", "9 3 2 3")[number % 4]
        path = "L".join(f"{at_x(x):.1f} {at_y(y):.1f}" for x, y in thinned(points))
        dash = f' stroke-dasharray="{dashes}"' if dashes else ""
        if len(points) == 1:
            drawn.append(f'<circle cx="{at_x(points[0][0]):.1f}" cy="{at_y(points[0][1]):.1f}" r="4" fill="{colour}"/>')
        else:
            drawn.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        legend.append(f'<li><i style="background:{colour}"></i>{escape(name)} <b>{points[-1][1]:.4g}</b></li>')
    if level is not None:
        drawn.append(f'<path class="zero" d="M{LEFT} {at_y(level):.1f}H{WIDTH - RIGHT}"/>')
    return svg(axes + "".join(drawn), label) + f'<ul class="legend">{"".join(legend)}</ul>'


def thinned(points: list[tuple[float, float]], most: int = 400) -> list[tuple[float, float]]:
    """At most `most` points of a line, first and last among them."""
    if len(points) <= most:
        return points
    return [points[round(at)] for at in np.linspace(0, len(points) - 1, most)]


def bars(
    rows: Sequence[tuple[str, float]],
    label: str,
    top: float | None = None,
    colour: str = "var(--accent)",
    share: bool = False,
) -> str:
    """A table of (name, value) with a bar for each: it can be read without the picture."""
    top = top or max((abs(value) for _, value in rows), default=0.0) or 1.0
    lines = "".join(
        f'<tr><th scope="row" style="max-width:14em;overflow:hidden;text-overflow:ellipsis">{escape(name)}</th>'
        f'<td style="width:60%"><div class="bar"><i style="width:{100 * min(1.0, abs(value) / top):.1f}%;background:'
        f'{colour if value >= 0 else "var(--plus)"}"></i></div></td><td class="right">{percent(value) if share else f"{value:.4g}"}</td></tr>'
        for name, value in rows
    )
    return f'<table class="plain" aria-label="{escape(label)}"><tbody>{lines}</tbody></table>'


def percent(value: float) -> str:
    """
    >>> percent(0.987), percent(1e-6), percent(1.0), percent(0.99999)
    ('98.7 %', '< 0.1 %', '100 %', '> 99.9 %')
    """
    if 0 < value < 0.001:
        return "< 0.1 %"
    return "> 99.9 %" if 0.999 < value < 1 else f"{100 * value:.3g} %"


def points(
    at: np.ndarray, groups: Sequence[str], label: str, marks: Sequence[str] = (), x_name: str = "", y_name: str = ""
) -> str:
    """Points (N, 2), a colour and shape for each group; `marks` are their titles."""
    names = list(dict.fromkeys(groups))
    (x0, y0), (x1, y1) = at.min(axis=0), at.max(axis=0)
    axes, at_x, at_y = frame((float(x0), float(x1)), (float(y0), float(y1)), x_name, y_name)
    drawn = []
    for number, ((x, y), group) in enumerate(zip(at, groups)):
        which = names.index(group)
        title = f"<title>{escape(marks[number])}</title>" if marks else ""
        drawn.append(mark(at_x(float(x)), at_y(float(y)), which, title))
    legend = "".join(
        f'<li><svg width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true">{mark(0, 0, number)}</svg> {escape(name)}</li>'
        for number, name in enumerate(names[:24])
    )
    return svg(axes + "".join(drawn), label) + (f'<ul class="legend">{legend}</ul>' if len(names) > 1 else "")


def mark(x: float, y: float, which: int, title: str = "") -> str:
    """Circle, square, triangle, diamond: so that colour is never the only sign."""
    colour = CLASSES[which % 8]
    shapes = (
        "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0",
        "M-4-4h8v8h-8z",
        "M0-5L5 4H-5z",
        "M0-5L5 0L0 5L-5 0z",
        "M-4-4L4 4M-4 4L4-4",
    )
    shape = shapes[(which + which // 8) % 5]
    fill = (
        f'fill="none" stroke="{colour}" stroke-width="2"'
        if shape.endswith("L4-4")
        else f'fill="{colour}" fill-opacity=".75"'
    )
    return f'<path transform="translate({x:.1f} {y:.1f})" d="{shape}" {fill}>{title}</path>'


def svg(inside: str, label: str, width: int = WIDTH, height: int = HEIGHT) -> str:
    return f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">{inside}</svg>'


def png(pixels: np.ndarray) -> str:
    """Pixels (H, W), (H, W, 3) or (H, W, 4) uint8 as the address of a picture."""
    from PIL import Image

    file = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels if pixels.ndim == 2 or pixels.shape[2] > 1 else pixels[..., 0])).save(
        file, "png"
    )
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def diverging(values: np.ndarray, top: float | None = None) -> np.ndarray:
    """Values (H, W) as colours (H, W, 3): orange above 0, blue below, white at 0."""
    top = top or float(np.abs(values).max()) or 1.0
    share = np.clip(values / top, -1, 1)[..., None]  # (H, W, 1)
    plus, minus, white = np.array([245, 147, 34.0]), np.array([8, 119, 189.0]), np.array([250, 250, 250.0])
    return np.rint(white + np.abs(share) * (np.where(share >= 0, plus, minus) - white)).astype(np.uint8)  # (H, W, 3)


def picture(pixels: np.ndarray, label: str, width: int = 160) -> str:
    return f'<img class="pixel" src="{png(pixels)}" alt="{escape(label)}" style="width:{width}px">'

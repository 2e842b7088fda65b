"""What a rung says of the test rows: confusion, calibration, decision boundary, map of rows, nearest training rows."""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import Any

import numpy as np
from nicegui import ui

from fofx.studio.look import Page, drawn, link, run_link, shown, table, tag
from fofx.studio.pages import draw
from fofx.studio.pages.inside_parts import Look, Option, has, matrix, row_cards, row_option

MOST_CLASSES = 24
SHOWN_CELLS = 6


# ---- confusion


def confusion(function: Any, rung: str | None, values: dict[str, Any]) -> Any:
    from fofx.see.confusion import confusion as work

    return work(function, rung)


def draw_confusion(page: Page, function: Any, found: Any) -> None:
    order = np.argsort(-found.counts.sum(axis=1), kind="stable")[:MOST_CLASSES]
    order = np.sort(order)
    names = [found.names[at] for at in order]
    counts = found.counts[np.ix_(order, order)]
    caption = page.say("studio.inside.confusion.caption")
    with ui.element().classes("scroll"):
        drawn(matrix(counts, names, names, caption, page.say("studio.inside.confusion.corner")))
    if len(found.names) > len(names):
        tag("p", page.say("studio.result.more", count=len(found.names) - len(names)), "soft small")
    worst = found.worst(SHOWN_CELLS)
    if not worst:
        return
    tag("h3", page.say("studio.inside.confusion.most")).style("margin-top: 12px")
    with ui.element("ul"):
        for right, answered, count in worst:
            places = found.places[found.names.index(right), found.names.index(answered)]
            with ui.element("li"):
                tag("span", page.say("studio.inside.confusion.line", right=right, answered=answered, count=count) + " ")
                for place in places[:8]:
                    link(f"#{place + 1}", run_link(function.run.name, "predict", f"row={place + 1}"), "num")
                    tag("span", " ")


# ---- calibration


def calibration(function: Any, rung: str | None, values: dict[str, Any]) -> Any:
    from fofx.see.calibration import calibration as work

    return work(function, rung)


def draw_calibration(page: Page, function: Any, found: Any) -> None:
    if hasattr(found, "promised"):
        wide = [(page.say("studio.inside.calibration.held"), 100 * found.promised, 100 * found.held)]
        line = (page.say("studio.inside.calibration.perfect"), [0, 100], [0, 100])
        with ui.element().style("max-width: 560px"):
            drawn(
                draw.curves(
                    [*wide, line],
                    page.say("studio.inside.calibration"),
                    page.say("studio.inside.calibration.promised"),
                    "%",
                )
            )
        rows = [
            (f"{100 * p:.0f} %", f"± {shown(float(r))}", f"{100 * h:.1f} %", f"{100 * low:.0f}–{100 * high:.0f} %")
            for p, r, h, low, high in zip(found.promised, found.reach, found.held, found.low, found.high)
        ]
        keys = ("studio.inside.calibration.promised", "studio.inside.calibration.reach", "studio.inside.calibration.held", "studio.inside.calibration.chance")  # fmt: skip
        table([page.say(key) for key in keys], rows)
        return
    full = found.counts > 0
    line = (page.say("studio.inside.calibration.perfect"), [0, 100], [0, 100])
    came = (page.say("studio.inside.calibration.came"), 100 * found.said[full], 100 * found.came[full])
    with ui.element().style("max-width: 560px"):
        drawn(
            draw.curves(
                [came, line], page.say("studio.inside.calibration"), page.say("studio.inside.calibration.said"), "%"
            )
        )
    with ui.element().classes("row"):
        tag("span", f"ECE {found.ece:.3f}", "chip num")
        tag("span", page.say("studio.inside.calibration.worst", value=f"{found.worst:.3f}"), "chip num")
        if found.brier is not None:
            tag("span", f"Brier {found.brier:.3f}", "chip num")
    lines = [
        (
            f"{100 * found.edges[at]:.0f}–{100 * found.edges[at + 1]:.0f} %",
            f"{found.counts[at]:,}",
            f"{100 * found.said[at]:.0f} %",
            f"{100 * found.came[at]:.0f} %",
            f"{100 * found.low[at]:.0f}–{100 * found.high[at]:.0f} %",
        )
        for at in np.flatnonzero(full)
    ]
    heads = ("studio.inside.calibration.bin", "studio.result.rows", "studio.inside.calibration.said", "studio.inside.calibration.came", "studio.inside.calibration.chance")  # fmt: skip
    table([page.say(key) for key in heads], lines)


# ---- boundary


def flat_columns(function: Any) -> list[str]:
    return [column.name for column in function.task.inputs if column.kind in ("number", "date", "category")]


def boundary_options(function: Any) -> list[Option]:
    names = flat_columns(function)[:400]
    kinds = {column.name: column.kind for column in function.task.inputs}
    names.sort(key=lambda name: kinds[name] != "number")  # numbers first, in their own order
    second = names[1] if len(names) > 1 else ""
    return [
        Option("x", "studio.inside.x", names[0], choices=names),
        Option("y", "studio.inside.y", second, choices={"": "–", **{name: name for name in names}}),
    ]


def boundary(function: Any, rung: str | None, values: dict[str, Any]) -> Any:
    from fofx.see.boundary import boundary as work

    columns = [values["x"], *([values["y"]] if values["y"] and values["y"] != values["x"] else [])]
    row = 0 if has(function, "picture") else None
    return work(function, columns, rung, row=row, points=200)


def numbers_of(ticks: list[Any]) -> np.ndarray:
    """Places along an axis: numbers as they are, moments and words by their number."""
    if all(isinstance(tick, int | float) for tick in ticks):
        return np.array(ticks, np.float64)
    return np.arange(len(ticks), dtype=np.float64)


def words_of(axis: Any) -> list[str]:
    """The words of an axis of words, or its days; [] for numbers, which name themselves."""
    return [] if all(isinstance(tick, int | float) for tick in axis.ticks) else [str(tick) for tick in axis.ticks]


def draw_boundary(page: Page, function: Any, found: Any) -> None:
    if found.y is None:
        at = numbers_of(found.x.ticks)
        if found.classes is None:
            series = [(found.output, at, found.values)]
        else:
            series = [(name, at, found.values[:, number]) for number, name in enumerate(found.classes[:8])]
        with ui.element().style("max-width: 640px"):
            drawn(draw.curves(series, page.say("studio.inside.boundary"), found.x.name, found.output))
        return
    with ui.element().style("max-width: 640px"):
        drawn(boundary_picture(found, page.say("studio.inside.boundary")))
    if found.classes is None:
        low, high = float(found.values.min()), float(found.values.max())
        tag("p", page.say("studio.inside.boundary.range", low=shown(low), high=shown(high)), "soft small")
    else:
        items = "".join(
            f'<li><i style="background:{draw.CLASSES[number % 8]}"></i>{escape(name)}</li>'
            for number, name in enumerate(found.classes[:16])
        )
        drawn(f'<ul class="legend">{items}</ul>')
    tag("p", page.say("studio.inside.boundary.points"), "soft small")


def boundary_picture(found: Any, label: str) -> str:
    """The grid as an image behind the axes, training points small, test points large with a ring where the answer was wrong."""
    xs, ys = numbers_of(found.x.ticks), numbers_of(found.y.ticks)
    if found.classes is None:
        middle = (found.values.max() + found.values.min()) / 2
        pixels = draw.diverging(found.values - middle)
    else:
        colours = np.array([[int(c[at : at + 2], 16) for at in (1, 3, 5)] for c in draw.CLASSES], np.float64)
        best = found.values.argmax(axis=2)  # (V, W)
        sure = found.values.max(axis=2)[..., None]  # (V, W, 1)
        pixels = np.rint(255 + (colours[best % 8] - 255) * np.clip(0.25 + 0.6 * sure, 0, 0.8)).astype(np.uint8)
    axes, at_x, at_y = draw.frame(
        ends(xs), ends(ys), found.x.name, found.y.name, x_words=words_of(found.x), y_words=words_of(found.y)
    )
    left, right, top, bottom = at_x(ends(xs)[0]), at_x(ends(xs)[1]), at_y(ends(ys)[1]), at_y(ends(ys)[0])
    image = (
        f'<image href="{draw.png(pixels[::-1])}" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
        f'height="{bottom - top:.1f}" preserveAspectRatio="none" style="image-rendering:pixelated"/>'
    )
    marks = []
    for points in found.points:
        for n in range(len(points.right)):
            x, y = place(points.x[n], found.x.ticks), place(points.y[n], found.y.ticks)
            if x is None or y is None:
                continue
            title = f"<title>{escape(str(points.right[n]))}</title>"
            if found.classes is None:
                size = 4 if points.part == "test" else 2.5
                marks.append(
                    f'<circle cx="{at_x(x):.1f}" cy="{at_y(y):.1f}" r="{size}" fill="#222" fill-opacity=".5">{title}</circle>'
                )
                continue
            which = found.classes.index(str(points.right[n])) if str(points.right[n]) in found.classes else 7
            wrong = points.part == "test" and str(points.right[n]) != str(points.answered[n])
            ring = f'<circle cx="{at_x(x):.1f}" cy="{at_y(y):.1f}" r="8" fill="none" stroke="#222" stroke-width="1.5"/>'
            marks.append(
                f'<g stroke="#222" stroke-width=".6">{draw.mark(at_x(x), at_y(y), which, title)}</g>'
                + (ring if wrong else "")
            )
    return draw.svg(image + axes + "".join(marks), label)


def ends(values: np.ndarray) -> tuple[float, float]:
    return float(values[0]), float(values[-1]) if values[-1] > values[0] else float(values[0]) + 1


def place(value: Any, ticks: list[Any]) -> float | None:
    """Where a value lies on an axis; None when it lies beyond, or is missing."""
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = numbers_of(ticks)[[0, -1]]
        return float(value) if low <= value <= high else None
    if hasattr(value, "timestamp"):
        moments = np.array([tick.timestamp() for tick in ticks])
        at = value.timestamp()
        inside = moments[0] <= at <= moments[-1]
        return float(np.interp(at, moments, np.arange(len(moments)))) if inside else None
    return float(ticks.index(value)) if value in ticks else None


# ---- map and neighbours


def embedding(function: Any, rung: str | None, values: dict[str, Any]) -> Any:
    from fofx.see.embedding import embedding as work

    return work(function, rung, values["method"], most=600)


def draw_embedding(page: Page, function: Any, found: Any) -> None:
    labels = [str(right) for right in found.right]
    titles = [f"#{p + 1}: {shown(r)} → {shown(a)}" for p, r, a in zip(found.places, found.right, found.answered)]
    number = found.wrong is None
    if number:
        values = np.array(found.right, np.float64)
        edges = np.quantile(values, [0.2, 0.4, 0.6, 0.8])
        names = [f"≤ {edges[0]:.4g}", *(f"{a:.4g} – {b:.4g}" for a, b in pairwise(edges)), f"> {edges[-1]:.4g}"]
        order = np.searchsorted(edges, values)
        labels = [names[at] for at in order]
        by_value = np.argsort(order, kind="stable")
        points, labels, titles = (
            found.points[by_value],
            [labels[at] for at in by_value],
            [titles[at] for at in by_value],
        )
    else:
        points = found.points
    with ui.element().style("max-width: 680px"):
        drawn(draw.points(points, labels, page.say("studio.inside.embedding"), titles))
    said = page.say("studio.inside.embedding.kept", share=f"{100 * found.kept:.0f}")
    tag("p", f"{said} {page.say('studio.inside.embedding.tsne') if found.explained is None else ''}", "soft small")


def neighbours(function: Any, rung: str | None, values: dict[str, Any]) -> Any:
    from fofx.see.neighbours import neighbours as work
    from fofx.see.rows import frame_of

    row = values["row"] - 1
    return work(function, [row], rung, k=6), frame_of(function, "test", [row])


def draw_neighbours(page: Page, function: Any, found: Any) -> None:
    near, own = found
    spaces = {"evidence": "studio.inside.neighbours.evidence", "features": "studio.inside.neighbours.features", "raw": "studio.inside.neighbours.raw"}  # fmt: skip
    tag("p", page.say(spaces.get(near.space, "studio.inside.neighbours.raw")), "soft small")
    output = near.output
    row_cards(page, function, own, [f"{page.say('studio.inside.neighbours.own')}: {shown(own[output][0])}"])
    tag("p", page.say("studio.inside.neighbours.nearest"), "soft").style("margin-top: 12px")
    titles = [f"{shown(label)} · {distance:.3g}" for label, distance in zip(near.labels[0], near.distances[0])]
    row_cards(page, function, near.frame, titles)


METHODS = {"pca": "PCA", "tsne": "t-SNE"}

LOOKS = (
    Look("confusion", "studio.inside.confusion", "studio.inside.confusion.text", lambda f: f.outputs[0].kind == "category", confusion, draw_confusion),
    Look("calibration", "studio.inside.calibration", "studio.inside.calibration.text", lambda f: True, calibration, draw_calibration),
    Look("boundary", "studio.inside.boundary", "studio.inside.boundary.text", lambda f: bool(flat_columns(f)), boundary, draw_boundary, boundary_options),
    Look("embedding", "studio.inside.embedding", "studio.inside.embedding.text", lambda f: True, embedding, draw_embedding, lambda f: [Option("method", "studio.inside.method", "pca", choices=METHODS)]),
    Look("neighbours", "studio.inside.neighbours", "studio.inside.neighbours.text", lambda f: True, neighbours, draw_neighbours, lambda f: [row_option(f)]),
)  # fmt: skip

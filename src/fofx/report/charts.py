"""Charts as inline SVG: Vega-Lite specifications, drawn by vl-convert, with no script and in the page's own colours.

A title written as @key@ becomes one text per language; the page's style shows the chosen one. The colours INK, GRID, ... stand
for the page's variables of the same name: its style overrides them, so that a chart is right in light and in dark.
Shapes: N rows, S steps.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from fofx.explain.markup import escape
from fofx.words import LANGUAGES, say

INK, GRID, QUIET, BLUE, ORANGE = "#404244", "#d9dadb", "#8a8d91", "#0f6cbd", "#c75300"
MOST_POINTS = 900  # of a cloud of points
MOST_MOMENTS = 250  # of a curve in time
BLOCKS = 120  # means of a loss curve
WIDTH, HEIGHT = 380, 230
CONFIG = {
    "background": None,
    "font": "sans-serif",
    "padding": 4,
    "view": {"stroke": None},
    "axis": {
        "labelColor": INK, "titleColor": INK, "domainColor": QUIET, "tickColor": QUIET, "gridColor": GRID,
        "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "labelLimit": 130,
    },
    "legend": {"labelColor": INK, "titleColor": INK, "labelFontSize": 12},
    "text": {"color": INK, "fontSize": 12},
    "aria": False,
}  # fmt: skip


def svg(label: str, values: list[dict], layers: list[dict], width: int = WIDTH, height: int | dict = HEIGHT) -> str:
    """One chart. `label` is the key of the text that says what it shows, for those who cannot see it."""
    import vl_convert

    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json", "config": CONFIG, "width": width,
        "height": height, "data": {"values": values}, "layer": layers,
    }  # fmt: skip
    drawn = vl_convert.vegalite_to_svg(spec)
    drawn = re.sub(r"<text([^>]*)>@([\w.-]+)@</text>", in_every_language, drawn)
    names = " / ".join(say(label, lang) for lang in LANGUAGES)
    return drawn.replace("<svg ", f'<svg role="img" aria-label="{escape(names)}" ', 1)


def in_every_language(found: re.Match) -> str:
    attributes, key = found.groups()
    return "".join(f'<text lang="{lang}"{attributes}>{escape(say(key, lang))}</text>' for lang in LANGUAGES)


def axis(name: str, title: str, **more: Any) -> dict:
    """An axis of numbers called by the text of the key `title`, or by a plain word such as a metric."""
    scale = more.pop("scale", {"zero": False})
    settings = {"title": f"@{title}@" if title.startswith("report.") else title, "tickCount": 5, "grid": True, **more}
    return {"field": name, "type": "quantitative", "axis": settings, "scale": scale}


def ladder(rungs: list[dict], naive: float | None, more_is_better: bool, metric: str) -> str:
    """A dot for each rung's test score, a ring for its validation score, and the line that every rung must pass."""
    scores = [rung[part] for rung in rungs for part in ("test", "validation") if rung[part] is not None]
    low, high = min(scores), max(scores)
    if more_is_better:
        low, high = (0.0 if low >= 0 else max(low, -1.0)), max(high, 1.0 if metric != "r2" else high)
    else:
        low, high = 0.0, min(high, 2 * naive if naive else high)  # one wild rung should not flatten the others
    for rung in rungs:
        rung["text"] = "" if rung["test"] is None else f"{rung['test']:.4g}"
    y = {
        "field": "name", "type": "nominal", "sort": None,
        "axis": {"title": None, "grid": False, "ticks": False, "domain": False, "labelPadding": 6},
    }  # fmt: skip
    scale = {"domain": [low, high], "clamp": True, "nice": True}
    x = axis("test", metric, scale=scale)
    colour = {"condition": {"test": "datum.won", "value": BLUE}, "value": QUIET}
    layers: list[dict] = [
        {"mark": {"type": "rule", "color": GRID}, "encoding": {"y": y, "x": axis("validation", metric, scale=scale), "x2": {"field": "test"}}},
        {"mark": {"type": "point", "filled": False, "size": 60, "opacity": 1}, "encoding": {"y": y, "x": {**x, "field": "validation"}, "color": colour}},
        {"mark": {"type": "point", "filled": True, "size": 80, "opacity": 1}, "encoding": {"y": y, "x": x, "color": colour}},
    ]  # fmt: skip
    if naive is not None:
        line = {"mark": {"type": "rule", "color": ORANGE, "strokeDash": [5, 4], "strokeWidth": 1.5}}
        layers.insert(0, {**line, "encoding": {"x": {"datum": naive, "type": "quantitative"}}})
    return svg("report.chart.ladder", rungs, layers, height={"step": 26})


def in_time(right: np.ndarray, predicted: np.ndarray, reach: float | None = None) -> str:
    """Right and answered, one test row after another in the order of time; a band as far as nine in ten answers reach."""
    rows = range(len(right))
    values: list[dict] = [{"row": n, "right": float(right[n]), "predicted": float(predicted[n])} for n in rows]
    x = axis("row", "report.axis.order", scale={"zero": False, "nice": False}, grid=False)
    layers = [
        {"mark": {"type": "line", "color": QUIET, "strokeWidth": 2}, "encoding": {"x": x, "y": axis("right", "report.axis.value")}},
        {"mark": {"type": "line", "color": BLUE, "strokeWidth": 1.5}, "encoding": {"x": x, "y": axis("predicted", "report.axis.value")}},
    ]  # fmt: skip
    if reach:
        for row in values:
            row |= {"low": row["predicted"] - reach, "high": row["predicted"] + reach}
        band = {"x": x, "y": axis("low", "report.axis.value"), "y2": {"field": "high"}}
        layers.insert(0, {"mark": {"type": "area", "color": BLUE, "opacity": 0.13}, "encoding": band})
    return svg("report.chart.in-time", values, layers, width=780, height=200)


def fan(past: np.ndarray, right: np.ndarray, predicted: np.ndarray, reach: np.ndarray, naive: np.ndarray) -> str:
    """One moment: the past (P,), what came (H,), the forecast (H,) with how far it reaches (H,), and the naive answer (H,)."""
    last = float(past[-1])
    values: list[dict] = [{"step": n - len(past) + 1, "right": float(value)} for n, value in enumerate(past)]
    values.append({"step": 0, "predicted": last, "low": last, "high": last, "naive": last})
    for n, (came, said, far, plain) in enumerate(zip(right, predicted, reach, naive), start=1):
        row = {"step": n, "right": float(came), "predicted": float(said), "naive": float(plain)}
        values.append(row | {"low": float(said - far), "high": float(said + far)})
    x = axis("step", "report.axis.ahead", scale={"nice": False, "zero": False}, grid=False, tickMinStep=1)
    layers: list[dict] = [
        {"mark": {"type": "area", "color": BLUE, "opacity": 0.15}, "transform": [{"filter": "isValid(datum.low)"}],
         "encoding": {"x": x, "y": axis("low", "report.axis.value"), "y2": {"field": "high"}}},
    ]  # fmt: skip
    for name, colour, dash in (("right", QUIET, [1, 0]), ("naive", ORANGE, [4, 3]), ("predicted", BLUE, [1, 0])):
        mark = {"type": "line", "color": colour, "strokeWidth": 1.7, "strokeDash": dash}
        y = axis(name, "report.axis.value")
        valid = [{"filter": f"isValid(datum.{name})"}]
        layers.append({"mark": mark, "transform": valid, "encoding": {"x": x, "y": y}})
    return svg("report.chart.fan", values, layers, width=250, height=150)


def losses(steps: list[dict]) -> str:
    """Training loss (the mean of each stretch of steps) and validation loss of one rung, and where it was best."""
    numbers = np.array([step["step"] for step in steps], dtype=np.float64)  # (S,)
    values = np.array([step["loss"] for step in steps], dtype=np.float64)  # (S,)
    parts = [part for part in np.array_split(np.arange(len(steps)), min(BLOCKS, len(steps))) if len(part)]
    rows: list[dict] = [{"step": float(numbers[p].mean()), "loss": float(values[p].mean())} for p in parts]
    checked = [(step["step"], step["validation"]) for step in steps if step.get("validation") is not None]
    checked = [pair for pair in checked if np.isfinite(pair[1])]
    rows += [{"step": step, "validation": value} for step, value in checked]
    every = [value for row in rows for key, value in row.items() if key != "step"]
    kind = "log" if min(every) > 0 and max(every) > 20 * min(every) else "linear"
    scale = {"type": kind, "zero": False, "nice": kind == "linear"}
    x = axis("step", "report.axis.step", scale={"zero": True, "nice": False}, grid=False, format="~s")
    layers: list[dict] = [
        {"mark": {"type": "line", "color": QUIET, "strokeWidth": 1.5}, "transform": [{"filter": "isValid(datum.loss)"}],
         "encoding": {"x": x, "y": axis("loss", "report.axis.loss", scale=scale)}},
    ]  # fmt: skip
    if checked:
        best = min(checked, key=lambda pair: pair[1])
        y = axis("validation", "report.axis.loss", scale=scale)
        layers += [
            {"mark": {"type": "line", "color": BLUE, "strokeWidth": 2, "point": {"color": BLUE, "size": 16}},
             "transform": [{"filter": "isValid(datum.validation)"}], "encoding": {"x": x, "y": y}},
            {"mark": {"type": "point", "filled": False, "color": ORANGE, "size": 110, "strokeWidth": 2, "opacity": 1},
             "transform": [{"filter": f"datum.step == {best[0]} && isValid(datum.validation)"}], "encoding": {"x": x, "y": y}},
        ]  # fmt: skip
    return svg("report.chart.losses", rows, layers, width=300, height=180)


def answers(right: np.ndarray, predicted: np.ndarray) -> str:
    """A point for each test row: what is right across, what was answered up; on the line they are equal."""
    low, high = float(min(right.min(), predicted.min())), float(max(right.max(), predicted.max()))
    values: list[dict] = [{"right": float(r), "predicted": float(p)} for r, p in zip(right, predicted)]
    values += [{"right": end, "predicted": end, "line": True} for end in (low, high)]
    scale = {"domain": [low, high], "nice": True, "zero": False}
    x, y = axis("right", "report.axis.right", scale=scale), axis("predicted", "report.axis.predicted", scale=scale)
    encoding = {"x": x, "y": y}
    layers = [
        {"mark": {"type": "line", "color": ORANGE, "strokeDash": [5, 4]}, "transform": [{"filter": "datum.line"}], "encoding": encoding},
        {"mark": {"type": "point", "filled": True, "color": BLUE, "size": 18, "opacity": 0.5},
         "transform": [{"filter": "!datum.line"}], "encoding": encoding},
    ]  # fmt: skip
    return svg("report.chart.answers", values, layers, width=300, height=300)


def residuals(errors: np.ndarray) -> str:
    """How often each size of error (answer minus right) occurs; around 0 and narrow is good."""
    reach = float(np.quantile(np.abs(errors), 0.995)) or 1.0
    counts, edges = np.histogram(
        errors.clip(-reach, reach), bins=min(31, max(7, int(len(errors) ** 0.5))), range=(-reach, reach)
    )
    values = [{"from": float(a), "to": float(b), "count": int(c)} for a, b, c in zip(edges, edges[1:], counts)]
    x = axis("from", "report.axis.error", scale={"zero": False, "nice": False}, grid=False)
    layers = [
        {"mark": {"type": "bar", "color": BLUE, "opacity": 0.8, "binSpacing": 1},
         "encoding": {"x": {**x, "bin": {"binned": True}}, "x2": {"field": "to"}, "y": axis("count", "report.axis.rows", scale={"zero": True})}},
        {"mark": {"type": "rule", "color": ORANGE, "strokeDash": [5, 4]}, "encoding": {"x": {"datum": 0, "type": "quantitative"}}},
    ]  # fmt: skip
    return svg("report.chart.residuals", values, layers, width=300, height=180)

"""How the report shows series: a past as a small curve, and how far ahead the forecast can be trusted.

Shapes: N test rows, P past values, H steps ahead.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from fofx.errors import FofxError
from fofx.explain.markup import escape, words
from fofx.fields.series import Series
from fofx.report import charts
from fofx.report.facts import Facts
from fofx.report.remarks import show
from fofx.report.shown import input_drawn, results_by
from fofx.series import metrics_by_step, naive_last

MOMENTS = 3  # shown as small charts


@input_drawn.register
def curve_of(field: Series, column: pl.Series) -> str:
    """The past as a line, oldest left, in the colour of the text."""
    try:
        past = field.pasts(column)[0]  # (P,)
    except FofxError:
        return ""
    low, high = float(past.min()), float(past.max())
    share = (past - low) / (high - low) if high > low else np.full(len(past), 0.5)
    across = np.linspace(2, 158, len(past)) if len(past) > 1 else np.array([80.0])
    points = " ".join(f"{x:.1f},{44 - 40 * y:.1f}" for x, y in zip(across, share))
    return (
        f'<figure class="series"><svg viewBox="0 0 160 48" width="160" height="48" aria-hidden="true"><polyline points="{points}" '
        f'fill="none" stroke="currentColor" stroke-width="1.5"/><circle cx="{across[-1]:.1f}" cy="{44 - 40 * share[-1]:.1f}" '
        f'r="2.5" fill="currentColor"/></svg><figcaption class="quiet">{escape(field.name)}: {past[0]:.4g} … {past[-1]:.4g}'
        f"</figcaption></figure>"
    )


@results_by.register
def ahead(field: Series, facts: Facts) -> str:
    """For the first forecast series, where it is forecast several steps ahead: some moments, and the errors of each step."""
    plan = facts.function.record["data"]["reader"].get("series") or {}
    horizon, name = plan.get("horizon", 1), (plan.get("outputs") or [""])[0]
    titles = [f"{name} +{step}" for step in range(1, horizon + 1)]
    outputs = {output.name: output for output in facts.function.outputs}
    source = next((each for each in facts.function.fields if each.name == name), None)
    if horizon < 2 or facts.frame is None or not isinstance(source, Series) or not set(titles) <= set(outputs):
        return ""
    right = np.stack([facts.right_of(outputs[title]) for title in titles], axis=1)  # (N, H)
    predicted = np.stack([facts.predicted_of(outputs[title]) for title in titles], axis=1)  # (N, H)
    pasts = source.pasts(facts.frame[name])  # (N, P)
    best, naive = naive_of(facts, titles, pasts)
    return charts_of(facts, titles, pasts, right, predicted, best, naive) + table_of(
        facts, right, predicted, best, naive
    )


def naive_of(facts: Facts, titles: list[str], pasts: np.ndarray) -> tuple[str, np.ndarray]:
    """The name and the forecasts (N, H) of the best naive answer; the last value where the run's cannot be had."""
    name = facts.function.naive
    found = facts.function.test_predictions.get(name)
    try:
        found = facts.function.predict(facts.frame, name) if found is None and facts.frame is not None else found
    except FofxError:
        found = None
    if found is None:
        return "last value", naive_last(pasts, len(titles))
    return name, np.stack([found[title] for title in titles], axis=1)


def charts_of(
    facts: Facts,
    titles: list[str],
    pasts: np.ndarray,
    right: np.ndarray,
    predicted: np.ndarray,
    best: str,
    naive: np.ndarray,
) -> str:
    """Some moments evenly through the test rows, a chart each."""
    assert facts.frame is not None
    reaches = facts.function.record.get("interval", {})
    reach = np.array([reaches.get(title, 0.0) for title in titles])  # (H,)
    column = facts.function.record.get("columns", {}).get("time")
    shown = min(pasts.shape[1], max(3 * len(titles), 12))
    figures = []
    for row in np.unique(np.linspace(0, len(pasts) - 1, MOMENTS + 2).astype(int)[1:-1]):
        moment = facts.frame[column][int(row)] if column in facts.frame.columns else int(row) + 1
        drawn = charts.fan(pasts[row, -shown:], right[row], predicted[row], reach, naive[row])
        caption = words("report.series.fan", moment=moment, naive=best)
        figures.append(f"<figure>{drawn}<figcaption>{caption}</figcaption></figure>")
    return f'<div class="charts">{"".join(figures)}</div>'


def table_of(facts: Facts, right: np.ndarray, predicted: np.ndarray, best: str, naive: np.ndarray) -> str:
    """The error of each step, of the winner and of the naive answer."""
    scale = getattr(facts.function.outputs[0], "naive_error", None)
    own, plain = metrics_by_step(right, predicted, scale), metrics_by_step(right, naive)
    heads = [words("report.series.step"), words("report.series.winner", winner=facts.function.winner)]
    heads += [words("report.series.naive", naive=best), *([words("report.series.mase")] if scale else [])]
    lines = [f"<tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>"]
    for step, (mine, other) in enumerate(zip(own, plain), start=1):
        cells = [show(mine["rmse"]), show(other["rmse"]), *([show(mine["mase"])] if scale else [])]
        row = "".join(f'<td class="number">{cell}</td>' for cell in cells)
        lines.append(f'<tr><th scope="row">{step}</th>{row}</tr>')
    how = f" {words('report.series.mase-how')}" if scale else ""
    return f"<p>{words('report.series.steps', naive=best)}{how}</p>" + (
        f'<div class="wide"><table class="plain">{"".join(lines)}</table></div>'
    )

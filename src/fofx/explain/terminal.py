"""Explanations as lines of a terminal, and values as a person would write them. Shapes: H x W pixels."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from fofx.words import say

if TYPE_CHECKING:
    from fofx.explain import Explanation


def as_lines(explanation: Explanation, most: int = 8) -> list[str]:
    """The answer and, strongest first, what carried it."""
    head = f"{explanation.output} = {shown(explanation.value)}"
    if explanation.about is not None:
        head += " " + say("explain.probability", "en", share=f"{explanation.base:.3f}")
    lines = [head]
    names = [name for name, _ in explanation.parts[:most]]
    width = max((len(name) for name in names), default=0)
    for name, effect in explanation.parts[:most]:
        line = f"  {name:<{width}}  {effect:+.4g}"
        if name in explanation.replaced:
            value, typical = explanation.replaced[name]
            line += "  " + say("explain.instead", "en", value=shown(value), typical=shown(typical))
        lines.append(line)
        strongest = sorted(explanation.spans.get(name, []), key=lambda span: -abs(span.effect))[:most]
        lines += [f"    {span.effect:+.4f}  {span.text}" for span in strongest]
        if name in explanation.heat:
            lines += ["    " + row for row in shades(explanation.heat[name])]
    if len(explanation.parts) > most:
        lines.append("  " + say("explain.more", "en", count=len(explanation.parts) - most))
    return [*lines, *(f"  ({note.text})" for note in explanation.notes)]


def shades(heat: np.ndarray, most: int = 16) -> list[str]:
    """A heat map in characters: . : * # speak for the answer, - = against it."""
    rows, columns = (np.linspace(0, side - 1, min(side, most)).round().astype(int) for side in heat.shape)
    small = heat[np.ix_(rows, columns)]
    top = np.abs(small).max() or 1.0
    levels = np.round(small / top * 4).astype(int)  # (rows, columns) from -4 to 4
    return ["".join(" .:*#"[level] if level >= 0 else " --=="[-level] for level in row) for row in levels]


def shown(value: Any) -> str:
    """A value as a person would write it."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e5 else f"{value:,.0f}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d" if value.time() == datetime.min.time() else "%Y-%m-%d %H:%M")
    return str(value)

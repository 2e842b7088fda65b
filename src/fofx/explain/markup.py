"""Explanations, and what reports share, as HTML: everything that comes from data is escaped, every text in two languages.

A text stands in the page once per language; the page's style shows the one that is chosen. Shapes: H x W pixels, C colours.
"""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from fofx.explain.terminal import shown
from fofx.words import LANGUAGES, notice, say

if TYPE_CHECKING:
    from fofx.errors import Notice
    from fofx.explain import Explanation

FOR, AGAINST = (0, 90, 181), (213, 94, 0)  # blue and vermilion: told apart by every kind of colour vision
MOST_ROWS = 8  # columns of a table that are drawn
FAINT = 0.12  # of the strongest effect: weaker stretches of a text are not shaded
STRIP = 2  # times wider than high: frames side by side, a curve


def escape(value: Any) -> str:
    return html.escape(str(value), quote=True)


def words(key: str, lang: str | None = None, **values: Any) -> str:
    """The text called `key`, escaped; in both languages when none is given."""
    if lang is not None:
        return escape(say(key, lang, **values))
    return "".join(f'<span lang="{each}">{escape(say(key, each, **values))}</span>' for each in LANGUAGES)


def told(note: Notice, lang: str | None = None) -> str:
    """A notice, escaped, in one language or both."""
    if lang is not None:
        return escape(notice(note, lang))
    return "".join(f'<span lang="{each}">{escape(notice(note, each))}</span>' for each in LANGUAGES)


def picture_uri(picture: np.ndarray) -> str:
    """(H, W, C) uint8 with 1, 3 or 4 colours as the address of a PNG inside the page."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(picture[..., 0] if picture.shape[2] == 1 else picture))
    if max(image.size) > 160 and image.width <= STRIP * image.height:
        image.thumbnail((160, 160))
    elif image.width > 640 or image.height > 160:
        image.thumbnail((640, 160))
    kept = io.BytesIO()
    image.save(kept, "PNG")
    return "data:image/png;base64," + base64.b64encode(kept.getvalue()).decode()


def heat_picture(heat: np.ndarray) -> np.ndarray:
    """Effects (H, W) as a see-through layer (H, W, 4): blue speaks for the answer, vermilion against it."""
    strength = np.abs(heat) / (np.abs(heat).max() or 1.0)  # (H, W)
    colour = np.where((heat >= 0)[..., None], FOR, AGAINST)  # (H, W, 3)
    return np.concatenate([colour, 225 * strength[..., None]], axis=2).round().astype(np.uint8)


def picture_and_heat(picture: np.ndarray, heat: np.ndarray) -> str:
    """The picture, and beside it the same with what carried the answer laid over it."""
    address = picture_uri(picture)
    strip = " strip" if picture.shape[1] > STRIP * picture.shape[0] else ""
    return (
        f'<div class="looked{strip}"><img src="{address}" alt=""><span class="over"><img src="{address}" alt="">'
        f'<img src="{picture_uri(heat_picture(heat))}" alt=""></span></div>'
    )


def coloured_text(text: str, spans: list) -> str:
    """The text with its stretches shaded by their effects; a long text shows the parts around its strongest stretches."""
    top = max((abs(span.effect) for span in spans), default=0.0) or 1.0
    pieces, at = [], 0
    for span in spans:
        pieces.append(escape(text[at : span.start]))
        share = abs(span.effect) / top
        if share < FAINT:
            pieces.append(escape(span.text))
        else:
            side = "for" if span.effect > 0 else "against"
            style = f"--much:{share:.2f}"
            pieces.append(f'<mark class="{side}" style="{style}" title="{span.effect:+.4f}">{escape(span.text)}</mark>')
        at = span.end
    pieces.append(escape(text[at:]))
    return f'<p class="text">{"".join(pieces)}</p>'


def bars(rows: list[tuple[str, str, float]]) -> str:
    """A table of (name, remark, effect) with a bar to the right for effects above 0, to the left below."""
    top = max((abs(effect) for _, _, effect in rows), default=0.0) or 1.0
    lines = []
    for name, remark, effect in rows:
        side = "for" if effect >= 0 else "against"
        bar = f'<i class="{side}" style="--much:{abs(effect) / top:.3f}"></i>'
        lines.append(
            f'<tr><th scope="row">{escape(name)}</th><td class="remark">{escape(remark)}</td>'
            f'<td class="both">{bar}</td><td class="number">{effect:+.3g}</td></tr>'
        )
    return f'<table class="bars">{"".join(lines)}</table>'


def draw(explanation: Explanation, lang: str | None = None) -> str:
    """One explanation as a piece of HTML: its picture, its text, its columns."""
    pieces = [picture_and_heat(explanation.pictures[name], heat) for name, heat in explanation.heat.items()]
    pieces += [coloured_text(explanation.texts[name], spans) for name, spans in explanation.spans.items()]
    several = len(explanation.parts) > 1
    rows = []
    for name, effect in explanation.parts[:MOST_ROWS] if several or explanation.replaced else []:
        value, typical = explanation.replaced.get(name, (None, None))
        remark = f"{brief(value)} / {brief(typical)}" if name in explanation.replaced else ""
        rows.append((name, remark, effect))
    if rows:
        pieces.append(bars(rows))
    if len(explanation.parts) > MOST_ROWS:
        pieces.append(f'<p class="quiet">{words("explain.more", lang, count=len(explanation.parts) - MOST_ROWS)}</p>')
    pieces += [f'<p class="quiet">{told(note, lang)}</p>' for note in explanation.notes]
    return f'<div class="explained">{"".join(pieces)}</div>'


def brief(value: Any) -> str:
    """A value in little room."""
    return f"{value:.3g}" if isinstance(value, float) and abs(value) < 1e5 else shown(value)


def alone(explanation: Explanation) -> str:
    """For a notebook: the piece with its own style, and the answer above it."""
    head = f"<b>{escape(explanation.output)} = {escape(shown(explanation.value))}</b>"
    if explanation.about is not None:
        head += " " + words("explain.probability", "en", share=f"{explanation.base:.3f}")
    rest = "".join(alone(other) for other in explanation.others)
    return f"<style>{STYLE}</style><div>{head}{draw(explanation, 'en')}</div>{rest}"


STYLE = """
.explained mark { color: inherit; border-radius: 3px; padding: 0 1px; }
.explained mark.for { background: rgb(0 114 220 / calc(var(--much) * 60%)); }
.explained mark.against { background: rgb(230 110 0 / calc(var(--much) * 70%)); }
.explained .text { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.9; margin: .3em 0; max-height: 17em;
  overflow: auto; }
.explained .looked { display: flex; gap: .5em; }
.explained .looked img { width: 7em; image-rendering: pixelated; display: block; border-radius: 4px; }
.explained .looked.strip { flex-direction: column; }
.explained .looked.strip img { width: 100%; max-width: 30em; }
.explained .over { position: relative; }
.explained .over img:first-child { filter: grayscale(1) opacity(.55); }
.explained .over img + img { position: absolute; inset: 0; }
.bars { border-collapse: collapse; width: 100%; }
.bars th, .bars td { text-align: left; font-weight: normal; padding: .12em .5em .12em 0; border: 0;
  vertical-align: middle; }
.bars td.number { text-align: right; }
.bars th { max-width: 11em; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.bars .number, .bars .remark { white-space: nowrap; }
.bars .remark { opacity: .7; max-width: 9em; overflow: hidden; text-overflow: ellipsis; }
.bars .both { width: 34%; min-width: 4em; }
.bars i { display: block; height: .75em; border-radius: 2px; width: calc(var(--much) * 50%); }
.bars i.for { background: #2f81d6; margin-left: 50%; }
.bars i.against { background: #e07b1a; margin-left: calc(50% - var(--much) * 50%); }
"""

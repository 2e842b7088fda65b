"""What happens inside a run's network: saliency, activation maps, filters, attention, gradients, dead units, the landscape."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from nicegui import ui

from fofx.studio.look import Page, drawn, shown, table, tag
from fofx.studio.pages import draw
from fofx.studio.pages.inside_parts import Look, Option, colour_picture, gallery, grey, has, has_network, row_option

CHANNELS = 16  # maps of one window that are shown
TOKENS = 40


# ---- saliency

METHODS = {"integrated-gradients": "integrated gradients", "grad-cam": "Grad-CAM", "occlusion": "occlusion"}


def saliency(function: Any, rung: str | None, values: dict[str, Any]) -> Any:
    from fofx.see.salient import salient

    return salient(function, [values["row"] - 1], rung, method=values["method"])[0]


def draw_saliency(page: Page, function: Any, found: Any) -> None:
    about = found.about if found.about is not None else found.output
    tag("p", f"{found.rung}: {found.output} = {shown(found.value)} ({shown(found.base)})")
    for name, heat in found.heat.items():
        gallery(
            [
                (draw.picture(found.pictures[name], name, 190), name),
                (
                    colour_picture(heat, 190, page.say("studio.inside.saliency")),
                    page.say("studio.inside.saliency.heat", about=about),
                ),
            ]
        )
    for name, spans in found.spans.items():
        drawn(tokens_shaded(found.texts[name], spans))
    if found.columns:
        order = sorted(found.columns.items(), key=lambda each: -abs(each[1]))[:14]
        drawn(draw.bars(order, page.say("studio.inside.saliency")))
    if found.error is not None:
        tag("p", page.say("studio.inside.saliency.error", error=f"{found.error:.2g}"), "soft small")
    tag("p", page.say("studio.inside.saliency.colours"), "soft small")


def tokens_shaded(text: str, spans: list[Any]) -> str:
    """The text with every token shaded by its effect: orange for the answer, blue against it."""
    top = max((abs(span.effect) for span in spans), default=0.0) or 1.0
    pieces, at = [], 0
    for span in sorted(spans, key=lambda span: span.start):
        if span.end <= at:
            continue
        pieces.append(escape(text[at : span.start]))
        side = "--plus" if span.effect > 0 else "--minus"
        shade = f"color-mix(in srgb, var({side}) {60 * abs(span.effect) / top:.0f}%, transparent)"
        pieces.append(
            f'<mark style="color:inherit;border-radius:3px;background:{shade}" title="{span.effect:+.4f}">{escape(text[span.start : span.end])}</mark>'
        )
        at = span.end
    pieces.append(escape(text[at:]))
    return f'<p style="line-height:2;white-space:pre-wrap;max-height:16em;overflow:auto">{"".join(pieces)}</p>'


# ---- maps, filters, attention


def maps(function: Any, rung: str | None, values: dict[str, Any]) -> Any:
    from fofx.see.activations import maps as work

    return work(function, [values["row"] - 1], rung)


def draw_maps(page: Page, function: Any, found: Any) -> None:
    for each in found:
        channels = each.values[0]  # (C, H, W)
        strongest = np.argsort(-np.abs(channels).mean(axis=(1, 2)), kind="stable")[:CHANNELS]
        size = f"{channels.shape[0]} × {channels.shape[1]} × {channels.shape[2]}"
        tag("h3", f"{each.window} · {size}").style("margin-top: 10px")
        gallery([(draw.picture(grey(channels[at]), f"{each.window} {at}", 72), str(at)) for at in strongest])
    tag("p", page.say("studio.inside.maps.scale"), "soft small")


def filters(function: Any, rung: str | None, values: dict[str, Any]) -> Any:
    from fofx.see.activations import filters as work

    return work(function, rung)


def draw_filters(page: Page, function: Any, found: Any) -> None:
    first = found[0]
    tag("h3", f"{first.layer} · {' × '.join(map(str, first.weights.shape))}")
    weights = first.weights[:48]
    top = float(np.abs(weights).max())
    if weights.shape[1] == 3:
        pictures = [
            np.rint(np.clip(0.5 + each / (2 * top), 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0) for each in weights
        ]
        gallery([(draw.picture(np.ascontiguousarray(each), str(n), 56), "") for n, each in enumerate(pictures)])
    else:
        gallery([(colour_picture(each[0], 56, str(n), top), "") for n, each in enumerate(weights)])
    rest = [
        (each.layer, " × ".join(map(str, each.weights.shape)), f"{np.abs(each.weights).mean():.3g}")
        for each in found[1:]
    ]
    if rest:
        table(
            [page.say(key) for key in ("studio.inside.layer", "studio.inside.shape", "studio.inside.mean-size")], rest
        )


def attention(function: Any, rung: str | None, values: dict[str, Any]) -> Any:
    from fofx.see.activations import attention as work

    return work(function, [values["row"] - 1], rung)


def draw_attention(page: Page, function: Any, found: Any) -> None:
    length = int(found.lengths[0])
    shown_length = min(length, TOKENS)
    names = found.tokens[0][:shown_length] if found.tokens else [str(n) for n in range(shown_length)]
    pieces = []
    for layer, weights in zip(found.layers, found.weights):
        for head in range(weights.shape[1]):
            part = weights[0, head, :shown_length, :shown_length]
            pieces.append(
                (
                    draw.picture(grey(part), f"{layer} {head}", 132),
                    f"{layer.split('.')[-2] if '.' in layer else layer} · {head + 1}",
                )
            )
    gallery(pieces)
    flow = found.rollout()[0]  # (T, T)
    look = flow[:length, :length].mean(axis=0)[:shown_length]
    tag("h3", page.say("studio.inside.attention.rollout")).style("margin-top: 12px")
    if found.tokens:
        top = float(look.max()) or 1.0
        words = "".join(
            f'<mark style="color:inherit;background:color-mix(in srgb, var(--plus) {75 * float(v) / top:.0f}%, transparent);padding:2px 4px;border-radius:3px" '
            f'title="{v:.3f}">{escape(name)}</mark> '
            for name, v in zip(names, look)
        )
        drawn(f'<p style="line-height:2">{words}</p>')
    elif found.grid:
        down, across = found.grid
        drawn(draw.picture(grey(flow[0, 1 : 1 + down * across].reshape(down, across)), "rollout", 160))
    if length > shown_length:
        tag("p", page.say("studio.result.more", count=length - shown_length), "soft small")


# ---- gradients and dead units


def gradients(function: Any, rung: str | None, values: dict[str, Any]) -> Any:
    from fofx.errors import TaskError
    from fofx.see.gradients import gradients as one
    from fofx.see.gradients import over_time

    try:
        path = over_time(function, rung, seconds=5.0)
    except TaskError as error:
        if error.code != "no-path":
            raise
        path = None
    return one(function, rung), path


def draw_gradients(page: Page, function: Any, found: Any) -> None:
    one, path = found
    keys = ("studio.inside.layer", "studio.inside.weights", "studio.inside.gradients.weight", "studio.inside.gradients.gradient", "studio.inside.gradients.update", "studio.inside.gradients.ratio")  # fmt: skip
    rows = [
        (f"{each.name} ({each.kind})", f"{each.parameters:,}", f"{each.weight:.3g}", f"{each.gradient:.3g}", f"{each.update:.3g}", "–" if each.ratio is None else f"{each.ratio:.2g}")
        for each in one.layers
    ]  # fmt: skip
    caption = page.say("studio.inside.gradients.caption", step=one.step, rate=f"{one.rate:.3g}", norm=f"{one.norm:.3g}")
    table([page.say(key) for key in keys], rows, caption, right=range(1, 6))
    if path is None:
        tag("p", page.say("studio.inside.gradients.no-path"), "soft small")
        return
    series = [(name, path.steps, path.ratio[:, number]) for number, name in enumerate(path.layers)][:8]
    with ui.element().style("max-width: 640px; margin-top: 14px"):
        drawn(
            draw.curves(
                series,
                page.say("studio.inside.gradients"),
                page.say("studio.inside.step"),
                page.say("studio.inside.gradients.ratio"),
            )
        )


def dead(function: Any, rung: str | None, values: dict[str, Any]) -> Any:
    from fofx.see.gradients import dead_units

    return dead_units(function, rung)


def draw_dead(page: Page, function: Any, found: Any) -> None:
    rows = [
        (
            each.window,
            f"{len(each.silent):,}",
            f"{int((each.silent == 1).sum()):,}",
            f"{100 * each.silent.mean():.0f} %",
        )
        for each in found.windows
    ]
    keys = ("studio.inside.window", "studio.inside.dead.units", "studio.inside.dead.dead", "studio.inside.dead.silent")
    table([page.say(key) for key in keys], rows, right=(1, 2, 3))


# ---- landscape


def landscape(function: Any, rung: str | None, values: dict[str, Any]) -> Any:
    from fofx.see.landscape import landscape as work

    return work(function, rung, values["directions"], side=25, seconds=6.0)


def draw_landscape(page: Page, function: Any, found: Any) -> None:
    if found.y is None:
        with ui.element().style("max-width: 600px"):
            drawn(
                draw.curves(
                    [(found.axes[0], found.x, found.losses)], page.say("studio.inside.landscape"), found.axes[0]
                )
            )
        return
    with ui.element().style("max-width: 640px"):
        drawn(landscape_picture(found, page.say("studio.inside.landscape")))
    low, high = float(found.losses.min()), float(found.losses.max())
    tag(
        "p",
        page.say("studio.inside.landscape.range", low=shown(low), high=shown(high), rows=found.rows, part=found.part),
        "soft small",
    )
    if found.explained is not None:
        share = 100 * sum(found.explained)
        tag("p", page.say("studio.inside.landscape.explained", share=f"{share:.0f}"), "soft small")


def landscape_picture(found: Any, label: str) -> str:
    """The loss on its plane, dark where it is low, on a log scale; with the path that the weights took."""
    losses = np.asarray(found.losses, np.float64)
    height = np.log(losses - losses.min() + 0.02 * (np.median(losses) - losses.min()) + 1e-12)
    shade = (height - height.min()) / (np.ptp(height) or 1.0)  # (B, A)
    low, high = np.array([24, 60, 110.0]), np.array([250, 240, 214.0])
    pixels = np.rint(low + shade[..., None] * (high - low)).astype(np.uint8)  # (B, A, 3)
    xs, ys = (float(found.x[0]), float(found.x[-1])), (float(found.y[0]), float(found.y[-1]))
    axes, at_x, at_y = draw.frame(xs, ys, found.axes[0], found.axes[1])
    image = (
        f'<image href="{draw.png(pixels[::-1])}" x="{at_x(xs[0]):.1f}" y="{at_y(ys[1]):.1f}" width="{at_x(xs[1]) - at_x(xs[0]):.1f}" '
        f'height="{at_y(ys[0]) - at_y(ys[1]):.1f}" preserveAspectRatio="none"/>'
    )
    marks = ""
    if found.path is not None and len(found.path):
        way = "L".join(f"{at_x(x):.1f} {at_y(y):.1f}" for x, y in found.path)
        dots = "".join(
            f'<circle cx="{at_x(x):.1f}" cy="{at_y(y):.1f}" r="3" fill="#f59322"><title>{step}</title></circle>'
            for (x, y), step in zip(found.path, found.path_steps)
        )
        marks = f'<path d="M{way}" fill="none" stroke="#f59322" stroke-width="2"/>{dots}'
    x, y = found.centre[:2]
    return draw.svg(
        image
        + axes
        + marks
        + f'<path d="M{at_x(x) - 7:.1f} {at_y(y):.1f}h14m-7-7v14" stroke="#fff" stroke-width="2.5"/>',
        label,
    )


DIRECTIONS = {"auto": "auto", "path": "PCA", "random": "random"}


def directions(function: Any) -> list[Option]:
    return [Option("directions", "studio.inside.directions", "auto", choices=DIRECTIONS)]


LOOKS = (
    Look("saliency", "studio.inside.saliency", "studio.inside.saliency.text", has_network, saliency, draw_saliency, lambda f: [row_option(f), Option("method", "studio.inside.method", "integrated-gradients", choices=METHODS)]),
    Look("maps", "studio.inside.maps", "studio.inside.maps.text", lambda f: has_network(f) and has(f, "picture"), maps, draw_maps, lambda f: [row_option(f)]),
    Look("filters", "studio.inside.filters", "studio.inside.filters.text", lambda f: has_network(f) and has(f, "picture"), filters, draw_filters),
    Look("attention", "studio.inside.attention", "studio.inside.attention.text", lambda f: has_network(f) and has(f, "text", "picture"), attention, draw_attention, lambda f: [row_option(f)]),
    Look("gradients", "studio.inside.gradients", "studio.inside.gradients.text", has_network, gradients, draw_gradients),
    Look("dead", "studio.inside.dead", "studio.inside.dead.text", has_network, dead, draw_dead),
    Look("landscape", "studio.inside.landscape", "studio.inside.landscape.text", has_network, landscape, draw_landscape, directions),
)  # fmt: skip

"""What happens inside a run's network: saliency, activation maps, filters, attention, gradients, dead units, the landscape."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from nicegui import ui

from fofx.studio.look import Page, drawn, shown, table, tag, threaded
from fofx.studio.pages import draw
from fofx.studio.pages.inside_parts import Look, Option, colour_picture, gallery, grey, has, has_network, row_option

CHANNELS = 16  # maps of one window that are shown


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
                    colour_picture(-heat, 190, page.say("studio.inside.saliency")),
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
    """The text with every token shaded by its effect: blue for the answer, orange against it."""
    top = max((abs(span.effect) for span in spans), default=0.0) or 1.0
    pieces, at = [], 0
    for span in sorted(spans, key=lambda span: span.start):
        if span.end <= at:
            continue
        pieces.append(escape(text[at : span.start]))
        side = "--minus" if span.effect > 0 else "--plus"
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


def network(function: Any, rung: str | None, values: dict[str, Any]) -> Any:
    from fofx.widgets.network import Network

    return lambda lang: Network(function, rung, lang=lang)


def attention(function: Any, rung: str | None, values: dict[str, Any]) -> Any:
    from fofx.widgets.attention import Attention

    return lambda lang: Attention(function, rung, lang=lang)


def convolution(function: Any, rung: str | None, values: dict[str, Any]) -> Any:
    from fofx.widgets.convolution import Convolution

    return lambda lang: Convolution(function=function, rung=rung, lang=lang)


def landscape(function: Any, rung: str | None, values: dict[str, Any]) -> Any:
    from fofx.widgets.landscape import Landscape

    return lambda lang: Landscape(function, rung, lang=lang)


async def draw_widget(page: Page, function: Any, make: Any) -> None:
    """A widget that works by itself: it is made off the event loop and then shown."""
    from fofx.studio.bridge import show

    show(await threaded(make, page.lang))


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


ATTENTIVE = ("transformer", "vit", "bert", "hf/", "timm/vit")


def has_layers(function: Any) -> bool:
    return has_network(function) or any(result.name == "linear" and result.error is None for result in function.rungs)


def has_pictures(function: Any) -> bool:
    return has_network(function) and has(function, "picture")


def has_attention(function: Any) -> bool:
    return any(result.error is None and result.name.startswith(ATTENTIVE) for result in function.rungs)


LOOKS = (
    Look("network", "studio.inside.network", "studio.inside.network.text", has_layers, network, draw_widget, past=False),
    Look("saliency", "studio.inside.saliency", "studio.inside.saliency.text", has_network, saliency, draw_saliency, lambda f: [row_option(f), Option("method", "studio.inside.method", "integrated-gradients", choices=METHODS)]),
    Look("attention", "studio.inside.attention", "studio.inside.attention.text", has_attention, attention, draw_widget),
    Look("maps", "studio.inside.maps", "studio.inside.maps.text", has_pictures, maps, draw_maps, lambda f: [row_option(f)]),
    Look("filters", "studio.inside.filters", "studio.inside.filters.text", has_pictures, filters, draw_filters),
    Look("convolution", "studio.inside.convolution", "studio.inside.convolution.text", has_pictures, convolution, draw_widget),
    Look("gradients", "studio.inside.gradients", "studio.inside.gradients.text", has_network, gradients, draw_gradients, past=False),
    Look("dead", "studio.inside.dead", "studio.inside.dead.text", has_network, dead, draw_dead),
    Look("landscape", "studio.inside.landscape", "studio.inside.landscape.text", has_network, landscape, draw_widget, past=False),
)  # fmt: skip

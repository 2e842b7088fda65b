"""Learn: the small worked examples, each a widget at an address of its own (/learn/line?state=...)."""

from __future__ import annotations

import importlib
import importlib.util
import json
from typing import Any

from nicegui import ui

from fofx.studio.look import Page, empty, link, math, tag
from fofx.studio.tail import parsed

# name: (module, class, title, what there is to see, formula), in the order of the course
STUDIES: dict[str, tuple[str, str, str, str, str]] = {
    "line": ("line", "Line", "studio.learn.line", "studio.learn.line.text", r"\hat{y} = w x + b"),
    "neighbours": ("neighbours", "Neighbours", "studio.learn.neighbours", "studio.learn.neighbours.text", r"d(a, b) = \sqrt{\textstyle\sum_i (a_i - b_i)^2}"),
    "tree": ("tree", "Tree", "studio.learn.tree", "studio.learn.tree.text", r"1 - \textstyle\sum_c p_c^2"),
    "bayes": ("bayes", "Bayes", "studio.learn.bayes", "studio.learn.bayes.text", r"p(c \mid x) \propto p(c) \textstyle\prod_i p(x_i \mid c)"),
    "neuron": ("neuron", "Neuron", "studio.learn.neuron", "studio.learn.neuron.text", r"\hat{y} = b + \textstyle\sum_i c_i \, \sigma(b_i + w_i x)"),
    "convolution": ("convolution", "Convolution", "studio.learn.convolution", "studio.learn.convolution.text", r"y_{i,j} = \textstyle\sum_{u,v} w_{u,v} \, x_{i+u,\, j+v}"),
}  # fmt: skip


def here(name: str) -> bool:
    """Whether a study's file is there."""
    return importlib.util.find_spec(f"fofx.widgets.{STUDIES[name][0]}") is not None


async def learn(page: Page) -> None:
    name = page.path.get("name")
    if name is None:
        index(page)
        return
    if name not in STUDIES:
        page.title("404")
        empty(page.say("studio.not-found"), (page.say("studio.nav.learn"), "/learn"))
        return
    with tag("p", classes="crumbs"):
        link(page.say("studio.nav.learn"), "/learn")
        tag("span", f" / {page.say(STUDIES[name][2])}")
    page.heading(page.say(STUDIES[name][2]), page.say(STUDIES[name][3]))
    if not here(name):
        empty(page.say("studio.to-come"), (page.say("studio.nav.learn"), "/learn"))
        return
    study(page, name)
    others(page, name)


def index(page: Page) -> None:
    page.heading(page.say("studio.learn.title"), page.say("studio.learn.lead"))
    with ui.element().classes("grid"):
        for name, (_, _, title, text, latex) in STUDIES.items():
            with ui.link(target=f"/learn/{name}").classes("card", remove="nicegui-link"):
                tag("h3", page.say(title))
                math(latex, 17).style("min-height: 64px; display: flex; align-items: center")
                tag("p", page.say(text), "soft small")
                if not here(name):
                    tag("span", page.say("studio.to-come"), "chip")
        with ui.link(target="/playground").classes("card", remove="nicegui-link"):
            tag("h3", page.say("studio.nav.playground"))
            math(r"h = \sigma(W x + b)", 17).style("min-height: 64px; display: flex; align-items: center")
            tag("p", page.say("studio.playground.lead"), "soft small")


def study(page: Page, name: str) -> None:
    """The widget with the state that the address gives; what is changed goes back into the address."""
    from fofx.studio.bridge import show

    module, kind, *_ = STUDIES[name]
    widget = getattr(importlib.import_module(f"fofx.widgets.{module}"), kind)(lang=page.lang)
    if widget.has_trait("state"):
        wished = parsed(page.query.get("state", ""))
        if wished:
            widget.restore(wished)
        widget.observe(lambda change: page.mirror("state", written(change["new"])), "state")
    show(widget)


def written(state: dict[str, Any]) -> str:
    """A state for the address; "" for the one that everybody begins with, or one too long for an address."""
    text = json.dumps(state, ensure_ascii=False, separators=(",", ":"), default=str)
    return text if state and len(text) < 6000 else ""


def others(page: Page, name: str) -> None:
    """The next and the previous one."""
    names = list(STUDIES)
    at = names.index(name)
    with ui.element("nav").classes("row").style("justify-content: space-between; margin-top: 22px"):
        for other, sign in ((at - 1, "← {}"), (at + 1, "{} →")):
            if 0 <= other < len(names):
                link(sign.format(page.say(STUDIES[names[other]][2])), f"/learn/{names[other]}")
            else:
                tag("span")

"""An answer as a page shows it: the value, the probabilities or the interval, and what carried it."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from fofx.studio.look import Page, drawn, shown, tag
from fofx.studio.pages import draw, kinds

MOST_CLASSES = 10


def show_answer(page: Page, function: Any, answer: Any) -> None:
    """The answer, large, with how sure it is. Every value is set as text."""
    values = answer.value if len(function.outputs) > 1 else {function.outputs[0].name: answer.value}
    mapped = {output.name: output.mapped for output in function.outputs}
    with ui.element().classes("tiles"):
        for name, value in list(values.items())[:24]:
            if mapped.get(name):
                tag("p", page.say("studio.kinds.drawn"), "soft")  # over its picture
                continue
            with ui.element().classes("tile"):
                tag("span", name)
                tag("b", shown(value))
                if answer.interval is not None:
                    low, high = map(shown, answer.interval)
                    tag("small", page.say("studio.predict.interval", low=low, high=high))
    if answer.probabilities:
        order = sorted(answer.probabilities.items(), key=lambda each: -each[1])[:MOST_CLASSES]
        drawn(draw.bars(order, page.say("studio.predict.probabilities"), top=1.0, share=True))


def show_why(page: Page, explanation: Any) -> None:
    """What carried the answer, by taking away one thing at a time. The markup is the report's; it escapes what comes from data."""
    from fofx.explain.markup import STYLE

    ui.add_css(STYLE.replace("\n.", "\n.fx .").replace(", .bars", ", .fx .bars"))
    for each in (explanation, *explanation.others):
        short = isinstance(each.value, str | int | float) and len(str(each.value)) < 200
        about = f"{each.output} = {shown(each.value)}" if short else each.output
        tag("h3", about)
        drawn(each.to_html(page.lang))
    tag("p", page.say("studio.predict.why.text"), "soft small")


def inputs_shown(page: Page, function: Any, inputs: dict[str, Any], most: int = 8) -> None:
    """The inputs of one row: what its kinds draw or play, and the first of its other columns."""
    flat = []
    fields = {field.name: field for field in function.fields}
    for column in function.task.inputs:
        value = inputs.get(column.name)
        if not kinds.seen(page, fields[column.name], value):
            flat.append((column.name, shown(value)))
    for name, value in flat[:most]:
        with tag("p", classes="small").style("margin: 0"):
            tag("span", f"{name} ", "soft")
            tag("span", value, "num")
    if len(flat) > most:
        tag("p", page.say("studio.result.more", count=len(flat) - most), "soft small")

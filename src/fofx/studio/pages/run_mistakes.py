"""Mistakes of a run: the worst of the test part, with their inputs, beside some right answers; any rung, any output."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from fofx.studio.look import Page, alert, empty, link, run_link, shown, tag
from fofx.studio.pages.answers import inputs_shown
from fofx.studio.pages.choice import following, rung_box

MOST = 12


async def show(page: Page, function: Any) -> None:
    from fofx.see.mistakes import mistakes

    outputs = [output.name for output in function.outputs]
    with ui.element().classes("row").style("margin-bottom: 14px"):
        rung = rung_box(page, function)
        output = ui.select(outputs, value=outputs[0], label=page.say("studio.result.outputs")).props("outlined dense")
        output.set_visibility(len(outputs) > 1)

    def worst() -> Any:
        return mistakes(function, rung.value, output.value, most=MOST)

    await following(page, [rung, output], worst, lambda found: draw_mistakes(page, function, found))


def draw_mistakes(page: Page, function: Any, found: Any) -> None:
    number = bool(found.wrong) and found.wrong[0].error is not None
    for note in found.notes:
        alert(page.told(note), note.code, "mild")
    if not found.wrong:
        empty(
            page.say("studio.mistakes.none", of=found.of),
            (page.say("studio.tab.inside"), run_link(function.run.name, "inside")),
        )
    else:
        key = "studio.mistakes.largest" if number else "studio.mistakes.wrong"
        tag("p", page.say(key, count=found.count, of=found.of), "lead")
        cards(page, function, found.wrong)
    if found.right:
        tag("h2", page.say("studio.mistakes.right"))
        cards(page, function, found.right)


def cards(page: Page, function: Any, rows: list[Any]) -> None:
    with ui.element().classes("grid"):
        for each in rows:
            with ui.element().classes("card stack").style("gap: 8px"):
                with ui.element():
                    tag("b", page.say("studio.mistakes.said", answered=shown(each.answered), right=shown(each.right)))
                    more = ""
                    if each.error is not None:
                        more = page.say("studio.mistakes.off", error=f"{each.error:+.4g}")
                    elif each.sure is not None:
                        more = page.say("studio.mistakes.sure", share=f"{100 * each.sure:.0f}")
                    tag("div", more, "soft small")
                if each.inputs is not None:
                    with ui.element():
                        inputs_shown(page, function, each.inputs)
                    link(
                        page.say("studio.mistakes.open"),
                        run_link(function.run.name, "predict", f"row={each.place + 1}"),
                        "small",
                    )

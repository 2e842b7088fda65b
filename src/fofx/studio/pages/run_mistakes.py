"""Mistakes of a run: the worst of the test part, with their inputs, beside some right answers; any rung, any output.

Forecasts are shown over all moments, answers that lie over a picture over theirs, pairs side by side; all else as cards.
"""

from __future__ import annotations

from typing import Any

from nicegui import ui

from fofx.studio.look import Page, alert, empty, link, run_link, shown, tag
from fofx.studio.pages import kinds, of_series, overlaid, pairs
from fofx.studio.pages.answers import inputs_shown
from fofx.studio.pages.choice import following, rung_box

MOST = 12
PLAYED = 6  # rows, where each has a player of its own
LAID = 24  # pictures with an answer over them


async def show(page: Page, function: Any) -> None:
    outputs = [output.name for output in function.outputs]
    with ui.element().classes("row").style("margin-bottom: 14px"):
        rung = rung_box(page, function)
        output = ui.select(outputs, value=outputs[0], label=page.say("studio.result.outputs")).props("outlined dense")
        output.set_visibility(len(outputs) > 1)
    first = function.outputs[0]
    if first.mapped:
        await following(
            page,
            [rung],
            lambda: overlaid.worst(function, rung.value, first, LAID),
            lambda found: laid(page, function, *found),
        )
        return
    if of_series.forecasting(function):
        await following(
            page, [rung], lambda: of_series.test_forecasts(function, rung.value), lambda found: forecasts(page, found)
        )
    played = any(field.kind in ("sound", "video") for field in function.fields)
    most = PLAYED if played or pairs.sides_of(function) else MOST

    def worst() -> Any:
        from fofx.see.mistakes import mistakes

        return mistakes(function, rung.value, output.value, most=most)

    await following(page, [rung, output], worst, lambda found: draw_mistakes(page, function, found))


def laid(page: Page, function: Any, rows: list[dict[str, Any]], places: list[int], of: int) -> None:
    """Answers over their pictures, the worst first, with links that try one out."""
    tag("p", page.say("studio.kinds.laid", count=len(rows), of=of), "lead")
    overlaid.put(page, function.outputs[0], rows)
    with ui.element().classes("row").style("margin-top: 12px"):
        tag("span", page.say("studio.mistakes.open"), "soft small")
        for place in places:
            link(f"#{place + 1}", run_link(function.run.name, "predict", f"row={place + 1}"), "num small")


def forecasts(page: Page, found: list[dict[str, Any]]) -> None:
    """Every moment of the test part, at first the one that was farthest off."""
    for each in found:
        of_series.put(page, [each], of_series.worst_moment(each))


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
    wide = pairs.sides_of(function) is not None
    with ui.element().classes("stack" if wide else "grid"):
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
                        if wide:
                            values = {name: kinds.unlisted(value) for name, value in each.inputs.items()}
                            pairs.put(page, function, values, tallest=180)
                        else:
                            inputs_shown(page, function, each.inputs)
                    link(
                        page.say("studio.mistakes.open"),
                        run_link(function.run.name, "predict", f"row={each.place + 1}"),
                        "small",
                    )

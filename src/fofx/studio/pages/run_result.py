"""Result of a run: four numbers, what to know before believing them, the ladder against the naive answer, the task."""

from __future__ import annotations

from html import escape
from typing import Any

from nicegui import ui

from fofx.studio.look import Page, alert, drawn, shown, tag
from fofx.studio.pages import draw
from fofx.words import name as word

STRENGTH = {"leak": "", "strong": "", "plain": "mild", "good": "fine"}
SHOWN_COLUMNS = 24


async def show(page: Page, function: Any) -> None:
    record = function.record
    results = {result.name: result for result in function.rungs}
    best, naive = results[function.winner], results[function.naive]
    rows = record["data"]["rows"]
    parts = {part: f"{rows.get(part, 0):,}" for part in ("train", "validation", "test")}
    made_of = best.recipe.get("weights") or {}
    family = " + ".join(f"{count} × {name}" for name, count in made_of.items())
    tiles(
        (page.say("studio.result.winner"), function.winner, family or word("family", best.family, page.lang)),
        (page.say("studio.result.test", metric=function.metric), shown(best.test), direction(page, function)),
        (page.say("studio.result.naive"), shown(naive.test), naive.name),
        (page.say("studio.result.rows"), f"{sum(rows.values()):,}", page.say("studio.result.parts", **parts)),
    )
    for text, strength in verdicts(page, function):
        alert(text, strength=strength)
    tag("h2", page.say("studio.result.beware"))
    place = ui.element()
    tag("h2", page.say("studio.result.ladder"))
    tag("p", page.say("studio.result.ladder.text"), "soft")
    ladder(page, function)
    tag("p", page.say("studio.result.scores"), "soft small").style("margin-top: 14px")
    with ui.element().classes("row"):
        for name, value in function.scores.items():
            tag("span", f"{name} {shown(value)}", "chip num")
    tag("h2", page.say("studio.result.task"))
    task(page, function)
    found = await page.work(remarks_of, function, place=place)
    with place:
        for strength, markup in found:
            drawn(f"<p>{markup}</p>", f"remark notice {STRENGTH.get(strength, 'mild')}")


def remarks_of(function: Any) -> list[tuple[str, str]]:
    """What the report says, too: leaks, chance, what a line would do. In both languages; the style shows one."""
    from fofx.report.facts import gather_facts
    from fofx.report.remarks import remarks

    return remarks(gather_facts(function))


def verdicts(page: Page, function: Any) -> list[tuple[str, str]]:
    """(text, strength): the winner against nothing at all."""
    best = next(result for result in function.rungs if result.name == function.winner)
    if best.test is None:
        return [(page.say("studio.result.no-test"), "")]
    return []


def direction(page: Page, function: Any) -> str:
    return page.say("studio.result.higher" if function.record["more_is_better"] else "studio.result.lower")


def tiles(*each: tuple[str, str, str]) -> None:
    with ui.element().classes("tiles"):
        for name, value, more in each:
            with ui.element().classes("tile"):
                tag("span", name)
                tag("b", value)
                tag("small", more)


def ladder(page: Page, function: Any) -> None:
    """Every rung: what it reached on validation and on test, drawn beside the naive answer."""
    rungs, naive = function.rungs, next(r for r in function.rungs if r.name == function.naive)
    with ui.element().classes("half"):
        with ui.element().classes("scroll"), ui.element("table").classes("plain"):
            with ui.element("thead"), ui.element("tr"):
                for key in (
                    "studio.result.rung", "studio.result.family", "studio.result.validation",
                    "studio.result.test-column", "studio.result.seconds-column",
                ):  # fmt: skip
                    tag("th", page.say(key)).props('scope="col"')
            with ui.element("tbody"):
                for rung in rungs:
                    line(page, rung, rung.name == function.winner)
        drawn_rungs = [rung for rung in rungs if rung.test is not None]
        if drawn_rungs:
            with ui.element("figure"):
                drawn(chart(drawn_rungs, naive, function.winner, page.say("studio.result.ladder")))
                caption = f"{function.metric}: ● {page.say('studio.result.test-column')}, ○ {page.say('studio.result.validation')}. "
                tag("figcaption", caption + direction(page, function))


def line(page: Page, rung: Any, won: bool) -> None:
    with ui.element("tr").classes("won" if won else ""):
        tag("th", ("★ " if won else "") + rung.name).props('scope="row"')
        if rung.error:
            tag("td", page.say("studio.result.failed", error=rung.error), "soft small").props('colspan="4"')
            return
        tag("td", word("family", rung.family, page.lang), "soft")
        for value in (rung.validation, rung.test):
            tag("td", shown(value))
        tag("td", f"{rung.seconds:.1f}", "soft")


def chart(rungs: list[Any], naive: Any, winner: str, label: str) -> str:
    """A line for each rung: its test score as a dot, validation as a ring; dashed, the naive answer's test score."""
    values = [v for r in rungs for v in (r.test, r.validation) if v is not None]
    low, high = min(values), max(values)
    pad = (high - low) * 0.06 or 1.0
    step, left, wide = 28, 120, 340
    height = step * len(rungs) + 40

    def at(value: float) -> float:
        return left + (value - low + pad) / (high - low + 2 * pad) * wide

    parts = []
    for tick in draw.ticks(low, high):
        parts.append(f'<path class="axis" d="M{at(tick):.1f} 8V{height - 28}"/>')
        parts.append(f'<text x="{at(tick):.1f}" y="{height - 10}" text-anchor="middle">{draw.brief(tick)}</text>')
    if naive.test is not None:
        parts.append(f'<path class="zero" d="M{at(naive.test):.1f} 8V{height - 28}"/>')
    for number, rung in enumerate(rungs):
        y = 24 + number * step
        won = rung.name == winner
        colour = "var(--accent)" if won else "var(--soft)"
        parts.append(
            f'<text class="name" x="{left - 14}" y="{y + 4}" text-anchor="end" font-weight="{700 if won else 400}">{escape(rung.name[:22])}</text>'
        )
        if rung.validation is not None:
            parts.append(
                f'<path d="M{at(rung.validation):.1f} {y}H{at(rung.test):.1f}" stroke="{colour}" stroke-opacity=".4" stroke-width="2"/>'
                f'<circle cx="{at(rung.validation):.1f}" cy="{y}" r="6" fill="var(--back)" stroke="{colour}" stroke-width="2"/>'
            )
        parts.append(f'<circle cx="{at(rung.test):.1f}" cy="{y}" r="6" fill="{colour}"/>')
    return draw.svg("".join(parts), label, draw.WIDTH, height)


def task(page: Page, function: Any) -> None:
    with ui.element().classes("half"):
        for key, columns in (
            ("studio.result.inputs", function.task.inputs),
            ("studio.result.outputs", function.task.outputs),
        ):
            with ui.element().classes("card"):
                tag("h3", f"{page.say(key)} ({len(columns)})")
                with ui.element().classes("row"):
                    for column in columns[:SHOWN_COLUMNS]:
                        tag("span", f"{column.name} · {word('kind', column.kind, page.lang)}", "chip").style(
                            "max-width:100%;overflow:hidden;text-overflow:ellipsis"
                        )
                    if len(columns) > SHOWN_COLUMNS:
                        tag("span", page.say("studio.result.more", count=len(columns) - SHOWN_COLUMNS), "soft small")

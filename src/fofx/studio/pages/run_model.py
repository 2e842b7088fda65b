"""Model of a run: any rung as formula and steps in code; a network as a tree to unfold, with this run's shapes."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from fofx.errors import FofxError
from fofx.rungs.neural import Neural
from fofx.studio.look import Page, alert, copied, math, tag
from fofx.studio.pages.blocks import FORMULAS, Block, source_of, tree_of
from fofx.studio.pages.choice import following, rung_box
from fofx.words import name as word

OPEN = 3  # levels of the tree that are unfolded at first


async def show(page: Page, function: Any) -> None:
    chosen = rung_box(page, function, page.query.get("rung", "")).style("width: 280px; margin-bottom: 14px")
    await following(
        page, [chosen], lambda: seen(function, chosen.value), lambda found: draw_rung(page, function, *found)
    )


def seen(function: Any, name: str) -> tuple[Any, Block | None, FofxError | None]:
    """The rung, its tree with the shapes of the first test row, and why shapes cannot be had where they cannot."""
    from fofx.see.rows import blocks_and_targets

    rung = function.rung(name)
    if not isinstance(rung, Neural):
        return rung, None, None
    try:
        blocks = blocks_and_targets(function, name, [0], "test").blocks
    except FofxError as problem:
        return rung, tree_of(rung, None), problem
    return rung, tree_of(rung, blocks), None


def draw_rung(page: Page, function: Any, rung: Any, tree: Block | None, note: FofxError | None) -> None:
    from fofx.report.code import one

    with ui.element().classes("row"):
        tag("h2", rung.name).style("margin-top: 8px")
        tag("span", word("family", rung.family, page.lang), "chip")
    if tree is None:
        if rung.name in FORMULAS:
            math(FORMULAS[rung.name], 22)
        file, line, _ = source_of(type(rung))
        if file:
            tag("p", f"{file}:{line}", "soft small")
    else:
        if note is not None:
            alert(f"{page.say('studio.model.no-shapes')} {note.message}", note.code, "mild")
        tag("p", page.say("studio.model.text"), "soft")
        unfold(page, tree, 0)
    tag("h2", page.say("studio.home.steps"))
    titles = ("studio.model.step.model", "studio.model.step.loss", "studio.model.step.optimize")
    if rung.name == "average":
        from fofx.report.code import steps_in_code

        _, *texts = next(steps for steps in steps_in_code(function) if steps[0] == "average")
    else:
        _, *texts = one(function, rung)
    for key, text in zip(titles, texts):
        if text.strip():
            copied(page.say(key), text, page)


def unfold(page: Page, block: Block, depth: int) -> None:
    """One block as <details>: name, class, shapes, weights; inside, formula, source and parts."""
    with ui.element("details").classes("block") as details:
        if depth < OPEN:
            details.props("open")
        with ui.element("summary"):
            short = block.name.split(".")[-1] or "f"
            tag("code", short)
            tag("b", f" {block.kind} ")
            if block.into is not None:
                tag("span", f"{block.into} → {block.out} ", "chip num")
            if block.weights:
                tag("span", page.say("studio.model.weights", count=f"{block.weights:,}"), "soft small")
        with ui.element().style("padding: 2px 0 6px"):
            if block.formula:
                math(block.formula, 17)
            with ui.element().classes("row small soft"):
                if block.more:
                    tag("code", block.more)
                if block.file:
                    tag("span", f"{block.file}:{block.line}")
            if block.source:
                with ui.element("details"):
                    tag("summary", page.say("studio.model.source"), "small")
                    tag("pre", block.source, "pre").props('tabindex="0"')
            for part in block.parts:
                unfold(page, part, depth + 1)

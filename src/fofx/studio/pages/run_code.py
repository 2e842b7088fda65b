"""Code of a run: the fofx call, the line for the command line, and the ejected script, each copied with one click."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from nicegui import ui

from fofx.studio.look import Page, button, copied, tag
from fofx.studio.pages import calls
from fofx.studio.pages.choice import following, rung_box


async def show(page: Page, function: Any) -> None:
    asked, source = calls.asked_of(function.record)
    own: dict[str, Any] = {}
    if "task" in asked:
        from fofx.tasks import task

        built_in = task(asked["task"])
        own = {**built_in.options, "outputs": built_in.outputs}
    elif "/.fofx/uploads/" in source.replace("\\", "/"):
        source = Path(source).name  # where the studio keeps uploads is nobody's business
    inputs = [column.name for column in function.task.inputs]
    tag("p", page.say("studio.code.text"), "soft")
    copied(page.say("studio.code.python"), calls.python_call(asked, source), page)
    copied(page.say("studio.code.command"), calls.command(asked, source, inputs, own), page)
    name = function.run.name
    copied(page.say("studio.code.use"), used(name, function), page)
    tag("h2", page.say("studio.code.eject"))
    tag("p", page.say("studio.code.eject.text"), "soft")
    chosen = rung_box(page, function).style("width: 280px")

    def draw(text: str) -> None:
        copied(f"{name}.py", text, page)
        button(page.say("studio.code.download"), lambda: ui.download.content(text, f"{name}.py"), icon="download")

    await following(page, [chosen], lambda: ejected(function, chosen.value), draw)


def ejected(function: Any, rung: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return Path(function.eject(Path(folder) / "f.py", rung)).read_text(encoding="utf-8")


def used(name: str, function: Any) -> str:
    """How to use the function that was found."""
    first = [column.name for column in function.task.inputs][:3]
    row = ", ".join(f"{calls.quoted(column)}: ..." for column in first)
    row += ", ..." if len(function.task.inputs) > 3 else ""
    return f'import fofx\n\nf = fofx.load("runs/{name}")\nprint(f({{{row}}}).value)'

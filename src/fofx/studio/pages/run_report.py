"""Report of a run: its report.html within a frame that may run nothing, and as a file to keep."""

from __future__ import annotations

from html import escape
from typing import Any

from nicegui import ui

from fofx.errors import RunError
from fofx.studio.look import Page, button, tag

LARGEST = 20_000_000  # bytes of a report that is shown


async def show(page: Page, function: Any) -> None:
    text = await page.work(report_of, function, page.lang)
    name = function.run.name
    with ui.element().classes("row").style("margin-bottom: 12px"):
        button(page.say("studio.report.download"), lambda: ui.download.content(text, f"{name}.html"), icon="download")
        tag("span", page.say("studio.report.text"), "soft small")
    frame = ui.element("iframe").classes("report")
    # Sandboxed without any permission: no script, no form, no link out; an imported run's report is a stranger's file.
    frame._props["sandbox"] = ""
    frame._props["srcdoc"] = text.replace("<head>", "<head>" + POLICY, 1)
    frame._props["title"] = f"{page.say('studio.tab.report')}: {escape(name)}"


POLICY = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"


def report_of(function: Any, lang: str) -> str:
    """The report as it is, with this language chosen; written anew where there is none."""
    if not function.report_path.exists():
        function.report(lang=lang)
    if function.report_path.stat().st_size > LARGEST:
        raise RunError("too-large", f"{function.report_path.name} is larger than a report would be; it is not shown.")
    text = function.report_path.read_text(encoding="utf-8")
    for each in ("en", "zh"):
        text = text.replace(f'id="in-{each}" checked', f'id="in-{each}"', 1)
    return text.replace(f'id="in-{lang}"', f'id="in-{lang}" checked', 1)

"""What every page of the studio has: language, header, main part, and how text, notices and pictures are put on it.

    async def runs(page: Page) -> None:          # a page: builds its main part; what it raises becomes a notice
        page.heading(page.say("studio.runs.title"))

    register("/runs", runs, workspace_of, jobs_of, here="runs")

All texts come from the words of the page's language. What a user gave (names, labels, cells) is always set as text, never as HTML.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from contextlib import contextmanager
from copy import copy
from functools import cache
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nicegui import Client, app, run, ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement
from nicegui.helpers import expects_arguments
from starlette.requests import Request
from starlette.responses import Response

from fofx.errors import FofxError, Notice
from fofx.studio import notice
from fofx.studio.formula import formula
from fofx.words import LANGUAGES, say
from fofx.words import notice as notice_text

COOKIE = "fofx_lang"
YEAR = 365 * 24 * 3600
NAV = {
    "home": ("/", "studio.nav.home"),
    "playground": ("/playground", "studio.nav.playground"),
    "learn": ("/learn", "studio.nav.learn"),
    "tasks": ("/tasks", "studio.nav.tasks"),
    "runs": ("/runs", "studio.nav.runs"),
}
OTHER = {"en": ("zh", "中文"), "zh": ("en", "English")}
LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#1a5fb4"/><text x="16" y="23" font-family="Georgia,serif" font-style="italic" font-size="22" font-weight="bold" text-anchor="middle" fill="#fff">f</text></svg>'
Build = Callable[["Page"], Awaitable[None]]


def language_of(request: Request) -> str:
    """What the address says (?lang=zh), else what was chosen before, else what the browser prefers."""
    accepted = request.headers.get("accept-language", "")
    for wish in (request.query_params.get("lang"), request.cookies.get(COOKIE), *accepted.split(",")):
        if wish and wish.strip()[:2].lower() in LANGUAGES:
            return wish.strip()[:2].lower()
    return "en"


class Page:
    """One visit of one page: its language, its address, the visitor's runs, and tools to put things on it."""

    def __init__(self, request: Request, workspace_of: Callable[[], Any], jobs_of: Callable[[], Any]) -> None:
        self.lang = language_of(request)
        self.path: dict[str, str] = dict(request.path_params)
        self.query: dict[str, str] = dict(request.query_params)
        self.raw_query = request.url.query
        self._pairs = request.query_params.multi_items()
        self.loop = asyncio.get_running_loop()
        self.client = ui.context.client
        self.workspace, self.jobs = workspace_of(), jobs_of()

    # ---- texts

    def say(self, key: str, **values: Any) -> str:
        return say(key, self.lang, **values)

    def told(self, note: Notice) -> str:
        return notice_text(note, self.lang)

    def title(self, text: str) -> None:
        ui.page_title(f"{text} · fofx")

    def heading(self, text: str, lead: str = "") -> None:
        self.title(text)
        tag("h1", text)
        if lead:
            tag("p", lead, "lead")

    def mirror(self, name: str, value: str) -> None:
        """Keep `value` in the address as ?name=..., without a new entry in the history; "" takes it away. From any thread."""
        change = f"to.searchParams.set({json.dumps(name)}, {json.dumps(value)})"
        self._replace(change if value else f"to.searchParams.delete({json.dumps(name)})")

    def mirror_all(self, query: str, kept: Iterable[str]) -> None:
        """Make `query` the address's, and keep the parts named in `kept`. From any thread."""
        names = json.dumps(list(kept))
        rest = f"{names}.filter((n) => to.searchParams.has(n)).map((n) => n + '=' + encodeURIComponent(to.searchParams.get(n)))"
        self._replace(f"to.search = [{json.dumps(query)}, ...{rest}].filter((part) => part).join('&')")

    def _replace(self, change: str) -> None:
        def go() -> None:
            if not self.client.is_deleted:
                self.client.run_javascript(
                    f"{{ const to = new URL(location.href); {change}; history.replaceState(history.state, '', to); }}"
                )

        self.loop.call_soon_threadsafe(go)

    def all(self, name: str) -> list[str]:
        """Every value that the address gives for `name`."""
        return [value for key, value in self._pairs if key == name]

    # ---- what may go wrong

    def problem(self, error: BaseException) -> None:
        """An error as a notice with its code, here."""
        shown = notice.of(error, self.lang)
        alert(shown["text"], shown["code"])

    def flash(self, error: BaseException) -> None:
        """An error of a click: a notice that stays until it is closed."""
        shown = notice.of(error, self.lang)
        ui.notification(
            f"{shown['text']} [{shown['code']}]", type="negative", timeout=None, close_button=self.say("studio.close"),
            multi_line=True,
        )  # fmt: skip

    def safely(self, action: Callable[..., Any]) -> Callable[..., Awaitable[None]]:
        """A handler whose errors become notices. A click (an action without an argument) is not begun again while it works;
        an action that takes the event is carried out for every event, one after the other, for each brings another value."""
        busy, turn = [False], asyncio.Lock()

        async def carried_out(*given: Any) -> None:
            try:
                result = action(*given)
                if isinstance(result, Awaitable):
                    await result
            except Exception as error:
                with self.client:
                    self.flash(error)

        async def clicked() -> None:
            if busy[0]:
                return
            busy[0] = True
            try:
                await carried_out()
            finally:
                busy[0] = False

        async def told(event: Any) -> None:
            async with turn:
                await carried_out(event)

        return told if expects_arguments(action) else clicked

    async def work(
        self, function: Callable[..., Any], *given: Any, text: str = "", place: Element | None = None
    ) -> Any:
        """The result of a long function, which runs in a thread, with a spinner (in `place`) until it is here."""
        with place or ui.element():
            waiting = ui.element().classes("row soft").props('role="status"')
            with waiting:
                ui.spinner(size="22px")
                tag("span", text or self.say("studio.working"))
        try:
            return await threaded(function, *given)
        finally:
            if not waiting.is_deleted:
                waiting.delete()

    async def connected(self) -> None:
        """Send what is there so far; what is put on the page afterwards comes by the socket."""
        await self.client.connected()

    def leave(self, address: str) -> None:
        """Go to another page; from any thread."""

        def go() -> None:
            with self.client:
                ui.navigate.to(address)

        self.loop.call_soon_threadsafe(go)


def register(
    route: str, build: Build, workspace_of: Callable[[], Any], jobs_of: Callable[[], Any], here: str = ""
) -> None:
    """Show `build` at `route`, within the header, and never as a blank page."""

    async def shown(request: Request) -> None:
        lang = language_of(request)
        try:
            page = Page(request, workspace_of, jobs_of)
        except Exception as error:  # for example no room for another visitor
            with frame(lang, here):
                said = notice.of(error, lang)
                alert(said["text"], said["code"])
            return
        with frame(lang, here):
            try:
                await build(page)
            except Exception as error:
                page.problem(error)

    ui.page(route, title="fofx", favicon=LOGO, response_timeout=30)(shown)


def register_missing(build: Build, workspace_of: Callable[[], Any], jobs_of: Callable[[], Any]) -> None:
    """Show `build` where there is no page."""

    async def missing(request: Request, problem: Exception) -> Response:
        with Client(ui.page("", title="fofx", favicon=LOGO), request=request) as client:
            with frame(language_of(request), ""):
                await build(Page(request, workspace_of, jobs_of))
            return client.build_response(request, 404)

    app.exception_handler(404)(missing)


def run_link(name: str, tab: str = "", query: str = "") -> str:
    """The address of a run's page; a name may hold any character."""
    return f"/run/{quote(name, safe='')}" + (f"/{tab}" if tab else "") + (f"?{query}" if query else "")


@cache
def style() -> str:
    return Path(__file__).with_name("look.css").read_text(encoding="utf-8")


@contextmanager
def frame(lang: str, here: str):
    """Header, navigation and the main part, in which the page is built."""
    ui.add_head_html(
        f"<style>{style()}</style><script>document.documentElement.lang = '{'zh-Hans' if lang == 'zh' else 'en'}';"
        f"document.cookie = '{COOKIE}={lang}; Path=/; Max-Age={YEAR}; SameSite=Strict';</script>"
    )
    client = ui.context.client
    client.page = copy(client.page)  # of this visit only: the texts of NiceGUI itself, such as "connection lost"
    client.page.language = "zh-CN" if lang == "zh" else "en-US"
    ui.dark_mode(None)
    ui.colors(primary="#1a5fb4", negative="#b3430e", positive="#00795a")
    ui.context.client.content.classes("fx")
    link(say("studio.skip", lang), "#main", "fx-skip")
    with ui.element("header").classes("fx-head"):
        with named(ui.link(target="/").classes("fx-logo"), say("studio.nav.home", lang)):
            ui.html("<b>f</b>(x)", sanitize=False, tag="span")
        with named(ui.element("nav").classes("fx-nav"), say("studio.nav", lang)):
            for name, (address, key) in NAV.items():
                shown = link(say(key, lang), address)
                if name == here:
                    shown.props('aria-current="page"')
        other, name = OTHER[lang]
        switch = link(name, f"?lang={other}", "fx-lang").props(f'lang="{other}" hreflang="{other}"')
        switch.on(  # keeps what stands behind ? and # in the address
            "click",
            js_handler="(e) => { e.preventDefault(); const to = new URL(location.href); "
            f"to.searchParams.set('lang', '{other}'); location.assign(to); if (to.hash) location.reload(); }}",
        )
    with ui.element("main").classes("fx-main").props('id="main" tabindex="-1"') as main:
        yield main


async def threaded(function: Callable[..., Any], *given: Any) -> Any:
    """The result of a function that reads the disk or computes: the event loop belongs to every visitor."""
    return await run.io_bound(function, *given)


# ---- small pieces


def named(element: Any, name: str) -> Any:
    """The element with a name for screen readers: set as it is, for NiceGUI's `props` would read it as several."""
    element._props["aria-label"] = name
    return element


def tag(name: str, text: str = "", classes: str = "") -> TextElement:
    """<name>text</name>: the text as text, whatever it holds."""
    element = TextElement(tag=name, text=text)
    return element.classes(classes) if classes else element


def link(text: str, target: str, classes: str = "") -> ui.link:
    element = ui.link(text, target).classes(remove="nicegui-link")
    return element.classes(classes) if classes else element


def drawn(markup: str, classes: str = "", tag_name: str = "div") -> ui.html:
    """A picture or markup that this house made; everything in it that comes from data has been escaped by its maker."""
    element = ui.html(markup, sanitize=False, tag=tag_name)
    return element.classes(classes) if classes else element


def math(latex: str, size: float = 18) -> ui.html:
    return drawn(formula(latex, size), "formula-box")


def alert(text: str, code: str = "", strength: str = "") -> Element:
    """A notice: strength "" for an error, "mild" for what is worth knowing, "fine" for good news."""
    with ui.element().classes(f"notice {strength}").props(f'role="{"note" if strength else "alert"}"') as box, tag("p"):
        tag("span", text)
        if code:
            tag("code", f" [{code}]")
    return box


def button(
    text: str, action: Callable[..., Any] | None = None, main: bool = False, icon: str | None = None
) -> ui.button:
    shown = ui.button(text, on_click=action, icon=icon)
    return shown.props("no-caps unelevated" if main else "no-caps outline")


def empty(text: str, *ways: tuple[str, str]) -> None:
    """What to do where there is nothing yet: a sentence and links (text, address)."""
    with ui.element().classes("empty"):
        tag("p", text)
        with ui.element().classes("row").style("justify-content: center"):
            for words, address in ways:
                link(words, address)


def table(head: Iterable[str], rows: Iterable[Iterable[Any]], caption: str = "", right: Iterable[int] = ()) -> Element:
    """A plain table; cells are texts. Columns in `right` hold numbers."""
    right = set(right)
    with ui.element().classes("scroll"), ui.element("table").classes("plain") as whole:
        if caption:
            tag("caption", caption)
        with ui.element("thead"), ui.element("tr"):
            for number, name in enumerate(head):
                tag("th", name, "right" if number in right else "").props('scope="col"')
        with ui.element("tbody"):
            for row in rows:
                with ui.element("tr"):
                    for number, cell in enumerate(row):
                        tag("td", str(cell), "right" if number in right else "")
    return whole


def copied(title: str, text: str, page: Page, language: str = "") -> None:
    """A block of code under its title, copied by one click."""
    with ui.element().classes("code-head"):
        tag("h3", title)
        copy = button(page.say("studio.copy"), icon="content_copy").props("dense flat")
    block = named(tag("pre", text, "pre").props("tabindex=0"), title)
    said, fail = (escape(page.say(key)) for key in ("studio.copied", "studio.copy-failed"))
    copy.on(
        "click",
        js_handler=f"""async (e) => {{ const from = document.getElementById('{block.html_id}'), on = e.currentTarget;
        let well = false; try {{ await navigator.clipboard.writeText(from.textContent); well = true; }} catch {{
        const range = document.createRange(); range.selectNodeContents(from); const chosen = getSelection();
        chosen.removeAllRanges(); chosen.addRange(range); well = document.execCommand('copy'); }}
        const name = on.querySelector('.block') || on, before = name.textContent; if (before === '{said}') return;
        name.textContent = well ? '{said}' : '{fail}'; setTimeout(() => name.textContent = before, 1800); }}""",
    )


def shown(value: Any) -> str:
    """A number with four digits, anything else as text.

    >>> shown(0.123456), shown(None), shown("a")
    ('0.1235', '–', 'a')
    """
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


__all__ = ["FofxError", "Page", "alert", "button", "copied", "drawn", "empty", "frame", "link", "math", "named", "register", "run_link", "shown", "table", "tag", "threaded"]  # fmt: skip

"""Each kind of page in real Chromium, on the running studio: no console error, no request that leaves the machine, no page wider
than the screen, and the key interaction works. A few by default; all at 1280 and 390 in both languages with `make test-slow`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fofx.find import find
from fofx.words import LANGUAGES, say
from stage import CHROMIUM, FLAGS, needs_browser
from studio_stage import TOKEN, Running, running

pytestmark = needs_browser
WIDTHS = (1280, 390)
PATIENCE = 60_000  # milliseconds; this may be a slow machine, and nothing here measures time


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A studio with a run of numbers, a network among its rungs."""
    pytest.importorskip("playwright")
    folder = tmp_path_factory.mktemp("runs")
    x, z = np.random.default_rng(0).normal(size=(2, 200)).round(3)
    find({"x": x.tolist(), "z": z.tolist(), "y": (2 * x - z + 1).round(3).tolist()}, "y", model="mlp", budget=1.5, out=str(folder), name="line")  # fmt: skip
    with running(folder) as server:
        server.folder = folder  # type: ignore[attr-defined]
        yield server


@pytest.fixture(scope="module")
def strokes(studio: Running) -> None:
    """One more run, of small pictures, for the pages that show such."""
    pictures, labels = drawings(np.random.default_rng(0))
    kinds = {"picture": "picture", "label": "category"}
    out = str(studio.folder)  # type: ignore[attr-defined]
    find({"picture": pictures, "label": labels}, "label", kinds=kinds, model="cnn", budget=4, out=out, name="strokes")


def drawings(random: np.random.Generator) -> tuple[np.ndarray, list[str]]:
    """Standing and lying strokes (160, 8, 8) uint8, bright on dark."""
    pictures, labels = np.zeros((160, 8, 8), np.uint8), []
    for number in range(160):
        at, stands = random.integers(2, 6), number % 2 == 0
        part = pictures[number, 1:7, at] if stands else pictures[number, at, 1:7]
        part[:] = random.integers(180, 256, 6)
        labels.append("standing" if stands else "lying")
    return pictures, labels


@dataclass
class Visit:
    """One page in a browser, and what it said and asked for."""

    page: Any
    lang: str
    base: str
    said: list[str]
    asked: list[str]

    def open(self, path: str) -> None:
        self.page.goto(self.base + path, wait_until="load")

    def say(self, key: str, **values: Any) -> str:
        return say(key, self.lang, **values)

    def button(self, key: str) -> Any:
        return self.page.get_by_role("button", name=self.say(key), exact=True).first

    def sees(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for(timeout=PATIENCE)

    def wait(self, script: str) -> None:
        self.page.wait_for_function(script, timeout=PATIENCE)


@contextmanager
def visiting(studio: Running, width: int, lang: str) -> Iterator[Visit]:
    """A fresh browser; at the end nothing was complained of, nothing left the machine, and the page fits the screen."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            context = browser.new_context(viewport={"width": width, "height": 844}, accept_downloads=True)
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            visit = Visit(page, lang, studio.url, [], [])
            page.goto(f"{studio.url}/learn?token={TOKEN}&lang={lang}")
            page.on("console", lambda line: visit.said.append(line.text) if line.type == "error" else None)
            page.on("pageerror", lambda error: visit.said.append(str(error)))
            page.on("request", lambda asked: visit.asked.append(asked.url))
            yield visit
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"the page is {wide} pixels wider than the screen"
            own = (studio.url, studio.url.replace("http", "ws"), "data:", "blob:", "about:")
            assert [url for url in visit.asked if not url.startswith(own)] == []
            assert visit.said == []
            assert page.evaluate("document.documentElement.lang").startswith(visit.lang)
        finally:
            browser.close()


# ---- what is done on each kind of page


def home(visit: Visit) -> None:
    visit.open("/")
    visit.page.get_by_role("heading", level=1).filter(has_text=visit.say("studio.home.title")).wait_for()
    visit.page.locator(".fofx-task_table").wait_for()
    assert visit.page.locator("svg.formula").count() >= 4
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.textContent") == visit.say("studio.skip")


def playground(visit: Visit) -> None:
    visit.open("/playground?data=xor&seed=3")
    visit.page.locator(".fofx-playground canvas").first.wait_for()
    visit.wait("location.search.includes('data=xor')")


def line(visit: Visit) -> None:
    visit.open("/learn/line?state=" + '{"w":1.5}')
    visit.page.locator(".fofx-line").wait_for()
    weight = visit.page.locator(".fofx-line input[type=number], .fofx-line input[type=text]").first
    weight.wait_for()
    visit.wait("decodeURIComponent(location.search).includes('1.5')")


def tasks(visit: Visit) -> None:
    """Paste a table; its fields are inferred, a kind is corrected, and the address keeps it."""
    visit.open("/tasks")
    rows = "\n".join(f"{n % 13},{(n * 7) % 11},{'ab'[n % 2]}" for n in range(120))
    visit.page.locator("textarea").last.fill("one,two,letter\n" + rows)
    visit.page.get_by_role("button", name=visit.say("studio.tasks.open"), exact=True).last.click()
    visit.page.wait_for_url("**/tasks/new?upload=*")
    visit.page.locator("pre").first.wait_for()
    visit.page.get_by_label(visit.say("studio.setup.kind-of", name="one"), exact=True).select_option("category")
    visit.wait("document.querySelector('pre')?.textContent.includes('\"one\": \"category\"')")
    assert "asked=" in visit.page.url


def live(visit: Visit) -> None:
    """Start, watch the first curve, stop, and end on the result."""
    visit.open('/tasks/new?task=river&asked={"budget":60,"model":"tabm"}')
    visit.page.locator("pre").first.wait_for()
    visit.button("studio.setup.start").click()
    visit.page.wait_for_url("**/run/river-*")
    visit.page.locator(".fofx, .tiles").first.wait_for(timeout=4 * PATIENCE)  # a fast machine may be done by now
    visit.page.reload()
    visit.page.locator(".bar, .tiles").first.wait_for()
    if visit.page.locator(".bar").count():
        visit.page.get_by_role("button", name=re.compile(re.escape(visit.say("studio.live.cancel")))).first.click()
    visit.page.locator(".tiles").first.wait_for(timeout=4 * PATIENCE)


def result(visit: Visit) -> None:
    visit.open("/run/line")
    visit.page.locator(".remark").first.wait_for()
    visit.page.get_by_role("link", name=visit.say("studio.tab.code")).click()
    visit.page.wait_for_url("**/run/line/code")
    visit.page.go_back()
    visit.page.wait_for_url("**/run/line")
    visit.page.locator("tr.won").first.wait_for()


def curves(visit: Visit) -> None:
    visit.open("/run/line/curves")
    visit.page.locator(".fofx canvas").first.wait_for()


def predict(visit: Visit) -> None:
    """Another value gives another answer, and why."""
    visit.open("/run/line/predict")
    value = visit.page.locator(".tile b").first
    value.wait_for()
    before = value.text_content()
    visit.page.get_by_label("x", exact=True).fill("4.5")
    visit.page.wait_for_function("(before) => document.querySelector('.tile b')?.textContent !== before", arg=before)
    visit.button("studio.predict.why").click()
    visit.page.locator(".explained").first.wait_for()


def drawing(visit: Visit) -> None:
    """A standing stroke, drawn by hand, is read as one."""
    visit.open("/run/strokes/predict")
    canvas = visit.page.locator("canvas")
    visit.page.locator("img.pixel").first.wait_for()
    canvas.scroll_into_view_if_needed()
    for way, name in (((0.5, 0.1, 0.5, 0.9), "standing"), ((0.1, 0.5, 0.9, 0.5), "lying")):
        visit.button("studio.predict.clear").click()
        box = canvas.bounding_box()
        x0, y0, x1, y1 = (box["x"] + way[0] * box["width"], box["y"] + way[1] * box["height"], box["x"] + way[2] * box["width"], box["y"] + way[3] * box["height"])  # fmt: skip
        visit.page.mouse.move(x0, y0)
        visit.page.mouse.down()
        visit.page.mouse.move(x1, y1, steps=8)
        visit.page.mouse.up()
        visit.wait(f"document.querySelector('.tile b')?.textContent === '{name}'")


def mistakes(visit: Visit) -> None:
    visit.open("/run/line/mistakes")
    visit.page.get_by_role("link", name=visit.say("studio.mistakes.open")).first.click()
    visit.page.wait_for_url("**/run/line/predict?row=*")
    visit.page.locator(".tile b").first.wait_for()


def inside(visit: Visit) -> None:
    """Pictures are worked out at a click; the address opens the same one again."""
    visit.open("/run/line/inside?show=boundary")
    visit.page.locator("#boundary svg.chart").wait_for()
    visit.page.locator("#calibration").get_by_role("button").first.click()
    visit.page.locator("#calibration svg.chart").wait_for()
    visit.wait("location.search.includes('show=calibration')")
    before = visit.page.locator("#calibration table").text_content()
    visit.page.locator("input.range").focus()
    for _ in range(3):
        visit.page.keyboard.press("ArrowLeft")  # back in time: other answers
    visit.page.wait_for_function(
        "(before) => ![null, before].includes(document.querySelector('#calibration table')?.textContent ?? null)",
        arg=before,
    )
    visit.page.locator("#network").get_by_role("button").first.click()
    visit.page.locator("#network .fofx-network").wait_for()


def model(visit: Visit) -> None:
    visit.open("/run/strokes/model?rung=cnn")
    visit.page.locator("details.block svg.formula").first.wait_for()
    visit.sees("fofx/models/cnn.py")
    visit.sees("(1, 1, 8, 8)")


def code(visit: Visit) -> None:
    """One click copies; what is copied is the script."""
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.open("/run/line/code")
    visit.sees("line.py")
    visit.page.locator("pre").nth(3).wait_for()
    visit.page.get_by_role("button", name=visit.say("studio.copy")).nth(3).click()
    visit.sees(visit.say("studio.copied"))
    text = visit.page.evaluate("navigator.clipboard.readText()")
    assert "import torch" in text and "fofx" not in re.sub(r'^""".*?"""', "", text, flags=re.S).split("import")[1]


def report(visit: Visit) -> None:
    visit.open("/run/line/report")
    frame = visit.page.frame_locator("iframe.report")
    frame.locator("h1").first.wait_for()
    assert visit.lang in (frame.locator("input:checked").get_attribute("id") or "")


def runs(visit: Visit) -> None:
    """Export, import, compare two, delete and undo."""
    visit.open("/runs")
    row = visit.page.locator("tr", has=visit.page.get_by_role("link", name="line", exact=True))
    row.get_by_role("button").click()
    with visit.page.expect_download() as download:
        visit.page.get_by_text(visit.say("studio.runs.export")).click()
    packed = f"{download.value.path()}.zip"
    download.value.save_as(packed)
    visit.page.locator("input[type=file]").set_input_files(packed)
    told = visit.page.get_by_text(
        re.compile(visit.say("studio.runs.imported", name=r"line-\d+").replace(".", "[.]"))
    ).first
    copy = re.search(r"line-\d+", told.text_content() or "")
    assert copy
    other = visit.page.locator("tr", has=visit.page.get_by_role("link", name=copy[0], exact=True)).first
    other.get_by_role("button").click()
    visit.page.get_by_text(visit.say("studio.runs.delete"), exact=True).click()
    visit.button("studio.runs.undo").click()
    other.wait_for()
    for name in ("line", "strokes"):
        visit.page.get_by_role("checkbox", name=visit.say("studio.runs.choose", name=name), exact=True).click()
    visit.button("studio.runs.compare").click()
    visit.page.wait_for_url("**/compare?*")
    visit.page.locator("table.plain").first.wait_for()


def nowhere(visit: Visit) -> None:
    visit.open("/nowhere/at/all")
    visit.sees(visit.say("studio.not-found"))
    visit.said.clear()  # the browser says itself that the answer was 404


def other_language(visit: Visit) -> None:
    """The switch keeps the address, and the next page remembers."""
    visit.open("/run/line/inside?show=calibration")
    visit.page.locator("#calibration svg.chart").wait_for()
    other = "zh" if visit.lang == "en" else "en"
    visit.page.locator(".fx-lang").click()
    visit.wait(f"document.documentElement.lang.startsWith('{other}')")
    assert "show=calibration" in visit.page.url
    visit.open("/runs")
    visit.page.get_by_role("heading", level=1).filter(has_text=say("studio.runs.title", other)).wait_for()
    visit.lang = other


ACTS: tuple[Callable[[Visit], None], ...] = (
    home, playground, line, tasks, live, result, curves, predict, drawing, mistakes, inside, model, code, report, runs, nowhere,
    other_language,
)  # fmt: skip
QUICK = {"result": (1280, "en"), "predict": (390, "zh")}


def cases() -> Iterator[Any]:
    for act, width, lang in itertools.product(ACTS, WIDTHS, LANGUAGES):
        marks = () if QUICK.get(act.__name__) == (width, lang) else (pytest.mark.slow,)
        yield pytest.param(act, width, lang, marks=marks, id=f"{act.__name__}-{width}-{lang}")


@pytest.mark.parametrize(("act", "width", "lang"), list(cases()))
def test_page(studio: Running, act: Callable[[Visit], None], width: int, lang: str, request: Any) -> None:
    if act in (drawing, model, runs):
        request.getfixturevalue("strokes")
    with visiting(studio, width, lang) as visit:
        act(visit)


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", ["/", "/tasks", "/runs", "/run/line", "/run/line/predict", "/run/strokes/model", "/run/line/code"]
)
def test_every_control_has_a_name_and_keyboard_reach(studio: Running, strokes: None, path: str) -> None:
    """What can be clicked says what it is, and can be reached by the Tab key."""
    with visiting(studio, 1280, "en") as visit:
        visit.open(path)
        visit.page.wait_for_timeout(1500)
        unnamed = visit.page.evaluate(
            """[...document.querySelectorAll('.fx button, .fx a[href], .fx select, .fx input:not([type=hidden]):not([type=file])')]
            .filter((e) => e.offsetParent && !(e.textContent || '').trim() && !e.getAttribute('aria-label') && !e.labels?.length
            && !e.getAttribute('title') && !e.closest('label') && !e.closest('[aria-label]')).map((e) => e.outerHTML.slice(0, 160))"""
        )
        assert unnamed == []
        unreached = visit.page.evaluate(
            """[...document.querySelectorAll('.fx button, .fx a[href], .fx select')].filter((e) => e.offsetParent && e.tabIndex < 0
            && !e.disabled && !e.closest('.fofx')).map((e) => e.outerHTML.slice(0, 160))"""
        )
        assert unreached == []


def test_runs_of_others_cannot_be_seen_without_the_token(studio: Running, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            page = browser.new_page()
            page.goto(studio.url + "/run/line")
            assert "[no-token]" in page.content() and "mlp" not in page.content()
        finally:
            browser.close()

"""A stage for widgets: real Chromium around one widget, its traits and messages passed to and fro. No server, no network.

    with stage(widget, width=390) as page:
        page.get_by_role("button", name="Step").click()

`page.said` lists console errors, `page.asked` every request that left the page. Both should be empty.
Without a browser the tests that use it are skipped; tests/conftest.py says so in one line.
"""

from __future__ import annotations

import base64
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anywidget
import pytest

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<style>body { margin: 8px; background: Canvas; }</style><div id="place"></div><script type="module">
const given = GIVEN;
const state = {}, heard = {};
const open = (v) => (v && v.base64 !== undefined ? new DataView(Uint8Array.from(atob(v.base64), (c) => c.charCodeAt(0)).buffer) : v);
for (const key in given.state) state[key] = open(given.state[key]);
const fire = (event, ...all) => (heard[event] || []).slice().forEach((listen) => listen(...all));
const take = (events) => { for (const e of events) {
  if (e.trait) { state[e.trait] = open(e.value); fire("change:" + e.trait, state[e.trait]); }
  else fire("msg:custom", e.message, e.buffers.map(open)); } };
let line = Promise.resolve();
const tell = (what) => (line = line.then(() => window.toPython(JSON.stringify(what))).then((text) => take(JSON.parse(text))));
let dirty = {};
const model = {
  get: (key) => state[key],
  set: (key, value) => { state[key] = value; dirty[key] = value; fire("change:" + key, value); },
  save_changes: () => { const traits = dirty; dirty = {}; tell({ traits }); },
  on: (event, listen) => (heard[event] ||= []).push(listen),
  off: (event, listen) => { heard[event] = (heard[event] || []).filter((other) => other !== listen); },
  send: (message) => tell({ message }),
};
const style = document.createElement("style"); style.textContent = given.css; document.head.append(style);
const module = await import(URL.createObjectURL(new Blob([given.esm], { type: "text/javascript" })));
window.end = await module.default.render({ model, el: document.getElementById("place") });
window.listeners = () => Object.values(heard).flat().length;
setInterval(() => tell({}), 40);
window.ready = true;
</script></html>"""


@contextmanager
def stage(widget: anywidget.AnyWidget, width: int = 1280, height: int = 800, scheme: str = "light") -> Iterator[Any]:
    """A page of Chromium that shows `widget`; ends with the widget taken down and its listeners gone."""
    from playwright.sync_api import sync_playwright

    own = set(widget.traits(sync=True)) - {"_esm", "_css", "_anywidget_id"}
    names = [name for name in own if not name.startswith("_") and name not in anywidget.AnyWidget.class_traits()]
    waiting: list[dict] = []
    guard = threading.Lock()
    taking: dict[str, Any] = {}

    def pack(value: Any) -> Any:
        return (
            {"base64": base64.b64encode(bytes(value)).decode()}
            if isinstance(value, bytes | bytearray | memoryview)
            else value
        )

    def changed(change: Any) -> None:
        if change["name"] in taking and taking[change["name"]] == change["new"]:
            return
        with guard:
            waiting.append({"trait": change["name"], "value": pack(change["new"])})

    def send(content: Any, buffers: Any = None) -> None:
        with guard:
            waiting.append(
                {"message": content, "buffers": [pack(memoryview(each).tobytes()) for each in buffers or []]}
            )

    def to_python(text: str) -> str:
        said = json.loads(text)
        if "message" in said:
            widget._handle_custom_msg(said["message"], [])
        for name, value in said.get("traits", {}).items():
            taking[name] = value
            setattr(widget, name, value)
            taking.pop(name)
        with guard:
            out, waiting[:] = list(waiting), []
        return json.dumps(out)

    widget.observe(changed, names)
    widget.send = send  # type: ignore[method-assign]
    esm, css = (text.read_text() if isinstance(text, Path) else str(text) for text in (widget._esm, widget._css))
    given = {"state": {name: pack(getattr(widget, name)) for name in names}, "esm": esm, "css": css}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        page.said, page.asked = [], []
        page.on("console", lambda line: page.said.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on(
            "request",
            lambda asked: None if asked.url.startswith(("blob:", "data:", "about:")) else page.asked.append(asked.url),
        )
        page.expose_function("toPython", to_python)
        page.set_content(PAGE.replace("GIVEN", json.dumps(given).replace("</", "<\\/")))
        page.wait_for_function("window.ready")
        try:
            yield page
            page.evaluate("window.end()")
            assert page.evaluate("window.listeners()") == 0, "the widget left listeners behind"
        finally:
            browser.close()

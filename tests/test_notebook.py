"""The widgets in a real notebook: JupyterLab in Chromium, a cell for each, one click that reaches Python and comes back.

Slow, and skipped where JupyterLab is not installed: it is no dependency of fofx. To run it:

    python -m venv notebook && notebook/bin/pip install -e ".[data,vision,studio,test]" jupyterlab
    notebook/bin/python -m pytest tests/test_notebook.py
"""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stage import CHROMIUM, FLAGS, needs_browser

pytest.importorskip("jupyterlab")
pytestmark = [needs_browser, pytest.mark.slow]
TOKEN = secrets.token_hex(16)

SETUP = """
import json
import numpy as np
import fofx
from fofx.widgets.attention import Attention
from fofx.widgets.bayes import Bayes
from fofx.widgets.convolution import Convolution
from fofx.widgets.landscape import Landscape
from fofx.widgets.line import Line
from fofx.widgets.neighbours import Neighbours
from fofx.widgets.network import Network
from fofx.widgets.neuron import Neuron
from fofx.widgets.playground import Playground
from fofx.widgets.run import Run
from fofx.widgets.task_table import TaskTable
from fofx.widgets.tree import Tree

heard = {}  # messages of the page that reached each widget

def shown(name, widget):
    heard[name], take = 0, widget._handle_msg
    def counted(message):
        heard[name] += 1
        return take(message)
    widget.comm.on_msg(counted)
    return widget

x = np.random.default_rng(0).normal(size=90)
numbers = fofx.find({"x": x, "y": 2 * x + 1}, "y", model="mlp", budget=1, out="runs", name="numbers")
texts = [("good", "bad")[n % 2] + f" film number {n} of the night" for n in range(60)]
columns = {"text": texts, "label": [text.split()[0] for text in texts]}
words = fofx.find(columns, "label", kinds={"text": "text"}, model="transformer", budget=1, out="runs", name="words")
print("set up")
"""


def press(name: str) -> Callable[[Any], None]:
    return lambda widget: widget.get_by_role("button", name=name, exact=True).first.click()


def type_and_read(widget: Any) -> None:
    widget.locator("textarea").fill("a good night")
    press("Read this text")(widget)


def explain_a_weight(widget: Any) -> None:
    plot = widget.locator("canvas").first
    plot.focus()
    for key in ("ArrowRight", "ArrowDown", "Enter"):
        plot.press(key)


def scrub(widget: Any) -> None:
    widget.locator("input[type=range]").focus()
    widget.locator("input[type=range]").press("Home")


def other_directions(widget: Any) -> None:
    widget.get_by_text("Measured:").wait_for()  # around the kept weights, as soon as it was shown
    widget.get_by_label("Directions").select_option("random")
    widget.get_by_text("Measuring the loss").wait_for()
    widget.get_by_text("Measuring the loss").wait_for(state="hidden", timeout=60_000)


# Of each widget: the cell, what is done, and what only Python can then have said.
WIDGETS: dict[str, tuple[str, Callable[[Any], None], str]] = {
    "playground": ("Playground(lang='en')", press("Step"), r"Epoch\s*000,001"),
    "line": ("Line(lang='en')", press("Step"), ""),
    "neighbours": ("Neighbours(lang='en')", lambda widget: widget.locator("canvas").first.press("ArrowRight"), ""),
    "tree": ("Tree(lang='en')", press("Take the best cut"), ""),
    "bayes": ("Bayes(lang='en')", press("Naive Bayes on a table"), "spam"),
    "neuron": ("Neuron(lang='en')", press("A layer"), ""),
    "convolution": (
        "Convolution(lang='en')",
        lambda widget: widget.get_by_label("Padding").press("ArrowRight"),
        r"The result, (\d+) x \1",
    ),
    "attention": ("Attention(words, lang='en')", type_and_read, ""),
    "network": ("Network(numbers, lang='en')", explain_a_weight, "torch says"),
    "run": ("Run(numbers, lang='en')", scrub, ""),
    "landscape": ("Landscape(numbers, lang='en', seconds=1)", other_directions, "Measured: .* in"),
    "task_table": (
        "TaskTable(lang='en')",
        lambda widget: widget.locator("button.tt-here").first.click(),
        "Start this task",
    ),
}


@contextmanager
def lab(folder: Path) -> Iterator[str]:
    """JupyterLab on this machine with settings of its own; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    hidden = folder.parent / "jupyter"
    own = {f"JUPYTER_{name}_DIR": str(hidden / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    own |= {f"JUPYTERLAB_{name}_DIR": str(hidden / name.lower()) for name in ("SETTINGS", "WORKSPACES")}
    news = hidden / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    news.parent.mkdir(parents=True)
    news.write_text('{"fetchNews": "false", "checkForUpdates": false}')
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
    command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}"]
    with open(hidden / "log.txt", "wb") as log:
        server = subprocess.Popen(
            [*command, f"--IdentityProvider.token={TOKEN}"],
            env={**os.environ, **own, "OMP_NUM_THREADS": "1"}, cwd=folder, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token={TOKEN}").close()
                break
            except (urllib.error.URLError, ConnectionError):
                assert server.poll() is None, (hidden / "log.txt").read_text()[-2000:]
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def notebook(cells: list[str]) -> str:
    made = [
        {"cell_type": "code", "execution_count": None, "id": f"cell-{n}", "metadata": {}, "outputs": [], "source": text}
        for n, text in enumerate(cells)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return json.dumps({"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A notebook whose cells have all run, each widget below its own; `page.said` is what the console complained of."""
    from playwright.sync_api import sync_playwright

    folder = tmp_path_factory.mktemp("lab") / "notebooks"
    folder.mkdir()
    cells = [SETUP, *(f"shown({name!r}, {code})" for name, (code, _, _) in WIDGETS.items()), "print(json.dumps(heard))"]
    (folder / "widgets.ipynb").write_text(notebook(cells))
    with lab(folder) as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        said, asked = [], []
        page.said, page.asked = said, asked  # type: ignore[attr-defined]
        page.on("console", lambda line: said.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        local = ("data:", "blob:", address, address.replace("http", "ws"))
        page.on("request", lambda each: None if each.url.startswith(local) else asked.append(each.url))
        page.goto(f"{address}/lab/tree/widgets.ipynb?token={TOKEN}")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=120_000)
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=120_000)  # before that it asks for a kernel
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        ended = f"document.body.innerText.includes('{next(iter(WIDGETS))}\": 0')"
        broken = (
            "document.querySelector('.jp-RenderedText[data-mime-type=\"application/vnd.jupyter.stderr\"] .ansi-red-fg')"
        )
        page.wait_for_function(f"{ended} || {broken}", timeout=240_000)
        assert page.evaluate(ended), page.locator(".jp-Notebook").inner_text()[-3000:]
        yield page
        browser.close()


def seen(page: Any, name: str) -> Any:
    """The widget, scrolled to: JupyterLab takes cells that are far away off the page and puts them back."""
    number = list(WIDGETS).index(name) + 1
    cell = page.locator(f'.jp-Notebook .jp-Cell[data-windowed-list-index="{number}"]')
    cell.scroll_into_view_if_needed()
    widget = cell.locator(f"section.fofx-{name.replace('_', '-')}, section.fofx-{name}")
    widget.wait_for(timeout=60_000)
    return widget


@pytest.mark.parametrize("name", WIDGETS)
def test_a_click_reaches_python_and_comes_back(page: Any, name: str) -> None:
    _, act, wanted = WIDGETS[name]
    widget = seen(page, name)
    page.wait_for_timeout(500)
    before = widget.inner_text()
    assert len(before) > 40 and widget.locator(".fofx-trouble:visible").count() == 0
    act(widget)
    for _ in range(300):
        after = widget.inner_text()
        if after != before and (not wanted or re.search(wanted, after)):
            break
        page.wait_for_timeout(100)
    else:
        pytest.fail(f"nothing came back: {after[:600]}")
    if os.environ.get("FOFX_PICTURES"):
        widget.screenshot(path=str(Path(os.environ["FOFX_PICTURES"]) / f"{name}.png"))
    assert widget.locator(".fofx-trouble:visible").count() == 0
    assert page.said == [] and page.asked == []


def test_keys_pressed_in_a_widget_are_no_commands_of_the_notebook(page: Any) -> None:
    """In JupyterLab D D deletes the chosen cell, X cuts it, and Enter leaves for the editor."""
    button = seen(page, "tree").get_by_role("button", name="Reset", exact=True)
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    button.focus()
    for key in ("d", "d", "x", "b", "ArrowDown"):
        page.keyboard.press(key)
    page.wait_for_timeout(500)
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells
    assert button.evaluate("(button) => button === document.activeElement")


def test_a_widget_is_dark_where_the_notebook_is(page: Any) -> None:
    widget = seen(page, "line")
    for light in ("false", "true"):
        page.evaluate("(light) => (document.body.dataset.jpThemeLight = light)", light)
        page.wait_for_timeout(300)
        assert widget.get_attribute("data-theme") == ("light" if light == "true" else "dark")


def test_every_widget_was_heard_by_python(page: Any) -> None:
    """The last cell again: how many messages of the page each widget got."""
    cell = page.locator(f'.jp-Notebook .jp-Cell[data-windowed-list-index="{len(WIDGETS) + 1}"]')
    cell.scroll_into_view_if_needed()
    cell.locator(".jp-InputArea-editor").click()
    page.keyboard.press("Control+Enter")
    for _ in range(100):
        heard = json.loads(cell.locator(".jp-OutputArea-output").inner_text())
        if all(heard.values()):
            break
        page.wait_for_timeout(100)
    assert all(count > 0 for count in heard.values()), heard
    assert page.said == []

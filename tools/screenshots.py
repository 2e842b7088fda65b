"""docs/*.png from the running studio: `make screenshots`. Trains three small runs, opens the pages and takes their pictures.

Nothing is drawn for the occasion: what the pictures show was measured in the runs made here. Needs Chromium (Debian: chromium,
fonts-noto-cjk). `--runs FOLDER` uses the runs of an earlier call instead of training again.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from fofx.words import say

DOCS = Path(__file__).parent.parent / "docs"
LARGEST = 300_000  # bytes of one picture
TOKEN = "screenshots-of-the-docs"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars"]
RUNS = {  # name: built-in task, seconds
    "river": ("river", 20.0),
    "digits": ("digits", 25.0),
    "reviews": ("reviews", 60.0),
}

Act = Callable[[Any], None]


def still(page: Any) -> None:
    page.wait_for_timeout(1500)


def play(page: Any) -> None:
    """Let the playground learn for a while."""
    page.locator(".fofx-playground canvas").first.wait_for()
    page.keyboard.press("Tab")
    button = page.locator(".fofx-playground button.playground-play, .fofx-playground [data-do=play]")
    (button if button.count() else page.get_by_role("button", name="Play", exact=True)).first.click()
    page.wait_for_timeout(6000)
    page.get_by_role("button", name="Pause", exact=True).first.click()
    still(page)


def look_inside(page: Any) -> None:
    page.locator("#network .fofx-network").wait_for()
    still(page)


def draw_seven(page: Any) -> None:
    """A seven, drawn by hand, and why it was read as one."""
    canvas = page.locator("main canvas").first
    canvas.wait_for()
    still(page)
    box = canvas.bounding_box()
    way = ((0.22, 0.2), (0.78, 0.2), (0.45, 0.85))
    page.mouse.move(box["x"] + way[0][0] * box["width"], box["y"] + way[0][1] * box["height"])
    page.mouse.down()
    for x, y in way[1:]:
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=10)
    page.mouse.up()
    still(page)
    lang = page.evaluate("document.documentElement.lang.slice(0, 2)")
    page.get_by_role("button", name=say("studio.predict.why", lang)).click()
    page.locator(".explained").wait_for()
    still(page)


def result(page: Any) -> None:
    page.locator(".remark").first.wait_for()
    still(page)


# file name: address, width, height, language, scheme, what to do first
PICTURES: dict[str, tuple[str, int, int, str, str, Act]] = {
    "studio-home.en": ("/", 1280, 900, "en", "light", still),
    "studio-home.zh": ("/", 1280, 900, "zh", "light", still),
    "playground.en": ("/playground?data=spiral&layers=8;8&rate=0.03&features=x;y;sin(x);sin(y)", 1280, 760, "en", "light", play),
    "studio-run.en": ("/run/river", 1280, 1000, "en", "light", result),
    "studio-run.zh": ("/run/river", 1280, 1000, "zh", "light", result),
    "studio-predict.zh": ("/run/digits/predict", 1280, 900, "zh", "light", draw_seven),
    "studio-inside.en": ("/run/river/inside?rung=mlp&show=network", 1280, 1000, "en", "light", look_inside),
    "learn-line.zh": ("/learn/line", 1280, 900, "zh", "light", still),
    "studio-phone.zh": ("/run/river", 390, 844, "zh", "dark", result),
}  # fmt: skip


def train(folder: Path) -> None:
    import fofx

    for name, (task, seconds) in RUNS.items():
        if (folder / name).exists():
            continue
        built_in = fofx.tasks()[task]
        print(f"training {name} for {seconds:g} s", flush=True)
        fofx.find(built_in.table(), built_in.outputs, budget=seconds, out=str(folder), name=name, **built_in.options)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The studio in a thread of this process; gives its address."""
    import uvicorn

    from fofx.studio.app import SOCKETS, Studio, listening

    place = listening("127.0.0.1", 0)
    port = place.getsockname()[1]
    studio = Studio(folder, token=TOKEN, cookie=f"fofx_{port}")
    server = uvicorn.Server(uvicorn.Config(studio.app, log_level="warning", ws=SOCKETS))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [place]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(15)


def small(data: bytes) -> bytes:
    """The PNG with as few colours as it takes to stay below LARGEST."""
    from PIL import Image

    if len(data) <= LARGEST:
        return data
    picture = Image.open(BytesIO(data)).convert("RGB")
    for colours in (256, 128, 64):
        file = BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(file, "png", optimize=True)
        if file.tell() <= LARGEST:
            break
    return file.getvalue()


def take(base: str, wanted: list[str]) -> int:
    from playwright.sync_api import Error, sync_playwright

    chromium = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if chromium is None:
        print("No Chromium is installed; on Debian: apt install chromium fonts-noto-cjk", file=sys.stderr)
        return 1
    failed = 0
    with sync_playwright() as play_:
        browser = play_.chromium.launch(executable_path=chromium, args=FLAGS)
        for name in wanted:
            address, width, height, lang, scheme, act = PICTURES[name]
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            context.set_default_timeout(90_000)
            page = context.new_page()
            try:
                page.goto(f"{base}/learn?token={TOKEN}&lang={lang}")
                page.goto(base + address)
                act(page)
                page.evaluate("window.scrollTo(0, 0); document.activeElement?.blur()")
                data = small(page.screenshot())
                (DOCS / f"{name}.png").write_bytes(data)
                print(f"docs/{name}.png {len(data) / 1000:.0f} kB", flush=True)
            except Error as problem:
                failed += 1
                print(f"{name}: {problem.message.splitlines()[0]}", file=sys.stderr)
            context.close()
        browser.close()
    return 1 if failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--runs", type=Path, help="folder with the runs of an earlier call")
    parser.add_argument("--only", nargs="*", choices=sorted(PICTURES), help="which pictures")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = given.runs or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        train(folder)
        with serving(folder) as base:
            return take(base, given.only or list(PICTURES))


if __name__ == "__main__":
    sys.exit(main())

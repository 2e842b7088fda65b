"""Frames a second that the playground draws end to end: trained, measured at 100 x 100 pixels, sent, drawn and acknowledged.

Each network plays for some seconds in Chromium on the stage of the tests: every frame is one epoch of 250 points, the maps of all
neurons, the large map, the weights and the curve. The page asks for a frame only when the one before is drawn, at most about
60 times a second. Beside it, what a frame costs where: `made` is the thread's median time to train and to measure one,
`script` the page's median time inside an animation frame, `bytes` the size of a frame. The rest of a frame's time is the way
between the two and the browser's own painting, which without a graphics card runs on the processor too.

Run: python benchmarks/frames.py [--seconds 5] [--width 1280]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

NETWORKS = {
    "2-4-2-1": "",
    "2-8-8-1": "layers=8;8",
    "7-8-8-8-3": "layers=8;8;8&classes=3&data=spiral&features=x;y;x*x;y*y;x*y;sin(x);sin(y)",
}
WATCH = """() => {
  const frames = window.requestAnimationFrame.bind(window);
  window.spent = [];
  window.requestAnimationFrame = (draw) => frames((now) => {
    const begun = performance.now();
    draw(now);
    window.spent.push(performance.now() - begun);
  });
}"""


def cost_of_making(state: str) -> tuple[float, int]:
    """Median milliseconds to train one epoch and make its frame; and the frame's bytes."""
    from fofx.widgets.playground import Playground

    playground = Playground(state)
    spent, size = [], 0
    for _ in range(60):
        begun = time.perf_counter()
        playground._advance()
        size = sum(map(len, playground._picture()[1]))
        spent.append(time.perf_counter() - begun)
    playground.close()
    return statistics.median(spent) * 1e3, size


def drawn(state: str, seconds: float, width: int) -> tuple[float, float]:
    """Frames a second in Chromium, and the script's median milliseconds in one."""
    from fofx.widgets.playground import Playground
    from stage import stage

    playground = Playground(state, lang="en")
    try:
        with stage(playground, width=width) as page:
            page.wait_for_selector(".pg-unit")
            page.evaluate(WATCH)
            count = "Number(document.querySelector('.fofx-playground').dataset.frames)"
            page.get_by_role("button", name="Play", exact=True).click()
            page.wait_for_timeout(1000)
            before, begun = page.evaluate(count), time.perf_counter()
            page.wait_for_timeout(seconds * 1000)
            after, ended = page.evaluate(count), time.perf_counter()
            return (after - before) / (ended - begun), page.evaluate(
                "window.spent.sort((a, b) => a - b)[window.spent.length >> 1]"
            )
    finally:
        playground.close()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=5)
    options.add_argument("--width", type=int, default=1280)
    given = options.parse_args()
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from stage import CHROMIUM

    if CHROMIUM is None:
        sys.exit("no Chromium is installed")
    print(f"{'network':12} {'frames/s':>9} {'made ms':>9} {'script ms':>10} {'bytes':>8}")
    for name, state in NETWORKS.items():
        made, size = cost_of_making(state)
        rate, script = drawn(state, given.seconds, given.width)
        print(f"{name:12} {rate:9.1f} {made:9.2f} {script:10.2f} {size:8,}")


if __name__ == "__main__":
    main()

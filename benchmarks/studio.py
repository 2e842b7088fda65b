"""The studio under load, on this machine: page load, frames end to end, twenty sessions beside one training, memory.

    python benchmarks/studio.py [--sessions 20] [--seconds 20] [--part load|frames|sessions|first]

- load: a page in Chromium, from the click to its heading, with an empty cache and with a full one (median of five).
- frames: frames of the playground that reach the page of a real browser while it plays, each drawn, in a second.
- sessions: that many visitors at once, each of whom opens pages and plays in the playground (ten frames a second asked
  for), while one training runs: the longest that any of them waited for a page or a frame, and memory for each.
  Aim: nobody waits over 0.5 s. The visitors run on the same cores as the studio, which is part of the load.
- first: from the click on start to the first point of a curve, with a process that waits for it (as the studio has) and
  without; most of the difference is Python importing torch.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import json
import os
import re
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PAGES = ("/", "/tasks", "/runs", "/playground")
TOKEN = "a-token-for-the-benchmark"


@contextmanager
def studio(folder: str) -> Iterator[tuple[str, int]]:
    """(address, process number) of a studio of its own."""
    code = f"from fofx.studio.app import serve; serve({folder!r}, open_browser=False, token={TOKEN!r}, lang='en')"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = next(line for line in process.stdout if "http" in line)
    address = re.search(r"http://[^/]+", line)[0]  # type: ignore[index]
    try:
        wait_until_up(address)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def wait_until_up(address: str) -> None:
    import httpx

    for _ in range(300):
        try:
            httpx.get(address, timeout=60)
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit("the studio did not start")


def memory(pid: int) -> float:
    """Resident megabytes of a process."""
    return int(subprocess.check_output(["ps", "-o", "rss=", "-p", str(pid)])) / 1024


# ---- one visitor, without a browser: what its page would send and hear


def frame_of(head: dict[str, Any]) -> bytes:
    text = json.dumps({**head, "sizes": []}).encode()
    return struct.pack("<I", len(text)) + text + bytes(-(4 + len(text)) % 8)


def head_of(frame: bytes) -> dict[str, Any]:
    length = struct.unpack("<I", frame[:4])[0]
    return json.loads(frame[4 : 4 + length])


class Visitor:
    """Opens pages as a browser does: the page, its socket, and the playground's own."""

    def __init__(self, address: str, waits: dict[str, list[float]]) -> None:
        import httpx

        self.address, self.waits = address, waits
        self.client = httpx.AsyncClient(base_url=address, timeout=120, follow_redirects=True)
        self.frames = 0

    async def come(self) -> None:
        await self.client.get(f"/?token={TOKEN}")

    async def open(self, path: str) -> str:
        begun = time.perf_counter()
        answer = await self.client.get(path)
        answer.raise_for_status()
        self.waits["page"].append(time.perf_counter() - begun)
        return answer.text

    def socket(self, path: str) -> Any:
        from websockets.asyncio.client import connect

        cookies = "; ".join(f"{name}={value}" for name, value in self.client.cookies.items())
        url = self.address.replace("http", "ws") + path
        return connect(
            url, additional_headers={"cookie": cookies}, origin=self.address, max_size=None, ping_interval=None
        )  # type: ignore[arg-type]

    async def stay(self, text: str, seconds: float, play: bool) -> None:
        """Hold the page's socket open, answer its pings, and play when there is a playground."""
        asked = re.search(r"query: (\{.*?\}),", text)
        query = ast.literal_eval(asked[1]) if asked else {}
        more = {
            "tab_id": str(uuid.uuid4()),
            "document_id": str(uuid.uuid4()),
            "old_tab_id": "",
            "EIO": 4,
            "transport": "websocket",
        }
        words = "&".join(f"{key}={str(value).lower()}" for key, value in {**query, **more}.items())
        key = re.search(r"/fofx/widget/([\w-]+)", text)
        async with self.socket(f"/_nicegui_ws/socket.io/?{words}") as line:
            await line.send("40")
            alive = asyncio.create_task(self.pings(line))
            try:
                if play and key:
                    await self.play(key[1], seconds)
                else:
                    await asyncio.sleep(seconds)
            finally:
                alive.cancel()

    async def pings(self, line: Any) -> None:
        async for message in line:
            if message == "2":
                await line.send("3")

    async def play(self, key: str, seconds: float) -> None:
        number = 0
        async with self.socket(f"/fofx/widget/{key}") as line:

            async def tell(content: dict[str, Any]) -> None:
                nonlocal number
                number += 1
                await line.send(frame_of({"what": "custom", "number": number, "content": content}))

            async def frame() -> dict[str, Any]:
                while True:
                    head = head_of(await line.recv())
                    if head.get("number"):
                        await line.send(frame_of({"what": "seen", "number": head["number"]}))
                    if head["what"] == "custom" and head["content"].get("do") == "frame":
                        return head["content"]

            await line.send(frame_of({"what": "hello", "seen": 0}))
            await tell({"do": "ready"})
            await frame()
            await tell({"do": "play"})
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                begun = time.perf_counter()
                await tell({"do": "next"})
                await asyncio.wait_for(frame(), 60)
                took = time.perf_counter() - begun
                self.waits["frame"].append(took)
                self.frames += 1
                await asyncio.sleep(max(0.0, 0.1 - took))
            await tell({"do": "pause"})


async def class_of(address: str, count: int, seconds: float) -> tuple[dict[str, list[float]], list[Visitor]]:
    waits: dict[str, list[float]] = {"page": [], "frame": []}
    visitors = [Visitor(address, waits) for _ in range(count)]
    for visitor in visitors:
        await visitor.come()
    waits["page"].clear()

    async def visit(number: int, visitor: Visitor) -> None:
        await asyncio.sleep(number * seconds / 4 / count)  # they sit down one after the other
        for path in ("/", "/tasks"):
            await visitor.stay(await visitor.open(path), 1.0, False)
        await visitor.stay(await visitor.open("/playground"), seconds, True)
        await visitor.client.aclose()

    await asyncio.gather(*(visit(number, visitor) for number, visitor in enumerate(visitors)))
    return waits, visitors


def sessions(count: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, studio(folder) as (address, pid):
        asyncio.run(class_of(address, 1, 1.0))  # the first visit imports and compiles
        before = memory(pid)
        for training in (False, True):
            job = start(folder) if training else None
            peak = Peak(pid)
            waits, visitors = asyncio.run(class_of(address, count, seconds))
            most = peak.end()
            if job is not None:
                still = job.status
                job.cancel()
                print(f"  the training was {still} at the end")
            frames = sum(visitor.frames for visitor in visitors)
            beside = "one training" if training else "no training"
            print(f"{count} sessions beside {beside}: {frames / seconds / count:.1f} frames/s each")
            for what, took in waits.items():
                took.sort()
                at = {share: took[min(len(took) - 1, int(len(took) * share))] for share in (0.5, 0.95, 0.99)}
                shown = ", ".join(f"{share:.0%} {wait * 1000:.0f} ms" for share, wait in at.items())
                print(f"  waits for a {what}: {shown}, longest {took[-1] * 1000:.0f} ms ({len(took)})")
            print(
                f"  memory: {before:.0f} MB before, {most:.0f} MB at most, {(most - before) / count:.1f} MB a session"
            )


class Peak:
    """The most memory of a process, looked at five times a second."""

    def __init__(self, pid: int) -> None:
        import threading

        self.most, self.over = 0.0, threading.Event()

        def look() -> None:
            while not self.over.wait(0.2):
                self.most = max(self.most, memory(pid))

        self.thread = threading.Thread(target=look, daemon=True)
        self.thread.start()

    def end(self) -> float:
        self.over.set()
        self.thread.join()
        return self.most


def start(folder: str, standby: Any = None) -> Any:
    """One training in the studio's folder; the studio sees it and looks after it."""
    from fofx.studio.jobs import Jobs
    from fofx.studio.workspace import Workspace

    return Jobs(Workspace(folder), standby=standby).start({"task": "digits", "model": "cnn", "budget": 300})


def first(folder: str) -> None:
    from fofx.studio.standby import Standby

    for waits in (True, False) * 3:
        standby = Standby()
        if waits:
            standby.ready()
            time.sleep(20)
        begun = time.perf_counter()
        job = start(folder, standby)
        cursor, found = None, False
        while not found and job.status in ("waiting", "running"):
            events, cursor = job.events(cursor)
            found = any(event["what"] == "history" for event in events)
            time.sleep(0.02)
        took = time.perf_counter() - begun
        job.cancel()
        while job.status == "running":
            time.sleep(0.1)
        how = "with a process that waits" if waits else "with a new process"
        print(f"from click to first point of a curve, {how}: {took:.1f} s" + ("" if found else " (it ended before)"))


# ---- with a browser


@contextmanager
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    path = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )
    if path is None:
        raise SystemExit("skipped: no Chromium is installed")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def load(address: str) -> None:
    with chromium() as browser:
        for path in PAGES:
            took: dict[str, list[float]] = {"empty cache": [], "full cache": []}
            for _ in range(5):
                context = browser.new_context()
                context.request.get(f"{address}/?token={TOKEN}")
                for cache in took:
                    page = context.new_page()
                    begun = time.perf_counter()
                    page.goto(address + path, wait_until="commit")
                    page.locator("h1").first.wait_for(state="attached")
                    if path == "/playground":
                        page.locator("canvas").first.wait_for()
                    took[cache].append(time.perf_counter() - begun)
                    page.close()
                context.close()
            shown = ", ".join(f"{cache} {statistics.median(times) * 1000:.0f} ms" for cache, times in took.items())
            print(f"{path}: {shown}")


def frames(address: str, seconds: float) -> None:
    with chromium() as browser:
        for width in (1280, 390):
            page = browser.new_page(viewport={"width": width, "height": 800})
            heard: list[float] = []
            size = [0]

            def listen(socket: Any, heard: list[float] = heard, size: list[int] = size) -> None:
                def came(payload: Any) -> None:
                    if isinstance(payload, bytes) and b'"do": "frame"' in payload[:400]:
                        heard.append(time.perf_counter())
                        size[0] = len(payload)

                socket.on("framereceived", came)

            page.on("websocket", listen)
            page.goto(f"{address}/?token={TOKEN}")
            page.goto(f"{address}/playground?layers=8;8")
            page.evaluate(
                "() => { window.drawn = 0; const turn = () => { drawn += 1; requestAnimationFrame(turn); }; turn(); }"
            )
            page.get_by_role("button", name=re.compile("^(Run|Play|▶|Start)", re.I)).first.click()
            page.wait_for_timeout(2000)
            heard.clear()
            before, begun = page.evaluate("drawn"), time.perf_counter()
            page.wait_for_timeout(int(seconds * 1000))
            took = time.perf_counter() - begun
            screen = (page.evaluate("drawn") - before) / took
            print(
                f"{width} px: {len(heard) / took:.0f} frames/s of {size[0] / 1000:.0f} kB reach the page; the screen turns {screen:.0f} times a second"
            )
            page.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--part", choices=("load", "frames", "sessions", "first"))
    asked = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    if asked.part in (None, "load", "frames"):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, studio(folder) as (address, _):
            if asked.part != "frames":
                load(address)
            if asked.part != "load":
                frames(address, min(10.0, asked.seconds))
    if asked.part in (None, "sessions"):
        sessions(asked.sessions, asked.seconds)
    if asked.part in (None, "first"):
        with tempfile.TemporaryDirectory() as folder:
            first(folder)


if __name__ == "__main__":
    main()

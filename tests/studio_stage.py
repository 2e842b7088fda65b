"""A real studio in a process of its own, with one page more: /stage, which shows a widget made to try the bridge.

    with running(folder) as studio:
        studio.url, studio.token, studio.cookie ...

`python studio_stage.py FOLDER [shared]` serves until it is ended; its first line says where.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOKEN = "the-token-of-the-tests-0123456789"

SCRIPT = """
export default {
  initialize({ model }) { window.begun = (window.begun ?? 0) + 1; },
  render({ model, el, experimental }) {
    const said = document.createElement("output");
    said.id = "said";
    el.append(said);
    window.model = model;
    window.invoke = experimental.invoke;
    window.heard = [];
    window.frames = { count: 0, last: -1, order: true, sum: 0 };
    const show = () => (said.textContent = `${model.get("count")} ${model.get("name")}`);
    model.on("change:count change:name", show);
    model.on("change", () => (window.changes = (window.changes ?? 0) + 1));
    model.on("msg:custom", (content, buffers) => {
      if (content.kind !== "frame") return window.heard.push([content, buffers.map((b) => b.byteLength)]);
      const numbers = new Float32Array(buffers[0].buffer, buffers[0].byteOffset, buffers[0].byteLength / 4);
      if (numbers[0] !== content.number || content.number <= window.frames.last) window.frames.order = false;
      window.frames.last = content.number;
      window.frames.count += 1;
      for (let until = performance.now() + (window.slow ?? 0); performance.now() < until; );
    });
    show();
    return () => (window.cleaned = (window.cleaned ?? 0) + 1);
  },
};
"""


def make_widget() -> Any:
    import threading

    import anywidget
    import numpy as np
    import traitlets
    from anywidget.experimental import command

    ended: list[int] = []

    class Echo(anywidget.AnyWidget):
        _esm = SCRIPT
        _css = "#said { color: rgb(1, 2, 3); }"
        count = traitlets.Int(0).tag(sync=True)
        half = traitlets.Float(0.0).tag(sync=True)
        name = traitlets.Unicode("a").tag(sync=True)
        data = traitlets.Bytes(b"\x01\x02\x03").tag(sync=True)
        nested = traitlets.Dict({"x": [b"ab", 1], "not a number": float("nan")}).tag(sync=True)

        def __init__(self) -> None:
            super().__init__()
            self.seen: list[Any] = []
            self.thread: int | None = None
            self.on_msg(self._message)

        @traitlets.validate("count")
        def _at_most_100(self, proposal: Any) -> int:
            return min(proposal["value"], 100)

        @traitlets.observe("count")
        def _halve(self, change: Any) -> None:
            self.half = change["new"] / 2

        def _message(self, widget: Any, content: Any, buffers: list[Any]) -> None:
            self.thread = threading.get_ident()
            do = content.get("do")
            if do == "echo":
                self.send({"kind": "echo", "content": content, "keep": True}, [b"!" + bytes(b) for b in buffers])
            elif do == "order":
                time.sleep(0.002)
                self.seen.append(content["number"])
            elif do == "seen":
                self.send({"kind": "seen", "seen": self.seen})
            elif do == "frames":
                threading.Thread(
                    target=self._frames, args=(content["count"], content["size"], content.get("pause", 0))
                ).start()
            elif do == "answers":
                for number in range(content["count"]):
                    self.send({"kind": "answer", "number": number})
            elif do == "set":
                self.count, self.name = content["count"], content["name"]

        def _frames(self, count: int, size: int, pause: float) -> None:
            values = np.zeros(size // 4, dtype=np.float32)
            for number in range(count):
                values[0] = number
                self.send({"kind": "frame", "number": number}, [values])
                time.sleep(pause)
            self.send({"kind": "frames end"})

        @command
        def double(self, msg: Any, buffers: Any) -> Any:
            return msg * 2, buffers

        def close(self) -> None:
            if self.comm is not None:  # Python calls it once more when the widget is collected
                ended.append(1)
            super().close()

    return Echo, ended


def main(folder: str, shared: str = "") -> None:
    import gc

    import uvicorn
    from nicegui import ui

    from fofx.studio import bridge, limits
    from fofx.studio.app import SOCKETS, Studio, listening

    Echo, ended = make_widget()

    @ui.page("/stage")
    async def stage() -> None:
        widget = Echo()
        bridge.show(widget, "en")
        ui.button("remove", on_click=lambda: holder.clear())
        with ui.element() as holder:
            bridge.show(Echo(), "en")

    @ui.page("/broken")
    def broken() -> None:
        import anywidget

        class Broken(anywidget.AnyWidget):
            _esm = "export default { render() { throw new Error('<img src=x onerror=alert(1)> no'); } }"

        bridge.show(Broken(), "en")

    @ui.page("/names")
    def names(name: str = "") -> None:
        ui.label(name)
        ui.html(name, sanitize=False)  # what no page should do: the policy is the last line

    async def count(request: Any) -> Any:
        from ipywidgets.widgets import widget as all_widgets
        from starlette.responses import JSONResponse

        gc.collect()
        return JSONResponse({"ended": len(ended), "links": len(bridge.LINKS), "widgets": len(all_widgets._instances)})

    async def drop(request: Any) -> Any:
        from starlette.responses import JSONResponse

        for hosted in list(bridge.LINKS.values()):
            if hosted.socket is not None:
                await hosted.socket.close(1012)
        return JSONResponse({})

    place = listening("127.0.0.1", 0)
    studio = Studio(folder, limits.shared() if shared else limits.alone(), TOKEN, cookie="fofx_test")
    studio.inner.add_route("/test/count", count)
    studio.inner.add_route("/test/drop", drop)
    studio.inner.router.routes.insert(0, studio.inner.router.routes.pop())
    studio.inner.router.routes.insert(0, studio.inner.router.routes.pop())
    print(f"http://127.0.0.1:{place.getsockname()[1]}", flush=True)
    config = uvicorn.Config(
        studio.app, log_level="warning", ws=SOCKETS, ws_max_size=16_000_000, ws_per_message_deflate=False
    )
    uvicorn.Server(config).run(sockets=[place])


@dataclass
class Running:
    """Where a studio of the tests is, and how to get in."""

    url: str
    process: subprocess.Popen
    cookie: str = ""

    @property
    def token(self) -> str:
        return TOKEN

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    def get(self, path: str, **headers: str) -> Any:
        request = urllib.request.Request(self.url + path, headers={"cookie": self.cookie, **headers})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())


@contextmanager
def running(folder: Path, shared: bool = False) -> Iterator[Running]:
    asked = [sys.executable, __file__, str(folder), *(["shared"] if shared else [])]
    log = open(folder / "server.log", "wb")  # noqa: SIM115 - closed below
    process = subprocess.Popen(
        asked, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, (folder / "server.log").read_text()
        studio = Running(url, process)

        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *given: Any) -> None:
                return None

        for _ in range(100):
            try:
                urllib.request.build_opener(Stay).open(f"{url}/?token={TOKEN}", timeout=60)
            except urllib.error.HTTPError as answer:
                studio.cookie = re.match(r"[^;]+", answer.headers["set-cookie"])[0]  # type: ignore[index]
                break
            except OSError:
                time.sleep(0.1)
        yield studio
    finally:
        process.terminate()
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()
        log.close()


if __name__ == "__main__":
    main(*sys.argv[1:])

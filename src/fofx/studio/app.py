"""The studio as a server: pages and widgets behind the guard, on this machine, or shared with a class.

    serve()                              # what `fofx studio` does
    studio = Studio("runs"); studio.app  # the ASGI application, for tests and other servers

No request leaves this machine: pages load everything from here, and the policy forbids anything else. Ctrl-C ends the server;
trainings are processes of their own and go on, and the next start finds them again.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import secrets
import socket
import sys
import threading
import warnings
import webbrowser
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fofx import words
from fofx.errors import RunError
from fofx.studio import limits as bounds
from fofx.studio.guard import LOOPBACK, Guard, visitor_of
from fofx.studio.jobs import Jobs
from fofx.studio.limits import Limits
from fofx.studio.standby import Standby
from fofx.studio.workspace import HIDDEN, Workspace

BEAT = 0.5  # seconds between two looks at the queue
RECONNECT = 20.0  # seconds for a page to come back, with all its state, before it is forgotten
SOCKETS = "websockets-sansio"  # of uvicorn; its others are older or slower
SWITCH = 0.0005  # seconds that a busy widget may keep the interpreter from the event loop; Python's own is 0.005
TRIED = 50  # ports after the wanted one


class Studio:
    """Workspaces and queues of all visitors, and the application that serves them."""

    def __init__(
        self,
        folder: str | Path = "runs",
        limits: Limits | None = None,
        token: str | None = None,
        prepared: bool = False,
        **guard: Any,
    ) -> None:
        """`prepared`: a process with the engine in its memory (some 450 MB) waits for the next training."""
        self.folder = Path(folder).resolve()
        self.limits = limits or bounds.alone()
        self.token = token or kept_token(self.folder)
        self.everyone: list[Jobs] = []
        self.standby, self.prepared = Standby(), prepared
        self._visitors: dict[str, Jobs] = {}
        self._lock = threading.Lock()
        self._find_visitors()
        self.inner = self._pages()
        self.app = Guard(
            self.inner,
            self.token,
            largest=self.limits.request,
            upload=self.limits.upload + bounds.MB,
            refused=refusal,
            **guard,
        )

    # ---- whose runs

    def workspace_of(self, visitor: str | None = None) -> Workspace:
        """The workspace of a visitor; of the one whose page is being built when none is named."""
        return self.jobs_of(visitor).workspace

    def jobs_of(self, visitor: str | None = None) -> Jobs:
        """The trainings of a visitor. RunError "full" when a shared studio has as many visitors as it takes."""
        if not self.limits.shared:
            place = "."
        else:
            who = visitor if visitor is not None else current_visitor()
            place = f"{HIDDEN}/visitors/{hashlib.sha256(who.encode()).hexdigest()[:24]}"  # the cookie cannot be read from it
        with self._lock:
            if place not in self._visitors:
                if len(self._visitors) >= self.limits.visitors:
                    raise RunError("full", "This studio has as many visitors as it takes.")
                self._visitors[place] = Jobs(Workspace(self.folder / place, self.limits), self.everyone, self.standby)
            return self._visitors[place]

    def _find_visitors(self) -> None:
        """Workspaces of an earlier sitting: their trainings still wait or run."""
        if self.limits.shared:
            for place in sorted(self.folder.glob(f"{HIDDEN}/visitors/*")):
                name = place.relative_to(self.folder).as_posix()
                self._visitors[name] = Jobs(Workspace(place, self.limits), self.everyone, self.standby)
        else:
            self.jobs_of()

    def training(self) -> int:
        """How many trainings run or wait now."""
        return sum(job.status in ("running", "waiting") for jobs in self.everyone for job in jobs.all())

    def pump(self) -> None:
        """Look after all queues; with none of them busy, keep a process ready for the next training."""
        for jobs in list(self.everyone):
            jobs.pump()
        if self.prepared and not self.training():
            self.standby.ready()

    # ---- the application

    def _pages(self) -> Any:
        from fastapi import FastAPI
        from nicegui import ui

        from fofx.studio import bridge, pages

        @contextlib.asynccontextmanager
        async def beating(_: Any) -> AsyncIterator[None]:
            tasks = [asyncio.create_task(self._beat()), asyncio.create_task(asyncio.to_thread(warm))]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                self.standby.end()

        inner = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=beating)
        inner.router.routes.extend(bridge.routes())
        warnings.filterwarnings(
            "ignore", category=FutureWarning, module="nicegui"
        )  # it looks at every object when it starts
        pages.register(self.workspace_of, self.jobs_of)
        ui.run_with(
            inner, title="fofx", favicon="ƒ", dark=None, tailwind=False, reconnect_timeout=RECONNECT, gzip_middleware_factory=None,
            show_welcome_message=False,
        )  # fmt: skip
        return inner

    async def _beat(self) -> None:
        """Look after the queue, off the event loop."""
        while True:
            with contextlib.suppress(OSError, RunError):
                await asyncio.to_thread(self.pump)
            await asyncio.sleep(BEAT)


def warm() -> None:
    """Import, beside the event loop, what the first pages need: else all would wait while the first visitor's page imports."""
    with contextlib.suppress(Exception):  # a page that needs what is missing says so itself
        from fofx.studio import formula
        from fofx.widgets.playground import Playground

        formula.formula(formula.LOSS, 18)
        playground = Playground()
        playground.close()
        playground.layout.close()


def current_visitor() -> str:
    """Who opened the page that is being built, or whose click is being carried out."""
    from nicegui import ui

    request = ui.context.client._request
    return visitor_of(request.scope) if request is not None else ""


def refusal(code: str) -> str:
    """Why the guard said no, in both languages: it does not know the visitor's."""
    return " · ".join(words.say(REFUSALS[code], lang) for lang in ("en", "zh")) if code in REFUSALS else code


REFUSALS = {
    "bad-host": "studio_server.refused.bad-host",
    "bad-origin": "studio_server.refused.bad-origin",
    "bad-site": "studio_server.refused.bad-site",
    "no-token": "studio_server.refused.no-token",
    "too-large": "studio_server.refused.too-large",
}


def kept_token(folder: Path) -> str:
    """The secret of this folder's studio, made at its first start: open pages go on after a restart. Readable by the owner only."""
    place = folder / HIDDEN / "token"
    with contextlib.suppress(OSError):
        known = place.read_text(encoding="ascii").strip()
        if re.fullmatch(r"[\w-]{20,}", known):
            return known
    place.parent.mkdir(parents=True, exist_ok=True)
    token = secrets.token_urlsafe(24)
    beside = place.with_name(f".{secrets.token_hex(4)}.tmp")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(token)
    os.replace(beside, place)
    return token


def listening(host: str, port: int) -> socket.socket:
    """A socket on the wanted port, or on the next free one."""
    for wanted in [*range(port, min(port + TRIED, 65536)), 0]:
        place = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        if os.name != "nt":
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            place.bind((host, wanted))
            place.listen(512)
            return place
        except OSError:
            place.close()
    raise RunError("no-port", f"No port is free on {host}.")


def own_addresses() -> list[str]:
    """Under which addresses others in the same network reach this machine; asks this machine only, sends nothing."""
    found = []
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # a reserved address: choosing the way there sends no packet
        found.append(probe.getsockname()[0])
    return [address for address in found if not address.startswith("0.")]


def serve(
    folder: str | Path = "runs",
    port: int = 8777,
    host: str = "127.0.0.1",
    open_browser: bool = True,
    share: bool = False,
    lang: str | None = None,
    token: str | None = None,
) -> None:
    """Run the studio until Ctrl-C.

    folder: where the runs are. port: the next free one is taken when it is not free. share: for a class: listens on all
    addresses (unless `host` names one), every browser has a workspace of its own, and limits hold. token: the secret in the
    address, at least 16 letters; by default one is made and kept in the folder.
    Raises RunError "bad-token", "no-port", "not-shared" (another host than this machine without `share`).
    """
    import uvicorn
    from uvicorn.config import WS_PROTOCOLS

    lang = words.language(lang)
    if token is not None and not re.fullmatch(r"[\w-]{16,200}", token):
        raise RunError("bad-token", "A token has at least 16 letters, digits, - or _.")
    if not share and host not in LOOPBACK:
        raise RunError("not-shared", f"Listening on {host} opens the studio to others; ask for that with share=True.")
    host = "0.0.0.0" if share and host in LOOPBACK else host
    place = listening(host, port)
    bound = place.getsockname()[1]
    hosts = {*LOOPBACK, *([socket.gethostname(), f"{socket.gethostname()}.local"] if share else [])}
    allowed = bounds.shared() if share else bounds.alone()
    studio = Studio(folder, allowed, token, prepared=True, cookie=f"fofx_{bound}", hosts=hosts, addresses=share)
    app: Any = studio.app
    if share:
        from starlette.middleware.gzip import GZipMiddleware

        app = GZipMiddleware(app, minimum_size=2000, compresslevel=4)
    if bound != port:
        print(words.say("studio_server.port_taken", lang, taken=port, port=bound))
    here = f"http://127.0.0.1:{bound}/?token={studio.token}"
    print(words.say("studio_server.ready", lang, url=here), flush=True)
    for address in own_addresses() if share else []:
        print(
            words.say("studio_server.shared", lang, url=f"http://{address}:{bound}/?token={studio.token}"), flush=True
        )
    config = uvicorn.Config(
        app, log_level="warning", ws=SOCKETS if SOCKETS in WS_PROTOCOLS else "auto", ws_max_size=max(studio.limits.request, 16 * bounds.MB),
        ws_per_message_deflate=share, timeout_graceful_shutdown=2, server_header=False, date_header=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    if open_browser:
        threading.Thread(target=open_when_ready, args=(server, here), daemon=True).start()
    sys.setswitchinterval(SWITCH)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[place])
    left = studio.training()
    if left:
        print("\n" + words.say("studio_server.left", lang, count=left), flush=True)


def open_when_ready(server: Any, url: str) -> None:
    import time

    for _ in range(200):
        if server.started:
            webbrowser.open(url)
            return
        time.sleep(0.05)

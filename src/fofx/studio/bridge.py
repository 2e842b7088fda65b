"""Any anywidget on a page of the studio, with binary frames and messages both ways: `show(widget)`.

NiceGUI's own element for anywidgets knows neither. Each widget has a socket of its own, /fofx/widget/KEY, with a key that cannot
be guessed and that only the visitor who opened the page may use; link.py says what goes over it. Its script is served as a
module from this server, so that the page's policy need allow no other source.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import OrderedDict
from typing import Any

from nicegui import ui
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from fofx import words
from fofx.studio.guard import visitor_of
from fofx.studio.link import POOL, Link

GONE, ELSEWHERE, GARBLED = 4404, 4409, 4400  # close codes that bridge.js knows; it connects again after all others
LINKS: dict[str, Hosted] = {}
FILES: OrderedDict[str, bytes] = OrderedDict()  # scripts and styles of widgets, by the fingerprint of their content
KEPT_FILES = 300


def show(widget: Any, lang: str | None = None) -> Hosted:
    """The element that shows `widget` (any anywidget.AnyWidget) at this place of the page.

    The widget lives as long as the page: when the visitor leaves, or the element is deleted, `widget.close()` is called. Its
    messages and trait changes are carried out in a thread, one at a time and in order. Call it inside a page.
    """
    return Hosted(widget, lang or getattr(widget, "lang", None) or "en")


class Hosted(ui.element, component="bridge.js"):
    """A widget on a page."""

    def __init__(self, widget: Any, lang: str) -> None:
        super().__init__()
        request = self.client._request
        self.link = Link(widget, visitor_of(request.scope) if request is not None else "")
        self.socket: WebSocket | None = None
        LINKS[self.link.key] = self
        self._props["address"] = f"/fofx/widget/{self.link.key}"
        self._props["module"] = keep(str(widget._esm), "js")
        self._props["styles"] = keep(str(getattr(widget, "_css", "") or ""), "css")
        self._props["texts"] = {
            "lost": words.say("studio_server.widget.lost", lang),
            "gone": words.say("studio_server.widget.gone", lang),
            "elsewhere": words.say("studio_server.widget.elsewhere", lang),
            "broken": words.say("studio_server.widget.broken", lang),
        }

    @property
    def widget(self) -> Any:
        return self.link.widget

    async def serve(self, socket: WebSocket) -> None:
        """Talk with the page over `socket` until it goes; a newer socket takes the place of an older one."""
        before, self.socket = self.socket, socket
        if before is not None:
            with contextlib.suppress(RuntimeError):
                await before.close(ELSEWHERE)
        code = GONE
        try:
            await self.link.serve(socket.send_bytes, socket.receive_bytes)
        except (WebSocketDisconnect, OSError):
            return
        except (ValueError, KeyError, TypeError, RecursionError):  # no message of bridge.js
            code = GARBLED
        finally:
            if self.socket is socket:
                self.socket = None
        with contextlib.suppress(RuntimeError):
            await socket.close(code)

    def _handle_delete(self) -> None:
        LINKS.pop(self.link.key, None)
        POOL.submit(close, self.link.widget)
        super()._handle_delete()


def close(widget: Any) -> None:
    """End a widget, and the layout that every notebook widget brings along."""
    layout = getattr(widget, "layout", None)
    widget.close()
    if layout is not None:
        layout.close()


def keep(text: str, ending: str) -> str:
    """The address of a script or style sheet; the same for the same text, so that a browser keeps it."""
    if not text:
        return ""
    name = f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.{ending}"
    FILES[name] = text.encode()
    FILES.move_to_end(name)
    while len(FILES) > KEPT_FILES:
        FILES.popitem(last=False)
    return f"/fofx/module/{name}"


async def _file(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in FILES:
        return Response(status_code=404)
    kind = "text/javascript" if name.endswith(".js") else "text/css"
    return Response(FILES[name], media_type=kind, headers={"cache-control": "private, max-age=31536000, immutable"})


async def _socket(socket: WebSocket) -> None:
    await socket.accept()
    hosted = LINKS.get(socket.path_params["key"])
    if hosted is None or hosted.link.visitor != visitor_of(socket.scope):
        return await socket.close(GONE)
    await hosted.serve(socket)


def routes() -> list[BaseRoute]:
    """What the server must answer for widgets to live."""
    return [WebSocketRoute("/fofx/widget/{key}", _socket), Route("/fofx/module/{name}", _file)]

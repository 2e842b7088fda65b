"""What stands where a notebook has its comm: carries one widget's traits and messages to one page and back. Knows no page.

ipywidgets hands everything it wants to send to `widget.comm`; a `Link` is put there. A message is one binary frame: 4 bytes
with the length of the head, the head as JSON, then the buffers, each from a multiple of 8 bytes on. Heads:

    page   -> Python: hello (seen), update (state, paths), custom (content), seen; numbered from 1, except hello and seen
    Python -> page:   state (all traits), update (some), custom, trouble, got; numbered from 1, except got

Nothing is lost or told twice when a connection breaks: each side says up to which number it has heard the other, and what was
not heard is told again; of traits the whole state. Nothing piles up either: at most `WINDOW` messages with buffers are under
way unseen, and of what must wait, only the newest value of a trait and the newest frame of a kind is kept. A frame is a message
with buffers; its kind is its "frame", "kind", "type", "do" or "what"; {"keep": True} says that it is no frame.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import secrets
import struct
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ipywidgets

log = logging.getLogger("fofx.studio")

WINDOW = 4  # frames under way; a round trip carries so many
KEPT = 500  # messages that wait for a page to come back; the oldest go first
BEHIND = 200  # messages of a page that wait for Python, before its socket is read no further
KINDS = ("frame", "kind", "type", "do", "what")
PRIVATE = ("layout", "tabbable", "tooltip")  # traits of every notebook widget that no widget script reads
POOL = ThreadPoolExecutor(32, thread_name_prefix="fofx-widget")

Carry = Callable[[bytes], Awaitable[None]]


class Waiting:
    """One message on its way out. `text` is its head without number, encoded by the thread that sent it."""

    __slots__ = ("buffers", "names", "number", "slot", "text")

    def __init__(self, head: dict[str, Any], buffers: list[bytes], slot: Any = None, names: Iterable[str] = ()) -> None:
        self.text, self.buffers, self.slot, self.names = encode(head)[1:], buffers, slot, frozenset(names)
        self.number = 0

    def frame(self, number: int, got: int) -> bytes:
        self.number = number
        sizes = [len(buffer) for buffer in self.buffers]
        return join(f'{{"number": {number}, "got": {got}, "sizes": {sizes}, {self.text}', self.buffers)


class Link:
    """The comm of `widget`. `show` makes it inside the event loop; a widget may send from any thread."""

    kernel = True  # ipywidgets asks whether somebody listens

    def __init__(self, widget: Any, visitor: str = "") -> None:
        self.widget, self.visitor = widget, visitor
        self.comm_id = self.key = secrets.token_urlsafe(24)
        self.loop = asyncio.get_running_loop()
        self.names = [name for name in widget.keys if not name.startswith("_") and name not in PRIVATE]
        self.waiting: list[Waiting] = []
        self.under_way: list[Waiting] = []  # sent, but not seen yet
        self.number = self.seen = 0  # of our messages: the last sent, the last that the page has carried out
        self.got = self.done = self.told = 0  # of the page's messages: received, carried out, and received as it knows
        self.inbox: list[tuple[dict[str, Any], list[memoryview]]] = []
        self.news, self.work, self.room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.carry: Carry | None = None  # the socket, while there is one
        self.over = False
        self.troubled = False
        self.worker = self.loop.create_task(self._work())
        ipywidgets.Widget.close(widget)  # only its comm so far, which a list of ipywidgets would keep alive for ever
        widget.comm = self

    # ---- what ipywidgets calls, from any thread

    def send(self, data: dict[str, Any], metadata: Any = None, buffers: Iterable[Any] | None = None) -> None:
        held = [memoryview(buffer).tobytes() for buffer in buffers or ()]
        if data["method"] == "update":
            self._send_traits(data["state"], data.get("buffer_paths", []), held)
        elif data["method"] == "custom":
            content = data["content"]
            kind = next((str(content[key]) for key in KINDS if key in content), "") if isinstance(content, dict) else ""
            slot = ("frame", kind) if held and not (isinstance(content, dict) and content.get("keep")) else None
            self._put(Waiting({"what": "custom", "content": content}, held, slot))

    def on_msg(self, callback: Any) -> None:
        """Messages are given to the widget directly."""

    on_close = on_msg

    def close(self, *_: Any, **__: Any) -> None:
        """The widget is closed: its page hears no more. From any thread."""
        self._in_loop(self._end)

    # ---- out

    def _send_traits(self, state: dict[str, Any], paths: list[list[Any]], buffers: list[bytes]) -> None:
        wanted = {name: value for name, value in state.items() if name in self.names}
        chosen = [number for number, path in enumerate(paths) if path[0] in self.names]
        wanted.update({paths[number][0]: None for number in chosen if len(paths[number]) == 1})
        if wanted:
            head = {"what": "update", "state": wanted, "paths": [paths[number] for number in chosen], "done": self.done}
            self._put(Waiting(head, [buffers[number] for number in chosen], None, wanted))

    def trouble(self, text: str) -> None:
        """Say above the widget what went wrong; "" takes it away."""
        self.troubled = bool(text)
        self._put(Waiting({"what": "trouble", "text": text}, [], "trouble"))

    def _put(self, message: Waiting) -> None:
        self._in_loop(lambda: self._queue(message))

    def _queue(self, message: Waiting) -> None:
        """Latest wins: an older frame of the same kind goes, and an update all of whose traits have newer values."""
        self.waiting = [
            old
            for old in self.waiting
            if not (message.slot and old.slot == message.slot) and not (old.names and old.names <= message.names)
        ]
        self.waiting.append(message)
        del self.waiting[:-KEPT]
        self.news.set()

    def _in_loop(self, action: Callable[[], None]) -> None:
        if not self.over and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(action)

    async def _tell(self, carry: Carry) -> None:
        """Send what waits, as fast as the page sees it, until the connection ends."""
        try:
            while self.carry is carry:
                self.news.clear()
                while self.waiting and sum(bool(old.buffers) for old in self.under_way) < WINDOW:
                    message = self.waiting.pop(0)
                    self.number += 1
                    self.told = self.got
                    self.under_way.append(message)
                    await carry(message.frame(self.number, self.got))
                if self.told != self.got:
                    self.told = self.got
                    await carry(join(f'{{"what": "got", "got": {self.got}, "sizes": []}}', []))
                await self.news.wait()
        except Exception as error:  # the page has gone; `serve` hears so too, and what was not seen is told again
            log.debug("a widget's page went away: %r", error)

    def _whole(self) -> Waiting:
        state, paths, buffers = split_buffers(self.widget.get_state(key=self.names))
        head = {"what": "state", "state": state, "paths": paths, "done": self.done}
        return Waiting(head, [memoryview(buffer).tobytes() for buffer in buffers], None, self.names)

    # ---- in

    async def serve(self, carry: Carry, receive: Callable[[], Awaitable[bytes]]) -> None:
        """Talk with one connected page until `receive` raises. A page that connects anew takes the place of the old one."""
        head, _ = split(await receive())
        seen = int(head.get("seen", 0))
        lost = [old for old in self.under_way if old.number > seen and not old.names]
        self.under_way, self.waiting = [], [*lost, *(new for new in self.waiting if not new.names)]
        whole = await self.loop.run_in_executor(POOL, self._whole)  # what changes from now on comes after it
        self.waiting.insert(0, whole)
        self.carry = carry
        teller = asyncio.create_task(self._tell(carry))
        try:
            while not self.over:
                head, buffers = split(await receive())
                if head.get("what") == "seen":
                    self._has_seen(int(head["number"]))
                elif int(head["number"]) > self.got:
                    self.got = int(head["number"])
                    self.inbox.append((head, buffers))
                    self.work.set()
                    self.news.set()
                    while len(self.inbox) > BEHIND:
                        self.room.clear()
                        await self.room.wait()
        finally:
            if self.carry is carry:
                self.carry = None
            teller.cancel()

    def _has_seen(self, number: int) -> None:
        self.seen = number
        self.under_way = [old for old in self.under_way if old.number > number]
        self.news.set()

    async def _work(self) -> None:
        """Carry out the page's messages one at a time, in their order, off the event loop."""
        while not self.over:
            await self.work.wait()
            while self.inbox and not self.over:
                head, buffers = self.inbox.pop(0)
                while self.inbox and both_plain_updates(head, self.inbox[0][0]):  # only the newest value counts
                    newer, _ = self.inbox.pop(0)
                    head = {**newer, "state": {**head["state"], **newer["state"]}}
                self.room.set()
                await self.loop.run_in_executor(POOL, self._carry_out, head, buffers)
            self.work.clear()

    def _carry_out(self, head: dict[str, Any], buffers: list[memoryview]) -> None:
        self.done = int(head["number"])
        try:
            if head["what"] == "custom":
                self.widget._handle_custom_msg(head["content"], buffers)
            elif head["what"] == "update":
                self._take(put_buffers(head["state"], head.get("paths", []), buffers))
        except Exception as error:  # the widget goes on, and the page says what happened
            log.warning("the widget %s could not carry out a message", type(self.widget).__name__, exc_info=error)
            self.trouble(f"{type(error).__name__}: {error}"[:300])

    def _take(self, state: dict[str, Any]) -> None:
        known = {name: value for name, value in state.items() if name in self.names}
        try:
            self.widget.set_state(known)
        except Exception:
            self.widget.send_state(list(known))  # the page shows again what holds
            raise
        if self.troubled:
            self.trouble("")

    def _end(self) -> None:
        self.over = True
        self.worker.cancel()
        self.carry = None
        self.news.set()
        self.room.set()


def encode(value: Any) -> str:
    """JSON that a browser reads: numbers that are none become null; numpy's numbers become plain ones."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=plain)
    except ValueError:
        return json.dumps(finite(value), ensure_ascii=False, default=plain)


def finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    if hasattr(value, "tolist"):
        return finite(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be sent to a page; send numbers, texts, lists, dicts or bytes")


def join(head: str, buffers: list[bytes]) -> bytes:
    """
    >>> split(join('{"sizes": [3]}', [b"abc"]))[1][0].tobytes()
    b'abc'
    """
    text = head.encode()
    parts = [struct.pack("<I", len(text)), text, bytes(-(4 + len(text)) % 8)]
    for buffer in buffers:
        parts += [buffer, bytes(-len(buffer) % 8)]
    return b"".join(parts)


def split(frame: bytes) -> tuple[dict[str, Any], list[memoryview]]:
    """Head and buffers of a page's message; ValueError when it is none."""
    whole = memoryview(frame)
    if len(whole) < 4:
        raise ValueError("a message has at least 4 bytes")
    length = struct.unpack("<I", whole[:4])[0]
    head = json.loads(whole[4 : 4 + length].tobytes())
    if not isinstance(head, dict) or not isinstance(head.get("sizes", []), list):
        raise ValueError("a message begins with an object")
    at = (4 + length + 7) & ~7
    buffers = []
    for size in head.get("sizes", []):
        if not isinstance(size, int) or size < 0 or at + size > len(whole):
            raise ValueError("a buffer is cut short")
        buffers.append(whole[at : at + size])
        at = (at + size + 7) & ~7
    return head, buffers


def split_buffers(state: dict[str, Any]) -> tuple[dict[str, Any], list[list[Any]], list[Any]]:
    """Values, with None where bytes stood; the paths of those; and the bytes."""
    paths: list[list[Any]] = []
    buffers: list[Any] = []

    def walk(value: Any, path: list[Any]) -> Any:
        if isinstance(value, bytes | bytearray | memoryview):
            paths.append(path)
            buffers.append(value)
            return None
        if isinstance(value, dict):
            return {key: walk(each, [*path, key]) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [walk(each, [*path, number]) for number, each in enumerate(value)]
        return value

    return walk(state, []), paths, buffers


def put_buffers(state: dict[str, Any], paths: list[list[Any]], buffers: list[memoryview]) -> dict[str, Any]:
    """The inverse of `split_buffers`, on a message of a page; bytes, so that traits of bytes take them."""
    for path, buffer in zip(paths, buffers, strict=True):
        place: Any = state
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = buffer.tobytes()
    return state


def both_plain_updates(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(head.get("what") == "update" and not head.get("sizes") for head in (one, other))

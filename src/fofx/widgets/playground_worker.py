"""The playground's own thread: it carries out what the page asks, trains while playing, and hands over frames one at a time.

The host's event loop never waits: `submit` and `asked` only leave a note. While the page draws one frame the thread makes the
next; it makes no more than that one until the page asks, so a slow, hidden or lost page stops the training, not the other way round.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

Frame = tuple[dict[str, Any], list[bytes]]


class Worker:
    """advance: trains a little and says whether to go on. picture: the frame of what is now. send: passes a frame to the page.
    failed: told of an error, which never ends the thread."""

    def __init__(
        self,
        advance: Callable[[], bool],
        picture: Callable[[], Frame],
        send: Callable[[Frame], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self.advance, self.picture, self.send, self.failed = advance, picture, send, failed
        self.playing = False
        self._turn = threading.Condition()
        self._commands: deque[Callable[[], None]] = deque()
        self._busy = 0  # commands that are not carried out yet
        self._ready: Frame | None = None  # made while the page draws the one before
        self._wanted = False  # the page waits for a frame
        self._over = False
        self._thread: threading.Thread | None = None

    def submit(self, command: Callable[[], None]) -> None:
        """Carry `command` out in the thread, after those before it; a frame of the outcome follows."""
        with self._turn:
            if self._over:
                return
            self._commands.append(command)
            self._busy += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="fofx-playground", daemon=True)
                self._thread.start()
            self._turn.notify_all()

    def asked(self) -> None:
        """The page has drawn what it got: hand over the next frame, or as soon as there is one."""
        with self._turn:
            frame, self._ready = self._ready, None
            self._wanted = frame is None
            self._turn.notify_all()
        if frame is not None:
            self.send(frame)

    def settle(self, seconds: float = 30.0) -> bool:
        """Wait until every command so far is carried out: for scripts and tests."""
        with self._turn:
            return self._turn.wait_for(lambda: self._busy == 0 or self._over, seconds)

    def end(self) -> None:
        """Stop the thread; what is not carried out is dropped. May be called again, and from the thread itself."""
        with self._turn:
            self._over = True
            self.playing = False
            self._commands.clear()
            self._ready = None
            self._turn.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(5)

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._over or self._commands or (self.playing and self._ready is None))
                if self._over:
                    return
                command = self._commands.popleft() if self._commands else None
                if command is not None:
                    self._ready = None  # it shows what was before the command
            try:
                if command is not None:
                    command()
                elif not self.advance():
                    self.playing = False
            except Exception as error:
                self.playing = self.playing and command is not None
                self.failed(error)
            self._show(command is not None)

    def _show(self, commanded: bool) -> None:
        """Make a frame; hand it over when the page waits, or when nothing but a command will bring the next one."""
        with self._turn:
            more = bool(self._commands)
        frame = None
        if not more:  # a frame between two waiting commands would be seen by nobody
            try:
                frame = self.picture()
            except Exception as error:
                self.failed(error)
        with self._turn:
            if commanded:
                self._busy -= 1
            if self._over:
                self._turn.notify_all()
                return
            now = frame is not None and (self._wanted or not self.playing)
            if now:
                self._wanted = False
            else:
                self._ready = frame
            self._turn.notify_all()
        if now and frame is not None:
            self.send(frame)

"""A process that has imported the engine already and waits for a training: from a click to the first point of a curve, importing
torch takes longest by far. It waits for one training, carries it out and ends; then another one is begun.

It listens on a socket that it inherited. The folder of the job and the job's lock come over it together, so that the lock is held
without a gap. When the studio ends, so does the socket, and a process that still waits goes too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

CAN = hasattr(socket, "send_fds")  # not on Windows
CHILDREN: list[subprocess.Popen] = []  # begun by this process, so that the system lets go of those that ended
ENVIRONMENT = {"HF_HUB_OFFLINE": "1"}


class Standby:
    """At most one waiting process."""

    def __init__(self) -> None:
        self.child: subprocess.Popen | None = None
        self.line: socket.socket | None = None
        self.lock = threading.Lock()

    def ready(self) -> None:
        """Begin a process that will wait, unless one does."""
        with self.lock:
            if CAN and (self.child is None or self.child.poll() is not None):
                self._begin()

    def _begin(self) -> None:
        self._drop()
        self.line, theirs = socket.socketpair()
        code = [sys.executable, "-m", "fofx.studio.training", "--wait", str(theirs.fileno())]
        with theirs, unheard():
            self.child = subprocess.Popen(
                code, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),), start_new_session=True, env={**os.environ, **ENVIRONMENT},
            )  # fmt: skip
        CHILDREN.append(self.child)

    def take(self, folder: Path, lock: int) -> subprocess.Popen | None:
        """The process that carries out the job in `folder` now, or None when none waits."""
        with self.lock:
            child, line, self.child, self.line = self.child, self.line, None, None
        if child is None or line is None:
            return None
        with line:
            try:
                socket.send_fds(line, [str(folder).encode()], [lock])
            except OSError:
                return None
        return child

    def end(self) -> None:
        """Let the waiting process go."""
        with self.lock:
            self._drop()

    def _drop(self) -> None:
        if self.line is not None:
            self.line.close()
        self.child = self.line = None


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """A process begun here keeps Ctrl-C waiting until it is ready to hear it: one that comes at once ends it in good order."""
    if os.name == "nt":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

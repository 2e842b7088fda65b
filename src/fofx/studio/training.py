"""One training, in a process of its own: `python -m fofx.studio.training FOLDER` carries out FOLDER/job.json.

`--wait NUMBER` waits for a job instead (see standby.py).

It says what happens in FOLDER/events.jsonl, a line an event, the last being done, stopped or failed. Its losses are in the
run's own history files. It outlives the studio; Ctrl-C (SIGINT) ends it with the best so far.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from fofx.errors import FofxError, Notice
from fofx.studio.locks import hold

OFTEN = 0.2  # seconds between two "step" events; every step is in the history
KINDNESS = 10  # of the process, so that the pages stay quick


class Stop:
    """What a Ctrl-C does: nothing while libraries are being imported (some swallow it), then it interrupts, once.

    An interrupt can still be lost, for example inside a callback of a library; the next event then raises it again.
    """

    def __init__(self) -> None:
        self.asked = self.armed = self.again = False

    def __call__(self, *_: Any) -> None:
        first, self.asked = not self.asked, True
        if self.armed and first:
            raise KeyboardInterrupt

    def arm(self) -> None:
        self.armed = True
        if self.asked:
            raise KeyboardInterrupt

    def check(self) -> None:
        if self.asked and not self.again:
            self.again = True
            raise KeyboardInterrupt


class Events:
    """events.jsonl: whole lines only, flushed."""

    def __init__(self, folder: Path, stop: Stop | None = None) -> None:
        self.path = folder / "events.jsonl"
        self.stop = stop or Stop()
        self.last = 0.0

    def __call__(self, event: dict[str, Any]) -> None:
        if event["what"] in ("rung", "step"):
            self.stop.check()
        if event["what"] == "done":  # told at the very end, when the report is written too
            return
        now = time.time()
        if event["what"] == "step":
            if now - self.last < OFTEN:
                return
            self.last = now
        self.tell(event)

    def tell(self, event: dict[str, Any]) -> None:
        line = json.dumps({"at": time.time(), **event}, ensure_ascii=False, default=_plain) + "\n"
        with open(self.path, "ab") as file:
            file.write(line.encode())


def _plain(value: Any) -> Any:
    if isinstance(value, Notice):
        return vars(value)
    return value.tolist() if hasattr(value, "tolist") else str(value)


def train(folder: Path, stop: Stop | None = None) -> None:
    """Carry out one job; every end is an event."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    tell = Events(folder, stop)
    tell.tell({"what": "begun", "run": job["name"]})
    try:
        function = found(job, tell)
        if job["lang"] != "en":
            with contextlib.suppress(FofxError):
                function.report(lang=job["lang"])
        ended = "stopped" if function.record.get("interrupted") else "done"
        tell.tell({"what": ended, "winner": function.winner, "kept": True})
    except KeyboardInterrupt:
        tell.tell({"what": "stopped", "kept": False})
    except FofxError as error:
        if tell.stop.asked:  # find was stopped before the model that was asked for had anything to keep
            tell.tell({"what": "stopped", "kept": False})
        else:
            tell.tell({"what": "failed", "code": error.code, "text": error.message})
    except MemoryError:
        tell.tell(
            {
                "what": "failed",
                "code": "out-of-memory",
                "text": "The memory of this computer is not enough for these data.",
            }
        )
    except Exception as error:
        tell.tell({"what": "failed", "code": "unexpected", "text": f"{type(error).__name__}: {str(error)[:300]}"})
        raise


def found(job: dict[str, Any], tell: Events) -> Any:
    """What the job asked for, found."""
    from fofx.find import find

    asked: dict[str, Any] = dict(job["find"])
    data: Any = job["data"]
    if job["task"]:
        from fofx.tasks import task as built_in

        task = built_in(job["task"])
        data = task.table()
        kinds = {**task.options.get("kinds", {}), **(asked.get("kinds") or {})}
        asked = {**task.options, **{key: value for key, value in asked.items() if value is not None}}
        asked.update(outputs=asked.get("outputs") or task.outputs, kinds=kinds or None)
    tell.stop.arm()
    if job["resume"]:
        return find(data, resume=job["resume"], watch=tell)
    return find(data, out=job["out"], name=job["name"], watch=tell, **asked)


def main(folder: Path) -> int:
    held = hold(folder / "lock") if os.name == "nt" else None  # elsewhere the lock comes with the process
    if os.name != "nt":
        os.nice(KINDNESS)
    carry_out(folder)
    if held is not None:
        os.close(held)
    return 0


def carry_out(folder: Path) -> None:
    """The job in `folder`, from now on with an ear for Ctrl-C: until here it was kept waiting (see standby.unheard)."""
    stop = Stop()
    signal.signal(signal.SIGINT, stop)  # also when the studio was started with it ignored
    if os.name != "nt":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    train(folder, stop)


def wait(number: int) -> int:
    """Import everything, then wait on the inherited socket `number` for a job's folder and its lock (see standby.py)."""
    os.nice(KINDNESS)
    with socket.socket(fileno=number) as line:
        import fofx.find  # noqa: F401

        message, locks, _, _ = socket.recv_fds(line, 65536, 1)
    if not message or not locks:  # the studio has ended
        return 0
    folder = Path(message.decode())
    with open(folder / "log.txt", "ab") as output:
        for stream in (1, 2):
            os.dup2(output.fileno(), stream)
    os.chdir(folder.parents[2])
    carry_out(folder)
    return 0


if __name__ == "__main__":
    sys.exit(wait(int(sys.argv[2])) if sys.argv[1] == "--wait" else main(Path(sys.argv[1])))

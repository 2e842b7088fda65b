"""Trainings, each in its own process, known by what is on the disk: they outlive a reload and a restart of the studio.

    FOLDER/.fofx/jobs/ID/   job.json (what was asked, plain JSON), events.jsonl, log.txt, lock (held while the process lives)

A job waits for its turn, runs, and ends: done, stopped (cancelled; the best so far is kept), failed, or cut-short (its process
was killed, and `resume` goes on). Nothing here is pickled or evaluated: a job is data, and only `training.py` carries it out.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from fofx.errors import FofxError, RunError, TaskError, nearest
from fofx.studio.locks import hold, is_held
from fofx.studio.paths import demand_plain_kinds
from fofx.studio.standby import CHILDREN, ENVIRONMENT, Standby, unheard
from fofx.studio.tail import Cursor, last_event, tail, thinned
from fofx.studio.workspace import KEY, Workspace, demand_name

ASKED: tuple[str, ...] = (
    "outputs",
    "inputs",
    "kinds",
    "model",
    "budget",
    "seed",
    "split",
    "group",
    "time",
    "strict",
    "class_weights",
)
ASKED += ("label_smoothing", "augment", "recipe", "test", "validation")
OURS = ("upload", "path", "task", "name", "lang")
ENDED = ("done", "stopped", "failed")
FINISHED_KEPT = 300  # finished jobs whose events are kept
LOCK = threading.RLock()  # of all queues: two clicks at once start two trainings, not three


class Job:
    """One training. Everything is read from its folder, so that any process sees the same."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.about: dict[str, Any] = json.loads((folder / "job.json").read_text(encoding="utf-8"))
        self.id = folder.name
        self.name: str = self.about["name"]
        self.run = Path(self.about["out"]) / self.name
        self.created: float = self.about["created"]

    @property
    def asked(self) -> dict[str, Any]:
        """What `start` was given."""
        return self.about["asked"]

    @property
    def status(self) -> str:
        """waiting, running, done, stopped, failed, or cut-short: the process is gone and said no end."""
        end = last_event(self.folder / "events.jsonl").get("what")
        if end in ENDED:
            return str(end)
        if is_held(self.folder / "lock"):
            return "running"
        return "waiting" if self.read().get("state") == "waiting" else "cut-short"

    @property
    def end(self) -> dict[str, Any]:
        """The last event: with code and text when the job failed, `kept` when it was stopped. {} before any."""
        return last_event(self.folder / "events.jsonl")

    def events(self, cursor: Cursor | None = None) -> tuple[list[dict[str, Any]], Cursor]:
        """What happened since `cursor` (None: from the start), and the cursor for the next time; both plain data.

        begun, task (rows, notices), rung (number, of), step (fraction), scored (validation, metric, error), and the end; among
        them {"what": "history", "rung", "step", "loss", "validation"} of the curves, thinned where there are very many.
        """
        cursor = cursor or {}
        found, at = tail(self.folder / "events.jsonl", cursor.get("events", 0))
        after: Cursor = {"events": at}
        for file in sorted(self.run.glob("rungs/*/history.jsonl")):
            key = f"history/{file.parent.name}"
            lines, after[key] = tail(file, cursor.get(key, 0))
            found += [{"what": "history", **line} for line in thinned(lines)]
        return found, after

    def read(self) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError):
            self.about = json.loads((self.folder / "job.json").read_text(encoding="utf-8"))
        return self.about

    def write(self, **more: Any) -> None:
        self.about.update(more)
        beside = self.folder / f".{secrets.token_hex(4)}.tmp"
        beside.write_text(json.dumps(self.about, ensure_ascii=False, indent=1), encoding="utf-8")
        os.replace(beside, self.folder / "job.json")

    def cancel(self) -> None:
        """End it: a waiting job at once, a running one as with Ctrl-C, which keeps the best so far. A second time: kill it."""
        with LOCK:
            status = self.status
            if status == "waiting":
                self.tell({"what": "stopped", "kept": False})
            elif status == "running":
                self.strike("kill" if self.read().get("cancelled") else "interrupt")

    def strike(self, how: str) -> None:
        pid = self.read().get("pid")
        if not pid or not is_held(self.folder / "lock"):  # the number may be another program's by now
            return
        self.write(cancelled=self.about.get("cancelled") or time.time())
        with contextlib.suppress(ProcessLookupError, PermissionError, OSError):
            if os.name == "nt":
                os.kill(pid, signal.CTRL_BREAK_EVENT if how == "interrupt" else signal.SIGTERM)  # type: ignore[attr-defined,unused-ignore]
            elif how == "interrupt":
                os.kill(pid, signal.SIGINT)
            else:
                os.killpg(pid, signal.SIGKILL)

    def tell(self, event: dict[str, Any]) -> None:
        with open(self.folder / "events.jsonl", "ab") as file:
            file.write(json.dumps({"at": time.time(), **event}, ensure_ascii=False).encode() + b"\n")


class Jobs:
    """The trainings of one workspace. `everyone` is the list of all Jobs of this studio, which share the machine; `standby` may
    have a process that waits for the next one."""

    def __init__(
        self, workspace: Workspace, everyone: list[Jobs] | None = None, standby: Standby | None = None
    ) -> None:
        self.workspace, self.limits = workspace, workspace.limits
        self.folder = workspace.own / "jobs"
        self.everyone = everyone if everyone is not None else []
        self.everyone.append(self)
        self.standby = standby or Standby()
        self._known: dict[str, Job] = {}
        workspace.busy = self.busy

    # ---- which there are

    def all(self) -> list[Job]:
        """Newest first."""
        with LOCK:
            there = {place.name for place in self.folder.glob("*") if KEY.fullmatch(place.name)}
            self._known = {name: job for name, job in self._known.items() if name in there}
            for name in there - set(self._known):
                with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                    self._known[name] = Job(self.folder / name)
            return sorted(self._known.values(), key=lambda job: job.id, reverse=True)

    def get(self, id: str) -> Job:
        """RunError "no-job" when this visitor has none of that id."""
        job = next((job for job in self.all() if job.id == id), None)
        if job is None:
            raise RunError("no-job", "There is no such training.")
        return job

    def of_run(self, name: str) -> Job | None:
        """The newest training of a run, if the studio started one."""
        return next((job for job in self.all() if job.name == name), None)

    def busy(self, name: str) -> bool:
        job = self.of_run(name)
        return job is not None and job.status in ("waiting", "running")

    # ---- start, resume

    def start(self, asked: dict[str, Any], once: str | None = None) -> Job:
        """A new training: {"upload": KEY | "path": PATH | "task": NAME, and what `fofx.find` takes: "outputs", "budget" ...}.

        `once`: a word of the page for this click; the same word gives the same job, however often it is clicked. "test" and
        "validation" are keys of uploads, "recipe" is the name of a run here.
        Raises TaskError "bad-option", "unknown-option"; RunError "queue-full", "full", "run-exists"; DataError "no-upload" ...
        """
        with LOCK:
            if once is not None:
                for job in self.all():
                    if job.about.get("once") == once:
                        return job
            self.demand_room()
            given = self._given(asked)
            name = asked.get("name") or self._free_name(given.pop("topic"))
            given.pop("topic", None)
            demand_name(name)
            if not re.fullmatch(r"[^:*?\"<>|]+", name) or (self.workspace.folder / name).exists() or self.busy(name):
                raise RunError("run-exists", f"There is a run {name!r} already, or it is no good name; choose another.")
            return self._queue({"name": name, "resume": None, "once": once, **given})

    def resume(self, run: Job | str) -> Job:
        """Go on with a training that was cut short, or that was stopped before its end; `run` is its Job or the run's name.

        With nothing to go on from, it begins anew. RunError "already-done", "still-training", "no-run", "data-needed"."""
        with LOCK:
            name = run if isinstance(run, str) else run.name
            before = self.of_run(name)
            if self.busy(name):
                raise RunError("still-training", f"The run {name!r} is training already.")
            self.demand_room()
            begun = self.workspace.folder / demand_name(name) / "run.json"
            if before is None or begun.exists():
                self.workspace.path_of(name)
                with contextlib.suppress(OSError, ValueError, AttributeError):
                    if json.loads(begun.read_text(encoding="utf-8")).get("status") == "done":
                        raise RunError("already-done", f"The run {name!r} is complete.")
            about: dict[str, Any] = {"asked": {}, "find": {}, "data": None, "task": None, "lang": "en"}
            if before is not None:
                about = {key: before.about[key] for key in ("asked", "find", "data", "task", "lang")}
            resume = str(begun.parent) if begun.exists() else None
            return self._queue({**about, "name": name, "resume": resume, "once": None})

    def demand_room(self) -> None:
        """RunError "queue-full" when enough wait already, "full" when the workspace is."""
        waiting = [[job for job in jobs.all() if job.status == "waiting"] for jobs in self.everyone]
        mine = sum(job.status == "waiting" for job in self.all())
        if mine >= self.limits.waiting or sum(map(len, waiting)) >= self.limits.waiting_in_all:
            raise RunError("queue-full", "Too many trainings wait already; let one end, or cancel one.")
        self.workspace.demand_room()

    def _given(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What was asked, checked: as `find` takes it, with data that this visitor may use."""
        strange = [key for key in asked if key not in (*ASKED, *OURS)]
        if strange:
            raise TaskError(
                "unknown-option", f"There is no option {strange[0]!r}.{nearest(strange[0], (*ASKED, *OURS))}"
            )
        wanted = {key: asked[key] for key in ASKED if asked.get(key) is not None}
        budget = wanted.setdefault("budget", 60.0)
        if isinstance(budget, bool) or not isinstance(budget, int | float) or not 0 < budget <= self.limits.budget:
            raise TaskError(
                "bad-option", f"budget should be above 0 and at most {self.limits.budget:g} seconds; it is {budget!r}."
            )
        for part in ("test", "validation"):
            if part in wanted:
                wanted[part] = str(self._data(wanted[part]))
        if "recipe" in wanted:
            wanted["recipe"] = str(self.workspace.path_of(wanted["recipe"]))
        given: dict[str, Any] = {
            "asked": asked,
            "find": wanted,
            "data": None,
            "task": None,
            "lang": str(asked.get("lang") or "en"),
        }
        sources = [key for key in ("upload", "path", "task") if asked.get(key)]
        if len(sources) != 1:
            raise TaskError("no-data", "Say which data to find a function from: one of upload, path, task.")
        if sources == ["task"]:
            from fofx.tasks import task

            own = task(asked["task"]).options.get("kinds") or {}
            if self.limits.shared:
                demand_plain_kinds({n: kind for n, kind in (wanted.get("kinds") or {}).items() if own.get(n) != kind})
            return {**given, "task": task(asked["task"]).name, "topic": asked["task"]}
        if sources == ["upload"]:
            upload = self.workspace.upload_of(asked["upload"])
            if self.workspace.closed(upload):
                demand_plain_kinds(wanted.get("kinds"))
            data = upload.path
        else:
            data = self.workspace.local(asked["path"])
        return {**given, "data": str(data.resolve()), "topic": data.stem}

    def _data(self, given: str) -> Path:
        try:
            return self.workspace.upload_of(given).path
        except FofxError:
            if self.limits.shared:
                raise
            return self.workspace.local(given)

    def _free_name(self, topic: str) -> str:
        name = first = self.workspace.free_name(topic)
        number = 2
        while any(job.name == name for job in self.all()):  # a waiting job has no folder yet
            name, number = f"{first}-{number}", number + 1
        return name

    def _queue(self, about: dict[str, Any]) -> Job:
        id = f"{time.time_ns() // 1000:016x}{secrets.token_hex(4)}"
        new = self.folder / f".{id}"
        new.mkdir(parents=True)
        text = {**about, "out": str(self.workspace.folder), "created": time.time(), "state": "waiting", "pid": None}
        (new / "job.json").write_text(json.dumps(text, ensure_ascii=False, indent=1), encoding="utf-8")
        os.replace(new, self.folder / id)
        self.pump()
        return self.get(id)

    # ---- the queue

    def pump(self) -> None:
        """Let waiting jobs begin while there is room, and end those that go on for too long. Call it every second or so."""
        with LOCK:
            CHILDREN[:] = [child for child in CHILDREN if child.poll() is None]
            mine = [(job, job.status) for job in reversed(self.all())]
            for job, status in mine:
                if status == "running":
                    self._hurry(job)
            running = sum(job.status == "running" for jobs in self.everyone for job in jobs.all())
            for job, status in mine:
                if status == "waiting" and running < self.limits.running and self._launch(job):
                    running += 1
            for job, status in mine[: max(0, len(mine) - FINISHED_KEPT)]:
                if status in (*ENDED, "cut-short"):
                    shutil.rmtree(job.folder, ignore_errors=True)

    def _hurry(self, job: Job) -> None:
        now, about = time.time(), job.about
        budget = about["find"].get("budget", 60.0)
        if about.get("cancelled") and now - about["cancelled"] > self.limits.grace:
            job.strike("kill")
        elif not about.get("cancelled") and now - (about.get("started") or now) > budget + self.limits.overtime:
            job.strike("interrupt")

    def _launch(self, job: Job) -> bool:
        """Begin a waiting job; False when another studio on this folder was faster."""
        lock = hold(job.folder / "lock")
        if lock is None or job.read()["state"] != "waiting":
            return False
        try:
            job.write(state="started", started=time.time())
            job.write(pid=(self.standby.take(job.folder, lock) or self._begin(job, lock)).pid)
        finally:
            if os.name != "nt":
                os.close(lock)
        return True

    def _begin(self, job: Job, lock: int) -> subprocess.Popen:
        """A new process for a job, which inherits its lock."""
        more: dict[str, Any] = {"pass_fds": (lock,), "start_new_session": True}
        if os.name == "nt":
            os.close(lock)  # the process takes it itself
            more = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined,unused-ignore]
        with open(job.folder / "log.txt", "ab") as output, unheard():
            child = subprocess.Popen(
                [sys.executable, "-m", "fofx.studio.training", str(job.folder)], stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, cwd=self.workspace.folder, env={**os.environ, **ENVIRONMENT}, **more,
            )  # fmt: skip
        CHILDREN.append(child)
        return child

"""Run: the curves and the ladder of one run or of several side by side, also while they are still learning.

    Run("runs/river-20260101-120000")          # or several: Run(a, b); a fofx.Function works too

Everything is read from the run folder: rungs/NAME/history.jsonl (a line a step, written while the network learns), rung.json of
the rungs that are done, and run.json. `refresh()` reads what has come since; the page asks for it while `live`.
Long curves are drawn from at most `POINTS` groups of neighbouring steps: their mean, smallest and largest loss.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import traitlets

from fofx.errors import RunError, TaskError
from fofx.finding import Finding
from fofx.run import Run as Folder
from fofx.run import rung_folder
from fofx.widgets.base import Widget, texts

POINTS = 200  # groups of steps drawn of a training curve
MOST = 8  # runs in one widget
NUMBERS = ("step", "epoch", "loss", "rate", "gradient_norm", "validation")


@dataclass
class Tail:
    """A history.jsonl that grows: what was read so far, and where to go on."""

    path: Path
    rung: str = ""
    offset: int = 0
    lines: list[tuple[float, ...]] = field(default_factory=list)

    def read(self) -> bool:
        """Read the whole lines that have come since; a file that has shrunk (a resumed run) is read anew."""
        try:
            size = self.path.stat().st_size
            if size == self.offset:
                return False
            if size < self.offset:
                self.offset, self.lines = 0, []
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                fresh = file.read()
        except OSError:
            return False
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self.offset += len(whole)
        for text in whole.splitlines():
            try:
                line = json.loads(text)
                values = tuple(np.nan if line.get(name) is None else float(line[name]) for name in NUMBERS)
            except (ValueError, TypeError, AttributeError):
                continue
            self.rung = str(line.get("rung", self.rung))
            self.lines.append(values)
        return bool(whole)

    def table(self) -> np.ndarray:
        """(S, 6) the columns of `NUMBERS`, a row a step."""
        return np.array(self.lines, dtype=np.float64).reshape(-1, len(NUMBERS))


def grouped(table: np.ndarray, points: int = POINTS) -> np.ndarray:
    """(G, 5): last step, mean, smallest and largest loss, and last rate of at most `points` groups of neighbouring steps."""
    parts = np.array_split(table, min(points, len(table))) if len(table) else []
    rows = [(p[-1, 0], p[:, 2].mean(), p[:, 2].min(), p[:, 2].max(), p[-1, 3]) for p in parts]
    return np.array(rows, dtype=np.float32).reshape(-1, 5)  # (G, 5)


class Run(Widget):
    """Curves, learning rate, values at a step and ladder bars of 1 to 8 runs. RunError where a path is no run.

    `runs`  : a dict each: name, status, metric, more_is_better, winner, rungs (a dict each: name, family, seconds, validation,
              test, error; `learning` when it is at it now).
    `curves`: a dict each: run (its place), rung, steps, groups, checks, first (its place in `points`), best step.
    `points`: float32: of each curve `groups` times (step, mean, smallest, largest loss, rate), then `checks` times (step,
              validation loss).
    `at`    : what stands in the histories at `step`: the last line that is not later, for each curve.
    """

    name = "run"
    runs: traitlets.List = traitlets.List().tag(sync=True)
    curves: traitlets.List = traitlets.List().tag(sync=True)
    points = traitlets.Bytes(b"").tag(sync=True)
    step = traitlets.Int(-1).tag(sync=True)  # -1: the last
    at: traitlets.List = traitlets.List().tag(sync=True)
    live = traitlets.Bool(False).tag(sync=True)
    log_loss = traitlets.Bool(False).tag(sync=True)
    log_step = traitlets.Bool(False).tag(sync=True)
    hidden: traitlets.List = traitlets.List().tag(sync=True)  # [place of the run, rung] of curves that are not drawn

    def __init__(self, *runs: str | Path | Folder | Finding, lang: str | None = None, **traits: Any) -> None:
        if not 1 <= len(runs) <= MOST:
            raise TaskError("bad-option", f"Give 1 to {MOST} runs to look at; {len(runs)} came.")
        self.folders = [folder_of(run) for run in runs]
        self._tails: dict[tuple[int, str], Tail] = {}
        self._seen: list[Any] = [None] * len(runs)
        super().__init__(lang, **traits)
        self.refresh()

    @traitlets.default("words")
    def _first_words(self) -> dict[str, str]:
        return texts("run_widget", self.lang)

    @traitlets.observe("lang")
    def _other_words(self, change: Any) -> None:
        self.words = texts("run_widget", change["new"])

    def refresh(self) -> bool:
        """Read what has come since the last time; True when something has."""
        runs, changed = [], False
        for place, folder in enumerate(self.folders):
            record = folder.read("run.json")
            found = sorted((folder.path / "rungs").glob("*/history.jsonl"), key=lambda path: path.stat().st_ctime)
            for path in found:
                changed |= self._tails.setdefault((place, path.parent.name), Tail(path)).read()
            runs.append(self._look(place, folder, record))
        changed |= runs != self.runs
        self.runs, self.live = runs, any(run["status"] != "done" for run in runs)
        if changed:
            self._draw()
        return changed

    def _look(self, place: int, folder: Folder, record: dict) -> dict[str, Any]:
        """What the page shows of one run: its rungs from run.json when it is done, else from the rungs that are."""
        done = record.get("rungs") or []
        if record.get("status") != "done":
            files = sorted((folder.path / "rungs").glob("*/rung.json"), key=lambda path: path.stat().st_mtime)
            done = [folder.read(str(path.relative_to(folder.path)))["result"] for path in files]
        words = ("name", "family", "seconds", "validation", "test", "error")
        rungs = [{word: each.get(word) for word in words} | {"learning": False} for each in done]
        known = {rung_folder(str(each["name"])).removeprefix("rungs/") for each in rungs}
        rungs += [
            {"name": tail.rung or part, "family": "", "learning": record.get("status") != "done"}
            for (run, part), tail in self._tails.items()
            if run == place and part not in known and tail.lines
        ]
        return {
            "name": folder.name,
            "status": record.get("status", ""),
            "metric": record.get("metric", ""),
            "more_is_better": bool(record.get("more_is_better")),
            "winner": record.get("winner", ""),
            "rungs": rungs,
        }

    def _draw(self) -> None:
        curves, parts, first = [], [], 0
        for (place, part), tail in self._tails.items():
            table = tail.table()
            if not len(table):
                continue
            groups = grouped(table)
            checks = table[~np.isnan(table[:, 5])][:, [0, 5]].astype(np.float32)  # (V, 2)
            best = int(checks[checks[:, 1].argmin(), 0]) if len(checks) else None
            size = {"groups": len(groups), "checks": len(checks), "first": first, "best": best}
            curves.append({"run": place, "rung": tail.rung or part, "steps": int(table[-1, 0])} | size)
            parts += [groups.ravel(), checks.ravel()]
            first += groups.size + checks.size
        self.points = np.concatenate(parts).tobytes() if parts else b""
        self.curves = curves
        self._scrub()

    @traitlets.observe("step")
    def _scrub(self, change: Any = None) -> None:
        found = []
        for (place, part), tail in self._tails.items():
            table = tail.table()
            if not len(table):
                continue
            row = len(table) - 1 if self.step < 0 else int(np.searchsorted(table[:, 0], self.step, "right")) - 1
            values: dict[str, Any] = {
                "run": place,
                "rung": tail.rung or part,
                "past": bool(0 <= table[-1, 0] < self.step),
            }
            if row >= 0:
                line = dict(zip(NUMBERS, table[row].tolist(), strict=True))
                checked = table[: row + 1][~np.isnan(table[: row + 1, 5])]
                line["validation"] = float(checked[-1, 5]) if len(checked) else np.nan
                line["checked"] = float(checked[-1, 0]) if len(checked) else np.nan
                values |= {name: None if np.isnan(value) else value for name, value in line.items()}
            found.append(values)
        self.at = found

    def receive(self, content: dict[str, Any], buffers: list[Any]) -> None:
        """{"do": "refresh"}, and {"do": "scrub", "step"}: an int, -1 for the last step."""
        if content.get("do") == "refresh":
            self.refresh()
        elif content.get("do") == "scrub":
            self.step = max(-1, int(content["step"]))


def folder_of(run: str | Path | Folder | Finding) -> Folder:
    if isinstance(run, Finding):
        return run.run
    if isinstance(run, Folder):
        return run
    if isinstance(run, str | Path):
        return Folder.open(run)
    raise RunError("no-run", f"Expected a run folder or a Function; {type(run).__name__} came.")

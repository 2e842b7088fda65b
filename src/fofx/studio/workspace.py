"""One visitor's folder of runs: list, load, delete with undo, uploads. What a visitor names is looked up, never trusted.

FOLDER/NAME/                  a run, as everywhere in fofx
FOLDER/.fofx/uploads/KEY/     an upload: KEY is random, meta.json beside the file; nothing of this is served
FOLDER/.fofx/trash/TICKET/    a deleted run, until `Limits.undo` is over
FOLDER/.fofx/jobs/, exports/  jobs.py, archive.py
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from fofx.errors import DataError, RunError
from fofx.studio import archive, contents
from fofx.studio.limits import Limits, alone
from fofx.studio.paths import demand_own_files

if TYPE_CHECKING:
    from fofx.function import Function

KEY = re.compile(r"[0-9a-f]{24}")
HIDDEN = ".fofx"
QUIET = 120.0  # a run into which nothing is written for so many seconds is no longer being trained


@dataclass(frozen=True)
class RunLine:
    """A run as a line of a list. `status`: done, running, cut-short (its process is gone) or damaged."""

    name: str
    status: str
    changed: float
    inputs: list[str]
    outputs: list[str]
    kinds: dict[str, str]
    winner: str
    metric: str
    score: float | None
    more_is_better: bool
    rows: int
    seconds: float | None
    source: str


@dataclass(frozen=True)
class Upload:
    """A file that a visitor brought. `kind`: "table", "picture", or "pictures" (a folder from a zip). `path` is for fofx only."""

    key: str
    name: str
    kind: str
    size: int
    when: float
    path: Path


class Workspace:
    """The runs and uploads below `folder`. Methods read and write the disk: pages call them off the event loop."""

    def __init__(self, folder: str | Path = "runs", limits: Limits | None = None) -> None:
        self.folder = Path(folder).resolve()
        self.limits = limits or alone()
        self.own = self.folder / HIDDEN
        self._lines: dict[str, tuple[int, int, RunLine]] = {}
        self._lock = threading.Lock()
        self.busy: Any = lambda name: False  # Jobs says here whether a run is being trained

    # ---- runs

    def runs(self) -> list[RunLine]:
        """All runs, newest first. Only what has changed since the last call is read again."""
        found = {}
        with contextlib.suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                        known = os.stat(Path(entry.path) / "run.json")
                        found[entry.name] = (known.st_mtime_ns, known.st_size)
        with self._lock:
            self._lines = {name: line for name, line in self._lines.items() if found.get(name) == line[:2]}
            for name, mark in found.items():
                if name not in self._lines:
                    self._lines[name] = (*mark, line_of(self.folder / name, mark[0] / 1e9))
            lines = [line for _, _, line in self._lines.values()]
        return sorted(map(self._with_process, lines), key=lambda line: line.changed, reverse=True)

    def _with_process(self, line: RunLine) -> RunLine:
        if line.status != "running" or self.busy(line.name) or grows(self.folder / line.name):
            return line
        return RunLine(**{**vars(line), "status": "cut-short"})

    def path_of(self, name: str) -> Path:
        """The folder of a run; RunError "bad-name" when the name could lead elsewhere, "no-run" when there is none."""
        demand_name(name)
        folder = self.folder / name
        if folder.is_symlink() or not (folder / "run.json").is_file():
            raise RunError("no-run", f"There is no run {name!r} here.")
        return folder

    def load(self, name: str) -> Function:
        """The Function of a run. RunError "bad-name", "no-run", "unfinished-run", "damaged-run"."""
        from fofx.function import load

        return load(self.path_of(name))

    def free_name(self, topic: str) -> str:
        """A name for a new run, from what it is about and the time, that no run, job or deleted run has here."""
        base = f"{re.sub(r'[^0-9A-Za-z一-鿿]+', '-', topic).strip('-')[:40] or 'run'}-{time.strftime('%Y%m%d-%H%M%S')}"
        for number in range(1, 100_000):
            name = base if number == 1 else f"{base}-{number}"
            if not (self.folder / name).exists():
                return name
        raise RunError("full", "There are too many runs of this name.")

    # ---- delete, undo

    def delete(self, name: str) -> str:
        """Put a run away; the ticket brings it back with `undo`. RunError "still-training" while a process writes it."""
        folder = self.path_of(name)
        if self.busy(name):
            raise RunError("still-training", f"The run {name!r} is still training; cancel it first.")
        self.purge()
        ticket = secrets.token_hex(12)
        place = self.own / "trash" / ticket
        place.mkdir(parents=True)
        os.replace(folder, place / name)
        return ticket

    def undo(self, ticket: str) -> str:
        """Bring a deleted run back; its name, with a number when the name is taken by now. RunError "no-ticket"."""
        place = self.own / "trash" / ticket
        names = sorted(place.iterdir()) if KEY.fullmatch(ticket) and place.is_dir() else []
        if not names:
            raise RunError("no-ticket", "This deletion can no longer be undone.")
        target = free(self.folder / names[0].name)
        os.replace(names[0], target)
        place.rmdir()
        return target.name

    def purge(self) -> None:
        """Remove for good what was deleted long ago, and exports that were fetched."""
        for part, age in (("trash", self.limits.undo), ("exports", 3600.0), ("new", 3600.0)):
            for place in (self.own / part).glob("*"):
                with contextlib.suppress(OSError):
                    if time.time() - place.lstat().st_mtime > age:
                        shutil.rmtree(place)

    # ---- zip

    def export(self, name: str) -> Path:
        """A zip of a run that is done, byte for byte the same each time; the file is removed after an hour."""
        folder = self.path_of(name)
        self.purge()
        place = self.own / "exports" / secrets.token_hex(12)
        place.mkdir(parents=True)
        return archive.write(folder, place / f"{name}.zip")

    def import_run(self, given: bytes | IO[bytes]) -> str:
        """A run from a zip that `export` made, here or elsewhere; the name it has here. DataError "bad-zip", "too-large"."""
        with self._received(given, ".zip") as file:
            self.demand_room(file.stat().st_size)
            made = archive.read(file, file.parent / "run", self.limits)
            target = free(self.folder / made.name)
            self.folder.mkdir(parents=True, exist_ok=True)
            os.replace(made, target)
        return target.name

    # ---- uploads

    def upload(self, filename: str, given: bytes | IO[bytes]) -> Upload:
        """Take in a file: a table, a picture, or a zip of pictures in folders by class. Content decides, not the name.

        DataError "bad-upload", "unknown-format", "bad-picture", "too-large", with sharing also "outside-upload"; RunError "full".
        """
        ending = Path(filename.replace("\\", "/")).suffix.lower()
        stem = re.sub(r"[^0-9A-Za-z一-鿿_-]+", "-", Path(filename.replace("\\", "/")).stem).strip("-")[:40] or "data"
        with self._received(given, ending) as file:
            size = file.stat().st_size
            self.demand_room(size)
            kind = contents.kind_of(file, ending)
            held = file.rename(file.with_name(stem + ending))
            if kind == "picture":
                contents.demand_picture(held)
            elif kind == "zip":
                kind, held = "pictures", self._pictures(held, stem)
            else:
                contents.demand_table(held, ending, self.limits)
                if self.limits.shared:
                    demand_own_files(held)
            key = secrets.token_hex(12)
            made = Upload(
                key,
                re.split(r"[/\\]", filename)[-1][-100:],
                kind,
                size,
                time.time(),
                self.own / "uploads" / key / held.name,
            )
            about = {**asdict(made), "path": held.name}
            (file.parent / "meta.json").write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
            made.path.parent.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file.parent, made.path.parent)
        return made

    def paste(self, text: str, name: str = "pasted") -> Upload:
        """Pasted text as a table: tab-separated when its first line has tabs (as from a spreadsheet)."""
        return self.upload(name + (".tsv" if "\t" in text.split("\n", 1)[0] else ".csv"), text.encode())

    def uploads(self) -> list[Upload]:
        """Newest first."""
        found = []
        for place in (self.own / "uploads").glob("*/meta.json"):
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
                about = json.loads(place.read_text(encoding="utf-8"))
                found.append(Upload(**{**about, "path": place.parent / about["path"]}))
        return sorted(found, key=lambda upload: upload.when, reverse=True)

    def upload_of(self, key: str) -> Upload:
        """DataError "no-upload" when there is none of this visitor."""
        if KEY.fullmatch(key):
            for upload in self.uploads():
                if upload.key == key and upload.path.exists():
                    return upload
        raise DataError("no-upload", "This upload is gone; bring the data again.")

    def closed(self, upload: Upload) -> bool:
        """Whether cells of this upload must not be taken for names of files: a stranger's table would name the owner's."""
        return self.limits.shared and upload.kind != "pictures"

    def forget(self, key: str) -> None:
        """Remove an upload for good."""
        shutil.rmtree(self.upload_of(key).path.parent)

    def local(self, path: str) -> Path:
        """A file or folder of this machine, named by its owner; DataError "not-shared" where others can ask too."""
        if self.limits.shared:
            raise DataError(
                "not-shared", "With a shared studio, data must be uploaded; paths of its computer cannot be named."
            )
        return Path(path.strip()).expanduser()

    # ---- room

    def used(self) -> int:
        """Bytes below the folder."""
        return sum(entry.stat(follow_symlinks=False).st_size for entry in files_below(self.folder))

    def demand_room(self, more: int = 0) -> None:
        """RunError "full" when what is there and `more` bytes go beyond the limits; the owner's disk is the owner's business."""
        if self.limits.shared and (len(self.runs()) >= self.limits.runs or self.used() + more > self.limits.stored):
            raise RunError("full", "There is no room left; delete runs or uploads first.")

    @contextlib.contextmanager
    def _received(self, given: bytes | IO[bytes], ending: str) -> Iterator[Path]:
        """What was given as a file in a fresh folder, which is removed at the end unless it was moved away."""
        place = self.own / "new" / secrets.token_hex(12)
        place.mkdir(parents=True)
        source = BytesIO(given) if isinstance(given, bytes) else given
        try:
            with open(place / f"given{ending if re.fullmatch(r'[.][a-z0-9]{1,8}', ending) else ''}", "xb") as file:
                while block := source.read(contents.BLOCK):
                    if file.tell() + len(block) > self.limits.upload:
                        raise contents.too_large(f"at most {self.limits.upload:,} bytes are taken")
                    file.write(block)
            yield Path(file.name)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _pictures(self, packed: Path, stem: str) -> Path:
        """A zip of pictures as a folder; every one of them is opened, and nothing else is taken out."""
        wanted = {}
        for entry in contents.demand_zip(packed, self.limits):
            name = contents.demand_inside(entry, "bad-upload")
            hidden = any(part.startswith((".", "__")) for part in name.split("/"))
            if not entry.is_dir() and not hidden and name.lower().endswith(contents.PICTURES):
                wanted[name] = entry
        if not wanted:
            raise DataError(
                "bad-upload", "There is no picture in this zip; folders by class with pictures were expected."
            )
        folder = packed.parent / f"{stem}-pictures"
        contents.unpack(packed, wanted, folder, self.limits)
        for name in wanted:
            contents.demand_picture(folder / name)
        packed.unlink()
        while (
            len(inside := list(folder.iterdir())) == 1
            and inside[0].is_dir()
            and any(p.is_dir() for p in inside[0].iterdir())
        ):
            folder = inside[0]  # one folder that holds everything says nothing
        return folder if folder.parent == packed.parent else folder.rename(packed.parent / f"{stem}-folder")


def demand_name(name: str) -> str:
    """The name; RunError "bad-name" when it is not that of one plain folder."""
    if not isinstance(name, str) or not re.fullmatch(r"[^/\\\x00-\x1f]{1,150}", name) or name.startswith("."):
        raise RunError("bad-name", f"{str(name)[:100]!r} cannot be a run's name.")
    return name


def line_of(folder: Path, changed: float) -> RunLine:
    """What run.json says, whatever it holds."""
    try:
        data = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        task, scores, metric = data.get("task") or {}, data.get("scores") or {}, data.get("metric") or ""
        inputs, outputs = (list(task.get(key, [])) for key in ("inputs", "outputs"))
        score = scores.get(metric)
        return RunLine(
            name=folder.name,
            status="done" if data.get("status") == "done" else "running",
            changed=changed,
            inputs=[str(column["name"]) for column in inputs],
            outputs=[str(column["name"]) for column in outputs],
            kinds={str(column["name"]): str(column["kind"]) for column in (*inputs, *outputs)},
            winner=str(data.get("winner") or ""),
            metric=str(metric),
            score=float(score) if isinstance(score, int | float) else None,
            more_is_better=bool(data.get("more_is_better")),
            rows=sum(int(count) for count in (data["data"].get("rows") or {}).values()),
            seconds=float(data["seconds"]) if isinstance(data.get("seconds"), int | float) else None,
            source=str(data["data"].get("source") or ""),
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return RunLine(folder.name, "damaged", changed, [], [], {}, "", "", None, False, 0, None, "")


def grows(folder: Path) -> bool:
    """Whether a training that the studio did not start, as by `fofx find` in a terminal, wrote something just now."""
    files = [folder / "run.json", *folder.glob("rungs/*/*")]
    return any(time.time() - path.stat().st_mtime < QUIET for path in files if path.exists())


def free(target: Path) -> Path:
    """`target`, with a number when it is taken."""
    for number in range(1, 100_000):
        place = target if number == 1 else target.with_name(f"{target.name}-{number}")
        if not place.exists() and not place.is_symlink():
            return place
    raise RunError("full", "There are too many runs of this name.")


def files_below(folder: Path) -> Iterator[os.DirEntry]:
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from files_below(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                yield entry

"""A run: one folder that holds everything about one finding. Written by rename, so a kill leaves the old or the new.

run.json (task, rungs, recipes, seed, versions, fingerprint, scores, status), fields.json, history.jsonl (a line a step),
rungs/NAME/ (rung.json + weights.safetensors), weights.safetensors (the winner's), frames/, predictions.parquet,
report.html. JSON and safetensors only: opening a stranger's run runs none of their code.
"""

from __future__ import annotations

import json
import math
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from fofx.errors import RunError

FORMAT = 1  # a run of a later format is refused, not guessed at


class Run:
    """The folder of one run and how to write and read it."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @classmethod
    def create(cls, out: str | Path | None, name: str | None, topic: str) -> Run:
        """A new folder `out`/`name`; without a name, the topic and the time. An existing run is never written over."""
        parent = Path(out) if out else Path("runs")
        if (name and not re.fullmatch(r"[^/\\:*?\"<>|\x00-\x1f]{1,100}", name)) or name in (".", ".."):
            raise RunError("bad-name", f"A run's name becomes a folder's name; {name!r} cannot be one.")
        base = (
            name
            or f"{re.sub(r'[^0-9A-Za-z一-鿿]+', '-', topic).strip('-')[:40] or 'run'}-{datetime.now():%Y%m%d-%H%M%S}"
        )
        folder = parent / base
        if name and (folder / "run.json").exists():
            raise RunError(
                "run-exists", f"There is a run {name!r} in {parent} already; choose another name or remove it."
            )
        for number in range(2, 1000):
            if not (folder / "run.json").exists():
                break
            folder = parent / f"{base}-{number}"
        try:
            (folder / "rungs").mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise RunError(
                "cannot-write",
                f"The folder {folder} cannot be made ({problem.strerror}); give another place with out=...",
            ) from problem
        return cls(folder)

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """An existing run: its folder, or its name below ./runs. RunError when it is none, is damaged or is newer."""
        for folder in (Path(path), Path("runs") / str(path)):
            if (folder / "run.json").is_file():
                run = cls(folder)
                data = run.read("run.json")
                if not isinstance(data.get("format"), int):
                    raise RunError("damaged-run", f"{folder / 'run.json'} does not say of which format the run is.")
                if data["format"] > FORMAT:
                    raise RunError(
                        "newer-run", f"{folder} was written by a later fofx (format {data['format']}); upgrade fofx."
                    )
                return run
        raise RunError("no-run", f"{path} is no run: there is no run.json in it. `fofx runs` lists the runs in ./runs.")

    @property
    def name(self) -> str:
        return self.path.name

    def write(self, name: str, data: Any) -> None:
        """JSON, whole or not at all."""
        text = json.dumps(finite(data), ensure_ascii=False, indent=1, allow_nan=False, default=_plain)
        self.write_bytes(name, text.encode())

    def write_bytes(self, name: str, data: bytes) -> None:
        """A file, whole or not at all: written beside its place, flushed to disk, then renamed."""
        target = self.path / name
        beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(beside, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, target)
        except OSError as problem:
            beside.unlink(missing_ok=True)
            raise RunError(
                "cannot-write", f"{target} cannot be written ({problem.strerror}); what was there before is unchanged."
            ) from problem

    def write_tensors(self, name: str, tensors: dict[str, torch.Tensor]) -> None:
        self.write_bytes(name, save({key: value.contiguous() for key, value in tensors.items()}))

    def read(self, name: str) -> dict:
        """A JSON object of this run, or a RunError that says which file is damaged."""
        try:
            data = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunError(
                "incomplete-run", f"{self.path / name} is missing: the run was cut short or a file was removed."
            ) from None
        except (OSError, ValueError) as problem:
            raise RunError("damaged-run", f"{self.path / name} cannot be read: {problem}.") from problem
        except RecursionError as problem:
            raise RunError(
                "damaged-run", f"{self.path / name} cannot be read: its JSON is nested too deeply."
            ) from problem
        if not isinstance(data, dict):
            raise RunError("damaged-run", f"{self.path / name} should hold one JSON object.")
        return data

    def read_tensors(self, name: str) -> dict[str, torch.Tensor]:
        try:
            return load_file(self.path / name)
        except FileNotFoundError:
            raise RunError(
                "incomplete-run", f"{self.path / name} is missing: the run was cut short or a file was removed."
            ) from None
        except (OSError, SafetensorError, ValueError) as problem:
            raise RunError("damaged-run", f"{self.path / name} is damaged: {problem}.") from problem

    def begun(self) -> dict:
        """run.json of a run that was cut short; RunError when it is complete or damaged."""
        data = self.read("run.json")
        if data.get("status") == "done":
            raise RunError(
                "already-done", f"The run {self.path} is complete; load it with fofx.load({str(self.path)!r})."
            )
        if not all(isinstance(data.get(key), dict) for key in ("asked", "data", "task")):
            raise RunError("damaged-run", f"{self.path / 'run.json'} does not say what was asked; begin a new run.")
        return data

    def recipes(self) -> dict:
        """What another run needs to follow this one: {"recipes": {rung: recipe}, "task": [inputs, outputs], "words"}."""
        data = self.read("run.json")
        if data.get("status") != "done":
            raise RunError(
                "unfinished-run", f"{self.path} was not finished, so it has no whole recipe; resume it first."
            )
        try:
            kept = [rung for rung in data["rungs"] if rung["name"] != "average" and not rung.get("error")]
            parts = [
                [{"name": c["name"], "kind": c["kind"]} for c in data["task"][key]] for key in ("inputs", "outputs")
            ]
            words = " -> ".join(", ".join(f"{c['name']} ({c['kind']})" for c in part[:6]) for part in parts)
            return {"recipes": {rung["name"]: dict(rung["recipe"]) for rung in kept}, "task": parts, "words": words}
        except (KeyError, TypeError, ValueError) as problem:
            raise RunError("damaged-run", f"{self.path / 'run.json'} holds no recipes: {problem!r}.") from problem

    def followed(self) -> dict | None:
        """The recipes that this run, cut short, was following itself."""
        if not self.has("recipes.json"):
            return None
        data = self.read("recipes.json")
        if not isinstance(data.get("recipes"), dict) or not isinstance(data.get("task"), list):
            raise RunError("damaged-run", f"{self.path / 'recipes.json'} holds no recipes; begin a new run.")
        return data

    def tidy(self) -> None:
        """Remove what a killed process left half-written beside its place."""
        for left in [*self.path.rglob(".*.tmp"), *self.path.rglob("*.part")]:
            left.unlink(missing_ok=True)

    def has(self, name: str) -> bool:
        return (self.path / name).exists()

    def save_to(self, path: str | Path) -> Path:
        """A copy of the whole folder at a place that does not exist yet."""
        target = Path(path)
        if target.exists():
            raise RunError("exists", f"{target} exists already; choose a new place.")
        beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
        try:
            shutil.copytree(self.path, beside)
            os.replace(beside, target)
        except OSError as problem:
            shutil.rmtree(beside, ignore_errors=True)
            raise RunError("cannot-write", f"{target} cannot be written ({problem.strerror}).") from problem
        return target

    def history(self) -> Iterator[dict]:
        """The lines of history.jsonl, oldest first; a last line cut off by a kill is passed over."""
        try:
            with open(self.path / "history.jsonl", encoding="utf-8") as file:
                for line in file:
                    try:
                        yield json.loads(line)
                    except (ValueError, RecursionError):
                        return
        except FileNotFoundError:
            return


def rung_folder(name: str) -> str:
    """Where a rung is kept within its run; names such as timm/resnet18 become one folder."""
    return "rungs/" + re.sub(r"[^0-9A-Za-z_.-]", "_", name)


def runs(parent: str | Path = "runs") -> list[Run]:
    """The runs below a folder, newest first."""
    found = [Run(path.parent) for path in Path(parent).glob("*/run.json")]
    return sorted(found, key=lambda run: (run.path / "run.json").stat().st_mtime, reverse=True)


def finite(data: Any) -> Any:
    """The same data with null for numbers that JSON does not know (NaN, infinity)."""
    if isinstance(data, dict):
        return {key: finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def _plain(value: Any) -> Any:
    """numpy scalars, tuples and paths as plain JSON."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")

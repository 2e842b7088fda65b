"""Frames: what the windows of a network show on a few rows, and where its weights are, recorded while it learns.

Windows: eight rows, before the first step and about four times in every tenfold of the steps: small, cheap, and enough to
scrub back through time. Weights: at most `PATH` points of the path from start to end, half of them log-spaced and half
evenly spaced, in 16 bits and in all never more than `PATH_BYTES`; a network so large that fewer than `LEAST` copies fit
keeps none. Recording draws no random number and changes no weight, so the loss curve stays the same to the bit.
What was recorded is written every few seconds and at the end: opening a file costs more than the rest together.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from fofx.errors import RunError
from fofx.models.window import watch
from fofx.recipe import Step

PER_DECADE = 4
LARGEST = 65_536  # numbers kept of one window; larger ones keep their first channels
PATH, LEAST = 40, 6  # points of the path through the weights: at most, and the fewest that are worth keeping
PATH_BYTES = 8_000_000  # of all points of a run together
RUNNING = ("running_mean", "running_var")  # kept in 32 bits: variances can be large
SECONDS = 5.0  # between two writings


class Frames:
    """Writes files of tensors named STEP/WINDOW, and under weights/ of tensors named STEP/PARAMETER.

    A file holds what was recorded since the file before it and is named by its last step.
    """

    def __init__(self, folder: Path, model: torch.nn.Module, sample: list[torch.Tensor], last: int) -> None:
        self.folder, self.model, self.sample = folder, model, sample
        self.wanted = {int(10 ** (power / PER_DECADE)) for power in range(PER_DECADE * 7)} | {last}
        points = min(PATH, PATH_BYTES // max(1, sum(value.nbytes for value in self.weights().values())))
        self.path = set(path_steps(last, points)) if points >= LEAST else set()
        self.windows: dict[int, dict[str, torch.Tensor]] = {}  # recorded and not written yet, by step
        self.points: dict[int, dict[str, torch.Tensor]] = {}

    def follow(self, steps: Iterable[Step]) -> Iterator[Step]:
        self.record(0, always=True)
        due, step = time.monotonic() + SECONDS, None
        try:
            for step in steps:
                if 0 in self.windows and step.number != 1 and len(self.windows) == 1:
                    self.windows, self.points = {}, {}  # it goes on from a checkpoint: that was not the beginning
                self.record(step.number)
                if time.monotonic() > due:
                    self.write()
                    due = time.monotonic() + SECONDS
                yield step
            if step is not None:
                self.record(step.number, always=True)  # where it ended, also when that was early
        finally:
            self.write()

    def record(self, number: int, always: bool = False) -> None:
        """Keep what is wanted of this step, or everything."""
        if always or number in self.wanted:
            self.windows[number] = self.look()
        if self.path and (always or number in self.path):
            self.points[number] = {name: value.cpu() for name, value in self.weights().items()}

    def look(self) -> dict[str, torch.Tensor]:
        """The windows on the sample's rows, as the network answers (evaluation mode)."""
        training = self.model.training
        self.model.eval()
        with torch.no_grad(), watch(self.model) as seen:
            self.model(self.sample)
        self.model.train(training)
        return {name: shrink(value).cpu().half() for name, value in seen.items()}

    def weights(self) -> dict[str, torch.Tensor]:
        """Copies of all weights that learn, and of the running means of normalizations, by their names in the network."""
        learnt = {
            name: p.detach().to(torch.float16, copy=True)
            for name, p in self.model.named_parameters()
            if p.requires_grad
        }
        running = {name: b for name, b in self.model.named_buffers() if name.split(".")[-1] in RUNNING}
        return learnt | {name: value.to(torch.float32, copy=True) for name, value in running.items()}

    def write(self) -> None:
        """Write what was recorded since the last time, and forget it."""
        for folder, kept in ((self.folder, self.windows), (self.folder / "weights", self.points)):
            if kept:
                tensors = {
                    f"{step}/{name}": value.contiguous() for step, each in kept.items() for name, value in each.items()
                }
                write(folder / f"{max(kept):07d}.safetensors", tensors)
                kept.clear()


def path_steps(last: int, points: int) -> list[int]:
    """At most `points` steps from 0 to `last`, both among them: half log-spaced, because most happens early, half even.

    >>> path_steps(100, 8)
    [0, 1, 5, 22, 33, 67, 100]
    """
    early = np.geomspace(1, max(1, last), points - points // 2)
    even = np.linspace(0, last, points // 2)
    return sorted({round(step) for step in (*early, *even)} | {0, last})


def write(file: Path, tensors: dict[str, torch.Tensor]) -> None:
    """A file of tensors, whole or not at all."""
    beside = file.with_name(f".{file.stem}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, beside)
        beside.replace(file)
    except (OSError, SafetensorError) as problem:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise RunError("cannot-write", f"{file.parent} cannot be written: {problem}. Free some space.") from problem


def shrink(value: torch.Tensor) -> torch.Tensor:
    """The first channels of a value too large to keep at every frame."""
    if value.numel() <= LARGEST or value.dim() < 2:
        return value.clone()
    kept = max(1, value.shape[1] * LARGEST // value.numel())
    return value[:, :kept].clone()

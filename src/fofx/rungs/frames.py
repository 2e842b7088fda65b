"""Frames: what the windows of a network show on a few rows, and where its weights are, recorded while it learns.

Windows: eight rows, before the first step and about four times in every tenfold of the steps: small, cheap, and enough to
scrub back through time. Weights: at most `PATH` points of the path from start to end, half of them log-spaced and half
evenly spaced, in 16 bits and in all never more than `PATH_BYTES`; a network so large that fewer than `LEAST` copies fit
keeps none. Recording draws no random number and changes no weight, so the loss curve stays the same to the bit.
"""

from __future__ import annotations

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
PATH, LEAST = 40, 8  # points of the path through the weights: at most, and the fewest that are worth keeping
PATH_BYTES = 8_000_000  # of all points of a run together
RUNNING = ("running_mean", "running_var")  # kept in 32 bits: variances can be large


class Frames:
    """Writes STEP.safetensors, a tensor for each window that has something to show, and weights/STEP.safetensors."""

    def __init__(self, folder: Path, model: torch.nn.Module, sample: list[torch.Tensor], last: int) -> None:
        self.folder, self.model, self.sample = folder, model, sample
        self.wanted = {int(10 ** (power / PER_DECADE)) for power in range(PER_DECADE * 7)} | {last}
        points = min(PATH, PATH_BYTES // max(1, sum(value.nbytes for value in self.weights().values())))
        self.path = set(path_steps(last, points)) if points >= LEAST else set()

    def follow(self, steps: Iterable[Step]) -> Iterator[Step]:
        if not self.file(0).exists():  # a run that goes on from a checkpoint has it already
            self.record(0)
            if self.path:
                self.record_weights(0)
        step = None
        for step in steps:
            if step.number in self.wanted:
                self.record(step.number)
            if step.number in self.path:
                self.record_weights(step.number)
            yield step
        if step is not None and step.number not in self.wanted:  # it ended early: the last frame is where it ended
            self.record(step.number)
        if step is not None and self.path and step.number not in self.path:
            self.record_weights(step.number)

    def file(self, number: int, kind: str = "") -> Path:
        return self.folder / kind / f"{number:07d}.safetensors"

    def record(self, number: int) -> None:
        """The windows on the sample's rows, as the network answers (evaluation mode)."""
        training = self.model.training
        self.model.eval()
        with torch.no_grad(), watch(self.model) as seen:
            self.model(self.sample)
        self.model.train(training)
        write(self.file(number), {name: shrink(value).cpu().half().contiguous() for name, value in seen.items()})

    def record_weights(self, number: int) -> None:
        """All weights that learn and the running means of normalizations, by their names in the network."""
        write(self.file(number, "weights"), {name: value.cpu().contiguous() for name, value in self.weights().items()})

    def weights(self) -> dict[str, torch.Tensor]:
        learnt = {name: p.detach().half() for name, p in self.model.named_parameters() if p.requires_grad}
        return learnt | {name: b.float() for name, b in self.model.named_buffers() if name.split(".")[-1] in RUNNING}


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
